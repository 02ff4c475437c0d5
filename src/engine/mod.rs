//! Executes a plan: drives the user's Docker through buildx, and records what happened.

mod bake;
pub mod builder;
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
pub use probe::{Engine, platform, probe};
pub(crate) use progress::instruction;
pub use progress::{Reporter, Style};
pub(crate) use rawjson::compiling;
pub use rawjson::{Event, Recorder};
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
    let images = request.scratch.join("images");
    let began = Instant::now();
    let built = prepare(request).and_then(|()| match run(engine, request, reporter) {
        Ok(Ended::ClassicStore) => {
            let request = save::without_layouts(request)?;
            prepare(&request)?;
            let recorder = match run(engine, &request, reporter)? {
                Ended::Built(recorder) => recorder,
                Ended::ClassicStore => return Err(save::impossible()),
            };
            save::all(engine, &request).map(|()| recorder)
        }
        Ok(Ended::Built(recorder)) => Ok(recorder),
        Err(failure) => Err(failure),
    });
    let recorder = built.inspect_err(|_| {
        // Half an image is no image.
        drop(fs_err::remove_dir_all(&images));
    })?;
    let mut record = recorder.record(began.elapsed().as_secs_f64());
    record.targets = results(&fs_err::read_to_string(request.metadata_file()).unwrap_or_default());
    Ok(record)
}

/// How a run of bake ended that did not fail.
enum Ended {
    Built(Recorder),
    /// Nothing was built: the engine cannot export a layout.
    ClassicStore,
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

fn run(engine: &Engine, request: &Request, reporter: &mut Reporter) -> Result<Ended> {
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
        return Ok(Ended::Built(recorder));
    }
    if recorder.text().iter().any(|line| line.contains(save::CLASSIC)) {
        return Ok(Ended::ClassicStore);
    }
    Err(explain::explain(&recorder, status, &request.root, &command.shell_line()))
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
