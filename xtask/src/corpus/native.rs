//! Rows of native.toml, each proved by a workspace of one crate: the packages that it names are enough, and none of them is
//! superfluous.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use super::application::scratch;
use super::call::{self, Output};
use crate::{lab, root, tool};

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
    env: BTreeMap<String, String>,
    version: Option<String>,
    #[serde(default)]
    prove: Vec<String>,
    #[serde(default, rename = "features")]
    adds: BTreeMap<String, Added>,
    #[serde(default)]
    better: Vec<String>,
    lab: Option<String>,
}

/// What a feature of the crate adds.
#[derive(Deserialize)]
struct Added {
    apt: Vec<String>,
}

/// What came of a row.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Proof {
    /// Built and run with what the row names.
    enough: bool,
    /// Packages without which it builds and runs as well.
    superfluous: Vec<String>,
    /// Why it is not enough.
    reason: Option<String>,
}

impl Row {
    /// The features that bring the row about.
    fn causes(&self) -> Vec<&String> {
        self.when.get("feature").into_iter().filter_map(|any| any.first()).chain(&self.prove).collect()
    }

    /// All that add to it, with those.
    fn all(&self) -> Vec<&String> {
        let features: BTreeSet<&String> = self.causes().into_iter().chain(self.adds.keys()).collect();
        features.into_iter().collect()
    }

    /// One that adds to it, with no more than it takes.
    fn only<'a>(&'a self, feature: &'a String) -> Vec<&'a String> {
        let brings = self.when.get("feature").is_some_and(|any| any.contains(feature));
        let others = if brings { self.prove.iter().collect() } else { self.causes() };
        others.into_iter().chain([feature]).collect()
    }

    /// Its packages, with what these features add.
    fn packages(&self, features: &[&String]) -> Vec<&String> {
        let added =
            self.adds.iter().filter(|(feature, _)| features.contains(feature)).flat_map(|(_, added)| &added.apt);
        self.apt.iter().chain(added).collect()
    }

    /// Each package that must be needed, with the features in whose company it is.
    fn needed(&self) -> Vec<(Vec<&String>, &String)> {
        let own = self.apt.iter().filter(|name| !self.better.contains(name)).map(|name| (self.causes(), name));
        let added =
            self.adds.iter().flat_map(|(feature, added)| added.apt.iter().map(|name| (self.only(feature), name)));
        own.chain(added).collect()
    }

    fn name(&self) -> String {
        let features = self.causes();
        let list: Vec<&str> = features.iter().map(|feature| feature.as_str()).collect();
        if list.is_empty() { self.krate.clone() } else { format!("{} ({})", self.krate, list.join(", ")) }
    }
}

/// Rows at a time: downloads, packages and layers of one are waited for while another compiles.
const AT_A_TIME: usize = 2;

/// Proves the rows of these crates, or all of them; what earlier runs proved stays.
pub fn run(sh: &Shell, engine: &lab::Engine, crates: &[&str]) -> Result<()> {
    let table: Table = toml::from_str(TABLE).context("native.toml")?;
    let path = root().join("target/corpus/native.json");
    let earlier: BTreeMap<String, Proof> = match sh.read_file(&path) {
        Ok(text) => serde_json::from_str(&text).context("native.json is of another version")?,
        Err(_) => BTreeMap::new(),
    };
    let wanted = |row: &&Row| match crates {
        [] => earlier.get(&row.name()).is_none_or(|proof| !proof.enough),
        crates => crates.contains(&row.krate.as_str()),
    };
    // What compiles nothing for the target runs in somebody else's build script: the workspaces of shapes prove that.
    let provable = table.row.iter().filter(|row| row.lab.is_none() && row.musl != "none");
    let rows = Mutex::new(provable.filter(wanted).collect::<Vec<_>>().into_iter());
    let proofs = Mutex::new(earlier.clone());
    thread::scope(|scope| {
        let worker = |number: usize| {
            let (rows, proofs, path) = (&rows, &proofs, &path);
            move || -> Result<()> {
                let place = Place::new(engine, number)?;
                loop {
                    let Some(row) = rows.lock().ok().and_then(|mut rows| rows.next()) else { return Ok(()) };
                    let proof = place.prove(row)?;
                    eprintln!("corpus: {}: {}", row.name(), proof.verdict());
                    let Ok(mut proofs) = proofs.lock() else { return Ok(()) };
                    proofs.insert(row.name(), proof);
                    place.sh.write_file(path, serde_json::to_string_pretty(&*proofs)?)?;
                }
            }
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|number| scope.spawn(worker(number))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
    })?;
    let proofs = proofs.into_inner().unwrap_or_default();
    let wrong = proofs.iter().filter(|(_, proof)| !proof.enough || !proof.superfluous.is_empty());
    let wrong: Vec<&str> = wrong.map(|(name, _)| name.as_str()).collect();
    println!("{} rows proved, {} wrong", proofs.len(), wrong.len());
    ensure!(wrong.is_empty(), "wrong: {}", wrong.join(", "));
    Ok(())
}

impl Proof {
    fn verdict(&self) -> String {
        match (&self.reason, self.superfluous.as_slice()) {
            (Some(reason), _) => format!("not enough: {reason}"),
            (None, []) => "enough, and nothing superfluous".to_owned(),
            (None, superfluous) => format!("superfluous: {}", superfluous.join(", ")),
        }
    }
}

/// Where one row at a time is proved.
struct Place {
    sh: Shell,
    /// The package's name and the image's.
    name: String,
    folder: PathBuf,
    /// Options of `init`.
    syntax: &'static [&'static str],
}

