//! Asks cargo for the workspace, and turns cargo's refusals into ours.

use std::collections::BTreeMap;

use camino::Utf8Path;
use guppy::graph::PackageGraph;

use super::{Query, submodules};
use crate::exec::Command;
use crate::failure::{Failure, Kind, NO_WORKSPACE, Result};
use crate::platforms;

/// What cargo says where there is no lock file.
const NO_LOCK_FILE: &str = "cannot create the lock file";

/// What cargo says where a program that it starts is not there.
const NO_WRAPPER: &str = "could not execute process";

/// What cargo says, the message that we give for it, and what helps.
const REFUSALS: &[(&str, &str, &str)] = &[
    (
        "could not find `Cargo.toml`",
        NO_WORKSPACE,
        "run it in a Cargo workspace, or name one with `--manifest-path PATH`",
    ),
    ("does not exist", "there is no manifest at that path", "`--manifest-path` takes the path of a Cargo.toml"),
    (
        NO_LOCK_FILE,
        "the workspace has no Cargo.lock",
        "run `cargo generate-lockfile`, or this with `--generate-lockfile`, and commit the file: an image is only as \
         reproducible as its lock file",
    ),
    (
        "cannot update the lock file",
        "Cargo.lock is out of date: a manifest asks for something that it does not have",
        "run `cargo update --workspace`, and commit the result",
    ),
    (
        "needs to be updated but --locked was passed",
        "Cargo.lock is out of date: a manifest asks for something that it does not have",
        "run `cargo update --workspace`, and commit the result",
    ),
    (
        "is not installed",
        "the toolchain that the toolchain file names is not on this machine",
        "run `rustup toolchain install` in the workspace: cargo reads the workspace with it",
    ),
    (
        "attempting to make an HTTP request, but --offline was specified",
        "the sources of a dependency are not on this machine",
        "run `cargo fetch --locked` once while you are online, or leave out `--offline`",
    ),
];

pub(super) fn read(query: &Query) -> Result<PackageGraph> {
    let mut command = command(query);
    let mut output = command.output()?;
    if !output.status.success() && output.stderr.contains(NO_WRAPPER) {
        command = without_wrapper(command);
        output = command.output()?;
    }
    if query.generate_lockfile && !output.status.success() && output.stderr.contains(NO_LOCK_FILE) {
        generate_lockfile(query)?;
        output = command.output()?;
    }
    if !output.status.success() {
        return Err(refusal(&output.stderr, query));
    }
    PackageGraph::from_json(&output.stdout).map_err(|error| {
        Failure::new(Kind::Workspace, "cargo's metadata could not be read")
            .caused_by(error)
            .detail(command.shell_line())
            .help("cargo-dockerize needs cargo 1.91 or newer; `cargo --version` tells yours")
    })
}

/// Cargo writes it, as it does in every build of the user's.
fn generate_lockfile(query: &Query) -> Result<()> {
    let mut command = Command::cargo("make the lock file").args(["generate-lockfile", "--color", "never"]);
    if let Some(path) = &query.manifest_path {
        command = command.arg("--manifest-path").arg(path.as_str());
    }
    if query.offline {
        command = command.arg("--offline");
    }
    let output = command.output()?;
    if output.status.success() { Ok(()) } else { Err(refusal(&output.stderr, query)) }
}

fn command(query: &Query) -> Command {
    let mut command = Command::cargo("read the workspace").args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--color",
        "never",
    ]);
    // Targets that every image can be built for: the graph is resolved for all of them at once, and for no other, so that
    // crates for other systems need not be downloaded.
    for triples in platforms::all().unwrap_or_default().iter().filter(|one| one.always).map(|one| &one.rust) {
        command = command.args(["--filter-platform", &triples.musl, "--filter-platform", &triples.gnu]);
    }
    if let Some(path) = &query.manifest_path {
        command = command.arg("--manifest-path").arg(path.as_str());
    }
    if query.offline {
        command = command.arg("--offline");
    }
    command.args(query.features.flags())
}

/// Nothing is compiled, so a compiler's wrapper need not be on this machine. Not from the first: cargo forgets what it knows of the
/// compiler where its wrapper changes, and asks it five times.
fn without_wrapper(command: Command) -> Command {
    command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "")
}

fn refusal(stderr: &str, query: &Query) -> Failure {
    let said = stderr.trim();
    if let Some(failure) = submodule(said) {
        return failure;
    }
    for (sign, message, help) in REFUSALS {
        if said.contains(sign) {
            let message = match &query.manifest_path {
                Some(path) if *sign == "does not exist" => format!("there is no manifest at `{path}`"),
                _ => (*message).to_owned(),
            };
            return Failure::new(Kind::Workspace, message).help(*help);
        }
    }
    Failure::new(Kind::Workspace, "cargo cannot read this workspace")
        .detail(said)
        .help("mend what cargo says above; `cargo metadata --locked` shows it again")
}

/// Words of cargo's before the path of a manifest that it cannot read.
const UNREAD: [&str; 3] = ["failed to read `", "failed to load manifest for workspace member `", "unable to update "];

/// A member or a path dependency in a submodule that was not fetched.
fn submodule(said: &str) -> Option<Failure> {
    let missing = said.lines().filter_map(|line| {
        let (_, rest) = UNREAD.iter().find_map(|words| line.split_once(*words))?;
        let path = rest.split('`').next()?.trim();
        Some(Utf8Path::new(path)).filter(|path| path.is_absolute())
    });
    let (path, submodule) = missing.map(|path| (path, submodules::that_lacks(path))).find(|(_, one)| one.is_some())?;
    Some(
        Failure::new(Kind::Workspace, format!("the submodule `{}` is empty, and the workspace needs it", submodule?))
            .detail(format!("cargo cannot read {path}"))
            .help(submodules::FETCH),
    )
}

/// Packages that an alias runs (`xtask = "run --package xtask --"`), with the alias's name.
pub(super) fn alias_packages(root: &Utf8Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in [".cargo/config.toml", ".cargo/config"] {
        let Ok(text) = fs_err::read_to_string(root.join(name)) else { continue };
        // A file that does not parse has been refused by cargo already.
        let Ok(table) = text.parse::<toml::Table>() else { continue };
        let Some(aliases) = table.get("alias").and_then(toml::Value::as_table) else { continue };
        for (alias, value) in aliases {
            let words: Vec<String> = match value {
                toml::Value::String(line) => line.split_whitespace().map(str::to_owned).collect(),
                toml::Value::Array(words) => words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect(),
                _ => continue,
            };
            if !matches!(words.first().map(String::as_str), Some("run" | "r")) {
                continue;
            }
            let package = words.iter().enumerate().find_map(|(i, word)| match word.as_str() {
                "-p" | "--package" | "--bin" => words.get(i + 1).cloned(),
                other => other.strip_prefix("--package=").or_else(|| other.strip_prefix("-p=")).map(str::to_owned),
            });
            if let Some(package) = package {
                found.insert(package, alias.clone());
            }
        }
    }
    found
}

pub(super) fn unreadable(error: std::io::Error) -> Failure {
    Failure::new(Kind::Workspace, "a file of the workspace cannot be read").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_refusals_are_known() {
        let said = |text: &str| refusal(text, &Query::default()).to_string();
        assert_eq!(
            said("error: cannot create the lock file /w/Cargo.lock because --locked was passed to prevent this"),
            "the workspace has no Cargo.lock"
        );
        assert_eq!(said("error: something new"), "cargo cannot read this workspace");
    }
}
