//! Which folder a Dockerfile is built in.

use camino::{Utf8Path, Utf8PathBuf};

use super::companions::{self, Companion, Said};
use super::model::{Dockerfile, Stage, is_address};

/// How many folders above a Dockerfile could be its context.
const ABOVE: usize = 4;

/// A Dockerfile's own folder and those above it that could be its context, up to the repository's top.
pub(super) fn above(own: &Utf8Path) -> Vec<&Utf8Path> {
    let mut folders: Vec<&Utf8Path> = Vec::new();
    for folder in own.ancestors().take(ABOVE) {
        folders.push(folder);
        if folder.join(".git").exists() {
            break;
        }
    }
    // Without a repository nothing says where to stop.
    if folders.last().is_none_or(|top| !top.join(".git").exists()) {
        folders.truncate(1);
    }
    folders
}

/// The folder that a Dockerfile is built in: the one that compose and bake files say, else the nearest one from its own upwards
/// that has what it copies.
pub(super) fn context(folders: &[&Utf8Path], parsed: &Dockerfile, companions: &[Companion]) -> Option<Utf8PathBuf> {
    let wanted = wanted(parsed);
    let has = |folder: &Utf8Path| wanted.iter().all(|path| folder.join(path).exists());
    let evident = evident(folders, parsed, wanted.is_empty(), has);
    match companions::context(companions) {
        Said::Several => None,
        // What it copies is in another folder: the file is out of date, or something makes what is missing.
        Said::There(said) if !has(said) && evident.as_deref().is_some_and(|other| other != said && has(other)) => None,
        Said::There(said) if said.is_dir() => Some(said.to_owned()),
        _ => evident,
    }
}

/// The nearest folder that has what is copied.
fn evident(
    folders: &[&Utf8Path],
    parsed: &Dockerfile,
    copies_nothing_by_name: bool,
    has: impl Fn(&Utf8Path) -> bool,
) -> Option<Utf8PathBuf> {
    let own = *folders.first()?;
    let builds_here = |folder: &Utf8Path| !calls_cargo(parsed) || folder.join("Cargo.toml").is_file();
    let found = folders.iter().find(|folder| has(folder) && builds_here(folder));
    let has_ignore_file = |folder: &Utf8Path| folder.join(".dockerignore").is_file();
    // `COPY . .` fits every folder. Where one above has the ignore file, that one may be meant as well.
    if copies_nothing_by_name
        && let Some(found) = found
        && !has_ignore_file(found)
        && folders.iter().any(|folder| *folder != *found && has_ignore_file(folder))
    {
        return None;
    }
    let alone = folders.len() == 1 || has_ignore_file(own);
    found.map(|folder| folder.to_path_buf()).or_else(|| alone.then(|| own.to_owned()))
}

/// What a Dockerfile takes out of its context, as far as it is plain paths.
fn wanted(parsed: &Dockerfile) -> Vec<String> {
    let transfers = parsed.stages.iter().flat_map(|stage| &stage.instructions).filter_map(|one| one.from_context());
    let paths = transfers.flat_map(|transfer| &transfer.sources).map(|source| source.text.as_str());
    let plain = paths.filter(|path| !path.contains(['$', '*', '?', '[']) && !is_address(path));
    plain
        .map(|path| path.trim_start_matches('/').to_owned())
        .filter(|path| !matches!(path.as_str(), "" | "." | "./"))
        .collect()
}

pub(super) fn calls_cargo(parsed: &Dockerfile) -> bool {
    let runs = parsed.stages.iter().flat_map(Stage::runs);
    runs.flat_map(|(_, _, run)| &run.calls).any(|call| call.program() == "cargo" && call.has(&["build", "install"]))
}