impl Place {
    fn new(engine: &lab::Engine, number: usize) -> Result<Self> {
        let sh = Shell::new()?;
        engine.enter(&sh);
        let name = format!("proof-{number}");
        let folder = scratch().join("native").join(&name);
        Ok(Self { sh, name, folder, syntax: engine.syntax() })
    }

    fn prove(&self, row: &Row) -> Result<Proof> {
        self.workspace(row, &row.all(), None)?;
        let output = self.attempt()?;
        if !output.good {
            let reason = super::report::Outcome::failed("build", &output).reason;
            return Ok(Proof { reason, ..Proof::default() });
        }
        let mut proof = Proof { enough: true, ..Proof::default() };
        for (features, without) in row.needed() {
            self.workspace(row, &features, Some(without))?;
            if self.attempt()?.good {
                proof.superfluous.push(without.clone());
            }
        }
        Ok(proof)
    }

    /// A program that links the crate and nothing else; without one of the packages where one is named.
    fn workspace(&self, row: &Row, features: &[&String], without: Option<&String>) -> Result<()> {
        self.sh.remove_path(&self.folder)?;
        let name = &self.name;
        let version = row.version.as_deref().unwrap_or("*");
        // What a row excludes may be on by default, as may what else adds to it.
        let default = !row.when.contains_key("no-feature") && (without.is_none() || row.adds.is_empty());
        // What is needed is needed without optimisation as well, which takes its time.
        let mut manifest = format!(
            "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [profile.release]\nopt-level = 0\n\n\
             [dependencies]\nproved = {{ package = {:?}, version = {version:?}, features = {features:?}, default-features = {default} }}\n",
            row.krate
        );
        if let Some(without) = without {
            let mut left = row.packages(features);
            left.retain(|name| *name != without);
            manifest.push_str(&format!(
                "\n[workspace.metadata.dockerize]\nnative = [{{ crate = {:?}, musl = {:?}, apt = {left:?}, env = {} }}]\n",
                row.krate,
                row.musl,
                toml::Value::try_from(&row.env)?
            ));
        }
        self.sh.write_file(self.folder.join("Cargo.toml"), manifest)?;
        self.sh.write_file(self.folder.join("src/main.rs"), "use proved as _;\n\nfn main() {}\n")?;
        Ok(())
    }

    fn attempt(&self) -> Result<Output> {
        let tool = tool();
        let (sh, name, syntax) = (&self.sh, &self.name, self.syntax);
        let _dir = sh.push_dir(&self.folder);
        let set_up = call::output(cmd!(sh, "{tool} dockerize init --generate-lockfile {syntax...}"))?;
        if !set_up.good {
            return Ok(set_up);
        }
        let built = call::output(cmd!(sh, "{tool} dockerize build --format json"))?;
        if !built.good {
            return Ok(built);
        }
        call::output(cmd!(sh, "docker run --rm --read-only {name}"))
    }
}
