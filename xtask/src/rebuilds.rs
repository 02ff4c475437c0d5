//! Rebuilds of one application by this tool's Dockerfile, by cargo-chef's README, and by cargo alone in a container: the same
//! edits to three copies of it, on the same engine, one after the other. A second run finds the dependencies of the first in
//! the engine's cache.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::corpus::{application, peers};
use crate::{lab, root};

/// The application, the dependency that is bumped, the version before that, and the program's first file.
const SUBJECT: [&str; 4] = ["miniserve", "bytesize", "2.3.0", "src/main.rs"];

const CONTENDERS: [Contender; 3] = [
    Contender { name: "cargo dockerize", build: ours },
    Contender { name: "cargo-chef's README", build: chef },
    Contender { name: "cargo alone", build: alone },
];

struct Contender {
    name: &'static str,
    build: fn(&Bench, &Path, bool) -> Result<()>,
}

struct Bench {
    sh: Shell,
    tool: PathBuf,
    /// The program's name.
    binary: String,
    /// Arguments of cargo's, as the plan has them.
    cargo_args: Vec<String>,
}

/// On other applications: PACKAGE CRATE VERSION MAIN.
pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    let [package, dependency, before, main] = match arguments {
        [] => SUBJECT,
        _ => arguments.try_into().context("PACKAGE CRATE VERSION MAIN, or nothing, is understood")?,
    };
    let engine = lab::up(sh)?;
    engine.enter(sh);
    cmd!(sh, "cargo build --quiet --release --package cargo-dockerize").run()?;
    let tool = root().join("target/release/cargo-dockerize");
    let (sources, version) = application::take(sh, package)?;
    let folders: Vec<PathBuf> = (1..=CONTENDERS.len()).map(|number| scratch().join(number.to_string())).collect();
    for folder in &folders {
        sh.remove_path(folder)?;
        sh.create_dir(scratch())?;
        cmd!(sh, "cp --recursive {sources} {folder}").quiet().run()?;
    }
    let dir = sh.push_dir(&folders[0]);
    let syntax = engine.syntax();
    cmd!(sh, "{tool} dockerize init --quiet {syntax...}").quiet().run()?;
    let plan: serde_json::Value =
        serde_json::from_str(&cmd!(sh, "{tool} dockerize plan --format json").quiet().read()?)?;
    engine.tag(&application::versions(&plan))?;
    let words = plan["groups"][0]["cargo-args"].as_array().context("the plan has no group")?;
    let cargo_args = words.iter().filter_map(|word| word.as_str()).map(str::to_owned).collect();
    cmd!(sh, "docker buildx build --quiet --load --target chef --tag {FLOOR} .").quiet().ignore_stdout().run()?;
    empty(sh, &folders[0])?;
    drop(dir);
    peers::full(sh)?;
    let listed = application::list()?.into_iter().find(|one| one.package == package);
    let binary = listed.context("the application is not in the list")?.binary().to_owned();
    let bench = Bench { sh: sh.clone(), tool, binary, cargo_args };

    let lock = sh.read_file(folders[0].join("Cargo.lock"))?;
    let each = |what: &dyn Fn(&Path) -> Result<()>| folders.iter().try_for_each(|folder| what(folder));
    let mut rows = Vec::new();
    // Not what this engine has built before, or it would build nothing.
    let salt = format!("// {:?}\n", std::time::SystemTime::now());
    each(&|folder| {
        let main = folder.join(main);
        sh.write_file(&main, sh.read_file(&main)? + &salt)?;
        let _dir = sh.push_dir(folder);
        Ok(cmd!(sh, "cargo update --quiet --package {dependency} --precise {before}").quiet().run()?)
    })?;
    rows.push(("cold, without any cache", bench.round(&folders, true)?));
    each(&|folder| Ok(sh.write_file(folder.join("Cargo.lock"), &lock)?))?;
    rows.push(("one dependency bumped", bench.round(&folders, false)?));
    each(&|folder| {
        let main = folder.join(main);
        let text = sh.read_file(&main)?;
        ensure!(text.contains("fn main() "), "the application's main is another one");
        Ok(sh.write_file(&main, text.replace("fn main() ", "// An edit.\nfn main() "))?)
    })?;
    rows.push(("one line in the program", bench.round(&folders, false)?));
    rows.push(("nothing changed", bench.round(&folders, false)?));

    println!("{package} {version}, {dependency} bumped from {before}\n");
    let names: Vec<&str> = CONTENDERS.iter().map(|contender| contender.name).collect();
    println!("| scenario | {} | ratio to the second | to the third |\n|---|--:|--:|--:|--:|--:|", names.join(" | "));
    for (scenario, seconds) in rows {
        let [ours, chef, alone] = seconds[..] else { continue };
        println!(
            "| {scenario} | {ours:.1} s | {chef:.1} s | {alone:.1} s | {:.2} | {:.2} |",
            ours / chef,
            ours / alone
        );
    }
    Ok(())
}

