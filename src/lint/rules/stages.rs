//! Stages: how they are called, and what of them is shipped.

use super::{Cargo, image_name, shipped};
use crate::lint::model::{Stage, What};
use crate::lint::{Context, Found};

/// Stages that others copy from or stand on, without a name.
pub(super) fn unnamed(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    let finals: Vec<usize> = file.finals().iter().map(|stage| stage.index).collect();
    for stage in file.stages.iter().filter(|stage| stage.name.is_none() && !finals.contains(&stage.index)) {
        let message = format!("stage {} has no name, and another one uses it", stage.index);
        found.push(Found::at(stage.from.clone(), message).help("call it something: `FROM … AS build`"));
    }
}

/// `COPY --from=0`.
pub(super) fn by_number(context: &Context<'_>, found: &mut Vec<Found>) {
    for instruction in context.file.stages.iter().flat_map(|stage| &stage.instructions) {
        let What::Copy(copy) = &instruction.what else { continue };
        let Some((from, stage)) = copy.from.as_ref().and_then(|from| Some((from, from.stage?))) else { continue };
        if from.written.text.parse::<usize>().is_err() {
            continue;
        }
        let number = &from.written.text;
        let one = Found::at(from.written.span.clone(), format!("`--from={number}` counts stages"))
            .label("another stage, once one is put in above");
        found.push(match context.file.stages.get(stage).and_then(|stage| stage.name.as_ref()) {
            Some(name) => one.help("use its name").fix(from.written.span.clone(), &name.text),
            None => one.help("give the stage a name with `AS`, and use that"),
        });
    }
}

/// Images that bring the Rust toolchain, by the last part of their names.
const TOOLCHAINS: &[&str] = &["rust", "cargo-chef", "rust-musl-builder", "muslrust", "rust-musl-cross"];

/// An image for running a program that has the toolchain under it which compiled it.
pub(super) fn toolchain_shipped(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let line = file.line(image.index);
        let from_image = file.root(image.index).is_some_and(|base| TOOLCHAINS.contains(&image_name(base)));
        let calls = || line.iter().flat_map(|stage| stage.runs()).flat_map(|(_, _, run)| &run.calls);
        let installed = calls().any(|call| {
            call.program() == "rustup-init" || call.words.iter().any(|word| word.text.contains("sh.rustup.rs"))
        });
        let compiles = calls().any(|call| Cargo::of(call).is_some_and(|cargo| cargo.builds()));
        if (from_image || installed) && compiles && runs_program(&line) {
            let single = file.stages.len() == 1;
            let message = if single {
                "the only stage is the one that compiles: the image has the whole toolchain"
            } else {
                "this image stands on the toolchain that compiled its program"
            };
            let help = "put the program into a stage of its own: `FROM debian:trixie-slim`, and `COPY --from=build` the program";
            found.push(
                Found::at(image.from.clone(), message).label("more than a gigabyte that runs nothing").help(help),
            );
        }
    }
}

/// Whether a stage starts a program, and not cargo for people at work.
fn runs_program(line: &[&Stage]) -> bool {
    let mut commands =
        line.iter().flat_map(|stage| stage.instructions.iter().rev()).filter_map(|one| match &one.what {
            What::Entrypoint(command) | What::Cmd(command) => Some(command.text()),
            _ => None,
        });
    commands.next().is_some_and(|text| {
        let words: Vec<&str> = text.split_whitespace().collect();
        !matches!(words.as_slice(), [] | ["bash" | "sh" | "/bin/bash" | "/bin/sh"])
            && (words[0] != "cargo" || words.get(1) == Some(&"run"))
    })
}

/// A `COPY` of a whole target folder into an image.
pub(super) fn whole_target(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    let shipped = shipped(file);
    for stage in file.stages.iter().filter(|stage| shipped.contains(&stage.index)) {
        // Who compiles goes on with the folder.
        let compiles = stage.runs().any(|(_, _, run)| run.calls.iter().any(|call| call.program() == "cargo"));
        let copies =
            stage.instructions.iter().filter_map(|one| one.copy()).filter(|copy| copy.from.is_some() && !compiles);
        for source in copies.flat_map(|copy| &copy.sources) {
            let path = source.text.trim_end_matches(['/', '*']).trim_end_matches('/');
            let parts: Vec<&str> = path.split('/').collect();
            let target = parts.iter().rposition(|part| *part == "target");
            let rest = target.map(|at| &parts[at + 1..]);
            if matches!(rest, Some([] | ["release" | "debug"] | [_, "release" | "debug"])) {
                let one = Found::at(source.span.clone(), "the whole target folder is copied into the image");
                let one = one.label("dependencies, intermediate files and fingerprints as well");
                found.push(one.help("name the program: `COPY --from=build /app/target/release/app /usr/local/bin/`"));
            }
        }
    }
}

/// A program that was compiled without optimisation, in an image.
pub(super) fn debug_build(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    let is_debug = |path: &str| path.contains("target/") && path.contains("/debug/");
    let help = "compile with `cargo build --release`, and take the program from `target/release`";
    for image in file.images() {
        for instruction in file.line(image.index).iter().flat_map(|stage| &stage.instructions) {
            match &instruction.what {
                What::Copy(copy) if copy.from.is_some() => {
                    for source in copy.sources.iter().filter(|source| is_debug(&source.text)) {
                        found.push(Found::at(source.span.clone(), "the image gets a debug build").help(help));
                    }
                }
                What::Cmd(command) | What::Entrypoint(command) => {
                    let text = command.text();
                    let run = text.starts_with("cargo run")
                        && !text.contains("--release")
                        && !text.contains(" -r")
                        && !text.contains("--profile");
                    if run || is_debug(text.split_whitespace().next().unwrap_or_default()) {
                        found.push(Found::at(command.span(), "the image runs a debug build").help(help));
                    }
                }
                _ => {}
            }
        }
    }
}
