//! Is there an engine, and can it do what is needed?

use std::path::PathBuf;
use std::time::Duration;

use semver::Version;

use crate::exec::{self, Command, Output};
use crate::failure::{Failure, Kind, Result};

/// The oldest buildx that takes several outputs in one build, so that an image is loaded and measured at once.
pub(crate) const MINIMUM: Version = Version::new(0, 13, 0);

/// A Docker that answers, with a buildx that can do what is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The path of `docker`.
    pub docker: std::path::PathBuf,
    /// buildx's version.
    pub buildx: Version,
    /// The server's version, as it says it.
    pub server: String,
}

/// What a client says when it gets no answer, and what helps.
const SILENCES: &[(&str, &str)] = &[
    ("permission denied", "this user may not talk to Docker: add it to the group `docker`, or use rootless Docker"),
    (
        "Cannot connect to the Docker daemon",
        "start Docker, or point DOCKER_HOST (or `docker context use`) at an engine",
    ),
    ("no such host", "the host in DOCKER_HOST or in the Docker context cannot be found"),
    ("context", "`docker context ls` shows which engine is chosen; `docker context use default` goes back"),
];

/// Finds Docker, and asks it who it is.
///
/// # Errors
/// [`Kind::Engine`]: no `docker` program, no engine that answers, no buildx or one that is too old.
pub fn probe() -> Result<Engine> {
    probe_within(Some(exec::patience()))
}

/// As [`probe`], but waits for no answer longer than this.
///
/// # Errors
/// As [`probe`].
pub fn probe_within(limit: Option<Duration>) -> Result<Engine> {
    let docker = docker()?;
    let ask = |args: &[&str], why: &str| Command::new(&docker, why).args(args.iter().copied()).within(limit).output();

    let server = ask(&["version", "--format", "{{.Server.Version}}"], "see whether an engine answers")?;
    if !server.status.success() {
        let said = end(&server);
        let help = SILENCES
            .iter()
            .find(|(sign, _)| said.contains(sign))
            .map_or("start Docker, then try again", |(_, help)| help);
        return Err(Failure::new(Kind::Engine, "no Docker engine answers").detail(said).help(help));
    }
    let buildx = ask(&["buildx", "version"], "see which buildx is there")?;
    if !buildx.status.success() {
        return Err(Failure::new(Kind::Engine, "Docker has no buildx plugin")
            .detail(end(&buildx))
            .help("install the buildx plugin: the package docker-buildx-plugin or docker-buildx of most systems"));
    }
    let version = version(&buildx.stdout).ok_or_else(|| {
        Failure::new(Kind::Engine, "the version of buildx cannot be told").detail(buildx.stdout.clone())
    })?;
    if version < MINIMUM {
        return Err(Failure::new(Kind::Engine, format!("buildx {version} is too old: {MINIMUM} or newer is needed"))
            .help("update the buildx plugin; older ones cannot load an image and measure it in one build"));
    }
    Ok(Engine { docker, buildx: version, server: server.stdout.trim().to_owned() })
}

/// Docker's program, which is there or not before anyone is asked.
///
/// # Errors
/// [`Kind::Engine`]: it is not in `PATH`.
pub fn docker() -> Result<PathBuf> {
    which::which("docker").map_err(|_| {
        Failure::new(Kind::Engine, "there is no `docker` in PATH")
            .help("install Docker (or Podman's or Rancher's `docker`), with the buildx plugin")
    })
}

/// What a builder builds for where nobody says it: Docker's name of it.
///
/// # Errors
/// [`Kind::Engine`]: there is no such builder, or it does not answer.
pub fn platform(engine: &Engine, builder: Option<&str>) -> Result<String> {
    let command = Command::new(&engine.docker, "ask the builder for its platform").args(["buildx", "inspect"]);
    let output = command.args(builder).asks().output()?;
    let first = output.stdout.lines().find_map(|line| line.trim().strip_prefix("Platforms:"));
    // The node's own platform is its first one; a star is on those that it was told of.
    let first = first.and_then(|list| list.split(',').next()).map(|name| name.trim().trim_end_matches('*').to_owned());
    first.filter(|name| !name.is_empty()).ok_or_else(|| {
        Failure::new(Kind::Engine, "the builder does not say which platform it is of")
            .detail(end(&output))
            .help("name it: `--platform linux/amd64`")
    })
}

/// `github.com/docker/buildx v0.29.1 abc` and distributions' forms of it.
pub(crate) fn version(text: &str) -> Option<Version> {
    let words = text.split_whitespace().map(|word| word.trim_start_matches('v'));
    let mut numbers = words.filter_map(|word| {
        let plain: String = word.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        Version::parse(&plain).ok()
    });
    numbers.next()
}

fn end(output: &Output) -> String {
    let lines: Vec<&str> = output.stderr.trim().lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_buildx() {
        assert_eq!(version("github.com/docker/buildx 0.29.1+ds1 0.29.1+ds1-4\n"), Some(Version::new(0, 29, 1)));
        assert_eq!(version("github.com/docker/buildx v0.13.0-desktop.1 abcdef\n"), Some(Version::new(0, 13, 0)));
        assert_eq!(version("buildx"), None);
    }
}
