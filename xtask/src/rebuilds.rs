//! Rebuilds by this tool's Dockerfile, by cargo-chef's README and by cargo alone in a container, as `cargo dockerize measure`
//! takes them: a published application, and a workspace of twelve members. What came of it goes into `docs/benchmarks.md`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::corpus::application;
use crate::{lab, root, tool};

/// The application and the dependency that is bumped.
const SUBJECT: [&str; 2] = ["miniserve", "bytesize"];

const MEMBERS: usize = 12;

/// What is promised: scenario, of which subject, and at most which part of cargo-chef's README's time and of cargo's, with
/// seconds besides; or so many seconds in all.
struct Promise {
    scenario: &'static str,
    title: &'static str,
    members: bool,
    chef: Option<f64>,
    cargo: Option<(f64, f64)>,
    seconds: Option<f64>,
}

const PROMISES: [Promise; 7] = [
    promise("bump", "one dependency bumped", Some(0.38), Some((1.15, 0.0))),
    promise("leaf", "one line in the program", Some(1.0), Some((1.05, 1.0))),
    Promise { members: true, ..promise("shared", "one line in one of twelve members", Some(0.5), Some((1.1, 1.0))) },
    Promise { seconds: Some(1.0), ..promise("unchanged", "nothing changed", None, None) },
    promise("cold", "cold, no cache at all", Some(1.0), Some((1.15, 0.0))),
    promise("fresh", "fresh machine, remote cache, same dependencies", Some(1.0), None),
    promise("fresh-bump", "fresh machine, remote cache, one bump", Some(0.45), None),
];

const fn promise(scenario: &'static str, title: &'static str, chef: Option<f64>, cargo: Option<(f64, f64)>) -> Promise {
    Promise { scenario, title, members: false, chef, cargo, seconds: None }
}

/// The program of example-workspace that is measured, and the dependency that is bumped.
const EXAMPLE: [&str; 2] = ["api", "ureq"];

/// The key of the metadata that gives cargo its new layout of the target folder, before it is the default.
const NEW_LAYOUT: &str = "build-env = { RUSTC_BOOTSTRAP = \"1\", CARGO_UNSTABLE_BUILD_DIR_NEW_LAYOUT = \"true\" }";

/// `bench rebuilds [example | PACKAGE CRATE]`: other applications are measured and not written down.
pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    let [package, dependency] = match arguments {
        [] | ["example"] => SUBJECT,
        _ => arguments.try_into().context("`example`, PACKAGE CRATE, or nothing, is understood")?,
    };
    let engine = lab::up(sh)?;
    engine.enter(sh);
    let registry = lab::registry()?.context("no registry answers, and fresh machines have nothing else")?;
    cmd!(sh, "cargo build --quiet --release --package cargo-dockerize").run()?;
    let tool = tool();
    let bench = Bench { sh, tool: &tool, engine: &engine, registry: &registry };

    if arguments == ["example"] {
        return example(&bench);
    }
    let (sources, version) = application::take(sh, package)?;
    let application = bench.measure(&sources, package, &["--bump", dependency])?;
    if !arguments.is_empty() {
        return Ok(());
    }
    let members = members(sh)?;
    let members = bench.measure(&members, "members", &["--scenario", "cold,unchanged,leaf,shared"])?;
    let text = page((package, &version), &application, &members)?;
    sh.write_file(root().join("docs/benchmarks.md"), text)?;
    Ok(())
}

/// `api` of example-workspace, in both layouts of cargo's target folder.
fn example(bench: &Bench<'_>) -> Result<()> {
    let [program, dependency] = EXAMPLE;
    let source = root().join("example-workspace");
    let options = ["--bin", program, "--bump", dependency];
    let old = bench.measure(&source, "example", &options)?;
    let copy = application::scratch().join("src/example-new-layout");
    bench.sh.remove_path(&copy)?;
    bench.sh.create_dir(application::scratch().join("src"))?;
    cmd!(bench.sh, "cp --recursive {source} {copy}").quiet().run()?;
    let manifest = bench.sh.read_file(copy.join("Cargo.toml"))?;
    bench
        .sh
        .write_file(copy.join("Cargo.toml"), format!("{manifest}\n[workspace.metadata.dockerize]\n{NEW_LAYOUT}\n"))?;
    let new =
        bench.measure(&copy, "example-new", &[&options[..], &["--scenario", "cold,unchanged,leaf,bump"]].concat())?;
    let subject = format!("`{program}` of example-workspace ({} crates)", old["packages"]);
    let mut text = head("bench rebuilds example", &subject, &old);
    for (layout, account) in
        [("`.fingerprint` and `deps`", &old), ("`build/NAME/HASH`, the default since cargo 1.100", &new)]
    {
        write!(text, "## The target folder has {layout}\n\n{COLUMNS}")?;
        for promise in PROMISES.iter().filter(|promise| !promise.members) {
            // Fresh machines are measured in one layout.
            if seconds(account, promise.scenario, "this").is_some() {
                text += &row(promise, account)?;
            }
        }
        text += "\n";
    }
    text += "Bold: not reached.\n";
    bench.sh.write_file(root().join("docs/benchmarks-example.md"), text)?;
    Ok(())
}

