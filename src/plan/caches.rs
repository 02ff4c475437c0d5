//! The cache mounts: what outlives a layer on an engine.

use super::model::{CacheMount, Context, Group, Toolchain};
use super::select;
use crate::digest::Digester;
use crate::workspace::Workspace;

/// What cargo downloads, for every step that runs it.
pub(super) fn downloads() -> Vec<CacheMount> {
    // Cargo's own lock lies beside these folders; the Dockerfile links it into the first, so that builds at the same time
    // take turns at unpacking and not for as long as they compile, which `locked` mounts would mean.
    ["registry", "git"]
        .map(|name| CacheMount {
            id: format!("cargo-{name}"),
            target: format!("/usr/local/cargo/{name}"),
            sharing: "shared".to_owned(),
            because: "downloads survive a changed lock file, and never become a layer".to_owned(),
        })
        .into()
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
    for member in workspace.members.iter().filter(|member| !select::is_task(workspace, member)) {
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
        target: format!("{}/target", context.root()),
        sharing: "locked".to_owned(),
        because: "a bumped dependency is compiled again, and not all of them; so is an edited member".to_owned(),
    }
}
