//! What of a build is done again although nothing of it changed.

use super::Cargo;
use crate::lint::model::{Instruction, Stage, Transfer};
use crate::lint::{Context, Found};

/// Subcommands that fetch or compile dependencies by themselves, where they come before the sources.
const AHEAD: &[&str] = &["build", "b", "fetch", "vendor", "chef", "check", "build-deps", "install", "test"];

/// All sources before what compiles dependencies, which every edit then makes anew.
pub(super) fn sources_first(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for stage in &file.stages {
        let Some((copied, copy)) = all_sources(stage) else { continue };
        let above = file.line(stage.index).into_iter().skip(1);
        let ahead = stage.instructions[..copied].iter().chain(above.flat_map(|stage| &stage.instructions));
        if ahead.filter_map(Instruction::run).flat_map(|run| &run.calls).any(is_ahead) {
            continue;
        }
        let mut after = stage.instructions[copied + 1..].iter().filter_map(|one| Some((one, one.run()?)));
        let cargo = |call: &super::Call| Cargo::of(call).is_some_and(|cargo| cargo.builds());
        let Some((build, run)) = after.find(|(_, run)| run.calls.iter().any(cargo)) else { continue };
        // Compiled dependencies that come from elsewhere, or stay in a mount, are not made anew.
        let kept = run.mounts.iter().any(|mount| mount.kind == "cache");
        let from_elsewhere = stage.instructions.iter().filter_map(|one| one.copy()).any(|copy| {
            copy.from.is_some()
                && copy.sources.iter().any(|source| source.text.contains("target") || source.text.contains("cargo"))
        });
        let environment = file.environment(stage.index, stage.instructions.len());
        if kept || from_elsewhere || environment.contains_key("RUSTC_WRAPPER") {
            continue;
        }
        let call = run.calls.iter().find(|call| cargo(call));
        let one = Found::at(copy.span.clone(), "all sources come before the dependencies are compiled")
            .label("each edit of a source begins a new layer here")
            .help("compile dependencies first (`cargo chef cook`), or give the step a cache mount; `cargo dockerize init` writes both");
        found.push(one.also(
            call.map_or(build.keyword.clone(), |call| call.span.clone()),
            "and this compiles every dependency again",
        ));
    }
}

fn is_ahead(call: &super::Call) -> bool {
    Cargo::of(call).is_some_and(|cargo| AHEAD.contains(&cargo.word.text.as_str())) || call.program() == "cargo-chef"
}

fn all_sources(stage: &Stage) -> Option<(usize, &Instruction)> {
    stage.instructions.iter().enumerate().find(|(_, one)| one.from_context().is_some_and(Transfer::takes_all))
}
