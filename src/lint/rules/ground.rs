//! What rules ask of the images that stages stand on, and of what becomes of a program on its way into one.

use super::Cargo;
use crate::bases::{self, Base, Libc};
use crate::lint::expand::{Lookup, expand};
use crate::lint::model::{Dockerfile, Instruction, Pair, Stage, What, Word};

/// What is known of the image under a stage and those that it stands on.
pub(super) fn under(file: &Dockerfile, stage: &Stage) -> Option<&'static Base> {
    bases::of(file.root(stage.index)?, &file.mirrors).ok().flatten()
}

/// How people call the image under a stage.
pub(super) fn title(file: &Dockerfile, stage: &Stage) -> String {
    file.root(stage.index).unwrap_or("its base").to_owned()
}

/// Short names of the table's as what stands in a Dockerfile.
pub(super) fn instead(base: &Base) -> Option<String> {
    let reference = |name: &String| bases::by_name(name).ok().flatten()?.reference.clone();
    let names: Vec<String> = base.alternatives.iter().filter_map(reference).map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| names.join(" or "))
}

/// The instructions of a stage and those that it stands on, the base's first, each with its stage and place.
pub(super) fn instructions<'a>(
    file: &'a Dockerfile,
    stage: &Stage,
) -> impl DoubleEndedIterator<Item = (&'a Stage, usize, &'a Instruction)> {
    let mut line = file.line(stage.index);
    line.reverse();
    line.into_iter().flat_map(|stage| stage.instructions.iter().enumerate().map(move |(at, one)| (stage, at, one)))
}

/// A word with what is known of its variables in place.
pub(super) fn expanded(file: &Dockerfile, stage: &Stage, at: usize, word: &Word) -> Option<String> {
    let known = file.environment(stage.index, at);
    let pairs: Vec<Pair> =
        known.into_iter().map(|(name, value)| Pair { name, value: Some(value), span: 0..0 }).collect();
    expand(&word.text, &Lookup(&pairs))
}

/// A program that was copied out of the stage that compiled it.
pub(super) struct Shipped<'a> {
    /// The stage that cargo runs in.
    pub builder: &'a Stage,
    /// The `COPY` that takes it out of there or into the image.
    pub copy: &'a Instruction,
    /// How it is linked.
    pub linked: Linked,
}

/// How a program that cargo made is linked, by all that the Dockerfile says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linked {
    /// With the C library of the stage.
    Like(Libc),
    /// Statically.
    Static,
}

/// What an image gets from stages that run `cargo build`, where it can be told.
pub(super) fn shipped<'a>(file: &'a Dockerfile, image: &Stage, configured: bool) -> Vec<Shipped<'a>> {
    let mut found = Vec::new();
    for (_, _, copy) in instructions(file, image) {
        let Some(from) = copy.copy().and_then(|copy| copy.from.as_ref()).and_then(|from| from.stage) else { continue };
        let Some(builder) = file.stages.get(from) else { continue };
        let Some(transfer) = copy.copy() else { continue };
        let is_program = transfer.sources.iter().any(|source| is_program(&source.text));
        if let (true, Some(linked)) = (is_program, linked(file, builder, configured)) {
            found.push(Shipped { builder, copy, linked });
        }
    }
    found
}

/// Whether it is where cargo leaves programs, or where they are put.
fn is_program(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let folder = path.split('/').any(|part| matches!(part, "release" | "debug" | "bin"));
    folder && !name.is_empty() && !name.contains(['.', '*'])
}

/// How cargo links in a stage. `configured`: cargo has files that may say something else, which nobody has read.
fn linked(file: &Dockerfile, builder: &Stage, configured: bool) -> Option<Linked> {
    let base = under(file, builder)?;
    // What is not an image of Rust's may have any toolchain.
    if configured || base.toolchain != Some(true) {
        return None;
    }
    let (mut builds, mut said, mut targets) = (0, String::new(), Vec::new());
    for (stage, at, instruction) in instructions(file, builder) {
        match &instruction.what {
            What::Env(pairs) | What::Arg(pairs) => {
                for pair in pairs {
                    said += &format!(" {}={}", pair.name, pair.value.as_deref().unwrap_or("$"));
                }
            }
            What::Run(run) => {
                said.push(' ');
                said += &run.command.text();
                for call in run.calls.iter().filter(|call| builds_programs(call)) {
                    builds += 1;
                    if let Some(target) = call.value("--target") {
                        let word = Word { text: target.to_owned(), span: 0..0 };
                        targets.push(expanded(file, stage, at, &word)?);
                    }
                }
            }
            _ => {}
        }
    }
    // Other tools than cargo's own, and scripts, decide for themselves.
    let other = ["CARGO_BUILD_TARGET", "zigbuild", "cross ", "xx-cargo", "CARGO_BUILD_RUSTFLAGS", "prefer-dynamic"];
    if builds == 0 || other.iter().any(|word| said.contains(word)) {
        return None;
    }
    let flags = |flag: &str| said.contains(flag);
    if flags("-crt-static") && !flags("+crt-static") {
        return base.libc.map(Linked::Like);
    }
    if flags("+crt-static") {
        return Some(Linked::Static);
    }
    let musl = |target: &String| target.ends_with("-musl");
    if targets.len() == builds && targets.iter().all(musl) {
        return Some(Linked::Static);
    }
    if targets.iter().any(musl) || targets.iter().any(|target| !target.ends_with("-gnu")) {
        return None;
    }
    match base.libc? {
        // Rust links musl statically unless it is told not to.
        Libc::Musl if targets.is_empty() => Some(Linked::Static),
        Libc::Musl => None,
        other => Some(Linked::Like(other)),
    }
}

fn builds_programs(call: &crate::lint::call::Call) -> bool {
    Cargo::of(call).is_some_and(|cargo| matches!(cargo.word.text.as_str(), "build" | "b" | "install" | "rustc"))
}

/// Whether a stage, or one under it, runs a program with one of these words among its arguments.
pub(super) fn installs(file: &Dockerfile, stage: &Stage, names: &[&str]) -> bool {
    instructions(file, stage).filter_map(|(_, _, one)| one.run()).any(|run| {
        let text = run.command.text();
        names.iter().any(|name| text.contains(name))
            || run.calls.iter().any(|call| call.args().any(|arg| names.contains(&arg)))
    })
}

/// Whether a stage, or one under it, copies something whose path has one of these parts, or to such a place.
pub(super) fn copies(file: &Dockerfile, stage: &Stage, parts: &[&str]) -> bool {
    instructions(file, stage).any(|(_, _, one)| match &one.what {
        What::Copy(copy) | What::Add(copy) => {
            let mut paths = copy.sources.iter().chain([&copy.target]).map(|word| word.text.as_str());
            paths.any(|path| parts.iter().any(|part| path.contains(part)))
        }
        _ => false,
    })
}

/// Whether a whole tree is put over the image: who knows what is in it.
pub(super) fn takes_a_root(file: &Dockerfile, stage: &Stage) -> bool {
    instructions(file, stage).any(|(_, _, one)| match &one.what {
        What::Copy(copy) | What::Add(copy) => {
            matches!(copy.target.text.as_str(), "/" | "/." | "./" | "." | "/etc" | "/etc/")
                && !copy.sources.iter().all(|source| is_program(&source.text))
        }
        _ => false,
    })
}
