//! Which binaries get an image: what the command line asks for, else what the metadata names, else what `cargo build` in the
//! workspace's root makes.

use crate::config::{Settings, nearest};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Binary, Features, Member, Workspace};

use super::Flags;
use super::model::Because;
use super::names::{self, Names};

/// A binary that gets an image.
#[derive(Debug, Clone)]
pub struct Selected<'a> {
    /// Its package.
    pub member: &'a Member,
    /// Itself.
    pub binary: &'a Binary,
    /// The name of its stage.
    pub stage: String,
    /// The name of its image, before the tag.
    pub repository: String,
}

/// The binaries that the command line asks for, as cargo's own flags say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// `--package`: names, or `name@version`.
    pub packages: Vec<String>,
    /// `--bin`, in these packages; in all members where no package is named.
    pub binaries: Vec<String>,
    /// `--workspace`: all members.
    pub workspace: bool,
}

impl Asked {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it asks for this binary of a package.
    pub fn takes(&self, package: &str, version: &str, binary: &str) -> bool {
        (self.packages.is_empty() || self.names(package, version))
            && (self.binaries.is_empty() || self.binaries.iter().any(|name| name == binary))
    }

    fn names(&self, package: &str, version: &str) -> bool {
        self.packages.iter().any(|spec| match spec.split_once('@') {
            Some((name, wanted)) => (name, wanted) == (package, version),
            None => spec == package,
        })
    }

    fn takes_of(&self, member: &Member, binary: &Binary) -> bool {
        self.takes(&member.name, &member.version, &binary.name)
    }

    /// Whether each name is the name of something.
    fn check(&self, workspace: &Workspace) -> Result<()> {
        let members = || workspace.members.iter();
        let unknown = |spec: &&String| {
            let one = Self { packages: vec![(*spec).clone()], ..Self::default() };
            !members().any(|member| one.names(&member.name, &member.version))
        };
        if let Some(unknown) = self.packages.iter().find(unknown) {
            return Err(not_there("package", unknown, members().map(|member| member.name.as_str())));
        }
        let taken = members().filter(|member| self.packages.is_empty() || self.names(&member.name, &member.version));
        let binaries: Vec<&str> =
            taken.flat_map(|member| &member.binaries).map(|binary| binary.name.as_str()).collect();
        match self.binaries.iter().find(|name| !binaries.contains(&name.as_str())) {
            Some(unknown) => Err(not_there("binary", unknown, binaries.into_iter())),
            None => Ok(()),
        }
    }
}

/// What was asked for, and the nearest thing that is there where it is not.
fn not_there<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Failure {
    let names = known.clone().collect::<Vec<_>>().join(", ");
    let failure = Failure::new(Kind::Usage, format!("there is no {what} `{name}`"));
    match nearest(name, known) {
        Some(near) => failure.help(format!("did you mean `{near}`? There is {names}")),
        None => failure.help(format!("there is {names}")),
    }
}

/// Why a binary gets no image.
enum Out {
    /// The command line asks for others, which needs no note.
    Unasked,
    /// `binaries` in the metadata names others.
    Unnamed,
    /// `cargo build` does not build its package.
    NotByDefault,
    /// A reason of its own, as the end of a sentence.
    Because(String),
}

pub(super) fn binaries<'a>(
    (workspace, settings): (&'a Workspace, &Settings),
    features: &Features,
    asked: &Asked,
    notes: &mut Vec<Because>,
) -> Result<Vec<Selected<'a>>> {
    asked.check(workspace)?;
    let mut selected: Vec<(&Member, &Binary)> = Vec::new();
    let (mut unnamed, mut not_by_default) = (Vec::new(), Vec::new());
    let choice = Choice::new((workspace, settings), features, asked);
    for (member, binary) in choice.all() {
        match choice.out(member, binary) {
            None => {}
            Some(Out::Unasked) => continue,
            Some(Out::Unnamed) => {
                unnamed.push(shown(member, binary));
                continue;
            }
            Some(Out::NotByDefault) => {
                not_by_default.push(shown(member, binary));
                continue;
            }
            Some(Out::Because(why)) => {
                notes.push(Because {
                    krate: Some(format!("{} {}", member.name, member.version)),
                    ..note(format!("{} gets no image: {why}", binary.name))
                });
                continue;
            }
        }
        if let Some((other, _)) = selected.iter().find(|(_, other)| other.name == binary.name) {
            return Err(Failure::new(
                Kind::Workspace,
                format!("two packages have a binary `{}`: {} and {}", binary.name, other.name, member.name),
            )
            .help("cargo would overwrite one with the other; leave one out with `exclude = [\"PACKAGE\"]` in [workspace.metadata.dockerize], or name the other with `--package`"));
        }
        selected.push((member, binary));
    }
    // One note for each reason: a workspace may have many such members.
    if !unnamed.is_empty() {
        let unnamed = unnamed.join(", ");
        notes.push(note(if settings.is_evidence("", "binaries") {
            format!(
                "no image for {unnamed}: the repository's own Dockerfiles ship other binaries; `binaries = [\"NAME\"]` in the \
                 metadata or `--bin` takes one in"
            )
        } else {
            format!("no image for {unnamed}: `binaries` in the metadata names others")
        }));
    }
    if !not_by_default.is_empty() {
        notes.push(note(format!(
            "no image for {}: only default members are built; `binaries = [\"NAME\"]` in the metadata takes one in, \
             `workspace = true` or `--workspace` all of them",
            not_by_default.join(", ")
        )));
    }
    if choice.falls_back && !selected.is_empty() {
        notes.push(note("the default members have no binary, so those of all members get an image".to_owned()));
    }
    if selected.is_empty() {
        return Err(nothing(choice.all().next().is_some()));
    }
    let is_selected = |name: &String| selected.iter().any(|(_, binary)| binary.name == *name);
    let mut wanted = settings.workspace.binaries.iter().filter(|_| asked.is_empty());
    if let Some(unknown) = wanted.find(|name| !is_selected(name)) {
        return Err(Failure::new(
            Kind::Workspace,
            format!("`binaries` in the metadata names `{unknown}`, which is not there"),
        ));
    }
    let binaries: Vec<&str> = selected.iter().map(|(_, binary)| binary.name.as_str()).collect();
    let named = selected.iter().zip(names::of(&binaries));
    Ok(named
        .map(|(&(member, binary), Names { stage, repository })| Selected { member, binary, stage, repository })
        .collect())
}

