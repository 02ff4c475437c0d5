//! A builder as buildx describes it: `docker buildx ls --format json`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::nearest;
use crate::engine::Engine;
use crate::exec::{self, Command};
use crate::failure::{Failure, Kind, Result};

/// A builder.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Builder {
    /// Its name.
    pub name: String,
    /// docker, docker-container, remote, kubernetes, or nothing where the engine does not answer.
    pub driver: String,
    /// Whether buildx takes it where none is named.
    #[serde(default)]
    pub current: bool,
    /// Its nodes.
    #[serde(default)]
    pub nodes: Vec<BuilderNode>,
    /// What went wrong, should nothing be known of it.
    #[serde(default)]
    pub err: String,
}

/// A node of a builder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct BuilderNode {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it is.
    #[serde(default)]
    pub endpoint: String,
    /// running, inactive, stopped, error.
    #[serde(default)]
    pub status: String,
    /// BuildKit's version, where it runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub err: String,
    /// What it builds for; of a node that does not run only what somebody said.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// The options that it was made with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<String, String>,
    /// How many pods it has; buildx lists a node once for each.
    #[serde(default = "one", skip_deserializing)]
    pub pods: usize,
    /// What BuildKit says of its worker.
    #[serde(default, skip_serializing)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default, rename(deserialize = "GCPolicy"), skip_serializing)]
    pub(super) policy: Vec<Policy>,
}

fn one() -> usize {
    1
}

/// A rule by which BuildKit throws cache away.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy {
    #[serde(default)]
    filter: Option<Vec<String>>,
    #[serde(default)]
    keep_duration: u64,
    #[serde(default)]
    max_used_space: u64,
    #[serde(default)]
    reserved_space: u64,
    /// Before BuildKit 0.17.
    #[serde(default)]
    keep_bytes: u64,
}

impl Policy {
    /// Hours and bytes, where the rule singles cache mounts out: they are gone after so long, down to so much.
    pub(super) fn limits_mounts(&self) -> Option<(u64, u64)> {
        let names = self.filter.iter().flatten().any(|filter| filter.contains("exec.cachemount"));
        let bytes = self.max_used_space.max(self.reserved_space).max(self.keep_bytes);
        names.then_some((self.keep_duration / 3_600_000_000_000, bytes))
    }
}

impl Builder {
    /// Each node once.
    pub(super) fn gathered(mut self) -> Self {
        let mut nodes: Vec<BuilderNode> = Vec::new();
        for node in self.nodes.drain(..).filter(|node| !node.name.is_empty()) {
            match nodes.iter_mut().find(|known| known.name == node.name) {
                Some(known) => known.pods += 1,
                None => nodes.push(node),
            }
        }
        self.nodes = nodes;
        self
    }
}

/// The builder of this name; without one the current one, as buildx chooses it.
///
/// # Errors
/// [`Kind::Usage`]: there is none of this name. [`Kind::Engine`]: buildx does not say.
pub fn find(engine: &Engine, name: Option<&str>) -> Result<Builder> {
    let builders = all(engine, Some(exec::patience()))?;
    let names: Vec<String> = builders.iter().map(|builder| builder.name.clone()).collect();
    let wanted = |builder: &Builder| name.map_or(builder.current, |name| builder.name == name);
    builders.into_iter().find(wanted).ok_or_else(|| match name {
        None => Failure::new(Kind::Engine, "no builder is chosen").help("choose one: `docker buildx use NAME`"),
        Some(name) => {
            let failure = Failure::new(Kind::Usage, format!("there is no builder `{name}`"));
            let all = names.join(", ");
            match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => failure.help(format!("did you mean `{near}`? There is {all}")),
                None => failure.help(format!("there is {all}; `cargo dockerize builder create {name}` makes it")),
            }
        }
    })
}

/// All builders. An answer is waited for no longer than this.
///
/// # Errors
/// [`Kind::Engine`]: buildx does not say.
pub fn all(engine: &Engine, limit: Option<Duration>) -> Result<Vec<Builder>> {
    let command =
        Command::new(&engine.docker, "see which builders are there").args(["buildx", "ls", "--format", "json"]);
    let command = command.within(limit);
    let output = command.output()?;
    if !output.status.success() {
        return Err(Failure::new(Kind::Engine, "buildx does not say which builders there are")
            .detail(output.stderr)
            .detail(command.shell_line()));
    }
    let mut builders = Vec::new();
    for line in output.stdout.lines().filter(|line| line.starts_with('{')) {
        builders.push(serde_json::from_str::<Builder>(line).map_err(|error| {
            Failure::new(Kind::Engine, "what buildx says of its builders cannot be read").detail(line).caused_by(error)
        })?);
    }
    Ok(builders)
}
