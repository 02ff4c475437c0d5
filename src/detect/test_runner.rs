//! Who runs a project's tests: the evidence is what its own files call.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::failure::{Failure, Kind, Result};
use crate::plan::model::Because;
use crate::workspace::Workspace;

/// Larger files are nobody's recipes.
const LARGEST: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    nextest: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    files: Vec<String>,
    #[serde(default)]
    calls: Vec<String>,
    why: String,
}

/// What shows that cargo-nextest runs the tests; none: nothing does.
///
/// # Errors
/// The table cannot be used, which a test rules out.
pub fn nextest(workspace: &Workspace) -> Result<Option<Because>> {
    let table: Table = toml::from_str(include_str!("test-runners.toml"))
        .map_err(|error| Failure::new(Kind::Internal, "the table of test runners cannot be used").caused_by(error))?;
    // A workspace can be one of several in a repository, whose CI is one.
    let mut folders = vec![&workspace.root];
    folders.extend(workspace.repository.iter().filter(|top| **top != workspace.root));
    for row in &table.nextest {
        for pattern in &row.files {
            let files = folders.iter().flat_map(|folder| matching(folder, pattern));
            if let Some(file) = files.into_iter().find(|file| row.shown_by(file)) {
                let file = workspace.relative(&file);
                let text = format!("{file} {}", row.why);
                return Ok(Some(Because { text, krate: None, rule: "nextest".to_owned(), file: Some(file) }));
            }
        }
    }
    Ok(None)
}

/// The files of a folder that a pattern names, in their order.
fn matching(folder: &Utf8Path, pattern: &str) -> Vec<Utf8PathBuf> {
    let Some((before, ending)) = pattern.split_once('*') else { return vec![folder.join(pattern)] };
    let Ok(entries) = folder.join(before).read_dir_utf8() else { return Vec::new() };
    let mut files: Vec<Utf8PathBuf> = entries.flatten().map(camino::Utf8DirEntry::into_path).collect();
    files.retain(|file| file.as_str().ends_with(ending));
    files.sort();
    files
}

impl Row {
    fn shown_by(&self, file: &Utf8Path) -> bool {
        if !fs_err::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST) {
            return false;
        }
        self.calls.is_empty() || fs_err::read_to_string(file).is_ok_and(|text| self.called_in(&text))
    }

    fn called_in(&self, text: &str) -> bool {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        // Spaces between words are for the eye, and a toolchain may be named between the two.
        lines
            .map(|line| line.split_whitespace().filter(|word| !word.starts_with('+')).collect::<Vec<_>>().join(" "))
            .any(|line| self.calls.iter().any(|call| line.contains(call.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_no_comments() {
        let table: Table = toml::from_str(include_str!("test-runners.toml")).unwrap();
        let called = |text: &str| table.nextest[1].called_in(text);
        for call in [
            "      - run: cargo nextest run --workspace",
            "test:\n\tcargo +stable  nextest r\n",
            "args = [\"nextest\", \"run\"]",
        ] {
            assert!(called(call), "{call}");
        }
        for other in ["# cargo nextest run", "cargo install cargo-nextest", "cargo test", "cargo nextest list"] {
            assert!(!called(other), "{other}");
        }
        let alias = |text: &str| table.nextest[2].called_in(text);
        assert!(alias("t = \"nextest run\""));
        assert!(alias("t = [\"nextest\", \"run\"]"));
        assert!(!alias("t = \"test\""));
    }
}
