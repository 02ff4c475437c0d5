//! Finds Dockerfiles, and what lies around them.

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use super::companions::{self, Lying};
use super::{ContextFolder, Input, Source, place};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::folder_of;
use crate::{limits, regular};

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
    let text = text(&regular::read(file, &limits::WRITTEN).map_err(unreadable)?);
    let parsed = super::parse(&text).unwrap_or_default();
    let own = folder_of(file).canonicalize_utf8().ok();
    let folders = own.as_deref().map(place::above).unwrap_or_default();
    let companions = match (file.canonicalize_utf8(), folders.last()) {
        (Ok(file), Some(top)) => companions::building(&file, top, &lying(&folders, &file, shown)),
        _ => Vec::new(),
    };
    let context = place::context(&folders, &parsed, &companions);
    let ignore_file = ignore_file(file, context.as_deref());
    let ignore = ignore_file.as_ref().and_then(|path| {
        let name = shown_beside(path, file, shown);
        Some(Source { path: name, text: self::text(&regular::read(path, &limits::WRITTEN).ok()?) })
    });
    let folder = context.as_deref().map(look);
    let dockerfile = Source { path: shown.to_owned(), text };
    let input = Input { ignore, context: folder, companions, ..Input::alone(dockerfile) };
    Ok(Loaded { input, file: Some(file.to_owned()), context, ignore_file })
}

/// The folder that a Dockerfile is built in, where that can be told: by compose and bake files that build it, or by what it copies.
pub fn context_of(file: &Utf8Path, parsed: &super::model::Dockerfile) -> Option<Utf8PathBuf> {
    let file = file.canonicalize_utf8().ok()?;
    let folders = place::above(folder_of(&file));
    let top = folders.last()?;
    let companions = companions::building(&file, top, &lying(&folders, &file, file.as_str()));
    place::context(&folders, parsed, &companions)
}

/// Whether a Dockerfile has cargo compile something.
pub fn calls_cargo(parsed: &super::model::Dockerfile) -> bool {
    place::calls_cargo(parsed)
}

/// Compose and bake files in a Dockerfile's folder and in those above it.
fn lying(folders: &[&Utf8Path], file: &Utf8Path, shown: &str) -> Vec<Lying> {
    let paths = folders.iter().flat_map(|folder| companions_in(folder));
    let read = paths.filter_map(|path| {
        let text = text(&regular::read(&path, &limits::WRITTEN).ok()?);
        let source = Source { path: shown_beside(&path, file, shown), text };
        Some(Lying { path, source })
    });
    read.collect()
}

