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

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }
}
