//! Documents become manifests that refer to an image (image specification 1.1, "Guidelines for Artifact Usage").

use std::collections::BTreeMap;

use jiff::Timestamp;
use oci_spec::image::{Descriptor, MediaType};
use serde::Serialize;

use super::image::Attached;
use super::store::Store;
use crate::attest::{Document, IN_TOTO, PREDICATE_ANNOTATION};
use crate::failure::{Failure, Kind, Result};

/// A configuration of what has none.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// When it was made, as the specification names it.
const CREATED: &str = "org.opencontainers.image.created";

/// The library's own types keep annotations in an order of the moment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: MediaType,
    artifact_type: &'a str,
    config: Entry,
    layers: [Entry; 1],
    subject: Entry,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

impl Entry {
    fn of(blob: &Descriptor) -> Self {
        let media_type = blob.media_type().to_string();
        Self { media_type, digest: blob.digest().to_string(), size: blob.size(), annotations: BTreeMap::new() }
    }
}

/// Writes a manifest into the store for each document, with the manifest of an image as its subject. The same bytes each time;
/// `created` is said only where it is given.
///
/// # Errors
/// [`Kind::Emit`]: the store cannot be written.
pub fn attach(
    store: &Store,
    subject: &Descriptor,
    documents: &[Document],
    created: Option<Timestamp>,
) -> Result<Vec<Attached>> {
    documents.iter().map(|document| one(store, subject, document, created)).collect()
}

fn one(store: &Store, subject: &Descriptor, document: &Document, created: Option<Timestamp>) -> Result<Attached> {
    let config = store.put(MediaType::Other(EMPTY.0.to_owned()), EMPTY.1)?;
    let blob = store.put(MediaType::Other(document.media_type.to_owned()), &document.bytes)?;
    // On the blob as BuildKit has it, and on the manifest, where lists of what refers to an image show it.
    let stated = (document.media_type == IN_TOTO).then(|| (PREDICATE_ANNOTATION, document.predicate.to_owned()));
    let created = created.map(|time| (CREATED, time.to_string()));
    let manifest = Manifest {
        schema_version: 2,
        media_type: MediaType::ImageManifest,
        artifact_type: document.artifact_type,
        config: Entry::of(&config),
        layers: [Entry { annotations: stated.clone().into_iter().collect(), ..Entry::of(&blob) }],
        subject: Entry::of(subject),
        annotations: stated.into_iter().chain(created).collect(),
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|error| {
        Failure::new(Kind::Internal, "the manifest of a document cannot be written").caused_by(error)
    })?;
    let mut manifest = store.put(MediaType::ImageManifest, &bytes)?;
    manifest.set_artifact_type(Some(MediaType::Other(document.artifact_type.to_owned())));
    Ok(Attached { manifest, blobs: vec![config, blob] })
}

#[cfg(test)]
mod tests {
    use oci_spec::image::{ImageManifest, Platform};
    use serde_json::{Value, json};

    use super::*;
    use crate::attest::SPDX;
    use crate::oci::image::Image;
    use crate::oci::testing::scratch;

    fn image(store: &Store) -> Image {
        let platform = Platform::default();
        let mut manifest = store.put(MediaType::ImageManifest, b"a manifest").unwrap();
        manifest.set_platform(Some(platform.clone()));
        let config = store.put(MediaType::ImageConfig, b"{}").unwrap();
        Image { manifest, config, layers: Vec::new(), platform, base: None }
    }

    fn documents() -> [Document; 2] {
        let document = |kind, text: &str| Document {
            artifact_type: kind,
            media_type: kind,
            predicate: "https://a.example/predicate",
            bytes: text.into(),
        };
        [document(SPDX, "a list"), document(IN_TOTO, "a statement")]
    }

    #[test]
    fn a_document_refers_to_its_image() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let image = image(&store);
        let created = Timestamp::from_second(1_700_000_000).ok();
        let attached = attach(&store, &image.manifest, &documents(), created).unwrap();
        assert_eq!(attached, attach(&store, &image.manifest, &documents(), created).unwrap());
        let read = |attached: &Attached| store.json(&attached.manifest).unwrap();
        let value: Value = serde_json::from_slice(&read(&attached[1])).unwrap();
        let [config, blob] = attached[1].blobs.as_slice() else { panic!("{attached:?}") };
        assert_eq!(
            value,
            json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "artifactType": IN_TOTO,
                "config": {"mediaType": EMPTY.0, "size": 2, "digest": config.digest()},
                "layers": [{"mediaType": IN_TOTO, "size": 11, "digest": blob.digest(),
                    "annotations": {"in-toto.io/predicate-type": "https://a.example/predicate"}}],
                // Without its platform: an image is one thing whoever refers to it.
                "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 10,
                    "digest": image.manifest.digest()},
                "annotations": {"in-toto.io/predicate-type": "https://a.example/predicate",
                    "org.opencontainers.image.created": "2023-11-14T22:13:20Z"},
            })
        );
        for attached in &attached {
            let manifest = ImageManifest::from_reader(read(attached).as_slice()).unwrap();
            assert_eq!(manifest.subject().as_ref().unwrap().digest(), image.manifest.digest());
            assert_eq!(manifest.artifact_type(), attached.manifest.artifact_type());
            assert!(attached.blobs.iter().all(|blob| store.has(blob)));
        }
    }

    #[test]
    fn a_list_states_nothing_and_no_time_is_made_up() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let attached = attach(&store, &image(&store).manifest, &documents()[..1], None).unwrap();
        let text = String::from_utf8(store.json(&attached[0].manifest).unwrap()).unwrap();
        assert!(text.contains(SPDX) && !text.contains("annotations"), "{text}");
    }
}
