//! Binaries that the repository's own Dockerfiles ship.

use std::collections::BTreeSet;

use super::{Account, Source};
use crate::config::Settings;
use crate::plan::{Flags, select};
use crate::workspace::Workspace;

/// The binaries that get an image because a Dockerfile ships them, in the order of the members. None: cargo's default members are
/// what the Dockerfiles ship as well, or the metadata has a say in it.
///
/// `settings` are those with the features that were taken.
pub(super) fn take(
    workspace: &Workspace,
    settings: &Settings,
    sources: &[Source<'_>],
    account: &mut Account<'_>,
) -> Option<Vec<String>> {
    if !["binaries", "workspace", "exclude"].into_iter().all(|key| account.is_open("", key)) {
        return None;
    }
    let mut silent = settings.clone();
    silent.workspace.binaries = Vec::new();
    // Where two default members have a binary of one name, a Dockerfile may still say which programs are shipped.
    let by_default = select::selected(workspace, &silent, &Flags::default()).unwrap_or_default();
    let by_default: BTreeSet<&str> = by_default.iter().map(|(_, binary)| binary.as_str()).collect();
    let shipped: BTreeSet<&str> = sources.iter().map(|source| source.binary.name.as_str()).collect();
    if shipped.is_empty() || shipped == by_default {
        return None;
    }
    // A Dockerfile of a helper alone says nothing about the programs that cargo builds.
    let apart = by_default.is_disjoint(&shipped);
    let mut taken: Vec<String> = Vec::new();
    for source in sources.iter().filter(|source| !taken_twice(&source.binary.name, sources)) {
        let name = &source.binary.name;
        let programs = &source.shipping.image.programs;
        let start = source.shipping.image.start.as_ref().map(|start| &start.place);
        let place = programs.iter().find(|said| said.value == *name).map(|said| &said.place).or(start);
        account.take("", "binaries", (name.clone(), name), place.unwrap_or(&source.shipping.image.base.place));
        taken.push(name.clone());
    }
    if apart {
        taken.extend(by_default.into_iter().map(str::to_owned));
    }
    (!taken.is_empty()).then_some(taken)
}

/// Whether two packages have a binary of this name, so that a file in an image does not tell which one it is.
fn taken_twice(name: &str, sources: &[Source<'_>]) -> bool {
    sources.iter().filter(|source| source.binary.name == name).count() > 1
}
