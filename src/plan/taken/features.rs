//! Features of the step that compiles.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Source};
use crate::config::{Settings, permits};
use crate::facts::repository::{CargoBuild, Place, Said};
use crate::plan::model::Because;
use crate::workspace::{Features, Member, Workspace};

/// What one package is built with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    names: BTreeSet<String>,
    all: bool,
    no_default: bool,
}

/// The features that the Dockerfiles build the programs with; none: nothing is taken.
pub(super) fn take(workspace: &Workspace, sources: &[Source<'_>], account: &mut Account<'_>) -> Option<Features> {
    if !["features", "all-features", "no-default-features"].into_iter().all(|key| account.is_open("", key)) {
        return None;
    }
    let mut wanted: BTreeMap<&str, (Wanted, Place)> = BTreeMap::new();
    for source in sources {
        let Some(build) = build_of(source) else { continue };
        if build.value.unknown {
            let why = "a variable without a default says which";
            account.leave("features of cargo's build", why, &build.place);
            continue;
        }
        let one = of(workspace, source.member, build, account);
        match wanted.get(source.member.name.as_str()) {
            Some((other, place)) if *other != one => {
                let why = format!("{place} builds the same package with others");
                account.leave("features of cargo's build", why, &build.place);
            }
            Some(_) => {}
            None => drop(wanted.insert(&source.member.name, (one, build.place.clone()))),
        }
    }
    joined(workspace, &wanted, account)
}

/// The build that makes a binary: the last one that can, and one of the dependencies where there is no other.
fn build_of<'a>(source: &Source<'a>) -> Option<&'a Said<CargoBuild>> {
    let fits = |build: &Said<CargoBuild>| {
        let build = &build.value;
        let named = |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        let folder = build.path.as_deref().map(|path| path.trim_end_matches('/').trim_start_matches("./"));
        let here = folder.is_none_or(|path| {
            matches!(path, "" | ".") || path.starts_with(['/', '$']) || source.member.dir.ends_with(path)
        });
        named(&build.bins, &source.binary.name) && named(&build.packages, &source.member.name) && here
    };
    let builds = &source.shipping.image.builds;
    let last = |cook: bool| builds.iter().rev().find(|build| build.value.cook == cook && fits(build));
    last(false).or_else(|| last(true))
}

/// The features of a build that the package has.
fn of(workspace: &Workspace, member: &Member, build: &Said<CargoBuild>, account: &mut Account<'_>) -> Wanted {
    let CargoBuild { all_features, no_default_features, features, .. } = &build.value;
    let mut names = BTreeSet::new();
    for name in features.iter().filter(|name| *name != "default") {
        let (owner, plain) = name.split_once('/').unwrap_or((&member.name, name));
        let there = |one: &Member| one.name == owner && one.features.iter().any(|own| own == plain);
        if owner == member.name && there(member) {
            names.insert(plain.to_owned());
        } else if !workspace.members.iter().any(|one| there(one) || one.features.contains(name)) {
            account.leave(
                format!("the feature `{name}`"),
                format!("{} has none of this name", member.name),
                &build.place,
            );
        }
    }
    let default = !no_default_features || features.iter().any(|name| name == "default");
    if default {
        names.retain(|name| !member.default_features.contains(name));
    }
    Wanted { names, all: *all_features, no_default: !default && !member.default_features.is_empty() }
}

/// The features of all packages together, as cargo's flags name them.
fn joined(
    workspace: &Workspace,
    wanted: &BTreeMap<&str, (Wanted, Place)>,
    account: &mut Account<'_>,
) -> Option<Features> {
    let mut features = Features::default();
    // A flag without a name holds for every program that is built.
    let programs = || workspace.members.iter().filter(|member| !member.binaries.is_empty());
    let agree = |flag: fn(&Wanted) -> bool| {
        programs().all(|member| wanted.get(member.name.as_str()).is_some_and(|(wanted, _)| flag(wanted)))
    };
    let (all, no_default) = (agree(|wanted| wanted.all), agree(|wanted| wanted.no_default));
    for (package, (wanted, place)) in wanted {
        let flags = [
            (wanted.all, all, "all-features", &mut features.all),
            (wanted.no_default, no_default, "no-default-features", &mut features.no_default),
        ];
        for (asked, agreed, key, slot) in flags {
            if asked && agreed {
                *slot = true;
                account.take("", key, (format!("--{key}"), "true"), place);
            } else if asked {
                let why = "it would hold for the other programs of the workspace as well";
                account.leave(format!("--{key}"), why, place);
            }
        }
        for name in wanted.names.iter().filter(|name| permits("features", name)) {
            let owners = workspace.members.iter().filter(|member| member.features.contains(name)).count();
            let written = if owners == 1 { name.clone() } else { format!("{package}/{name}") };
            account.take("", "features", (format!("`{written}`"), &written), place);
            features.names.push(written);
        }
    }
    (features != Features::default()).then_some(features)
}

/// Features of a build in a workflow, where no Dockerfile says any: CI also builds what is not shipped.
pub(super) fn of_ci(workspace: &Workspace, sources: &[Source<'_>], settings: &Settings) -> Option<Because> {
    let says = ["features", "all-features", "no-default-features"].iter().any(|key| settings.says("", key));
    if says || sources.iter().any(|source| build_of(source).is_some()) {
        return None;
    }
    let known = |name: &String| {
        let programs = workspace.members.iter().filter(|member| !member.binaries.is_empty());
        programs.into_iter().any(|member| member.features.contains(name) && !member.default_features.contains(name))
    };
    let mut builds = workspace.said.ci.iter().filter(|build| build.value.profile.as_deref() == Some("release"));
    let build = builds.find(|build| !build.value.features.is_empty() && build.value.features.iter().all(known))?;
    let names = build.value.features.join(",");
    let text = format!("CI builds with --features {names} ({}), and the image does not", build.place);
    Some(Because { text, krate: None, rule: "ci-features".to_owned(), file: Some(build.place.to_string()) })
}
