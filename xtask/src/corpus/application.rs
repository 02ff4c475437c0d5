//! The list of applications, and their sources as cargo has them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Shell, cmd};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    application: Vec<Application>,
}

/// A row of `applications.toml`, which says what the fields mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    pub package: String,
    binary: Option<String>,
    #[serde(default)]
    pub quick: bool,
    #[serde(default)]
    pub peers: bool,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    pub says: String,
    #[serde(default)]
    pub status: i32,
    pub get: Option<String>,
}

impl Application {
    pub fn binary(&self) -> &str {
        self.binary.as_deref().unwrap_or(&self.package)
    }
}

pub fn list() -> Result<Vec<Application>> {
    let list: List = toml::from_str(include_str!("applications.toml")).context("applications.toml")?;
    Ok(list.application)
}

/// Outside of this repository: cargo takes what lies in a workspace for a part of it.
pub fn scratch() -> PathBuf {
    std::env::temp_dir().join("cargo-dockerize-corpus")
}

/// Where a package's sources are.
pub fn sources(package: &str) -> PathBuf {
    scratch().join("src").join(package)
}

/// Takes the newest version through cargo; its folder as it is published, and the version.
pub fn take(sh: &Shell, package: &str) -> Result<(PathBuf, String)> {
    let (probe, folder) = (scratch().join("probe").join(package), sources(package));
    let manifest = format!(
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{package} = \"*\"\n"
    );
    sh.write_file(probe.join("Cargo.toml"), manifest)?;
    sh.write_file(probe.join("src/lib.rs"), "")?;
    let _dir = sh.push_dir(&probe);
    cmd!(sh, "cargo fetch --quiet").run()?;
    // A package without a library is in the lock file and not in cargo's metadata, so its folder is looked for.
    let lock: toml::Table = sh.read_file("Cargo.lock")?.parse()?;
    let packages = lock["package"].as_array().into_iter().flatten();
    let own = packages.clone().find(|one| one.get("name").and_then(toml::Value::as_str) == Some(package));
    let version = own.and_then(|own| own.get("version")?.as_str()).context("cargo has not resolved the package")?;
    let home = match sh.var("CARGO_HOME") {
        Ok(home) => PathBuf::from(home),
        Err(_) => Path::new(&sh.var("HOME")?).join(".cargo"),
    };
    let registries = sh.read_dir(home.join("registry/src"))?;
    let unpacked = registries.iter().map(|registry| registry.join(format!("{package}-{version}")));
    let unpacked = unpacked.into_iter().find(|folder| folder.is_dir()).context("cargo has not unpacked the package")?;
    sh.remove_path(&folder)?;
    sh.create_dir(scratch().join("src"))?;
    cmd!(sh, "cp --recursive {unpacked} {folder}").quiet().run()?;
    Ok((folder, version.to_owned()))
}

/// The versions of Rust that a plan's toolchain image names.
pub fn versions(plan: &serde_json::Value) -> Vec<&str> {
    let channel = plan["toolchain"]["channel"].as_str().unwrap_or("stable");
    if channel.starts_with(|c: char| c.is_ascii_digit()) { vec![channel] } else { vec![] }
}
