//! Finds Dockerfiles, and what lies around them.

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use super::model::Dockerfile;
use super::{ContextFolder, Input, Source};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::folder_of;

/// Endings of files that are called like a Dockerfile and are none.
const OTHERS: &[&str] = &[
    "dockerignore",
    "orig",
    "rej",
    "swp",
    "md",
    "rs",
    "sh",
    "py",
    "js",
    "txt",
    "json",
    "yaml",
    "yml",
    "toml",
    "j2",
    "tmpl",
    "tera",
    "template",
    "hbs",
    "in",
    "erb",
    "svg",
    "lock",
];

/// Folders in which nobody's own files are.
const PASSED_OVER: &[&str] = &[".git", "target", "node_modules", ".hg", ".jj", "vendor"];

/// How deep, and how many files of a context are looked at.
const DEPTH: usize = 5;
const ENTRIES: usize = 5_000;

/// How many folders above a Dockerfile could be its context.
const ABOVE: usize = 4;

/// Whether a file of this name is a Dockerfile.
pub fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_lowercase();
    let other = lower.rsplit('.').next().is_some_and(|ending| OTHERS.contains(&ending));
    let begins =
        |stem: &str| lower.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']));
    !other
        && !lower.ends_with('~')
        && (begins("dockerfile") || begins("containerfile") || lower.ends_with(".dockerfile"))
}

/// The Dockerfiles that a folder has itself.
pub fn beside(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    below(folder, 1)
}

/// The Dockerfiles in a folder and below it.
pub fn within(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    below(folder, usize::MAX)
}

fn below(folder: &Utf8Path, depth: usize) -> Vec<Utf8PathBuf> {
    let walk = WalkDir::new(folder).max_depth(depth).sort_by_file_name().into_iter();
    let walk = walk.filter_entry(|entry| entry.depth() == 0 || !is_passed_over(entry));
    let files = walk.flatten().filter(|entry| entry.file_type().is_file());
    let named = files.filter(|entry| entry.file_name().to_str().is_some_and(is_dockerfile));
    named.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok()).collect()
}

fn is_passed_over(entry: &walkdir::DirEntry) -> bool {
    entry.file_type().is_dir() && entry.file_name().to_str().is_some_and(|name| PASSED_OVER.contains(&name))
}

/// A Dockerfile that was read, and the folder of its context.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What rules look at.
    pub input: Input,
    /// The file; none: standard input.
    pub file: Option<Utf8PathBuf>,
    /// The folder that it is built in, where that can be told.
    pub context: Option<Utf8PathBuf>,
    /// Whether the text was written in another encoding, and what could not be read is replaced.
    pub ignore_file: Option<Utf8PathBuf>,
}

/// Reads a Dockerfile and what lies around it. `shown` is how it is called to the user.
///
/// # Errors
/// [`Kind::Usage`]: it cannot be read.
pub fn load(file: &Utf8Path, shown: &str) -> Result<Loaded> {
    let unreadable =
        |error: std::io::Error| Failure::new(Kind::Usage, format!("`{shown}` cannot be read")).caused_by(error);
    let text = text(&fs_err::read(file).map_err(unreadable)?);
    let parsed = super::parse(&text).unwrap_or_default();
    let context = context(file, &parsed);
    let ignore_file = ignore_file(file, context.as_deref());
    let ignore = ignore_file.as_ref().and_then(|path| {
        let name = shown_beside(path, file, shown);
        Some(Source { path: name, text: self::text(&fs_err::read(path).ok()?) })
    });
    let folder = context.as_deref().map(look);
    let dockerfile = Source { path: shown.to_owned(), text };
    let companions = companions(file, context.as_deref(), shown);
    let input = Input { dockerfile, ignore, context: folder, companions };
    Ok(Loaded { input, file: Some(file.to_owned()), context, ignore_file })
}

