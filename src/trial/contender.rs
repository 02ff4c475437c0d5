//! Who builds: this tool as its users run it, other people's Dockerfiles, and cargo alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::floor;
use super::model::{Build, Contender, Layer, Outcome, Stage};
use super::tree::Tree;
use crate::cache::Cache;
use crate::engine::record::BuildRecord;
use crate::engine::{self, Engine, Reporter, Request, Style, Target};
use crate::exec::Command;
use crate::explain::Places;
use crate::failure::{Failure, Kind, Result};
use crate::image::{FileKind, Layout};
use crate::measure::Report;
use crate::plan::Plan;
use crate::plan::model::{Image, Profile};
use crate::render::{PEERS, Peer};
use crate::workspace::{Features, Workspace};

/// What all builds of a run have in common.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// The builder, where it is not the current one.
    pub builder: Option<&'a str>,
    /// The network of the builds' steps.
    pub network: Option<&'a str>,
    /// The workspace.
    pub workspace: &'a Workspace,
    /// The plan.
    pub plan: &'a Plan,
    /// The image.
    pub image: &'a Image,
    /// The image profile.
    pub profile: &'a Profile,
    /// The features that are on.
    pub features: &'a Features,
    /// Whether the command line said so, and not the metadata.
    pub features_said: bool,
    /// This program.
    pub program: PathBuf,
    /// What sets this run apart from all others: in names of ours.
    pub run: String,
    /// A folder of ours.
    pub scratch: Utf8PathBuf,
    /// The remote cache.
    pub cache: Cache,
}

impl Setup<'_> {
    /// The features that are on, and one more.
    fn features_with(&self, feature: Option<&str>) -> Features {
        let mut features = self.features.clone();
        features.names.extend(feature.map(|feature| format!("{}/{feature}", self.image.package)));
        features
    }
}

/// How a build uses the remote cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remote {
    No,
    Read,
    Write,
}

/// One build.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub no_cache: bool,
    pub remote: Remote,
    pub feature: Option<&'a str>,
}

/// Somebody who takes part, with a tree of their own.
#[derive(Debug)]
pub struct Entrant {
    /// Who.
    pub contender: Contender,
    /// Their tree.
    pub tree: Tree,
    kind: Enters,
}

#[derive(Debug)]
enum Enters {
    This,
    Peer(Peer),
    File(Utf8PathBuf),
    Cargo,
}

/// Enters this tool and those that are named: a peer's shape, `cargo` alone, or the path of a Dockerfile.
///
/// # Errors
/// [`Kind::Usage`]: there is neither such a shape nor such a file. A tree cannot be copied.
pub fn enter(setup: &Setup<'_>, against: &[String]) -> Result<Vec<Entrant>> {
    let mut kinds = vec![("this".to_owned(), "cargo dockerize".to_owned(), Enters::This)];
    for name in against {
        let known = PEERS.iter().find(|peer| peer.name == name);
        kinds.push(match known {
            Some(peer) => (name.clone(), peer.title.to_owned(), Enters::Peer(*peer)),
            None if name == "cargo" => (name.clone(), "cargo alone in a container".to_owned(), Enters::Cargo),
            None => {
                let path = Utf8Path::new(name).canonicalize_utf8().map_err(|error| unknown(name).caused_by(error))?;
                (name.clone(), format!("the Dockerfile {name}"), Enters::File(path))
            }
        });
    }
    let workspace = setup.workspace;
    let context = workspace.root.join(&setup.plan.context.path);
    let context = context.canonicalize_utf8().unwrap_or(context);
    let git = context.join(".git");
    let mut without = vec![workspace.target_dir.as_path()];
    if setup.plan.git.folder.is_none() {
        without.push(&git);
    }
    let enter = |(number, (name, title, kind)): (usize, (String, String, Enters))| {
        let tree = Tree::copy(&context, &workspace.root, &without, &setup.scratch.join(number.to_string()))?;
        let floor = matches!(kind, Enters::Cargo);
        Ok(Entrant { contender: Contender { name, title, floor }, tree, kind })
    };
    kinds.into_iter().enumerate().map(enter).collect()
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
    Failure::new(Kind::Usage, format!("`{name}` is neither a known shape nor a Dockerfile"))
        .help(format!("there is {}, cargo, or a Dockerfile's path", names.join(", ")))
}

