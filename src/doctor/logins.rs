//! Who is logged in where, and what stands between here and the registries. Never a secret, nor a part of one.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{ANSWER, Finding, State};
use crate::registry::{docker_folder, logins};

/// Variables that send requests through a proxy, in either case.
const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

pub(super) fn look() -> Vec<Finding> {
    let folder = docker_folder();
    let mut findings = folder.as_deref().map(of_docker).unwrap_or_default();
    if findings.is_empty() {
        findings.push(
            Finding::new("logins", State::Absent, "none; who pushes, or pulls what is not public, wants one")
                .todo("`docker login REGISTRY`"),
        );
    }
    findings.extend(proxies(&|name| std::env::var(name).ok(), folder.as_deref()));
    findings
}

fn of_docker(folder: &Utf8Path) -> Vec<Finding> {
    let all = match logins(folder, ANSWER) {
        Ok(all) => all,
        Err(failure) => return vec![Finding::failed("logins", State::Warn, &failure)],
    };
    let finding = |login: crate::registry::Login| match (login.works, login.helper) {
        (Ok(()), None) => Finding::ok(login.registry, "logged in; the password is in config.json as it is"),
        (Ok(()), Some(helper)) => Finding::ok(login.registry, format!("by docker-credential-{helper}, which answers")),
        (Err(failure), _) => Finding::failed(login.registry, State::Warn, &failure),
    };
    all.into_iter().map(finding).collect()
}

fn proxies(variable: &dyn Fn(&str) -> Option<String>, folder: Option<&Utf8Path>) -> Vec<Finding> {
    let mut set: BTreeMap<&str, String> = BTreeMap::new();
    for name in PROXIES {
        let value = variable(name).or_else(|| variable(&name.to_lowercase()));
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            set.insert(name, shown(name, &value));
        }
    }
    if set.is_empty() {
        return Vec::new();
    }
    let found = set.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ");
    let text = folder.and_then(|folder| fs_err::read_to_string(folder.join("config.json")).ok()).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    if config.get("proxies").is_some() {
        return vec![Finding::ok("proxy", format!("{found}; builds see what `proxies` in Docker's config.json says"))];
    }
    let finding = Finding::new("proxy", State::Warn, format!("{found}; the steps of a build do not see it"));
    vec![
        finding
            .todo("name it under `proxies` in Docker's config.json, which hands it to each step and keeps it in none"),
    ]
}

/// A list of hosts as it is; of an address the host and the port, for a password may stand before them.
fn shown(name: &str, value: &str) -> String {
    if name == "NO_PROXY" {
        return value.to_owned();
    }
    let behind = value.rsplit_once('@').map_or(value, |(_, behind)| behind);
    let behind = behind.split_once("://").map_or(behind, |(_, behind)| behind);
    behind.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_password_is_not_shown() {
        let variable = |name: &str| match name {
            "https_proxy" => Some("http://me:p@ss:w0rd@proxy.example:3128/".to_owned()),
            "NO_PROXY" => Some("localhost,.example".to_owned()),
            _ => None,
        };
        let findings = proxies(&variable, None);
        assert_eq!(findings[0].state, State::Warn);
        assert!(
            findings[0].found.starts_with("HTTPS_PROXY proxy.example:3128, NO_PROXY localhost,.example"),
            "{findings:?}"
        );
        assert_eq!(proxies(&|_| None, None), []);
    }

    #[test]
    fn no_secret_is_in_what_is_said_of_logins() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        // me:pass:word
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6cGFzczp3b3Jk"}, "a.example": {"auth": "c2VjcmV0"},
            "b.example": {}}, "credHelpers": {"c.example": "of-nobody"}}"#;
        fs_err::write(folder.join("config.json"), config).unwrap();
        let said = format!("{:#?}", of_docker(folder));
        for secret in ["bWU6", "pass", "word:", "c2VjcmV0", "secret"] {
            assert!(!said.replace("password is in config.json", "").contains(secret), "{secret}: {said}");
        }
        for name in ["docker.io", "docker login a.example", "docker login b.example", "docker-credential-of-nobody"] {
            assert!(said.contains(name), "{name}: {said}");
        }
    }
}