struct Bench<'a> {
    sh: &'a Shell,
    tool: &'a Path,
    engine: &'a lab::Engine,
    registry: &'a str,
}

impl Bench<'_> {
    /// Measures a copy of a tree, and reads the account.
    fn measure(&self, sources: &Path, name: &str, options: &[&str]) -> Result<Value> {
        let Self { sh, tool, .. } = self;
        let folder = application::scratch().join("rebuilds").join(name);
        sh.remove_path(&folder)?;
        sh.create_dir(application::scratch().join("rebuilds"))?;
        cmd!(sh, "cp --recursive {sources} {folder}").quiet().run()?;
        let _dir = sh.push_dir(&folder);
        let syntax = self.engine.syntax();
        cmd!(sh, "{tool} dockerize init --quiet {syntax...}").quiet().run()?;
        let plan: Value = serde_json::from_str(&cmd!(sh, "{tool} dockerize plan --format json").quiet().read()?)?;
        self.engine.tag(&application::versions(&plan))?;
        let cache = format!("registry={}/dockerize-bench/{name}", self.registry);
        let account = root().join(format!("target/bench-{name}.json"));
        let page = account.with_extension("html");
        cmd!(sh, "{tool} dockerize measure --against cargo-chef,cargo --cache {cache} --write {account} --write {page} {options...}")
            .run()?;
        Ok(serde_json::from_str(&sh.read_file(account)?)?)
    }
}

/// A workspace whose program uses eleven libraries, none of which uses another.
fn members(sh: &Shell) -> Result<PathBuf> {
    let folder = application::scratch().join("src/members");
    sh.remove_path(&folder)?;
    let names: Vec<String> = (1..MEMBERS).map(|number| format!("part{number:02}")).collect();
    let mut manifest = String::from("[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\nexclude = [\"target\"]\n");
    manifest +=
        "\n[workspace.dependencies]\nserde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n";
    sh.write_file(folder.join("Cargo.toml"), manifest)?;
    let package = |name: &str, dependencies: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nserde.workspace = true\nserde_json.workspace = true\n{dependencies}"
        )
    };
    for name in &names {
        sh.write_file(folder.join(name).join("Cargo.toml"), package(name, ""))?;
        sh.write_file(folder.join(name).join("src/lib.rs"), library()?)?;
    }
    let (mut dependencies, mut calls) = (String::new(), String::new());
    for name in &names {
        writeln!(dependencies, "{name} = {{ path = \"../{name}\" }}")?;
        writeln!(calls, "    total += {name}::sum(&text);")?;
    }
    sh.write_file(folder.join("app/Cargo.toml"), package("app", &dependencies))?;
    let main = format!(
        "fn main() {{\n    let text = std::env::args().nth(1).unwrap_or_default();\n    let mut total = 0;\n{calls}    println!(\"{{total}}\");\n}}\n"
    );
    sh.write_file(folder.join("app/src/main.rs"), main)?;
    let _dir = sh.push_dir(&folder);
    cmd!(sh, "cargo generate-lockfile --quiet").run()?;
    Ok(folder)
}

/// As much code as a module of records has that go over a network.
fn library() -> Result<String> {
    let mut text = String::from("use serde::{Deserialize, Serialize};\n");
    for number in 0..40 {
        write!(
            text,
            "\n#[derive(Debug, Clone, Default, Serialize, Deserialize)]\n#[serde(default)]\npub struct Record{number} {{\n    \
             pub id: u64,\n    pub name: String,\n    pub tags: Vec<String>,\n    pub notes: Option<String>,\n}}\n"
        )?;
    }
    text += "\n/// Sums what parses.\npub fn sum(text: &str) -> u64 {\n    let mut total = 0;\n";
    for number in 0..40 {
        writeln!(text, "    total += serde_json::from_str::<Record{number}>(text).map_or(0, |record| record.id);")?;
    }
    Ok(text + "    total\n}\n")
}

