//! The files of `cargo xtask docker`.

use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::{environment, internal};
use crate::failure::Result;
use crate::plan::Plan;
use crate::plan::model::OptionalStage;

/// A key of the crate's `[package]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct XtaskField {
    /// Its name.
    pub key: &'static str,
    /// Its value; none: the workspace's.
    pub own: Option<String>,
}

/// The module. `came` is the line about what came with it, `up` the way from the crate's folder to the workspace's root.
pub(crate) fn xtask_module(plan: &Plan, came: &str, up: &str) -> Result<String> {
    let images: Vec<_> = plan
        .images
        .iter()
        .map(|image| context! { program => image.name.as_str(), target => image.stage.as_str(), name => image.repository.as_str() })
        .collect();
    let profiles: Vec<_> = plan
        .profiles
        .iter()
        .filter(|profile| !profile.runs_tests || plan.has(OptionalStage::Test))
        .map(|profile| context! { name => profile.name.as_str(), cargo => profile.cargo.as_str() })
        .collect();
    text("xtask/src/docker.rs.j2", context! { came, up, images, profiles, bake => plan.files.bake.as_str() })
}

/// The manifest of a crate that is new.
pub(crate) fn xtask_manifest(fields: &[XtaskField], dependency: &str, lints: bool) -> Result<String> {
    text("xtask/Cargo.toml.j2", context! { fields => Serde(fields), dependency, lints })
}

/// Its `main.rs`.
pub(crate) fn xtask_main() -> Result<String> {
    text("xtask/src/main.rs", context! {})
}

fn text(template: &str, values: minijinja::Value) -> Result<String> {
    let environment = environment()?;
    let text = environment.get_template(template).and_then(|template| template.render(values)).map_err(internal)?;
    Ok(format!("{}\n", text.trim_end()))
}
