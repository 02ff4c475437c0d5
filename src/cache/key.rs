//! The name of compiled dependencies: a digest of what they are made from. It need not be perfect to be safe. Whatever comes
//! under this name, cargo's own fingerprints decide what of it serves; a wrong name only finds less.

use std::collections::BTreeMap;

use crate::digest::Digester;
use crate::failure::{Failure, Kind, Result};
use crate::plan::Plan;
use crate::plan::model::{Group, Profile};
use crate::workspace::{Features, Member, Workspace};

/// What dependencies are compiled from and with.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The workspace.
    pub workspace: &'a Workspace,
    /// The plan.
    pub plan: &'a Plan,
    /// The features that it was made with.
    pub features: &'a Features,
    /// The index of the build group.
    pub group: usize,
    /// The image profile.
    pub profile: &'a Profile,
    /// As Docker names them: `linux/amd64`.
    pub platforms: &'a [String],
    /// The platform that compiles, whose macros and build scripts are among them; empty where the builder does not say it.
    pub builder: &'a str,
    /// Sets these dependencies apart from others' in the same repository.
    pub namespace: Option<&'a str>,
    /// The digest of the toolchain image, where it is known.
    pub base: Option<&'a str>,
}

/// Two names, of sixteen and eight digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Of these dependencies and no others.
    pub exact: String,
    /// Of what is compiled with the same tools in the same way, whichever its dependencies are.
    pub scope: String,
}

/// Makes the key.
///
/// # Errors
/// [`Kind::Workspace`]: the lock file cannot be read.
pub fn key(inputs: &Inputs<'_>) -> Result<Key> {
    let Inputs { workspace, plan, profile, platforms, .. } = *inputs;
    let group = &plan.groups[inputs.group];
    let mut scope = Digester::default();
    scope.say(["cargo-dockerize deps 1", &group.target_cache.id, &profile.cargo]);
    scope.say(sorted(platforms));
    scope.say([inputs.builder]);
    scope.say(inputs.namespace);
    scope.say(plan.toolchain.components.iter().map(String::as_str));
    let mut exact = scope.clone();
    exact.say([inputs.base.unwrap_or_default(), &*profiles(&workspace.manifest)]);
    exact.say([&*fs_err::read_to_string(workspace.root.join(".cargo/config.toml")).unwrap_or_default()]);
    for package in packages(inputs, group)? {
        exact.say([package.as_str()]);
    }
    Ok(Key { exact: exact.digits(8), scope: scope.digits(4) })
}

fn sorted(platforms: &[String]) -> Vec<&str> {
    let mut sorted: Vec<&str> = platforms.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted
}

/// `[profile]` of the root manifest: optimisation, overrides for packages.
fn profiles(manifest: &str) -> String {
    let table = manifest.parse::<toml::Table>().unwrap_or_default();
    table.get("profile").map(ToString::to_string).unwrap_or_default()
}

/// Each package of the group's graph that is not the workspace's own: features on either side, and the lock file's entry,
/// which has its version, where it comes from and its digest.
fn packages(inputs: &Inputs<'_>, group: &Group) -> Result<Vec<String>> {
    let Inputs { workspace, plan, features, .. } = *inputs;
    let locked = locked(workspace)?;
    let of_group = plan.images.iter().filter(|image| image.group == inputs.group);
    let members: Vec<&Member> = of_group.filter_map(|image| workspace.member(&image.package)).collect();
    let mut all = Vec::new();
    for target in &group.targets {
        let graph = workspace.graph_of(&members, features, &target.triple)?;
        for package in graph.packages().filter(|package| !package.local) {
            let spec = package.spec();
            let entry = locked.get(&spec).map_or("", String::as_str);
            all.push(format!("{} {spec} {:?} {:?} {entry}", target.triple, package.target, package.host));
        }
    }
    Ok(all)
}

/// The lock file's entries by `name version`.
fn locked(workspace: &Workspace) -> Result<BTreeMap<String, String>> {
    let path = workspace.root.join("Cargo.lock");
    let unusable = |error: String| Failure::new(Kind::Workspace, "Cargo.lock cannot be read").detail(error);
    let text = fs_err::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let lock: toml::Table = text.parse().map_err(|error: toml::de::Error| unusable(error.to_string()))?;
    let mut entries: BTreeMap<String, String> = BTreeMap::new();
    for package in lock.get("package").and_then(toml::Value::as_array).into_iter().flatten() {
        let of = |key: &str| package.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        // Two of one name and version come from different places.
        let entry = entries.entry(format!("{} {}", of("name"), of("version"))).or_default();
        *entry += &format!("{} {};", of("source"), of("checksum"));
    }
    Ok(entries)
}
