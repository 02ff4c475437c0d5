//! The main job, on `example-workspace`, as a user would do it.

use std::path::PathBuf;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{lab, root, tool};

pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    let tool = set_up(sh, "orders")?;
    cmd!(sh, "{tool} dockerize build {arguments...}").run()?;
    cmd!(sh, "docker run --rm --read-only orders price tea 3").run()?;
    eprintln!("the workspace with its generated files: {}", sh.current_dir().display());
    Ok(())
}

/// A copy of the example with its generated files, where the shell is from then on, and the tool as users have it. The example in
/// the repository stays as nobody has touched it.
pub fn set_up(sh: &Shell, name: &str) -> Result<PathBuf> {
    let engine = lab::up(sh)?;
    engine.enter(sh);
    engine.tag(&["1.95.0"])?;
    cmd!(sh, "cargo build --release --package cargo-dockerize").run()?;
    let tool = tool();
    let copy = root().join("target/demo").join(name);
    sh.remove_path(&copy)?;
    sh.create_dir(copy.parent().unwrap_or(&copy))?;
    let example = root().join("example-workspace");
    cmd!(sh, "cp -r {example} {copy}").quiet().run()?;
    sh.change_dir(&copy);
    let syntax = engine.syntax();
    cmd!(sh, "{tool} dockerize init {syntax...}").run()?;
    Ok(tool)
}
