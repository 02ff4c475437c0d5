//! Which binaries get an image.

use crate::config::Settings;
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Binary, Features, Member, Workspace};

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

pub(super) fn binaries<'a>(
    workspace: &'a Workspace,
    settings: &Settings,
    features: &Features,
    notes: &mut Vec<Because>,
) -> Result<Vec<Selected<'a>>> {
    let wanted = &settings.workspace.binaries;
    let excluded = &settings.workspace.exclude;
    let mut selected: Vec<(&Member, &Binary)> = Vec::new();
    let mut any = false;
    for member in &workspace.members {
        for binary in &member.binaries {
            any = true;
            let named = wanted.contains(&binary.name);
            let out = if !wanted.is_empty() && !named {
                Some("`binaries` in the metadata does not name it".to_owned())
            } else if excluded.contains(&binary.name) || excluded.contains(&member.name) {
                Some("`exclude` in the metadata names it".to_owned())
            } else if named {
                None
            } else if let Some(alias) = alias(workspace, member, binary) {
                Some(format!("it is a task of the developers (cargo {alias})"))
            } else {
                missing_feature(member, binary, features)
                    .map(|feature| format!("it requires the feature `{feature}`, which is off"))
            };
            if let Some(why) = out {
                notes.push(Because {
                    text: format!("{} gets no image: {why}", binary.name),
                    krate: Some(format!("{} {}", member.name, member.version)),
                    rule: "selection".to_owned(),
                    file: None,
                });
                continue;
            }
            if let Some((other, _)) = selected.iter().find(|(_, other)| other.name == binary.name) {
                return Err(Failure::new(
                    Kind::Workspace,
                    format!("two packages have a binary `{}`: {} and {}", binary.name, other.name, member.name),
                )
                .help("cargo would overwrite one with the other; leave one out with `exclude = [\"PACKAGE\"]` in [workspace.metadata.dockerize]"));
            }
            selected.push((member, binary));
        }
    }
    if selected.is_empty() {
        return Err(nothing(any));
    }
    if let Some(unknown) = wanted.iter().find(|name| selected.iter().all(|(_, binary)| binary.name != **name)) {
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

fn nothing(any: bool) -> Failure {
    let failure = Failure::new(Kind::Workspace, "the workspace has no binary to put into an image");
    if any {
        failure.help("every binary is left out by the metadata, by features that are off, or as a task of the developers; `binaries = [\"NAME\"]` in [workspace.metadata.dockerize] takes one in")
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
