//! Which files of a repository are read.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::{DirEntry, WalkDir};

use super::names::{has, names};
use crate::lint::{companions, files};
use crate::{limits, regular};

/// How deep folders are looked into, and at how many entries.
const DEPTH: usize = 4;
const ENTRIES: usize = 20_000;

/// So many files of each kind are read.
const MANY: usize = 64;

/// A longer file is none that somebody wrote.
const LIMIT: u64 = 32 * 1024;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dockerfile,
    Compose,
    Procfile,
    Fly,
    Cross,
    Workflow,
}

/// A file that was read.
pub(super) struct File {
    pub kind: Kind,
    /// Absolute.
    pub path: Utf8PathBuf,
    pub text: String,
}

/// The files of a workspace and of the folders between it and its repository's top, by depth and then by name.
pub(super) fn files(root: &Utf8Path, repository: Option<&Utf8Path>, members: &[&Utf8Path]) -> Vec<File> {
    let top = repository.unwrap_or(root);
    let mut paths = below(root, DEPTH + 1, members);
    // A link out of the repository would show what is not of it.
    let real = top.canonicalize_utf8().unwrap_or_else(|_| top.to_owned());
    let inside = |path: &Utf8PathBuf| path.canonicalize_utf8().is_ok_and(|path| path.starts_with(&real));
    let above = root.ancestors().skip(1).take_while(|folder| folder.starts_with(top)).collect::<Vec<_>>();
    for folder in above {
        let beside = names().folders.beside.iter().map(|name| folder.join(name));
        let folders = std::iter::once(folder.to_owned()).chain(beside);
        paths.extend(folders.filter(|folder| folder.is_dir()).flat_map(|folder| below(&folder, 1, members)));
    }
    paths.retain(|(_, path)| inside(path));
    paths.sort_by_cached_key(|(_, path)| {
        let way = crate::workspace::relative(root, path);
        // The usual name at the root comes first, then what is nearest.
        (way.as_str() != "Dockerfile", way.starts_with(".."), way.components().count(), way)
    });
    // A link and the file that it leads to are one: the first of both counts.
    let mut seen = BTreeSet::new();
    paths.retain(|(_, path)| seen.insert(path.canonicalize_utf8().unwrap_or_else(|_| path.clone())));
    let mut counts = [0_usize; 6];
    paths.retain(|(kind, _)| {
        counts[*kind as usize] += 1;
        counts[*kind as usize] <= MANY
    });
    paths.into_iter().filter_map(|(kind, path)| Some(File { kind, text: read(&path)?, path })).collect()
}

fn below(folder: &Utf8Path, depth: usize, members: &[&Utf8Path]) -> Vec<(Kind, Utf8PathBuf)> {
    let walk = WalkDir::new(folder).max_depth(depth).sort_by_file_name().into_iter();
    let walk = walk.filter_entry(|entry| entry.depth() == 0 || !is_passed_over(entry, members)).take(ENTRIES);
    let files = walk.flatten().filter(|entry| entry.path().is_file());
    let paths = files.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok());
    paths.filter_map(|path| Some((kind(&path)?, path))).collect()
}

/// Folders of others: what a build makes, what tests read, and projects of their own.
fn is_passed_over(entry: &DirEntry, members: &[&Utf8Path]) -> bool {
    if !entry.file_type().is_dir() {
        return false;
    }
    let Some(path) = Utf8Path::from_path(entry.path()) else { return true };
    let name = path.file_name().unwrap_or_default();
    let folders = &names().folders;
    let hidden = name.starts_with('.') && !has(&folders.hidden, name);
    // A member may lie in a folder of any name.
    let ours = members.iter().any(|member| member.starts_with(path));
    !ours && (hidden || has(&folders.passed_over, name) || path.join("Cargo.toml").is_file())
}

fn kind(path: &Utf8Path) -> Option<Kind> {
    let name = path.file_name()?;
    let folder = path.parent().map_or("", Utf8Path::as_str);
    let yaml = matches!(path.extension(), Some("yml" | "yaml"));
    match name {
        "Procfile" => Some(Kind::Procfile),
        "fly.toml" => Some(Kind::Fly),
        "Cross.toml" => Some(Kind::Cross),
        ".gitlab-ci.yml" => Some(Kind::Workflow),
        _ if yaml && folder.ends_with(".github/workflows") => Some(Kind::Workflow),
        _ if yaml && companions::is_companion(name) => Some(Kind::Compose),
        _ if files::is_dockerfile(name) => Some(Kind::Dockerfile),
        _ => None,
    }
}

fn read(path: &Utf8Path) -> Option<String> {
    let size = fs_err::metadata(path).ok()?.len();
    if size > LIMIT {
        return None;
    }
    String::from_utf8(regular::read(path, &limits::WRITTEN).ok()?).ok()
}
