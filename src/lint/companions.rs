//! Compose and bake files around a Dockerfile: what of them builds it, and in which folder.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::model::{Span, is_address};
use super::tree::{self, Entry, Node};
use super::{Input, Source};
use crate::workspace::{folder_of, normal};

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

/// A compose or a bake file with something that builds the Dockerfile.
#[derive(Debug, Clone)]
pub struct Companion {
    /// The file.
    pub source: Source,
    /// What builds the Dockerfile, in the file's order.
    pub builds: Vec<Build>,
}

/// A service or a target that builds the Dockerfile.
#[derive(Debug, Clone)]
pub struct Build {
    /// Its file, in [`Input::companions`].
    pub file: usize,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where that stands.
    pub span: Span,
    /// The folder that it is built in; none: that depends on where somebody stands who builds it.
    pub context: Option<Utf8PathBuf>,
    /// What is said of it.
    node: Arc<Node>,
    /// Targets that it inherits from, the nearest first.
    above: Vec<Arc<Node>>,
    /// Whether other targets inherit from it, so that it may be no more than what they have in common.
    is_ground: bool,
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

    /// Its context, its Dockerfile, and a Dockerfile's text.
    fn said(&self) -> (Option<&Node>, Option<&Node>, Option<&Node>) {
        match self.kind {
            Kind::Service => match self.get("build") {
                Some(said) if said.text().is_some() => (Some(said), None, None),
                Some(said) => (said.get("context"), said.get("dockerfile"), said.get("dockerfile_inline")),
                None => (None, None, None),
            },
            Kind::Target => (self.get("context"), self.get("dockerfile"), self.get("dockerfile-inline")),
        }
    }

    /// The folder and the Dockerfile that it names, for somebody who stands in `base`; none: they are not plainly said.
    fn places(&self, base: &Utf8Path) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
        let (context, file, inline) = self.said();
        if inline.is_some() {
            return None;
        }
        let or = |node: Option<&Node>, default: &str| node.map_or_else(|| Some(default.to_owned()), plain);
        let context = base.join(or(context, ".")?);
        let file = context.join(or(file, "Dockerfile")?);
        Some((normal(&context), normal(&file)))
    }

    /// Whether it builds this Dockerfile, and in which folder, where that can be told.
    #[allow(clippy::option_option, reason = "not this one; this one, somewhere; this one, there")]
    fn of(&self, dockerfile: &Utf8Path, folder: &Utf8Path, top: &Utf8Path) -> Option<Option<Utf8PathBuf>> {
        // Compose goes by its file's folder, bake by the one that somebody stands in.
        let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(top));
        let above = above.filter(|_| self.kind == Kind::Target);
        let bases = std::iter::once(folder).chain(above);
        let there = |(_, file): &(Utf8PathBuf, Utf8PathBuf)| file == dockerfile || file.is_file();
        let mut fits: Vec<(Utf8PathBuf, Utf8PathBuf)> =
            bases.filter_map(|base| self.places(base)).filter(there).collect();
        fits.dedup();
        let alone = fits.len() == 1;
        let (context, _) = fits.into_iter().find(|(_, file)| file == dockerfile)?;
        Some(alone.then_some(context))
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

/// A compose or a bake file as it lies there.
#[derive(Debug)]
pub struct Lying {
    /// Where, absolute.
    pub path: Utf8PathBuf,
    /// Its name and its text.
    pub source: Source,
}

/// All that builds the Dockerfile.
pub fn builds(input: &Input) -> impl Iterator<Item = &Build> {
    input.companions.iter().flat_map(|companion| &companion.builds)
}

/// What of these files builds a Dockerfile, whose path is absolute; the others are left out. `top` is the repository's folder.
pub fn building(dockerfile: &Utf8Path, top: &Utf8Path, files: &[Lying]) -> Vec<Companion> {
    let known: Vec<Vec<Build>> = files.iter().map(|file| all(&file.path, &file.source.text)).collect();
    let mut found: Vec<Companion> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let own = known[at].iter().filter(|build| !is_part(build, at, files, &known));
        let builds: Vec<Build> = own
            .filter_map(|build| {
                let context = build.of(dockerfile, folder_of(&file.path), top)?;
                Some(Build { file: found.len(), context, ..build.clone() })
            })
            .collect();
        if !builds.is_empty() {
            found.push(Companion { source: file.source.clone(), builds });
        }
    }
    found
}

