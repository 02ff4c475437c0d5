//! What the build context leaves out, and what it must not leave out.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde::Deserialize;

use super::model::{Because, Context, Git, IgnoreRule};
use crate::config::Settings;
use crate::failure::{Failure, Kind, Result};
use crate::ignore::Matcher;
use crate::pins::FILE;
use crate::workspace::{Workspace, normal, relative};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// In `.git`, where that is sent.
    git: Vec<String>,
    section: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    title: String,
    leave: Vec<String>,
    #[serde(default)]
    keep: Vec<String>,
    #[serde(default)]
    here: bool,
}

pub(super) fn decide(
    workspace: &Workspace,
    settings: &Settings,
    context: &Context,
    git: &Git,
) -> Result<Vec<IgnoreRule>> {
    let source: Source = toml::from_str(include_str!("ignore.toml")).map_err(internal)?;
    let rule = |pattern: String, section: &str| IgnoreRule { pattern, section: section.to_owned(), because: None };
    let mut rules = Vec::new();
    if context.path != "." {
        let section = "The workspace, and what it needs from beside it";
        rules.push(rule("*".to_owned(), section));
        for kept in std::iter::once(&context.workspace).chain(&context.local) {
            rules.push(rule(format!("!{kept}"), section));
        }
    }
    for section in &source.section {
        for pattern in &section.leave {
            let at_root = section.here && context.workspace != ".";
            let pattern = if at_root { format!("{}/{pattern}", context.workspace) } else { pattern.clone() };
            rules.push(rule(pattern, &section.title));
        }
        rules.extend(section.keep.iter().map(|pattern| rule(format!("!{pattern}"), &section.title)));
    }
    let root = normal(&workspace.root.join(&context.path));
    if workspace.pins.is_some() {
        // Its digests are in the files that a build reads; a database's would only make the sources other ones.
        rules.push(rule(context.inside(FILE), "What images are pinned to"));
    }
    let left_out = Matcher::new(rules.iter().map(|rule| rule.pattern.as_str()))?;
    // Of a folder that is sent anyway, a line for its files is needed.
    let keep = |path: &Utf8Path| {
        let files = !left_out.matches(path) && root.join(path).is_dir();
        format!("!{path}{}", if files { "/**" } else { "" })
    };
    let mut kept: Vec<IgnoreRule> = Vec::new();
    // cargo holds vendored packages against their checksums: whatever they are called, their files are all there.
    for vendored in &workspace.cargo_config.vendored {
        let pattern = keep(&relative(&root, vendored));
        let section = "Vendored packages, with every file that their checksums name";
        let because = Because::new("cargo-config", format!("{} names the folder", workspace.cargo_config.file));
        kept.push(IgnoreRule { pattern, section: section.to_owned(), because: Some(because) });
    }
    for member in &workspace.members {
        let path = relative(&root, &member.dir);
        if left_out.matches(&path) {
            let because = Because::new("member", format!("{} is a member of the workspace", member.name));
            let section = "Packages in folders of these names".to_owned();
            kept.push(IgnoreRule { pattern: keep(&path), section, because: Some(because) });
        }
    }
    // A folder is compiled in whole, whatever its files are called.
    let drops = |path: &str| {
        let inside = walkdir::WalkDir::new(root.join(path)).into_iter().flatten();
        let mut paths = inside.filter_map(|entry| Some(relative(&root, Utf8Path::from_path(entry.path())?)));
        left_out.matches(path) || paths.any(|path| left_out.matches(&path))
    };
    let dropped = inputs(workspace, settings, context, &root).into_iter().filter(|(path, _)| drops(path));
    for (path, because) in dropped.chain(fixtures(workspace, &root, &left_out)) {
        let pattern = keep(Utf8Path::new(&path));
        if !kept.iter().any(|rule| rule.pattern == pattern) {
            let section = "What the build reads all the same".to_owned();
            kept.push(IgnoreRule { pattern, section, because: Some(because) });
        }
    }
    rules.extend(kept);
    if let (Some(because), Some(top)) = (&git.folder, &workspace.repository) {
        let folder = relative(&root, &top.join(".git"));
        let section = "The repository, without what it keeps to itself";
        rules.push(IgnoreRule { because: Some(because.clone()), ..rule(format!("!{folder}"), section) });
        rules.extend(source.git.iter().map(|private| rule(format!("{folder}/{private}"), section)));
    }
    Ok(rules)
}

/// What every ignore file of ours leaves out.
pub(super) fn always() -> Result<Matcher> {
    let source: Source = toml::from_str(include_str!("ignore.toml")).map_err(internal)?;
    let mut patterns = Vec::new();
    for section in source.section {
        patterns.extend(section.leave);
        patterns.extend(section.keep.into_iter().map(|pattern| format!("!{pattern}")));
    }
    Matcher::new(patterns.iter().map(String::as_str))
}

/// What tests read and a pattern drops, relative to the context: where that is a whole folder, the folder.
fn fixtures(workspace: &Workspace, root: &Utf8Path, left_out: &Matcher) -> Vec<(String, Because)> {
    let mut found: Vec<(String, Because)> = Vec::new();
    for member in &workspace.members {
        for input in &member.sources.fixtures {
            let path = relative(root, &input.path);
            if !left_out.matches(path.as_str()) {
                continue;
            }
            let dropped = path.ancestors().filter(|path| !path.as_str().is_empty() && left_out.matches(path.as_str()));
            let path = dropped.last().unwrap_or(&path).to_string();
            if found.iter().any(|(known, _)| *known == path) {
                continue;
            }
            let file = workspace.place(&input.file, input.line);
            let text = format!("{} in {file}", input.how);
            let krate = Some(format!("{} {}", member.name, member.version));
            found.push((path, Because { text, krate, rule: "test-fixture".to_owned(), file: Some(file) }));
        }
    }
    gathered(&found)
}

