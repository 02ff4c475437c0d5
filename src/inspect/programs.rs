//! Programs of an image: whether they find what they need.

use std::collections::BTreeMap;

use auditable_serde::DependencyKind;

use super::scan::{self, Scanned};
use super::{Broken, Crates, Program, Programs, Run};
use crate::exec;
use crate::failure::Result;
use crate::image::elf::Elf;
use crate::image::needs::{self, Tree};
use crate::image::verify::Rules;
use crate::image::{self, File, FileKind, Name};

/// Where programs are looked for where no `PATH` is set, as Docker does.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The files of a container, and what is known of its programs.
pub(super) struct Seen<'a> {
    pub files: &'a BTreeMap<Name, File>,
    pub layers: &'a [Scanned],
}

impl Seen<'_> {
    /// What is known of a file that a container sees.
    fn program(&self, path: &str) -> Option<&scan::Program> {
        let file = self.files.get(path)?;
        match &file.kind {
            FileKind::HardLink(to) => self.layers.get(self.files.get(to.as_str())?.layer)?.programs.get(to),
            _ => self.layers.get(file.layer)?.programs.get(path),
        }
    }

    /// A text that a container sees.
    pub fn text(&self, path: &str) -> Option<&str> {
        let path = image::resolve(self.files, path)?;
        self.layers.get(self.files.get(path.as_str())?.layer)?.texts.get(&path).map(String::as_str)
    }
}

impl Tree for Seen<'_> {
    fn resolve(&self, path: &str) -> Option<String> {
        image::resolve(self.files, path)
    }

    fn elf(&self, path: &str) -> Result<Option<Elf>> {
        Ok(self.program(path).map(|program| program.elf.clone()))
    }
}

/// Looks at all programs.
pub(super) fn look(seen: &Seen<'_>, run: &Run, rules: &Rules) -> Result<Programs> {
    let mut told = Programs::default();
    let started = started(seen, run);
    let (mut wanted, mut given) = (None, None);
    let told_folders = told_folders(seen, run);
    for path in seen.files.keys() {
        exec::go_on()?;
        let Some(program) = seen.program(path).filter(|program| program.elf.program) else { continue };
        let elf = &program.elf;
        let architecture = elf.architecture.clone().unwrap_or_else(|| "unknown".to_owned());
        let folders = [told_folders.clone(), rules.folders(&architecture)?].concat();
        let mut needs = needs::of(seen, path, elf.clone(), &folders)?;
        if let (Some(wants), Some(gives)) = (needs.wants, needs.gives)
            && wants > gives
        {
            needs.missing.push(format!("glibc {wants}, where there is {gives}"));
        }
        told.count = told.count.saturating_add(1);
        told.r#static = told.r#static.saturating_add(usize::from(elf.is_static()));
        let of_architecture = told.architectures.entry(architecture).or_default();
        *of_architecture = of_architecture.saturating_add(1);
        wanted = wanted.max(needs.wants);
        given = given.max(needs.gives);
        if started.as_deref() == Some(path.as_str()) {
            told.entrypoint = Some(Program {
                path: path.to_string(),
                architecture: elf.architecture.clone(),
                interpreter: elf.interpreter.clone(),
                libraries: elf.needed.clone(),
                glibc: needs.wants.map(|wants| wants.to_string()),
            });
        }
        if !needs.missing.is_empty() {
            told.broken.push(Broken { path: path.to_string(), missing: needs.missing });
        }
    }
    told.glibc_wanted = wanted.map(|version| version.to_string());
    told.glibc = given.map(|version| version.to_string());
    Ok(told)
}

/// The file that is started, links followed.
fn started(seen: &Seen<'_>, run: &Run) -> Option<String> {
    let name = run.entrypoint.first().or(run.command.first())?;
    if name.contains('/') {
        let path = if name.starts_with('/') { name.clone() } else { format!("{}/{name}", run.workdir) };
        return seen.resolve(&path);
    }
    let path = variable(run, "PATH").unwrap_or(PATH);
    path.split(':').find_map(|folder| seen.resolve(&format!("{folder}/{name}")))
}

fn variable<'a>(run: &'a Run, name: &str) -> Option<&'a str> {
    run.env.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Folders that the loader is told of: in the environment, and in its own files.
fn told_folders(seen: &Seen<'_>, run: &Run) -> Vec<String> {
    let mut folders: Vec<String> =
        variable(run, "LD_LIBRARY_PATH").into_iter().flat_map(|value| value.split(':')).map(str::to_owned).collect();
    let inside = seen.files.keys().filter(|path| path.starts_with("/etc/ld.so.conf.d/"));
    for path in std::iter::once("/etc/ld.so.conf").chain(inside.map(Name::as_str)) {
        let lines = seen.text(path).unwrap_or_default().lines().map(str::trim);
        folders.extend(lines.filter(|line| line.starts_with('/')).map(str::to_owned));
    }
    folders.retain(|folder| !folder.is_empty());
    folders
}

/// Crates that programs say are in them.
pub(super) fn crates(seen: &Seen<'_>) -> Vec<Crates> {
    let of = |path: &Name| {
        let audit = seen.program(path)?.audit.as_ref()?;
        let runs = audit.packages.iter().filter(|package| package.kind == DependencyKind::Runtime);
        let crates = runs.map(|package| format!("{} {}", package.name, package.version)).collect();
        Some(Crates { path: path.to_string(), crates })
    };
    seen.files.keys().filter_map(of).collect()
}
