//! What one cargo invocation compiles: targets, packages, environment, arguments.

use std::collections::BTreeMap;

use super::linkage::Compiling;
use super::model::{Because, CacheMount, CompiledIn, Group, HERE, Linkage, Musl, Package, in_url};
use super::{Candidate, target};
use crate::config::Settings;
use crate::detect::{self, Native};
use crate::failure::Result;
use crate::platforms;
use crate::workspace::{BinaryGraph, Features, Member, Workspace, relative};

/// The binaries of a group, each with why it is linked so.
pub(super) type Members<'m, 'c> = [(&'m Candidate<'c>, Vec<Because>)];

pub(super) fn decide(
    workspace: &Workspace,
    settings: &Settings,
    compiling: &Compiling<'_>,
    linkage: Linkage,
    suffix: &str,
    members: &Members<'_, '_>,
) -> Result<Group> {
    let Compiling { features, cross, machine } = *compiling;
    let is_native = cross.is_empty() && machine.is_none();
    let musl = target::musl_package(is_native);
    let natives = || members.iter().flat_map(|(candidate, _)| &candidate.findings.native);
    let mut packages = Wanted::default();
    for native in natives() {
        let run = native.needs.run.iter().filter(|_| linkage == Linkage::DynamicGnu);
        for name in native.needs.apt.iter().map(String::as_str).chain(cxx(native)) {
            want(&mut packages, name, !native.builds && platforms::of_target(name)?, &native.because);
        }
        for name in run {
            want(&mut packages, name, true, &native.because);
        }
    }
    let (env, env_because) = environment(settings, natives());
    let wanted = platforms::wanted(cross)?;
    // The first one stands for all of them.
    let first = wanted.first().map(|platform| platform.triple(linkage)).unwrap_or_default();
    let linkers = match detect::linkers(workspace, first) {
        // Debian need not have what this machine has.
        Err(_) if machine.is_some() => Vec::new(),
        linkers => linkers?,
    };
    for linker in linkers {
        for name in &linker.needs.apt {
            want(&mut packages, name, false, &linker.because);
        }
    }
    let mut musl_env = BTreeMap::new();
    if linkage == Linkage::StaticMusl {
        for native in natives() {
            if !native.needs.musl_env.is_empty() {
                want(&mut packages, musl, !is_native, &native.because);
            }
            musl_env.extend(native.needs.musl_env.clone());
        }
        if let Some(compiled) = natives().find(|native| matches!(native.needs.musl, Musl::C | Musl::Cxx)) {
            want(&mut packages, musl, !is_native, &compiled.because);
            for (name, program) in target::compiler(is_native) {
                musl_env.insert((*name).to_owned(), (*program).to_owned());
            }
        }
        // What the metadata says of a variable goes for every target.
        musl_env.retain(|name, _| !env.contains_key(name));
    }
    for name in &settings.workspace.packages {
        want(&mut packages, name, platforms::of_target(name)?, &Because::new("metadata", "the metadata names it"));
    }
    let mut variables: Vec<CompiledIn> = Vec::new();
    for variable in members.iter().flat_map(|(candidate, _)| &candidate.findings.variables) {
        if !env.contains_key(&variable.name) && variables.iter().all(|known| known.name != variable.name) {
            variables.push(variable.clone());
        }
    }
    let packages = listed(packages);
    let asks = target::Asks {
        linkage,
        env: &env,
        own: &musl_env,
        packages: &packages,
        cxx: natives().any(|native| !native.builds && native.needs.musl == Musl::Cxx),
        native: is_native,
    };
    let targets = wanted.iter().map(|platform| target::decide(workspace, platform, &asks)).collect();

    let mut compiled: Vec<&Member> = members.iter().map(|(candidate, _)| candidate.selected.member).collect();
    compiled.dedup_by(|a, b| a.name == b.name);
    let together = if members.len() > 1 { Some(workspace.graph_of(&compiled, features, first)?) } else { None };
    let graph = together.as_ref().or(members.first().map(|(only, _)| &only.graph));
    let (crates, own_crates) = graph.map(count).unwrap_or_default();
    let mut because: Vec<Because> = members.iter().flat_map(|(_, because)| because.clone()).collect();
    because.sort();
    because.dedup();
    Ok(Group {
        suffix: suffix.to_owned(),
        linkage,
        because,
        targets,
        packages,
        env,
        env_because,
        variables,
        cargo_args: cargo_args(workspace, &compiled, features),
        binaries: members.iter().map(|(candidate, _)| candidate.selected.binary.name.clone()).collect(),
        members: graph.map(|graph| own(workspace, graph)).unwrap_or_default(),
        crates,
        own_crates,
        target_cache: CacheMount::default(),
        compile: Vec::new(),
        better: Vec::new(),
    })
}

