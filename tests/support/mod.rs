//! Copies of workspaces to test on.

use std::path::Path;

use assert_fs::fixture::ChildPath;
use assert_fs::prelude::*;
use camino::Utf8Path;
use tempfile::TempDir;

/// A copy of a folder of this repository, gone at the end of the test.
pub struct Tree(TempDir);

impl Tree {
    /// Copies a folder, but for what a build left there.
    #[allow(dead_code, reason = "not every crate of tests copies one")]
    pub fn copy(from: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        ChildPath::new(dir.path())
            .copy_from(format!("{}/{from}", env!("CARGO_MANIFEST_DIR")), &["**/*", "!target/**"])
            .unwrap();
        Self(dir)
    }

    /// Files of the test's own.
    #[allow(dead_code, reason = "not every crate of tests makes its own")]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self::within(&std::env::temp_dir(), files)
    }

    /// Likewise, in a folder of this one.
    #[allow(dead_code, reason = "not every crate of tests chooses one")]
    pub fn within(folder: &Path, files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir_in(folder).unwrap());
        for (path, text) in files {
            ChildPath::new(tree.0.path().join(path)).write_str(text).unwrap();
        }
        tree
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }
}

/// A `PATH` with all the programs of this machine's but those that run containers, as links in this folder.
#[cfg(unix)]
#[allow(dead_code, reason = "not every crate of tests hides them")]
pub fn path_without_runtimes(folder: &Utf8Path) -> std::path::PathBuf {
    let bin = folder.join("bin").into_std_path_buf();
    fs_err::create_dir_all(&bin).unwrap();
    for entry in
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).flat_map(std::fs::read_dir).flatten().flatten()
    {
        let name = entry.file_name();
        if !["docker", "podman", "nerdctl", "ctr"].iter().any(|runtime| name == *runtime) {
            // The first one of a name counts.
            let _ = std::os::unix::fs::symlink(entry.path(), bin.join(name));
        }
    }
    bin
}
