//! The main job, on `example-workspace`, as a user would do it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::lab::{self, Engine};
use crate::{built, root, tool};

/// With an engine where one answers, else with this machine's cargo.
pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    let engine = lab::answering(sh)?;
    if let Some(engine) = &engine {
        reach(sh, engine)?;
    }
    // Optimised, the tool takes three times as long to compile, and it works for two seconds here besides cargo.
    cmd!(sh, "cargo build --package cargo-dockerize").run()?;
    let tool = built("debug");
    copy(sh, "orders", &tool, engine.as_ref())?;
    cmd!(sh, "{tool} dockerize build {arguments...}").run()?;
    if engine.is_some() {
        cmd!(sh, "docker run --rm --read-only orders price tea 3").run()?;
    }
    let workspace = sh.current_dir();
    eprintln!("the workspace with its generated files: {}", workspace.display());
    let layouts = workspace.join("target/dockerize/images");
    if layouts.is_dir() {
        eprintln!("the images, one OCI layout for each: {}", layouts.display());
        eprintln!("look into one: {} dockerize inspect {}", tool.display(), layouts.join("orders").display());
    }
    Ok(())
}

/// A copy of the example with its generated files, where the shell is from then on, the tool as users have it, and an engine: the
/// lab's, where no other answers.
pub fn set_up(sh: &Shell, name: &str) -> Result<PathBuf> {
    let engine = lab::up(sh)?;
    reach(sh, &engine)?;
    cmd!(sh, "cargo build --release --package cargo-dockerize").run()?;
    let tool = tool();
    copy(sh, name, &tool, Some(&engine))?;
    Ok(tool)
}

fn reach(sh: &Shell, engine: &Engine) -> Result<()> {
    engine.enter(sh);
    engine.tag(&["1.95.0"])
}

/// Copies the example and takes the shell there. No build changes the example in the repository.
fn copy(sh: &Shell, name: &str, tool: &Path, engine: Option<&Engine>) -> Result<()> {
    let copy = root().join("target/demo").join(name);
    sh.remove_path(&copy)?;
    sh.create_dir(copy.parent().unwrap_or(&copy))?;
    let example = root().join("example-workspace");
    cmd!(sh, "cp -r {example} {copy}").quiet().run()?;
    sh.change_dir(&copy);
    let syntax = engine.map(Engine::syntax).unwrap_or_default();
    cmd!(sh, "{tool} dockerize init {syntax...}").run()?;
    Ok(())
}
