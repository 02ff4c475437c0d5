//! What becomes of layers: an image for each platform, and one thing that names them all.

use std::collections::{BTreeMap, BTreeSet};

use oci_spec::image::{Descriptor, ImageIndexBuilder, ImageManifestBuilder, MediaType, Platform};
use serde::Serialize;

use super::config::configuration;
use super::layer::Layer;
use super::store::Store;
use crate::failure::{Failure, Kind, Result};
pub(super) use crate::registry::platform_name;

/// What a container runs with; what it does not say is the base's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunConfig {
    /// User and group, by number.
    pub user: String,
    /// Environment, besides the base's.
    pub env: BTreeMap<String, String>,
    /// What is started.
    pub entrypoint: Vec<String>,
    /// What it is given where nobody gives anything else.
    pub arguments: Vec<String>,
    /// The working folder.
    pub workdir: String,
    /// TCP ports.
    pub expose: Vec<u16>,
    /// Labels, besides the base's.
    pub labels: BTreeMap<String, String>,
    /// A program, with its arguments, that tells whether it is well; empty: none.
    pub healthcheck: Vec<String>,
    /// The signal that ends it; none: the base's, or TERM.
    pub stop_signal: Option<String>,
}

/// The image under ours, for one platform; its blobs lie in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// As the plan names it: `gcr.io/distroless/cc-debian13:nonroot`.
    pub reference: String,
    /// The digest of what the reference names, which may be an index.
    pub named: String,
    /// The digest of its manifest for this platform.
    pub digest: String,
    /// Its configuration as it is.
    pub config: Vec<u8>,
    /// Its layers' blobs, lowest first.
    pub layers: Vec<Descriptor>,
}

/// An image for one platform, whose blobs lie in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its manifest; `platform` is set.
    pub manifest: Descriptor,
    /// Its configuration.
    pub config: Descriptor,
    /// Its layers' blobs, lowest first: the base's, then ours.
    pub layers: Vec<Descriptor>,
    /// Which platform it is for.
    pub platform: Platform,
    /// The base's layers, and from where: a registry that has them need not be sent them.
    pub base: Option<Base>,
}

impl Image {
    /// Its platform as Docker writes it: `linux/arm/v7`.
    pub fn platform_name(&self) -> String {
        platform_name(&self.platform)
    }
}

/// All that is shipped under one name: an image, or several under an index, and the documents about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What a tag names: the manifest of the only image, or the index.
    pub root: Descriptor,
    /// Images, one a platform.
    pub images: Vec<Image>,
    /// Manifests in the store that have one of the images as their subject, each with its blobs.
    pub attached: Vec<Attached>,
}

impl Bundle {
    /// The digests of all blobs that it is made of, and of those by which its base is found again.
    pub fn blobs(&self) -> BTreeSet<String> {
        let images = self.images.iter().flat_map(|image| image.layers.iter().chain([&image.manifest, &image.config]));
        let attached = self.attached.iter().flat_map(|attached| attached.blobs.iter().chain([&attached.manifest]));
        let own = images.chain(attached).chain([&self.root]).map(|descriptor| descriptor.digest().to_string());
        own.chain(self.images.iter().filter_map(|image| image.base.as_ref()).flat_map(Base::blobs)).collect()
    }
}

/// A document that refers to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its manifest: `artifactType` and `subject` are in it.
    pub manifest: Descriptor,
    /// The blobs that it names: the empty configuration, the document.
    pub blobs: Vec<Descriptor>,
}

/// Makes an image of a base and layers on it, each with a name for its history: `base`, `libraries`, `assets`, `program`. Its
/// configuration and its manifest go into the store. `platform` is `linux/amd64` or `linux/arm/v7`, `created` seconds since
/// 1970.
///
/// # Errors
/// [`Kind::Engine`]: the base cannot be used, such as one for another platform; [`Kind::Usage`]: it is no platform, or no
/// time; [`Kind::Emit`]: the store cannot be written.
pub fn image(
    store: &Store,
    base: Option<&Base>,
    layers: &[(&str, Layer)],
    run: &RunConfig,
    platform: &str,
    created: u64,
) -> Result<Image> {
    let platform = read_platform(platform)?;
    let config = configuration(base, layers, run, &platform, created)?;
    let config = store.put(MediaType::ImageConfig, &config)?;
    let of_base = base.into_iter().flat_map(|base| base.layers.iter().map(of_oci));
    let all: Vec<Descriptor> = of_base.chain(layers.iter().map(|(_, layer)| layer.descriptor.clone())).collect();
    let manifest = ImageManifestBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageManifest)
        .config(config.clone())
        .layers(all.clone())
        .build()
        .map_err(|error| unwritable("manifest").caused_by(error))?;
    let mut manifest = store.put(MediaType::ImageManifest, &canonical(&manifest)?)?;
    manifest.set_platform(Some(platform.clone()));
    Ok(Image { manifest, config, layers: all, platform, base: base.cloned() })
}

