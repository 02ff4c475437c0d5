//! What the build context leaves out, and what it must not leave out.

use camino::Utf8Path;
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;

use super::model::{Because, Context, Git, IgnoreRule};
use crate::config::Settings;
use crate::failure::{Failure, Kind, Result};
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
    let left_out = Matcher::new(&rules)?;
    let mut kept: Vec<IgnoreRule> = Vec::new();
    let root = normal(&workspace.root.join(&context.path));
    // cargo holds vendored packages against their checksums: whatever they are called, their files are all there.
    for vendored in &workspace.cargo_config.vendored {
        let pattern = format!("!{}", relative(&root, vendored));
        let section = "Vendored packages, with every file that their checksums name";
        let because = Because::new("cargo-config", format!("{} names the folder", workspace.cargo_config.file));
        kept.push(IgnoreRule { pattern, section: section.to_owned(), because: Some(because) });
    }
    for (path, because) in inputs(workspace, settings, context, &root) {
        if left_out.matches(&path) && !kept.iter().any(|rule| rule.pattern == format!("!{path}")) {
            let section = "What the build reads all the same".to_owned();
            kept.push(IgnoreRule { pattern: format!("!{path}"), section, because: Some(because) });
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

/// Docker's matching: the last line that matches a path or a folder above it decides.
struct Matcher(Vec<(GlobMatcher, bool)>);

impl Matcher {
    fn new(rules: &[IgnoreRule]) -> Result<Self> {
        let matcher = |rule: &IgnoreRule| {
            let (pattern, keep) = match rule.pattern.strip_prefix('!') {
                Some(pattern) => (pattern, true),
                None => (rule.pattern.as_str(), false),
            };
            let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(internal)?;
            Ok((glob.compile_matcher(), keep))
        };
        rules.iter().map(matcher).collect::<Result<_>>().map(Self)
    }

    fn matches(&self, path: &str) -> bool {
        let mut out = false;
        for (glob, keep) in &self.0 {
            if Utf8Path::new(path).ancestors().any(|part| !part.as_str().is_empty() && glob.is_match(part)) {
                out = !keep;
            }
        }
        out
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(Kind::Internal, "the table of ignored patterns cannot be used").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_out_and_modules_called_target_in() {
        let source: Source = toml::from_str(include_str!("ignore.toml")).unwrap();
        let mut rules = Vec::new();
        for section in source.section {
            let rule = |pattern| IgnoreRule { pattern, section: String::new(), because: None };
            rules.extend(section.leave.into_iter().map(rule));
            rules.extend(section.keep.into_iter().map(|pattern| rule(format!("!{pattern}"))));
        }
        let matcher = Matcher::new(&rules).unwrap();
        for out in [
            ".env",
            "a/.env.local",
            "certs/key.pem",
            ".git/config",
            "target/debug/x",
            "a/target",
            "README.md",
            ".ssh/id_rsa",
        ] {
            assert!(matcher.matches(out), "{out}");
        }
        for kept in
            [".env.example", "src/main.rs", "src/target/mod.rs", "a/src/b/target/x.rs", "a/README.md", "Cargo.lock"]
        {
            assert!(!matcher.matches(kept), "{kept}");
        }
    }
}
