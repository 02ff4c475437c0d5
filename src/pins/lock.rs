//! `dockerize.lock`: one entry for each image that the generated files name, by the name that the plan has for it.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;

use crate::digest::sha256_digits;
use crate::failure::{Failure, Kind, Place, Result};

/// Its name, beside Cargo.lock.
pub const FILE: &str = "dockerize.lock";

/// The version of its format.
const VERSION: i64 = 1;

const HEAD: &str = "# `cargo dockerize pin` keeps this file: what each image was when it was pinned. Commit it.\n";

/// What images are pinned to, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the name that the plan has for it: `rust:1.95-slim-trixie`.
    pub images: BTreeMap<String, Pin>,
}

/// What one image is pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The digest of the index, or of the one manifest that there is.
    pub digest: String,
    /// The platforms that it has.
    pub platforms: Vec<String>,
    /// Whether it is one platform's manifest, and no index.
    pub single: bool,
}

#[derive(Deserialize)]
struct Versioned {
    version: toml::Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    image: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: toml::Spanned<String>,
    digest: toml::Spanned<String>,
    #[serde(default)]
    platforms: Vec<String>,
    #[serde(default)]
    single: bool,
}

impl Lock {
    /// Reads the file of a workspace; none: it pins nothing.
    ///
    /// # Errors
    /// [`Kind::Workspace`] with the place: it cannot be read, or says what no pin is.
    pub fn read(root: &Utf8Path) -> Result<Option<Self>> {
        match fs_err::read_to_string(root.join(FILE)) {
            Ok(text) => Self::parse(&text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(Kind::Workspace, format!("`{FILE}` cannot be read")).caused_by(error)),
        }
    }

    /// Reads its text.
    ///
    /// # Errors
    /// As [`Lock::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |span: Option<std::ops::Range<usize>>, message: &str, label: &str| {
            let (file, text, span) = (FILE.to_owned(), text.to_owned(), span.unwrap_or(0..0));
            Failure::new(Kind::Workspace, message).at(Place { file, text, span, label: label.to_owned() })
        };
        // What is no TOML, or has marks of a merge in it, is read anew from the registries; digests are not guessed.
        let mend =
            "settle it by hand, or remove the file and run `cargo dockerize pin`: what tags name now is pinned then";
        let unreadable = |error: &toml::de::Error| {
            let label = error.message().lines().next().unwrap_or_default();
            bad(error.span(), "the pins cannot be read", label).help(mend)
        };
        let versioned: Versioned = toml::from_str(text).map_err(|error| unreadable(&error))?;
        if *versioned.version.get_ref() != VERSION {
            return Err(bad(
                Some(versioned.version.span()),
                "the pins are of another version of the format",
                "not known",
            )
            .help("update cargo-dockerize: a newer one wrote this file"));
        }
        let file: File = toml::from_str(text).map_err(|error| unreadable(&error))?;
        let mut lock = Self::default();
        for entry in file.image {
            let (place, name) = (entry.name.span(), entry.name.into_inner());
            if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@') {
                return Err(bad(
                    Some(place),
                    "this is not the name of an image to pin",
                    "a name, perhaps a tag, no digest",
                ));
            }
            // It gets into a Dockerfile as it stands here.
            if sha256_digits(entry.digest.get_ref()).is_none() {
                return Err(
                    bad(Some(entry.digest.span()), "a pin is not a digest", "`sha256:` and 64 digits").help(mend)
                );
            }
            let pin = Pin { digest: entry.digest.into_inner(), platforms: entry.platforms, single: entry.single };
            if lock.images.insert(name, pin).is_some() {
                return Err(bad(Some(place), "an image is pinned twice", "pinned above as well").help(mend));
            }
        }
        Ok(lock)
    }

    /// Its text: sorted, and without times, so that it changes only where a pin does.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\n");
        let quoted = |word: &str| toml::Value::from(word).to_string();
        for (name, pin) in &self.images {
            let platforms: Vec<String> = pin.platforms.iter().map(|platform| quoted(platform)).collect();
            text.push_str(&format!("\n[[image]]\nname = {}\ndigest = {}\n", quoted(name), quoted(&pin.digest)));
            text.push_str(&format!("platforms = [{}]\n", platforms.join(", ")));
            if pin.single {
                text.push_str("single = true\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn lock() -> Lock {
        let pin = |platforms: &[&str], single| Pin {
            digest: DIGEST.to_owned(),
            platforms: platforms.iter().map(|name| (*name).to_owned()).collect(),
            single,
        };
        let images = [("rust:1", pin(&["linux/amd64", "linux/arm64"], false)), ("a/b:2", pin(&["linux/amd64"], true))];
        Lock { images: images.into_iter().map(|(name, pin)| (name.to_owned(), pin)).collect() }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let text = lock().text();
        assert_eq!(Lock::parse(&text).unwrap(), lock());
        assert!(text.find("a/b:2") < text.find("rust:1"), "it is sorted:\n{text}");
        assert_eq!(Lock::parse("version = 1\n").unwrap(), Lock::default());
    }

    #[test]
    fn what_no_pin_is_is_refused_at_its_place() {
        let text = lock().text();
        for (from, to, place) in [
            (DIGEST, "sha256:12", "\"sha256:12\""),
            (DIGEST, "latest\\nRUN curl", "\"latest\\nRUN curl\""),
            ("rust:1", "rust 1", "\"rust 1\""),
            ("rust:1", "a/b:2", "\"a/b:2\""),
            ("single = true", "once = true", "once"),
            ("version = 1", "version = 2", "2"),
        ] {
            let text = text.replace(from, to);
            let failure = Lock::parse(&text).unwrap_err();
            let found = failure.place().unwrap();
            assert_eq!((failure.kind(), &text[found.span.clone()]), (Kind::Workspace, place), "{from} as {to}");
        }
        let merged = format!("<<<<<<< ours\n{text}");
        assert_eq!(Lock::parse(&merged).unwrap_err().kind(), Kind::Workspace);
        assert_eq!(Lock::parse("image = []").unwrap_err().kind(), Kind::Workspace);
    }
}
