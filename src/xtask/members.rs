//! The root manifest takes the crate in, and cargo goes on to mean what it meant: `cargo run` and `cargo build` without a name.

use camino::Utf8Path;
use globset::GlobBuilder;

use super::record::Record;
use super::{ALL_BUT_XTASK, WORKSPACE, home, toml_text};
use crate::workspace::{Workspace, relative};

/// The manifest with the crate as a member. None: it has a form that cannot be extended.
pub(super) fn take_in(workspace: &Workspace, record: &mut Record) -> Option<String> {
    let text = &workspace.manifest;
    let manifest = text.parse::<toml::Table>().ok()?;
    let Some(table) = manifest.get("workspace").and_then(toml::Value::as_table) else {
        return Some(become_root(workspace, record));
    };
    let strings = |key: &str| -> Option<Vec<String>> {
        Some(table.get(key)?.as_array()?.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
    };
    let patterns = strings("members");
    let listed = patterns.clone().unwrap_or_default();
    let excluded =
        strings("exclude").is_some_and(|names| names.iter().any(|name| Utf8Path::new(home::FOLDER).starts_with(name)));
    let mut text = text.clone();
    if excluded || !covers(&listed, home::FOLDER) {
        let new = match patterns {
            Some(_) => toml_text::insert_element(&text, WORKSPACE, "members", home::FOLDER),
            None => toml_text::insert_lines(&text, WORKSPACE, None, &[list("members", &[home::FOLDER.to_owned()])]),
        };
        record.add(if patterns.is_some() { "member" } else { "members" });
        text = new?;
    }
    if manifest.contains_key("package") || table.contains_key("default-members") {
        return Some(text);
    }
    // Without the key all members are default ones, and `cargo run` would not know which.
    let folders: Vec<String> = workspace.members.iter().map(|member| workspace.relative(&member.dir)).collect();
    let lines = [ALL_BUT_XTASK.to_owned(), list("default-members", &defaults(&listed, &folders))];
    record.add("default-members");
    toml_text::insert_lines(&text, WORKSPACE, Some("members"), &lines)
}

/// A package that stands alone becomes the root of a workspace. Packages in folders of its own go on to stand alone.
fn become_root(workspace: &Workspace, record: &mut Record) -> String {
    record.add("workspace");
    let mut lines = vec!["[workspace]".to_owned(), list("members", &[home::FOLDER.to_owned()])];
    let alone = packages_below(&workspace.root, &workspace.target_dir);
    if !alone.is_empty() {
        lines.push(list("exclude", &alone));
    }
    toml_text::append(&workspace.manifest, &lines)
}

/// Folders below the root with a manifest that belongs to no workspace.
fn packages_below(root: &Utf8Path, target: &Utf8Path) -> Vec<String> {
    let hidden = |entry: &walkdir::DirEntry| {
        entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.')
            || entry.path() == target.as_std_path()
    };
    let mut found: Vec<String> = Vec::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).into_iter().filter_entry(|entry| !hidden(entry)).flatten() {
        let Some(path) = Utf8Path::from_path(entry.path()).filter(|path| path.file_name() == Some("Cargo.toml")) else {
            continue;
        };
        let manifest = fs_err::read_to_string(path).ok().and_then(|text| text.parse::<toml::Table>().ok());
        let folder = relative(root, path.parent().unwrap_or(root)).into_string();
        let alone =
            manifest.is_some_and(|manifest| manifest.contains_key("package") && !manifest.contains_key("workspace"));
        if alone && !folder.is_empty() {
            found.push(folder);
        }
    }
    found.sort();
    // What lies in an excluded folder is excluded with it.
    let all = found.clone();
    found.retain(|folder| !all.iter().any(|other| other != folder && Utf8Path::new(folder).starts_with(other)));
    found
}

/// The patterns that the members have, and members that none of them covers; folders where a pattern covers the crate as well.
fn defaults(patterns: &[String], folders: &[String]) -> Vec<String> {
    if covers(patterns, home::FOLDER) {
        return folders.to_vec();
    }
    let uncovered = folders.iter().filter(|folder| !covers(patterns, folder));
    patterns.iter().chain(uncovered).cloned().collect()
}

fn covers(patterns: &[String], folder: &str) -> bool {
    patterns.iter().any(|pattern| {
        let plain = pattern.trim_start_matches("./").trim_end_matches('/');
        let glob = GlobBuilder::new(plain).literal_separator(true).build();
        plain == folder || glob.is_ok_and(|glob| glob.compile_matcher().is_match(folder))
    })
}

/// `key = ["a", "b"]`, in lines of their own where it would be a long one.
fn list(key: &str, items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| toml_edit::Value::from(item.as_str()).to_string()).collect();
    let line = format!("{key} = [{}]", quoted.join(", "));
    if line.len() <= 100 { line } else { format!("{key} = [\n    {},\n]", quoted.join(",\n    ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_what_they_were() {
        let all = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        assert_eq!(defaults(&all(&["crates/*"]), &all(&["crates/a", "crates/b"])), ["crates/*"]);
        assert_eq!(defaults(&all(&["a"]), &all(&["a", "libs/b"])), ["a", "libs/b"], "a path dependency is a member");
        assert_eq!(defaults(&all(&["*"]), &all(&["a", "b"])), ["a", "b"]);
        assert!(!covers(&all(&["crates/*"]), "crates/a/b"));
    }
}
