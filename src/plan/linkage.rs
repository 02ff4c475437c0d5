//! How each binary is linked, and which binaries one cargo invocation compiles.

use std::collections::{BTreeMap, BTreeSet};

use super::group::Members;
use super::machine::Machine;
use super::model::{Because, Group, Linkage, Musl};
use super::{Candidate, group, guards};
use crate::config::Settings;
use crate::detect::Findings;
use crate::failure::Result;
use crate::host::Glibc;
use crate::workspace::{Features, Workspace};

/// With what, and for what, binaries are compiled.
#[derive(Clone, Copy)]
pub(super) struct Compiling<'a> {
    pub features: &'a Features,
    /// The platforms that stages compile for; empty: the processor that builds.
    pub cross: &'a [String],
    /// This machine, where no engine compiles.
    pub machine: Option<&'a Machine<'a>>,
}

/// The groups, static first, and the group of each candidate. What is compiled together is known here, and so whether it compiles with
/// its features.
pub(super) fn groups(
    workspace: &Workspace,
    settings: &Settings,
    candidates: &[Candidate<'_>],
    compiling: &Compiling<'_>,
) -> Result<(Vec<Group>, Vec<usize>)> {
    let machine = compiling.machine;
    let mut better: BTreeMap<Linkage, BTreeSet<String>> = BTreeMap::new();
    let mut by_linkage: BTreeMap<Linkage, Vec<(&Candidate<'_>, Vec<Because>)>> = BTreeMap::new();
    for candidate in candidates {
        let forced = settings.of(&candidate.selected.member.name).linkage;
        let (mut linkage, mut because) = decide(forced, candidate, machine.and_then(Machine::glibc));
        if let Some(machine) = machine {
            let chosen = machine.choose(candidate, linkage, forced.is_some())?;
            // What spoke for the better one does not speak for the one in its place.
            if chosen.linkage != linkage {
                because.clear();
            }
            linkage = chosen.linkage;
            because.extend(chosen.because);
            better.entry(linkage).or_default().extend(chosen.better);
        }
        by_linkage.entry(linkage).or_default().push((candidate, because));
    }
    let mut of = vec![0; candidates.len()];
    let mut groups = Vec::new();
    for (linkage, members) in by_linkage {
        for (candidate, _) in &members {
            let at = candidates.iter().position(|other| std::ptr::eq(other, *candidate));
            of[at.unwrap_or_default()] = groups.len();
        }
        let suffix = if groups.is_empty() { "" } else { suffix(linkage) };
        let members: &Members<'_, '_> = &members;
        let mut group = group::decide(workspace, settings, compiling, linkage, suffix, members)?;
        if let Some(machine) = machine {
            group.compile = machine.compile(linkage, members)?;
            group.better = better.remove(&linkage).unwrap_or_default().into_iter().collect();
        }
        groups.push(group);
    }
    guards::check(workspace, candidates, &of, compiling.features)?;
    Ok((groups, of))
}

/// What names of stages end with that a group has for itself: statically with musl, with glibc, and with shared libraries.
pub(super) const SUFFIXES: [&str; 3] = ["", "-static", "-gnu"];

/// Of the stages of a group that is not the first.
fn suffix(linkage: Linkage) -> &'static str {
    let [musl, static_gnu, dynamic_gnu] = SUFFIXES;
    match linkage {
        Linkage::StaticMusl => musl,
        Linkage::StaticGnu => static_gnu,
        Linkage::DynamicGnu => dynamic_gnu,
    }
}

/// The first linkage that fits, or the one that the user forces.
fn decide(forced: Option<Linkage>, candidate: &Candidate<'_>, glibc: Option<Glibc>) -> (Linkage, Vec<Because>) {
    let name = &candidate.selected.binary.name;
    if let Some(forced) = forced {
        let evidence = against(forced, &candidate.findings, glibc);
        let mut because = vec![Because::new("metadata", format!("{name}: the metadata says {}", forced.name()))];
        if !evidence.is_empty() {
            because.push(Because::new("metadata", format!("{name}: static linking will break, for the reasons below")));
            because.extend(evidence);
        }
        return (forced, because);
    }
    let evidence = against(Linkage::StaticMusl, &candidate.findings, glibc);
    if evidence.is_empty() {
        let c = candidate.findings.native.iter().filter(|native| native.needs.musl == Musl::C);
        let mut parts: Vec<&str> = c.filter_map(|native| native.because.krate_name()).collect();
        parts.dedup();
        let text = if parts.is_empty() {
            format!("{name}: pure Rust")
        } else {
            format!("{name}: its native parts link statically ({})", parts.join(", "))
        };
        return (Linkage::StaticMusl, vec![Because::new("static", text)]);
    }
    (Linkage::DynamicGnu, evidence)
}

/// The first glibc that resolves names without libraries of their own.
const NAMES_IN_ITSELF: Glibc = Glibc(2, 34);

/// What speaks against linking a program so; with this glibc, where it is known.
pub(super) fn against(linkage: Linkage, findings: &Findings, glibc: Option<Glibc>) -> Vec<Because> {
    if !linkage.is_static() {
        return Vec::new();
    }
    let native = findings.native.iter().filter(|native| native.needs.musl >= Musl::Cxx);
    let mut evidence: Vec<Because> = native.map(|native| native.because.clone()).collect();
    evidence.extend(findings.opens.clone());
    if linkage == Linkage::StaticGnu {
        // A static program opens libraries only of the very glibc that it was linked with, and scratch has none. Since 2.34
        // files and DNS are in the archive itself (seen to resolve on scratch with 2.36 and 2.41); builders are newer.
        let opens = findings.native.iter().filter(|native| !native.needs.run.is_empty());
        evidence.extend(opens.map(|native| native.because.clone()));
        let resolver = findings.resolver.iter().filter(|_| glibc.is_some_and(|version| version < NAMES_IN_ITSELF));
        evidence.extend(resolver.map(|resolver| Because {
            text: format!("{} with glibc's resolver, which opens libraries while the program runs", resolver.text),
            rule: "static-gnu-resolver".to_owned(),
            ..resolver.clone()
        }));
        evidence.dedup();
    }
    evidence
}
