//! The services that compose runs together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Because;

/// What compose runs: the workspace's programs, and the databases that they speak to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Compose {
    /// The files, one for each profile that the metadata names.
    pub files: Vec<ComposeFile>,
    /// The programs, in the order of the images.
    pub services: Vec<Service>,
    /// What they speak to.
    pub databases: Vec<Database>,
    /// Files, relative to the workspace's root, after whose change an image to work in is built anew.
    pub watch: Vec<String>,
}

/// A compose file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ComposeFile {
    /// Relative to the workspace's root, in which it lies.
    pub path: String,
    /// The image profile.
    pub profile: String,
    /// Whether the programs run from the sources, in the stage `dev`.
    pub from_sources: bool,
}

/// How a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It listens.
    Serves,
    /// It goes on until it is told to stop.
    Works,
    /// People call it, with arguments.
    Tool,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Service {
    /// Its name in compose: the stage's.
    pub name: String,
    /// How it runs.
    pub role: Role,
    /// How that is known.
    pub because: Because,
    /// Ports that are published.
    pub ports: Vec<Published>,
    /// Volumes for the folders that it writes to.
    pub volumes: Vec<Volume>,
    /// Variables that connect it.
    pub environment: Vec<Variable>,
    /// The databases that must be well before it starts.
    pub needs: Vec<String>,
    /// Why an init is process 1, where the image has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub init: Option<Because>,
}

/// A port of a program that the machine has under the same number, or under the next that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Published {
    /// On the machine.
    pub host: u16,
    /// In the container.
    pub container: u16,
}

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Volume {
    /// Its name in the compose file.
    pub name: String,
    /// Where it is mounted.
    pub path: String,
}

/// A variable of a program's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; `{password}` is the database's.
    pub value: String,
    /// The variable that compose takes that password from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
    /// Who reads it.
    pub because: Because,
}

/// A database, a queue: what programs speak to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Database {
    /// Its name in compose, which is its host.
    pub name: String,
    /// As people write it.
    pub title: String,
    /// Its image, mirrors applied.
    pub image: String,
    /// Where it listens, for the other services alone.
    pub port: u16,
    /// Arguments of the image.
    pub command: Vec<String>,
    /// Its environment; `{password}` is its password.
    pub environment: BTreeMap<String, String>,
    /// The variable that compose takes that password from.
    pub password: Option<String>,
    /// Where it keeps its data.
    pub volume: Option<Volume>,
    /// Whether its data is kept under the host's name.
    pub hostname: bool,
    /// What tells that it takes connections, as compose has it.
    pub health: Vec<String>,
    /// Who speaks to it.
    pub because: Vec<Because>,
}
