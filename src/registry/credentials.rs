//! Who we are to a registry: Docker's `config.json` and its credential helpers.
//!
//! The file's format is that of Docker's CLI (`cli/config/configfile`), the helpers' protocol that of
//! `docker/docker-credential-helpers`. A secret is in no error and in nothing that `Debug` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};
use crate::secret::Secret;

/// What `docker login` without a host keeps its credentials under.
const HUB: &str = "https://index.docker.io/v1/";

/// The name that stands for an identity token in place of a user's.
const TOKEN_USER: &str = "<token>";

/// What a helper prints when it has nothing for a host.
const NOTHING: &str = "credentials not found";

/// What a registry, or the service that gives out its tokens, is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// A name and a password.
    Password { user: String, password: Secret },
    /// A token that is exchanged for others.
    Identity(Secret),
    /// A token that the registry itself takes.
    Registry(Secret),
}

/// Docker's configuration, as far as it concerns credentials.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DockerConfig {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
    #[serde(skip)]
    path: Utf8PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl DockerConfig {
    /// Reads `config.json` of this folder; where there is none, nobody is logged in.
    ///
    /// # Errors
    /// [`Kind::Engine`]: it cannot be read, or is not what Docker writes.
    pub fn read(folder: &Utf8Path) -> Result<Self> {
        let path = folder.join("config.json");
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::from("{}"),
            Err(error) => {
                return Err(Failure::new(Kind::Engine, "Docker's credentials cannot be read").caused_by(error));
            }
        };
        // The parser's own words may quote a secret: the place is enough.
        let read: Self = serde_json::from_str(&text).map_err(|error| {
            Failure::new(
                Kind::Engine,
                format!("`{path}` is not what Docker writes: line {}, column {}", error.line(), error.column()),
            )
            .help("correct it, or move it away and run `docker login` again")
        })?;
        Ok(Self { path, ..read })
    }

    /// The registries that it names, as people name them.
    pub fn registries(&self) -> BTreeSet<String> {
        self.auths.keys().chain(self.cred_helpers.keys()).map(|key| known_as(key)).collect()
    }

    /// The helper that is asked for a registry.
    pub fn helper(&self, registry: &str) -> Option<String> {
        let key = if registry == "docker.io" { HUB } else { registry };
        let helper = self.cred_helpers.get(registry).or(self.cred_helpers.get(key)).or(self.creds_store.as_ref());
        helper.filter(|helper| !helper.is_empty()).cloned()
    }

    /// The helper for all that have none of their own.
    pub fn store(&self) -> Option<String> {
        self.creds_store.clone().filter(|store| !store.is_empty())
    }

    /// All helpers.
    pub fn helpers(&self) -> BTreeSet<String> {
        self.cred_helpers.values().cloned().chain(self.store()).filter(|helper| !helper.is_empty()).collect()
    }

    /// The credential for a registry, by the name that people give it (`docker.io`, `localhost:5000`); none: nobody logged in.
    ///
    /// # Errors
    /// [`Kind::Engine`]: a helper cannot be started or fails.
    pub fn credential(&self, registry: &str) -> Result<Option<Credential>> {
        let key = if registry == "docker.io" { HUB } else { registry };
        if let Some(helper) = self.helper(registry)
            && let Some(credential) = self.ask(&helper, key)?
        {
            return Ok(Some(credential));
        }
        let entry = self
            .auths
            .get(key)
            .or_else(|| self.auths.iter().find(|(written, _)| host(written) == host(key)).map(|(_, entry)| entry));
        entry.map_or(Ok(None), |entry| self.decode(entry, registry))
    }

    fn decode(&self, entry: &Entry, registry: &str) -> Result<Option<Credential>> {
        if !entry.registrytoken.is_empty() {
            return Ok(Some(Credential::Registry(Secret(entry.registrytoken.clone()))));
        }
        if !entry.identitytoken.is_empty() {
            return Ok(Some(Credential::Identity(Secret(entry.identitytoken.clone()))));
        }
        if entry.auth.is_empty() {
            return Ok((!entry.username.is_empty()).then(|| password(&entry.username, &entry.password)));
        }
        let decoded = STANDARD.decode(entry.auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|text| text.split_once(':')) {
            Some((user, secret)) => Ok(Some(password(user, secret.trim_matches('\0')))),
            None => {
                Err(Failure::new(Kind::Engine, format!("the credentials for {registry} in `{}` are broken", self.path))
                    .help(format!("run `docker login {registry}` again")))
            }
        }
    }

    fn ask(&self, helper: &str, key: &str) -> Result<Option<Credential>> {
        let program = format!("docker-credential-{helper}");
        let named = |failure: Failure| failure.help(format!("`{}` names the helper `{helper}`", self.path));
        let command = Command::new(program.as_str(), format!("get the credentials for {key}")).arg("get").input(key);
        let output = command.output().map_err(|failure| match failure.kind() {
            Kind::Interrupted => failure,
            _ => named(failure).help(format!("install `{program}`, or take it out of that file and log in again")),
        })?;
        if output.status.success() {
            // Neither what it printed nor the parser's words are shown: they may be the secret.
            let Ok(answer) = serde_json::from_str::<Answer>(&output.stdout) else {
                return Err(named(Failure::new(Kind::Engine, format!("`{program}` answers what cannot be read"))));
            };
            return Ok((!answer.secret.is_empty()).then(|| password(&answer.username, &answer.secret)));
        }
        if output.stdout.contains(NOTHING) || output.stderr.contains(NOTHING) {
            return Ok(None);
        }
        Err(named(Failure::new(Kind::Engine, format!("`{program}` has no credentials for {key}: {}", output.status)))
            .help(format!("see what it says: `echo {key} | {program} get`")))
    }
}

