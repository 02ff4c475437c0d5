//! What this machine has for the secrets that a plan names. Values travel in the environment of the child that needs them:
//! they are in no file of ours, no argument and no line that is printed.

use camino::{Utf8Path, Utf8PathBuf};

use crate::exec::Command;
use crate::failure::Result;
use crate::plan::model::{Secret, SecretKind};

/// What a build is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provided {
    /// Bake's `secret` entries.
    pub secrets: Vec<String>,
    /// Bake's `ssh` entries.
    pub ssh: Vec<String>,
    /// The environment that those entries read; its values are secret.
    pub env: Vec<(String, String)>,
    /// Files that they read.
    pub files: Vec<Utf8PathBuf>,
    /// What this machine does not have: what it is for, and how to have it.
    pub missing: Vec<String>,
}

/// Looks for them where cargo and git would.
///
/// # Errors
/// The user interrupted.
pub fn gather(secrets: &[Secret]) -> Result<Provided> {
    let mut provided = Provided::default();
    for secret in secrets {
        let why = &secret.because.text;
        match &secret.kind {
            SecretKind::Ssh => {
                if std::env::var_os("SSH_AUTH_SOCK").is_some() {
                    provided.ssh.push(secret.id.clone());
                } else {
                    provided.missing.push(format!("{why}, and no ssh agent answers: `eval $(ssh-agent) && ssh-add`"));
                }
            }
            SecretKind::File { .. } => {
                let known = home().map(|home| home.join(".ssh/known_hosts")).filter(|path| path.is_file());
                if let Some(path) = known {
                    provided.secrets.push(format!("id={},src={path}", secret.id));
                    provided.files.push(path);
                } else {
                    provided
                        .missing
                        .push(format!("{why}, and ~/.ssh/known_hosts does not know it: `ssh-keyscan HOST`"));
                }
            }
            SecretKind::RegistryToken { variable, registry } => {
                let token = std::env::var(variable).ok().or_else(|| credentials(registry));
                let missing = || format!("{why}, and there is no token for it: `cargo login --registry {registry}`");
                provided.value(secret, token, missing);
            }
            SecretKind::GitCredential { host } => {
                // A public repository needs none, and most are: nothing is said where there is none.
                if let Some(credential) = git_credential(host)? {
                    provided.value(secret, Some(credential), String::new);
                }
            }
        }
    }
    Ok(provided)
}

impl Provided {
    fn value(&mut self, secret: &Secret, value: Option<String>, missing: impl FnOnce() -> String) {
        match value.zip(secret.variable()) {
            Some((value, variable)) => {
                self.secrets.push(format!("id={},env={variable}", secret.id));
                self.env.push((variable, value));
            }
            None => self.missing.push(missing()),
        }
    }
}

fn home() -> Option<Utf8PathBuf> {
    std::env::var("HOME").ok().map(Utf8PathBuf::from)
}

/// A registry's token in cargo's own file.
fn credentials(registry: &str) -> Option<String> {
    let cargo = std::env::var("CARGO_HOME").ok().map(Utf8PathBuf::from).or_else(|| Some(home()?.join(".cargo")))?;
    ["credentials.toml", "credentials"].iter().find_map(|name| token(&cargo.join(name), registry))
}

fn token(path: &Utf8Path, registry: &str) -> Option<String> {
    let table: toml::Table = fs_err::read_to_string(path).ok()?.parse().ok()?;
    Some(table.get("registries")?.get(registry)?.get("token")?.as_str()?.to_owned())
}

/// What git's own helpers know, without asking anybody.
fn git_credential(host: &str) -> Result<Option<String>> {
    let command = Command::new("sh", "ask git for a credential")
        .args(["-c", r#"printf 'protocol=https\nhost=%s\n\n' "$DOCKERIZE_HOST" | git credential fill"#])
        .env("DOCKERIZE_HOST", host)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "true")
        .env("SSH_ASKPASS", "true");
    let output = command.output()?;
    let lines = output.stdout.lines().filter(|line| line.starts_with("username=") || line.starts_with("password="));
    let credential: Vec<&str> = lines.filter(|line| !line.ends_with('=')).collect();
    Ok((output.status.success() && credential.len() == 2).then(|| credential.join("\n") + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_where_cargo_keeps_it() {
        let dir = assert_fs::TempDir::new().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("credentials.toml");
        fs_err::write(&path, "[registries.company]\ntoken = \"hidden\"\n").unwrap();
        assert_eq!(token(&path, "company").as_deref(), Some("hidden"));
        assert_eq!(token(&path, "other"), None);
    }
}
