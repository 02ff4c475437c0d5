//! What goes with an image: lists of what is in it, provenance, signatures.

use std::collections::BTreeSet;

use oci_spec::image::ImageManifest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Failure, Kind, Result};
use crate::registry::{Client, Reference};

/// By which a manifest says what is stated in it: BuildKit's and ours, cosign's older one, Sigstore's.
const PREDICATES: [&str; 3] = ["in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType"];

/// Tags under which cosign keeps what it made where it makes no referrers.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];

/// Something that goes with an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// `sbom`, `provenance`, `signature`, `attestation` or `other`.
    pub kind: String,
    /// What it is, for people.
    pub what: String,
    /// Its manifest's digest.
    pub digest: String,
    /// `index`, `referrer`, or cosign's `tag`.
    pub by: String,
    /// What it says it is: types and predicates.
    pub types: Vec<String>,
    /// Crates that a list has.
    pub crates: Option<usize>,
}

#[derive(Deserialize)]
struct Table {
    row: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    words: Vec<String>,
    kind: String,
    what: String,
}

/// What such a manifest is: `read` gives small blobs.
pub(super) fn of(digest: &str, bytes: &[u8], read: &dyn Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Attached> {
    let mut types = BTreeSet::new();
    let mut crates: Option<usize> = None;
    let mut by = "index";
    if let Ok(manifest) = ImageManifest::from_reader(bytes) {
        by = if manifest.subject().is_some() { "referrer" } else { "index" };
        types.extend(manifest.artifact_type().as_ref().map(ToString::to_string));
        let config = manifest.config().media_type().to_string();
        types.extend(Some(config).filter(|config| !config.contains("empty") && !config.contains("image.config")));
        let own = manifest.annotations().iter();
        let layers = manifest.layers().iter().flat_map(|layer| layer.annotations().iter());
        for annotations in own.chain(layers) {
            types.extend(PREDICATES.iter().filter_map(|name| annotations.get(*name).cloned()));
        }
        types.extend(manifest.layers().iter().map(|layer| layer.media_type().to_string()));
        for layer in manifest.layers() {
            // Lists of whole systems are larger, and hold no crates of interest.
            if layer.size() > crate::image::LARGEST_JSON || types.iter().all(|name| !lists(name)) {
                continue;
            }
            if let Some(count) = read(layer.digest().as_ref())?.as_deref().and_then(count) {
                crates = Some(crates.unwrap_or_default().saturating_add(count));
            }
        }
    }
    let table: Table = toml::from_str(include_str!("kinds.toml"))
        .map_err(|error| Failure::new(Kind::Internal, "the kinds of documents do not parse").caused_by(error))?;
    let all = types.iter().cloned().collect::<Vec<_>>().join(" ");
    // One manifest of BuildKit's states several things.
    let rows: Vec<&Row> =
        table.row.iter().filter(|row| row.words.iter().all(|word| all.contains(word.as_str()))).collect();
    let stated: Vec<&Row> = rows.iter().copied().filter(|row| row.kind != "attestation").collect();
    let (kind, what) = match (stated.as_slice(), rows.as_slice()) {
        ([], []) => ("other".to_owned(), types.first().cloned().unwrap_or_else(|| "something".to_owned())),
        ([], [row, ..]) | ([row], _) => (row.kind.clone(), row.what.clone()),
        (several, _) => {
            let unique = |part: fn(&Row) -> &String, between: &str| {
                let mut seen = Vec::new();
                for row in several {
                    if !seen.contains(&part(row).as_str()) {
                        seen.push(part(row).as_str());
                    }
                }
                seen.join(between)
            };
            (unique(|row| &row.kind, "+"), unique(|row| &row.what, ", "))
        }
    };
    Ok(Attached {
        kind,
        what,
        digest: digest.to_owned(),
        by: by.to_owned(),
        types: types.into_iter().collect(),
        crates,
    })
}

fn lists(name: &str) -> bool {
    ["spdx", "cyclonedx", "CycloneDX"].iter().any(|word| name.contains(word))
}

/// How many crates a list names; none: it is no list.
fn count(bytes: &[u8]) -> Option<usize> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let document = document.get("predicate").unwrap_or(&document);
    let is_crate = |purl: &Value| purl.as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/"));
    let spdx = document["packages"].as_array().map(|packages| {
        let references = |package: &&Value| {
            package["externalRefs"]
                .as_array()
                .is_some_and(|references| references.iter().any(|reference| is_crate(&reference["referenceLocator"])))
        };
        packages.iter().filter(references).count()
    });
    let cyclonedx = document["components"].as_array();
    spdx.or(cyclonedx.map(|components| components.iter().filter(|one| is_crate(&one["purl"])).count()))
}

/// What a registry says goes with an image: referrers, and cosign's tags. A registry that knows neither has nothing.
pub(super) fn in_registry(client: &Client, reference: &Reference, digest: &str) -> Result<Vec<Attached>> {
    let read = |digest: &str| client.blob(reference, digest);
    let mut found = Vec::new();
    for descriptor in client.referrers(reference, digest)? {
        if let Some((digest, bytes)) = client.manifest(reference, descriptor.digest().as_ref())? {
            found.push(Attached { by: "referrer".to_owned(), ..of(&digest, &bytes, &read)? });
        }
    }
    for end in COSIGN {
        let tag = format!("{}.{end}", digest.replace(':', "-"));
        if let Some((digest, bytes)) = client.manifest(reference, &tag)? {
            found.push(Attached { by: "tag".to_owned(), ..of(&digest, &bytes, &read)? });
        }
    }
    Ok(found)
}
