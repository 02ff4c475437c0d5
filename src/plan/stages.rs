//! The stages `test` and `dev`.

use super::model::{
    Asset, Because, CacheMount, Compose, Context, DevProgram, DevStage, Group, Image, Link, OptionalStage, Package,
    TestRunner, TestStage, Toolchain, Workbench,
};
use super::tools::tool;
use super::{Candidate, Flags, WORKDIR, caches, target};
use crate::config::Settings;
use crate::detect;
use crate::failure::Result;
use crate::workspace::{Binary, Features, Workspace};

/// Where programs run that are under work; each has a folder of its own there.
const DESK: &str = "/srv";

/// The stages that the metadata or the command names, and those that other files need.
pub(super) fn wanted(settings: &Settings, flags: &Flags, compose: &Compose) -> Vec<OptionalStage> {
    let table = &settings.workspace;
    let mut wanted = [table.stages.as_slice(), &flags.stages].concat();
    if compose.files.iter().any(|file| file.from_sources) {
        wanted.push(OptionalStage::Dev);
    }
    if !table.ci.is_empty() {
        wanted.push(OptionalStage::Test);
    }
    wanted.sort();
    wanted.dedup();
    wanted
}

/// The last group's, because where one binary needs the system's libraries, so may the tests of its package.
pub(super) fn workbench(groups: &[Group]) -> Workbench {
    let group = groups.len().saturating_sub(1);
    let same = |one: &Package, other: &Package| (&one.name, one.target) == (&other.name, other.target);
    let there = |package: &Package| groups[group].packages.iter().any(|own| same(own, package));
    // musl is of no use where glibc is linked.
    let lacks = |package: &&Package| !target::is_musl(&package.name) && !there(package);
    let mut packages: Vec<Package> = Vec::new();
    for package in groups[..group].iter().flat_map(|other| &other.packages).filter(lacks) {
        if packages.iter().all(|known| !same(known, package)) {
            packages.push(package.clone());
        }
    }
    Workbench { group, packages }
}

pub(super) fn test(
    (workspace, settings): (&Workspace, &Settings),
    features: &Features,
    toolchain: &Toolchain,
    (context, group): (&Context, &Group),
    notes: &mut Vec<Because>,
) -> Result<TestStage> {
    let found = detect::nextest(workspace)?;
    let (mut runner, mut because) = match (settings.workspace.test_runner, found) {
        (Some(runner), _) => (runner, Because::new("metadata", "`test-runner` in the metadata says so")),
        (None, Some(because)) => (TestRunner::Nextest, because),
        (None, None) => (TestRunner::Cargo, Because::new("default", "no use of cargo-nextest found")),
    };
    let tool = if runner == TestRunner::Nextest { tool("cargo-nextest", &toolchain.channel)? } else { None };
    if runner == TestRunner::Nextest && tool.is_none() {
        let text =
            format!("no cargo-nextest is known that Rust {} compiles: `cargo test` runs the tests", toolchain.channel);
        runner = TestRunner::Cargo;
        because = Because::new("nextest-version", text);
        notes.push(because.clone());
    }
    notes.extend(detect::tests_that_ask(workspace));
    let mut cargo_args = vec!["--workspace".to_owned()];
    // A build for Linux does not compile them.
    let is_bare = |binary: &Binary| binary.elsewhere.as_ref().is_some_and(|elsewhere| !elsewhere.compiles);
    for member in workspace.members.iter().filter(|member| member.binaries.iter().any(is_bare)) {
        cargo_args.extend(["--exclude".to_owned(), member.name.clone()]);
    }
    cargo_args.extend(features.flags());
    let target = caches::target(workspace, toolchain, context, group, "tests");
    // Results are read by the name of their run, whichever target and profile they are of.
    let results = CacheMount {
        id: target.id.replace("-$CARGO_BUILD_TARGET-$CARGO_PROFILE", "-results"),
        target: "/var/cache/dockerize-tests".to_owned(),
        sharing: "locked".to_owned(),
        because: "a step that fails leaves no layer, and its results are wanted all the more".to_owned(),
    };
    Ok(TestStage {
        runner,
        because,
        tool,
        doc: workspace.members.iter().any(|member| member.doctests),
        cargo_args,
        target_cache: target,
        results,
    })
}

pub(super) fn dev(
    (workspace, features): (&Workspace, &Features),
    toolchain: &Toolchain,
    context: &Context,
    (candidates, images): (&[Candidate<'_>], &[Image]),
    notes: &mut Vec<Because>,
) -> Result<DevStage> {
    let watcher = tool("watchexec-cli", &toolchain.channel)?;
    if watcher.is_none() {
        let text = format!(
            "no watcher is known that Rust {} compiles: the stage `dev` runs the program once",
            toolchain.channel
        );
        notes.push(Because::new("watcher-version", text));
    }
    let programs = candidates
        .iter()
        .zip(images)
        .map(|(candidate, image)| program((workspace, features), context, candidate, image));
    Ok(DevStage { watcher, programs: programs.collect() })
}

fn program(
    (workspace, features): (&Workspace, &Features),
    context: &Context,
    candidate: &Candidate<'_>,
    image: &Image,
) -> DevProgram {
    let member = candidate.selected.member;
    let workdir = format!("{DESK}/{}", image.stage);
    // What lies under the image's working folder lies under this one.
    let here = |path: &str| match path.strip_prefix(WORKDIR) {
        Some(inside) if inside.starts_with('/') => format!("{workdir}{inside}"),
        _ => path.to_owned(),
    };
    let package = super::group::package(workspace, member);
    let mut cargo_args =
        vec!["--package".to_owned(), package, "--bin".to_owned(), candidate.selected.binary.name.clone()];
    cargo_args.extend(super::group::features_of(&[member], features));
    DevProgram {
        name: image.name.clone(),
        cargo_args,
        links: links(context, image, here),
        folders: image.rootfs.writable.iter().map(|folder| here(&folder.path)).collect(),
        env: image.env.clone(),
        arguments: image.arguments.clone(),
        workdir,
    }
}

/// Links in the places of the image's files; what lies in a folder that is a link itself is there with it.
fn links(context: &Context, image: &Image, here: impl Fn(&str) -> String) -> Vec<Link> {
    let inside = |asset: &Asset| {
        let above = |other: &Asset| asset.to.strip_prefix(&*other.to).is_some_and(|rest| rest.starts_with('/'));
        image.assets.iter().any(above)
    };
    let link = |asset: &Asset| Link { path: here(&asset.to), to: format!("{}/{}", context.workdir, asset.from) };
    image.assets.iter().filter(|asset| !inside(asset)).map(link).collect()
}
