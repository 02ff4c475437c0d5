//! The OCI image layout: an index, and blobs by their digests.

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::{Descriptor, Digest, ImageConfiguration, ImageIndex, ImageManifest, MediaType};

use super::archive::Budget;
use super::{Config, Image, layer};
use crate::digest;
use crate::failure::{Failure, Kind, Result};
use crate::limits;
use crate::platforms;

/// A larger manifest or configuration is none.
pub(crate) const LARGEST_JSON: u64 = 8 * 1024 * 1024;

/// How deep indexes may lie in indexes: a layout's own, and one of platforms.
const DEPTH: usize = 4;

/// A layout in a folder.
#[derive(Debug, Clone)]
pub struct Layout(Utf8PathBuf);

impl Layout {
    /// A layout in this folder; nothing is read yet.
    pub fn new(folder: impl Into<Utf8PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Reads every image in it; attestations are passed over.
    ///
    /// # Errors
    /// [`Kind::Verify`]: a file is missing, broken, or not what its digest says.
    pub fn images(&self) -> Result<Vec<Image>> {
        let path = self.0.join("index.json");
        let text = fs_err::read(&path).map_err(|error| broken("it has no index").caused_by(error))?;
        let mut images = Vec::new();
        let index = ImageIndex::from_reader(text.as_slice())
            .map_err(|error| broken("its index cannot be read").caused_by(error))?;
        self.walk(&index, &mut images, 0)?;
        if images.is_empty() {
            return Err(broken("it holds no image"));
        }
        Ok(images)
    }

    /// Reads the image whose manifest has this digest; an index need not name it.
    ///
    /// # Errors
    /// As [`Layout::images`].
    pub fn image_of(&self, digest: &str) -> Result<Image> {
        let descriptor = self.manifest(digest)?;
        let bytes = self.json(&descriptor)?;
        self.image(&descriptor, &bytes)
    }

    /// The manifest of this digest, as who refers to it names it.
    pub(super) fn manifest(&self, digest: &str) -> Result<Descriptor> {
        let size = fs_err::metadata(self.blob(digest)?).map_or(0, |metadata| metadata.len());
        let digest: Digest =
            digest.parse().map_err(|error| broken(format!("`{digest}` is no digest")).caused_by(error))?;
        Ok(Descriptor::new(MediaType::ImageManifest, size, digest))
    }

    /// The manifest of this digest, and the configuration that it names, whatever is in them.
    pub(super) fn documents(&self, digest: &str) -> Result<(serde_json::Value, serde_json::Value)> {
        let bytes = self.json(&self.manifest(digest)?)?;
        let config = self.json(manifest(&bytes)?.config())?;
        let value = |bytes: &[u8]| {
            serde_json::from_slice(bytes).map_err(|error| broken("a document in it cannot be read").caused_by(error))
        };
        Ok((value(&bytes)?, value(&config)?))
    }

    fn walk(&self, index: &ImageIndex, images: &mut Vec<Image>, depth: usize) -> Result<()> {
        for descriptor in index.manifests() {
            let platform = descriptor.platform().as_ref();
            // Attestations are manifests for the platform `unknown/unknown`.
            if platform.is_some_and(|platform| platform.os().to_string() == "unknown") {
                continue;
            }
            let bytes = self.json(descriptor)?;
            match descriptor.media_type() {
                MediaType::ImageIndex if depth < DEPTH => {
                    let inner = ImageIndex::from_reader(bytes.as_slice())
                        .map_err(|error| broken("an index in it cannot be read").caused_by(error))?;
                    self.walk(&inner, images, depth.saturating_add(1))?;
                }
                // Documents about an image lie beside it, as manifests of another type.
                MediaType::ImageManifest if holds_image(&bytes)? => images.push(self.image(descriptor, &bytes)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn image(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<Image> {
        let manifest = manifest(bytes)?;
        let json = self.json(manifest.config())?;
        let configuration = ImageConfiguration::from_reader(json.as_slice())
            .map_err(|error| broken("a configuration cannot be read").caused_by(error))?;
        let run = configuration.config().clone().unwrap_or_default();
        let architecture = configuration.architecture().to_string();
        let variant = configuration.variant().as_deref().unwrap_or_default();
        // The program will be looked into.
        let entrypoint = run.entrypoint().clone().unwrap_or_default();
        limits::LAYERS.check(manifest.layers().len() as u64)?;
        let budget = Budget::default();
        let mut layers = Vec::new();
        let mut program = None;
        for (at, descriptor) in manifest.layers().iter().enumerate() {
            let (layer, kept) = layer::read(self, descriptor, entrypoint.last().map(String::as_str), &budget)?;
            program = kept.map(|bytes| (at, bytes)).or(program);
            layers.push(layer);
        }
        Ok(Image {
            digest: descriptor.digest().to_string(),
            metadata_bytes: (bytes.len() as u64).saturating_add(json.len() as u64),
            config: Config {
                variant: platforms::variant(&architecture, variant).to_owned(),
                architecture,
                os: configuration.os().to_string(),
                user: run.user().clone().unwrap_or_default(),
                entrypoint,
                env: run.env().clone().unwrap_or_default(),
                workdir: run.working_dir().clone().unwrap_or_default(),
                labels: run.labels().clone().unwrap_or_default().into_iter().collect(),
            },
            files: layer::merge(&layers)?,
            layers,
            program,
            layout: self.clone(),
        })
    }

    /// A small blob, checked.
    fn json(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let digest = descriptor.digest().to_string();
        let path = self.blob(&digest)?;
        let missing = |error: std::io::Error| broken(format!("the blob {digest} cannot be read")).caused_by(error);
        if fs_err::metadata(&path).map_err(missing)?.len() > LARGEST_JSON {
            return Err(broken(format!("the blob {digest} is too large for what it is")));
        }
        let bytes = fs_err::read(&path).map_err(missing)?;
        check(&digest, &digest::sha256_of(&bytes))?;
        Ok(bytes)
    }

    /// Where the blob of a digest lies.
    pub(super) fn blob(&self, digest: &str) -> Result<Utf8PathBuf> {
        match digest::sha256_digits(digest) {
            Some(digits) => Ok(self.0.join("blobs/sha256").join(digits)),
            None => Err(broken(format!("`{digest}` is not a digest that is known"))),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Utf8Path {
        &self.0
    }
}

fn manifest(bytes: &[u8]) -> Result<ImageManifest> {
    ImageManifest::from_reader(bytes).map_err(|error| broken("a manifest cannot be read").caused_by(error))
}

fn holds_image(bytes: &[u8]) -> Result<bool> {
    let manifest = manifest(bytes)?;
    Ok(manifest.artifact_type().is_none() && *manifest.config().media_type() != MediaType::EmptyJSON)
}

pub(super) fn check(digest: &str, found: &str) -> Result<()> {
    if digest == found {
        return Ok(());
    }
    Err(broken(format!("the blob {digest} is not what its digest says")))
}

pub(super) fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Verify, format!("the image that was built cannot be read: {what}")).help(
        "build again; if it stays so, empty the engine's cache: `docker buildx prune`, or without Docker `cargo clean`",
    )
}
