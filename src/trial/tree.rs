//! A copy of the tree, which the user's own builds and edits do not disturb, nor it them.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::failure::{Failure, Kind, Result};

/// A folder of ours with a copy of the build's context.
#[derive(Debug)]
pub struct Tree {
    /// The context.
    pub context: Utf8PathBuf,
    /// The workspace's root in it.
    pub root: Utf8PathBuf,
}

/// Files and their contents, relative to the workspace's root.
pub type Files = BTreeMap<String, String>;

impl Tree {
    /// Copies the context of a workspace, without what cargo has built, and without `.git` where no build reads it.
    ///
    /// # Errors
    /// [`Kind::Emit`]: it cannot be written.
    pub fn copy(context: &Utf8Path, root: &Utf8Path, without: &[&Utf8Path], to: &Utf8Path) -> Result<Self> {
        if to.exists() {
            fs_err::remove_dir_all(to).map_err(unwritable)?;
        }
        // Cargo and others mark folders that nobody needs to keep.
        let keep = |path: &Utf8Path| !without.contains(&path) && !path.join("CACHEDIR.TAG").exists();
        let walk = walkdir::WalkDir::new(context).into_iter();
        for entry in walk.filter_entry(|entry| Utf8Path::from_path(entry.path()).is_some_and(keep)) {
            let entry = entry.map_err(|error| unwritable(error.into()))?;
            let Some(path) = Utf8Path::from_path(entry.path()) else { continue };
            let target = to.join(path.strip_prefix(context).unwrap_or(path));
            let kind = entry.file_type();
            if kind.is_dir() {
                fs_err::create_dir_all(target).map_err(unwritable)?;
            } else if kind.is_symlink() {
                #[cfg(unix)]
                fs_err::os::unix::fs::symlink(fs_err::read_link(path).map_err(unwritable)?, target)
                    .map_err(unwritable)?;
            } else if kind.is_file() {
                fs_err::copy(path, target).map_err(unwritable)?;
            }
        }
        let root = to.join(root.strip_prefix(context).unwrap_or(Utf8Path::new("")));
        Ok(Self { context: to.to_owned(), root })
    }

    /// Writes files.
    ///
    /// # Errors
    /// [`Kind::Emit`]: one cannot be written.
    pub fn write(&self, files: &Files) -> Result<()> {
        files.iter().try_for_each(|(path, contents)| fs_err::write(self.root.join(path), contents).map_err(unwritable))
    }

    /// A file's text.
    ///
    /// # Errors
    /// [`Kind::Workspace`]: it cannot be read.
    pub fn read(&self, path: &str) -> Result<String> {
        fs_err::read_to_string(self.root.join(path))
            .map_err(|error| Failure::new(Kind::Workspace, "a file of the workspace cannot be read").caused_by(error))
    }
}

fn unwritable(error: std::io::Error) -> Failure {
    Failure::new(Kind::Emit, "the copy of the tree cannot be written").caused_by(error)
}
