//! Cache mounts.

use super::{Cargo, runs};
use crate::lint::model::{Mount, Span, Stage};
use crate::lint::{Context, Found};

/// A mount's folder in the image, absolute where that can be told.
fn target(context: &Context<'_>, stage: &Stage, at: usize, mount: &Mount) -> Option<String> {
    let path = mount.option("target")?.trim_end_matches('/');
    if path.contains('$') {
        return None;
    }
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let folder = context.file.workdir(stage.index, at)?;
    Some(format!("{}/{}", folder.trim_end_matches('/'), path.trim_start_matches("./")))
}

fn is_target(path: &str) -> bool {
    path.rsplit('/').next() == Some("target")
}

/// A program that is copied out of a folder which was a cache mount: it is not in the layer.
pub(super) fn target_left(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for instruction in file.stages.iter().flat_map(|stage| &stage.instructions) {
        let Some(copy) = instruction.copy() else { continue };
        let Some(from) = copy.from.as_ref().and_then(|from| file.stages.get(from.stage?)) else { continue };
        for source in &copy.sources {
            let path = format!("/{}", source.text.trim_start_matches('/'));
            if let Some(mount) = hidden(context, from, &path) {
                let one = Found::at(source.span.clone(), format!("`{}` is not in the stage", source.text))
                    .label("it was written into a cache mount, which no layer has")
                    .help("copy it out in the step that compiles: `cp target/release/app /usr/local/bin/`, and take it from there");
                found.push(one.also(mount, "the mount"));
            }
        }
    }
}

/// The mount that a path was in, where each step that compiles had it and none that came later wrote there.
fn hidden(context: &Context<'_>, stage: &Stage, path: &str) -> Option<Span> {
    let mut mount = None;
    for stage in context.file.line(stage.index) {
        for (at, _, run) in stage.runs() {
            let builds = run.calls.iter().any(|call| Cargo::of(call).is_some_and(|cargo| cargo.builds()));
            let caches = run.mounts.iter().filter(|mount| mount.kind == "cache");
            let own = caches.filter_map(|one| Some((one, target(context, stage, at, one)?))).find(|(_, folder)| {
                is_target(folder) && path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
            });
            match own {
                Some((one, _)) if builds => mount = Some(one.span.clone()),
                // Something else may have written there.
                None if builds
                    || run.calls.iter().any(|call| call.words.iter().any(|word| word.text.contains("target"))) =>
                {
                    return None;
                }
                _ => {}
            }
        }
    }
    mount
}

/// Folders below the root that two builds must not write at once, and what happens there.
const SHARED: &[(&str, &str)] = &[
    ("var/cache/apt", "apt gives up where another one holds its lock"),
    ("var/lib/apt", "apt gives up where another one holds its lock"),
    ("var/lib/apt/lists", "apt gives up where another one holds its lock"),
    ("usr/local/cargo/registry", "cargo's lock lies outside of the mount: two builds unpack one crate into one place"),
    ("root/.cargo/registry", "cargo's lock lies outside of the mount: two builds unpack one crate into one place"),
];

/// Mounts of package managers that say nothing of other builds.
pub(super) fn sharing(context: &Context<'_>, found: &mut Vec<Found>) {
    for (stage, at, _, run) in runs(context.file) {
        for mount in run.mounts.iter().filter(|mount| mount.kind == "cache" && mount.option("sharing").is_none()) {
            let Some(folder) = target(context, stage, at, mount) else { continue };
            // cargo's own lock, linked into the mount by a step before, does the same.
            let locks = context.text().contains(".package-cache");
            let Some((_, why)) = SHARED.iter().find(|(path, _)| *path == folder.trim_start_matches('/')) else {
                continue;
            };
            if locks && folder.contains("cargo") {
                continue;
            }
            let one = Found::at(mount.span.clone(), format!("builds that run at once share the mount on `{folder}`"));
            found.push(
                one.label(*why)
                    .help("let one wait for the other")
                    .fix(mount.span.end..mount.span.end, ",sharing=locked"),
            );
        }
    }
}

/// Target folders that other projects have under the same name.
pub(super) fn id(context: &Context<'_>, found: &mut Vec<Found>) {
    for (stage, at, _, run) in runs(context.file) {
        for mount in run.mounts.iter().filter(|mount| mount.kind == "cache" && mount.option("id").is_none()) {
            let Some(folder) = target(context, stage, at, mount).filter(|folder| is_target(folder)) else { continue };
            let one = Found::at(mount.span.clone(), format!("the mount's name is its path, `{folder}`"));
            let one = one.label("every project that builds there shares it, its programs too");
            found.push(one.help("give it a name of the project's: `id=app-target`"));
        }
    }
}
