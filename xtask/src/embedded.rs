//! What the embedded engine adds to cargo, beside Docker's buildx on the same program: `cargo xtask bench images`. What came of
//! it goes into `docs/benchmarks-images.md`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::corpus::application;
use crate::{lab, root, tool};

/// Bytes of machine code that the program carries, so that it is of some 10 MB with what Rust adds.
const BALLAST: usize = 9_600_000;

/// How often each thing is done; the median counts.
const RUNS: usize = 7;

/// A program that starts at once, and is large.
const MAIN: &str = "static BALLAST: &[u8] = include_bytes!(\"../ballast\");\n\nfn main() {\n    let sum: u64 = \
                    BALLAST.iter().map(|byte| u64::from(*byte)).sum();\n    println!(\"{sum}\");\n}\n";

const MANIFEST: &str = "[package]\nname = \"ballast\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";

/// One line of the account, in milliseconds.
struct Row {
    what: String,
    took: f64,
    most: Option<(f64, String)>,
    beside: String,
}

/// `bench images`
pub fn run(sh: &Shell) -> Result<()> {
    let engine = lab::up(sh)?;
    engine.enter(sh);
    let registry = lab::registry()?.context("no registry answers, and there is nowhere to push to")?;
    cmd!(sh, "cargo build --quiet --release --package cargo-dockerize").run()?;
    let bench = Bench { sh, tool: &tool(), folder: ballast(sh, &engine)? };
    let _dir = sh.push_dir(&bench.folder);
    let (size, version) = bench.first()?;

    let layout = ["--engine", "oci", "--output", "type=oci,tar=false,dest=target/layout"];
    let mut rows = Vec::new();
    for compression in ["gzip", "zstd"] {
        let options = [&layout[..], &["--compression", compression]].concat();
        let written = median(|| Ok(bench.after_cargo(&options)?.0))?;
        rows.push(Row {
            what: format!("image written after cargo has finished, {compression}"),
            took: written,
            most: (compression == "gzip").then(|| (150.0, String::new())),
            beside: format!("a program of {:.1} MB", size / 1e6),
        });
    }
    let prefix = format!("{registry}/dockerize-bench/");
    let push = ["--engine", "oci", "--push", "--prefix", &prefix];
    let pushed = median(|| Ok(bench.after_cargo(&push)?.1))?;
    rows.push(Row {
        what: "pushed to a registry on this machine".to_owned(),
        took: pushed,
        most: Some((300.0, String::new())),
        beside: "its layer was not there".to_owned(),
    });
    rows.push(bench.unchanged(&layout)?);
    rows.push(bench.beside_buildx()?);
    let page = page(&rows, sh, &version)?;
    sh.write_file(root().join("docs/benchmarks-images.md"), &page)?;
    println!("{page}");
    Ok(())
}

struct Bench<'a> {
    sh: &'a Shell,
    tool: &'a Path,
    folder: PathBuf,
}

