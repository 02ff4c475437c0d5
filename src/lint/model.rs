//! A Dockerfile as rules look at it: stages with what they stand on, instructions with their places, commands taken apart.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::call::Call;

/// Bytes in a text.
pub type Span = Range<usize>;

/// A word with its place; quotes and continued lines are resolved in `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A Dockerfile.
#[derive(Debug, Clone, Default)]
pub struct Dockerfile {
    /// The frontend of the `# syntax=` line.
    pub syntax: Option<Word>,
    /// Arguments before the first stage.
    pub globals: Vec<Pair>,
    /// The stages, at least one.
    pub stages: Vec<Stage>,
    /// Comments that stand on lines of their own, without their `#`.
    pub comments: Vec<Word>,
    /// Prefixes in the place of registries, by which images may be called.
    pub mirrors: BTreeMap<String, String>,
}

/// What follows a `FROM`.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its number, from 0.
    pub index: usize,
    /// Its name, in lower case as the engine takes it.
    pub name: Option<Word>,
    /// What it stands on.
    pub base: Base,
    /// `--platform`.
    pub platform: Option<Word>,
    /// The whole line of its `FROM`.
    pub from: Span,
    /// Its instructions, without the `FROM`.
    pub instructions: Vec<Instruction>,
}

/// What a stage stands on.
#[derive(Debug, Clone)]
pub struct Base {
    /// As it is written.
    pub written: Word,
    /// With the global arguments' defaults in place; none: an argument has no default.
    pub resolved: Option<String>,
    /// The stage that it is, where it is one of this file.
    pub stage: Option<usize>,
}

/// One instruction.
#[derive(Debug, Clone)]
pub struct Instruction {
    /// Its first word.
    pub keyword: Span,
    /// All of it, bodies of heredocs included.
    pub span: Span,
    /// `--name=value`.
    pub flags: Vec<Flag>,
    /// What it is.
    pub what: What,
}

/// A flag of an instruction.
#[derive(Debug, Clone)]
pub struct Flag {
    /// Without its dashes.
    pub name: String,
    /// What stands after `=`.
    pub value: Option<Word>,
    /// All of it.
    pub span: Span,
}

/// A name and a value: `ENV A=b`, `ARG A`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value, without quotes; none: `ARG A`.
    pub value: Option<String>,
    /// Both.
    pub span: Span,
}

/// What an instruction does.
#[derive(Debug, Clone)]
pub enum What {
    /// `RUN`
    Run(Box<Run>),
    /// `COPY`
    Copy(Transfer),
    /// `ADD`
    Add(Transfer),
    /// `ENV`
    Env(Vec<Pair>),
    /// `ARG`
    Arg(Vec<Pair>),
    /// `LABEL`
    Label(Vec<Pair>),
    /// `ENTRYPOINT`
    Entrypoint(Command),
    /// `CMD`
    Cmd(Command),
    /// `SHELL`
    Shell(Vec<Word>),
    /// `USER`
    User(Word),
    /// `WORKDIR`
    Workdir(Word),
    /// `EXPOSE`
    Expose(Vec<Word>),
    /// `VOLUME`
    Volume(Vec<Word>),
    /// `HEALTHCHECK`; none: `NONE`
    Healthcheck(Option<Command>),
    /// `STOPSIGNAL`
    Stopsignal(Word),
    /// `MAINTAINER`
    Maintainer(Word),
    /// `ONBUILD`
    Onbuild(Box<Instruction>),
}

/// A command, in either of its forms.
#[derive(Debug, Clone)]
pub enum Command {
    /// A list of words.
    Exec(Vec<Word>, Span),
    /// A line for the shell, as it is written.
    Shell(Word),
}

/// A `RUN`.
#[derive(Debug, Clone)]
pub struct Run {
    /// As it is written.
    pub command: Command,
    /// `--mount`.
    pub mounts: Vec<Mount>,
    /// The programs that it calls, in their order; none where another shell than a POSIX one reads it.
    pub calls: Vec<Call>,
    /// The bodies of its heredocs that a shell reads.
    pub scripts: Vec<Span>,
    /// Whether the shell gives up when any part of a pipe fails: `set -o pipefail`, or the `SHELL` in force.
    pub pipefail: bool,
}

