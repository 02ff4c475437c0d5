//! What the steps that fetch packages must be able to show, as mounts: never an argument, a variable of the image, a file.

use std::collections::BTreeMap;

use super::model::{Because, Secret, SecretKind};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Origin, Workspace};

/// The secrets, and the variables that are none: how cargo shows tokens, and the indices of registries that only
/// this user's configuration names.
pub(super) fn decide(workspace: &Workspace) -> Result<(Vec<Secret>, BTreeMap<String, String>)> {
    let mut secrets: Vec<Secret> = Vec::new();
    let mut env = BTreeMap::new();
    let mut add = |secret: Secret| {
        if !secrets.contains(&secret) {
            secrets.push(secret);
        }
    };
    for origin in &workspace.origins {
        match origin {
            Origin::GitSsh { host, package } => {
                let because = because(package, &format!("is fetched with git over SSH from {host}"));
                add(Secret { id: "default".to_owned(), kind: SecretKind::Ssh, because: because.clone() });
                let target = "/root/.ssh/known_hosts".to_owned();
                add(Secret { id: "known-hosts".to_owned(), kind: SecretKind::File { target }, because });
            }
            Origin::GitHttps { host, package } => add(Secret {
                id: format!("git-{}", word(host)),
                kind: SecretKind::GitCredential { host: host.clone() },
                because: because(package, &format!("is fetched with git from {host}")),
            }),
            Origin::Registry { index, package } => {
                let (name, of_home) = registry(workspace, index, package)?;
                let variable = format!("CARGO_REGISTRIES_{}", name.to_uppercase().replace('-', "_"));
                if of_home {
                    env.insert(format!("{variable}_INDEX"), index.clone());
                }
                // Without it cargo shows a token to no registry that asks for one.
                env.insert("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS".to_owned(), "cargo:token".to_owned());
                add(Secret {
                    id: format!("cargo-registry-{}", word(&name)),
                    kind: SecretKind::RegistryToken { variable: format!("{variable}_TOKEN"), registry: name.clone() },
                    because: because(package, &format!("comes from the registry {name}")),
                });
            }
        }
    }
    Ok((secrets, env))
}

fn because(package: &str, what: &str) -> Because {
    Because {
        text: format!("{package} {what}"),
        krate: Some(package.to_owned()),
        rule: "lock-file".to_owned(),
        file: Some("Cargo.lock".to_owned()),
    }
}

/// A registry's name, and whether only this user's configuration knows it.
fn registry(workspace: &Workspace, index: &str, package: &str) -> Result<(String, bool)> {
    let same = |known: &str| known.trim_end_matches('/') == index.trim_end_matches('/');
    let find = |registries: &BTreeMap<String, String>| {
        registries.iter().find(|(_, known)| same(known)).map(|(name, _)| name.clone())
    };
    let (name, of_home) = match (find(&workspace.cargo_config.registries), find(&workspace.home_registries)) {
        (Some(name), _) => (name, false),
        (None, Some(name)) => (name, true),
        (None, None) => {
            return Err(Failure::new(
                Kind::Workspace,
                format!("{package} comes from a registry that no configuration names: {index}"),
            )
            .help("name it in .cargo/config.toml of the workspace: [registries.NAME] index = \"…\""));
        }
    };
    // They become part of an instruction.
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    if !plain(&name, "-_") || !plain(index, "-_.:/+~%[]") || index.contains('@') {
        return Err(Failure::new(
            Kind::Workspace,
            format!("the registry of {package} has an index that cannot be used: {index}"),
        )
        .help("an index is a URL without a user and a password in it"));
    }
    Ok((name, of_home))
}

fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}
