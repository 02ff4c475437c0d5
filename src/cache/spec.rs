//! `--cache`, and what BuildKit is told for it.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use crate::failure::{Failure, Kind, Result};
use crate::workspace::normal;

/// What `--cache` and the metadata's `cache` take.
pub const FORMS: &str = "registry=REF, local=DIR, gha, gitlab, s3=region=…,bucket=…, inline or none";

/// Attributes of S3 that are secret. BuildKit takes them from the environment as well, which nothing of ours keeps.
const SECRET: &[&str] = &["access_key_id", "secret_access_key", "session_token"];

/// Where layers are kept between builds, besides on the engine.
///
/// ```
/// use cargo_dockerize::cache::Cache;
/// let cache: Cache = "registry=ghcr.io/team/api-cache".parse()?;
/// assert_eq!(cache.from("api", &[]), ["type=registry,ref=ghcr.io/team/api-cache:cache-api"]);
/// assert!("registry".parse::<Cache>().is_err());
/// # Ok::<(), cargo_dockerize::failure::Failure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// A repository of a registry. Compiled dependencies are kept there too.
    Registry {
        /// Its name, without a tag.
        repository: String,
        /// What the tags of the layers begin with.
        tag: String,
    },
    /// A folder.
    Local(Utf8PathBuf),
    /// GitHub's, which scopes by branch itself.
    Gha {
        /// What its scopes begin with.
        scope: String,
    },
    /// The registry of the GitLab project that the job is of.
    Gitlab,
    /// A bucket, by `BuildKit`'s attributes.
    S3(String),
    /// In the image itself; only the last stages' layers.
    Inline,
    /// None.
    None,
}

impl Cache {
    /// What BuildKit reads for one image; `tags` are the image's names.
    pub fn from(&self, image: &str, tags: &[String]) -> Vec<String> {
        match self {
            // A name without a slash is Docker's own library to a registry, and never the image that was pushed.
            Self::Inline => {
                let pushed = tags.iter().filter(|tag| tag.contains('/'));
                pushed.map(|tag| format!("type=registry,ref={tag}")).collect()
            }
            Self::Local(folder) => vec![format!("type=local,src={}", folder.join(image))],
            other => other.place(image).into_iter().collect(),
        }
    }

    /// What BuildKit writes for one image. A cache that cannot be written fails no build.
    pub fn to(&self, image: &str) -> Option<String> {
        // Stages before the last one are where time goes, so all are kept. Index and manifest are in the form that all
        // registries take.
        let options = match self {
            Self::Inline => return Some("type=inline".to_owned()),
            Self::Local(folder) => {
                return Some(format!("type=local,dest={},mode=max,ignore-error=true", folder.join(image)));
            }
            Self::Registry { .. } | Self::Gitlab => {
                ",mode=max,image-manifest=true,oci-mediatypes=true,compression=zstd,ignore-error=true"
            }
            _ => ",mode=max,ignore-error=true",
        };
        self.place(image).map(|place| place + options)
    }

    /// The repository that compiled dependencies are kept in.
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Registry { repository, .. } => Some(repository),
            _ => None,
        }
    }

    /// The folder, where it is one.
    pub fn folder(&self) -> Option<&Utf8Path> {
        match self {
            Self::Local(folder) => Some(folder),
            _ => None,
        }
    }

    /// What stands for another, where the environment says so: GitLab's is a registry. Relative folders are `root`'s.
    ///
    /// # Errors
    /// [`Kind::Usage`]: `gitlab` outside of a job with a container registry.
    pub fn resolved(self, root: &Utf8Path) -> Result<Self> {
        match self {
            Self::Gitlab => {
                let image = std::env::var("CI_REGISTRY_IMAGE").ok().filter(|image| !image.is_empty());
                let image = image.ok_or_else(|| {
                    Failure::new(Kind::Usage, "the cache is GitLab's, and this is not a job with a container registry")
                        .help("CI_REGISTRY_IMAGE is empty: turn the project's container registry on, or name one: `--cache registry=REF`")
                })?;
                registry(&format!("{image}/dockerize-cache"))
            }
            // `..` would hide from buildx's question that it leads out.
            Self::Local(folder) => Ok(Self::Local(normal(&root.join(folder)))),
            other => Ok(other),
        }
    }

    fn place(&self, image: &str) -> Option<String> {
        match self {
            Self::Registry { repository, tag } => Some(format!("type=registry,ref={repository}:{tag}-{image}")),
            Self::Gha { scope } => Some(format!("type=gha,scope={scope}-{image}")),
            Self::S3(attributes) => Some(format!("type=s3,{attributes},name={image}")),
            _ => None,
        }
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { repository, tag } => write!(f, "registry={repository}:{tag}"),
            Self::Local(folder) => write!(f, "local={folder}"),
            Self::Gha { scope } => write!(f, "gha={scope}"),
            Self::Gitlab => f.write_str("gitlab"),
            Self::S3(attributes) => write!(f, "s3={attributes}"),
            Self::Inline => f.write_str("inline"),
            Self::None => f.write_str("none"),
        }
    }
}

