//! How this machine's own cargo compiles.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Because;

/// How this machine's own cargo compiles a group for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Compile {
    /// As Docker names it: `linux/amd64`.
    pub platform: String,
    /// Rust's target.
    pub triple: String,
    /// What is run.
    pub tool: CompileTool,
    /// Its environment, the group's own included.
    pub env: BTreeMap<String, String>,
    /// Flags of rustc's, in addition to the user's own. cargo takes flags from one source only, so whoever runs it joins them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rustflags: Vec<String>,
    /// Libraries that glibc opens by name, so that no program's closure has them: they go into the image if they are there.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub opened: Vec<String>,
    /// Why so.
    pub because: Vec<Because>,
}

/// What compiles on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CompileTool {
    /// `cargo build`.
    Cargo,
    /// `cargo zigbuild`: zig as the C compiler and the linker.
    CargoZigbuild,
}

impl CompileTool {
    /// The words before cargo's own arguments.
    pub fn command(self) -> [&'static str; 2] {
        match self {
            Self::Cargo => ["cargo", "build"],
            Self::CargoZigbuild => ["cargo", "zigbuild"],
        }
    }
}
