//! The one writer to the user's tree: atomic, and never over somebody's own work.

mod diff;
mod header;
mod keep;
mod write;

use camino::{Utf8Path, Utf8PathBuf};

pub use diff::unified;

use crate::failure::{Failure, Kind, Result};
use crate::render::GeneratedFile;

/// What a file of ours looks like on the disk now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not there.
    Absent,
    /// Ours, and as it should be.
    Current,
    /// Ours and unedited, of an older plan.
    Stale,
    /// Ours, edited outside of keep blocks.
    Edited,
    /// Somebody else's.
    Foreign,
}

/// A file, what is there, and what should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Relative to the workspace's root.
    pub path: Utf8PathBuf,
    /// What is there.
    pub state: State,
    /// The text that is there; empty where nothing is.
    pub old: String,
    /// The text that should be there, the user's keep blocks included.
    pub new: String,
}

/// What to do with files that hold somebody's own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Refuse.
    Respect,
    /// Save them beside as `.orig` and write (`--force`).
    Save,
}

/// Compares the files of a plan with what is on the disk. Writes nothing.
///
/// # Errors
/// [`Kind::Emit`]: a file cannot be read, or a keep block has lost its place.
pub fn compare(root: &Utf8Path, files: &[GeneratedFile]) -> Result<Vec<Change>> {
    files.iter().map(|file| compare_one(root, file)).collect()
}

fn compare_one(root: &Utf8Path, file: &GeneratedFile) -> Result<Change> {
    let path = root.join(&file.path);
    let fresh = header::add(&file.contents);
    let change = |state, old: String, new| Change { path: file.path.clone(), state, old, new };
    if !path.exists() {
        return Ok(change(State::Absent, String::new(), fresh));
    }
    let bytes = fs_err::read(&path).map_err(|error| unusable(&file.path, "read").caused_by(error))?;
    let Ok(old) = String::from_utf8(bytes) else {
        return Ok(change(State::Foreign, String::from("(not text)\n"), fresh));
    };
    let Some(checksum) = header::checksum_of(&old) else { return Ok(change(State::Foreign, old, fresh)) };
    let (generated, blocks) = keep::split(file.path.as_str(), &old)?;
    let edited = header::checksum(&generated) != checksum;
    // An edited file may have lost the line that a block stands after; it is not written anyway.
    let new = match keep::join(file.path.as_str(), &fresh, &blocks) {
        Ok(new) => new,
        Err(_) if edited => fresh,
        Err(failure) => return Err(failure),
    };
    let state = match (edited, keep::same(&old, &new)) {
        (true, _) => State::Edited,
        (false, true) => State::Current,
        (false, false) => State::Stale,
    };
    Ok(change(state, old, new))
}

/// Writes what has changed, all of it or nothing; files that are current are not touched. Returns the paths written.
///
/// # Errors
/// [`Kind::Emit`]: a file holds somebody's own work and `own` respects it, or cannot be written.
pub fn apply(root: &Utf8Path, changes: &[Change], own: Own) -> Result<Vec<Utf8PathBuf>> {
    if own == Own::Respect {
        if let Some(change) = changes.iter().find(|change| change.state == State::Foreign) {
            return Err(Failure::new(Kind::Emit, format!("`{}` is there, and cargo-dockerize did not write it", change.path))
                .help("name another file with `cargo dockerize init` (it finds one by itself), or pass `--force`: the old one is kept beside it as `.orig`"));
        }
        if let Some(change) = changes.iter().find(|change| change.state == State::Edited) {
            return Err(Failure::new(Kind::Emit, format!("`{}` has been edited by hand", change.path))
                .detail(anstream::adapter::strip_str(&unified(change.path.as_str(), &change.old, &change.new)).to_string())
                .help("put your lines between `# dockerize:keep` and `# dockerize:end`, where they survive; what you changed otherwise may have its key in the metadata table")
                .help("or pass `--force`: the edited file is kept beside it as `.orig`"));
        }
    }
    let due: Vec<&Change> = changes.iter().filter(|change| change.state != State::Current).collect();
    write::all(root, &due)?;
    Ok(due.into_iter().map(|change| change.path.clone()).collect())
}

/// Writes one file that has no header of ours, such as the manifest with its new table.
///
/// # Errors
/// [`Kind::Emit`]: it cannot be written.
pub fn write_plain(root: &Utf8Path, path: &str, old: &str, new: &str) -> Result<()> {
    let change =
        Change { path: Utf8PathBuf::from(path), state: State::Stale, old: old.to_owned(), new: new.to_owned() };
    write::all(root, &[&change])
}

fn unusable(path: &Utf8Path, verb: &str) -> Failure {
    Failure::new(Kind::Emit, format!("`{path}` cannot be {verb}"))
}

#[cfg(test)]
mod tests;
