//! The cache mounts: what outlives a layer on an engine.

use super::Flags;
use super::model::{CacheMount, Context, DOWNLOADS, Group, Toolchain};
use crate::cache::Cache;
use crate::config::Settings;
use crate::digest::Digester;
use crate::workspace::Workspace;

/// Whether one of the caches that are named is a registry, which keeps compiled dependencies.
pub(super) fn is_registry(settings: &Settings, flags: &Flags) -> bool {
    let table = &settings.workspace;
    let profiles = table.profile.values().filter_map(|profile| profile.cache.as_ref());
    let mut named = flags.cache.iter().chain(&table.cache).chain(profiles);
    named.any(|text| text.parse::<Cache>().is_ok_and(|cache| cache.repository().is_some()))
}

/// What cargo downloads, for every step that runs it.
pub(super) fn downloads(workspace: &Workspace) -> Vec<CacheMount> {
    // cargo's own lock is beside these folders. The Dockerfile links it into the first, so that two builds unpack one after the
    // other. A `locked` mount would make a build wait until the other has compiled.
    let mount = |id: &str| CacheMount {
        id: id.to_owned(),
        target: format!("/usr/local/cargo/{}", id.trim_start_matches("cargo-")),
        sharing: "shared".to_owned(),
        because: "downloads survive a changed lock file, and are in no layer".to_owned(),
    };
    let count = if workspace.has_git_packages() { DOWNLOADS.len() } else { 1 };
    DOWNLOADS[..count].iter().map(|id| mount(id)).collect()
}

/// The target folder of a group: cargo tells its units apart by what it knows of them. What it does not know is in the id:
/// whose it is, for which target, in which image, beside which packages, with which environment. Profiles have their own, so
/// that none of them makes another one's units superfluous.
pub(super) fn target(
    workspace: &Workspace,
    toolchain: &Toolchain,
    context: &Context,
    group: &Group,
    for_what: &str,
) -> CacheMount {
    let mut digest = Digester::default();
    if !for_what.is_empty() {
        digest.say([for_what]);
    }
    // Only what is compiled: a member that is added must not empty the cache of the others.
    for member in workspace.members.iter().filter(|member| group.members.contains(&member.name)) {
        digest.say([&*member.name, member.repository.as_deref().unwrap_or_default()]);
    }
    digest.say([&*toolchain.image, toolchain.install.as_deref().unwrap_or_default()]);
    for package in &group.packages {
        digest.say([&*package.name]);
    }
    let env = group.targets.iter().flat_map(|target| &target.env).chain(&group.env);
    for (name, value) in env {
        digest.say([&**name, &**value]);
    }
    let digest = digest.digits(4);
    CacheMount {
        id: format!("{}-{digest}-$CARGO_BUILD_TARGET-$CARGO_PROFILE", workspace.name),
        target: context.workdir.clone(),
        sharing: "locked".to_owned(),
        because: "a bumped dependency is compiled again, and not all of them; so is an edited member".to_owned(),
    }
}
