//! A Docker engine, a registry and base images for the tests, on a machine that has none.
//!
//! Where a Docker engine with buildx answers, that is the one to use, and everything here steps aside. Elsewhere, on a
//! Debian machine and as root, the lab makes the real thing from Debian's packages: dockerd with the containerd image
//! store, buildx, a registry, and stand-ins for the base images under their public names, so that a Dockerfile written
//! for the world builds unchanged, with no image registry in reach.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

mod apt;
mod daemon;
mod distroless;
mod engine;
mod folder;
mod images;
mod network;
mod registry;
mod report;
mod root;

use folder::Lab;

const USAGE: &str = "\
A Docker engine, a registry and base images for the tests, on a Debian machine that has none.
Where an engine with buildx answers already, that one is used and nothing is changed.

usage: cargo xtask lab <command>

commands:
  up              install, start and make whatever is missing: minutes the first time, then seconds
  env             print what points a shell at the lab:  eval \"$(cargo xtask lab env)\"
  status          what is running, which images there are, and the disk that all of it takes
  tag VERSION…    give the stand-ins of rust and cargo-chef other versions, as Dockerfiles name them
  down            stop what `up` started; the folder stays, and the next `up` takes seconds

environment:
  DOCKERIZE_LAB                 the lab's folder                [default: /var/tmp/cargo-dockerize-lab]
  DOCKERIZE_LAB_REGISTRY_PORT   the registry's port, localhost  [default: 5000]";

/// What to do on a machine where no engine answers.
const NO_ENGINE: &str = "no Docker engine with buildx answers: install and start one \
    (https://docs.docker.com/engine/install/), or run `cargo xtask lab up` as root on a Debian machine, \
    which then gets one of its own";

/// The command `cargo xtask lab`.
pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    match arguments {
        ["up"] => up(sh).map(drop),
        ["env"] => print_environment(sh),
        ["status"] => status(sh),
        ["tag", first, rest @ ..] => present(sh)?.tag(&[&[*first], rest].concat()),
        ["down"] => down(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => bail!("a command is missing\n\n{USAGE}"),
        _ => bail!("`lab {}` is not understood\n\n{USAGE}", arguments.join(" ")),
    }
}

/// A Docker engine with buildx that answers.
pub struct Engine {
    version: String,
    /// `None`: the machine's own.
    lab: Option<Lab>,
    environment: Vec<(String, String)>,
}

impl Engine {
    fn of_machine(version: String) -> Self {
        Self { version, lab: None, environment: Vec::new() }
    }

    fn of_lab(version: String, lab: Lab) -> Result<Self> {
        Ok(Self { version, environment: lab.environment()?, lab: Some(lab) })
    }

    /// Whether it is the lab's. Otherwise it is the machine's own.
    pub fn is_lab(&self) -> bool {
        self.lab.is_some()
    }

    /// The options of `init` for it: the frontend of the `# syntax=` line is an image like any other, and the lab has
    /// none.
    pub fn syntax(&self) -> &'static [&'static str] {
        if self.is_lab() { &["--syntax", "none"] } else { &[] }
    }

    /// What a child process needs to reach it: nothing, if it is the machine's own.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Makes sure that there is a browser, where the lab is allowed to install things.
    pub fn browser(&self) -> Result<()> {
        self.lab.as_ref().map_or(Ok(()), apt::browser)
    }

    /// Makes sure that there are programs to read and run images with, where the lab is allowed to install things.
    pub fn judges(&self) -> Result<()> {
        self.lab.as_ref().map_or(Ok(()), apt::judges)
    }

    fn describe(&self) -> String {
        let of =
            self.lab.as_ref().map_or("the machine's own".to_owned(), |lab| format!("the lab's, at {}", lab.host()));
        format!("Docker {}, {of}", self.version)
    }

    /// Makes the commands of a shell reach it.
    pub fn enter(&self, sh: &Shell) {
        for (name, value) in &self.environment {
            sh.set_var(name, value);
        }
    }

    /// Gives the lab's stand-ins of rust and cargo-chef other versions, as Dockerfiles name them. The machine's own
    /// engine pulls what it is asked for.
    pub fn tag(&self, versions: &[&str]) -> Result<()> {
        if let Some(lab) = &self.lab {
            return versions.iter().try_for_each(|version| images::tag(lab, version));
        }
        report::note("the engine is the machine's own and pulls the versions that it needs; nothing to tag");
        Ok(())
    }
}

