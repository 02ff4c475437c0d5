//! Applications that no one here wrote, set up, built and run with no edit: what works, what does not, and why.

pub mod application;
mod call;
mod native;
pub mod peers;
mod report;
mod smoke;

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::{lab, tool};
use application::Application;
pub use call::{Output, output};
use report::{Outcome, Report, Row};

const USAGE: &str = "\
usage: cargo xtask corpus [--all] [--peers] [PACKAGE…]
       cargo xtask corpus --native [CRATE…]

Takes published applications through cargo, sets each up with `cargo dockerize init`, builds it, and runs its image. What
came of it goes to target/corpus/corpus.md and corpus.json; rows of earlier runs stay.

  --all     every application of the list; without it and without names those that CI builds
  --peers   also in the shapes of `docker init` and of cargo-chef's README, where the list says so
  --native  rows of src/detect/native.toml, each built as a workspace of one crate: are its packages enough, is one of
            them superfluous";

pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    if let ["help" | "--help" | "-h"] = arguments {
        println!("{USAGE}");
        return Ok(());
    }
    let (flags, names): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|argument| argument.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| !["--all", "--native", "--peers"].contains(flag)) {
        bail!("`corpus {flag}` is not understood\n\n{USAGE}");
    }
    if flags.contains(&"--native") {
        let engine = lab::up(sh)?;
        engine.enter(sh);
        cmd!(sh, "cargo build --quiet --release --package cargo-dockerize").run()?;
        return native::run(sh, &engine, &names);
    }
    let list = application::list()?;
    if let Some(unknown) = names.iter().find(|name| list.iter().all(|one| one.package != **name)) {
        bail!("`{unknown}` is not in the list of applications");
    }
    let chosen = list.into_iter().filter(|one| match names.as_slice() {
        [] => one.quick || flags.contains(&"--all"),
        names => names.contains(&one.package.as_str()),
    });
    let engine = lab::up(sh)?;
    engine.enter(sh);
    cmd!(sh, "cargo build --quiet --release --package cargo-dockerize").run()?;
    let mut report = Report::read(sh)?;
    for application in chosen {
        let row = attempt(sh, &engine, &application)?;
        report.add(row);
        if flags.contains(&"--peers") && application.peers {
            for shape in peers::SHAPES {
                eprintln!("corpus: {} as {}", application.package, shape.name);
                let outcome = peers::attempt(sh, shape, &application)?;
                outcome.tell();
                report.add_peer(&application.package, shape.name, outcome);
            }
        }
        report.write(sh)?;
    }
    print!("{}", report.markdown());
    let failed = report.failures();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Sets it up, builds it, runs it.
fn attempt(sh: &Shell, engine: &lab::Engine, application: &Application) -> Result<Row> {
    eprintln!("corpus: {}", application.package);
    let (folder, version) = application::take(sh, &application.package)?;
    let tool = tool();
    let _dir = sh.push_dir(&folder);
    let syntax = engine.syntax();
    let mut row = Row { package: application.package.clone(), version, ..Row::default() };
    let start = Instant::now();
    let set_up = call::output(cmd!(sh, "{tool} dockerize init {syntax...}"))?;
    if !set_up.good {
        row.own = Outcome::failed("init", &set_up);
        row.own.tell();
        return Ok(row);
    }
    let plan = cmd!(sh, "{tool} dockerize plan --format json").quiet().read()?;
    let plan: serde_json::Value = serde_json::from_str(&plan).context("the plan is not JSON")?;
    engine.tag(&application::versions(&plan))?;
    let binary = application.binary();
    let image = &plan["images"].as_array().into_iter().flatten().find(|image| image["name"] == binary);
    let image = image.with_context(|| format!("no image of {binary} is planned"))?;
    let group = &plan["groups"][usize::try_from(image["group"].as_u64().unwrap_or_default())?];
    row.linkage = group["linkage"].as_str().map(str::to_owned).unwrap_or_default();
    row.base = image["base"].as_str().map(str::to_owned).unwrap_or_default();
    row.crates = group["crates"].as_u64().unwrap_or_default();
    let built = call::output(cmd!(sh, "{tool} dockerize build --format json"))?;
    row.own = if built.good {
        let report: serde_json::Value = serde_json::from_str(&built.stdout).context("the report is not JSON")?;
        let images = report["images"].as_array().into_iter().flatten();
        let size = images.clone().find(|image| image["name"] == binary).map(|image| &image["size"]["compressed"]);
        let mut outcome = Outcome { built: true, ..Outcome::default() };
        outcome.bytes = size.and_then(serde_json::Value::as_u64);
        outcome.run(smoke::run(sh, binary, application)?);
        for image in images.filter_map(|image| image["name"].as_str()) {
            cmd!(sh, "docker image rm --force {image}").quiet().ignore_stdout().ignore_status().run()?;
        }
        outcome
    } else {
        Outcome::failed("build", &built)
    };
    row.own.seconds = start.elapsed().as_secs();
    row.own.tell();
    Ok(row)
}
