//! What came with the module: its own second line says it, so that all of it can be taken away again.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// How the line begins.
const LINE: &str = "// With it came: ";

/// Things that came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record(BTreeSet<String>);

impl Record {
    /// Reads the line of a module.
    pub(super) fn of(module: &str) -> Self {
        let line = module.lines().find_map(|line| line.strip_prefix(LINE));
        Self(line.into_iter().flat_map(|line| line.split(", ")).map(|thing| thing.trim().to_owned()).collect())
    }

    pub(super) fn add(&mut self, thing: &str) {
        self.0.insert(thing.to_owned());
    }

    /// A file that its owner may edit from now on: how it was is remembered.
    pub(super) fn add_file(&mut self, path: &str, text: &str) {
        self.0.insert(format!("{path} {}", digest(text)));
    }

    pub(super) fn has(&self, thing: &str) -> bool {
        self.0.contains(thing)
    }

    /// Whether a file came with it, and if so whether it is as it was.
    pub(super) fn file(&self, path: &str, text: &str) -> Option<bool> {
        let was = self.0.iter().find_map(|thing| thing.strip_prefix(path)?.strip_prefix(' '))?;
        Some(was == digest(text))
    }

    pub(super) fn line(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let things: Vec<&str> = self.0.iter().map(String::as_str).collect();
        format!("{LINE}{}", things.join(", "))
    }
}

/// Of everything that is not blank: rustfmt and version control may change that.
fn digest(text: &str) -> String {
    let solid: String = text.split_whitespace().collect();
    crate::digest::hex(&Sha256::digest(solid.as_bytes()))[..12].to_owned()
}
