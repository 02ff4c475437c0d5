//! Plain cargo in a container, in the stage that our own Dockerfile compiles in: what no image builder can be faster than.

use super::contender::{Ask, Setup, last_words};
use super::model::{Build, Stage};
use super::tree::Tree;
use crate::engine;
use crate::exec::{Command, Stream};
use crate::failure::{Failure, Kind, Result};

/// The names of what a run makes on the engine.
struct Names {
    image: String,
    target: String,
    registry: String,
}

impl Names {
    fn of(setup: &Setup<'_>) -> Self {
        let name = |what: &str| format!("{}-{what}", setup.run);
        Self { image: format!("{}:1", name("floor")), target: name("target"), registry: name("registry") }
    }
}

/// Where the image that cargo runs in goes: into the engine's store.
pub(super) fn loaded(setup: &Setup<'_>) -> Vec<String> {
    vec!["--load".to_owned(), format!("--tag={}", Names::of(setup).image)]
}

/// Builds the stage that our own Dockerfile compiles in, and does this with it.
///
/// # Errors
/// It cannot be built, or not put where it belongs.
pub(super) fn prepare(setup: &Setup<'_>, tree: &Tree, result: &[String]) -> Result<()> {
    let suffix = &setup.plan.groups[setup.image.group].suffix;
    let dockerfile = crate::render::build_files(setup.plan)?.swap_remove(0);
    let path = setup.scratch.join("floor.Dockerfile");
    fs_err::write(&path, dockerfile.contents)
        .map_err(|error| Failure::new(Kind::Emit, "the folder for builds cannot be written").caused_by(error))?;
    let mut command = Command::new(&setup.engine.docker, "make a container for cargo")
        .args(["buildx", "build", "--provenance=false", "--target", &format!("chef{suffix}")])
        .args(["--file", path.as_str(), tree.context.as_str()])
        .args(result.iter().cloned());
    for (flag, value) in [("--builder", setup.builder), ("--network", setup.network)] {
        if let Some(value) = value {
            command = command.args([flag, value]);
        }
    }
    let output = command.output()?;
    if output.status.success() { Ok(()) } else { Err(Failure::new(Kind::Engine, last_words(&output.stderr))) }
}

/// Builds; cold with volumes that are empty.
pub(super) fn build(setup: &Setup<'_>, tree: &Tree, ask: Ask<'_>) -> Result<Build> {
    let Names { image, target, registry } = Names::of(setup);
    let group = &setup.plan.groups[setup.image.group];
    let context = &setup.plan.context;
    let mut command = Command::new(&setup.engine.docker, "run cargo alone")
        .args(["run", "--rm"])
        .arg(format!("--volume={}:{}", tree.context, context.workdir))
        .arg(format!("--volume={target}:{}/target", context.root()))
        .arg(format!("--volume={registry}:/usr/local/cargo/registry"))
        .args(["--workdir".to_owned(), context.root()]);
    if let Some(network) = setup.network {
        command = command.args(["--network", network]);
    }
    // The program that is measured: other binaries of its group are not linked, as `build --bin` does not link them.
    command = command.args([&image, "cargo", "build", "--locked", "--profile", &setup.profile.cargo]);
    command = command.args(group.args_in(&context.root(), [setup.image.name.as_str()]));
    if let Some(feature) = ask.feature {
        command = command.args(["--features".to_owned(), format!("{}/{feature}", setup.image.package)]);
    }
    // Else the engine makes it, as its own user, and it is not ours to remove.
    fs_err::create_dir_all(tree.root.join("target"))
        .map_err(|error| Failure::new(Kind::Emit, "the copy of the tree cannot be written").caused_by(error))?;
    let mut said = String::new();
    let mut compiled = Vec::new();
    let start = std::time::Instant::now();
    let ended = command.stream(|stream, line| {
        if stream == Stream::Err {
            compiled.extend(engine::compiling(line));
            said.push_str(line);
            said.push('\n');
        }
    })?;
    let seconds = start.elapsed().as_secs_f64();
    if !ended.success() {
        return Err(Failure::new(Kind::Build, last_words(&said)));
    }
    let stages = vec![Stage { name: "cargo".to_owned(), seconds }];
    Ok(Build { seconds, stages, compiled, ..Build::default() })
}

/// Takes away what a run has made on the engine.
pub(super) fn tidy(setup: &Setup<'_>) {
    let Names { image, target, registry } = Names::of(setup);
    let docker = |args: &[&str]| {
        // What is not there any more need not be taken away.
        let command = Command::new(&setup.engine.docker, "take away what a run has made");
        drop(command.args(args.iter().copied()).tidies().output());
    };
    docker(&["volume", "rm", "--force", &target, &registry]);
    docker(&["image", "rm", "--force", &image]);
}
