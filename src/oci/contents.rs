//! What an image layout holds, in a folder or in an archive: an index of names, and blobs.

use std::collections::{BTreeMap, BTreeSet};

use oci_spec::image::{ANNOTATION_REF_NAME, Descriptor, ImageIndexBuilder, ImageManifest, MediaType};

use super::image::{Attached, Bundle, Image, canonical};
use super::store::{Store, broken};
use crate::digest::sha256_digits;
use crate::failure::{Failure, Kind, Result};
use crate::registry::Reference;

/// The file that says that a folder is a layout, and what is in it.
pub(super) const MARK: (&str, &str) = ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);

/// The file with the names.
pub(super) const INDEX: &str = "index.json";

/// The folder of the blobs.
pub(super) const BLOBS: &str = "blobs/sha256";

/// Where containerd, Docker and Podman look for the whole name: the other annotation may hold no more than the tag.
const WHOLE_NAME: &str = "io.containerd.image.name";

/// A bundle, and the names that it is shipped under: `registry.example/team/api:1.2`.
pub type Named<'a> = (&'a Bundle, &'a [String]);

/// What is written of one bundle.
pub(super) struct Part<'a> {
    pub root: &'a Descriptor,
    pub images: Vec<&'a Image>,
    pub attached: &'a [Attached],
    pub names: Vec<Reference>,
}

impl<'a> Part<'a> {
    /// All of it.
    ///
    /// # Errors
    /// [`Kind::Usage`]: a name is none.
    pub fn whole((bundle, names): Named<'a>) -> Result<Self> {
        let images = bundle.images.iter().collect();
        Ok(Self { root: &bundle.root, images, attached: &bundle.attached, names: references(names)? })
    }

    /// One image of it, and no documents.
    ///
    /// # Errors
    /// [`Kind::Usage`]: a name is none.
    pub fn of(image: &'a Image, names: &[String]) -> Result<Self> {
        Ok(Self { root: &image.manifest, images: vec![image], attached: &[], names: references(names)? })
    }
}

/// In full: `api:1` is `docker.io/library/api:1`, and containerd looks for nothing else when it is asked for `api:1`.
fn references(names: &[String]) -> Result<Vec<Reference>> {
    names.iter().map(|name| name.parse()).collect()
}

/// The files of a layout.
pub(super) struct Contents {
    /// [`INDEX`].
    pub index: Vec<u8>,
    /// Blobs by the digits of their digests.
    pub blobs: BTreeMap<String, Descriptor>,
}

/// What a layout of these parts holds.
///
/// # Errors
/// [`Kind::Verify`]: a blob is not in the store; [`Kind::Usage`]: two parts have one name.
pub(super) fn contents(store: &Store, parts: &[Part<'_>]) -> Result<Contents> {
    let mut taken: BTreeMap<String, &Descriptor> = BTreeMap::new();
    let mut entries = Vec::new();
    for part in parts {
        let mut names = BTreeSet::new();
        for name in &part.names {
            let whole = name.to_string();
            if taken.insert(whole.clone(), part.root).is_some_and(|other| other.digest() != part.root.digest()) {
                return Err(Failure::new(Kind::Usage, format!("two images would have the name {whole}"))
                    .help("build one of them alone, or give each a name of its own"));
            }
            if names.insert(whole.clone()) {
                let tag = name.tag().unwrap_or("latest").to_owned();
                let notes = [(ANNOTATION_REF_NAME.to_owned(), tag), (WHOLE_NAME.to_owned(), whole)];
                let mut entry = part.root.clone();
                let mut all = entry.annotations().clone().unwrap_or_default();
                all.extend(notes);
                entry.set_annotations(Some(all));
                entries.push(entry);
            }
        }
        if names.is_empty() {
            entries.push(part.root.clone());
        }
    }
    for attached in parts.iter().flat_map(|part| part.attached) {
        let mut entry = attached.manifest.clone();
        if entry.artifact_type().is_none() {
            entry.set_artifact_type(kind(store, &entry)?);
        }
        entries.push(entry);
    }
    let index = ImageIndexBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageIndex)
        .manifests(entries)
        .build()
        .map_err(|error| Failure::new(Kind::Internal, "an index cannot be written").caused_by(error))?;
    Ok(Contents { index: canonical(&index)?, blobs: blobs(store, parts)? })
}

fn blobs(store: &Store, parts: &[Part<'_>]) -> Result<BTreeMap<String, Descriptor>> {
    let of_image = |image: &Image| {
        let own = [image.manifest.clone(), image.config.clone()];
        own.into_iter().chain(image.layers.clone()).collect::<Vec<_>>()
    };
    let of_attached = |attached: &Attached| {
        let own = [attached.manifest.clone()];
        own.into_iter().chain(attached.blobs.clone()).collect::<Vec<_>>()
    };
    let mut all = BTreeMap::new();
    for part in parts {
        let images = part.images.iter().flat_map(|image| of_image(image));
        let documents = part.attached.iter().flat_map(of_attached);
        for blob in [part.root.clone()].into_iter().chain(images).chain(documents) {
            let digest = blob.digest().as_ref();
            let digits = sha256_digits(digest)
                .ok_or_else(|| broken(format!("`{digest}` is not a digest that is known")))?
                .to_owned();
            if !store.has(&blob) {
                return Err(broken(format!("the blob {digest} is not there, or not whole"))
                    .help("run it again: what is missing is made or pulled once more"));
            }
            all.insert(digits, blob);
        }
    }
    Ok(all)
}

/// What a document is, as its manifest says it.
fn kind(store: &Store, manifest: &Descriptor) -> Result<Option<MediaType>> {
    let bytes = store.json(manifest)?;
    let manifest = ImageManifest::from_reader(bytes.as_slice())
        .map_err(|error| broken("a document's manifest cannot be read").caused_by(error))?;
    Ok(manifest.artifact_type().clone().or_else(|| Some(manifest.config().media_type().clone())))
}