/// Compose and bake files in the Dockerfile's folder and in that of its context.
fn companions(file: &Utf8Path, context: Option<&Utf8Path>, shown: &str) -> Vec<Source> {
    let own = folder_of(file);
    let mut folders = vec![own.to_owned()];
    folders.extend(
        context.filter(|context| own.canonicalize_utf8().ok().as_deref() != Some(*context)).map(Utf8Path::to_owned),
    );
    let mut found = Vec::new();
    for folder in folders {
        let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
        let mut names: Vec<Utf8PathBuf> = entries
            .filter(|entry| super::companions::is_companion(entry.file_name()))
            .map(camino::Utf8DirEntry::into_path)
            .filter(|path| path.is_file())
            .collect();
        names.sort();
        for path in names {
            let Ok(bytes) = fs_err::read(&path) else { continue };
            // Both as absolute ones, or neither is found from the other.
            let place = path.canonicalize_utf8().ok().zip(file.canonicalize_utf8().ok());
            let name = place.map(|(path, file)| shown_beside(&path, &file, shown));
            found.extend(name.map(|path| Source { path, text: text(&bytes) }));
        }
    }
    found
}

/// A Dockerfile from somewhere else, with nothing around it.
pub fn alone(shown: &str, text: String) -> Loaded {
    let dockerfile = Source { path: shown.to_owned(), text };
    let input = Input { dockerfile, ignore: None, context: None, companions: Vec::new() };
    Loaded { input, file: None, context: None, ignore_file: None }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// BuildKit's order: the ignore file of that Dockerfile beats that of the context.
fn ignore_file(file: &Utf8Path, context: Option<&Utf8Path>) -> Option<Utf8PathBuf> {
    let own = Utf8PathBuf::from(format!("{file}.dockerignore"));
    let of_context = context.map(|context| context.join(".dockerignore"));
    [Some(own), of_context].into_iter().flatten().find(|path| path.is_file())
}

/// How a file is called to the user, beside one that has a name already.
fn shown_beside(path: &Utf8Path, file: &Utf8Path, shown: &str) -> String {
    let depth = Utf8Path::new(shown).parent().map_or("", Utf8Path::as_str);
    let of_file = file.parent().unwrap_or(Utf8Path::new(""));
    let relative = crate::workspace::relative(of_file, path);
    let joined = Utf8Path::new(depth).join(relative);
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.components() {
        match part.as_str() {
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            "." => {}
            other => parts.push(other),
        }
    }
    if joined.is_absolute() { joined.into_string() } else { parts.join("/") }
}

/// The folder that a Dockerfile is built in, by the evidence: the nearest one from its own upwards that has what it copies.
fn context(file: &Utf8Path, parsed: &Dockerfile) -> Option<Utf8PathBuf> {
    let own = folder_of(file);
    let own = own.canonicalize_utf8().ok()?;
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
    let wanted = wanted(parsed);
    let has = |folder: &Utf8Path| wanted.iter().all(|path| folder.join(path).exists());
    let builds_here = |folder: &Utf8Path| !calls_cargo(parsed) || folder.join("Cargo.toml").is_file();
    let found = folders.iter().find(|folder| has(folder) && builds_here(folder));
    let has_ignore_file = |folder: &Utf8Path| folder.join(".dockerignore").is_file();
    // `COPY . .` fits every folder. Where one above has the ignore file, that one may be meant as well.
    if wanted.is_empty()
        && let Some(found) = found
        && !has_ignore_file(found)
        && folders.iter().any(|folder| *folder != *found && has_ignore_file(folder))
    {
        return None;
    }
    let alone = folders.len() == 1 || has_ignore_file(&own);
    found.map(|folder| folder.to_path_buf()).or_else(|| alone.then(|| own.clone()))
}

/// What a Dockerfile takes out of its context, as far as it is plain paths.
fn wanted(parsed: &Dockerfile) -> Vec<String> {
    let transfers = parsed.stages.iter().flat_map(|stage| &stage.instructions).filter_map(|one| one.from_context());
    let paths = transfers.flat_map(|transfer| &transfer.sources).map(|source| source.text.as_str());
    let plain =
        paths.filter(|path| !path.contains(['$', '*', '?', '[']) && !path.contains("://") && !path.starts_with("git@"));
    plain
        .map(|path| path.trim_start_matches('/').to_owned())
        .filter(|path| !matches!(path.as_str(), "" | "." | "./"))
        .collect()
}

fn calls_cargo(parsed: &Dockerfile) -> bool {
    let runs = parsed.stages.iter().flat_map(super::model::Stage::runs);
    runs.flat_map(|(_, _, run)| &run.calls).any(|call| call.program() == "cargo" && call.has(&["build", "install"]))
}

/// What is in a context.
fn look(folder: &Utf8Path) -> ContextFolder {
    let mut entries = Vec::new();
    let mut walk = WalkDir::new(folder).min_depth(1).max_depth(DEPTH).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let Ok(entry) = entry else { continue };
        if is_passed_over(&entry) {
            walk.skip_current_dir();
        }
        let path = entry.path().strip_prefix(folder).ok().and_then(|path| path.to_str());
        let end = if entry.file_type().is_dir() { "/" } else { "" };
        entries.extend(path.map(|path| format!("{path}{end}")));
        if entries.len() > ENTRIES {
            break;
        }
    }
    let gitignore = fs_err::read(folder.join(".gitignore")).map(|bytes| text(&bytes)).unwrap_or_default();
    // One above the context is not sent.
    let toolchain = crate::workspace::toolchain_file(folder).ok().flatten();
    let toolchain = toolchain.filter(|toolchain| folder.join(&toolchain.file).starts_with(folder));
    let mentions_git = entries.iter().any(|entry| mentions_git(folder, entry));
    ContextFolder { entries, gitignore, toolchain, mentions_git }
}

