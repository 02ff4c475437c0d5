//! Features that a member's sources refuse: known before minutes are spent.

use std::collections::{BTreeMap, BTreeSet};

use super::Candidate;
use crate::failure::{Failure, Kind, Place, Result};
use crate::workspace::{BinaryGraph, Features, Guard, Member, Workspace};

/// How many features are named that would satisfy a guard.
const NAMED: usize = 6;

/// What every platform has in common; features of members that differ between platforms are few.
const TRIPLE: &str = "x86_64-unknown-linux-musl";

/// Holds the guards of every member against the features that its build group turns on in it: one process of cargo's compiles all of a
/// group, and what one of its binaries turns on is on for all.
///
/// # Errors
/// [`Kind::Workspace`]: a guard fires for certain.
pub(super) fn check(
    workspace: &Workspace,
    candidates: &[Candidate<'_>],
    of_group: &[usize],
    features: &Features,
) -> Result<()> {
    let mut groups: BTreeMap<usize, Vec<&Candidate<'_>>> = BTreeMap::new();
    for (candidate, group) in candidates.iter().zip(of_group) {
        groups.entry(*group).or_default().push(candidate);
    }
    for group in groups.values() {
        let guarded = guarded(workspace, group);
        if guarded.is_empty() {
            continue;
        }
        let mut members: Vec<&Member> = group.iter().map(|candidate| candidate.selected.member).collect();
        members.dedup_by(|a, b| a.name == b.name);
        let graph = workspace.graph_of(&members, features, TRIPLE)?;
        for (member, guards) in guarded {
            let asked = members.iter().any(|asked| asked.name == member.name);
            hold(workspace, (member, asked), &guards, &graph)?;
        }
    }
    Ok(())
}

/// The members with guards that a group compiles.
fn guarded<'w>(workspace: &'w Workspace, group: &[&Candidate<'_>]) -> Vec<(&'w Member, Vec<Guard>)> {
    let compiled = |member: &&Member| group.iter().any(|candidate| !candidate.graph.find(&member.name).is_empty());
    let guards = |member: &'w Member| {
        let own = group.iter().filter(|candidate| candidate.selected.member.name == member.name);
        let binaries: Vec<&str> = own.map(|candidate| candidate.selected.binary.name.as_str()).collect();
        // What speaks of no feature is no question of features.
        let mut guards = workspace.guards(member, &binaries);
        guards.retain(|guard| !guard.features().is_empty());
        (member, guards)
    };
    workspace.members.iter().filter(compiled).map(guards).filter(|(_, guards)| !guards.is_empty()).collect()
}

/// A member's features where it is compiled.
struct On<'m> {
    member: &'m Member,
    on: BTreeSet<String>,
}

impl On<'_> {
    /// Whether one is on; none: it has the name of an optional dependency, which need not be one.
    fn has(&self, name: &str) -> Option<bool> {
        let named = self.member.features.iter().any(|known| known == name);
        if self.on.contains(name) { named.then_some(true) } else { Some(false) }
    }

    fn fires(&self, guard: &Guard) -> bool {
        guard.fires(&|name| self.has(name)) == Some(true)
    }

    /// With one more, and what that turns on in turn.
    fn with(&self, feature: &str) -> Self {
        let manifest: toml::Table = self.member.manifest.parse().unwrap_or_default();
        let table = manifest.get("features").and_then(toml::Value::as_table);
        let mut on = self.on.clone();
        let mut pending = vec![feature.to_owned()];
        while let Some(name) = pending.pop() {
            let turned = table.and_then(|table| table.get(&name)).and_then(toml::Value::as_array);
            if on.insert(name) {
                pending.extend(turned.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)));
            }
        }
        Self { member: self.member, on }
    }
}