/// Makes sure that there is an engine with the base images: the machine's own if one answers, else the lab's.
pub fn up(sh: &Shell) -> Result<Engine> {
    let lab = Lab::locate()?;
    if let Some(version) = machine_version(sh, &lab) {
        report::note(&format!("using the Docker engine {version} that answers here; nothing to do"));
        return Ok(Engine::of_machine(version));
    }
    ensure!(is_debian() && is_root(sh), NO_ENGINE);
    let _lock = lab.lock()?;
    apt::install(&lab)?;
    registry::up(&lab)?;
    engine::up(&lab)?;
    images::up(&lab)?;
    report::note("ready; for a shell: eval \"$(cargo xtask lab env)\"");
    let version = engine_version(&lab.shell()?).context("the engine has stopped answering")?;
    Engine::of_lab(version, lab)
}

/// The engine that answers, if any: the machine's own, else the lab's. Starts nothing.
pub fn answering(sh: &Shell) -> Result<Option<Engine>> {
    let lab = Lab::locate()?;
    if let Some(version) = machine_version(sh, &lab) {
        return Ok(Some(Engine::of_machine(version)));
    }
    engine_version(&lab.shell()?).map(|version| Engine::of_lab(version, lab)).transpose()
}

/// The registry to push to, as `localhost:PORT`, if one answers.
pub fn registry() -> Result<Option<String>> {
    let address = registry::address()?;
    Ok(registry::answers(&address).then_some(address))
}

fn present(sh: &Shell) -> Result<Engine> {
    answering(sh)?.context(NO_ENGINE)
}

fn down() -> Result<()> {
    let lab = Lab::locate()?;
    if !fs::exists(&lab.dir)? {
        report::note(&format!("there is no lab in {}; nothing to stop", lab.dir));
        return Ok(());
    }
    let _lock = lab.lock()?;
    registry::down(&lab)?;
    engine::down(&lab)
}

fn print_environment(sh: &Shell) -> Result<()> {
    let engine = present(sh)?;
    if !engine.is_lab() {
        report::note("the engine is the machine's own; nothing to export");
    }
    for (name, value) in engine.environment() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(())
}

fn status(sh: &Shell) -> Result<()> {
    let none = || "none answers".to_owned();
    let engine = answering(sh)?;
    println!("engine    {}", engine.as_ref().map_or_else(none, Engine::describe));
    println!("registry  {}", registry()?.unwrap_or_else(none));
    let Lab { dir } = &Lab::locate()?;
    if fs::exists(dir)? {
        // Files come and go under a running engine, which du reports as failures.
        let size = cmd!(sh, "du --summarize --human-readable {dir}").quiet().ignore_stderr().ignore_status().read()?;
        println!("folder    {dir}, {}", size.split_whitespace().next().unwrap_or("of unknown size"));
    } else {
        println!("folder    {dir}, not made");
    }
    if let Some(engine) = engine.filter(Engine::is_lab) {
        engine.enter(sh);
        println!("images    {}", images::list(sh)?.join("\n          "));
    }
    Ok(())
}

/// The version of the machine's own engine, if one answers.
fn machine_version(sh: &Shell, lab: &Lab) -> Option<String> {
    // In a shell that `lab env` has set up, it is the lab's that answers.
    if sh.var("DOCKER_HOST").is_ok_and(|host| host == lab.host()) { None } else { engine_version(sh) }
}

/// The version of the engine that answers, if buildx is there too.
fn engine_version(sh: &Shell) -> Option<String> {
    let format = "{{.Server.Version}}";
    let version = cmd!(sh, "docker version --format {format}").quiet().ignore_stderr().read().ok()?;
    cmd!(sh, "docker buildx version").quiet().ignore_stderr().read().ok()?;
    Some(version)
}

fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
}

fn is_root(sh: &Shell) -> bool {
    cmd!(sh, "id -u").quiet().read().is_ok_and(|id| id == "0")
}

/// The names of all images of an engine.
fn image_names(sh: &Shell) -> Result<BTreeSet<String>> {
    let format = "{{.Repository}}:{{.Tag}}";
    Ok(cmd!(sh, "docker images --format {format}").quiet().ignore_stderr().read()?.lines().map(str::to_owned).collect())
}
