//! Engines with the classic image store: they build as usual, and an image is taken out of the store afterwards.

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
        let archive = layout.with_extension("tar");
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
        let unpacked = fs_err::File::open(&archive).and_then(|file| tar::Archive::new(file).unpack(&layout));
        unpacked.map_err(|error| failed("unpacked").caused_by(error))?;
        drop(fs_err::remove_file(&archive));
        if !layout.join("index.json").exists() {
            return Err(
                failed("looked at: this Docker saves images in an old form").help("update Docker to 25 or newer")
            );
        }
    }
    Ok(())
}