/// The environment of a group besides that of its targets, and why it has one. What the metadata says comes first.
fn environment<'n>(
    settings: &Settings,
    natives: impl Iterator<Item = &'n Native>,
) -> (BTreeMap<String, String>, Vec<Because>) {
    let mut env = settings.workspace.build_env.clone();
    let mut because = Vec::new();
    for native in natives {
        if !native.needs.env.is_empty() && !because.contains(&native.because) {
            because.push(native.because.clone());
        }
        for (name, value) in &native.needs.env {
            env.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    (env, because)
}

/// The members of the workspace in a graph, sorted.
fn own(workspace: &Workspace, graph: &BinaryGraph) -> Vec<String> {
    let local = graph.packages().filter(|package| package.local).map(|package| package.name.clone());
    let mut own: Vec<String> = local.filter(|name| workspace.member(name).is_some()).collect();
    own.sort();
    own.dedup();
    own
}

/// Packages by name, and by whether they are the target's.
type Wanted = BTreeMap<(String, bool), Vec<Because>>;

fn listed(wanted: Wanted) -> Vec<Package> {
    wanted.into_iter().map(|((name, target), because)| Package { name, target, because }).collect()
}

fn want(packages: &mut Wanted, name: &str, target: bool, because: &Because) {
    let reasons = packages.entry((name.to_owned(), target)).or_default();
    if !reasons.contains(because) {
        reasons.push(because.clone());
    }
}

/// What is to be known of variables that nothing sets.
pub(super) fn unset(group: &Group) -> impl Iterator<Item = Because> + '_ {
    group.variables.iter().map(|variable| {
        let name = &variable.name;
        let argument = if variable.argument { format!(", or `build --build-arg {name}=…`") } else { String::new() };
        let text = format!(
            "{}, and nothing sets it: `build-env = {{ {name} = \"…\" }}` in the metadata does{argument}",
            variable.because.text
        );
        Because { text, ..variable.because.clone() }
    })
}

/// Packages whose files are read or opened by name at run time.
pub(super) fn run_packages(native: &[Native]) -> Vec<Package> {
    let mut packages = Wanted::default();
    for native in native {
        for name in &native.needs.run {
            want(&mut packages, name, true, &native.because);
        }
    }
    listed(packages)
}

/// What static linking with musl costs a package's binaries.
pub(super) fn costs(candidate: &Candidate<'_>) -> Vec<Because> {
    // The binaries of one package share its graph.
    let name = &candidate.selected.member.name;
    let findings = &candidate.findings;
    let mut costs = Vec::new();
    if let (Some(threads), None) = (&findings.threads, &findings.allocator) {
        let text = format!(
            "{name}: {}, and musl's allocator is slow: set a `#[global_allocator]`, or `linkage = \"dynamic-gnu\"`",
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
fn cargo_args(workspace: &Workspace, compiled: &[&Member], features: &Features) -> Vec<String> {
    let mut args = Vec::new();
    for member in compiled {
        args.extend(["--package".to_owned(), package(workspace, member)]);
    }
    args.extend(features_of(compiled, features));
    args
}

/// What cargo calls a member: by its name, or where another package has it too, by its place. Its version would not do, because
/// cargo-chef writes another one into the manifest.
pub(super) fn package(workspace: &Workspace, member: &Member) -> String {
    if !workspace.namesakes.contains(&member.name) {
        return member.name.clone();
    }
    let folder = relative(&workspace.root, &member.dir);
    let folder = if folder.as_str().is_empty() { String::new() } else { format!("/{}", in_url(folder.as_str())) };
    format!("file://{HERE}{folder}#{}", member.name)
}

/// The features that are on, as far as these members have them.
pub(super) fn features_of(compiled: &[&Member], features: &Features) -> Vec<String> {
    let mut args = Vec::new();
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