impl FromStr for Cache {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, value) = text.split_once('=').map_or((text, ""), |(kind, value)| (kind, value));
        let plain = |value: &str, more: &str| {
            !value.starts_with('-') && value.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let wrong = || {
            Failure::new(Kind::Usage, format!("`{}` is not a cache", crate::failure::printable(text)))
                .help(format!("a cache is {FORMS}"))
        };
        match (kind, value) {
            ("registry", value) if !value.is_empty() && plain(value, "-_./:") => registry(value),
            // Neither a comma nor a quote: the folder becomes a word of BuildKit's.
            ("local", folder) if !folder.is_empty() && plain(folder, "-_./+@ ") => Ok(Self::Local(folder.into())),
            ("gha", scope) if plain(scope, "-_./") => {
                Ok(Self::Gha { scope: if scope.is_empty() { "dockerize" } else { scope }.to_owned() })
            }
            ("gitlab", "") => Ok(Self::Gitlab),
            ("s3", attributes) if attributes.contains("bucket=") && plain(attributes, "-_./:,=") => {
                if let Some(secret) = SECRET.iter().find(|key| attributes.contains(&format!("{key}="))) {
                    return Err(Failure::new(Kind::Usage, format!("`{secret}` does not belong on a command line"))
                        .help("BuildKit reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment"));
                }
                Ok(Self::S3(attributes.to_owned()))
            }
            ("inline", "") => Ok(Self::Inline),
            ("none", "") => Ok(Self::None),
            _ => Err(wrong()),
        }
    }
}

/// A tag comes behind the last slash; a port comes before one.
fn registry(reference: &str) -> Result<Cache> {
    let at = reference.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match reference[at..].split_once(':') {
        Some((_, tag)) if tag.contains(':') => ("", tag),
        Some((name, tag)) => (&reference[..at + name.len()], tag),
        None => (reference, "cache"),
    };
    if repository.is_empty() || tag.is_empty() || repository.ends_with('/') {
        return Err(Failure::new(Kind::Usage, format!("`{reference}` names no repository"))
            .help("a repository of a registry: `--cache registry=ghcr.io/team/app-cache`"));
    }
    Ok(Cache::Registry { repository: repository.to_owned(), tag: tag.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(text: &str) -> Cache {
        text.parse().unwrap()
    }

    #[test]
    fn what_buildkit_is_told() {
        let to = |text: &str| cache(text).to("api").unwrap_or_default();
        assert_eq!(
            to("registry=localhost:5000/team/app"),
            "type=registry,ref=localhost:5000/team/app:cache-api,mode=max,image-manifest=true,oci-mediatypes=true,compression=zstd,ignore-error=true"
        );
        assert_eq!(to("local=/var/cache/images"), "type=local,dest=/var/cache/images/api,mode=max,ignore-error=true");
        assert_eq!(to("gha"), "type=gha,scope=dockerize-api,mode=max,ignore-error=true");
        assert_eq!(to("s3=region=eu-1,bucket=b"), "type=s3,region=eu-1,bucket=b,name=api,mode=max,ignore-error=true");
        assert_eq!(to("inline"), "type=inline");
        assert_eq!(to("none"), "");
        assert_eq!(cache("inline").from("api", &["r.example/api:1".into()]), ["type=registry,ref=r.example/api:1"]);
        assert_eq!(cache("inline").from("api", &["api:latest".into()]), Vec::<String>::new(), "nobody pushes there");
        assert_eq!(cache("registry=ghcr.io/a/b:main").from("api", &[]), ["type=registry,ref=ghcr.io/a/b:main-api"]);
    }

    #[test]
    fn what_is_no_cache() {
        for text in [
            "registry",
            "registry=",
            "registry=a,mode=min",
            "registry=a:b:c",
            "registry=a/",
            "local=",
            "local=a,dest=/etc",
            "gha=a b",
            "gitlab=x",
            "s3=region=a",
            "memcached",
            "",
        ] {
            assert!(text.parse::<Cache>().is_err(), "{text}");
        }
        let secret = "s3=bucket=b,secret_access_key=hidden".parse::<Cache>().unwrap_err();
        assert!(!format!("{secret:?}").contains("hidden"));
    }

    #[test]
    fn a_folder_that_leads_out() {
        let root = Utf8Path::new("/home/team/app");
        let folder = |text: &str| cache(text).resolved(root).unwrap().folder().unwrap().to_owned();
        assert_eq!(folder("local=../cache"), "/home/team/cache");
        assert_eq!(folder("local=target/cache"), "/home/team/app/target/cache");
        assert_eq!(folder("local=/cache"), "/cache");
    }

    #[test]
    fn a_cache_says_what_it_is() {
        for text in ["registry=a/b:cache", "local=x", "gha=main", "gitlab", "s3=bucket=b", "inline", "none"] {
            assert_eq!(cache(text).to_string(), text);
        }
    }
}