impl Entrant {
    /// Builds, and says what came of it. That it failed is a result; that the user interrupted is not.
    pub(super) fn build(&self, setup: &Setup<'_>, ask: Ask<'_>) -> Result<Outcome> {
        let outcome = match &self.kind {
            Enters::This => self.this(setup, ask),
            Enters::Peer(peer) => {
                let features = setup.features_with(ask.feature);
                let text = peer.dockerfile(setup.plan, setup.image, setup.profile, &features)?;
                self.dockerfile(setup, &text, ask)
            }
            Enters::File(_) if ask.feature.is_some() => {
                return Ok(Outcome::Skipped { why: "a Dockerfile as it is has its features".to_owned() });
            }
            Enters::File(path) => {
                let text = fs_err::read_to_string(path).map_err(|error| unknown(path.as_str()).caused_by(error))?;
                self.dockerfile(setup, &text, ask)
            }
            Enters::Cargo if ask.remote != Remote::No => {
                return Ok(Outcome::Skipped { why: "cargo has no remote cache".to_owned() });
            }
            Enters::Cargo => floor::build(setup, &self.tree, ask),
        };
        match outcome {
            Ok(build) => Ok(Outcome::Built(build)),
            Err(failure) if failure.kind() == Kind::Interrupted => Err(failure),
            Err(failure) => Ok(Outcome::Failed { why: failure.to_string() }),
        }
    }

    /// As its users run it, in a process of its own.
    fn this(&self, setup: &Setup<'_>, ask: Ask<'_>) -> Result<Build> {
        let manifest = self.tree.root.join("Cargo.toml");
        let mut command = Command::new(&setup.program, "build the image")
            .args([
                "dockerize",
                "build",
                "--quiet",
                "--format",
                "json",
                "--output",
                "type=cacheonly",
                "--manifest-path",
            ])
            .args([manifest.as_str(), "--bin", &setup.image.name, "--profile", &setup.profile.name, "--build-arg"])
            .arg(format!("{NAMESPACE}={}", self.namespace(setup)))
            .env("CARGO_TARGET_DIR", self.tree.root.join("target"));
        for (flag, value) in [("--builder", setup.builder), ("--network", setup.network)] {
            if let Some(value) = value {
                command = command.args([flag, value]);
            }
        }
        if ask.no_cache {
            command = command.arg("--no-cache");
        }
        if ask.remote != Remote::No {
            command = command.args(["--cache".to_owned(), setup.cache.to_string()]);
        }
        if ask.remote == Remote::Write {
            command = command.arg("--cache-write");
        }
        // What the metadata says it reads by itself; told so, it would not build from the tree's own files.
        if setup.features_said || ask.feature.is_some() {
            command = command.args(setup.features_with(ask.feature).flags());
        }
        let start = Instant::now();
        let output = command.output()?;
        let seconds = start.elapsed().as_secs_f64();
        if !output.status.success() {
            return Err(Failure::new(Kind::Build, last_words(&output.stderr)));
        }
        let report: Report = serde_json::from_str(&output.stdout)
            .map_err(|error| Failure::new(Kind::Internal, "the report cannot be read").caused_by(error))?;
        let mut build = Build { seconds, ..account(&report.build) };
        if let Some(image) = report.images.first() {
            let size = &image.size;
            build.size = Some(size.compressed + size.metadata);
            let layers =
                size.layers.iter().map(|layer| Layer { name: layer.name.clone(), compressed: layer.compressed });
            build.layers = layers.collect();
        }
        Ok(build)
    }

