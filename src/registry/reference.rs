//! Names of images, as Docker reads them.

use std::fmt;
use std::str::FromStr;

use oci_spec::distribution;

use crate::digest::sha256_digits;
use crate::failure::{Failure, Kind};

/// The registry that a name without one means, and the host that answers for it.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// The name of an image: registry, repository, tag, digest.
///
/// ```
/// use cargo_dockerize::registry::Reference;
/// let base: Reference = "distroless/static".parse()?;
/// assert_eq!(base.to_string(), "docker.io/distroless/static:latest");
/// let base: Reference = "debian".parse()?;
/// assert_eq!(base.repository(), "library/debian");
/// # Ok::<(), cargo_dockerize::failure::Failure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(distribution::Reference);

impl Reference {
    /// The registry, as people write it: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The repository in it: `library/debian`.
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    /// The tag; a name with neither tag nor digest has `latest`.
    pub fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    /// The digest: `sha256:…`. Where there is one the tag only says where it came from.
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same repository at this digest, without a tag.
    #[must_use]
    pub fn at(&self, digest: &str) -> Self {
        Self(self.0.clone_with_digest(digest.to_owned()))
    }

    /// The host, with its port, that answers for the registry.
    pub(super) fn host(&self) -> &str {
        if self.registry() == HUB.0 { HUB.1 } else { self.registry() }
    }

    /// What is asked for: the digest where there is one.
    pub(super) fn wanted(&self) -> &str {
        self.digest().or(self.tag()).unwrap_or("latest")
    }
}

/// Names as most of them are, without oci-spec's pattern, whose compilation takes 40 ms: as long as cargo looks at sources. None:
/// it is not so plain a name, or none.
fn plain(text: &str) -> Option<distribution::Reference> {
    let word = |text: &str, between: &[char], extra: fn(char) -> bool| {
        text.split(between).all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || extra(c)))
    };
    let (name, tag) = match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (text, "latest"),
    };
    let tag_fits = tag.len() <= 128
        && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, name),
    };
    let host_fits = registry.is_none_or(|registry| {
        let (host, port) = registry.split_once(':').unwrap_or((registry, "0"));
        let port_fits = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
        port_fits && word(host, &['.', '-'], |c| c.is_ascii_alphabetic()) && !host.ends_with(HUB.0)
    });
    let path_fits = path.len() < 200 && word(path, &['/', '.', '_', '-'], |c| c.is_ascii_lowercase());
    if !(tag_fits && host_fits && path_fits) {
        return None;
    }
    let repository = if registry.is_some() || path.contains('/') { path.to_owned() } else { format!("library/{path}") };
    Some(distribution::Reference::with_tag(registry.unwrap_or(HUB.0).to_owned(), repository, tag.to_owned()))
}

impl FromStr for Reference {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let bad = |why: String| {
            Failure::new(Kind::Usage, format!("`{text}` is not the name of an image: {why}"))
                .help("write it as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST, in lower case")
        };
        let reference = match plain(text) {
            Some(reference) => reference,
            None => text.parse().map_err(|error: distribution::ParseError| bad(error.to_string()))?,
        };
        // `A/b`: the first part may be a host, and is then taken for none.
        if reference.repository().bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(bad("a repository is in lower case".to_owned()));
        }
        if let Some(digest) = reference.digest()
            && sha256_digits(digest).is_none()
        {
            return Err(bad(format!("`{digest}` is not a sha256 digest")));
        }
        Ok(Self(reference))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn parts(text: &str) -> (String, String, Option<String>, Option<String>) {
        let reference: Reference = text.parse().unwrap();
        (
            reference.registry().to_owned(),
            reference.repository().to_owned(),
            reference.tag().map(str::to_owned),
            reference.digest().map(str::to_owned),
        )
    }

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let cases = [
            ("debian", "docker.io", "library/debian", Some("latest"), None),
            ("distroless/static", "docker.io", "distroless/static", Some("latest"), None),
            ("index.docker.io/debian:12", "docker.io", "library/debian", Some("12"), None),
            ("localhost:5000/a/b:1", "localhost:5000", "a/b", Some("1"), None),
            ("localhost/a", "localhost", "a", Some("latest"), None),
            ("gcr.io/x/y", "gcr.io", "x/y", Some("latest"), None),
        ];
        for (text, registry, repository, tag, digest) in cases {
            let expected = (registry.to_owned(), repository.to_owned(), tag.map(str::to_owned), digest);
            assert_eq!(parts(text), expected, "{text}");
        }
        let both = format!("gcr.io/x/y:tag@{DIGEST}");
        assert_eq!(parts(&both), ("gcr.io".into(), "x/y".into(), Some("tag".into()), Some(DIGEST.into())));
        assert_eq!(both.parse::<Reference>().unwrap().to_string(), both);
        assert_eq!(parts(&format!("a@{DIGEST}")).2, None, "no tag is made up beside a digest");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
        #[test]
        fn plain_names_are_what_they_are_to_others(text in "([a-zA-Z0-9.-]{1,9}(:[0-9]{0,4})?/)?[a-z0-9._/-]{0,12}(:[a-zA-Z0-9_.-]{0,5})?") {
            if let Some(ours) = plain(&text) {
                proptest::prop_assert_eq!(Ok(ours), text.parse::<distribution::Reference>());
            }
        }
    }

    #[test]
    fn most_names_are_plain() {
        for text in [
            "api",
            "api:latest",
            "localhost:5000/shop/api:1.2",
            "registry.example/team/my-api:v1_0",
            "127.0.0.1:5000/a",
        ] {
            assert_eq!(Ok(plain(text).unwrap()), text.parse(), "{text}");
        }
        for text in ["", "a@sha256:0", "docker.io/a", "index.docker.io/a", "A", "a:ü", "a__b", "-/a", "a/", "a:"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn docker_hub_answers_elsewhere() {
        assert_eq!("debian".parse::<Reference>().unwrap().host(), "registry-1.docker.io");
        assert_eq!("ghcr.io/a/b".parse::<Reference>().unwrap().host(), "ghcr.io");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let sha512 = format!("a@sha512:{}", "0".repeat(128));
        let upper = format!("a@{}", DIGEST.replace('a', "A"));
        for text in ["", "A/b", "a b", "a@sha256:12", "a:", "https://a/b", &sha512, &upper] {
            let failure = text.parse::<Reference>().unwrap_err();
            assert_eq!(failure.kind(), Kind::Usage, "{text}");
        }
    }
}
