//! Targets of bake files, and what compose and bake files say of a build alike.

use super::ground;
use crate::lint::companions::{Build, Kind, builds};
use crate::lint::expand::could_be;
use crate::lint::tree::Node;
use crate::lint::{Context, Found, Where};

/// The block that says how something is built.
fn said<'a>(build: &'a Build, key: &str) -> Option<&'a Node> {
    match build.kind {
        Kind::Service => build.get("build").filter(|node| node.text().is_none())?.get(key),
        Kind::Target => build.own(key),
    }
}

pub(super) fn within(build: &Build, node: &Node, message: impl Into<String>) -> Found {
    Found::at(node.span.clone(), message).within(Where::Companion(build.file))
}

/// `target` that is no stage.
pub(super) fn no_stage(context: &Context<'_>, found: &mut Vec<Found>) {
    let stages = || context.file.stages.iter().filter_map(|stage| stage.name.as_ref());
    for build in builds(context.input) {
        let Some((node, target)) = said(build, "target").and_then(|node| Some((node, node.text()?))) else { continue };
        let by_number = target.parse::<usize>().is_ok_and(|number| number < context.file.stages.len());
        let named = stages().any(|name| name.text.eq_ignore_ascii_case(target) || could_be(&name.text, target));
        if target.contains(['$', '{']) || target.is_empty() || by_number || named {
            continue;
        }
        let one = within(build, node, format!("no stage of {} is called `{target}`", context.input.dockerfile.path));
        found.push(match crate::config::nearest(target, stages().map(|name| name.text.as_str())) {
            Some(name) => one.help(format!("did you mean `{name}`?")),
            None => one.help("the build fails before it starts: name a stage with `AS`"),
        });
    }
}

/// A cache of the last stage alone.
pub(super) fn small_cache(context: &Context<'_>, found: &mut Vec<Found>) {
    // One stage has no other ones to keep.
    if context.file.stages.len() < 2 {
        return;
    }
    for build in builds(context.input) {
        let key = if build.kind == Kind::Service { "cache_to" } else { "cache-to" };
        for node in said(build, key).map_or(&[][..], Node::items) {
            let (kind, mode) = match node.text() {
                Some(text) => {
                    let part = |name: &str| text.split(',').find_map(|part| part.trim().strip_prefix(name));
                    (part("type="), part("mode="))
                }
                None => (node.get("type").and_then(Node::text), node.get("mode").and_then(Node::text)),
            };
            if matches!(kind, Some("registry" | "gha" | "local" | "s3" | "azblob")) && mode != Some("max") {
                let one =
                    within(build, node, "the cache has the layers of the image, and not those of the stages before it")
                        .label("dependencies are compiled anew on each machine");
                found.push(one.help("add `mode=max`"));
            }
        }
    }
}

/// Steps that may do what they like to the machine.
pub(super) fn insecure(context: &Context<'_>, found: &mut Vec<Found>) {
    for build in builds(context.input) {
        let rights = said(build, "entitlements").map_or(&[][..], Node::items).iter();
        for node in rights.filter(|node| node.text().is_some_and(|text| text.starts_with("security.insecure"))) {
            let one = within(build, node, "steps of this build are privileged: what they run is root on the machine");
            found.push(one.help("leave it out; compilers need no rights"));
        }
        if let Some(node) = said(build, "network").filter(|node| node.text() == Some("host")) {
            let one = within(build, node, "steps of this build are in the machine's own network")
                .label("they reach what listens on its loopback");
            found.push(one.help(
                "leave it out, or give it where a machine needs it: `docker buildx bake --set '*.network=host'`",
            ));
        }
    }
}

/// Several platforms, each compiled by an emulated compiler.
pub(super) fn emulated(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    let compiles = |run: &crate::lint::model::Run| {
        run.calls.iter().any(|call| call.program() == "cargo" && call.has(&["build", "install", "rustc"]))
    };
    let native = |stage: usize| file.line(stage).iter().any(|stage| stage.platform.is_some());
    let stage = file.stages.iter().find(|stage| stage.runs().any(|(_, _, run)| compiles(run)) && !native(stage.index));
    let Some(stage) = stage.filter(|stage| ground::under(file, stage).is_some()) else { return };
    for build in builds(context.input) {
        let Some(node) = said(build, "platforms") else { continue };
        let mut processors: Vec<&str> = node.items().iter().filter_map(|one| one.text()?.split('/').nth(1)).collect();
        processors.sort_unstable();
        processors.dedup();
        if processors.len() < 2 {
            continue;
        }
        let message = format!("stage {} compiles for {} on each of them", stage.title(), processors.join(" and "));
        let one =
            within(build, node, message).label("all but one under emulation, where not a machine of each kind builds");
        found.push(one.help("`FROM --platform=$BUILDPLATFORM` and a cross compiler, or a machine of each kind"));
    }
}
