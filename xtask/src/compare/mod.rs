//! Plans held against the Dockerfiles that repositories have, fact by fact.

mod commands;
mod dockerfile;
mod facts;
mod judge;
mod ours;
mod report;
mod repository;
mod shell;
mod theirs;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::corpus::{self, Output};
use crate::{built, root};
use facts::{Binary, Kind};
use judge::{Fact, Verdict};
use report::{Outcome, Report};
use repository::Repository;

const USAGE: &str = "\
usage: cargo xtask compare [--blind] [--kept] [--write] [--sources DIR] [OWNER/NAME…]
       cargo xtask compare fetch [--sources DIR] [OWNER/NAME…]

Makes a plan for each repository of the list and holds it against the repository's own Dockerfile. What came of it goes to
target/compare/compare.md and compare.json; rows of earlier runs stay.

  fetch          bring sources that are not there, with git
  --blind        without what the repository says of its image: Dockerfiles, compose files, workflows
  --kept         judge the plans of the last run again
  --write        also put the counts and the defects into docs/applications.md
  --sources DIR  where the sources are, each in OWNER+NAME; else DOCKERIZE_COMPARE_SOURCES, else a folder for temporary files";

/// How long a plan may take. Most of it is cargo's, which downloads every crate.
const LIMIT: &str = "300";

/// The marks in the documentation.
const MARKS: (&str, &str) = ("<!-- cargo xtask compare -->\n", "<!-- end -->\n");

#[derive(Default)]
struct Options<'a> {
    fetch: bool,
    blind: bool,
    kept: bool,
    write: bool,
    sources: Option<PathBuf>,
    names: Vec<&'a str>,
}

pub fn run(sh: &Shell, arguments: &[&str]) -> Result<()> {
    if let ["help" | "--help" | "-h"] = arguments {
        println!("{USAGE}");
        return Ok(());
    }
    let options = options(arguments)?;
    let list = repository::list()?;
    if let Some(unknown) = options.names.iter().find(|name| list.iter().all(|one| one.name != **name)) {
        bail!("`{unknown}` is not in the list of repositories");
    }
    ensure!(!options.write || options.names.is_empty(), "`--write` is about all repositories");
    let cache = options.sources.clone().or_else(|| std::env::var_os("DOCKERIZE_COMPARE_SOURCES").map(PathBuf::from));
    let cache = cache.unwrap_or_else(repository::cache);
    let chosen = list.iter().filter(|one| options.names.is_empty() || options.names.contains(&one.name.as_str()));
    if options.fetch {
        for one in chosen {
            one.fetch(sh, &cache)?;
        }
        return Ok(());
    }
    if !options.kept {
        cmd!(sh, "cargo build --quiet --package cargo-dockerize").run()?;
    }
    let mut report = Report::read(sh)?;
    report.rows.retain(|name, _| list.iter().any(|one| one.name == *name));
    for one in chosen {
        if !cache.join(one.folder()).is_dir() {
            eprintln!("compare: {} is not there: `cargo xtask compare fetch {}`", one.name, one.name);
            report.rows.remove(&one.name);
            continue;
        }
        if options.kept && !kept(one).exists() {
            continue;
        }
        eprintln!("compare: {}", one.name);
        let outcome = attempt(sh, one, &cache, &options).with_context(|| one.name.clone())?;
        if let Outcome::Refused(words) = &outcome {
            eprintln!("  refused: {words}");
        }
        report.rows.insert(one.name.clone(), outcome);
        report.write(sh)?;
    }
    print!("{}", report.markdown());
    if options.write {
        write(sh, &report)?;
    }
    Ok(())
}

fn options<'a>(arguments: &[&'a str]) -> Result<Options<'a>> {
    let mut options = Options::default();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "fetch" => options.fetch = true,
            "--blind" => options.blind = true,
            "--kept" => options.kept = true,
            "--write" => options.write = true,
            "--sources" => options.sources = Some(arguments.next().context("`--sources` needs a folder")?.into()),
            flag if flag.starts_with('-') => bail!("`compare {flag}` is not understood\n\n{USAGE}"),
            name => options.names.push(name),
        }
    }
    Ok(options)
}

/// Where a repository's plan lies until the next run.
fn kept(one: &Repository) -> PathBuf {
    report::path("plans").join(format!("{}.json", one.folder()))
}

