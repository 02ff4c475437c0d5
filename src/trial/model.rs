//! A trial's account: a public, versioned artefact (`cargo dockerize measure --format json`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the account's JSON.
pub const SCHEMA: u32 = 1;

/// All that was built in one run, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// [`SCHEMA`].
    pub schema: u32,
    /// This tool's version.
    pub version: String,
    /// When it began, in UTC: `2026-11-21T10:51:56Z`.
    pub began: String,
    /// What it ran on. Two accounts of other machines cannot be compared by seconds.
    pub machine: Machine,
    /// The workspace's name.
    pub workspace: String,
    /// The image that was built, by its binary's name.
    pub image: String,
    /// The image profile.
    pub profile: String,
    /// Packages in the resolved graph.
    pub packages: usize,
    /// Who was measured, in the order of the columns; the first one is this tool's own Dockerfile.
    pub contenders: Vec<Contender>,
    /// Every build, by scenario in its order, then by contender.
    pub runs: Vec<Run>,
}

/// The machine and the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// Cores that the engine has.
    pub cpus: u64,
    /// Bytes of memory that the engine has.
    pub memory: u64,
    /// Docker's name of its platform: `linux/amd64`.
    pub platform: String,
    /// The engine's version.
    pub engine: String,
    /// buildx's version.
    pub buildx: String,
    /// The toolchain image.
    pub toolchain: String,
}

/// Who builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Contender {
    /// As in the table's head: `this`, `cargo-chef`, `naive`, `docker-init`, `cargo`, or a Dockerfile's path.
    pub name: String,
    /// In a few words: `cargo-chef's README`.
    pub title: String,
    /// Whether it is plain cargo in a container, which makes no image: the floor.
    pub floor: bool,
}

/// What happens before a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// No cache at all; base images are there.
    Cold,
    /// Nothing.
    Unchanged,
    /// A line in the program.
    Leaf,
    /// A line in a member that others use.
    Shared,
    /// A dependency's patch release, in the lock file.
    Bump,
    /// A feature is turned on or off.
    Feature,
    /// A machine that has nothing but the remote cache; the same dependencies.
    Fresh,
    /// The same, with a dependency's patch release that the cache has not seen.
    FreshBump,
}

impl Scenario {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 8] = [
        Self::Cold,
        Self::Unchanged,
        Self::Leaf,
        Self::Shared,
        Self::Bump,
        Self::Feature,
        Self::Fresh,
        Self::FreshBump,
    ];

    /// As on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Unchanged => "unchanged",
            Self::Leaf => "leaf",
            Self::Shared => "shared",
            Self::Bump => "bump",
            Self::Feature => "feature",
            Self::Fresh => "fresh",
            Self::FreshBump => "fresh-bump",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cold => "cold, no cache",
            Self::Unchanged => "nothing changed",
            Self::Leaf => "a line in the program",
            Self::Shared => "a line in a shared member",
            Self::Bump => "a dependency bumped",
            Self::Feature => "a feature switched",
            Self::Fresh => "fresh machine",
            Self::FreshBump => "fresh machine, one bump",
        }
    }
}

/// One build of one contender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// What happened before it.
    pub scenario: Scenario,
    /// What exactly: `bytesize 2.3.0 to 2.3.1`, `src/main.rs`.
    pub change: String,
    /// Whose it is: [`Contender::name`].
    pub contender: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// It succeeded.
    Built(Build),
    /// It failed.
    Failed {
        /// In a line.
        why: String,
    },
    /// It was not tried.
    Skipped {
        /// In a line.
        why: String,
    },
}

/// The account of one build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Build {
    /// Wall-clock seconds of the whole command.
    pub seconds: f64,
    /// Seconds by stage, in their order: the sum of its steps. Steps run side by side, so they may exceed the whole.
    pub stages: Vec<Stage>,
    /// Crates that were compiled: `name version`, with ` *` behind where they are the workspace's own.
    pub compiled: Vec<String>,
    /// Bytes of context that were sent.
    pub context: u64,
    /// Bytes of the image as it is pushed: its layers, compressed. None for the floor.
    pub size: Option<u64>,
    /// Its layers, from below.
    pub layers: Vec<Layer>,
    /// Bytes that are kept for the next build: cargo's target folder in a cache mount.
    pub kept: u64,
    /// What else is worth a remark, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

/// A stage's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Stage {
    /// Its name: `builder`; `engine` is what belongs to none: the context, exports.
    pub name: String,
    /// Seconds.
    pub seconds: f64,
}

/// A layer of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Layer {
    /// What it holds: `program`, `base`, or its largest file.
    pub name: String,
    /// Bytes, compressed.
    pub compressed: u64,
}

impl Trial {
    /// One contender's build of one scenario, where it was built.
    pub fn build(&self, scenario: Scenario, contender: &str) -> Option<&Build> {
        let run = self.runs.iter().find(|run| run.scenario == scenario && run.contender == contender)?;
        match &run.outcome {
            Outcome::Built(build) => Some(build),
            _ => None,
        }
    }

    /// The scenarios that ran, in their order.
    pub fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios: Vec<Scenario> = self.runs.iter().map(|run| run.scenario).collect();
        scenarios.sort();
        scenarios.dedup();
        scenarios
    }
}
