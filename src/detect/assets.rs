//! Files and folders that a program reads while it runs: those that a call of its sources opens and that lie in its package, or at the
//! workspace's root. What a macro embeds at compile time is not among them.

use camino::{Utf8Path, Utf8PathBuf};

use crate::facts::source::{Base, Opened, ProgramFacts};
use crate::plan::model::{Answer, Because, Question};
use crate::workspace::{Input, Member, Workspace};

/// Names under which projects keep what their programs read. A folder that only happens to be named in a string does not go into an
/// image: it is asked about.
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

/// Whether a tool reads it.
fn is_tools(path: &Utf8Path) -> bool {
    path.file_name().is_some_and(|name| TOOLS.contains(&name))
}

/// Where it is, and how the program names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFinding {
    /// Absolute.
    pub path: Utf8PathBuf,
    /// As in the source, without a leading `./`.
    pub literal: String,
    /// Whether the program looks beside its manifest (`CARGO_MANIFEST_DIR`), not in its working folder.
    pub beside_manifest: bool,
    /// The link in another asset's folder that leads here, absolute: the program finds this in its place.
    pub link: Option<Utf8PathBuf>,
    /// Which literal, where.
    pub because: Because,
}

/// `opened`: what the program's calls open; `defaults`: what crates read where nobody tells them another path. Besides what it reads,
/// what it may read: a folder of a usual name that is also a word in its sources is no evidence, and becomes a note.
pub(super) fn find(
    workspace: &Workspace,
    member: &Member,
    opened: &ProgramFacts,
    defaults: Vec<(&str, Because)>,
) -> (Vec<AssetFinding>, Vec<Question>) {
    let places = Places { bases: [&member.dir, &workspace.root] };
    let mut found: Vec<AssetFinding> = Vec::new();
    for read in &opened.reads {
        let Some((path, literal)) = places.locate(workspace, read) else { continue };
        // A folder whose files are compiled in is not read at run time, and what the program writes is its own.
        let embedded = |input: &Input| input.how.starts_with("include") && input.path.starts_with(&path);
        let written = |write: &Opened| write.base == read.base && write.path == read.path;
        let covered = found.iter().any(|other| path.starts_with(&other.path));
        if covered || member.sources.inputs.iter().any(embedded) || opened.writes.iter().any(written) {
            continue;
        }
        found.retain(|other| !other.path.starts_with(&path));
        let file = workspace.place(&read.place.file, read.place.line);
        found.push(AssetFinding {
            because: Because {
                text: format!("{} reads `{literal}` ({file})", member.name),
                krate: Some(format!("{} {}", member.name, member.version)),
                rule: "asset-call".to_owned(),
                file: Some(file),
            },
            path,
            literal,
            beside_manifest: read.base == Base::Manifest,
            link: None,
        });
    }
    for (path, because) in defaults {
        let covered = |there: &Utf8PathBuf| found.iter().any(|other| there.starts_with(&other.path));
        if let Some(there) = places.first(path, |there| there.exists()).filter(|there| !covered(there)) {
            let because = Because { text: format!("{} in {path}", because.text), ..because };
            found.push(AssetFinding {
                path: there,
                literal: path.to_owned(),
                beside_manifest: false,
                link: None,
                because,
            });
        }
    }
    let mut found: Vec<AssetFinding> = found.into_iter().flat_map(without_local).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let links: Vec<AssetFinding> = found.iter().flat_map(|asset| links(workspace, asset)).collect();
    found.extend(links);
    let questions = questions(workspace, member, &places, &found, opened);
    (found, questions)
}

/// A folder, or in its place what it holds besides the settings of a developer's own machine (`local.yaml`).
fn without_local(asset: AssetFinding) -> Vec<AssetFinding> {
    let entries = asset.path.read_dir_utf8().into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
    if !names.iter().any(|name| is_local(name)) {
        return vec![asset];
    }
    names.sort();
    let kept = names.into_iter().filter(|name| !is_local(name));
    kept.map(|name| AssetFinding {
        path: asset.path.join(&name),
        literal: format!("{}/{name}", asset.literal),
        ..asset.clone()
    })
    .collect()
}

/// So many links of one folder are followed.
const LINKS: usize = 64;

/// What links inside an asset's folder lead to, where that lies outside of it: in the image they would lead nowhere. What is outside of
/// the repository does not travel.
fn links(workspace: &Workspace, asset: &AssetFinding) -> Vec<AssetFinding> {
    let walk = walkdir::WalkDir::new(&asset.path).min_depth(1).sort_by_file_name().into_iter().flatten();
    let links = walk
        .filter(walkdir::DirEntry::path_is_symlink)
        .filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok());
    let outside = links.filter_map(|link| {
        let path = real(workspace, &link).filter(|path| !path.starts_with(&asset.path))?;
        let inside = link.strip_prefix(&asset.path).ok()?;
        let literal = format!("{}/{inside}", asset.literal);
        Some(AssetFinding { path, literal, link: Some(link.clone()), ..asset.clone() })
    });
    outside.take(LINKS).collect()
}