/// One build of one contender, where it was built.
fn build<'a>(account: &'a Value, scenario: &str, contender: &str) -> Option<&'a Value> {
    let runs = account["runs"].as_array()?;
    let run = runs.iter().find(|run| run["scenario"] == scenario && run["contender"] == contender)?;
    (run["outcome"]["is"] == "built").then_some(&run["outcome"])
}

fn seconds(account: &Value, scenario: &str, contender: &str) -> Option<f64> {
    build(account, scenario, contender)?["seconds"].as_f64()
}

/// The head of each table.
const COLUMNS: &str = "| scenario | this | cargo-chef's README | cargo alone | against cargo-chef | against cargo |\n\
    |---|--:|--:|--:|--:|--:|\n";

/// The beginning of a page: what was measured, where and when.
fn head(command: &str, subject: &str, account: &Value) -> String {
    let machine = &account["machine"];
    let began = account["began"].as_str().unwrap_or_default();
    format!(
        "# Benchmarks\n\n`cargo xtask {command}` measures these with `cargo dockerize measure`, one after the other on one engine, and \
         writes this page.\nEach competitor has its own copy of the tree, cache mounts and layers. Compare the ratios: the seconds \
         are of a small machine.\n\n\
         {subject}. {}, {} cores, {:.0} GB; Docker {}, buildx {}, {}; cargo-dockerize {}; {}.\n\n",
        machine["platform"].as_str().unwrap_or_default(),
        machine["cpus"],
        machine["memory"].as_f64().unwrap_or_default() / 1e9,
        machine["engine"].as_str().unwrap_or_default(),
        machine["buildx"].as_str().unwrap_or_default(),
        machine["toolchain"].as_str().unwrap_or_default(),
        account["version"].as_str().unwrap_or_default(),
        began.split('T').next().unwrap_or_default(),
    )
}

fn page((package, version): (&str, &str), application: &Value, members: &Value) -> Result<String> {
    let subject = format!(
        "{package} {version} ({} crates), and a workspace of twelve members that the bench makes",
        application["packages"]
    );
    let mut text = head("bench rebuilds", &subject, application);
    text += COLUMNS;
    for promise in &PROMISES {
        let account = if promise.members { members } else { application };
        text += &row(promise, account)?;
    }
    text += "\nBold: not reached.\n";
    if let Some(seconds) = stage(application, "cold", "chef") {
        write!(
            text,
            "\nOf the cold build of this tool {seconds:.1} s go to Rust's target for musl and to its C compiler, which are installed while \
             packages\nare downloaded. The two others compile for glibc, which their image has.\n"
        )?;
    }
    Ok(text)
}

/// How long one stage of ours took.
fn stage(account: &Value, scenario: &str, name: &str) -> Option<f64> {
    let stages = build(account, scenario, "this")?["stages"].as_array()?;
    stages.iter().find(|stage| stage["name"] == name)?["seconds"].as_f64()
}

fn row(promise: &Promise, account: &Value) -> Result<String> {
    let this = seconds(account, promise.scenario, "this").context("our own build is missing")?;
    let other = |contender| seconds(account, promise.scenario, contender);
    let shown = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1} s"));
    let judged = |reached: bool, text: String| if reached { text } else { format!("**{text}**") };
    let chef = match (promise.chef, other("cargo-chef")) {
        (Some(most), Some(seconds)) => {
            judged(this <= most * seconds, format!("{:.2} (at most {most})", this / seconds))
        }
        _ => String::new(),
    };
    let cargo = match (promise.cargo, other("cargo")) {
        (Some((most, more)), Some(seconds)) => {
            let plus = if more > 0.0 { format!(" + {more} s") } else { String::new() };
            judged(this <= most * seconds + more, format!("{:.2} (at most {most}{plus})", this / seconds))
        }
        _ => String::new(),
    };
    let own = match promise.seconds {
        Some(most) => judged(this <= most, format!("{this:.1} s (at most {most} s)")),
        None => format!("{this:.1} s"),
    };
    let (chef_seconds, cargo_seconds) = (shown(other("cargo-chef")), shown(other("cargo")));
    Ok(format!("| {} | {own} | {chef_seconds} | {cargo_seconds} | {chef} | {cargo} |\n", promise.title))
}
