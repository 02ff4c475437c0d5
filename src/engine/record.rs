//! What a build did, as the engine told it: the record that the report, the caching tests and `measure` read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The record of one build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuildRecord {
    /// Wall-clock seconds of the whole build.
    pub seconds: f64,
    /// The steps in the order in which the engine first named them.
    pub steps: Vec<Step>,
    /// Bytes of the build context that were sent to the engine.
    pub context_bytes: u64,
    /// The result of each bake target, by its name.
    pub targets: BTreeMap<String, TargetResult>,
}

/// One step (BuildKit's vertex).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// The engine's digest of it, the key under which its events were collected.
    pub digest: String,
    /// As the engine shows it: `[builder 2/3] RUN cargo build …`.
    pub name: String,
    /// The stage, where the name has one: `builder`.
    pub stage: Option<String>,
    /// In a build for several platforms, the one that it is for or that it runs on: `arm64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Seconds that it ran: the union of its intervals.
    pub seconds: f64,
    /// Whether its result came from the cache.
    pub cached: bool,
    /// Crates that cargo compiled in it, as `name version`, in order, each once.
    pub compiled: Vec<String>,
    /// What it kept of cargo's target folder in its cache mount, where it has one.
    #[serde(default)]
    pub target: Option<TargetFolder>,
    /// The name of the run of tests in it, under which their results are kept, where it runs some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// What it warns of: compiled dependencies that the next build will not find.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The engine's error, where it failed.
    pub error: Option<String>,
    /// The last lines that it printed (at most 100).
    pub tail: Vec<String>,
}

/// Cargo's target folder in a cache mount, after the step that compiled in it. In bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetFolder {
    /// What the step compiled, or found compiled.
    pub kept: u64,
    /// What it removed, since no build uses it any more.
    pub removed: u64,
}

impl TargetFolder {
    /// As the step says it: `dockerize-target: 37888 kB kept, 120 kB removed`.
    pub(super) fn said(line: &str) -> Option<Self> {
        let (kept, removed) = line.strip_prefix("dockerize-target: ")?.split_once(", ")?;
        let bytes = |text: &str, what| text.strip_suffix(what)?.parse::<u64>().ok()?.checked_mul(1024);
        Some(Self { kept: bytes(kept, " kB kept")?, removed: bytes(removed, " kB removed")? })
    }
}

/// A warning, as the step says it: `dockerize-target: warning: 0 of 10 …`.
pub(super) fn warned(line: &str) -> Option<String> {
    line.strip_prefix("dockerize-target: warning: ").map(str::to_owned)
}

/// The name of a run of tests, as the step says it: `dockerize-tests: 3f0c…`.
pub(super) fn tests_said(line: &str) -> Option<String> {
    let run = line.strip_prefix("dockerize-tests: ")?;
    let plain = !run.is_empty() && run.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    plain.then(|| run.to_owned())
}

/// One bake target's result, from `--metadata-file`; every field can be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetResult {
    /// `containerimage.digest`: a manifest's digest, or an index's where attestations are attached.
    pub digest: Option<String>,
    /// `containerimage.config.digest`.
    pub config_digest: Option<String>,
    /// `image.name`.
    pub image: Option<String>,
}

impl BuildRecord {
    /// The target folders that were compiled in, together.
    pub fn target(&self) -> TargetFolder {
        self.steps.iter().filter_map(|step| step.target).fold(TargetFolder::default(), |sum, one| TargetFolder {
            kept: sum.kept + one.kept,
            removed: sum.removed + one.removed,
        })
    }

    /// This build and then another, as one: a step that both had is the first one's.
    #[must_use]
    pub fn then(mut self, mut next: Self) -> Self {
        self.seconds += next.seconds;
        self.context_bytes += next.context_bytes;
        next.steps.retain(|step| self.steps.iter().all(|before| before.digest != step.digest));
        self.steps.append(&mut next.steps);
        self.targets.append(&mut next.targets);
        self
    }

    /// The steps of one stage.
    pub fn stage<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(move |step| step.stage.as_deref() == Some(stage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_a_name_and_no_path() {
        assert_eq!(tests_said("dockerize-tests: 01ab-cd").as_deref(), Some("01ab-cd"));
        assert_eq!(tests_said("dockerize-tests: ../x"), None);
    }

    #[test]
    fn what_a_target_folder_keeps() {
        let said = TargetFolder::said("dockerize-target: 2 kB kept, 0 kB removed");
        assert_eq!(said, Some(TargetFolder { kept: 2048, removed: 0 }));
        for other in ["dockerize-target: many kB kept, 0 kB removed", "2 kB kept, 0 kB removed", "dockerize-target: x"]
        {
            assert_eq!(TargetFolder::said(other), None);
        }
    }
}
