//! Programs that cargo installs for the build: `tools.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::model::{Auditable, Because, Installed, Toolchain};
use super::{HostFlags, toolchain};
use crate::config::Settings;
use crate::failure::{Failure, Kind, Result};

const AUDITABLE: &str = "cargo-auditable";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    args: Vec<String>,
    /// The minor version of the oldest Rust, and the tool's version.
    versions: Vec<(u64, String)>,
}

/// The newest version of a tool that this channel compiles; channels that are no release are newer than all of them.
pub(super) fn tool(package: &str, channel: &str) -> Result<Option<Installed>> {
    let minor = toolchain::minor(channel);
    Ok(rows()?.get(package).and_then(|row| {
        let (_, version) = row.versions.iter().find(|(oldest, _)| minor.is_none_or(|minor| minor >= *oldest))?;
        Some(Installed { package: package.to_owned(), version: version.clone(), cargo_args: row.args.clone() })
    }))
}

/// What makes programs list their crates, where that is asked for.
///
/// # Errors
/// [`Kind::Workspace`]: no version of it is known that this Rust compiles; [`Kind::Engine`]: this machine is to compile, and has
/// none. Asked for, it is not left out silently.
pub(super) fn auditable(
    settings: &Settings,
    toolchain: &Toolchain,
    host: Option<&HostFlags>,
) -> Result<Option<Auditable>> {
    if !settings.workspace.auditable {
        return Ok(None);
    }
    if host.is_some_and(|flags| !flags.host.auditable) {
        return Err(Failure::new(
            Kind::Engine,
            "this machine has no cargo-auditable, and `auditable` in the metadata asks for its list of crates",
        )
        .help("`cargo install --locked cargo-auditable`; or `--engine buildx` compiles in a container that has it"));
    }
    let Some(tool) = tool(AUDITABLE, &toolchain.channel)? else {
        return Err(Failure::new(
            Kind::Workspace,
            format!("no cargo-auditable is known that Rust {} compiles", toolchain.channel),
        )
        .help("take `auditable` out of the metadata, or name a newer toolchain"));
    };
    Ok(Some(Auditable { tool, because: Because::new("metadata", "`auditable` in the metadata says so") }))
}

fn rows() -> Result<BTreeMap<String, Row>> {
    toml::from_str(include_str!("tools.toml"))
        .map_err(|error| Failure::new(Kind::Internal, "the table of tools cannot be used").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_as_new_as_the_rust_that_compiles_it() {
        let version = |channel: &str| tool("cargo-nextest", channel).unwrap().map(|tool| tool.version);
        assert_eq!(version("stable"), version("1.95"));
        assert_eq!(version("nightly-2026-01-01"), version("stable"));
        assert_eq!(version("1.90.1").as_deref(), Some("0.9.128"));
        assert_eq!(version("1.40"), None);
        assert_eq!(tool("unheard-of", "stable").unwrap(), None);
    }

    #[test]
    fn versions_fall_with_the_rust_that_they_need() {
        let rows = rows().unwrap();
        for (name, row) in &rows {
            assert!(row.versions.is_sorted_by(|newer, older| newer.0 > older.0), "{name}");
        }
        assert!(rows.contains_key(AUDITABLE));
    }
}
