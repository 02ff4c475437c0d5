//! The one writer to the user's tree: atomic, and never over somebody's own work.

mod diff;
mod digests;
mod header;
mod keep;
mod write;

use camino::{Utf8Path, Utf8PathBuf};

pub use diff::{by as unified_by, unified};
pub use write::Before;

use crate::failure::{Failure, Kind, Result};
use crate::render::GeneratedFile;
use crate::{limits, regular};

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

impl Change {
    /// To be written where only its checksum is not as it should be: somebody changed digests, and the plan has them by now.
    #[must_use]
    pub fn settled(self) -> Self {
        let settled = self.state != State::Current || keep::same(&self.old, &self.new);
        Self { state: if settled { self.state } else { State::Stale }, ..self }
    }

    /// Whether what is there and what should be there differ in line ends at most.
    pub fn same_words(&self) -> bool {
        keep::same(&self.old, &self.new)
    }

    /// Whether lines that a shell in the build reads end in CR LF, as git checks them out on Windows: nothing else need be wrong.
    pub fn has_crlf(&self) -> bool {
        reads_line_ends(&self.path) && self.old.contains("\r\n")
    }

    /// Whether somebody changed digests of images, and nothing else, as bots do.
    pub fn is_bumped(&self) -> bool {
        let alone = |(generated, _): (String, _)| header::digests_alone(&generated);
        self.state == State::Edited && keep::split(self.path.as_str(), &self.old).is_ok_and(alone)
    }
}

/// Files of which it does not matter how their lines end: a build in Linux does not read them, or takes either.
const EITHER_END: [&str; 7] = ["dockerignore", "gitattributes", "hcl", "rs", "toml", "yaml", "yml"];

/// Whether a file is one that breaks a build where its lines end in CR LF: a Dockerfile, a script.
fn reads_line_ends(path: &Utf8Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    !EITHER_END.contains(&ending)
}

/// What is wrong with files whose lines end in CR LF.
pub fn crlf_cause(paths: &[&Utf8Path]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    let has = if names.len() == 1 { "has" } else { "have" };
    format!("{} {has} lines that end in CR LF, which a build in Linux cannot read", names.join(" and "))
}

/// What to do about files whose lines end in CR LF, besides writing them again.
pub fn crlf_help(paths: &[&Utf8Path]) -> String {
    let lines: Vec<String> = paths.iter().map(|path| format!("`{path} text eol=lf`")).collect();
    format!("git checks them out so (`core.autocrlf`): {} in .gitattributes prevents that", lines.join(" and "))
}

/// The failure that such a change is.
pub fn bumped(path: &Utf8Path, kind: Kind) -> Failure {
    Failure::new(kind, format!("`{path}` has digests of images that are not the pinned ones"))
        .help("run `cargo dockerize pin --adopt` to take them into dockerize.lock, and commit the result")
        .help("or `cargo dockerize generate --force` to go back to the pinned ones")
}

/// A file that is taken away, with the folders that this leaves empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Relative to the workspace's root.
    pub path: Utf8PathBuf,
    /// Whether it holds somebody's own work: a copy is kept beside it as `.orig`.
    pub save: bool,
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

/// Of the files of a build those that another command may write with its own: all that are out of date or missing, where the
/// workspace is set up and its files are as they were generated.
pub fn with_build_files(changes: Vec<Change>) -> Vec<Change> {
    let ours = |change: &Change| matches!(change.state, State::Current | State::Stale | State::Absent);
    let set_up = changes.iter().all(ours) && changes.iter().any(|change| change.state != State::Absent);
    if set_up { changes } else { Vec::new() }
}