/// Crates whose macros or build scripts ask the repository.
const ASK_GIT: &[&str] =
    &["vergen", "git2", "gix", "shadow-rs", "built =", "git-version", "git_version", "bugreport", "rustc-tools-util"];

fn mentions_git(folder: &Utf8Path, entry: &str) -> bool {
    let name = entry.rsplit('/').next().unwrap_or_default();
    let read = || fs_err::read_to_string(folder.join(entry)).unwrap_or_default();
    match name {
        "build.rs" => read().contains("git"),
        "Cargo.toml" => {
            let text = read();
            ASK_GIT.iter().any(|name| text.contains(name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with these files, and what is around one of them.
    fn loaded(files: &[(&str, &str)], dockerfile: &str) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir(root.join(".git")).unwrap();
        for (path, text) in files {
            fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs_err::write(root.join(path), text).unwrap();
        }
        load(&root.join(dockerfile), dockerfile).unwrap()
    }

    const ALL: &str = "FROM rust:1.95\nCOPY . .\n";

    #[test]
    fn a_context_that_could_be_another_folder_is_none() {
        let files = [(".dockerignore", "target\n"), ("tools/Dockerfile", ALL)];
        assert_eq!(loaded(&files, "tools/Dockerfile").context, None);
        let files = [("tools/.dockerignore", "target\n"), ("tools/Dockerfile", ALL)];
        assert!(loaded(&files, "tools/Dockerfile").context.is_some());
        assert!(loaded(&files[1..], "tools/Dockerfile").context.is_some());
    }

    #[test]
    fn a_toolchain_file_above_the_context_is_not_sent() {
        let files = [("rust-toolchain", "1.91\n"), ("tools/Dockerfile", ALL), ("Dockerfile", ALL)];
        let toolchain = |dockerfile: &str| loaded(&files, dockerfile).input.context.unwrap().toolchain;
        assert!(toolchain("tools/Dockerfile").is_none() && toolchain("Dockerfile").is_some());
    }

    #[test]
    fn names_of_dockerfiles() {
        for name in
            ["Dockerfile", "Dockerfile.alpine", "api.Dockerfile", "Containerfile", "dockerfile", "Dockerfile-dev"]
        {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in [
            "Dockerfile.dockerignore",
            "Dockerfile.orig",
            "Dockerfiles",
            "dockerfile.rs",
            "Dockerfile.j2",
            ".dockerignore",
        ] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