/// The binaries that get an image, each with its package.
///
/// # Errors
/// As [`super::plan`], where it selects.
pub fn selected(workspace: &Workspace, settings: &Settings, flags: &Flags) -> Result<Vec<(String, String)>> {
    let selected = binaries((workspace, settings), &flags.features(settings), &flags.asked, &mut Vec::new())?;
    Ok(selected.iter().map(|one| (one.member.name.clone(), one.binary.name.clone())).collect())
}

/// What decides about one binary after the other.
struct Choice<'c, 'a> {
    workspace: &'a Workspace,
    settings: &'c Settings,
    features: &'c Features,
    asked: &'c Asked,
    /// Whether all members count, because those that cargo builds by default have no binary.
    falls_back: bool,
}

impl<'c, 'a> Choice<'c, 'a> {
    fn new((workspace, settings): (&'a Workspace, &'c Settings), features: &'c Features, asked: &'c Asked) -> Self {
        let table = &settings.workspace;
        let says_nothing = asked.is_empty() && table.binaries.is_empty() && !table.workspace;
        let none = !workspace.members.iter().any(|member| member.by_default && !member.binaries.is_empty());
        Self { workspace, settings, features, asked, falls_back: says_nothing && none }
    }

    fn all(&self) -> impl Iterator<Item = (&'a Member, &'a Binary)> + use<'a> {
        self.workspace.members.iter().flat_map(|member| member.binaries.iter().map(move |binary| (member, binary)))
    }

    fn out(&self, member: &Member, binary: &Binary) -> Option<Out> {
        let table = &self.settings.workspace;
        let listed = table.binaries.contains(&binary.name);
        if !self.asked.is_empty() {
            if !self.asked.takes_of(member, binary) {
                return Some(Out::Unasked);
            }
        } else if !table.binaries.is_empty() {
            if !listed {
                return Some(Out::Unnamed);
            }
        } else if !(table.workspace || member.by_default || self.falls_back) && binary.elsewhere.is_none() {
            return Some(Out::NotByDefault);
        }
        // What the command line names wins over the metadata.
        let asked_by_name = self.asked.binaries.contains(&binary.name);
        let asked_by_package = !self.asked.packages.is_empty();
        let excluded = table.exclude.contains(&binary.name) || table.exclude.contains(&member.name);
        if excluded && !asked_by_name && !asked_by_package {
            return Some(Out::Because("`exclude` in the metadata names it".to_owned()));
        }
        if asked_by_name || (listed && self.asked.is_empty()) {
            return None;
        }
        if let Some(elsewhere) = &binary.elsewhere {
            let file = self.workspace.relative(&elsewhere.file);
            return Some(Out::Because(format!(
                "{}, as {file} says; `binaries = [\"{}\"]` in the metadata takes it in all the same",
                elsewhere.why, binary.name
            )));
        }
        if let Some(alias) = alias(self.workspace, member, binary).filter(|_| !asked_by_package) {
            return Some(Out::Because(format!("it is a task of the developers (cargo {alias})")));
        }
        missing_feature(member, binary, self.features)
            .map(|feature| Out::Because(format!("it requires the feature `{feature}`, which is off")))
    }
}

fn note(text: String) -> Because {
    Because::new("selection", text)
}

/// A binary's name, and its package's where that is another one.
fn shown(member: &Member, binary: &Binary) -> String {
    if member.name == binary.name { binary.name.clone() } else { format!("{} ({})", binary.name, member.name) }
}

fn nothing(any: bool) -> Failure {
    let failure = Failure::new(Kind::Workspace, "the workspace has no binary to put into an image");
    if any {
        failure.help("every binary is left out by the metadata, by the command line, by features that are off, or as a task of the developers; `binaries = [\"NAME\"]` in [workspace.metadata.dockerize] takes one in")
    } else {
        failure.help("add a `src/main.rs` or a `[[bin]]` to a member")
    }
}

/// `xtask` by name, or a package or binary that a cargo alias runs.
fn alias(workspace: &Workspace, member: &Member, binary: &Binary) -> Option<String> {
    let aliases = &workspace.alias_packages;
    aliases
        .get(&member.name)
        .or_else(|| aliases.get(&binary.name))
        .cloned()
        .or_else(|| (member.name == "xtask").then(|| "xtask".to_owned()))
}

fn missing_feature<'b>(member: &Member, binary: &'b Binary, features: &Features) -> Option<&'b String> {
    let own = format!("{}/", member.name);
    binary.required_features.iter().find(|required| {
        let named = features.names.iter().any(|name| name.strip_prefix(&own).unwrap_or(name) == required.as_str());
        let default = !features.no_default && member.default_features.contains(required);
        !(features.all || named || default)
    })
}
