//! A build as a value: what `docker buildx bake` is asked to do.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use serde::Serialize;

use super::probe::Engine;
use crate::exec::Command;
use crate::explain::Places;

/// The first buildx that has `--allow`.
const ENTITLEMENTS: Version = Version::new(0, 17, 0);

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The folder that bake runs in: the workspace's root.
    pub root: Utf8PathBuf,
    /// The bake file.
    pub file: Utf8PathBuf,
    /// A folder of ours for the request's own files and for images to measure.
    pub scratch: Utf8PathBuf,
    /// The targets.
    pub targets: BTreeMap<String, Target>,
    /// Paths outside of `root` that the build reads.
    pub reads: Vec<Utf8PathBuf>,
    /// Paths outside of `root` that it writes.
    pub writes: Vec<Utf8PathBuf>,
    /// The builder, where it is not the current one.
    pub builder: Option<String>,
    /// The environment that its secrets read; the values are secret.
    pub secret_env: Vec<(String, String)>,
    /// What is told of a step that fails is told with the user's own paths.
    pub places: Places,
}

/// What differs from the bake file for one target. Bake's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The Dockerfile, where it is not the bake file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// Names of the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Build arguments.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// Labels besides the Dockerfile's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Secrets, by where their values come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secret: Vec<String>,
    /// Agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh: Vec<String>,
    /// What goes with an image into a registry: `type=provenance,mode=max`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attest: Vec<String>,
    /// Where the result goes.
    pub output: Vec<String>,
    /// What stands in for stages, by their names: `docker-image://…`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub contexts: BTreeMap<String, String>,
    /// Caches that are read.
    #[serde(rename = "cache-from", skip_serializing_if = "Vec::is_empty")]
    pub cache_from: Vec<String>,
    /// Caches that are written.
    #[serde(rename = "cache-to", skip_serializing_if = "Vec::is_empty")]
    pub cache_to: Vec<String>,
    /// The targets of the bake file that it takes after, where it is not in that file itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherits: Vec<String>,
    /// The stage, where it is not the bake file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Platforms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// The network of the build's steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Whether the cache is left out.
    #[serde(rename = "no-cache", skip_serializing_if = "std::ops::Not::not")]
    pub no_cache: bool,
    /// Stages that are built although the cache has them.
    #[serde(rename = "no-cache-filter", skip_serializing_if = "Vec::is_empty")]
    pub no_cache_filter: Vec<String>,
    /// Whether newer base images are looked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pull: bool,
}

#[derive(Serialize)]
struct Override<'a> {
    target: &'a BTreeMap<String, Target>,
}

impl Request {
    /// The file that changes the bake file's targets.
    pub fn override_file(&self) -> Utf8PathBuf {
        self.scratch.join("bake.json")
    }

    /// The contents of [`Request::override_file`].
    pub fn override_text(&self) -> String {
        serde_json::to_string_pretty(&Override { target: &self.targets }).unwrap_or_default() + "\n"
    }

    /// Where bake leaves what it knows of the results.
    pub fn metadata_file(&self) -> Utf8PathBuf {
        self.scratch.join("metadata.json")
    }

    /// Where the image of a target is put to be measured: an OCI layout.
    pub fn layout(scratch: &Utf8Path, target: &str) -> Utf8PathBuf {
        scratch.join("images").join(target)
    }

    /// The archive that stands in for such a folder until it is unpacked.
    pub fn archive(layout: &Utf8Path) -> Utf8PathBuf {
        layout.with_extension("tar")
    }

    /// The command.
    pub fn command(&self, engine: &Engine) -> Command {
        let mut command = Command::new(engine.docker.clone(), "build the images").args(["buildx", "bake"]);
        if let Some(builder) = &self.builder {
            command = command.args(["--builder", builder]);
        }
        for file in [&self.file, &self.override_file()] {
            command = command.arg("--file").arg(file.as_str());
        }
        command = command.arg("--metadata-file").arg(self.metadata_file().as_str());
        // Bake asks before it goes out of its folder, and cannot ask here; older ones do not know the flag.
        if engine.buildx >= ENTITLEMENTS {
            command = command.args(self.entitlements());
        }
        for (name, value) in &self.secret_env {
            command = command.secret(name, value);
        }
        // BuildKit colours nothing in rawjson; the variable keeps buildx's own notes plain.
        command.args(["--progress", "rawjson"]).args(self.targets.keys().cloned()).env("NO_COLOR", "1").cwd(&self.root)
    }

    fn entitlements(&self) -> Vec<String> {
        let mut allowed = Vec::new();
        if !self.scratch.starts_with(&self.root) {
            allowed.extend(["write", "read"].map(|what| format!("--allow=fs.{what}={}", self.scratch)));
        }
        allowed.extend(self.reads.iter().map(|path| format!("--allow=fs.read={path}")));
        allowed.extend(self.writes.iter().map(|path| format!("--allow=fs.write={path}")));
        if self.targets.values().any(|target| target.network.as_deref() == Some("host")) {
            allowed.push("--allow=network.host".to_owned());
        }
        if self.targets.values().any(|target| !target.ssh.is_empty()) {
            allowed.push("--allow=ssh".to_owned());
        }
        allowed
    }
}