/// Puts images for several platforms under one name. An index goes into the store where there are several.
///
/// # Errors
/// [`Kind::Usage`]: two images are for one platform; [`Kind::Emit`]: the store cannot be written.
pub fn bundle(store: &Store, images: Vec<Image>) -> Result<Bundle> {
    let mut platforms = BTreeSet::new();
    if let Some(twice) = images.iter().map(Image::platform_name).find(|name| !platforms.insert(name.clone())) {
        return Err(
            Failure::new(Kind::Usage, format!("there are two images for {twice}")).help("name each platform once")
        );
    }
    let root = match images.as_slice() {
        [] => return Err(unwritable("index").detail("there is no image in it")),
        [only] => only.manifest.clone(),
        several => {
            let index = ImageIndexBuilder::default()
                .schema_version(2u32)
                .media_type(MediaType::ImageIndex)
                .manifests(several.iter().map(|image| image.manifest.clone()).collect::<Vec<_>>())
                .build()
                .map_err(|error| unwritable("index").caused_by(error))?;
            store.put(MediaType::ImageIndex, &canonical(&index)?)?
        }
    };
    Ok(Bundle { root, images, attached: Vec::new() })
}

/// JSON whose bytes depend on nothing but what it says: annotations come in the order of a hash map.
///
/// # Errors
/// [`Kind::Internal`]: it cannot be JSON.
pub(super) fn canonical(what: &impl Serialize) -> Result<Vec<u8>> {
    let mut value = serde_json::to_value(what).map_err(|error| unwritable("JSON").caused_by(error))?;
    value.sort_all_objects();
    serde_json::to_vec(&value).map_err(|error| unwritable("JSON").caused_by(error))
}

/// Reads such a name.
///
/// # Errors
/// [`Kind::Usage`]: it is none.
pub(super) fn read_platform(text: &str) -> Result<Platform> {
    let parts: Vec<&str> = text.split('/').collect();
    let mut platform = Platform::default();
    match parts.as_slice() {
        [os, architecture, variant @ ..] if variant.len() < 2 && parts.iter().all(|part| !part.is_empty()) => {
            platform.set_os((*os).into()).set_architecture((*architecture).into());
            platform.set_variant(variant.first().map(|variant| (*variant).to_owned()));
            Ok(platform)
        }
        _ => Err(Failure::new(Kind::Usage, format!("`{text}` is not a platform"))
            .help("write it as OS/ARCHITECTURE, such as linux/amd64 or linux/arm64")),
    }
}

/// Docker's types of layers, and what they are in OCI: an OCI manifest may name no others.
const OF_DOCKER: &[(&str, MediaType)] = &[
    ("application/vnd.docker.image.rootfs.diff.tar", MediaType::ImageLayer),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", MediaType::ImageLayerGzip),
    ("application/vnd.docker.image.rootfs.diff.tar.zstd", MediaType::ImageLayerZstd),
    ("application/vnd.docker.image.rootfs.foreign.diff.tar", MediaType::ImageLayerNonDistributable),
    ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MediaType::ImageLayerNonDistributableGzip),
];

fn of_oci(layer: &Descriptor) -> Descriptor {
    let known = OF_DOCKER.iter().find(|(name, _)| *name == layer.media_type().as_ref());
    let mut layer = layer.clone();
    if let Some((_, media_type)) = known {
        layer.set_media_type(media_type.clone());
    }
    layer
}

fn unwritable(what: &str) -> Failure {
    Failure::new(Kind::Internal, format!("the image's {what} cannot be written"))
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