fn password(user: &str, secret: &str) -> Credential {
    if user == TOKEN_USER {
        return Credential::Identity(Secret(secret.to_owned()));
    }
    Credential::Password { user: user.to_owned(), password: Secret(secret.to_owned()) }
}

/// The name that people give to a key of `auths`.
pub(super) fn known_as(key: &str) -> String {
    if host(key) == host(HUB) { "docker.io".to_owned() } else { host(key).to_owned() }
}

/// The host in a key of `auths`, which is one, or a URL of the first or second version of the protocol.
fn host(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or(key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> DockerConfig {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::write(folder.join("config.json"), json).unwrap();
        DockerConfig::read(folder).unwrap()
    }

    #[test]
    fn nobody_is_logged_in_without_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let config = DockerConfig::read(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        assert_eq!(config.credential("ghcr.io").unwrap(), None);
    }

    #[test]
    fn auths_are_found_under_every_key_that_docker_writes() {
        // me:pass:word
        let config = config(
            r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6cGFzczp3b3Jk"},
                "https://a.example/v2/": {"auth": "bWU6cGFzczp3b3Jk"}, "b.example:5000": {"auth": "bWU6cGFzczp3b3Jk"},
                "c.example": {"username": "me", "password": "p"}, "d.example": {}}}"#,
        );
        for registry in ["docker.io", "a.example", "b.example:5000"] {
            assert_eq!(config.credential(registry).unwrap(), Some(password("me", "pass:word")), "{registry}");
        }
        assert_eq!(config.credential("c.example").unwrap(), Some(password("me", "p")));
        assert_eq!(config.credential("d.example").unwrap(), None);
        assert_eq!(config.credential("b.example").unwrap(), None, "another port is another registry");
    }

    #[test]
    fn tokens_are_told_from_passwords() {
        // <token>:t
        let config = config(
            r#"{"auths": {"a": {"auth": "PHRva2VuPjp0"}, "b": {"auth": "bWU6cA==", "identitytoken": "t"},
                "c": {"registrytoken": "t"}}}"#,
        );
        let token = Secret("t".to_owned());
        assert_eq!(config.credential("a").unwrap(), Some(Credential::Identity(token.clone())));
        assert_eq!(config.credential("b").unwrap(), Some(Credential::Identity(token.clone())));
        assert_eq!(config.credential("c").unwrap(), Some(Credential::Registry(token)));
    }

    #[test]
    fn a_broken_entry_is_told_without_the_secret() {
        let config = config(r#"{"auths": {"a.example": {"auth": "c2VjcmV0"}}}"#);
        let report = config.credential("a.example").unwrap_err().report();
        assert!(report.contains("docker login a.example"), "{report}");
        assert!(!report.contains("c2VjcmV0") && !report.contains("secret"), "{report}");
        let said = format!("{config:?}");
        assert!(!said.contains("c2VjcmV0"), "{said}");
    }

    #[test]
    fn a_file_that_is_not_dockers_is_told_without_quoting_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::write(folder.join("config.json"), r#"{"auths": {"a": {"auth": 12345}}}"#).unwrap();
        let report = DockerConfig::read(folder).unwrap_err().report();
        assert!(report.contains("config.json") && report.contains("line 1"), "{report}");
        assert!(!report.contains("12345"), "{report}");
    }

    #[test]
    fn a_helper_that_is_missing_is_named() {
        let config = config(r#"{"credHelpers": {"a.example": "of-nobody"}}"#);
        let report = config.credential("a.example").unwrap_err().report();
        assert!(report.contains("docker-credential-of-nobody") && report.contains("config.json"), "{report}");
        assert_eq!(config.credential("b.example").unwrap(), None);
    }
}
