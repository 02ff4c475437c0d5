//! What the repository's own files say of its programs, because somebody who knows them wrote it there: Dockerfiles, compose
//! files, a Procfile, `fly.toml`, `Cross.toml`, workflows. Facts with their places and no opinions: what is taken from them,
//! the plan decides. The files are anybody's: what cannot be read is passed over.

mod cargo;
mod compose;
mod copies;
mod dockerfile;
mod find;
mod model;
mod names;
mod others;
mod packages;
mod start;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

pub use model::{
    Built, CargoBuild, Copied, CopiedSource, Dockerfile, Fly, Origin, Other, Place, Process, Repository, Said, Service,
    Start, Words,
};

use crate::emit::{self, State};
use crate::lint::{self, files::context_of};
use crate::workspace::relative;
use find::{File, Kind};

/// The workspace that the files are held against.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    /// Its root.
    pub root: &'a Utf8Path,
    /// The repository that it lies in.
    pub repository: Option<&'a Utf8Path>,
    /// The folders of its members.
    pub members: &'a [&'a Utf8Path],
    /// The names of its binaries.
    pub binaries: &'a BTreeSet<String>,
}

/// Reads what the repository says.
pub fn read(ours: &Ours<'_>) -> Repository {
    let mut found = Repository::default();
    if ours.binaries.is_empty() {
        return found;
    }
    for file in find::files(ours.root, ours.repository, ours.members) {
        // What this tool wrote would only say what it decided before.
        if emit::whose(&file.text) == State::Foreign {
            add(&mut found, ours, &file);
        }
    }
    found
}

fn add(found: &mut Repository, ours: &Ours<'_>, file: &File) {
    let name = relative(ours.root, &file.path).into_string();
    match file.kind {
        Kind::Dockerfile => found.dockerfiles.extend(dockerfile(ours, &file.path, name, &file.text)),
        Kind::Compose => found.services.extend(compose::services(ours.root, &file.path, &name, &file.text)),
        Kind::Procfile => found.processes.extend(others::procfile(&name, &file.text, ours.binaries)),
        Kind::Fly => {
            let (fly, processes) = others::fly(&name, &file.text, ours.binaries);
            // Of several files the nearest one is the program's.
            if found.fly == Fly::default() {
                found.fly = fly;
            }
            found.processes.extend(processes);
        }
        Kind::Cross => found.cross.extend(others::cross(&name, &file.text)),
        Kind::Workflow => found.ci.extend(others::workflow(&name, &file.text)),
    }
}

/// So many heredocs in one file are nobody's: each has the text read anew.
const HEREDOCS: usize = 100;

fn dockerfile(ours: &Ours<'_>, path: &Utf8Path, file: String, text: &str) -> Option<Dockerfile> {
    if text.matches("<<").count() > HEREDOCS {
        return None;
    }
    let parsed = lint::parse(text).ok()?;
    let context = context(ours, path, &parsed);
    // It builds another project.
    if context.join("Cargo.toml").is_file() && !ours.members.contains(&&*context) && context != ours.root {
        return None;
    }
    let images = dockerfile::Reader { file: &file, text, parsed: &parsed, binaries: ours.binaries }.images();
    Some(Dockerfile { file, context, images })
}

/// The folder that a Dockerfile is built in. One that compiles is built where the workspace is, if its own folder has no manifest.
fn context(ours: &Ours<'_>, path: &Utf8Path, parsed: &lint::model::Dockerfile) -> Utf8PathBuf {
    let found = context_of(path, parsed).filter(|folder| {
        let above = ours.root.starts_with(folder);
        above || folder.join("Cargo.toml").is_file() || !lint::files::calls_cargo(parsed)
    });
    let real = ours.root.canonicalize_utf8().unwrap_or_else(|_| ours.root.to_owned());
    match found {
        Some(found) => {
            found.strip_prefix(&real).map(|inside| crate::workspace::normal(&ours.root.join(inside))).unwrap_or(found)
        }
        None => ours.root.to_owned(),
    }
}

/// The Dockerfile that ships a binary.
#[derive(Debug, Clone, Copy)]
pub struct Shipping<'a> {
    /// The file.
    pub dockerfile: &'a Dockerfile,
    /// Its image with the binary.
    pub image: &'a Built,
}

impl Built {
    /// Whether it has this binary.
    pub fn ships(&self, binary: &str) -> bool {
        let made = !self.builds.is_empty() || !self.programs.is_empty();
        made && (self.runs(binary) || self.programs.iter().any(|said| said.value == binary))
    }

    /// Whether it starts this binary.
    pub fn runs(&self, binary: &str) -> bool {
        self.start.as_ref().is_some_and(|start| start.program.as_deref() == Some(binary))
    }
}

impl Repository {
    /// The Dockerfiles that ship a binary, the one that counts first: the usual name at the root, then the nearest, then by name. Of
    /// the images of one file, the one that starts the binary counts.
    pub fn shipping(&self, binary: &str) -> Vec<Shipping<'_>> {
        let of_file = |dockerfile: &'_ Dockerfile| -> Option<usize> {
            let ships = |image: &Built| image.ships(binary);
            let runs = dockerfile.images.iter().position(|image| ships(image) && image.runs(binary));
            runs.or_else(|| dockerfile.images.iter().position(ships))
        };
        let found = self.dockerfiles.iter().filter_map(|dockerfile| {
            let image = dockerfile.images.get(of_file(dockerfile)?)?;
            Some(Shipping { dockerfile, image })
        });
        found.collect()
    }
}
