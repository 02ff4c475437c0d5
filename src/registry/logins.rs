//! Who is logged in where: names of registries, and whether their helpers answer. No secret is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::Utf8Path;

use super::credentials::DockerConfig;
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};

/// A registry that Docker's configuration names.
#[derive(Debug)]
pub struct Login {
    /// As people name it: `docker.io`.
    pub registry: String,
    /// The helper that has the credentials; none: the file itself has them.
    pub helper: Option<String>,
    /// Whether they can be had.
    pub works: Result<()>,
}

/// The registries that `config.json` of this folder names. A helper that does not answer in time does not answer.
///
/// # Errors
/// [`Kind::Engine`]: the file cannot be read.
pub fn logins(folder: &Utf8Path, limit: Duration) -> Result<Vec<Login>> {
    let config = DockerConfig::read(folder)?;
    let mut helpers: BTreeMap<String, Result<BTreeSet<String>>> = BTreeMap::new();
    for helper in config.helpers() {
        let listed = list(&helper, limit);
        helpers.insert(helper, listed);
    }
    let mut logins = Vec::new();
    for registry in config.registries() {
        match config.helper(&registry) {
            None => logins.push(Login { works: in_file(&config, &registry), registry, helper: None }),
            Some(helper) => {
                let works = helpers.get(&helper).map_or(Ok(()), again);
                logins.push(Login { registry, helper: Some(helper), works });
            }
        }
    }
    // A store keeps registries that the file need not name.
    if let Some(store) = config.store()
        && let Some(listed) = helpers.get(&store)
    {
        match listed {
            Err(_) if logins.iter().all(|login| login.helper.as_ref() != Some(&store)) => {
                logins.push(Login { registry: "all registries".to_owned(), works: again(listed), helper: Some(store) });
            }
            Err(_) => {}
            Ok(names) => {
                for name in names {
                    let registry = super::credentials::known_as(name);
                    if logins.iter().all(|login| login.registry != registry) {
                        logins.push(Login { registry, helper: Some(store.clone()), works: Ok(()) });
                    }
                }
            }
        }
    }
    Ok(logins)
}

fn in_file(config: &DockerConfig, registry: &str) -> Result<()> {
    match config.credential(registry)? {
        Some(_) => Ok(()),
        None => Err(Failure::new(Kind::Engine, "nothing is kept for it").help(format!("`docker login {registry}`"))),
    }
}

fn again<T>(listed: &Result<T>) -> Result<()> {
    match listed {
        Ok(_) => Ok(()),
        Err(failure) => {
            Err(failure.remedies().iter().fold(Failure::new(failure.kind(), failure.to_string()), Failure::help))
        }
    }
}

/// What a helper has, without what it keeps of it. Neither its output nor its errors are shown: nobody knows what is in them.
fn list(helper: &str, limit: Duration) -> Result<BTreeSet<String>> {
    let program = format!("docker-credential-{helper}");
    let failed = |what: &str| Failure::new(Kind::Engine, format!("`{program}` {what}"));
    if which::which(&program).is_err() {
        return Err(failed("is not in PATH")
            .help(format!("install it, or take `{helper}` out of Docker's config.json and log in again")));
    }
    let command = Command::new(&program, "see what it has credentials for").arg("list").within(Some(limit));
    let output =
        command.output().map_err(|_| failed("does not answer").help(format!("see what it does: `{program} list`")))?;
    if !output.status.success() {
        return Err(failed(&format!("fails: {}", output.status)).help(format!("see what it says: `{program} list`")));
    }
    // The values are names of users.
    let named: BTreeMap<String, String> = serde_json::from_str(&output.stdout).unwrap_or_default();
    Ok(named.into_keys().collect())
}
