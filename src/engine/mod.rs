//! Executes a plan: drives the user's Docker through buildx, and records what happened.

mod bake;
pub mod builder;
mod check;
mod explain;
mod probe;
mod progress;
mod rawjson;
pub mod record;
mod save;
mod secrets;
pub mod usage;

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Deserialize;

pub use bake::{Request, Target};
pub use check::{Warning, check};
#[cfg(test)]
pub(crate) use probe::MINIMUM;
pub(crate) use probe::version;
pub use probe::{Engine, docker, platform, probe, probe_within};
pub(crate) use progress::instruction;
pub use progress::{Reporter, Style};
pub(crate) use rawjson::compiling;
pub use rawjson::{Event, Recorder};
pub use save::{load, load_command};
pub use secrets::{Provided, gather};

use crate::exec::Stream;
use crate::failure::{Failure, Kind, Result};
use record::{BuildRecord, TargetResult};

/// Builds, and tells the reporter as it goes.
///
/// An engine with the classic image store cannot give an image out while it builds; then it builds as usual, and the image
/// is saved from the store afterwards.
///
/// # Errors
/// [`Kind::Build`]: a step failed. [`Kind::Engine`]: buildx did not start, the engine went away, or the result could not be
/// put where it belongs.
/// [`Kind::Interrupted`]: buildx was told to stop, and did.
pub fn build(engine: &Engine, request: &Request, reporter: &mut Reporter) -> Result<BuildRecord> {
    let (record, failure) = attempt(engine, request, reporter)?;
    failure.map_or(Ok(record), Err)
}

/// Builds as [`build`] does; where a step failed, what happened until then is told as well.
///
/// # Errors
/// As [`build`], but for the step that failed.
pub fn attempt(engine: &Engine, request: &Request, reporter: &mut Reporter) -> Result<(BuildRecord, Option<Failure>)> {
    let images = request.scratch.join("images");
    let began = Instant::now();
    let built = run(engine, request, reporter).and_then(|ended| match ended {
        Ended::ClassicStore => {
            let request = save::without_layouts(request)?;
            match run(engine, &request, reporter)? {
                Ended::Built(record) => save::all(engine, &request).map(|()| (record, None)),
                Ended::ClassicStore => Err(save::impossible()),
                Ended::Failed(record, failure) => Ok((record, Some(failure))),
            }
        }
        Ended::Built(record) => save::archives(request).map(|()| (record, None)),
        Ended::Failed(record, failure) => Ok((record, Some(failure))),
    });
    if !matches!(built, Ok((_, None))) {
        // Half an image is no image.
        drop(fs_err::remove_dir_all(&images));
    }
    let (mut record, failure) = built?;
    record.seconds = began.elapsed().as_secs_f64();
    record.targets = results(&fs_err::read_to_string(request.metadata_file()).unwrap_or_default());
    Ok((record, failure))
}

/// How a run of bake ended.
enum Ended {
    Built(BuildRecord),
    /// A step failed.
    Failed(BuildRecord, Failure),
    /// Nothing was built: the engine cannot export a layout.
    ClassicStore,
}

/// What containerd says when it cleared a layer away while the engine put another one on it: an image that got the name of an
/// older one makes the older one's layers garbage, and both go on at once (seen on Docker 28.5).
const CLEARED_AWAY: [&str; 2] = ["failed to prepare extraction snapshot", "does not exist"];

/// What a step says whose packages were pruned from cargo's cache mount and cannot be downloaded without secrets.
const PRUNED: &str = "dockerize-target: packages were pruned";

/// The stage that downloads packages.
const DOWNLOADS: &str = "planner";

/// Runs bake, and once more where all that failed was the engine's own tidying: the second time other steps are cached.
fn run(engine: &Engine, request: &Request, reporter: &mut Reporter) -> Result<Ended> {
    let (recorder, failure) = match once(engine, request, reporter)? {
        Attempt::Ended(ended) => return Ok(ended),
        Attempt::Failed(recorder, failure) => (recorder, failure),
    };
    let error = recorder.failed().and_then(|step| step.error.as_deref()).unwrap_or_default();
    let mut request = request.clone();
    if CLEARED_AWAY.iter().all(|sign| error.contains(sign)) {
        reporter.again("the engine cleared a layer away that it was about to use");
    } else if recorder.text().iter().any(|line| line.contains(PRUNED)) {
        // Only the step that downloads has the secrets for it.
        reporter.again("the engine pruned packages that had been downloaded");
        for target in request.targets.values_mut() {
            target.no_cache_filter.push(DOWNLOADS.to_owned());
        }
    } else {
        return Ok(Ended::Failed(recorder.record(0.0), failure));
    }
    let mut first = recorder.record(0.0);
    first.steps.retain(|step| step.error.is_none());
    match once(engine, &request, reporter)? {
        Attempt::Ended(Ended::Built(second)) => Ok(Ended::Built(first.then(second))),
        Attempt::Ended(other) => Ok(other),
        Attempt::Failed(recorder, failure) => Ok(Ended::Failed(first.then(recorder.record(0.0)), failure)),
    }
}

/// How one run of bake ended.
enum Attempt {
    Ended(Ended),
    Failed(Recorder, Failure),
}

fn prepare(request: &Request) -> Result<()> {
    let unwritable =
        |error: std::io::Error| Failure::new(Kind::Emit, "the folder for builds cannot be written").caused_by(error);
    let images = request.scratch.join("images");
    if images.exists() {
        fs_err::remove_dir_all(&images).map_err(unwritable)?;
    }
    fs_err::create_dir_all(&images).map_err(unwritable)?;
    if request.metadata_file().exists() {
        fs_err::remove_file(request.metadata_file()).map_err(unwritable)?;
    }
    fs_err::write(request.override_file(), request.override_text()).map_err(unwritable)
}

fn once(engine: &Engine, request: &Request, reporter: &mut Reporter) -> Result<Attempt> {
    prepare(request)?;
    let command = request.command(engine);
    let mut recorder = Recorder::default();
    let ended = command.stream(|stream, line| {
        if stream == Stream::Err {
            recorder.feed(line, |step, event| reporter.event(step, event));
        }
    });
    reporter.finish();
    let status = ended?;
    if status.success() {
        return Ok(Attempt::Ended(Ended::Built(recorder.record(0.0))));
    }
    if recorder.text().iter().any(|line| line.contains(save::CLASSIC)) {
        return Ok(Attempt::Ended(Ended::ClassicStore));
    }
    let failure = explain::explain(&recorder, status, request, &command.shell_line());
    Ok(Attempt::Failed(recorder, failure))
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "containerimage.digest")]
    digest: Option<String>,
    #[serde(rename = "containerimage.config.digest")]
    config_digest: Option<String>,
    #[serde(rename = "image.name")]
    image: Option<String>,
}

/// The metadata file; every key is optional, and entries that are no target's are passed over.
fn results(text: &str) -> BTreeMap<String, TargetResult> {
    let all: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    all.into_iter()
        .filter_map(|(target, value)| {
            let Metadata { digest, config_digest, image } = serde_json::from_value(value).ok()?;
            Some((target, TargetResult { digest, config_digest, image }))
        })
        .collect()
}
