//! Which path of the build context a path of a stage is.

use camino::Utf8Path;

use super::values::Scope;
use crate::lint::call::base;
use crate::lint::model::{Dockerfile, Transfer, What};
use crate::workspace::normal;

/// So many copies of one stage are followed.
const MANY: usize = 64;

/// Folders whose contents a build makes.
const MADE: &[&str] = &["target", "node_modules"];

/// Folders in the root of every image.
const SYSTEM: &[&str] =
    &["bin", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "sbin", "sys", "tmp", "usr", "var"];

/// A path in a stage and the path in the context that lies there. A file keeps its name in a folder, which cannot be told here:
/// then both paths are possible.
type Map = Vec<(String, String)>;

/// The build context in the stages of a file.
pub(super) struct Contexts(Vec<Map>);

impl Contexts {
    pub fn of(file: &Dockerfile) -> Self {
        let mut all = Self(Vec::new());
        for stage in &file.stages {
            let mut map = stage.base.stage.and_then(|parent| all.0.get(parent)).cloned().unwrap_or_default();
            let mut folder = Folder::before(file, stage.index);
            for instruction in &stage.instructions {
                folder.see(file, &instruction.what);
                let (What::Copy(transfer) | What::Add(transfer)) = &instruction.what else { continue };
                let Some(to) = folder.at(&transfer.target.text) else { continue };
                for source in &transfer.sources {
                    let Some(source) = folder.scope.text(&source.text) else { continue };
                    for path in all.origin(transfer, &source) {
                        let name = base(&path);
                        let is_file = name.trim_start_matches('.').contains('.');
                        let in_folder = transfer.sources.len() > 1 || transfer.target.text.ends_with(['/', '.']);
                        if !is_file || in_folder {
                            map.push((absolute(&to, name), path.clone()));
                        }
                        if !is_file || !in_folder {
                            map.push((to.clone(), path));
                        }
                    }
                }
                map.truncate(MANY);
            }
            // The nearest one is looked at first.
            map.sort_by_key(|(at, _)| std::cmp::Reverse(at.len()));
            all.0.push(map);
        }
        all
    }

    /// Paths in the context that a source of a transfer can be.
    pub fn origin(&self, transfer: &Transfer, source: &str) -> Vec<String> {
        match &transfer.from {
            None if source.contains("://") => Vec::new(),
            None => vec![in_context(source)],
            Some(from) => from.stage.map(|stage| self.find(stage, source)).unwrap_or_default(),
        }
    }

    fn find(&self, stage: usize, path: &str) -> Vec<String> {
        let path = absolute("/", path);
        let of_system = path.split('/').nth(1).is_some_and(|first| SYSTEM.contains(&first));
        let mut found: Vec<String> = Vec::new();
        for (at, context) in self.0.get(stage).into_iter().flatten() {
            let Ok(rest) = Utf8Path::new(&path).strip_prefix(at) else { continue };
            // The context lies in the root, and these lie there already.
            if at == "/" && of_system {
                continue;
            }
            let inner = in_context(Utf8Path::new(context).join(rest).as_str());
            let made = Utf8Path::new(&inner).components().any(|part| MADE.contains(&part.as_str()));
            if !made && !found.contains(&inner) {
                found.push(inner);
            }
        }
        found.truncate(4);
        found
    }
}

/// The folder in which a stage's instructions work, and the variables there.
#[derive(Default)]
pub(super) struct Folder {
    pub scope: Scope,
    /// None: a variable whose value is not known says it.
    pub workdir: Option<String>,
}

impl Folder {
    /// As a stage begins.
    pub fn before(file: &Dockerfile, stage: usize) -> Self {
        let mut folder = Self { scope: Scope::default(), workdir: Some("/".to_owned()) };
        for one in file.line(stage).into_iter().skip(1).collect::<Vec<_>>().into_iter().rev() {
            one.instructions.iter().for_each(|instruction| folder.see(file, &instruction.what));
        }
        folder
    }

    /// After an instruction.
    pub fn see(&mut self, file: &Dockerfile, what: &What) {
        if let What::Workdir(word) = what {
            self.workdir = self.at(&word.text);
        }
        self.scope.add(file, what);
    }

    /// An absolute path.
    pub fn at(&self, path: &str) -> Option<String> {
        let path = self.scope.text(path)?;
        if path.starts_with('/') {
            return Some(absolute("/", &path));
        }
        Some(absolute(self.workdir.as_deref()?, &path))
    }
}

fn absolute(folder: &str, path: &str) -> String {
    normal(&Utf8Path::new("/").join(folder).join(path)).into_string()
}

/// A path as the context has it; the context itself is `.`.
fn in_context(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let whole = matches!(path, "*" | "./*");
    let path = normal(Utf8Path::new(path));
    if whole || path.as_str().is_empty() { ".".to_owned() } else { path.into_string() }
}
