//! Folders that a program compiles in and that are not there. Mostly a front end has not been built, which the compiler would say after
//! all dependencies.

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

use super::inputs::members;
use crate::failure::{Failure, Kind, Place, Result};
use crate::plan::model::Because;
use crate::workspace::{BinaryGraph, Input, Member, Workspace};

/// What takes a folder in that must be there, and the crates that do it.
const EMBEDS: &[(&str, &[&str])] =
    &[("#[folder]", &["rust-embed", "rust-embed-for-web"]), ("include_dir!", &["include_dir"])];

/// Lock files of package managers, and how each of them builds.
const BUILDS: &[(&str, &str)] = &[
    ("pnpm-lock.yaml", "pnpm install && pnpm run build"),
    ("yarn.lock", "yarn install && yarn run build"),
    ("bun.lock", "bun install && bun run build"),
    ("bun.lockb", "bun install && bun run build"),
    ("package.json", "npm install && npm run build"),
];

/// Folders of which somebody has to see to it that they are there.
///
/// # Errors
/// One is not there, and nothing in its package could make it.
pub(super) fn missing(workspace: &Workspace, graph: &BinaryGraph) -> Result<Vec<Because>> {
    let mut notes = Vec::new();
    for member in members(workspace, graph) {
        for input in member.sources.inputs.iter().filter(|input| is_missing(member, graph, input)) {
            let folder = workspace.relative(&input.path);
            let place = workspace.place(&input.file, input.line);
            let what = format!("{} embeds the folder `{folder}` ({} in {place})", member.name, input.how);
            let mut own = graph.find(&member.name).iter().filter(|package| package.local);
            let why = if own.any(|package| package.build_script.is_some()) {
                "its build script has to make it"
            } else if is_conditional(member, &input.file) {
                "it is needed where the feature is on that this code hangs on"
            } else {
                return Err(refusal(workspace, input, &format!("{what}, which is not there")));
            };
            let text = format!("{what}, which is not there: {why}");
            notes.push(Because { text, krate: None, rule: "embedded-folder".to_owned(), file: Some(place) });
        }
    }
    Ok(notes)
}

fn is_missing(member: &Member, graph: &BinaryGraph, input: &Input) -> bool {
    let is_there = |krate: &&str| !graph.find(krate).is_empty();
    let embeds = EMBEDS.iter().any(|(how, crates)| *how == input.how && crates.iter().any(is_there));
    let inside = input.file.strip_prefix(&member.dir).ok().and_then(|path| path.components().next());
    let is_program = !inside.is_some_and(|first| ["tests", "examples", "benches"].contains(&first.as_str()));
    // rust-embed's `#[allow_missing = true]`.
    embeds && is_program && !input.path.exists() && !read(&input.file).contains("allow_missing")
}

fn read(file: &Utf8Path) -> String {
    fs_err::read_to_string(file).unwrap_or_default()
}

/// Whether code hangs on a feature: the file itself, or the line that declares its module.
fn is_conditional(member: &Member, file: &Utf8Path) -> bool {
    let feature = r"#!?\[cfg\([^\]]*feature[^\]]*\]";
    if Regex::new(feature).is_ok_and(|feature| feature.is_match(&read(file))) {
        return true;
    }
    let module = match file.file_stem() {
        Some("mod") => file.parent().and_then(Utf8Path::file_name),
        stem => stem,
    };
    let Some(module) = module else { return false };
    let declared = format!(r"{feature}\s*(#\[[^\]]*\]\s*)*(pub(\([^)]*\))?\s+)?mod\s+{}\s*;", regex::escape(module));
    let Ok(declared) = Regex::new(&declared) else { return false };
    let sources = walkdir::WalkDir::new(member.dir.join("src")).into_iter().flatten();
    let mut sources = sources.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok());
    sources.any(|path| path.extension() == Some("rs") && declared.is_match(&read(&path)))
}

fn refusal(workspace: &Workspace, input: &Input, text: &str) -> Failure {
    let source = read(&input.file);
    let start: usize = source.split_inclusive('\n').take(input.line.saturating_sub(1)).map(str::len).sum();
    let line = source[start..].lines().next().unwrap_or_default();
    let span = start + line.len() - line.trim_start().len()..start + line.len();
    let place = Place {
        file: workspace.relative(&input.file),
        text: source.clone(),
        span,
        label: "the compiler reads the folder".to_owned(),
    };
    let failure = Failure::new(Kind::Workspace, text).at(place);
    let top = workspace.repository.as_ref().unwrap_or(&workspace.root);
    let mut above = input.path.ancestors().skip(1).take_while(|folder| folder.starts_with(top));
    match above.find(|folder| folder.join("package.json").is_file()) {
        Some(project) => {
            let build = BUILDS.iter().find(|(file, _)| project.join(file).is_file()).map_or("", |(_, build)| *build);
            let shown = workspace.relative(project);
            failure.help(format!("build the front end first: `{build}` in `{shown}`, whose package.json is there"))
        }
        None => failure.help("make the folder before the image is built: it is sent to the build as it is"),
    }
}
