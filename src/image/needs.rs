//! Which shared libraries a program needs, and whether an image has them: as the loader looks for them.

use std::collections::BTreeSet;

use super::Image;
use super::elf::{Elf, Glibc};
use crate::exec;
use crate::failure::Result;

/// A tree of files in which libraries are looked for.
pub(crate) trait Tree {
    /// The path with every link in it followed; none: it leads nowhere.
    fn resolve(&self, path: &str) -> Option<String>;

    /// What the file at such a path needs; none: it is no ELF file.
    fn elf(&self, path: &str) -> Result<Option<Elf>>;
}

impl Tree for Image {
    fn resolve(&self, path: &str) -> Option<String> {
        Self::resolve(self, path)
    }

    fn elf(&self, path: &str) -> Result<Option<Elf>> {
        Ok(self.read(path)?.as_deref().and_then(Elf::parse))
    }
}

/// What a program needs of its image.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// What it, or a library that it needs, does not find, and who needs it.
    pub missing: Vec<String>,
    /// The newest version of glibc's symbols that one of them asks for.
    pub wants: Option<Glibc>,
    /// The newest that the glibc has which they find.
    pub gives: Option<Glibc>,
}

/// Looks for all that a program needs: in folders that it names, then in the usual ones.
pub(crate) fn of(tree: &dyn Tree, path: &str, program: Elf, usual: &[String]) -> Result<Needs> {
    let mut needs = Needs::default();
    if let Some(interpreter) = &program.interpreter
        && tree.resolve(interpreter).is_none()
    {
        needs.missing.push(format!("{interpreter} (the loader)"));
    }
    let architecture = program.architecture.clone();
    let inherited = placed(&program.rpath, path);
    let mut seen = BTreeSet::new();
    let mut pending = vec![(path.to_owned(), program)];
    while let Some((path, elf)) = pending.pop() {
        exec::go_on()?;
        needs.wants = needs.wants.max(elf.wants);
        needs.gives = needs.gives.max(elf.gives);
        let own = placed(&elf.runpath, &path);
        for name in &elf.needed {
            if !seen.insert(name.clone()) {
                continue;
            }
            let mut folders = own.iter().chain(&inherited).chain(usual);
            let Some(found) = folders.find_map(|folder| tree.resolve(&format!("{folder}/{name}"))) else {
                needs.missing.push(format!("{name} (for {path})"));
                continue;
            };
            match tree.elf(&found)? {
                Some(library) if library.architecture == architecture => pending.push((found, library)),
                _ => {
                    needs.missing.push(format!("{name} (for {path}): {found} is no library for this architecture"));
                }
            }
        }
    }
    Ok(needs)
}

/// Folders with the place of who names them filled in.
fn placed(folders: &[String], path: &str) -> Vec<String> {
    let origin = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    folders.iter().map(|folder| folder.replace("$ORIGIN", origin).replace("${ORIGIN}", origin)).collect()
}
