//! What the build context lets in.

use super::runs;
use crate::ignore::Matcher;
use crate::lint::model::{Instruction, Span, Transfer};
use crate::lint::{Context, ContextFolder, Found, Where};

/// Where the whole context is taken in: a `COPY`, or a mount of it.
fn taken(context: &Context<'_>) -> Option<Span> {
    let copies = context.file.stages.iter().flat_map(|stage| &stage.instructions);
    let all = |one: &&Instruction| one.from_context().is_some_and(Transfer::takes_all);
    let mounts = || {
        runs(context.file).flat_map(|(_, _, _, run)| &run.mounts).find(|mount| {
            let source = mount.option("source").unwrap_or(".");
            mount.kind == "bind" && mount.option("from").is_none() && matches!(source, "." | "./" | "" | "/")
        })
    };
    copies.clone().find(all).map(|one| one.span.clone()).or_else(|| mounts().map(|mount| mount.span.clone()))
}

/// Whether the Dockerfile builds a program of Rust's.
pub(super) fn builds_rust(context: &Context<'_>) -> bool {
    let folder = context.input.context.as_ref().is_some_and(|folder| folder.has("Cargo.toml"));
    folder && runs(context.file).any(|(_, _, _, run)| run.calls.iter().any(|call| call.program() == "cargo"))
}

/// `COPY . .` without an ignore file.
pub(super) fn no_ignore_file(context: &Context<'_>, found: &mut Vec<Found>) {
    let (Some(span), Some(_), None) = (taken(context), &context.input.context, &context.input.ignore) else { return };
    let one = Found::at(span, "the whole folder is taken in, and no ignore file says what not");
    let one = one.label(".git, target, .env and all else that lies there");
    found.push(one.help("`cargo dockerize init` makes a .dockerignore from the workspace; by hand it begins with `.git`, `target` and `.env*`"));
}

/// What is in the ignore file's hands: the whole context is taken in, and there is such a file.
fn open<'a>(context: &'a Context<'_>) -> Option<(&'a ContextFolder, &'a Matcher)> {
    taken(context)?;
    Some((context.input.context.as_ref()?, context.ignore?))
}

/// The edit that puts a line below all others of an ignore file.
pub(super) fn more(text: &str, line: &str) -> (Span, String) {
    let end = text.trim_end().len();
    if end == 0 { (0..0, format!("{line}\n")) } else { (end..end, format!("\n{line}")) }
}

/// A finding at the end of the ignore file, whose fix is a line more.
fn missing(context: &Context<'_>, message: String, line: &str) -> Found {
    let text = context.input.ignore.as_ref().map_or("", |ignore| ignore.text.as_str());
    let end = text.trim_end().len();
    let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
    let one = Found::at(start..end, message).within(Where::Ignore).label("nothing up to here leaves it out");
    let (at, added) = more(text, line);
    one.help(format!("leave it out: `{line}`")).fix(at, added)
}

/// Names of files that hold secrets, and the line that leaves them out. Examples of them have names of their own.
const SECRETS: &[(&str, &str)] = &[
    (".env", "**/.env"),
    (".env.*", "**/.env.*"),
    ("*.key", "**/*.key"),
    ("*.p12", "**/*.p12"),
    ("*.pfx", "**/*.pfx"),
    ("*.jks", "**/*.jks"),
    ("*privkey*.pem", "**/*.pem"),
    ("*private*.pem", "**/*.pem"),
    ("*-key.pem", "**/*.pem"),
    ("key.pem", "**/*.pem"),
    ("id_rsa", "**/id_rsa*"),
    ("id_ed25519", "**/id_ed25519*"),
    (".netrc", "**/.netrc"),
    (".npmrc", "**/.npmrc"),
    (".git-credentials", "**/.git-credentials"),
    ("credentials.toml", "**/credentials.toml"),
];

/// Folders whose keys are for tests, and words in names of what is meant to be seen.
const HARMLESS: &[&str] = &[
    "test",
    "tests",
    "testing",
    "testdata",
    "test_data",
    "fixtures",
    "examples",
    "example",
    "sample",
    "samples",
    "template",
    "dist",
    "benches",
    "docs",
    "doc",
    "dev",
    "demo",
    "default",
    "defaults",
    "ci",
];

/// Files with secrets that come along.
pub(super) fn secrets(context: &Context<'_>, found: &mut Vec<Found>) {
    let Some((folder, ignore)) = open(context) else { return };
    for (pattern, line) in SECRETS {
        let Ok(matcher) = Matcher::new([*pattern]) else { continue };
        let named = |path: &&str| path.rsplit('/').next().is_some_and(|name| matcher.matches(name));
        let harmless = |path: &str| path.split(['/', '.', '-', '_']).any(|part| HARMLESS.contains(&part));
        let mut there = folder.entries.iter().map(String::as_str).filter(named);
        let file = there.find(|path| !harmless(path) && !ignore.matches(path));
        // What git keeps out because it holds secrets may not be there today.
        let expected = || {
            folder
                .gitignore
                .lines()
                .map(|line| line.trim().trim_start_matches('/'))
                .find(|line| *line == ".env" && *line == *pattern)
        };
        let file = file.or_else(|| expected().filter(|path| !ignore.matches(path)));
        let Some(file) = file else { continue };
        if !found.iter().any(|one| one.fix.iter().any(|edit| edit.text.trim() == *line)) {
            found.push(missing(context, format!("the context takes `{file}` along"), line));
        }
    }
}

/// The repository itself.
pub(super) fn git(context: &Context<'_>, found: &mut Vec<Found>) {
    let Some((folder, ignore)) = open(context) else { return };
    let asks_git = runs(context.file).flat_map(|(_, _, _, run)| &run.calls).any(|call| call.program() == "git");
    if folder.has(".git") && !folder.mentions_git && !asks_git && !ignore.matches(".git/HEAD") {
        let message =
            "the context takes `.git` along: every commit is another layer, and its configuration may hold a token";
        found.push(missing(context, message.to_owned(), ".git"));
    }
}

/// What cargo wrote here.
pub(super) fn target(context: &Context<'_>, found: &mut Vec<Found>) {
    let Some((_, ignore)) = open(context) else { return };
    if builds_rust(context) && !ignore.matches("target/release/app") {
        let message = "the context takes `target` along: gigabytes that this machine compiled for itself";
        found.push(missing(context, message.to_owned(), "target"));
    }
}
