//! What a builder keeps for a workspace: its cache mounts among all records, told by the ids that the plan gives them.

use serde::Serialize;

use crate::engine::usage::Record;
use crate::plan::Plan;
use crate::plan::model::{CacheMount, DOWNLOADS, Group};

/// What stands in a plan's ids for what a build fills in.
const FILLED: &str = "$CARGO_BUILD_TARGET-$CARGO_PROFILE";

/// What a builder keeps, as seen from one workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// cargo's target folders of this workspace.
    pub own: Vec<Mount>,
    /// cargo's downloads, which all projects share.
    pub downloads: Vec<Mount>,
    /// Target folders under this workspace's name that the plan does not lead to: an earlier toolchain's, or another
    /// project's of this name.
    pub namesakes: Vec<Mount>,
    /// All other cache mounts.
    pub others: Sum,
    /// Those of them of which BuildKit does not say the id: they may be anybody's.
    pub nameless: Sum,
    /// Layers, images and contexts, of all projects.
    pub layers: Sum,
}

/// A cache mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mount {
    /// BuildKit's record.
    pub record: String,
    /// Its id, as the Dockerfile has it.
    pub id: String,
    /// What it is for, where it is this workspace's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serves: Option<Serves>,
    /// In bytes.
    pub size: u64,
    /// When it was used last, in the builder's words.
    pub last_used: Option<String>,
    /// For how many seconds it has not been used, at least.
    pub idle: Option<u64>,
    /// Whether a build has it now.
    pub in_use: bool,
}

/// Whose target folder it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Serves {
    /// The binaries that are compiled in it; none where no build group has this target, or where it is the tests'.
    pub binaries: Vec<String>,
    /// As Rust names it.
    pub target: String,
    /// Cargo's profile.
    pub cargo_profile: String,
    /// The plan's profiles that compile with it.
    pub profiles: Vec<String>,
}

/// Several records together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many.
    pub count: usize,
    /// In bytes.
    pub size: u64,
}

impl Sum {
    fn add(&mut self, record: &Record) {
        self.count += 1;
        self.size += record.size;
    }
}

/// Sorts a builder's records. `namespace` is what builds are given as `BUILDKIT_CACHE_MOUNT_NS`: mounts of other namespaces
/// are others'.
pub fn account(plan: &Plan, records: &[Record], namespace: Option<&str>) -> Account {
    let mut kept = Account::default();
    for record in records {
        let id = match record.mount() {
            _ if !record.is_mount() => {
                kept.layers.add(record);
                continue;
            }
            None => {
                kept.others.add(record);
                kept.nameless.add(record);
                continue;
            }
            Some((other, _)) if other != namespace => {
                kept.others.add(record);
                continue;
            }
            Some((_, id)) => id,
        };
        let mount = |serves| Mount {
            record: record.id.clone(),
            id: id.to_owned(),
            serves,
            size: record.size,
            last_used: record.last_used.clone(),
            idle: record.idle.map(|time| time.as_secs()),
            in_use: record.in_use,
        };
        if DOWNLOADS.contains(&id) {
            kept.downloads.push(mount(None));
        } else if let Some(serves) = serves(plan, id) {
            kept.own.push(mount(Some(serves)));
        } else if compiled_in(plan).any(|(cache, ..)| alike(&cache.id, id)) {
            kept.namesakes.push(mount(None));
        } else {
            kept.others.add(record);
        }
    }
    for mounts in [&mut kept.own, &mut kept.downloads, &mut kept.namesakes] {
        mounts.sort_by(|a, b| a.id.cmp(&b.id));
    }
    kept
}

/// The target folders, each with the group in whose environment it is compiled, and whether it is the tests'.
fn compiled_in(plan: &Plan) -> impl Iterator<Item = (&CacheMount, &Group, bool)> {
    let tests = plan.groups.get(plan.workbench.group).map(|group| (&plan.test.target_cache, group, true));
    plan.groups.iter().map(|group| (&group.target_cache, group, false)).chain(tests)
}

/// What a target folder is for, where the part of its id that tells projects apart is this plan's.
fn serves(plan: &Plan, id: &str) -> Option<Serves> {
    let mut rest = None;
    for (cache, group, tests) in compiled_in(plan) {
        let Some(filled) = cache.id.strip_suffix(FILLED).and_then(|ours| id.strip_prefix(ours)) else {
            continue;
        };
        rest = Some(filled);
        for target in &group.targets {
            let profile = filled.strip_prefix(&*target.triple).and_then(|profile| profile.strip_prefix('-'));
            if let Some(profile) = profile {
                let of = plan.profiles.iter().filter(|one| one.cargo == profile && one.runs_tests == tests);
                return Some(Serves {
                    binaries: if tests { Vec::new() } else { group.binaries.clone() },
                    target: target.triple.clone(),
                    cargo_profile: profile.to_owned(),
                    profiles: of.map(|one| one.name.clone()).collect(),
                });
            }
        }
    }
    // It is ours all the same: of a target that is not built for any more.
    let (target, profile) = rest?.rsplit_once('-')?;
    Some(Serves {
        binaries: Vec::new(),
        target: target.to_owned(),
        cargo_profile: profile.to_owned(),
        profiles: Vec::new(),
    })
}

/// Whether an id differs from the plan's in its digest only.
fn alike(planned: &str, id: &str) -> bool {
    let name = planned.strip_suffix(FILLED).and_then(|ours| ours.trim_end_matches('-').rsplit_once('-'));
    let Some((name, digest)) = name else { return false };
    let rest = id.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    rest.and_then(|rest| rest.split_once('-'))
        .is_some_and(|(other, _)| other.len() == digest.len() && other.bytes().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_differ_in_their_digest() {
        let planned = "app-0123abcd-$CARGO_BUILD_TARGET-$CARGO_PROFILE";
        assert!(alike(planned, "app-ffffffff-x86_64-unknown-linux-musl-release"));
        for other in [
            "app-server-ffffffff-x86_64-unknown-linux-musl-release",
            "app-fffffff-x86_64-unknown-linux-musl-release",
            "my-app-ffffffff-x86_64-unknown-linux-musl-release",
            "app-fffffffg-x86_64-unknown-linux-musl-release",
            "cargo-registry",
        ] {
            assert!(!alike(planned, other), "{other}");
        }
    }
}