    /// Somebody else's Dockerfile, on the same tree.
    fn dockerfile(&self, setup: &Setup<'_>, text: &str, ask: Ask<'_>) -> Result<Build> {
        let scratch = setup.scratch.join(format!("{}.build", self.tree.context.file_name().unwrap_or_default()));
        let unwritable = |error: std::io::Error| {
            Failure::new(Kind::Emit, "the folder for builds cannot be written").caused_by(error)
        };
        fs_err::create_dir_all(&scratch).map_err(unwritable)?;
        let (dockerfile, file) = (scratch.join("Dockerfile"), scratch.join("base.json"));
        fs_err::write(&dockerfile, text).map_err(unwritable)?;
        fs_err::write(&file, r#"{"target": {"image": {"context": "."}}}"#).map_err(unwritable)?;
        let name = self.tree.context.file_name().unwrap_or_default();
        let cached = |remote| ask.remote == remote;
        let target = Target {
            dockerfile: Some(dockerfile.to_string()),
            args: BTreeMap::from([(NAMESPACE.to_owned(), self.namespace(setup))]),
            output: vec![format!("type=oci,tar=false,dest={}", Request::layout(&scratch, "image"))],
            network: setup.network.map(str::to_owned),
            no_cache: ask.no_cache,
            cache_from: if cached(Remote::No) {
                Vec::new()
            } else {
                setup.cache.from(&format!("{}-{name}", setup.run), &[])
            },
            cache_to: setup
                .cache
                .to(&format!("{}-{name}", setup.run))
                .filter(|_| cached(Remote::Write))
                .into_iter()
                .collect(),
            ..Target::default()
        };
        let request = Request {
            root: self.tree.context.clone(),
            file,
            targets: BTreeMap::from([("image".to_owned(), target)]),
            reads: vec![scratch.clone()],
            writes: setup.cache.folder().map(Utf8Path::to_owned).into_iter().collect(),
            builder: setup.builder.map(str::to_owned),
            secret_env: Vec::new(),
            places: Places::default(),
            scratch: scratch.clone(),
        };
        let mut reporter = Reporter::new(Style::Quiet, BTreeMap::new());
        let mut build = account(&engine::build(setup.engine, &request, &mut reporter)?);
        if let Some(image) = Layout::new(Request::layout(&scratch, "image")).images()?.first() {
            build.size = Some(image.layers.iter().map(|layer| layer.compressed).sum::<u64>() + image.metadata_bytes);
            build.layers = image.layers.iter().map(layer).collect();
        }
        drop(fs_err::remove_dir_all(scratch.join("images")));
        Ok(build)
    }

    /// What sets its cache mounts apart from everybody's.
    fn namespace(&self, setup: &Setup<'_>) -> String {
        format!("{}-{}", setup.run, self.tree.context.file_name().unwrap_or_default())
    }
}

/// BuildKit's build argument that sets cache mounts apart.
const NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// The engine's record as a trial keeps it.
fn account(record: &BuildRecord) -> Build {
    let mut stages: Vec<Stage> = Vec::new();
    let mut compiled = Vec::new();
    let mut seen = BTreeSet::new();
    for step in &record.steps {
        let name = step.stage.as_deref().filter(|stage| *stage != "internal").unwrap_or("engine");
        match stages.iter_mut().find(|stage| stage.name == name) {
            Some(stage) => stage.seconds += step.seconds,
            None => stages.push(Stage { name: name.to_owned(), seconds: step.seconds }),
        }
        // cargo-chef's placeholders stand in for the workspace's own crates, and are none.
        let cook = step.name.contains("cargo chef cook");
        let crates = step.compiled.iter().filter(|krate| !(cook && krate.ends_with(" 0.0.1 *")));
        compiled.extend(crates.filter(|krate| seen.insert((*krate).clone())).cloned());
    }
    Build {
        seconds: record.seconds,
        stages,
        compiled,
        context: record.context_bytes,
        kept: record.target().kept,
        ..Build::default()
    }
}

/// A layer by its largest file.
fn layer(layer: &crate::image::Layer) -> Layer {
    let files = layer.entries.iter().filter(|entry| entry.file.kind == FileKind::Regular);
    let largest = files.max_by_key(|entry| entry.file.size);
    Layer {
        name: largest.map_or_else(|| "folders".to_owned(), |entry| entry.path.to_string()),
        compressed: layer.compressed,
    }
}

/// The line in which a child says why it failed.
pub(super) fn last_words(stderr: &str) -> String {
    let plain = anstream::adapter::strip_str(stderr).to_string();
    let error = plain.lines().rev().find_map(|line| line.strip_prefix("error: "));
    error.or_else(|| plain.lines().last()).unwrap_or("it said nothing").trim().to_owned()
}
