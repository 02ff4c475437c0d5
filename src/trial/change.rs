//! What happens to the tree before each build: a day's edits, each on top of the one before it.

use camino::Utf8Path;

use super::model::Scenario;
use super::tree::{Files, Tree};
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};
use crate::plan::model::Image;
use crate::workspace::{Features, Workspace};

/// How many dependencies are tried for one whose earlier patch release changes nothing else in the lock file.
const TRIES: usize = 24;

/// What the user chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The dependency to bump; none: the first that can be.
    pub bump: Option<String>,
    /// The feature to switch on; none: the package's first that is off.
    pub feature: Option<String>,
}

/// A scenario's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happens.
    pub scenario: Scenario,
    /// What exactly.
    pub what: String,
    /// Files and what is in them from then on.
    pub files: Files,
    /// The feature that is on in this build.
    pub feature: Option<String>,
}

/// What a scenario came to: a change, or why there is none.
pub type Planned = std::result::Result<Change, String>;

/// The changes of a run, and what the tree holds before them.
#[derive(Debug)]
pub struct Changes {
    /// What the tree holds first: an older lock file, and what makes it like no tree that the engine has seen.
    pub before: Files,
    /// By scenario, in the order of [`Scenario::ALL`].
    pub changes: Vec<(Scenario, Planned)>,
}

/// Works the changes out on a copy of the tree, with cargo.
///
/// # Errors
/// The copy cannot be read or written, or the user interrupted.
pub fn changes(
    (workspace, features): (&Workspace, &Features),
    image: &Image,
    choice: &Choice,
    (tree, salt): (&Tree, &str),
) -> Result<Changes> {
    let member = workspace.member(&image.package);
    let member = member.ok_or_else(|| Failure::new(Kind::Internal, "the image's package is no member"))?;
    let binary = member.binaries.iter().find(|binary| binary.name == image.name);
    let main = binary.map(|binary| workspace.relative(&binary.path)).unwrap_or_default();
    let triple = "x86_64-unknown-linux-musl";
    let library = workspace.shared(member, features, triple)?.map(|path| workspace.relative(&path));
    let lock = tree.read("Cargo.lock")?;
    let bump = older(workspace, image, features, choice.bump.as_deref(), tree)?;
    let feature = choice.feature.clone().or_else(|| {
        let off = |name: &&String| !member.default_features.contains(name) && !features.names.contains(name);
        member.features.iter().filter(|name| *name != "default").find(off).cloned().filter(|_| !features.all)
    });

    let mut before = Files::from([("Cargo.toml".to_owned(), salted(&tree.read("Cargo.toml")?, salt))]);
    if let Ok(bump) = &bump {
        before.insert("Cargo.lock".to_owned(), bump.lock.clone());
    }
    let main_text = tree.read(&main)?;
    let edited = |text: &str, number: usize| format!("{}\n// {salt} {number}\n", text.trim_end());
    let edit = |path: &str, text: &str, number| Files::from([(path.to_owned(), edited(text, number))]);
    let change = |what: &str, files| Ok((what.to_owned(), files, None));
    let mut changes = Vec::new();
    for scenario in Scenario::ALL {
        let planned = match scenario {
            Scenario::Cold | Scenario::Unchanged => change("", Files::new()),
            Scenario::Leaf => change(&main, edit(&main, &main_text, 1)),
            Scenario::Shared => match &library {
                Some(path) => change(path, edit(path, &tree.read(path)?, 1)),
                None => Err("the program uses no other member's library".to_owned()),
            },
            Scenario::Bump => bump
                .as_ref()
                .map(|bump| (bump.up(), Files::from([("Cargo.lock".to_owned(), lock.clone())]), None))
                .map_err(Clone::clone),
            Scenario::Feature => match &feature {
                Some(feature) => Ok((feature.clone(), Files::new(), Some(feature.clone()))),
                None => Err("the package has no feature that is off".to_owned()),
            },
            Scenario::Fresh => change(&main, edit(&main, &main_text, 2)),
            Scenario::FreshBump => bump
                .as_ref()
                .map(|bump| (bump.down(), Files::from([("Cargo.lock".to_owned(), bump.lock.clone())]), None))
                .map_err(Clone::clone),
        };
        let planned = planned.map(|(what, files, feature)| Change { scenario, what, files, feature });
        changes.push((scenario, planned));
    }
    Ok(Changes { before, changes })
}

