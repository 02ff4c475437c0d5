//! Files and folders that a program reads while it runs: those of the usual names that lie in its package, or at the
//! workspace's root, and that its sources name. What a macro embeds at compile time is not among them.

use camino::{Utf8Path, Utf8PathBuf};

use crate::plan::model::Because;
use crate::workspace::{Member, Workspace};

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

/// Files of settings, by their extensions: libraries find `settings` as `settings.toml`.
const SETTINGS: &[&str] = &["ini", "json", "json5", "ron", "toml", "yaml", "yml"];

/// Files that tools read in a repository, whatever a program's strings say of them.
const TOOLS: &[&str] =
    &["Cargo.toml", "clippy.toml", "deny.toml", "package.json", "rust-toolchain.toml", "rustfmt.toml", "tsconfig.json"];

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

/// `settings`: whether the graph reads files of settings; `defaults`: what crates read where nobody tells them another path.
pub(super) fn find(
    workspace: &Workspace,
    member: &Member,
    settings: bool,
    defaults: Vec<(&str, Because)>,
) -> Vec<AssetFinding> {
    let literals = &member.sources.literals;
    let beside_manifest = literals.iter().any(|literal| literal.value == "CARGO_MANIFEST_DIR");
    let places = Places { bases: [&member.dir, &workspace.root], beside_manifest, settings };
    let mut found: Vec<AssetFinding> = Vec::new();
    for literal in literals {
        let Some((path, value)) = places.locate(&literal.value) else { continue };
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
    for (path, because) in defaults {
        let covered = |there: &Utf8PathBuf| found.iter().any(|other| there.starts_with(&other.path));
        if let Some(there) = places.first(path, |there| there.exists()).filter(|there| !covered(there)) {
            let because = Because { text: format!("{} in {path}", because.text), ..because };
            found.push(AssetFinding { path: there, literal: path.to_owned(), beside_manifest: false, because });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Where a program looks.
struct Places<'a> {
    /// Its package's folder, then the workspace's.
    bases: [&'a Utf8Path; 2],
    /// Whether it looks beside its manifest.
    beside_manifest: bool,
    /// Whether it reads files of settings.
    settings: bool,
}

impl Places<'_> {
    fn first(&self, name: &str, fits: impl Fn(&Utf8PathBuf) -> bool) -> Option<Utf8PathBuf> {
        self.bases.into_iter().map(|base| base.join(name)).find(fits)
    }

    /// A file of settings that is none of a tool's.
    fn file(&self, name: &str) -> Option<Utf8PathBuf> {
        let path = self.first(name, |path| path.is_file())?;
        (!path.file_name().is_some_and(|name| TOOLS.contains(&name))).then_some(path)
    }

    /// What a literal names, and under which name the program has it.
    fn locate(&self, literal: &str) -> Option<(Utf8PathBuf, String)> {
        let value = literal.trim_start_matches("./");
        // After CARGO_MANIFEST_DIR a path starts with `/`.
        let value = if self.beside_manifest { value.trim_start_matches('/') } else { value }.trim_end_matches('/');
        let parts = || value.split('/');
        let usual = parts().any(|part| NAMES.contains(&part));
        if parts().any(|part| matches!(part, "" | "..")) || !(usual || self.settings) {
            return None;
        }
        let belongs =
            |path: &Utf8PathBuf| path.exists() && !path.join("Cargo.toml").exists() && path.extension() != Some("rs");
        if usual && let Some(path) = self.first(value, belongs) {
            return Some((path, value.to_owned()));
        }
        if self.settings { self.setting(value, usual) } else { None }
    }

    /// `settings`, which a library finds as `settings.toml`, or a file's whole name.
    fn setting(&self, value: &str, usual: bool) -> Option<(Utf8PathBuf, String)> {
        let named = Utf8Path::new(value);
        if named.extension().is_some_and(|extension| SETTINGS.contains(&extension)) {
            return self.file(value).map(|path| (path, value.to_owned()));
        }
        let (name, path) = SETTINGS.iter().find_map(|extension| {
            let name = format!("{value}.{extension}");
            self.file(&name).map(|path| (name, path))
        })?;
        // Beside `config/default` lie the files for other environments, whose names come from the environment.
        match (path.parent(), named.parent()) {
            (Some(folder), Some(parent)) if usual && !parent.as_str().is_empty() => {
                Some((folder.to_owned(), parent.to_string()))
            }
            _ => Some((path, name)),
        }
    }
}
