//! Rows of native.toml, each proved by a workspace of one crate: the packages that it names are enough, and none of them is
//! superfluous.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use super::application::scratch;
use super::call::{self, Output};
use crate::{lab, root};

const TABLE: &str = include_str!("../../../src/detect/native.toml");

#[derive(Deserialize)]
struct Table {
    row: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "crate")]
    krate: String,
    #[serde(default)]
    when: BTreeMap<String, Vec<String>>,
    musl: String,
    #[serde(default)]
    apt: Vec<String>,
    #[serde(default)]
    prove: Vec<String>,
    lab: Option<String>,
}

/// What came of a row.
#[derive(Default, Serialize, Deserialize)]
struct Proof {
    /// Built and run with what the row names.
    enough: bool,
    /// Packages without which it builds and runs as well.
    superfluous: Vec<String>,
    /// Why it is not enough.
    reason: Option<String>,
}

impl Row {
    /// The crate and the features that bring the row about.
    fn features(&self) -> Vec<&String> {
        self.when.get("feature").into_iter().filter_map(|any| any.first()).chain(&self.prove).collect()
    }

    fn name(&self) -> String {
        let features = self.features();
        let list: Vec<&str> = features.iter().map(|feature| feature.as_str()).collect();
        if list.is_empty() { self.krate.clone() } else { format!("{} ({})", self.krate, list.join(", ")) }
    }
}

/// Proves the rows of these crates, or all of them; what earlier runs proved stays.
pub fn run(sh: &Shell, engine: &lab::Engine, crates: &[&str]) -> Result<()> {
    let table: Table = toml::from_str(TABLE).context("native.toml")?;
    let path = root().join("target/corpus/native.json");
    let mut proofs: BTreeMap<String, Proof> = match sh.read_file(&path) {
        Ok(text) => serde_json::from_str(&text).context("native.json is of another version")?,
        Err(_) => BTreeMap::new(),
    };
    // What compiles nothing for the target runs in somebody else's build script: the workspaces of shapes prove that.
    let rows = table.row.iter().filter(|row| row.lab.is_none() && row.musl != "none");
    for row in rows.filter(|row| crates.is_empty() || crates.contains(&row.krate.as_str())) {
        if crates.is_empty() && proofs.get(&row.name()).is_some_and(|proof| proof.enough) {
            continue;
        }
        let proof = prove(sh, engine, row)?;
        let verdict = match (&proof.reason, proof.superfluous.as_slice()) {
            (Some(reason), _) => format!("not enough: {reason}"),
            (None, []) => "enough, and nothing superfluous".to_owned(),
            (None, superfluous) => format!("superfluous: {}", superfluous.join(", ")),
        };
        eprintln!("corpus: {}: {verdict}", row.name());
        proofs.insert(row.name(), proof);
        sh.write_file(&path, serde_json::to_string_pretty(&proofs)?)?;
    }
    let wrong: Vec<&str> = proofs
        .iter()
        .filter(|(_, proof)| !proof.enough || !proof.superfluous.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    println!("{} rows proved, {} wrong", proofs.len(), wrong.len());
    ensure!(wrong.is_empty(), "wrong: {}", wrong.join(", "));
    Ok(())
}

fn prove(sh: &Shell, engine: &lab::Engine, row: &Row) -> Result<Proof> {
    let folder = workspace(sh, row, None)?;
    let output = attempt(sh, engine, &folder)?;
    if !output.good {
        let reason = super::report::Outcome::failed("build", &output).reason;
        return Ok(Proof { reason, ..Proof::default() });
    }
    let mut proof = Proof { enough: true, ..Proof::default() };
    for without in &row.apt {
        let folder = workspace(sh, row, Some(without))?;
        if attempt(sh, engine, &folder)?.good {
            proof.superfluous.push(without.clone());
        }
    }
    Ok(proof)
}

/// A program that links the crate and nothing else; without one of the packages where one is named.
fn workspace(sh: &Shell, row: &Row, without: Option<&String>) -> Result<PathBuf> {
    let folder = scratch().join("native");
    sh.remove_path(&folder)?;
    let features = row.features();
    let mut manifest = format!(
        "[package]\nname = \"proof\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nproved = {{ package = {:?}, version = \"*\", features = {features:?} }}\n",
        row.krate
    );
    if let Some(without) = without {
        let left: Vec<&String> = row.apt.iter().filter(|name| *name != without).collect();
        manifest.push_str(&format!(
            "\n[workspace.metadata.dockerize]\nnative = [{{ crate = {:?}, musl = {:?}, apt = {left:?} }}]\n",
            row.krate, row.musl
        ));
    }
    sh.write_file(folder.join("Cargo.toml"), manifest)?;
    sh.write_file(folder.join("src/main.rs"), "use proved as _;\n\nfn main() {}\n")?;
    Ok(folder)
}

fn attempt(sh: &Shell, engine: &lab::Engine, folder: &PathBuf) -> Result<Output> {
    let tool = root().join("target/release/cargo-dockerize");
    let _dir = sh.push_dir(folder);
    let syntax: &[&str] = if engine.is_lab() { &["--syntax", "none"] } else { &[] };
    let set_up = call::output(cmd!(sh, "{tool} dockerize init --generate-lockfile {syntax...}"))?;
    if !set_up.good {
        return Ok(set_up);
    }
    let built = call::output(cmd!(sh, "{tool} dockerize build --format json"))?;
    if !built.good {
        return Ok(built);
    }
    call::output(cmd!(sh, "docker run --rm --read-only proof"))
}
