//! The Cargo workspace in a build context.

use camino::{Utf8Path, Utf8PathBuf};

use crate::workspace::{Query, Workspace, relative};

/// What is known of the workspace that a Dockerfile builds.
#[derive(Debug)]
pub struct Facts {
    /// The workspace.
    pub workspace: Workspace,
    /// The context's folder, absolute.
    pub context: Utf8PathBuf,
}

impl Facts {
    /// Asks cargo; none where there is no workspace in this context, or cargo cannot read it: then what needs facts is silent.
    pub fn read(context: &Utf8Path, offline: bool) -> Option<Self> {
        let manifest = context.join("Cargo.toml");
        if !manifest.is_file() {
            return None;
        }
        let query = Query { manifest_path: Some(manifest), offline, ..Query::default() };
        let workspace = Workspace::load(&query).ok()?;
        let context = context.canonicalize_utf8().ok()?;
        Some(Self { workspace, context })
    }

    /// A path of the workspace, relative to the context; none where it lies outside, or is the context itself.
    pub fn inside(&self, path: &Utf8Path) -> Option<String> {
        let path = relative(&self.context, path);
        (!path.as_str().is_empty() && !path.starts_with("..") && !path.is_absolute()).then(|| path.into_string())
    }
}
