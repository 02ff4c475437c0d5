//! What a forge's continuous integration does with the workspace.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Because;

/// Who runs workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Forge {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Forgejo Actions.
    Forgejo,
}

impl Forge {
    /// As in the metadata table and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
        }
    }
}

/// What all workflows of a workspace have in common, and each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Ci {
    /// One for each forge that the metadata's `ci` names.
    pub workflows: Vec<Workflow>,
    /// The workspace's root, relative to the repository's top: `.` where they are the same.
    pub folder: String,
    /// The branches whose builds write caches, and against which a change is measured.
    pub branches: Vec<String>,
    /// Why those.
    pub because: Because,
    /// How a runner gets this tool.
    pub tool: Tool,
    /// What to set on the forge, for the secrets that a build shows.
    pub secrets: Vec<CiSecret>,
}

/// How a runner gets this tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum Tool {
    /// From cargo's registry.
    Registry {
        /// Its version.
        version: String,
    },
    /// From the workspace, which is its own.
    Checkout {
        /// The package's folder, relative to the workspace's root.
        path: String,
    },
}

/// The workflow of one forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Workflow {
    /// Whose.
    pub forge: Forge,
    /// Its file, relative to the workspace's root.
    pub file: String,
    /// As `--cache` takes it; none: the metadata says it, for all builds.
    pub cache: Option<String>,
    /// Whether that cache is the forge's own for its workflows, for which steps need its token.
    pub cache_of_forge: bool,
    /// The registry that it is in, where the metadata names one.
    pub cache_registry: Option<String>,
    /// Why this one.
    pub because: Because,
    /// One for each platform of a release, on a runner of its own.
    pub runners: Vec<Runner>,
    /// The images that its jobs run in, by what they have; empty where runners have them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub images: BTreeMap<String, String>,
}

/// A machine of the forge's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Runner {
    /// As Docker names its processor.
    pub arch: String,
    /// As the forge names it.
    pub runner: String,
}

/// A secret that is to be set on the forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum CiSecret {
    /// A registry's token, which cargo reads from this variable.
    RegistryToken {
        /// Its name, on the forge and in the environment.
        variable: String,
        /// Who needs it.
        because: Because,
    },
    /// The key of an ssh agent.
    SshKey {
        /// Its name on the forge.
        variable: String,
        /// Who needs it.
        because: Because,
    },
    /// A password for git.
    GitCredential {
        /// Its name on the forge.
        variable: String,
        /// The host, with its port if it has one.
        host: String,
        /// Who needs it.
        because: Because,
    },
}
