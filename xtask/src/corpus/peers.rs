//! The same applications in the shapes that people would otherwise use.

use std::time::Instant;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::application::{self, Application};
use super::report::Outcome;
use super::{call, smoke};

/// Somebody else's Dockerfile.
pub struct Shape {
    pub name: &'static str,
    dockerfile: &'static str,
}

/// `@NAME@` is the binary's name.
pub const SHAPES: &[Shape] = &[
    Shape { name: "docker init", dockerfile: include_str!("peers/docker-init.Dockerfile") },
    Shape { name: "cargo-chef's README", dockerfile: include_str!("peers/cargo-chef.Dockerfile") },
];

const FULL: &str = "dockerize-corpus-full:1";

impl Shape {
    fn of(&self, binary: &str) -> String {
        self.dockerfile.replace("@NAME@", binary).replace("@FULL@", FULL)
    }
}

/// Makes the image of cargo-chef with the headers that Docker's official images bring.
fn full(sh: &Shell) -> Result<()> {
    let full = application::scratch().join("full");
    sh.write_file(full.join("Dockerfile"), include_str!("peers/full.Dockerfile"))?;
    cmd!(sh, "docker buildx build --quiet --load --tag {FULL} {full}").quiet().ignore_stdout().run()?;
    Ok(())
}

/// Builds and runs it; its sources have been taken already.
pub fn attempt(sh: &Shell, shape: &Shape, application: &Application) -> Result<Outcome> {
    let (corpus, folder) = (application::scratch(), application::sources(&application.package));
    let text = shape.of(application.binary());
    if shape.dockerfile.contains("@FULL@") {
        full(sh)?;
    }
    let dockerfile = corpus.join("peer.Dockerfile");
    sh.write_file(&dockerfile, text)?;
    // Neither of them has an ignore file that would keep out more than the application's own does.
    for own in ["Dockerfile", ".dockerignore", "Dockerfile.dockerignore"] {
        sh.remove_path(folder.join(own))?;
    }
    let (image, archive) = ("dockerize-corpus-peer:1", corpus.join("peer.tar"));
    let outputs = ["--output".to_owned(), "type=docker".to_owned()];
    let archived = ["--output".to_owned(), format!("type=oci,dest={}", archive.display())];
    let start = Instant::now();
    let built = call::output(cmd!(
        sh,
        "docker buildx build --provenance=false --progress plain {outputs...} {archived...} --tag {image} --file {dockerfile} {folder}"
    ))?;
    let mut outcome = if built.good {
        let mut outcome = Outcome { built: true, ..Outcome::default() };
        // Layers are compressed; the archive's own blocks are a rounding error.
        outcome.bytes = Some(archive.metadata()?.len());
        outcome.run(smoke::run(sh, image, application)?);
        cmd!(sh, "docker image rm --force {image}").quiet().ignore_stdout().run()?;
        outcome
    } else {
        Outcome::failed("build", &built)
    };
    outcome.seconds = start.elapsed().as_secs();
    sh.remove_path(&archive)?;
    Ok(outcome)
}
