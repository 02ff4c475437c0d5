//! What the last build of each image weighed, kept in cargo's target folder.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Report;

/// The last builds, by image, platform and profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    images: BTreeMap<String, u64>,
}

fn path(scratch: &Utf8Path) -> Utf8PathBuf {
    scratch.join("last.json")
}

fn key(profile: &str, name: &str, platform: &str) -> String {
    format!("{profile} {name} {platform}")
}

impl Last {
    /// Reads it; what cannot be read is as good as not there.
    pub fn read(scratch: &Utf8Path) -> Self {
        fs_err::read(path(scratch)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// The compressed bytes of the last build.
    pub fn size(&self, profile: &str, name: &str, platform: &str) -> Option<u64> {
        self.images.get(&key(profile, name, platform)).copied()
    }

    /// Takes a report in and writes it down. That it could not is no failure of a build that is done.
    pub fn remember(mut self, scratch: &Utf8Path, report: &Report) {
        for image in &report.images {
            self.images.insert(key(&report.profile, &image.name, &image.platform), image.size.compressed);
        }
        if let Ok(text) = serde_json::to_vec_pretty(&self) {
            drop(fs_err::write(path(scratch), text));
        }
    }
}
