//! A measured account of a build: sizes from the image itself, times from the engine's record, and what has changed
//! since the last one.

mod junit;
mod last;
mod libtest;
mod looked;
mod markdown;
mod table;

use serde::{Deserialize, Serialize};

pub use junit::{FailedTest, Tests};
pub use last::Last;
pub use looked::Looked;
pub use markdown::markdown;
pub use table::{COLUMNS, table};

use crate::engine::record::BuildRecord;
use crate::failure::Failure;
use crate::image::verify::{self, Check};
use crate::image::{FileKind, Image};
use crate::pins;
use crate::plan::model;

/// How many of a layer's files are named.
const LARGEST: usize = 3;

/// The version of the report's JSON.
pub const SCHEMA: u32 = 1;

/// The account of one build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// This tool's version.
    pub version: String,
    /// `prod`, `dev`, `test`, or the user's.
    pub profile: String,
    /// The images.
    pub images: Vec<ImageReport>,
    /// The tests, where the profile runs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Tests>,
    /// The engine's record.
    pub build: BuildRecord,
}

/// One image's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageReport {
    /// The binary's name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Docker's name of the platform: `linux/amd64`.
    pub platform: String,
    /// The manifest's digest.
    pub digest: String,
    /// Sizes.
    pub size: Size,
    /// Bytes, compressed, of the last build of this image and profile here; none: there was none.
    pub before: Option<u64>,
    /// What was looked at in it.
    pub checks: Vec<Check>,
}

/// What fails a build: of the first image that is not what was planned. None: all of them are.
pub fn failure(images: &[ImageReport]) -> Option<Failure> {
    images.iter().find_map(|image| verify::failure(&image.name, &image.checks))
}

/// Sizes of an image, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Size {
    /// The layers' blobs, as they are pushed and pulled.
    pub compressed: u64,
    /// The files of all layers.
    pub unpacked: u64,
    /// Manifest and configuration.
    pub metadata: u64,
    /// Each layer.
    pub layers: Vec<LayerSize>,
}

/// Sizes of a layer, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerSize {
    /// What it holds, in the plan's words; a base image's layers and folders' are told by their files.
    pub name: String,
    /// The digest of its blob.
    pub digest: String,
    /// Bytes of the blob.
    pub compressed: u64,
    /// Bytes of its files.
    pub unpacked: u64,
    /// Files, folders not counted.
    pub files: usize,
    /// Its largest files, by path.
    pub largest: Vec<(String, u64)>,
}

impl Report {
    /// Takes another build than the last one here for what was before.
    pub fn hold_against(&mut self, base: &Self) {
        for image in &mut self.images {
            image.before = base.same(image).map(|before| before.size.compressed);
        }
    }

    /// The image of the same name and platform.
    fn same(&self, image: &ImageReport) -> Option<&ImageReport> {
        self.images.iter().find(|one| one.name == image.name && one.platform == image.platform)
    }
}

impl Size {
    /// The sizes of an image.
    pub fn of(image: &Image, plan: &model::Image) -> Self {
        let layers: Vec<LayerSize> = image.layers.iter().map(layer).collect();
        let mut size = Self {
            compressed: layers.iter().map(|layer| layer.compressed).sum(),
            unpacked: layers.iter().map(|layer| layer.unpacked).sum(),
            metadata: image.metadata_bytes,
            layers,
        };
        // The plan's layers are the image's last ones; an empty layer (the working folder's) and a base's have no name.
        let mut names = plan.layers.iter().rev().filter(|name| plan.fills(name)).peekable();
        for (own, layer) in image.layers.iter().zip(&mut size.layers).rev() {
            if layer.files == 0 {
                "folders".clone_into(&mut layer.name);
                continue;
            }
            // Where the base has all libraries, the layer of ours is empty.
            names.next_if(|name| *name == "libraries" && holds_the_bases(own, plan));
            // What a base is pinned to says nothing to people.
            let base = pins::undigested(&plan.base);
            layer.name = names.next().cloned().unwrap_or_else(|| base.to_owned());
        }
        size
    }
}

/// Whether there is a library in a layer that is never copied, because the base has it.
fn holds_the_bases(layer: &crate::image::Layer, plan: &model::Image) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let has = |brings: &model::Brings| layer.entries.iter().any(|entry| brings.library(&name(&entry.path)));
    plan.brings.as_ref().is_some_and(has)
}

fn layer(layer: &crate::image::Layer) -> LayerSize {
    let files = layer.entries.iter().filter(|entry| entry.file.kind == FileKind::Regular);
    let mut largest: Vec<(String, u64)> =
        files.clone().map(|entry| (entry.path.to_string(), entry.file.size)).collect();
    let count = largest.len();
    largest.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    largest.truncate(LARGEST);
    LayerSize {
        name: String::new(),
        digest: layer.digest.clone(),
        compressed: layer.compressed,
        unpacked: layer.unpacked,
        files: count,
        largest,
    }
}
