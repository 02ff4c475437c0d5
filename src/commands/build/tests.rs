//! The tests' profile: no image comes of it, but results do, whether or not all of them pass.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::engine::record::BuildRecord;
use cargo_dockerize::engine::{self, Engine, Reporter, Request, Style, Target};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::measure::{self, Report, Tests};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::render;

use super::account::Account;
use super::files::Files;
use super::{Subject, buildx};
use crate::ui::Shell;

/// The stage whose image is the results.
const RESULTS: &str = "test-results";

/// The stage that gets them where the tests' own step failed. It is in a file of its own, because only this command needs it.
const FAILURES: &str = "test-failures";

/// Where the results go.
fn folder(scratch: &Utf8Path) -> Utf8PathBuf {
    scratch.join("test")
}

fn output(scratch: &Utf8Path) -> Vec<String> {
    vec![format!("type=local,dest={}", folder(scratch))]
}

/// What is built to run the tests. A Dockerfile that has been edited need not have our stages.
pub fn targets(files: &Files, scratch: &Utf8Path, like: Target) -> BTreeMap<String, Target> {
    let like = Target { labels: BTreeMap::new(), ..like };
    let (name, target) =
        if files.ours { (RESULTS, Target { output: output(scratch), ..like }) } else { ("test", like) };
    BTreeMap::from([(name.to_owned(), target)])
}

/// Runs them.
pub fn run(
    (engine, subject): (&Engine, &Subject<'_>),
    request: &Request,
    account: &Account,
    shell: Shell,
) -> Result<()> {
    let folder = folder(&request.scratch);
    // What is there is of an earlier run.
    if folder.exists() {
        fs_err::remove_dir_all(&folder).map_err(|error| {
            Failure::new(Kind::Emit, "the folder for the tests' results cannot be written").caused_by(error)
        })?;
    }
    let why = &subject.plan.test.because.text;
    shell.status("Testing", format!("the workspace for {} with buildx {}: {why}", subject.profile.name, engine.buildx));
    let mut reporter = Reporter::new(buildx::style(shell), buildx::totals(subject.plan));
    let (build, failed) = engine::attempt(engine, request, &mut reporter)?;
    if failed.is_some() {
        fetch((engine, subject.plan), request, &build, shell)?;
    }
    let tests = Tests::read(&folder).unwrap_or_else(|failure| {
        // The build's own end matters more, and its account is written all the same.
        shell.warn(format!("the tests' results cannot be read: {failure}"));
        None
    });
    let report = Report {
        schema: measure::SCHEMA,
        version: subject.plan.version.clone(),
        profile: subject.profile.name.clone(),
        images: Vec::new(),
        tests,
        build,
    };
    let report = account.close(report)?;
    let root = &subject.session.workspace.root;
    let places = report.tests.iter().flat_map(|tests| &tests.reports);
    let places: Vec<&str> = places.map(|path| path.strip_prefix(root).unwrap_or(path).as_str()).collect();
    if !places.is_empty() {
        shell.status("Results", format!("{}, and what was printed beside it", places.join(", ")));
    }
    let Some(failed) = failed else { return Ok(()) };
    let told = report.tests.as_ref().and_then(Tests::failure);
    Err(told.map_or(failed, |told| {
        told.help("a test that passes outside of the container needs what that lacks: a file that the context leaves out, a program, a service")
    }))
}

/// Gets the results of a run that failed; a step that did not come so far has none.
fn fetch((engine, plan): (&Engine, &Plan), request: &Request, build: &BuildRecord, shell: Shell) -> Result<()> {
    let broken = build.steps.iter().find(|step| step.error.is_some() && step.tests.is_some());
    let Some(run) = broken.and_then(|step| step.tests.clone()) else { return Ok(()) };
    let Some(like) = request.targets.get(RESULTS) else { return Ok(()) };
    let dockerfile = request.scratch.join("failures.Dockerfile");
    fs_err::write(&dockerfile, render::failures(plan)?)
        .map_err(|error| Failure::new(Kind::Emit, "the folder for builds cannot be written").caused_by(error))?;
    let mut target = Target {
        dockerfile: Some(dockerfile.into_string()),
        inherits: vec!["_workspace".to_owned()],
        target: Some(FAILURES.to_owned()),
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        no_cache: false,
        pull: false,
        ..like.clone()
    };
    target.args.insert("TEST_RUN".to_owned(), run);
    let request = Request { targets: BTreeMap::from([(FAILURES.to_owned(), target)]), ..request.clone() };
    match engine::build(engine, &request, &mut Reporter::new(Style::Quiet, BTreeMap::new())) {
        Err(failure) if failure.kind() == Kind::Interrupted => Err(failure),
        // That tests failed is the news, and not this.
        Err(failure) => {
            shell.warn(format!("the tests' results could not be fetched: {failure}"));
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}
