//! Compose and bake files beside a Dockerfile: what of them builds it.

use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};

use super::model::Span;
use super::tree::{self, Entry, Node};
use super::{Input, Source};

/// Larger ones are nobody's compose file.
const LIMIT: usize = 256 * 1024;

/// What kind of file it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A service of a compose file.
    Service,
    /// A target of a bake file.
    Target,
}

/// A service or a target that builds the Dockerfile.
#[derive(Debug)]
pub struct Build {
    /// Its file, in [`Input::companions`].
    pub file: usize,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where that stands.
    pub span: Span,
    /// What is said of it.
    node: Rc<Node>,
    /// Targets that it inherits from, the nearest first.
    above: Vec<Rc<Node>>,
}

impl Build {
    /// What a key says, in its own block or in one that it inherits from.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.node.get(key).or_else(|| self.above.iter().find_map(|node| node.get(key)))
    }

    /// What a key says in its own block.
    pub fn own(&self, key: &str) -> Option<&Node> {
        self.node.get(key)
    }
}

/// Whether a file of this name is a compose or a bake file.
pub fn is_companion(name: &str) -> bool {
    kind(name).is_some()
}

fn kind(name: &str) -> Option<Kind> {
    let yaml = matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml")));
    if yaml && (name.starts_with("compose") || name.starts_with("docker-compose")) {
        return Some(Kind::Service);
    }
    matches!(name, "docker-bake.hcl" | "docker-bake.json" | "docker-bake.override.hcl" | "docker-bake.override.json")
        .then_some(Kind::Target)
}

/// All that builds the Dockerfile.
pub fn builds(input: &Input) -> Vec<Build> {
    let wanted = normal(Utf8Path::new(&input.dockerfile.path));
    let mut found = Vec::new();
    for (at, file) in input.companions.iter().enumerate().filter(|(_, file)| file.text.len() <= LIMIT) {
        let path = Utf8Path::new(&file.path);
        let folder = path.parent().unwrap_or(Utf8Path::new(""));
        for build in all(at, file) {
            if dockerfile(&build, folder).is_some_and(|path| path == wanted) {
                found.push(build);
            }
        }
    }
    found
}

fn all(at: usize, file: &Source) -> Vec<Build> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let Some(kind) = kind(name) else { return Vec::new() };
    let hcl = name.strip_suffix(".hcl").is_some();
    let Some(root) = (if hcl { tree::hcl(&file.text) } else { tree::yaml(&file.text) }) else { return Vec::new() };
    let build = |entry: &Entry, name: &str, above: Vec<Rc<Node>>| Build {
        file: at,
        kind,
        name: name.to_owned(),
        span: entry.span.clone(),
        node: Rc::clone(&entry.value),
        above,
    };
    match kind {
        Kind::Service => {
            let services = root.get("services").map_or(&[][..], Node::entries);
            services
                .iter()
                .filter(|one| one.value.get("build").is_some())
                .map(|one| build(one, &one.key, Vec::new()))
                .collect()
        }
        Kind::Target => {
            let inner = if hcl { Some(&*root) } else { root.get("target") };
            let entries = inner.map_or(&[][..], Node::entries);
            let named = |entry: &Entry| match entry.key.strip_prefix("target.") {
                Some(name) if hcl => Some(name.to_owned()),
                None if !hcl => Some(entry.key.clone()),
                _ => None,
            };
            let targets: Vec<(String, &Entry)> = entries.iter().filter_map(|one| Some((named(one)?, one))).collect();
            targets.iter().map(|(name, entry)| build(entry, name, inherited(&targets, &entry.value))).collect()
        }
    }
}

/// The blocks that one inherits from; of several the last one counts.
fn inherited(targets: &[(String, &Entry)], node: &Rc<Node>) -> Vec<Rc<Node>> {
    let mut found: Vec<Rc<Node>> = Vec::new();
    let mut pending = vec![Rc::clone(node)];
    while let Some(node) = pending.pop() {
        let names = node.get("inherits").map_or(&[][..], Node::items);
        // A stack: the last name is looked at first.
        for name in names.iter().filter_map(|name| name.text()) {
            let above = targets.iter().find(|(own, _)| own == name).map(|(_, entry)| Rc::clone(&entry.value));
            pending.extend(above.filter(|above| !found.iter().any(|known| Rc::ptr_eq(known, above))));
        }
        found.push(node);
        if found.len() > 64 {
            break;
        }
    }
    found.split_off(1)
}

/// The Dockerfile that it builds, where that is plainly said.
fn dockerfile(build: &Build, folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let plain = |node: &Node| {
        let text = node.text()?;
        (!text.contains(['$', '{']) && !text.contains("://") && !text.starts_with("git@")).then(|| text.to_owned())
    };
    let (context, file, inline) = match build.kind {
        Kind::Service => {
            let said = build.get("build")?;
            match said.text() {
                Some(_) => (Some(said), None, None),
                None => (said.get("context"), said.get("dockerfile"), said.get("dockerfile_inline")),
            }
        }
        Kind::Target => (build.get("context"), build.get("dockerfile"), build.get("dockerfile-inline")),
    };
    if inline.is_some() {
        return None;
    }
    let or = |node: Option<&Node>, default: &str| node.map_or_else(|| Some(default.to_owned()), plain);
    Some(normal(&folder.join(or(context, ".")?).join(or(file, "Dockerfile")?)))
}

/// Without `.` and `..`, as far as those can be resolved.
fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part.as_str() {
            "." => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && *last != "/") => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.iter().collect()
}
