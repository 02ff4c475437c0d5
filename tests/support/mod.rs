//! Copies of workspaces to test on.

use assert_fs::TempDir;
use assert_fs::prelude::*;
use camino::Utf8Path;

/// A copy of a folder of this repository, gone at the end of the test.
pub struct Tree(TempDir);

impl Tree {
    /// Copies a folder, but for what a build left there.
    pub fn copy(from: &str) -> Self {
        let dir = TempDir::new().unwrap();
        dir.copy_from(format!("{}/{from}", env!("CARGO_MANIFEST_DIR")), &["**/*", "!target/**"]).unwrap();
        Self(dir)
    }

    /// Files of the test's own.
    #[allow(dead_code, reason = "not every crate of tests makes its own")]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self(TempDir::new().unwrap());
        for (path, text) in files {
            tree.0.child(path).write_str(text).unwrap();
        }
        tree
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }
}