/// A `--mount` of a `RUN`.
#[derive(Debug, Clone)]
pub struct Mount {
    /// `cache`, `bind`, `secret`, `ssh`, `tmpfs`.
    pub kind: String,
    /// Its options, `target` and `source` under these names; an option without a value has an empty one.
    pub options: BTreeMap<String, String>,
    /// The whole flag.
    pub span: Span,
}

/// A `COPY` or an `ADD`.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// What is copied; files that stand in the Dockerfile itself are not in it.
    pub sources: Vec<Word>,
    /// Whether it has files that stand in the Dockerfile.
    pub inline: bool,
    /// Where to.
    pub target: Word,
    /// `--from`.
    pub from: Option<From>,
}

/// Where a `COPY` copies from.
#[derive(Debug, Clone)]
pub struct From {
    /// As it is written.
    pub written: Word,
    /// The stage, where it is one of this file.
    pub stage: Option<usize>,
}

impl Instruction {
    /// A flag's value.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// The `RUN` that it is.
    pub fn run(&self) -> Option<&Run> {
        if let What::Run(run) = &self.what { Some(run) } else { None }
    }

    /// The `COPY` that it is.
    pub fn copy(&self) -> Option<&Transfer> {
        if let What::Copy(copy) = &self.what { Some(copy) } else { None }
    }

    /// The `COPY` or `ADD` that it is, where it takes files out of the build context.
    pub fn from_context(&self) -> Option<&Transfer> {
        match &self.what {
            What::Copy(transfer) | What::Add(transfer) if transfer.from.is_none() => Some(transfer),
            _ => None,
        }
    }
}

impl Transfer {
    /// Whether it copies the whole build context.
    pub fn takes_all(&self) -> bool {
        self.sources.iter().any(|source| matches!(source.text.as_str(), "." | "./" | "/" | "./." | "*" | "./*"))
    }
}

impl Mount {
    /// An option's value.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}

impl Command {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Exec(_, span) => span.clone(),
            Self::Shell(word) => word.span.clone(),
        }
    }

    /// All that it says.
    pub fn text(&self) -> String {
        match self {
            Self::Exec(words, _) => words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
            Self::Shell(word) => word.text.clone(),
        }
    }
}

impl Stage {
    /// Its name as people write it, or its number.
    pub fn title(&self) -> String {
        self.name.as_ref().map_or_else(|| format!("number {}", self.index), |name| format!("`{}`", name.text))
    }

    /// Its `RUN`s, with their places among the instructions.
    pub fn runs(&self) -> impl Iterator<Item = (usize, &Instruction, &Run)> {
        self.instructions.iter().enumerate().filter_map(|(at, one)| Some((at, one, one.run()?)))
    }
}

/// Names of stages that nobody ships.
const AT_WORK: &[&str] =
    &["dev", "develop", "development", "test", "tests", "testing", "ci", "lint", "debug", "bench", "watch"];

impl Dockerfile {
    /// A stage and those that it stands on, from itself down.
    pub fn line(&self, stage: usize) -> Vec<&Stage> {
        let mut line = Vec::new();
        let mut next = Some(stage);
        while let Some(stage) = next.and_then(|index| self.stages.get(index)) {
            line.push(stage);
            // A parent always comes before.
            next = stage.base.stage.filter(|parent| *parent < stage.index);
        }
        line
    }

    /// The image under a stage and all those that it stands on: none where an argument without a default says it.
    pub fn root(&self, stage: usize) -> Option<&str> {
        self.line(stage).last().and_then(|last| last.base.resolved.as_deref())
    }

    /// The stages that a stage uses itself: its base, what it copies from, what it mounts.
    pub fn uses(&self, stage: &Stage) -> BTreeSet<usize> {
        let mut used: BTreeSet<usize> = stage.base.stage.into_iter().collect();
        for instruction in &stage.instructions {
            match &instruction.what {
                What::Copy(copy) => used.extend(copy.from.as_ref().and_then(|from| from.stage)),
                What::Run(run) => {
                    let from = run.mounts.iter().filter_map(|mount| mount.option("from"));
                    used.extend(from.filter_map(|name| self.named(name, stage.index)));
                }
                _ => {}
            }
        }
        used
    }