fn compare_one(root: &Utf8Path, file: &GeneratedFile) -> Result<Change> {
    let path = root.join(&file.path);
    let fresh = header::add(&file.path, &file.contents);
    let change = |state, old: String, new| Change { path: file.path.clone(), state, old, new };
    if !path.exists() {
        return Ok(change(State::Absent, String::new(), fresh));
    }
    let bytes =
        regular::read(&path, &limits::WRITTEN).map_err(|error| unusable(&file.path, "read").caused_by(error))?;
    let Ok(old) = String::from_utf8(bytes) else {
        return Ok(change(State::Foreign, String::from("(not text)\n"), fresh));
    };
    let Some(checksum) = header::checksum_of(&old) else { return Ok(change(State::Foreign, old, fresh)) };
    let (generated, blocks) = keep::split(file.path.as_str(), &old)?;
    let digests_alone = header::digests_alone(&generated);
    // A digest that the plan has as well is nobody's edit any more.
    let adopted =
        digests_alone && digests::named(&generated).all(|image| digests::named(&fresh).any(|ours| ours == image));
    let edited = header::checksum(&generated) != checksum && !adopted;
    // An edited file may have lost the line that a block stands after; it is not written anyway.
    let new = match keep::join(file.path.as_str(), &fresh, &blocks) {
        Ok(new) => new,
        Err(_) if edited => fresh,
        Err(failure) => return Err(failure),
    };
    let same = keep::same(&old, &new) || (adopted && header::substance(&old).eq(header::substance(&new)));
    // How lines end is nobody's edit, but a shell in the build reads it.
    let broken = reads_line_ends(&file.path) && old.contains("\r\n");
    let state = match (edited, same && !broken) {
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
        respect(changes)?;
    }
    let due: Vec<&Change> = changes.iter().filter(|change| change.state != State::Current).collect();
    write::all(root, &due, &[])?;
    Ok(due.into_iter().map(|change| change.path.clone()).collect())
}

/// Refuses to write over somebody's own work.
///
/// # Errors
/// [`Kind::Emit`]: a file is somebody else's, or has been edited.
pub fn respect(changes: &[Change]) -> Result<()> {
    if let Some(change) = changes.iter().find(|change| change.state == State::Foreign) {
        return Err(Failure::new(Kind::Emit, format!("`{}` is there, and cargo-dockerize did not write it", change.path))
            .help("name another file with `cargo dockerize init` (it finds one by itself), or pass `--force`: the old one is kept beside it as `.orig`"));
    }
    if let Some(change) = changes.iter().find(|change| change.is_bumped()) {
        return Err(bumped(&change.path, Kind::Emit));
    }
    if let Some(change) = changes.iter().find(|change| change.state == State::Edited) {
        return Err(Failure::new(Kind::Emit, format!("`{}` has been edited by hand", change.path))
            .detail(anstream::adapter::strip_str(&unified(change.path.as_str(), &change.old, &change.new)).to_string())
            .help("put your lines between `# dockerize:keep` and `# dockerize:end`, where they survive; what you changed otherwise may have its key in the metadata table")
            .help("or pass `--force`: the edited file is kept beside it as `.orig`"));
    }
    Ok(())
}

/// Writes one file that has no header of ours, such as the manifest with its new table.
///
/// # Errors
/// [`Kind::Emit`]: it cannot be written.
pub fn write_plain(root: &Utf8Path, path: &str, old: &str, new: &str) -> Result<()> {
    let change =
        Change { path: Utf8PathBuf::from(path), state: State::Stale, old: old.to_owned(), new: new.to_owned() };
    write::all(root, &[&change], &[]).map(drop)
}

/// Writes texts that may have no header of ours and takes files away, all of it or nothing. Whose work they hold, the caller
/// has looked at. What comes back puts the tree back, where a later step fails.
///
/// # Errors
/// [`Kind::Emit`]: a file cannot be written or removed.
pub fn exchange(root: &Utf8Path, changes: &[Change], removals: &[Removal]) -> Result<Before> {
    let due: Vec<&Change> = changes.iter().filter(|change| change.state != State::Current).collect();
    write::all(root, &due, removals)
}

/// Whose a text is: [`State::Foreign`], or ours and [`State::Edited`], lines that are kept included, or [`State::Current`].
pub fn whose(text: &str) -> State {
    match header::checksum_of(text) {
        None => State::Foreign,
        Some(checksum) if header::checksum(text) == checksum => State::Current,
        Some(_) => State::Edited,
    }
}

fn unusable(path: &Utf8Path, verb: &str) -> Failure {
    Failure::new(Kind::Emit, format!("`{path}` cannot be {verb}"))
}

#[cfg(test)]
mod tests;