fn hold(workspace: &Workspace, (member, asked): (&Member, bool), guards: &[Guard], graph: &BinaryGraph) -> Result<()> {
    for package in graph.find(&member.name).iter().filter(|package| package.local) {
        for on in [&package.target, &package.host].into_iter().flatten() {
            let on = On { member, on: on.clone() };
            if let Some(guard) = guards.iter().find(|guard| on.fires(guard)) {
                return Err(refusal(workspace, (member, asked), (guard, guards), &on));
            }
        }
    }
    Ok(())
}

fn refusal(
    workspace: &Workspace,
    (member, asked): (&Member, bool),
    (guard, guards): (&Guard, &[Guard]),
    on: &On<'_>,
) -> Failure {
    let message = guard.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let failure =
        Failure::new(Kind::Workspace, format!("{} refuses to be compiled with these features: {message}", member.name));
    let failure = match place(workspace, guard) {
        Some(place) => failure.at(place),
        None => failure.detail(workspace.place(&guard.file, guard.line)),
    };
    let name = &member.name;
    let table = if workspace.has_workspace_table() { "workspace" } else { "package" };
    let satisfying = satisfying((guard, guards), on);
    if let Some(first) = satisfying.first() {
        let several = satisfying.iter().map(|feature| format!("`{feature}`")).collect::<Vec<_>>().join(" or ");
        return if asked {
            failure.help(format!(
                "turn on {several}: `features = [\"{first}\"]` in [{table}.metadata.dockerize], or `--features {first}`"
            ))
        } else {
            failure.help(format!(
                "turn on {several} where a member depends on it: `{name} = {{ …, features = [\"{first}\"] }}` in its manifest"
            ))
        };
    }
    let excluding: Vec<&str> = guard.features().into_iter().filter(|name| on.has(name) == Some(true)).collect();
    let quoted: Vec<String> = excluding.iter().map(|feature| format!("`{feature}`")).collect();
    let by_default: Vec<&&str> =
        excluding.iter().filter(|name| member.default_features.iter().any(|default| default == *name)).collect();
    if excluding.is_empty() {
        return failure.help("see the condition at that line: no single feature satisfies it");
    }
    let wanted =
        excluding.iter().find(|name| !by_default.contains(name)).or(excluding.first()).copied().unwrap_or_default();
    match (by_default.is_empty(), asked) {
        (false, true) => failure.help(format!(
            "{} are on, some of them by default: `no-default-features = true` and `features = [\"{wanted}\"]` in \
             [{table}.metadata.dockerize], or `--no-default-features --features {wanted}`",
            quoted.join(", ")
        )),
        (true, true) => failure.help(format!(
            "{} are on: leave one of them out of `features` in [{table}.metadata.dockerize], or of `--features`",
            quoted.join(", ")
        )),
        (_, false) => failure.help(format!(
            "{} are on, because members that depend on {name} turn them on: see `cargo tree --edges features --invert {name}`",
            quoted.join(", ")
        )),
    }
}

/// Features of which each one alone satisfies all of a member's guards, those that the guard names first.
fn satisfying<'m>((guard, guards): (&Guard, &[Guard]), on: &On<'m>) -> Vec<&'m str> {
    let named = guard.features();
    let off = on.member.features.iter().filter(|name| *name != "default" && !on.on.contains(*name));
    let mut found: Vec<&str> = off
        .filter(|name| {
            let with = on.with(name);
            guards.iter().all(|other| !with.fires(other)) && guard.fires(&|name| with.has(name)) == Some(false)
        })
        .map(String::as_str)
        .collect();
    found.sort_by_key(|name| !named.contains(name));
    found.truncate(NAMED);
    found
}

fn place(workspace: &Workspace, guard: &Guard) -> Option<Place> {
    let text = fs_err::read_to_string(&guard.file).ok()?;
    let start: usize = text.split_inclusive('\n').take(guard.line.checked_sub(1)?).map(str::len).sum();
    let line = text.get(start..)?.lines().next()?;
    let span = start + line.len() - line.trim_start().len()..start + line.len();
    Some(Place { file: workspace.relative(&guard.file), text, span, label: "this guard".to_owned() })
}