impl Bench<'_> {
    /// Builds it once, for what only the first build does; its bytes, and our version.
    fn first(&self) -> Result<(f64, String)> {
        let report = self.build(&["--engine", "oci", "--output", "type=docker,dest=target/warm.tar"])?;
        let size = report["images"][0]["size"]["unpacked"].as_f64().context("the report has no size")?;
        Ok((size, report["version"].as_str().unwrap_or_default().to_owned()))
    }

    fn build(&self, options: &[&str]) -> Result<Value> {
        let Self { sh, tool, .. } = self;
        let text =
            cmd!(sh, "{tool} dockerize build --quiet --format json {options...}").quiet().ignore_stderr().read()?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Milliseconds that an edited program takes after cargo has finished: all of it, and the way to where it goes.
    fn after_cargo(&self, options: &[&str]) -> Result<(f64, f64)> {
        self.touch()?;
        let report = self.build(options)?;
        let sum = |stage: &str| {
            let steps = report["build"]["steps"].as_array().into_iter().flatten();
            steps.filter(|step| step["stage"] == stage).filter_map(|step| step["seconds"].as_f64()).sum::<f64>()
        };
        let all = report["build"]["seconds"].as_f64().context("the report has no time")?;
        Ok(((all - sum("cargo")) * 1000.0, sum("deliver") * 1000.0))
    }

    /// Changes the program, which the next build compiles: every part of it, so that no layer is found again.
    fn touch(&self) -> Result<()> {
        let path = self.folder.join("ballast");
        let mut bytes = fs::read(&path)?;
        bytes.iter_mut().step_by(4096).for_each(|byte| *byte = byte.wrapping_add(1));
        fs::write(path, bytes)?;
        Ok(())
    }

    /// Nothing changed, beside `cargo build` with nothing to do.
    fn unchanged(&self, layout: &[&str]) -> Result<Row> {
        let Self { sh, tool, .. } = self;
        self.build(layout)?;
        let script = cmd!(sh, "{tool} dockerize build --dry-run {layout...}").quiet().read()?;
        let cargo = script.lines().next().context("nothing is compiled")?.to_owned();
        let timed = |call: &dyn Fn() -> Result<()>| {
            median(|| {
                let began = Instant::now();
                call()?;
                Ok(began.elapsed().as_secs_f64() * 1000.0)
            })
        };
        let alone = timed(&|| Ok(cmd!(sh, "sh -c {cargo}").quiet().ignore_stdout().ignore_stderr().run()?))?;
        let ours = timed(&|| self.build(layout).map(drop))?;
        Ok(Row {
            what: "nothing changed, from the command's start to its end".to_owned(),
            took: ours,
            most: Some((alone * 1.1 + 100.0, format!("1.10 of cargo's {alone:.0} ms, and 100 ms"))),
            beside: format!("`cargo build` with nothing to do: {alone:.0} ms"),
        })
    }

    /// From an edited source to a loaded image, without what compiles.
    fn beside_buildx(&self) -> Result<Row> {
        let times = |options: &[&str], compiles: fn(&Value) -> bool| {
            median(|| {
                self.touch()?;
                let began = Instant::now();
                let report = self.build(&[options, &["--load"]].concat())?;
                let all = began.elapsed().as_secs_f64();
                let steps = report["build"]["steps"].as_array().into_iter().flatten();
                let compile: f64 =
                    steps.filter(|step| compiles(step)).filter_map(|step| step["seconds"].as_f64()).sum();
                ensure!(compile > 0.0, "{} compiled nothing", options.join(" "));
                Ok((all - compile) * 1000.0)
            })
        };
        // One build ahead of each, for what only the first one does.
        self.build(&["--engine", "buildx", "--load"])?;
        self.build(&["--engine", "oci", "--load"])?;
        let buildx = times(&["--engine", "buildx"], |step| {
            step["stage"] == "builder" && step["name"].as_str().is_some_and(|name| name.contains("cargo build"))
        })?;
        let here = |step: &Value| step["stage"] == "cargo";
        let ours = times(&["--engine", "oci"], here)?;
        let zstd = times(&["--engine", "oci", "--compression", "zstd"], here)?;
        Ok(Row {
            what: "from an edited source to an image in Docker, less the compile".to_owned(),
            took: ours,
            most: Some((buildx / 5.0, "a fifth of buildx's".to_owned())),
            beside: format!(
                "buildx: {buildx:.0} ms, {:.1} times as long; with zstd: {zstd:.0} ms, {:.1} times",
                buildx / ours,
                buildx / zstd
            ),
        })
    }
}

fn median(mut once: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut times = (0..RUNS).map(|_| once()).collect::<Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// A package whose program is of some 10 MB of machine code.
fn ballast(sh: &Shell, engine: &lab::Engine) -> Result<PathBuf> {
    let folder = application::scratch().join("images/ballast");
    sh.remove_path(&folder)?;
    sh.write_file(folder.join("Cargo.toml"), MANIFEST)?;
    sh.write_file(folder.join("src/main.rs"), MAIN)?;
    let sysroot = cmd!(sh, "rustc --print sysroot").quiet().read()?;
    let driver = sh
        .read_dir(Path::new(&sysroot).join("lib"))?
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("librustc_driver")))
        .context("the compiler has no library to take machine code from")?;
    let code = fs::read(driver)?;
    let middle = code.len() / 2;
    let mut ballast = code.get(middle..middle + BALLAST).context("the compiler's library is small")?.to_vec();
    // An engine that has seen the same edits finds them in its cache.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos().to_le_bytes();
    ballast[1..=now.len()].copy_from_slice(&now);
    fs::write(folder.join("ballast"), ballast)?;
    let _dir = sh.push_dir(&folder);
    cmd!(sh, "cargo generate-lockfile --quiet").run()?;
    let (tool, syntax) = (tool(), engine.syntax());
    cmd!(sh, "{tool} dockerize init --quiet {syntax...}").quiet().run()?;
    let plan: Value = serde_json::from_str(&cmd!(sh, "{tool} dockerize plan --format json").quiet().read()?)?;
    engine.tag(&application::versions(&plan))?;
    Ok(folder)
}

fn page(rows: &[Row], sh: &Shell, ours: &str) -> Result<String> {
    let rustc = cmd!(sh, "rustc --version").quiet().read()?;
    let day = cmd!(sh, "date --iso-8601").quiet().read()?;
    let format = "{{.Server.Version}}";
    let version = cmd!(sh, "docker version --format {format}").quiet().read()?;
    let mut text = format!(
        "# Benchmarks of images without Docker\n\n`cargo xtask bench images` measures these and writes this page: medians of {RUNS} runs each, \
         on one machine in one run.\n\n{} cores; Docker {version}; {rustc}; cargo-dockerize {}; {day}.\n\n\
         | what | took | at most | |\n|---|--:|--:|---|\n",
        std::thread::available_parallelism()?,
        ours,
    );
    for row in rows {
        let (took, most) = match &row.most {
            None => (format!("{:.0} ms", row.took), String::new()),
            Some((most, why)) => {
                let took = format!("{:.0} ms", row.took);
                let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
                (if row.took <= *most { took } else { format!("**{took}**") }, format!("{most:.0} ms{why}"))
            }
        };
        writeln!(text, "| {} | {took} | {most} | {} |", row.what, row.beside)?;
    }
    text += "\nBold is what is not reached.\n";
    Ok(text)
}
