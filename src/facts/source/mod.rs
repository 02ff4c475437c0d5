//! What the sources of a program say, read as its compiler reads them: from the root file of a binary through its modules, then the
//! libraries that it is linked with. Code of tests and of features that are off is left out. Of a library only those functions count
//! that something names.
//!
//! A fact is a call and what it is given: a path that is opened, an address that is bound, a program that is started. What a variable
//! holds is followed to its definition, so that `current_dir()?.join("configuration")` is a folder beside the program, and
//! `self.root.join("config")` is none.

mod calls;
mod conditions;
mod convert;
mod evaluate;
mod modules;
mod program;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use conditions::Conditions;
pub use evaluate::{Base, Host};
use program::{Program, Unit};
use syntax::Source;

use crate::threads;
use crate::workspace::SIGNALS;

/// A line of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Absolute.
    pub file: Utf8PathBuf,
    /// From 1.
    pub line: usize,
}

/// A file or a folder that a call opens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opened {
    /// As far as it is known, without a leading `./`.
    pub path: String,
    /// What it is relative to, where it is relative.
    pub base: Base,
    /// Whether more follows that is not known: it is a folder, and which of its files are meant is not known.
    pub is_pattern: bool,
    /// Whether the call makes a folder of it.
    pub is_folder: bool,
    /// Whether the library adds an extension.
    pub settings: bool,
    /// The environment variable that replaces it.
    pub variable: Option<String>,
    /// The call: `fs::read_to_string`.
    pub call: String,
    /// Its line.
    pub place: Place,
}

/// An address that a call listens on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// The port.
    pub port: u16,
    /// Where; none: not known.
    pub host: Option<Host>,
    /// The environment variable that replaces it, or decides.
    pub variable: Option<String>,
    /// The call, or the literal.
    pub call: String,
    /// Its line.
    pub place: Place,
}

/// A program or a library that is opened by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The name, or a path.
    pub name: String,
    /// The environment variable that replaces it.
    pub variable: Option<String>,
    /// The call's line.
    pub place: Place,
}

/// A file that was not read, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Absolute.
    pub file: Utf8PathBuf,
    /// A sentence without its end: `it nests too deeply`.
    pub why: String,
}

/// What the sources of one binary say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramFacts {
    /// Files and folders that calls open to read.
    pub reads: Vec<Opened>,
    /// Files and folders that calls make or change.
    pub writes: Vec<Opened>,
    /// Addresses that calls listen on.
    pub binds: Vec<Bound>,
    /// Texts that are addresses on every interface, wherever they stand.
    pub addresses: Vec<Bound>,
    /// Defaults of fields that are called `port` or come from the variable `PORT`: weaker, as the port can be of another server.
    pub defaults: Vec<Bound>,
    /// Programs that it starts.
    pub spawns: Vec<Named>,
    /// Libraries that it opens by a name that is known.
    pub libraries: Vec<Named>,
    /// The first place that opens a library by name, whatever the name.
    pub loads: Option<Place>,
    /// Whether it waits for a signal that asks it to stop.
    pub waits_for_signals: bool,
    /// Files that were not read.
    pub skipped: Vec<Skipped>,
}

impl ProgramFacts {
    fn sort(&mut self) {
        for list in [&mut self.reads, &mut self.writes] {
            list.sort();
            list.dedup();
        }
        for list in [&mut self.binds, &mut self.addresses, &mut self.defaults] {
            list.sort();
            list.dedup();
        }
        for list in [&mut self.spawns, &mut self.libraries] {
            list.sort();
            list.dedup();
        }
    }
}

/// A target of cargo's: a binary or a library.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its first source, absolute.
    pub root: Utf8PathBuf,
    /// The features of its package that are on; none: not known.
    pub features: Option<BTreeSet<String>>,
}

/// Reads sources, each once for all binaries.
#[derive(Debug, Default)]
pub struct Reader {
    read: BTreeMap<Target, Vec<Result<Source, Skipped>>>,
}

impl Reader {
    /// Reads these targets' files, on all processors.
    pub fn load(&mut self, targets: impl IntoIterator<Item = Target>) {
        let mut new: Vec<Target> = targets.into_iter().filter(|target| !self.read.contains_key(target)).collect();
        new.sort();
        new.dedup();
        for (target, sources) in new.iter().zip(read(&new)) {
            self.read.insert(target.clone(), sources);
        }
    }

    /// What a binary does, with the libraries that it is linked with. `has_crate` tells whether a crate is in its graph.
    pub fn program(&mut self, binary: &Target, libraries: &[Target], has_crate: &dyn Fn(&str) -> bool) -> ProgramFacts {
        self.load(libraries.iter().chain([binary]).cloned());
        let mut units = Vec::new();
        let mut skipped = Vec::new();
        for target in libraries.iter().chain([binary]) {
            for source in self.read.get(target).into_iter().flatten() {
                match source {
                    Ok(source) => units.push(Unit { source, own: target == binary }),
                    Err(why) => skipped.push(why.clone()),
                }
            }
        }
        let program = Program::new(&units);
        let mut facts = calls::facts(&program, has_crate);
        facts.waits_for_signals = SIGNALS.iter().any(|name| program.mentions(name));
        facts.skipped = skipped;
        facts
    }
}

/// The files of each target, in the order of their paths.
fn read(targets: &[Target]) -> Vec<Vec<Result<Source, Skipped>>> {
    let mut found: Vec<Vec<Result<Source, Skipped>>> = targets.iter().map(|_| Vec::new()).collect();
    let mut seen: Vec<modules::Seen> = targets.iter().map(|_| modules::Seen::new()).collect();
    let conditions: Vec<Conditions> =
        targets.iter().map(|target| Conditions { features: target.features.clone() }).collect();
    let mut waiting: Vec<(usize, modules::File)> =
        targets.iter().enumerate().map(|(at, target)| (at, modules::File::root(&target.root))).collect();
    while !waiting.is_empty() {
        waiting.retain(|(at, file)| seen[*at].is_new(file));
        let done =
            threads::each(std::mem::take(&mut waiting), |(at, file)| (at, modules::read(&file, &conditions[at])));
        for (at, result) in done {
            found[at].push(result.map(|(source, declared)| {
                waiting.extend(declared.into_iter().map(|file| (at, file)));
                source
            }));
        }
    }
    for list in &mut found {
        list.sort_by(|a, b| path(a).cmp(path(b)));
    }
    found
}

fn path(source: &Result<Source, Skipped>) -> &Utf8Path {
    match source {
        Ok(source) => &source.file,
        Err(skipped) => &skipped.file,
    }
}

#[cfg(test)]
mod tests;
