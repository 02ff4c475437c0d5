//! Writing: every new text goes beside its place first, and only when all are on the disk do they take their places. What
//! cannot be finished is put back.

use std::fs::Permissions;
use std::io::{ErrorKind, Write};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use super::{Change, Removal, State, unusable};
use crate::exec;
use crate::failure::{Failure, Kind, Result};

/// What a file was; none: it was not there.
type Was = Option<(Vec<u8>, Permissions)>;

/// What stood where something was written or taken away: it can be put back.
#[derive(Debug, Default)]
pub struct Before {
    files: Vec<(Utf8PathBuf, Was)>,
    folders: Vec<Utf8PathBuf>,
}

impl Before {
    /// Puts everything back, after an interrupt as well; what cannot be is left as it is.
    pub fn restore(self) {
        for (path, was) in self.files.into_iter().rev() {
            let restored = match was {
                Some((bytes, permissions)) => path
                    .parent()
                    .map_or(Ok(()), fs_err::create_dir_all)
                    .and_then(|()| fs_err::write(&path, bytes))
                    .and_then(|()| fs_err::set_permissions(&path, permissions)),
                None => fs_err::remove_file(&path),
            };
            drop(restored);
        }
        for folder in self.folders.into_iter().rev() {
            // Only one that is empty goes.
            drop(fs_err::remove_dir(folder));
        }
    }

    fn note(&mut self, path: &Utf8Path) -> std::io::Result<()> {
        let was = if path.exists() { Some((fs_err::read(path)?, fs_err::metadata(path)?.permissions())) } else { None };
        self.files.push((path.to_owned(), was));
        Ok(())
    }

    /// Makes a folder and those above it, and remembers which of them are new.
    fn make(&mut self, folder: &Utf8Path) -> std::io::Result<()> {
        let missing: Vec<&Utf8Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
        self.folders.extend(missing.into_iter().rev().map(Utf8Path::to_owned));
        fs_err::create_dir_all(folder)
    }
}

pub(super) fn all(root: &Utf8Path, changes: &[&Change], removals: &[Removal]) -> Result<Before> {
    let mut before = Before::default();
    match attempt(root, changes, removals, &mut before) {
        Ok(()) => Ok(before),
        Err(failure) => {
            before.restore();
            Err(failure)
        }
    }
}

fn attempt(root: &Utf8Path, changes: &[&Change], removals: &[Removal], before: &mut Before) -> Result<()> {
    let mut ready: Vec<(NamedTempFile, Utf8PathBuf, &Change)> = Vec::new();
    for change in changes {
        let failed = |error: std::io::Error| unwritable(&change.path, error);
        let path = root.join(&change.path);
        // A link stays a link: what it points at is written.
        let path = if path.is_symlink() { path.canonicalize_utf8().map_err(failed)? } else { path };
        let folder = path.parent().unwrap_or(root);
        before.make(folder).map_err(failed)?;
        let mut beside = tempfile::Builder::new().prefix(".dockerize-").tempfile_in(folder).map_err(failed)?;
        beside.write_all(change.new.as_bytes()).map_err(failed)?;
        beside.as_file().sync_all().map_err(failed)?;
        set_permissions(&beside, &path).map_err(failed)?;
        ready.push((beside, path, change));
    }
    // Up to here a temporary file removes itself; an interrupt leaves the tree as it was.
    exec::go_on()?;
    for (beside, path, change) in ready {
        let failed = |error: std::io::Error| unusable(&change.path, "written").caused_by(error);
        if matches!(change.state, State::Edited | State::Foreign) {
            save(&path, before).map_err(failed)?;
        } else {
            unchanged(&path, change)?;
        }
        before.note(&path).map_err(failed)?;
        beside.persist(&path).map_err(|error| failed(error.error))?;
    }
    for removal in removals {
        remove(root, removal, before).map_err(|error| unusable(&removal.path, "removed").caused_by(error))?;
    }
    Ok(())
}

/// Refuses a file that is not any more what it was compared with: somebody has written it since.
fn unchanged(path: &Utf8Path, change: &Change) -> Result<()> {
    let now = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unusable(&change.path, "read").caused_by(error)),
    };
    if String::from_utf8_lossy(&now) == change.old {
        return Ok(());
    }
    Err(Failure::new(Kind::Emit, format!("`{}` changed after it was read, and is left as it is now", change.path))
        .help("run the command again: it compares with what is there now"))
}

fn remove(root: &Utf8Path, removal: &Removal, before: &mut Before) -> std::io::Result<()> {
    let path = root.join(&removal.path);
    before.note(&path)?;
    if removal.save {
        save(&path, before)?;
    }
    fs_err::remove_file(&path)?;
    // The folders that it leaves empty, but never one that is not below the root.
    for folder in path.ancestors().skip(1).take_while(|folder| *folder != root && folder.starts_with(root)) {
        if fs_err::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

/// Keeps a copy beside a file.
fn save(path: &Utf8Path, before: &mut Before) -> std::io::Result<()> {
    let copy = backup(path);
    before.note(&copy)?;
    fs_err::copy(path, copy).map(drop)
}

fn unwritable(path: &Utf8Path, error: std::io::Error) -> Failure {
    unusable(path, "written").caused_by(error).help(
        "make the folder writable for you, or name another place with `dockerfile`, `dockerignore` and `bake` in the metadata table",
    )
}

/// `Dockerfile.orig`, or `Dockerfile.orig.1` and so on where that is taken: a backup is never overwritten.
fn backup(path: &Utf8Path) -> Utf8PathBuf {
    let mut name = format!("{path}.orig");
    let mut count = 0;
    while Utf8Path::new(&name).exists() {
        count += 1;
        name = format!("{path}.orig.{count}");
    }
    Utf8PathBuf::from(name)
}

#[cfg(unix)]
fn set_permissions(beside: &NamedTempFile, path: &Utf8Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().map_or(0o644, |metadata| metadata.permissions().mode());
    beside.as_file().set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_permissions(_: &NamedTempFile, _: &Utf8Path) -> std::io::Result<()> {
    Ok(())
}