/// So many files of one name are kept by one line.
const MANY: usize = 4;

/// One pattern in place of many files of one name, such as the cases of a test.
fn gathered(found: &[(String, Because)]) -> Vec<(String, Because)> {
    let key = |(path, because): &(String, Because)| {
        (because.text.clone(), Utf8Path::new(path).file_name().unwrap_or_default().to_owned())
    };
    let mut by_name: BTreeMap<_, Vec<&Utf8Path>> = BTreeMap::new();
    for file in found {
        by_name.entry(key(file)).or_default().extend(Utf8Path::new(&file.0).parent());
    }
    let pattern = |folders: &[&Utf8Path], name: &str| {
        let common = folders.first()?.ancestors().find(|common| folders.iter().all(|one| one.starts_with(common)))?;
        // A pattern for the whole tree would keep more than tests have.
        (folders.len() >= MANY && !common.as_str().is_empty()).then(|| format!("{common}/**/{name}"))
    };
    let patterns: BTreeMap<_, _> = by_name
        .into_iter()
        .filter_map(|(key, folders)| {
            let pattern = pattern(&folders, &key.1)?;
            Some((key, pattern))
        })
        .collect();
    let mut seen = BTreeSet::new();
    let named = found
        .iter()
        .map(|file| patterns.get(&key(file)).map_or_else(|| file.clone(), |pattern| (pattern.clone(), file.1.clone())));
    named.filter(|(path, _)| seen.insert(path.clone())).collect()
}

/// What the build reads besides sources, relative to the context, whose root is `root`, with who reads it.
fn inputs(workspace: &Workspace, settings: &Settings, context: &Context, root: &Utf8Path) -> Vec<(String, Because)> {
    let mut inputs = Vec::new();
    for member in &workspace.members {
        for input in &member.sources.inputs {
            let path = relative(root, &input.path).into_string();
            // Outside the context, or the context itself: no line can speak of it.
            if path.is_empty() || path.starts_with("..") || path.starts_with('/') || !input.path.exists() {
                continue;
            }
            let file = workspace.place(&input.file, input.line);
            let text = format!("{} in {file}", input.how);
            let krate = Some(format!("{} {}", member.name, member.version));
            inputs.push((path, Because { text, krate, rule: "build-input".to_owned(), file: Some(file) }));
        }
    }
    if let Some(file) = workspace.cainfo() {
        let because = Because::new("cargo-config", format!("http.cainfo in {}", workspace.cargo_config.file));
        inputs.push((relative(root, file).into_string(), because));
    }
    for member in &workspace.members {
        for file in settings.of(&member.name).extra_ca {
            let because = Because::new("metadata", "extra-ca in the metadata");
            inputs.push((context.inside(&file), because));
        }
    }
    for file in &settings.workspace.build_ca {
        let because = Because::new("metadata", "build-ca in the metadata");
        inputs.push((context.inside(file), because));
    }
    inputs.sort();
    inputs
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(Kind::Internal, "the table of ignored patterns cannot be used").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_of_one_name_are_one_line() {
        let because = Because::new("test-fixture", "`Dockerfile` in tests/all.rs");
        let file = |path: &str| (path.to_owned(), because.clone());
        let few = vec![file("tests/a/Dockerfile"), file("tests/b/Dockerfile"), file("tests/.env")];
        assert_eq!(gathered(&few), few);
        let many = ["a/x", "a/y", "b/x", "c"].map(|case| file(&format!("tests/cases/{case}/Dockerfile")));
        let all: Vec<_> = many.into_iter().chain([file("tests/.env")]).collect();
        let patterns: Vec<String> = gathered(&all).into_iter().map(|(path, _)| path).collect();
        assert_eq!(patterns, ["tests/cases/**/Dockerfile", "tests/.env"]);
    }

    #[test]
    fn secrets_stay_out_and_modules_called_target_in() {
        let source: Source = toml::from_str(include_str!("ignore.toml")).unwrap();
        let mut rules = Vec::new();
        for section in source.section {
            let rule = |pattern| IgnoreRule { pattern, section: String::new(), because: None };
            rules.extend(section.leave.into_iter().map(rule));
            rules.extend(section.keep.into_iter().map(|pattern| rule(format!("!{pattern}"))));
        }
        let matcher = Matcher::new(rules.iter().map(|rule| rule.pattern.as_str())).unwrap();
        for out in [
            ".env",
            "a/.env.local",
            "certs/key.pem",
            ".git/config",
            "target/debug/x",
            "a/target",
            ".ssh/id_rsa",
            "deploy_key",
            "infra/terraform.tfstate",
        ] {
            assert!(matcher.matches(out), "{out}");
        }
        for kept in [
            ".env.example",
            "README.md",
            "docs/a.md",
            "src/main.rs",
            "src/target/mod.rs",
            "a/src/b/target/x.rs",
            "a/README.md",
            "Cargo.lock",
        ] {
            assert!(!matcher.matches(kept), "{kept}");
        }
    }
}
