//! What files of the repository say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a file of the repository says, and that the plan goes by: the metadata says nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Taken {
    /// The file, relative to the workspace's root, and the line: `Dockerfile:12`.
    pub place: String,
    /// The package that it is about; none: the whole workspace.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub package: Option<String>,
    /// The key of the metadata table that says the same.
    pub key: String,
    /// The value in a few words.
    pub value: String,
}

/// Something that a file of the repository says, and that the plan does not go by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct NotTaken {
    /// The file, relative to the workspace's root, and the line: `Dockerfile:12`.
    pub place: String,
    /// What stands there, in a few words.
    pub what: String,
    /// Why it is not taken.
    pub why: String,
}