/// Makes the plan and holds it against the Dockerfile.
fn attempt(sh: &Shell, one: &Repository, cache: &Path, options: &Options<'_>) -> Result<Outcome> {
    let dockerfile = cache.join(one.folder()).join(&one.dockerfile);
    let dockerfile = sh.read_file(&dockerfile)?;
    let kept = kept(one);
    if !options.kept {
        sh.remove_path(&kept)?;
        if let Some(words) = plan(sh, one, cache, options.blind, &kept)? {
            return Ok(Outcome::Refused(words));
        }
    }
    let kept: Value = serde_json::from_str(&sh.read_file(&kept)?).context("the plan is not JSON")?;
    let binaries = binaries(&kept["metadata"]);
    let theirs = theirs::read(&dockerfile, one.stage.as_deref(), &one.arguments, &binaries);
    let theirs = theirs.context("the Dockerfile has no such stage")?;
    let ours = ours::read(&kept["plan"], &theirs.facts.of(Kind::Binary));
    let facts = judge::judge(&theirs, &ours, &one.cases);
    let judged = |fact: &&Fact| one.cases.iter().any(|case| case.fact == fact.kind);
    for fact in facts.iter().filter(|fact| fact.verdict == Verdict::Unknown && fact.why.is_none()).filter(judged) {
        eprintln!("  the case about {} is of another difference", fact.kind);
    }
    Ok(Outcome::Compared(facts))
}

/// Puts the plan, and what cargo says of the workspace, into a file; else why there is none.
fn plan(sh: &Shell, one: &Repository, cache: &Path, blind: bool, kept: &Path) -> Result<Option<String>> {
    let scratch = repository::cache().join("work").join(one.folder());
    one.copy(sh, cache, &scratch)?;
    if blind {
        repository::blind(sh, &scratch)?;
    }
    let workspace = one.workspace.as_ref().map_or(scratch.clone(), |inner| scratch.join(inner));
    let tool = built("debug");
    let planned = {
        let _dir = sh.push_dir(&workspace);
        let locked = if one.unlocked {
            corpus::output(cmd!(sh, "timeout {LIMIT} cargo generate-lockfile"))?
        } else {
            corpus::output(cmd!(sh, "true"))?
        };
        let metadata = corpus::output(cmd!(sh, "cargo metadata --no-deps --format-version 1"))?;
        let plan = corpus::output(cmd!(sh, "timeout {LIMIT} {tool} dockerize plan --format json"))?;
        [locked, metadata, plan]
    };
    sh.remove_path(&scratch)?;
    if let Some(failed) = planned.iter().find(|output| !output.good) {
        return Ok(Some(if failed.status == Some(124) { format!("no end after {LIMIT} s") } else { words(failed) }));
    }
    let [_, metadata, plan] = planned;
    let (metadata, plan): (Value, Value) =
        (serde_json::from_str(&metadata.stdout)?, serde_json::from_str(&plan.stdout)?);
    let both = serde_json::json!({ "metadata": metadata, "plan": plan });
    sh.write_file(kept, serde_json::to_string(&both)?)?;
    Ok(None)
}

/// What a command says of its failure, in one line.
fn words(output: &Output) -> String {
    let mut errors = output.stderr.lines().filter_map(|line| line.trim().strip_prefix("error: "));
    let first = errors.next().unwrap_or("it says nothing").to_owned();
    // What cargo cannot read, it tells by itself.
    errors.next().map_or(first.clone(), |more| format!("{first}: {more}"))
}

/// The programs of the workspace, as `cargo metadata` names them.
fn binaries(metadata: &Value) -> Vec<Binary> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let root = text(&metadata["workspace_root"]);
    let mut found = Vec::new();
    for package in list(&metadata["packages"]) {
        let folder = text(&package["manifest_path"]);
        let folder = folder.strip_prefix(&root).unwrap_or_default().trim_end_matches("Cargo.toml").trim_matches('/');
        for target in list(&package["targets"]).iter().filter(|target| list(&target["kind"]).contains(&"bin".into())) {
            let (name, package) = (text(&target["name"]), text(&package["name"]));
            found.push(Binary { name, package, folder: folder.to_owned() });
        }
    }
    found
}

/// Puts the counts and the defects into the documentation.
fn write(sh: &Shell, report: &Report) -> Result<()> {
    let path = root().join("docs/applications.md");
    let text = sh.read_file(&path)?;
    let (before, rest) = text.split_once(MARKS.0).context("docs/applications.md has no mark")?;
    let (_, after) = rest.split_once(MARKS.1).context("docs/applications.md has no mark of the end")?;
    sh.write_file(&path, format!("{before}{}\n{}\n{}{after}", MARKS.0, report.summary(), MARKS.1))?;
    Ok(())
}
