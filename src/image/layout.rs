//! The OCI image layout: an index, and blobs by their digests.

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType};

use super::{Config, Image, layer};
use crate::digest;
use crate::failure::{Failure, Kind, Result};

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
                    self.walk(&inner, images, depth + 1)?;
                }
                MediaType::ImageManifest => images.push(self.image(descriptor, &bytes)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn image(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<Image> {
        let manifest =
            ImageManifest::from_reader(bytes).map_err(|error| broken("a manifest cannot be read").caused_by(error))?;
        let json = self.json(manifest.config())?;
        let configuration = ImageConfiguration::from_reader(json.as_slice())
            .map_err(|error| broken("a configuration cannot be read").caused_by(error))?;
        let run = configuration.config().clone().unwrap_or_default();
        let layers =
            manifest.layers().iter().map(|descriptor| layer::read(self, descriptor)).collect::<Result<Vec<_>>>()?;
        Ok(Image {
            digest: descriptor.digest().to_string(),
            metadata_bytes: bytes.len() as u64 + json.len() as u64,
            config: Config {
                architecture: configuration.architecture().to_string(),
                os: configuration.os().to_string(),
                user: run.user().clone().unwrap_or_default(),
                entrypoint: run.entrypoint().clone().unwrap_or_default(),
                env: run.env().clone().unwrap_or_default(),
                workdir: run.working_dir().clone().unwrap_or_default(),
                labels: run.labels().clone().unwrap_or_default().into_iter().collect(),
            },
            files: layer::merge(&layers),
            layers,
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

pub(super) fn check(digest: &str, found: &str) -> Result<()> {
    if digest == found {
        return Ok(());
    }
    Err(broken(format!("the blob {digest} is not what its digest says")))
}

pub(super) fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Verify, format!("the image that was built cannot be read: {what}"))
        .help("build again; if it stays so, `docker buildx prune` empties the engine's cache")
}
