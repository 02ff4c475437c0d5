//! Digests that somebody changed in a generated file: bots edit `FROM name:tag@sha256:…`, and know nothing of ours.

use std::collections::BTreeMap;

use crate::digest::sha256_digits;
use crate::failure::{Failure, Kind, Result};

/// What files name otherwise than the plan does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Other digests, by the plan's names of images.
    pub digests: BTreeMap<String, String>,
    /// Other tags: the plan's name, and the file's with its digest.
    pub tags: BTreeMap<String, String>,
}

/// Holds the images that texts name against what the plan pins them to, by name; none: it is not pinned.
///
/// # Errors
/// [`Kind::Emit`]: one image has several digests that are not the plan's.
pub fn changed<'t>(
    texts: impl IntoIterator<Item = (&'t str, &'t str)>,
    pins: &BTreeMap<String, Option<String>>,
) -> Result<Changed> {
    let mut changed = Changed::default();
    for (file, text) in texts {
        for (name, digest) in text.lines().filter_map(named) {
            if let Some(pinned) = pins.get(name) {
                if pinned.as_deref() == Some(digest) {
                    continue;
                }
                let other = changed.digests.insert(name.to_owned(), digest.to_owned());
                if other.as_deref().is_some_and(|other| other != digest) {
                    return Err(Failure::new(Kind::Emit, format!("{name} has two digests, and neither is the pinned one"))
                        .detail(format!("{}\n{digest} (in {file})", other.unwrap_or_default()))
                        .help("give all lines that name it the one that is meant, or run `cargo dockerize generate --force` for the pinned one"));
                }
            } else if let Some(ours) = pins.keys().find(|ours| untagged(ours) == untagged(name)) {
                changed.tags.insert(ours.clone(), format!("{name}@{digest}"));
            }
        }
    }
    // An image that has several tags in the plan may have this one as well.
    changed.tags.retain(|_, other| !pins.contains_key(super::undigested(other)));
    Ok(changed)
}

/// The name and the digest of the image of a line.
fn named(line: &str) -> Option<(&str, &str)> {
    let (before, after) = line.split_once("@sha256:")?;
    let start = before.rfind(|c: char| !is_of_name(c)).map_or(0, |at| at + 1);
    // Every digit is a byte.
    let end = before.len() + "@sha256:".len() + after.bytes().take_while(u8::is_ascii_hexdigit).count();
    let digest = line.get(before.len() + 1..end)?;
    let name = before.get(start..).filter(|name| !name.is_empty())?;
    sha256_digits(digest).map(|_| (name, digest))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-/:".contains(c)
}

fn untagged(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    fn pins() -> BTreeMap<String, Option<String>> {
        let pin = |name: &str, digest: Option<String>| (name.to_owned(), digest);
        BTreeMap::from([
            pin("rust:1", Some(digest('a'))),
            pin("localhost:5000/base", Some(digest('b'))),
            pin("docker/dockerfile:1", None),
        ])
    }

    fn of(text: &str) -> Result<Changed> {
        changed([("Dockerfile", text)], &pins())
    }

    #[test]
    fn digests_are_read_from_whatever_line_names_an_image() {
        let (a, b, c) = (digest('a'), digest('b'), digest('c'));
        assert_eq!(
            of(&format!("FROM rust:1@{a} AS toolchain\nFROM localhost:5000/base@{b}\n")).unwrap(),
            Changed::default()
        );
        let found = of(&format!(
            "# syntax=docker/dockerfile:1@{c}\nFROM rust:1@{b} AS one\nFROM --platform=$BUILDPLATFORM rust:1@{b}\n    image: \"localhost:5000/base@{c}\"\nFROM other/rust:1@{c}\nRUN echo rust:1@sha256:12\n"
        ));
        let expected = [("docker/dockerfile:1", &c), ("localhost:5000/base", &c), ("rust:1", &b)];
        let expected = expected.map(|(name, digest)| (name.to_owned(), digest.clone()));
        assert_eq!(found.unwrap(), Changed { digests: expected.into(), tags: BTreeMap::new() });
    }

    #[test]
    fn another_tag_is_told_apart() {
        let found = of(&format!("FROM rust:2@{}\n", digest('c'))).unwrap();
        assert_eq!(found.tags, BTreeMap::from([("rust:1".to_owned(), format!("rust:2@{}", digest('c')))]));
        assert!(found.digests.is_empty());
    }

    #[test]
    fn one_image_has_one_digest() {
        let text = format!("FROM rust:1@{}\nFROM rust:1@{}\n", digest('c'), digest('d'));
        assert_eq!(of(&text).unwrap_err().kind(), Kind::Emit);
        // A bot that missed a line: the pinned one gives way.
        let text = format!("FROM rust:1@{}\nFROM rust:1@{}\n", digest('c'), digest('a'));
        assert_eq!(of(&text).unwrap().digests["rust:1"], digest('c'));
    }
}