/// What compose and bake files say of a Dockerfile's context.
#[derive(Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Nothing that can be told.
    Nothing,
    /// This folder, all of them.
    There(&'a Utf8Path),
    /// Some another folder than others.
    Several,
}

/// The folder that a Dockerfile is built in, as those say who build it.
pub fn context(companions: &[Companion]) -> Said<'_> {
    let mut said = companions.iter().flat_map(|companion| &companion.builds).filter_map(|one| one.context.as_deref());
    let Some(first) = said.next() else { return Said::Nothing };
    if said.all(|other| other == first) { Said::There(first) } else { Said::Several }
}

/// The Dockerfiles that a file speaks of, as paths from its own folder that are resolved.
pub fn dockerfiles(path: &Utf8Path, text: &str) -> Vec<Utf8PathBuf> {
    let folder = folder_of(path);
    let said = all(path, text).into_iter().filter(|build| !build.is_ground);
    said.filter_map(|build| Some(build.places(folder)?.1)).collect()
}

/// Whether it is the part of something that another file beside it says more of: what compose and bake put together.
fn is_part(build: &Build, at: usize, files: &[Lying], known: &[Vec<Build>]) -> bool {
    let is_whole = |path: &Utf8Path| WHOLE.contains(&path.file_stem().unwrap_or_default());
    let path = &files[at].path;
    let beside = |other: &Lying| other.path.parent() == path.parent() && is_whole(&other.path);
    let same = |other: &Build| other.name == build.name && other.kind == build.kind;
    let mut others = files.iter().zip(known).filter(|(other, _)| beside(other));
    let extends = build.kind == Kind::Service && build.get("extends").is_some();
    let part = build.is_ground || extends || (!is_whole(path) && others.any(|(_, builds)| builds.iter().any(same)));
    let (context, file, _) = build.said();
    part && (context.is_none() || file.is_none())
}

/// Names without their ending of files that are read first.
const WHOLE: &[&str] = &["compose", "docker-compose", "docker-bake"];

fn all(path: &Utf8Path, text: &str) -> Vec<Build> {
    let name = path.file_name().unwrap_or_default();
    let Some(kind) = kind(name).filter(|_| text.len() <= LIMIT) else { return Vec::new() };
    let hcl = name.strip_suffix(".hcl").is_some();
    let Some(root) = (if hcl { tree::hcl(text) } else { tree::yaml(text) }) else { return Vec::new() };
    let build = |entry: &Entry, name: &str, above: Vec<Arc<Node>>, is_ground: bool| Build {
        file: 0,
        kind,
        name: name.to_owned(),
        span: entry.span.clone(),
        context: None,
        node: Arc::clone(&entry.value),
        above,
        is_ground,
    };
    match kind {
        Kind::Service => {
            let services = root.get("services").map_or(&[][..], Node::entries);
            services
                .iter()
                .filter(|one| one.value.get("build").is_some())
                .map(|one| build(one, &one.key, Vec::new(), false))
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
            let parents = |entry: &Entry| {
                let said = entry.value.get("inherits").map_or(&[][..], Node::items).iter();
                said.filter_map(|name| name.text().map(str::to_owned)).collect::<Vec<_>>()
            };
            let grounds: Vec<String> = targets.iter().flat_map(|(_, entry)| parents(entry)).collect();
            let ground = |name: &String| grounds.contains(name);
            targets
                .iter()
                .map(|(name, entry)| build(entry, name, inherited(&targets, &entry.value), ground(name)))
                .collect()
        }
    }
}

/// The blocks that one inherits from; of several the last one counts.
fn inherited(targets: &[(String, &Entry)], node: &Arc<Node>) -> Vec<Arc<Node>> {
    let mut found: Vec<Arc<Node>> = Vec::new();
    let mut pending = vec![Arc::clone(node)];
    while let Some(node) = pending.pop() {
        let names = node.get("inherits").map_or(&[][..], Node::items);
        // A stack: the last name is looked at first.
        for name in names.iter().filter_map(|name| name.text()) {
            let above = targets.iter().find(|(own, _)| own == name).map(|(_, entry)| Arc::clone(&entry.value));
            pending.extend(above.filter(|above| !found.iter().any(|known| Arc::ptr_eq(known, above))));
        }
        found.push(node);
        if found.len() > 64 {
            break;
        }
    }
    found.split_off(1)
}

/// What is plainly said, and not the address of something.
fn plain(node: &Node) -> Option<String> {
    let text = node.text()?;
    (!text.contains(['$', '{']) && !is_address(text)).then(|| text.to_owned())
}
