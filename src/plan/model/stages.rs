//! Stages that no image is made of: `test` and `dev`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Because, CacheMount, Package};

/// A stage that no image is made of. The Dockerfile has it on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptionalStage {
    /// Runs the tests.
    Test,
    /// Runs programs from mounted sources, again after each change.
    Dev,
}

/// Where both of them compile: a build group's environment, with what the other groups need besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Workbench {
    /// The index of the group.
    pub group: usize,
    /// Packages of the builder's distribution that this group lacks: tests are those of all members.
    pub packages: Vec<Package>,
}

/// A program for the build that cargo installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Installed {
    /// The package.
    pub package: String,
    /// Its version: the newest one that this Rust compiles.
    pub version: String,
    /// More arguments for `cargo install`.
    pub cargo_args: Vec<String>,
}

/// What makes each program list the crates that it consists of, for scanners that have the program alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Auditable {
    /// Who writes the list, in a container; a machine that compiles has its own.
    pub tool: Installed,
    /// Who wants it.
    pub because: Because,
}

/// Who runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TestRunner {
    /// `cargo test`.
    Cargo,
    /// `cargo nextest run`, and `cargo test --doc`.
    Nextest,
}

/// The stage that runs the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TestStage {
    /// Who runs them.
    pub runner: TestRunner,
    /// How that is known.
    pub because: Because,
    /// Where it is none of cargo's own.
    pub tool: Option<Installed>,
    /// Whether there are libraries whose documentation is tested, which nextest leaves to cargo.
    pub doc: bool,
    /// Arguments that all of the stage's cargo commands share.
    pub cargo_args: Vec<String>,
    /// Where cargo compiles them.
    pub target_cache: CacheMount,
    /// Where results are that outlive a failure.
    pub results: CacheMount,
}

/// The stage to work in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DevStage {
    /// What watches the sources; none where this Rust compiles none that is known: the program is run once.
    pub watcher: Option<Installed>,
    /// The programs, in the order of the images; the first is run unless `DOCKERIZE_BIN` names another one.
    pub programs: Vec<DevProgram>,
}

/// A program that is run from its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DevProgram {
    /// The binary's name.
    pub name: String,
    /// Arguments of `cargo build`.
    pub cargo_args: Vec<String>,
    /// Arguments of the program, as its image has them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub arguments: Vec<String>,
    /// Where it runs. Not among the sources: what it writes is none of them.
    pub workdir: String,
    /// Its files, as links into the sources.
    pub links: Vec<Link>,
    /// Folders that it writes to.
    pub folders: Vec<String>,
    /// Its image's environment.
    pub env: BTreeMap<String, String>,
}

/// A symbolic link: absolute paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Link {
    /// What it is.
    pub path: String,
    /// Where it leads.
    pub to: String,
}
