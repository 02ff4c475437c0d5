//! What a build did, as the engine told it: the record that the report, the caching tests and `measure` read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The record of one build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuildRecord {
    /// Wall-clock seconds of the whole build.
    pub seconds: f64,
    /// The steps in the order in which the engine first named them.
    pub steps: Vec<Step>,
    /// Bytes of the build context that were sent to the engine.
    pub context_bytes: u64,
    /// The result of each bake target, by its name.
    pub targets: BTreeMap<String, TargetResult>,
}

/// One step (BuildKit's vertex).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// The engine's digest of it, the key under which its events were collected.
    pub digest: String,
    /// As the engine shows it: `[builder 2/3] RUN cargo build …`.
    pub name: String,
    /// The stage, where the name has one: `builder`.
    pub stage: Option<String>,
    /// Seconds that it ran: the union of its intervals.
    pub seconds: f64,
    /// Whether its result came from the cache.
    pub cached: bool,
    /// Crates that cargo compiled in it, as `name version`, in order, each once.
    pub compiled: Vec<String>,
    /// The engine's error, where it failed.
    pub error: Option<String>,
    /// The last lines that it printed (at most 100).
    pub tail: Vec<String>,
}

/// One bake target's result, from `--metadata-file`; every field can be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetResult {
    /// `containerimage.digest`: a manifest's digest, or an index's where attestations are attached.
    pub digest: Option<String>,
    /// `containerimage.config.digest`.
    pub config_digest: Option<String>,
    /// `image.name`.
    pub image: Option<String>,
}

impl BuildRecord {
    /// The steps of one stage.
    pub fn stage<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(move |step| step.stage.as_deref() == Some(stage))
    }
}
