//! The main job, on `example-workspace`, as a user would do it.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{lab, root, tool};

pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    let engine = lab::up(sh)?;
    engine.enter(sh);
    engine.tag(&["1.95.0"])?;
    cmd!(sh, "cargo build --release --package cargo-dockerize").run()?;
    let tool = tool();
    // A copy: the example in the repository stays as nobody has touched it.
    let copy = root().join("target/demo/orders");
    sh.remove_path(&copy)?;
    sh.create_dir(copy.parent().unwrap_or(&copy))?;
    let example = root().join("example-workspace");
    cmd!(sh, "cp -r {example} {copy}").quiet().run()?;
    sh.change_dir(&copy);
    let syntax = engine.syntax();
    cmd!(sh, "{tool} dockerize init {syntax...}").run()?;
    cmd!(sh, "{tool} dockerize build {arguments...}").run()?;
    cmd!(sh, "docker run --rm --read-only orders price tea 3").run()?;
    eprintln!("the workspace with its generated files: {}", copy.display());
    Ok(())
}