    /// The stage that a name or a number means, in the stage `before`.
    pub fn named(&self, name: &str, before: usize) -> Option<usize> {
        let earlier = &self.stages[..before.min(self.stages.len())];
        let is = |stage: &&Stage| stage.name.as_ref().is_some_and(|own| own.text.eq_ignore_ascii_case(name));
        earlier
            .iter()
            .rev()
            .find(is)
            .map(|stage| stage.index)
            .or_else(|| name.parse::<usize>().ok().filter(|index| *index < before))
    }

    /// The stages that these need, themselves included.
    pub fn reachable(&self, from: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut pending: Vec<usize> = from.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(stage) = pending.pop().and_then(|index| self.stages.get(index)) {
            if found.insert(stage.index) {
                pending.extend(self.uses(stage));
            }
        }
        found
    }

    /// The stages that no other one uses.
    pub fn finals(&self) -> Vec<&Stage> {
        let used: BTreeSet<usize> = self.stages.iter().flat_map(|stage| self.uses(stage)).collect();
        self.stages.iter().filter(|stage| !used.contains(&stage.index)).collect()
    }

    /// The stages that become images people run: the last one, and others that nobody uses, start something and are not
    /// named for work on the program.
    pub fn images(&self) -> Vec<&Stage> {
        let last = self.stages.len().saturating_sub(1);
        let starts = |stage: &Stage| {
            self.line(stage.index)
                .iter()
                .flat_map(|stage| &stage.instructions)
                .any(|one| matches!(one.what, What::Cmd(_) | What::Entrypoint(_)))
        };
        let at_work = |stage: &Stage| {
            let name = stage.name.as_ref().map_or("", |name| name.text.as_str());
            name.split(['-', '_', '.']).any(|part| AT_WORK.contains(&part))
        };
        let kept = |stage: &&Stage| !at_work(stage) && (stage.index == last || starts(stage));
        self.finals().into_iter().filter(kept).collect()
    }

    /// The environment in which an instruction of a stage runs: `ENV` and `ARG` with a default, from the base on.
    pub fn environment(&self, stage: usize, before: usize) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for one in self.line(stage).into_iter().rev() {
            let count = if one.index == stage { before } else { one.instructions.len() };
            for instruction in one.instructions.iter().take(count) {
                match &instruction.what {
                    What::Env(pairs) => {
                        found.extend(pairs.iter().filter_map(|pair| Some((pair.name.clone(), pair.value.clone()?))));
                    }
                    What::Arg(pairs) if one.index == stage => self.arguments(pairs, &mut found),
                    _ => {}
                }
            }
        }
        found
    }

    /// What an `ARG` adds; one without a default has that of the global of its name. `ENV` wins.
    fn arguments(&self, pairs: &[Pair], found: &mut BTreeMap<String, String>) {
        for pair in pairs {
            let global = || self.globals.iter().find(|global| global.name == pair.name)?.value.clone();
            if let Some(value) = pair.value.clone().or_else(global) {
                found.entry(pair.name.clone()).or_insert(value);
            }
        }
    }

    /// The folder in which an instruction of a stage works; none: that of the base.
    pub fn workdir(&self, stage: usize, before: usize) -> Option<String> {
        let mut folder: Option<String> = None;
        for one in self.line(stage).into_iter().rev() {
            let count = if one.index == stage { before } else { one.instructions.len() };
            for instruction in one.instructions.iter().take(count) {
                if let What::Workdir(word) = &instruction.what {
                    folder = Some(match &folder {
                        _ if word.text.starts_with('/') => word.text.clone(),
                        Some(above) => format!("{}/{}", above.trim_end_matches('/'), word.text),
                        None => format!("/{}", word.text),
                    });
                }
            }
        }
        folder
    }
}

/// Whether the engine would fetch it.
pub(super) fn is_address(path: &str) -> bool {
    path.contains("://") || path.starts_with("git@")
}
