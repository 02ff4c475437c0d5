//! Compiled dependencies in a registry: which are there, and under which names they are kept.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::key::{Inputs, Key, key};
use crate::engine::Engine;
use crate::exec::Command;
use crate::failure::Result;

/// What a registry has for one build group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependencies {
    /// The group's suffix of stages' names.
    pub suffix: String,
    /// Where these dependencies are, or would be kept: `registry.example/cache:deps-0123456789abcdef`.
    pub reference: String,
    /// Where the newest ones of the kind are, whichever they are.
    pub latest: String,
    /// What is there.
    pub kept: Kept,
}

/// What a registry has of a group's dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// These; nothing is compiled. With its digest.
    These(String),
    /// An earlier lock file's; what has not changed is not compiled again. With its digest.
    Earlier(String),
    /// None.
    Nothing,
}

impl Dependencies {
    /// What stands in for the group's stages.
    pub fn contexts(&self) -> BTreeMap<String, String> {
        match &self.kept {
            Kept::These(digest) => self.context("deps", &self.reference, digest),
            Kept::Earlier(digest) => self.context("earlier", &self.latest, digest),
            Kept::Nothing => BTreeMap::new(),
        }
    }

    fn context(&self, stage: &str, reference: &str, digest: &str) -> BTreeMap<String, String> {
        // By digest, so that all builds of one command see the same.
        BTreeMap::from([(format!("{stage}{}", self.suffix), format!("docker-image://{reference}@{digest}"))])
    }
}

/// Asks a registry what it has for one group.
///
/// # Errors
/// The lock file cannot be read, or the user interrupted. A registry that does not answer has nothing.
pub fn look_up(engine: &Engine, builder: Option<&str>, repository: &str, inputs: &Inputs<'_>) -> Result<Dependencies> {
    let base = base(engine, &inputs.plan.toolchain.image)?;
    let Key { exact, scope } = key(&Inputs { base: base.as_deref(), ..*inputs })?;
    let reference = format!("{repository}:deps-{exact}");
    let latest = format!("{repository}:deps-latest-{scope}");
    let kept = match digest(engine, builder, &reference)? {
        Some(digest) => Kept::These(digest),
        None => digest(engine, builder, &latest)?.map_or(Kept::Nothing, Kept::Earlier),
    };
    Ok(Dependencies { suffix: inputs.plan.groups[inputs.group].suffix.clone(), reference, latest, kept })
}

/// The digest of what a reference names in its registry; none where it is not there or the registry does not answer.
///
/// # Errors
/// The user interrupted.
pub fn digest(engine: &Engine, builder: Option<&str>, reference: &str) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Descriptor {
        digest: String,
    }
    let said = ask(engine, builder, reference, &["--format", "{{json .Manifest}}"])?;
    let manifest = said.ok().and_then(|text| serde_json::from_str::<Descriptor>(&text).ok());
    Ok(manifest.map(|manifest| manifest.digest))
}

/// What `imagetools inspect` says of a reference, or its words where it says nothing.
pub(super) fn ask(
    engine: &Engine,
    builder: Option<&str>,
    reference: &str,
    how: &[&str],
) -> Result<std::result::Result<String, String>> {
    let mut command = Command::new(engine.docker.clone(), "ask a registry what it has").args(["buildx", "imagetools"]);
    if let Some(builder) = builder {
        command = command.args(["--builder", builder]);
    }
    let output = command.arg("inspect").args(how.iter().copied()).arg(reference).asks().output()?;
    Ok(if output.status.success() { Ok(output.stdout) } else { Err(output.stderr) })
}

/// The digest of the toolchain image: a floating tag names other compilers on other days.
fn base(engine: &Engine, image: &str) -> Result<Option<String>> {
    if let Some((_, digest)) = image.split_once('@') {
        return Ok(Some(digest.to_owned()));
    }
    // An engine builds on what is in its own store, if it has one; with containerd's its id is the registry's digest.
    let inspect = Command::new(engine.docker.clone(), "see which toolchain image is there");
    let output = inspect.args(["image", "inspect", "--format", "{{.Id}}", image]).asks().output()?;
    let id = output.stdout.trim();
    if output.status.success() && id.starts_with("sha256:") {
        return Ok(Some(id.to_owned()));
    }
    digest(engine, None, image)
}