/// The compose and bake files of one folder.
fn companions_in(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let named = entries.filter(|entry| companions::is_companion(entry.file_name()));
    let mut paths: Vec<Utf8PathBuf> =
        named.map(camino::Utf8DirEntry::into_path).filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

/// The Dockerfiles that compose and bake files of a folder build, below that folder.
pub fn named(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(real) = folder.canonicalize_utf8() else { return Vec::new() };
    let texts = companions_in(&real)
        .into_iter()
        .filter_map(|path| Some((text(&regular::read(&path, &limits::WRITTEN).ok()?), path)));
    let said = texts.flat_map(|(text, path)| companions::dockerfiles(&path, &text));
    let inside = said.filter_map(|path| Some(path.strip_prefix(&real).ok()?.to_owned()));
    let ours = inside.filter(|path| path.components().all(|part| !PASSED_OVER.contains(&part.as_str())));
    let mut found: Vec<Utf8PathBuf> = ours.map(|path| folder.join(path)).filter(|path| path.is_file()).collect();
    found.sort();
    found.dedup();
    found
}

/// A Dockerfile from somewhere else, with nothing around it.
pub fn alone(shown: &str, text: String) -> Loaded {
    let input = Input::alone(Source { path: shown.to_owned(), text });
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
    let gitignore =
        regular::read(&folder.join(".gitignore"), &limits::WRITTEN).map(|bytes| text(&bytes)).unwrap_or_default();
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
    let read = || regular::read(&folder.join(entry), &limits::WRITTEN).map(|bytes| text(&bytes)).unwrap_or_default();
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

    /// The context of `docker/Dockerfile`, as a folder of its repository; `-`: none.
    fn context(files: &[(&str, &str)]) -> String {
        let base = [("docker/Dockerfile", ALL), ("app/Cargo.toml", ""), ("Cargo.toml", "")];
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
        fs_err::create_dir(root.join(".git")).unwrap();
        for (path, text) in base.iter().chain(files) {
            fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs_err::write(root.join(path), text).unwrap();
        }
        let loaded = load(&root.join("docker/Dockerfile"), "docker/Dockerfile").unwrap();
        loaded.context.map_or("-".to_owned(), |context| context.strip_prefix(&root).unwrap().to_string())
    }

    #[test]
    fn compose_and_bake_files_say_the_context() {
        let compose = |build: &str| format!("services:\n  api:\n    build: {build}\n");
        let bake = |body: &str| format!("target \"api\" {{\n{body}\n}}\n");
        let app = "{ context: app, dockerfile: ../docker/Dockerfile }";
        let up = "context = \"app\"\ndockerfile = \"../docker/Dockerfile\"";
        assert_eq!(context(&[]), "docker");
        assert_eq!(context(&[("compose.yaml", &compose(app))]), "app");
        assert_eq!(context(&[("docker/compose.yaml", &compose("{ context: .., dockerfile: docker/Dockerfile }"))]), "");
        assert_eq!(context(&[("docker-bake.hcl", &bake(up))]), "app");
        // Bake goes by the folder that somebody stands in, which only the repository's top can be here.
        let top = bake("dockerfile = \"docker/Dockerfile\"");
        assert_eq!(context(&[("docker/docker-bake.hcl", &top)]), "");
        // What has another Dockerfile says nothing of this one, and neither does a variable.
        assert_eq!(context(&[("compose.yaml", &compose("app"))]), "docker");
        assert_eq!(context(&[("compose.yaml", &compose("\"${WHERE}\""))]), "docker");
        // A folder that is not there is none.
        let lost = compose("{ context: lost, dockerfile: ../docker/Dockerfile }");
        assert_eq!(context(&[("compose.yaml", &lost)]), "docker");
    }

    #[test]
    fn what_is_said_in_two_ways_is_not_said() {
        let one = "services:\n  a:\n    build: { context: app, dockerfile: ../docker/Dockerfile }\n";
        let two = "services:\n  b:\n    build: { context: ., dockerfile: docker/Dockerfile }\n";
        assert_eq!(context(&[("compose.yaml", one), ("docker-compose.yml", two)]), "-");
        assert_eq!(context(&[("compose.yaml", one), ("docker-compose.yml", one)]), "app");
        // Both folders have a Dockerfile that this could be.
        let bake = "target \"a\" {\n  context = \".\"\n}\n";
        let other = [("Dockerfile", ALL), (".dockerignore", ""), ("docker/docker-bake.hcl", bake)];
        assert_eq!(context(&other), "-");
        // What it copies lies elsewhere.
        let copies = ("docker/Dockerfile", "FROM a\nCOPY docker/Dockerfile /\n");
        assert_eq!(context(&[copies]), "");
        assert_eq!(context(&[copies, ("compose.yaml", one)]), "-");
    }

    #[test]
    fn parts_of_a_build_are_no_builds() {
        // Alone, the override would be one of `docker/Dockerfile` in `docker`.
        let whole = "services:\n  a:\n    build: { context: ../app }\n";
        let part = "services:\n  a:\n    build: { target: dev }\n";
        let files = [("docker/compose.yaml", whole), ("docker/compose.override.yaml", part)];
        let named = |files: &[(&str, &str)]| {
            let all: Vec<_> =
                [("docker/Dockerfile", ALL), ("app/Dockerfile", ALL)].iter().chain(files).copied().collect();
            loaded(&all, "docker/Dockerfile").input.companions.len()
        };
        assert_eq!(named(&files), 0);
        assert_eq!(named(&files[1..]), 1);
        let bake = "target \"common\" {\n  args = {}\n}\ntarget \"a\" {\n  inherits = [\"common\"]\n  context = \"../app\"\n}\n";
        assert_eq!(named(&[("docker/docker-bake.hcl", bake)]), 0);
        let extends = "services:\n  a:\n    extends: { file: x.yaml, service: a }\n    build: { target: dev }\n";
        assert_eq!(named(&[("docker/compose.yaml", extends)]), 0);
    }

    #[test]
    fn dockerfiles_that_compose_and_bake_files_name() {
        let compose = "services:\n  a:\n    build: { dockerfile: docker/api.docker }\n  b:\n    build: ./gone\n  c:\n    build: ../out\n  d:\n    build: vendor/d\n";
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        for (path, text) in [("compose.yaml", compose), ("docker/api.docker", ALL), ("vendor/d/Dockerfile", ALL)] {
            fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs_err::write(root.join(path), text).unwrap();
        }
        assert_eq!(named(root), [root.join("docker/api.docker")]);
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
