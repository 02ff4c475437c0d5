//! Engines with the classic image store: they build as usual, and an image is taken out of the store afterwards.

use camino::Utf8Path;

use super::bake::Request;
use super::probe::Engine;
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};

/// What such an engine says when it is asked for a layout.
pub(super) const CLASSIC: &str = "OCI exporter is not supported for the docker driver";

/// The same request without outputs that the engine cannot have.
///
/// # Errors
/// An image is pushed and not loaded, so that nothing can be saved and looked at.
pub(super) fn without_layouts(request: &Request) -> Result<Request> {
    let mut request = request.clone();
    for target in request.targets.values_mut() {
        target.output.retain(|output| !output.starts_with("type=oci,tar=false"));
        if !target.tags.is_empty() && target.output != ["type=docker"] {
            return Err(impossible());
        }
    }
    Ok(request)
}

/// Nothing can be looked at, and what cannot be checked is not shipped.
pub(super) fn impossible() -> Failure {
    Failure::new(Kind::Engine, "this engine cannot give an image out as a file, to be checked and measured")
        .help("turn on Docker's containerd image store, or make a builder that can: `docker buildx create --use`")
        .help("or load the image instead of pushing it: the store then gives it out, and `docker push` does the rest")
}

/// Saves each image of the request into the folder where its layout would be.
///
/// # Errors
/// [`Kind::Engine`]: an image cannot be saved, or the archive holds no layout (Docker before 25).
pub(super) fn all(engine: &Engine, request: &Request) -> Result<()> {
    for (name, target) in &request.targets {
        let Some(tag) = target.tags.first() else { continue };
        let layout = Request::layout(&request.scratch, name);
        let archive = Request::archive(&layout);
        let failed = |what: &str| Failure::new(Kind::Engine, format!("the image {tag} cannot be {what}"));
        let command = Command::new(engine.docker.clone(), "look at the image").args([
            "image",
            "save",
            "--output",
            archive.as_str(),
            tag,
        ]);
        let output = command.output()?;
        if !output.status.success() {
            return Err(failed("taken out of the engine's store").detail(output.stderr).detail(command.shell_line()));
        }
        unpack(&layout).map_err(|error| failed("unpacked").caused_by(error))?;
        if !layout.join("index.json").exists() {
            return Err(
                failed("looked at: this Docker saves images in an old form").help("update Docker to 25 or newer")
            );
        }
    }
    Ok(())
}

/// The command that gives an archive to the engine's store.
pub fn load_command(engine: &Engine, archive: &Utf8Path) -> Command {
    let command = Command::new(engine.docker.clone(), "load the image").args(["image", "load", "--quiet", "--input"]);
    command.arg(archive.as_str())
}

/// Gives an archive to the engine's store.
///
/// # Errors
/// [`Kind::Engine`]: it does not take it.
pub fn load(engine: &Engine, archive: &Utf8Path) -> Result<()> {
    let command = load_command(engine, archive);
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(Kind::Engine, "the engine's store does not take the image")
        .detail(output.stderr)
        .detail(command.shell_line()))
}

/// Unpacks what the engine wrote as an archive because a folder was asked for elsewhere.
///
/// # Errors
/// [`Kind::Engine`]: the archive is broken, or the disk is full.
pub(super) fn archives(request: &Request) -> Result<()> {
    for name in request.targets.keys() {
        let layout = Request::layout(&request.scratch, name);
        if Request::archive(&layout).exists() {
            unpack(&layout).map_err(|error| {
                Failure::new(Kind::Engine, format!("the image of {name} cannot be unpacked")).caused_by(error)
            })?;
        }
    }
    Ok(())
}

/// Unpacks the archive of a layout into its folder, and removes it.
fn unpack(layout: &Utf8Path) -> std::io::Result<()> {
    let archive = Request::archive(layout);
    tar::Archive::new(fs_err::File::open(&archive)?).unpack(layout)?;
    drop(fs_err::remove_file(&archive));
    Ok(())
}