/// Where a path really is, with all links followed; none: outside of the repository, or nowhere.
fn real(workspace: &Workspace, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let top = workspace.repository.as_ref().unwrap_or(&workspace.root);
    let real = path.canonicalize_utf8().ok()?;
    let inside = real.strip_prefix(top.canonicalize_utf8().ok()?).ok()?;
    (!inside.as_str().is_empty()).then(|| top.join(inside))
}

/// Whether a file of settings is for one machine: `local.toml`, `config.local.yaml`.
fn is_local(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(name, extension)| {
        SETTINGS.contains(&extension) && name.rsplit(['.', '-']).next() == Some("local")
    })
}

/// Folders that the program may read: of a usual name, which a literal of its sources has as well.
fn questions(
    workspace: &Workspace,
    member: &Member,
    places: &Places<'_>,
    found: &[AssetFinding],
    opened: &ProgramFacts,
) -> Vec<Question> {
    let mut asked: Vec<Question> = Vec::new();
    let mut seen: Vec<Utf8PathBuf> = Vec::new();
    for literal in &member.sources.literals {
        let value = literal.value.trim_start_matches("./").trim_matches('/');
        let usual = NAMES
            .iter()
            .any(|name| value == *name || value.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')));
        let is_plain = !value.split('/').any(|part| matches!(part, "" | ".."));
        let belongs =
            |path: &Utf8PathBuf| path.is_dir() && !path.join("Cargo.toml").exists() && !path.join("mod.rs").exists();
        let Some(path) = places.first(value, belongs).filter(|_| usual && is_plain) else { continue };
        let path = real(workspace, &path).unwrap_or(path);
        let near = |other: &Utf8PathBuf| path.starts_with(other) || other.starts_with(&path);
        let embedded = member.sources.inputs.iter().any(|input| near(&input.path));
        let written = opened.writes.iter().any(|write| write.path == value);
        if embedded || written || seen.iter().any(near) || found.iter().any(|asset| near(&asset.path)) {
            continue;
        }
        let file = workspace.place(&literal.file, literal.line);
        let text =
            format!("{} names `{value}` ({file}), which is also a folder, and no call is seen to open it", member.name);
        let krate = Some(format!("{} {}", member.name, member.version));
        asked.push(Question {
            text: format!("Does {} read the folder `{value}` while it runs ({file})?", member.name),
            package: member.name.clone(),
            answer: Answer::Assets(value.to_owned()),
            because: Because { text, krate, rule: "asset-literal".to_owned(), file: Some(file) },
        });
        seen.push(path);
    }
    asked
}

/// Where a program looks.
struct Places<'a> {
    /// Its package's folder, then the workspace's.
    bases: [&'a Utf8Path; 2],
}

impl Places<'_> {
    fn first(&self, name: &str, fits: impl Fn(&Utf8PathBuf) -> bool) -> Option<Utf8PathBuf> {
        self.bases.into_iter().map(|base| base.join(name)).find(fits)
    }

    /// What a call opens, and under which name the program has it.
    fn locate(&self, workspace: &Workspace, read: &Opened) -> Option<(Utf8PathBuf, String)> {
        // After CARGO_MANIFEST_DIR a path starts with `/`.
        let value = if read.base == Base::Manifest { read.path.trim_start_matches('/') } else { &read.path };
        if value.split('/').any(|part| matches!(part, "" | ".." | ".")) || read.base == Base::Executable {
            return None;
        }
        let belongs = |path: &Utf8PathBuf| {
            let fits = if read.is_pattern { path.is_dir() } else { path.exists() };
            fits && !is_tools(path) && !path.join("Cargo.toml").exists() && path.extension() != Some("rs")
        };
        if read.base == Base::Manifest {
            // Of the package whose source says so.
            let near = workspace.members.iter().filter(|member| read.place.file.starts_with(&member.dir));
            let folder = &near.max_by_key(|member| member.dir.as_str().len())?.dir;
            let path = folder.join(value);
            return belongs(&path).then(|| Some((real(workspace, &path)?, value.to_owned())))?;
        }
        if let Some(path) = self.first(value, belongs) {
            return Some((real(workspace, &path)?, value.to_owned()));
        }
        if read.settings { self.setting(value) } else { None }
    }

    /// `settings`, which a library finds as `settings.toml`.
    fn setting(&self, value: &str) -> Option<(Utf8PathBuf, String)> {
        let named = Utf8Path::new(value);
        let is_ours = |path: &Utf8PathBuf| path.is_file() && !is_tools(path);
        let (name, path) = SETTINGS.iter().find_map(|extension| {
            let name = format!("{value}.{extension}");
            self.first(&name, is_ours).map(|path| (name, path))
        })?;
        // Beside `config/default` lie the files for other environments, whose names come from the environment.
        match (path.parent(), named.parent()) {
            (Some(folder), Some(parent)) if !parent.as_str().is_empty() => {
                Some((folder.to_owned(), parent.to_string()))
            }
            _ => Some((path, name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_one_machine_are_known() {
        for name in ["local.yaml", "config.local.toml", "app-local.json"] {
            assert!(is_local(name), "{name}");
        }
        for name in ["locale.toml", "local", "local.html", "production.yaml", "locals.json"] {
            assert!(!is_local(name), "{name}");
        }
    }
}
