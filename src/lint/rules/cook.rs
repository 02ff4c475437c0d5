//! cargo-chef: what it compiles is of use only where cargo asks for the very same.

use std::collections::BTreeSet;

use super::Cargo;
use crate::lint::call::Call;
use crate::lint::model::{Instruction, Stage, Transfer};
use crate::lint::{Context, Found};

/// Calls of `cargo chef cook` in a stage, with their instructions' numbers.
fn cooks(stage: &Stage) -> impl Iterator<Item = (usize, &Call)> {
    let is_cook = |call: &&Call| {
        let chef =
            Cargo::of(call).is_some_and(|cargo| cargo.word.text == "chef" && cargo.args().next() == Some("cook"));
        chef || (call.program() == "cargo-chef" && call.has(&["cook"]))
    };
    stage.runs().flat_map(move |(at, _, run)| run.calls.iter().filter(is_cook).map(move |call| (at, call)))
}

/// All sources before `cargo chef cook`.
pub(super) fn after_sources(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for stage in &file.stages {
        let Some((at, cook)) = cooks(stage).next() else { continue };
        let above = file.line(stage.index).into_iter().skip(1).flat_map(|stage| &stage.instructions);
        let takes_all = |one: &&Instruction| one.from_context().is_some_and(Transfer::takes_all);
        if let Some(copy) = above.chain(&stage.instructions[..at]).find(takes_all) {
            let one = Found::at(cook.span.clone(), "the sources are there before the dependencies are cooked");
            let one = one.label("each edit of a source cooks them again").also(copy.span.clone(), "all sources");
            found.push(one.help("cook in a stage that has the recipe alone, and copy the sources after it"));
        }
    }
}

/// What makes cargo compile a dependency anew.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    profile: String,
    target: BTreeSet<String>,
    features: BTreeSet<String>,
    default: bool,
    all: bool,
}

/// Flags of cook's that are for other commands than `cargo build`.
const OTHERS: &[&str] = &["--check", "--clippy", "--tests", "--benches", "--examples", "--all-targets", "--no-build"];

impl Asked {
    fn of(words: &[&str]) -> Self {
        let value = |names: &[&str]| -> BTreeSet<String> {
            let mut found = BTreeSet::new();
            let mut words = words.iter();
            while let Some(word) = words.next() {
                for name in names {
                    let value = if word == name {
                        words.as_slice().first().copied()
                    } else {
                        word.strip_prefix(name).and_then(|rest| rest.strip_prefix('='))
                    };
                    found.extend(value.into_iter().flat_map(|value| value.split([',', ' '])).map(str::to_owned));
                }
            }
            found
        };
        let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
        let profile = value(&["--profile"]).into_iter().next();
        let profile = profile.unwrap_or_else(|| if has(&["--release", "-r"]) { "release" } else { "dev" }.to_owned());
        Self {
            profile,
            target: value(&["--target"]),
            features: value(&["--features", "-F"]),
            default: !has(&["--no-default-features"]),
            all: has(&["--all-features"]),
        }
    }

    /// The first thing in which they differ.
    fn difference(&self, other: &Self) -> Option<String> {
        let list = |set: &BTreeSet<String>| {
            if set.is_empty() { "none".to_owned() } else { set.iter().cloned().collect::<Vec<_>>().join(",") }
        };
        let pairs = [
            ("profile", self.profile.clone(), other.profile.clone()),
            ("target", list(&self.target), list(&other.target)),
            ("features", list(&self.features), list(&other.features)),
            ("default features", self.default.to_string(), other.default.to_string()),
            ("all features", self.all.to_string(), other.all.to_string()),
        ];
        let differing = pairs.into_iter().find(|(_, one, other)| one != other)?;
        let (name, one, other) = differing;
        Some(format!("{name}: {one} for cook, {other} for build"))
    }
}

/// Flags that differ between cook and build.
pub(super) fn differs(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for stage in &file.stages {
        let line = file.line(stage.index);
        let cooked: Vec<(&Call, Asked)> = line
            .iter()
            .flat_map(|stage| cooks(stage))
            .filter(|(_, call)| !call.has(OTHERS))
            .map(|(_, call)| (call, Asked::of(&call.args().collect::<Vec<_>>())))
            .collect();
        let Some((cook, asked)) = cooked.first() else { continue };
        for (_, _, run) in stage.runs() {
            for call in &run.calls {
                let Some(cargo) = Cargo::of(call).filter(Cargo::builds) else { continue };
                let mut words: Vec<&str> = cargo.args().collect();
                // It compiles for release by itself.
                if cargo.word.text == "install" && !cargo.has(&["--debug"]) {
                    words.push("--release");
                }
                let wanted = Asked::of(&words);
                if cooked.iter().any(|(_, asked)| *asked == wanted) {
                    continue;
                }
                // Who knows what a variable holds.
                if words.iter().any(|word| word.contains('$')) || cook.args().any(|word| word.contains('$')) {
                    continue;
                }
                if let Some(difference) = asked.difference(&wanted) {
                    let one = Found::at(call.span.clone(), "cook and build ask cargo for different things");
                    let one = one
                        .label("compiles the dependencies a second time")
                        .also(cook.span.clone(), "these are of no use to it");
                    found.push(one.help(format!("give both the same flags ({difference})")));
                }
            }
        }
    }
}
