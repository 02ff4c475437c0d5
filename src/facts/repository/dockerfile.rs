//! What a Dockerfile says of the images that it makes.

use std::collections::BTreeSet;

use super::cargo;
use super::copies::{Contexts, Folder};
use super::model::{Built, CargoBuild, Copied, CopiedSource, Origin, Other, Place, Said, Words};
use super::names::{has, names};
use super::packages;
use super::start::{self, Written};
use crate::lint::call::{Call, base};
use crate::lint::model::{Dockerfile, Instruction, Run, Stage, Transfer, What};

/// So many images of one file are looked at.
const MANY: usize = 32;

/// A Dockerfile and what it is held against.
pub(super) struct Reader<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub parsed: &'a Dockerfile,
    /// The names of the workspace's binaries.
    pub binaries: &'a BTreeSet<String>,
}

/// What is known of the stages before an image is looked at.
struct Known {
    contexts: Contexts,
    /// Cargo's builds, by stages.
    builds: Vec<Vec<Said<CargoBuild>>>,
    /// Stages that run cargo, or stand on one that does.
    cargo: BTreeSet<usize>,
    /// Names that a stage gives to binaries: `cp target/release/app /out/server`.
    renamed: Vec<(String, String)>,
}

impl Reader<'_> {
    /// What its images are.
    pub fn images(&self) -> Vec<Built> {
        let known = self.known();
        self.parsed.images().into_iter().take(MANY).map(|stage| self.built(stage, &known)).collect()
    }

    fn place(&self, at: usize) -> Place {
        super::others::place(self.file, self.text, at)
    }

    fn said<T>(&self, at: usize, value: T) -> Said<T> {
        Said { value, place: self.place(at) }
    }

    fn known(&self) -> Known {
        let mut known = Known {
            contexts: Contexts::of(self.parsed),
            builds: Vec::new(),
            cargo: BTreeSet::new(),
            renamed: Vec::new(),
        };
        for stage in &self.parsed.stages {
            let mut builds = Vec::new();
            let mut runs_cargo = stage.base.stage.is_some_and(|parent| known.cargo.contains(&parent));
            self.calls(stage, |call, program, words| {
                runs_cargo |= has(&names().cargo.programs, program);
                builds.extend(cargo::build(program, words).map(|build| self.said(call.span.start, build)));
                known.renamed.extend(self.renamed(program, words));
            });
            if runs_cargo {
                known.cargo.insert(stage.index);
            }
            known.builds.push(builds);
        }
        known
    }

    /// The calls of a stage's lines, with their words after the program.
    fn calls(&self, stage: &Stage, mut each: impl FnMut(&Call, &str, &[Option<String>])) {
        let mut folder = Folder::before(self.parsed, stage.index);
        for instruction in &stage.instructions {
            folder.see(self.parsed, &instruction.what);
            for call in instruction.run().into_iter().flat_map(|run| &run.calls) {
                let words = folder.scope.with(&call.assigned).words(call.command());
                if let Some((Some(program), words)) = words.split_first() {
                    each(call, base(program), words);
                }
            }
        }
    }

    /// The other name of a binary, where a line copies or moves one.
    fn renamed(&self, program: &str, words: &[Option<String>]) -> Option<(String, String)> {
        if !matches!(program, "cp" | "mv" | "install" | "ln") {
            return None;
        }
        let mut paths = words.iter().flatten().filter(|word| !word.starts_with('-'));
        let to = paths.next_back().map(|path| base(path))?;
        let from = paths.map(|path| base(path)).find(|name| self.binaries.contains(*name))?;
        (from != to && !matches!(to, "" | "." | "..")).then(|| (to.to_owned(), from.to_owned()))
    }

    fn built(&self, stage: &Stage, known: &Known) -> Built {
        let line: Vec<&Stage> = self.parsed.line(stage.index).into_iter().rev().collect();
        let lowest = line.first().copied().unwrap_or(stage);
        let base = self.parsed.root(stage.index).unwrap_or(&lowest.base.written.text).to_owned();
        let reached = self.parsed.reachable([stage.index]);
        let mut built = Built {
            stage: stage.name.as_ref().map(|name| name.text.clone()),
            base: self.said(lowest.from.start, base),
            builds: reached.iter().filter_map(|index| known.builds.get(*index)).flatten().cloned().collect(),
            programs: Vec::new(),
            start: None,
            ports: Vec::new(),
            volumes: Vec::new(),
            env: Vec::new(),
            stop_signal: None,
            healthcheck: None,
            workdir: None,
            user: None,
            copies: Vec::new(),
            packages: Vec::new(),
            others: self.others(&line, &reached, known),
        };
        let mut folder = Folder::before(self.parsed, lowest.index);
        // Names that binaries get by being copied.
        let mut names: Vec<(String, String)> = Vec::new();
        let (mut entry, mut cmd): (Option<Written>, Option<(usize, Written)>) = (None, None);
        for one in line {
            let compiles = known.cargo.contains(&one.index);
            let last_cargo = one.runs().filter(|(_, _, run)| calls_cargo(run)).last().map(|(at, ..)| at);
            for (at, instruction) in one.instructions.iter().enumerate() {
                match &instruction.what {
                    What::Entrypoint(command) => {
                        entry = Some(self.written(instruction, command));
                        // The command of a stage below was for another program.
                        cmd = cmd.filter(|(stage, _)| *stage == one.index);
                    }
                    What::Cmd(command) => cmd = Some((one.index, self.written(instruction, command))),
                    What::Copy(transfer) | What::Add(transfer) => {
                        let copies = built.copies.len();
                        names.extend(self.copy(instruction, transfer, &folder, known, &mut built));
                        // What is there before cargo runs are sources.
                        if last_cargo.is_some_and(|last| at < last) {
                            built.copies.truncate(copies);
                        }
                    }
                    What::Run(run) if !compiles => built.packages.extend(self.packages(run, &folder)),
                    _ => self.setting(instruction, &folder, &mut built),
                }
                folder.see(self.parsed, &instruction.what);
                if let What::Workdir(_) = instruction.what {
                    let workdir = folder.workdir.clone();
                    built.workdir = workdir.map(|workdir| self.said(instruction.span.start, workdir));
                }
            }
        }
        let binary = |name: &str| {
            // The only one needs no name.
            if let ("", 1) = (name, self.binaries.len()) {
                return self.binaries.first().cloned();
            }
            let renamed = names.iter().find(|(to, _)| to == name).map(|(_, from)| from.clone());
            self.program(name, known).or(renamed)
        };
        built.start = start::start(entry.as_ref(), cmd.as_ref().map(|(_, cmd)| cmd), &binary);
        program_in_a_folder(&mut built);
        if built.start.as_ref().is_some_and(|start| start.by_cargo) {
            built.copies.clear();
        }
        built
    }

    fn written(&self, instruction: &Instruction, command: &crate::lint::model::Command) -> Written {
        let list = matches!(command, crate::lint::model::Command::Exec(..));
        Written { words: self.said(instruction.span.start, start::words(self.text, command)), list }
    }

    fn setting(&self, instruction: &Instruction, folder: &Folder, built: &mut Built) {
        let at = instruction.span.start;
        let known = |word: &crate::lint::model::Word| folder.scope.text(&word.text).map(|text| self.said(at, text));
        match &instruction.what {
            What::Env(pairs) => {
                for pair in pairs {
                    let value = pair.value.as_deref().and_then(|value| folder.scope.text(value));
                    built.env.retain(|said| said.value.0 != pair.name);
                    built.env.push(self.said(pair.span.start, (pair.name.clone(), value)));
                }
            }
            What::Expose(words) => built.ports.extend(words.iter().filter_map(known)),
            What::Volume(words) => {
                let path = |word: &crate::lint::model::Word| folder.at(&word.text).map(|path| self.said(at, path));
                built.volumes.extend(words.iter().filter_map(path));
            }
            What::Stopsignal(word) => built.stop_signal = known(word),
            What::User(word) => built.user = Some(self.said(at, word.text.clone())),
            What::Healthcheck(command) => {
                built.healthcheck =
                    command.as_ref().map(|command| self.said(at, healthy(start::words(self.text, command))));
            }
            _ => {}
        }
    }

    fn packages(&self, run: &Run, folder: &Folder) -> Vec<Said<String>> {
        let of = |call: &Call| {
            let words = folder.scope.with(&call.assigned).words(call.command());
            let program = words.first().cloned().flatten().unwrap_or_default();
            let names = packages::installed(base(&program), words.get(1..).unwrap_or_default());
            names.into_iter().map(|name| self.said(call.span.start, name)).collect::<Vec<_>>()
        };
        run.calls.iter().flat_map(of).collect()
    }

    fn copy(
        &self,
        instruction: &Instruction,
        transfer: &Transfer,
        folder: &Folder,
        known: &Known,
        built: &mut Built,
    ) -> Option<(String, String)> {
        let at = instruction.span.start;
        let mut sources = Vec::new();
        let mut named = None;
        for source in &transfer.sources {
            // The last part alone says which program it is.
            let name = base(source.text.trim_end_matches(['/', '*']));
            let name = folder.scope.text(name).unwrap_or_default();
            if let Some(program) = self.program(&name, known) {
                let to = folder.at(&transfer.target.text);
                named = to.map(|to| (base(&to).to_owned(), program.clone()));
                built.programs.push(self.said(at, program));
                continue;
            }
            let path = folder.scope.text(&source.text).filter(|path| !path.contains("://"));
            sources.extend(path.map(|path| {
                let context = known.contexts.origin(transfer, &path);
                CopiedSource { path, context }
            }));
        }
        let target = &transfer.target.text;
        let Some(to) = folder.at(target).filter(|_| !sources.is_empty()) else { return named };
        let from = match &transfer.from {
            None => Origin::Context,
            Some(from) => from
                .stage
                .and_then(|stage| self.parsed.stages.get(stage))
                .map_or_else(|| Origin::Image(from.written.text.clone()), |stage| Origin::Stage(stage.title())),
        };
        let is_folder = target.ends_with('/') || base(target) == "." || folder.workdir.as_ref() == Some(&to);
        let copied = Copied {
            folder: is_folder || transfer.sources.len() > 1,
            relative: !target.starts_with(['/', '$']),
            sources,
            to,
            from,
        };
        built.copies.push(self.said(at, copied));
        named
    }

    /// The binary of the workspace that a file of this name is.
    fn program(&self, name: &str, known: &Known) -> Option<String> {
        if self.binaries.contains(name) {
            return Some(name.to_owned());
        }
        known.renamed.iter().find(|(to, _)| to == name).map(|(_, from)| from.clone())
    }

    /// Stages that are there for something else than cargo, and stages that make a front end beside it.
    fn others(&self, line: &[&Stage], reached: &BTreeSet<usize>, known: &Known) -> Vec<Said<Other>> {
        let in_line = |index: usize| line.iter().any(|one| one.index == index);
        let used_by = |by: &dyn Fn(&Stage) -> bool| -> BTreeSet<usize> {
            let users = self.parsed.stages.iter().filter(|one| reached.contains(&one.index) && by(one));
            users.flat_map(|one| self.parsed.uses(one)).collect()
        };
        let of_image = used_by(&|one| in_line(one.index));
        let of_compile = used_by(&|one| known.cargo.contains(&one.index));
        let mut found = Vec::new();
        for stage in self.parsed.stages.iter().filter(|one| reached.contains(&one.index) && !in_line(one.index)) {
            let cargo = known.cargo.contains(&stage.index);
            let used = of_image.contains(&stage.index) || of_compile.contains(&stage.index);
            let base = self.parsed.root(stage.index).unwrap_or(&stage.base.written.text).to_owned();
            let front = self.is_front(stage, &base);
            if (cargo && front) || (!cargo && used) {
                let compiled_in = cargo || !of_image.contains(&stage.index);
                let other = Other { stage: stage.title(), base, front, compiled_in };
                found.push(self.said(stage.from.start, other));
            }
        }
        found
    }

    fn is_front(&self, stage: &Stage, image: &str) -> bool {
        let image = base(image).split([':', '@']).next().unwrap_or_default();
        let mut front = has(&names().front.images, image);
        self.calls(stage, |_, program, _| front |= has(&names().front.programs, program));
        front
    }
}

fn calls_cargo(run: &Run) -> bool {
    run.calls.iter().any(|call| has(&names().cargo.programs, call.program()))
}

/// `curl … || exit 1` is a shell's business.
fn healthy(words: Words) -> Words {
    match words {
        Words::Plain(words) if words.is_empty() => Words::Shell,
        words => words,
    }
}

/// A whole folder of programs is copied (`/usr/local/cargo/bin/`), and one of them is started.
fn program_in_a_folder(built: &mut Built) {
    let Some(program) = built.start.as_ref().and_then(|start| start.program.clone()) else { return };
    if built.programs.iter().any(|said| said.value == program) {
        return;
    }
    let made = |copied: &Said<Copied>| {
        matches!(copied.value.from, Origin::Stage(_))
            && copied.value.sources.iter().all(|source| source.context.is_empty())
    };
    if let Some(at) = built.copies.iter().position(made) {
        let copied = built.copies.remove(at);
        built.programs.push(copied.with(program));
    }
}