/// A dependency's patch release before the one that is locked.
#[derive(Debug, Clone)]
struct Older {
    name: String,
    version: String,
    locked: String,
    /// The lock file with it.
    lock: String,
}

impl Older {
    fn up(&self) -> String {
        format!("{} {} to {}", self.name, self.version, self.locked)
    }

    fn down(&self) -> String {
        format!("{} {} to {}", self.name, self.locked, self.version)
    }
}

/// Finds a dependency with an earlier patch release that cargo takes and that changes nothing else in the lock file; those
/// that the package itself names come first. Leaves the tree's lock file as it was.
fn older(
    workspace: &Workspace,
    image: &Image,
    features: &Features,
    chosen: Option<&str>,
    tree: &Tree,
) -> Result<std::result::Result<Older, String>> {
    let Some(member) = workspace.member(&image.package) else { return Ok(Err("no package".to_owned())) };
    let graph = workspace.graph(member, features, "x86_64-unknown-linux-musl")?;
    let manifest: toml::Table = member.manifest.parse().unwrap_or_default();
    let direct = manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let foreign = graph.packages().filter(|package| !package.local && package.target.is_some());
    let mut candidates: Vec<(&str, semver::Version)> = foreign
        .filter(|package| chosen.is_none_or(|name| package.name == name))
        .filter_map(|package| Some((package.name.as_str(), package.version.parse().ok()?)))
        .filter(|(_, version): &(_, semver::Version)| version.patch > 0 && version.pre.is_empty())
        .collect();
    candidates.sort_by_key(|(name, _)| !direct.contains_key(*name));
    let original = tree.read("Cargo.lock")?;
    for (name, locked) in candidates.into_iter().take(TRIES) {
        let earlier = semver::Version::new(locked.major, locked.minor, locked.patch - 1);
        let lock = update(&tree.root, &format!("{name}@{locked}"), &earlier.to_string())?
            .then(|| tree.read("Cargo.lock"))
            .transpose()?;
        tree.write(&Files::from([("Cargo.lock".to_owned(), original.clone())]))?;
        // Its version and its digest, and nothing else.
        let changed = |lock: &String| lock.lines().zip(original.lines()).filter(|(a, b)| a != b).count();
        let Some(lock) = lock.filter(|lock| lock.lines().count() == original.lines().count() && changed(lock) <= 2)
        else {
            continue;
        };
        return Ok(Ok(Older { name: name.to_owned(), version: earlier.to_string(), locked: locked.to_string(), lock }));
    }
    Ok(Err(match chosen {
        Some(name) => format!("cargo takes no patch release of `{name}` before the locked one"),
        None => "no dependency has an earlier patch release that changes nothing else".to_owned(),
    }))
}

fn update(root: &Utf8Path, spec: &str, version: &str) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let command = Command::new(cargo, "look for a dependency to bump").cwd(root);
    let output = command.args(["update", "--quiet", "--package", spec, "--precise", version]).output()?;
    Ok(output.status.success())
}

/// A manifest like no other, to cargo and to everything that makes a layer of it.
fn salted(manifest: &str, salt: &str) -> String {
    let table: toml::Table = manifest.parse().unwrap_or_default();
    let of = if table.contains_key("workspace") { "workspace" } else { "package" };
    format!("{}\n\n[{of}.metadata.dockerize-measure]\nsalt = \"{salt}\"\n", manifest.trim_end())
}
