//! How each binary is linked, and which binaries one cargo invocation compiles.

use std::collections::BTreeMap;

use super::Candidate;
use super::model::{Because, CacheMount, Group, Linkage, Musl, Package, Target};
use crate::config::Settings;
use crate::detect::{self, Native};
use crate::failure::Result;
use crate::workspace::{BinaryGraph, Features, Member, Workspace};

/// Architectures: Docker's name and Rust's.
const ARCHITECTURES: &[(&str, &str)] = &[("amd64", "x86_64"), ("arm64", "aarch64")];

/// The groups, static first, and the group of each candidate.
pub(super) fn groups(
    workspace: &Workspace,
    settings: &Settings,
    features: &Features,
    candidates: &[Candidate<'_>],
) -> Result<(Vec<Group>, Vec<usize>)> {
    let mut by_linkage: BTreeMap<Linkage, Vec<(&Candidate<'_>, Vec<Because>)>> = BTreeMap::new();
    for candidate in candidates {
        let (linkage, because) = decide(settings, candidate);
        by_linkage.entry(linkage).or_default().push((candidate, because));
    }
    let mut of = vec![0; candidates.len()];
    let mut groups = Vec::new();
    for (linkage, members) in by_linkage {
        for (candidate, _) in &members {
            let at = candidates.iter().position(|other| std::ptr::eq(other, *candidate));
            of[at.unwrap_or_default()] = groups.len();
        }
        let suffix = if groups.is_empty() { "" } else { "-gnu" };
        groups.push(group(workspace, settings, features, linkage, suffix, &members)?);
    }
    Ok((groups, of))
}

/// The first linkage that fits, or the one that the user forces.
fn decide(settings: &Settings, candidate: &Candidate<'_>) -> (Linkage, Vec<Because>) {
    let against: Vec<&Native> =
        candidate.findings.native.iter().filter(|native| native.needs.musl >= Musl::Cxx).collect();
    let evidence: Vec<Because> = against.iter().map(|native| native.because.clone()).collect();
    let name = &candidate.selected.binary.name;
    if let Some(forced) = settings.of(&candidate.selected.member.name).linkage {
        let mut because = vec![Because::new("metadata", format!("{name}: the metadata says {}", forced.name()))];
        if forced == Linkage::StaticMusl && !evidence.is_empty() {
            because.push(Because::new("metadata", format!("{name}: static linking will break, for the reasons below")));
            because.extend(evidence);
        }
        return (forced, because);
    }
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

fn group(
    workspace: &Workspace,
    settings: &Settings,
    features: &Features,
    linkage: Linkage,
    suffix: &str,
    members: &[(&Candidate<'_>, Vec<Because>)],
) -> Result<Group> {
    let environment = if linkage == Linkage::StaticMusl { "musl" } else { "gnu" };
    let triple = |arch: &str| format!("{arch}-unknown-linux-{environment}");
    let natives = || members.iter().flat_map(|(candidate, _)| &candidate.findings.native);
    let mut packages: BTreeMap<String, Vec<Because>> = BTreeMap::new();
    for native in natives() {
        let run = native.needs.run.iter().filter(|_| linkage == Linkage::DynamicGnu);
        for name in native.needs.apt.iter().chain(run).map(String::as_str).chain(cxx(native)) {
            want(&mut packages, name, &native.because);
        }
    }
    let mut env = settings.workspace.build_env.clone();
    let mut env_because = Vec::new();
    for native in natives() {
        if !native.needs.env.is_empty() && !env_because.contains(&native.because) {
            env_because.push(native.because.clone());
        }
        for (name, value) in &native.needs.env {
            env.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    // The host's architecture stands for all of them.
    for linker in detect::linkers(workspace, &triple("x86_64"))? {
        for name in &linker.needs.apt {
            want(&mut packages, name, &linker.because);
        }
    }
    let mut musl_env = BTreeMap::new();
    if linkage == Linkage::StaticMusl {
        for native in natives() {
            if !native.needs.musl_env.is_empty() {
                want(&mut packages, "musl-tools", &native.because);
            }
            musl_env.extend(native.needs.musl_env.clone());
        }
        if let Some(compiled) = natives().find(|native| matches!(native.needs.musl, Musl::C | Musl::Cxx)) {
            want(&mut packages, "musl-tools", &compiled.because);
            musl_env.insert("CC".to_owned(), "musl-gcc".to_owned());
        }
        // What the metadata says of a variable goes for every target.
        musl_env.retain(|name, _| !env.contains_key(name));
    }
    for name in &settings.workspace.packages {
        want(&mut packages, name, &Because::new("metadata", "the metadata names it"));
    }
    let targets = ARCHITECTURES
        .iter()
        .map(|(arch, rust)| {
            let triple = triple(rust);
            let of_target = |name: &str| format!("{name}_{}", triple.replace('-', "_"));
            let env = musl_env.iter().map(|(name, value)| (of_target(name), value.replace("{arch}", rust))).collect();
            Target { arch: (*arch).to_owned(), triple, env }
        })
        .collect();

    let mut compiled: Vec<&Member> = members.iter().map(|(candidate, _)| candidate.selected.member).collect();
    compiled.dedup_by(|a, b| a.name == b.name);
    let (crates, own_crates) = match members {
        [(only, _)] => count(&only.graph),
        _ => count(&workspace.graph_of(&compiled, features, &triple("x86_64"))?),
    };
    let mut because: Vec<Because> = members.iter().flat_map(|(_, because)| because.clone()).collect();
    because.sort();
    because.dedup();
    Ok(Group {
        suffix: suffix.to_owned(),
        linkage,
        because,
        targets,
        packages: packages.into_iter().map(|(name, because)| Package { name, because }).collect(),
        env,
        env_because,
        cargo_args: cargo_args(members, &compiled, features),
        binaries: members.iter().map(|(candidate, _)| candidate.selected.binary.name.clone()).collect(),
        crates,
        own_crates,
        target_cache: CacheMount::default(),
    })
}

fn want(packages: &mut BTreeMap<String, Vec<Because>>, name: &str, because: &Because) {
    let reasons = packages.entry(name.to_owned()).or_default();
    if !reasons.contains(because) {
        reasons.push(because.clone());
    }
}

/// Packages whose files are read or opened by name at run time.
pub(super) fn run_packages(native: &[Native]) -> Vec<Package> {
    let mut packages = BTreeMap::new();
    for native in native {
        for name in &native.needs.run {
            want(&mut packages, name, &native.because);
        }
    }
    packages.into_iter().map(|(name, because)| Package { name, because }).collect()
}

/// What static linking with musl costs a package's binaries.
pub(super) fn costs(candidate: &Candidate<'_>) -> Vec<Because> {
    // The binaries of one package share its graph.
    let name = &candidate.selected.member.name;
    let findings = &candidate.findings;
    let mut costs = Vec::new();
    if let (Some(threads), None) = (&findings.threads, &findings.allocator) {
        let text = format!(
            "{name}: {}, where musl's allocator is slow: give it a `#[global_allocator]`, or say `linkage = \"dynamic-gnu\"`",
            threads.text
        );
        costs.push(Because { text, rule: "musl-allocator".to_owned(), ..threads.clone() });
    }
    if let Some(resolver) = &findings.resolver {
        let text = format!(
            "{name}: {} with musl's resolver, which asks all name servers at once and reads no nsswitch.conf",
            resolver.text
        );
        costs.push(Because { text, rule: "musl-resolver".to_owned(), ..resolver.clone() });
    }
    costs
}

/// The C++ compiler; the images of Rust bring that of C.
fn cxx(native: &Native) -> Option<&'static str> {
    (native.needs.musl == Musl::Cxx).then_some("g++")
}

/// Packages in a graph, and those of them that lie in local folders.
fn count(graph: &BinaryGraph) -> (usize, usize) {
    (graph.len(), graph.packages().filter(|package| package.local).count())
}

/// What cook and build must agree on, or the dependencies are compiled twice.
fn cargo_args(members: &[(&Candidate<'_>, Vec<Because>)], compiled: &[&Member], features: &Features) -> Vec<String> {
    let mut args = Vec::new();
    for member in compiled {
        args.extend(["--package".to_owned(), member.name.clone()]);
    }
    for (candidate, _) in members {
        args.extend(["--bin".to_owned(), candidate.selected.binary.name.clone()]);
    }
    if features.all {
        args.push("--all-features".to_owned());
    }
    if features.no_default {
        args.push("--no-default-features".to_owned());
    }
    let names: Vec<&str> = features
        .names
        .iter()
        .filter(|name| match name.split_once('/') {
            Some((owner, _)) => compiled.iter().any(|member| member.name == owner),
            None => compiled.iter().any(|member| member.features.contains(name)),
        })
        .map(String::as_str)
        .collect();
    if !names.is_empty() {
        args.extend(["--features".to_owned(), names.join(",")]);
    }
    args
}
