//! The images that the generated files name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An image of somebody else's that a generated file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Pinned {
    /// Its name without a digest, mirrors applied.
    pub name: String,
    /// Whether its digest is `dockerize.lock`'s to say; else the metadata's own name of it has one.
    pub locked: bool,
    /// What it is pinned to; none: whatever the name means when it is built.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<String>,
    /// The platforms that it had when it was pinned.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub platforms: Vec<String>,
    /// Who needs it.
    pub users: Vec<String>,
}
