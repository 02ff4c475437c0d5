//! What steps must be able to show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Because;

/// Something that the steps which fetch packages must be able to show. It is a mount of theirs and nothing else: if it is
/// not given, they go without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Secret {
    /// BuildKit's name of it.
    pub id: String,
    /// What it is.
    pub kind: SecretKind,
    /// Who needs it.
    pub because: Because,
}

impl Secret {
    /// The variable that it is handed over in; none: it is none that a variable holds.
    pub fn variable(&self) -> Option<String> {
        match &self.kind {
            SecretKind::Ssh | SecretKind::File { .. } => None,
            SecretKind::RegistryToken { variable, .. } => Some(variable.clone()),
            SecretKind::GitCredential { .. } => Some(format!("DOCKERIZE_{}", self.id.to_uppercase().replace('-', "_"))),
        }
    }
}

/// What a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum SecretKind {
    /// The user's ssh agent.
    Ssh,
    /// A file.
    File {
        /// Where the step sees it.
        target: String,
    },
    /// A registry's token.
    RegistryToken {
        /// The variable that cargo reads it from.
        variable: String,
        /// The registry's name.
        registry: String,
    },
    /// A user and a password, as git's helpers print them.
    GitCredential {
        /// The host, with its port if it has one.
        host: String,
    },
}
