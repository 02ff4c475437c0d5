//! Folders and trees for tests.

use assert_fs::TempDir;
use camino::Utf8Path;

use super::{Content, Entry, Tree};

/// A folder that goes with the test.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }
}

pub fn scratch() -> Scratch {
    Scratch(TempDir::new().unwrap())
}

/// A tree of these files, 0644 and root's.
pub fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, Entry::new(0o644, Content::Bytes((*text).into()))).unwrap();
    }
    tree
}
