//! What a forge's workflows do. They ask this tool for everything that it can do by itself, so that a runner and somebody's
//! own machine build alike; what is decided here is where they run, what they cache, and what has to be set.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::model::{Because, Ci, CiSecret, Forge, Runner, Secret, SecretKind, Tool, Workflow};
use crate::cache::Cache;
use crate::config::Settings;
use crate::failure::{Failure, Kind, Result};
use crate::registry::Reference;
use crate::workspace::{Workspace, relative};

const FORGES: &str = include_str!("ci.toml");

/// Branches that are the main one where nothing says so.
const USUAL: [&str; 2] = ["main", "master"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    file: String,
    ending: String,
    cache: Option<String>,
    why: String,
    own: bool,
    runners: Vec<Runner>,
    #[serde(default)]
    images: BTreeMap<String, String>,
}

/// Decides; none where the metadata names no forge.
pub(super) fn decide(workspace: &Workspace, settings: &Settings, secrets: &[Secret]) -> Result<Option<Ci>> {
    let mut forges = settings.workspace.ci.clone();
    forges.sort_unstable();
    forges.dedup();
    if forges.is_empty() {
        return Ok(None);
    }
    let known: BTreeMap<Forge, Known> = toml::from_str(FORGES)
        .map_err(|error| Failure::new(Kind::Internal, "what is known of forges cannot be read").caused_by(error))?;
    let top = workspace.repository.as_ref().filter(|top| workspace.root.starts_with(top)).unwrap_or(&workspace.root);
    let folder = relative(top, &workspace.root).into_string();
    let (branches, because) = branches(&settings.workspace.cache_write);
    let workflows =
        forges.iter().filter_map(|forge| Some(workflow(*forge, known.get(forge)?, &folder, settings))).collect();
    Ok(Some(Ci {
        workflows,
        folder: if folder.is_empty() { ".".to_owned() } else { folder },
        branches,
        because,
        tool: tool(workspace),
        secrets: secrets.iter().filter_map(secret).collect(),
    }))
}

/// Its file lies at the repository's top, wherever the workspace is; two workspaces of one repository have one each.
fn workflow(forge: Forge, known: &Known, folder: &str, settings: &Settings) -> Workflow {
    let up: String = folder.split('/').filter(|part| !part.is_empty()).map(|_| "../").collect();
    let word: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = if word.is_empty() { String::new() } else { format!("-{word}") };
    // Another forge's own cache is none here.
    let elsewhere = |cache: &str| match cache.parse() {
        Ok(Cache::Gha { .. }) => forge != Forge::Github,
        Ok(Cache::Gitlab) => forge != Forge::Gitlab,
        _ => false,
    };
    let named = settings.workspace.cache.as_ref().filter(|cache| !elsewhere(cache));
    let because = match named {
        Some(cache) => Because::new("metadata", format!("the metadata says {cache}")),
        None => Because::new("default", known.why.clone()),
    };
    Workflow {
        forge,
        file: format!("{up}{}{name}.{}", known.file, known.ending),
        cache: known.cache.clone().filter(|_| named.is_none()),
        cache_of_forge: named.map_or(known.own, |cache| known.own && cache.starts_with("gha")),
        cache_registry: named
            .and_then(|cache| cache.parse::<Cache>().ok()?.repository()?.parse::<Reference>().ok())
            .map(|repository| repository.registry().to_owned()),
        because,
        runners: known.runners.clone(),
        images: known.images.clone(),
    }
}

fn branches(named: &[String]) -> (Vec<String>, Because) {
    if named.is_empty() {
        let because = Because::new("default", "the usual names; `cache-write` in the metadata names others");
        return (USUAL.map(str::to_owned).to_vec(), because);
    }
    (named.to_vec(), Because::new("metadata", "`cache-write` in the metadata names them"))
}

fn tool(workspace: &Workspace) -> Tool {
    match workspace.member(env!("CARGO_PKG_NAME")) {
        Some(own) => {
            let path = relative(&workspace.root, &own.dir).into_string();
            Tool::Checkout { path: if path.is_empty() { ".".to_owned() } else { path } }
        }
        None => Tool::Registry { version: env!("CARGO_PKG_VERSION").to_owned() },
    }
}

/// What is known of hosts comes with the key.
fn secret(secret: &Secret) -> Option<CiSecret> {
    let because = secret.because.clone();
    match &secret.kind {
        SecretKind::Ssh => Some(CiSecret::SshKey { variable: "SSH_PRIVATE_KEY".to_owned(), because }),
        SecretKind::File { .. } => None,
        SecretKind::RegistryToken { variable, .. } => {
            Some(CiSecret::RegistryToken { variable: variable.clone(), because })
        }
        SecretKind::GitCredential { host } => {
            let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let variable = format!("GIT_TOKEN_{}", host.chars().map(word).collect::<String>());
            Some(CiSecret::GitCredential { variable, host: host.clone(), because })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_forge_is_known() {
        let known: BTreeMap<Forge, Known> = toml::from_str(FORGES).unwrap();
        for forge in [Forge::Github, Forge::Gitlab, Forge::Forgejo] {
            assert!(!known[&forge].runners.is_empty(), "{}", forge.name());
            if let Some(cache) = &known[&forge].cache {
                cache.parse::<crate::cache::Cache>().unwrap();
            }
        }
    }

    #[test]
    fn a_workspace_below_the_top_has_a_file_of_its_own_name_there() {
        let known: BTreeMap<Forge, Known> = toml::from_str(FORGES).unwrap();
        let file = |folder| workflow(Forge::Github, &known[&Forge::Github], folder, &Settings::default()).file;
        assert_eq!(file(""), ".github/workflows/dockerize.yml");
        assert_eq!(file("services/shop"), "../../.github/workflows/dockerize-services-shop.yml");
    }
}
