//! Where a container's paths lie in the user's tree, and where build scripts' sources are.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::plan::Plan;
use crate::workspace::{Workspace, normal, relative};

/// What is known of a build's files on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Where the context lies in the build stages; empty: it is not known.
    workdir: String,
    /// The same on this machine.
    context: Utf8PathBuf,
    root: Utf8PathBuf,
    /// Build scripts by `name version`.
    scripts: BTreeMap<String, Script>,
}

/// A build script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its source, absolute.
    pub path: Utf8PathBuf,
    /// Whether it is the user's own.
    pub local: bool,
}

impl Places {
    /// Those of a workspace and its plan.
    pub fn of(workspace: &Workspace, plan: &Plan) -> Self {
        let context = normal(&workspace.root.join(&plan.context.path));
        let scripts = workspace.build_scripts().map(|(spec, path, local)| (spec, Script { path, local })).collect();
        Self { workdir: plan.context.workdir.clone(), context, root: workspace.root.clone(), scripts }
    }

    /// A line with the user's own paths in place of the container's. What the build itself makes stays where it is.
    pub(super) fn shown(&self, line: &str) -> String {
        if self.workdir.is_empty() {
            return line.to_owned();
        }
        let mut shown = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(&self.workdir) {
            let (before, from) = rest.split_at(at);
            let after = &from[self.workdir.len()..];
            shown.push_str(before);
            let begins = !shown.ends_with(is_of_path);
            let path = &after[..after.find(|c: char| !is_of_path(c)).unwrap_or(after.len())];
            let inside = path.strip_prefix('/').unwrap_or_default();
            let whole = path.is_empty() || path == "/";
            let ours = whole || (path.starts_with('/') && inside.split('/').next() != Some("target"));
            if begins && ours {
                // What stands behind a colon is a line's number.
                shown.push_str(&if whole { self.root.to_string() } else { self.as_users(inside) });
                rest = &after[path.len()..];
            } else {
                shown.push_str(&self.workdir);
                rest = after;
            }
        }
        shown + rest
    }

    fn as_users(&self, inside: &str) -> String {
        let shown = relative(&self.root, &normal(&self.context.join(inside))).into_string();
        let folder = if inside.ends_with('/') && !shown.is_empty() { "/" } else { "" };
        if shown.is_empty() { self.root.to_string() } else { format!("{shown}{folder}") }
    }

    /// A path of an error's as it lies on this machine, whether it is there or not; none: it is none of the user's.
    pub(super) fn here(&self, path: &str) -> Option<Utf8PathBuf> {
        if self.root.as_str().is_empty() {
            return None;
        }
        let path = Utf8Path::new(path);
        let inside = path.strip_prefix(&self.workdir).ok().filter(|_| !self.workdir.is_empty());
        match inside {
            Some(inside) => Some(normal(&self.context.join(inside))),
            None if path.is_relative() => Some(normal(&self.root.join(path))),
            None => path.starts_with(&self.context).then(|| normal(path)),
        }
    }

    /// As the user knows it.
    pub(super) fn name(&self, path: &Utf8Path) -> String {
        relative(&self.root, path).into_string()
    }

    /// The build script of a package.
    pub(super) fn script(&self, spec: &str) -> Option<&Script> {
        self.scripts.get(spec)
    }

    #[cfg(test)]
    pub(super) fn testing(root: &str, scripts: &[(&str, &str, bool)]) -> Self {
        let script = |(spec, path, local): &(&str, &str, bool)| {
            ((*spec).to_owned(), Script { path: Utf8PathBuf::from(*path), local: *local })
        };
        Self {
            workdir: "/app".to_owned(),
            context: root.into(),
            root: root.into(),
            scripts: scripts.iter().map(script).collect(),
        }
    }
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || "/._-+@".contains(c)
}
