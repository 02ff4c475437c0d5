//! Files and folders that a program reads while it runs: those of the usual names that lie in its package, or at the
//! workspace's root, and that its sources name. What a macro embeds at compile time is not among them.

use camino::Utf8PathBuf;

use crate::plan::model::Because;
use crate::workspace::{Literal, Member, Workspace};

/// Names under which projects keep what their programs read. Other names go into the metadata table: a folder that
/// only happens to be named in a string must not end up in an image.
const NAMES: &[&str] = &[
    "assets",
    "conf",
    "config",
    "content",
    "dist",
    "html",
    "i18n",
    "lang",
    "locale",
    "locales",
    "migrations",
    "public",
    "res",
    "resources",
    "static",
    "templates",
    "themes",
    "translations",
    "views",
    "web",
    "www",
];

/// Where it is, and how the program names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFinding {
    /// Absolute.
    pub path: Utf8PathBuf,
    /// As in the source, without a leading `./`.
    pub literal: String,
    /// Whether the program looks beside its manifest (`CARGO_MANIFEST_DIR`), not in its working folder.
    pub beside_manifest: bool,
    /// Which literal, where.
    pub because: Because,
}

pub(super) fn find(workspace: &Workspace, member: &Member) -> Vec<AssetFinding> {
    let literals = &member.sources.literals;
    let beside_manifest = literals.iter().any(|literal| literal.value == "CARGO_MANIFEST_DIR");
    let mut found: Vec<AssetFinding> = Vec::new();
    for literal in literals {
        let Some((path, value)) = locate(workspace, member, literal, beside_manifest) else { continue };
        // A folder whose files are compiled in is not read at run time, though the sources name it.
        if member.sources.inputs.iter().any(|input| input.how.starts_with("include") && input.path.starts_with(&path)) {
            continue;
        }
        let covered = found.iter().any(|other| path.starts_with(&other.path));
        if covered {
            continue;
        }
        found.retain(|other| !other.path.starts_with(&path));
        let file = workspace.place(&literal.file, literal.line);
        found.push(AssetFinding {
            because: Because {
                text: format!("{} reads `{value}` ({file})", member.name),
                krate: Some(format!("{} {}", member.name, member.version)),
                rule: "asset-literal".to_owned(),
                file: Some(file),
            },
            path,
            literal: value,
            beside_manifest,
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn locate(
    workspace: &Workspace,
    member: &Member,
    literal: &Literal,
    beside_manifest: bool,
) -> Option<(Utf8PathBuf, String)> {
    let value = literal.value.trim_start_matches("./");
    // After CARGO_MANIFEST_DIR a path starts with `/`.
    let value = if beside_manifest { value.trim_start_matches('/') } else { value }.trim_end_matches('/');
    let parts: Vec<&str> = value.split('/').collect();
    let usual = parts.iter().any(|part| NAMES.contains(part));
    if value.starts_with('/') || parts.contains(&"..") || parts.contains(&"") || !usual {
        return None;
    }
    [&member.dir, &workspace.root]
        .into_iter()
        .map(|base| base.join(value))
        .find(|path| path.exists() && !path.join("Cargo.toml").exists() && path.extension() != Some("rs"))
        .map(|path| (path, value.to_owned()))
}
