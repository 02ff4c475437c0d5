//! The toolchain file, in both of its forms.

use camino::Utf8Path;
use serde::Deserialize;

use super::metadata::unreadable;
use crate::failure::{Failure, Kind, Place, Result};

/// `rust-toolchain.toml`, or `rust-toolchain` in either form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolchainFile {
    /// The file's name.
    pub file: String,
    /// `channel`: `1.95`, `1.95.0`, `stable`, `nightly-2026-01-01`.
    pub channel: Option<String>,
    /// `components`.
    pub components: Vec<String>,
    /// `targets`.
    pub targets: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    toolchain: Section,
}

#[derive(Deserialize)]
struct Section {
    channel: Option<String>,
    #[serde(default)]
    components: Vec<String>,
    #[serde(default)]
    targets: Vec<String>,
}

/// rustup's order: the file without an ending wins. A file above the root counts as well, as it does for rustup.
///
/// # Errors
/// [`Kind::Workspace`] with the place: it is no toolchain file, or names an impossible channel.
pub fn read(root: &Utf8Path) -> Result<Option<ToolchainFile>> {
    for dir in root.ancestors() {
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            let path = dir.join(name);
            if path.is_file() {
                let text = fs_err::read_to_string(&path).map_err(unreadable)?;
                let shown = if dir == root { name.to_owned() } else { path.to_string() };
                return parse(&shown, &text).map(Some);
            }
        }
    }
    Ok(None)
}

fn parse(file: &str, text: &str) -> Result<ToolchainFile> {
    let legacy = !text.contains('[') && text.trim().lines().count() <= 1 && !text.trim().is_empty();
    let section = if legacy {
        Section { channel: Some(text.trim().to_owned()), components: Vec::new(), targets: Vec::new() }
    } else {
        toml::from_str::<Document>(text)
            .map_err(|error| {
                let span = error.span().unwrap_or(0..0);
                Failure::new(Kind::Workspace, format!("`{file}` is not a toolchain file"))
                    .at(Place { file: file.to_owned(), text: text.to_owned(), span, label: error.message().to_owned() })
                    .help("it has the form: [toolchain] channel = \"1.95\"")
            })?
            .toolchain
    };
    if let Some(channel) = &section.channel {
        // It becomes part of an image's name and of a shell line.
        if channel.is_empty() || !channel.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
            let start = text.find(channel.as_str()).unwrap_or(0);
            return Err(Failure::new(Kind::Workspace, "the toolchain file names an impossible channel").at(Place {
                file: file.to_owned(),
                text: text.to_owned(),
                span: start..start + channel.len(),
                label: "letters, digits, `.`, `-` and `_` only".to_owned(),
            }));
        }
    }
    Ok(ToolchainFile {
        file: file.to_owned(),
        channel: section.channel,
        components: section.components,
        targets: section.targets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn both_forms() {
        assert_eq!(parse("rust-toolchain", "1.95.0\n").unwrap().channel.as_deref(), Some("1.95.0"));
        let file = "[toolchain]\nchannel = \"nightly-2026-01-01\"\ncomponents = [\"clippy\"]\n";
        let parsed = parse("rust-toolchain.toml", file).unwrap();
        assert_eq!(parsed.channel.as_deref(), Some("nightly-2026-01-01"));
        assert_eq!(parsed.components, ["clippy"]);
    }

    #[test]
    fn what_could_break_out_is_refused() {
        let failure = parse("rust-toolchain", "1.95\" && curl").unwrap_err();
        assert_eq!(failure.kind(), Kind::Workspace);
        assert!(parse("rust-toolchain.toml", "[toolchain]\nchannel = 3\n").unwrap_err().place().is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_bad(text in "\\PC*|(\\[toolchain\\]\n)?((channel|components|targets|path) ?= ?[\\PC]{0,20}\n){0,4}") {
            if let Ok(file) = parse("rust-toolchain", &text) {
                let channel = file.channel.unwrap_or_default();
                proptest::prop_assert!(channel.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)));
            }
        }
    }
}
