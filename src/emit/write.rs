//! Writing: every new text goes beside its place first, and only when all are on the disk do they take their places.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use super::{Change, State, unusable};
use crate::exec;
use crate::failure::Result;

pub(super) fn all(root: &Utf8Path, changes: &[&Change]) -> Result<()> {
    let mut ready: Vec<(NamedTempFile, Utf8PathBuf, &Change)> = Vec::new();
    for change in changes {
        let failed = |error: std::io::Error| {
            unusable(&change.path, "written").caused_by(error).help(
            "make the folder writable for you, or name another place with `dockerfile`, `dockerignore` and `bake` in the metadata table",
        )
        };
        let path = root.join(&change.path);
        // A link stays a link: what it points at is written.
        let path = if path.is_symlink() { path.canonicalize_utf8().map_err(failed)? } else { path };
        let folder = path.parent().unwrap_or(root);
        fs_err::create_dir_all(folder).map_err(failed)?;
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
            fs_err::copy(&path, backup(&path)).map_err(failed)?;
        }
        beside.persist(&path).map_err(|error| failed(error.error))?;
    }
    Ok(())
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
