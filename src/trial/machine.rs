//! What a run runs on.

use serde::Deserialize;

use super::contender::Setup;
use super::model::Machine;
use crate::engine;
use crate::exec::Command;
use crate::failure::Result;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Info {
    #[serde(rename = "NCPU")]
    cpus: u64,
    mem_total: u64,
}

/// Asks the engine.
///
/// # Errors
/// The builder does not answer, or the user interrupted.
pub fn machine(setup: &Setup<'_>) -> Result<Machine> {
    let command = Command::new(&setup.engine.docker, "ask the engine what it runs on");
    let output = command.args(["info", "--format", "{{json .}}"]).output()?;
    let info: Info = serde_json::from_str(&output.stdout).unwrap_or_default();
    Ok(Machine {
        cpus: info.cpus,
        memory: info.mem_total,
        platform: engine::platform(setup.engine, setup.builder)?,
        engine: setup.engine.server.clone(),
        buildx: setup.engine.buildx.to_string(),
        toolchain: setup.plan.toolchain.image.clone(),
    })
}