const FLOOR: &str = "dockerize-bench-floor:1";

fn scratch() -> PathBuf {
    application::scratch().join("rebuilds")
}

impl Bench {
    /// The seconds of each contender.
    fn round(&self, folders: &[PathBuf], cold: bool) -> Result<Vec<f64>> {
        let mut seconds = Vec::new();
        for (contender, folder) in CONTENDERS.iter().zip(folders) {
            let _dir = self.sh.push_dir(folder);
            let start = Instant::now();
            (contender.build)(self, folder, cold)?;
            seconds.push(start.elapsed().as_secs_f64());
            eprintln!("rebuilds: {} in {:.1} s", contender.name, start.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }
}

fn ours(bench: &Bench, _: &Path, cold: bool) -> Result<()> {
    let (sh, tool) = (&bench.sh, &bench.tool);
    let no_cache = cold.then_some("--no-cache");
    cmd!(sh, "{tool} dockerize build --quiet {no_cache...}").quiet().ignore_stdout().run()?;
    Ok(())
}

fn chef(bench: &Bench, folder: &Path, cold: bool) -> Result<()> {
    let sh = &bench.sh;
    let no_cache = cold.then_some("--no-cache");
    let dockerfile = scratch().join("peer.Dockerfile");
    sh.write_file(&dockerfile, peers::chef(&bench.binary))?;
    cmd!(sh, "docker buildx build --quiet --load --provenance=false {no_cache...} --file {dockerfile} {folder}")
        .quiet()
        .ignore_stdout()
        .run()?;
    Ok(())
}

/// In the stage that our own build compiles in, with everything on volumes.
fn alone(bench: &Bench, folder: &Path, cold: bool) -> Result<()> {
    let (sh, args) = (&bench.sh, &bench.cargo_args);
    let volumes = ["dockerize-bench-target", "dockerize-bench-registry"];
    if cold {
        cmd!(sh, "docker volume rm --force {volumes...}").quiet().ignore_stdout().run()?;
    }
    let [target, registry] = volumes;
    let mounts = [
        format!("--volume={}:/app", folder.display()),
        format!("--volume={target}:/app/target"),
        format!("--volume={registry}:/usr/local/cargo/registry"),
    ];
    cmd!(sh, "docker run --rm --network host {mounts...} {FLOOR} cargo build --locked --quiet --release {args...}")
        .quiet()
        .run()?;
    Ok(())
}

/// Empties the cache mounts that our own Dockerfile names.
fn empty(sh: &Shell, folder: &Path) -> Result<()> {
    let text = sh.read_file(folder.join("Dockerfile"))?;
    let mut mounts: Vec<String> = text
        .split_whitespace()
        .filter(|word| word.starts_with("--mount=type=cache"))
        .map(|mount| {
            mount.replace("$CARGO_BUILD_TARGET", "x86_64-unknown-linux-musl").replace("$CARGO_PROFILE", "release")
        })
        .collect();
    mounts.sort();
    mounts.dedup();
    let dockerfile = format!(
        "FROM {FLOOR}\nRUN {} find /app/target /usr/local/cargo/registry /usr/local/cargo/git -mindepth 1 -delete\n",
        mounts.join(" ")
    );
    let file = scratch().join("empty.Dockerfile");
    sh.write_file(&file, dockerfile)?;
    cmd!(sh, "docker buildx build --quiet --no-cache --file {file} {folder}").quiet().ignore_stdout().run()?;
    Ok(())
}
