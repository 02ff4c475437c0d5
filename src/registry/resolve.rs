//! What a reference names: an image for one platform, every part of it compared with its digest.

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::Deserialize;
use ureq::http::Method;

use super::Client;
use super::host::Session;
use super::platform::{Wanted, listed};
use super::reference::Reference;
use super::wire::{Answer, Call, Trouble};
use super::words::{self, Deed, short};
use crate::digest::{sha256_digits, sha256_of};
use crate::failure::{Failure, Result};

/// OCI's index.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Indexes, of OCI and of Docker.
const INDEXES: [&str; 2] = [INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"];

/// Manifests, likewise.
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

/// How deep indexes may lie in indexes.
const DEPTH: usize = 4;

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The digest of what the reference itself names, which may be an index: what to pin.
    pub named: String,
    /// The digest of the platform's manifest.
    pub digest: String,
    /// The manifest as it is.
    pub manifest: Vec<u8>,
    /// `application/vnd.oci.image.manifest.v1+json`, or Docker's.
    pub media_type: String,
    /// The configuration as it is.
    pub config: Vec<u8>,
    /// The layers' blobs, lowest first.
    pub layers: Vec<Descriptor>,
}

/// A small thing, read whole.
pub(super) struct Whole {
    pub bytes: Vec<u8>,
    pub media_type: String,
    digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    media_type: Option<String>,
    #[serde(default)]
    schema_version: u32,
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Made {
    os: String,
    architecture: String,
}

impl Client {
    /// Finds the image of a reference for a platform such as `linux/amd64`.
    ///
    /// # Errors
    /// [`Kind::Engine`](crate::failure::Kind::Engine): nobody answers, there is no such image, it is not ours to pull, or a part of it
    /// is not what its digest says; [`Kind::Usage`](crate::failure::Kind::Usage): it is no platform.
    pub fn resolve(&self, reference: &Reference, platform: &str) -> Result<Resolved> {
        let wanted = Wanted::read(platform)?;
        let session = self.session(reference, false, &[])?;
        let deed = session.deed(format!("pull {}", reference.wanted()), false);
        let mut whole = self.manifest(&session, &deed, reference.wanted())?;
        let mut digest = sha256_of(&whole.bytes);
        if let Some(expected) =
            reference.digest().or(whole.digest.as_deref().filter(|digest| sha256_digits(digest).is_some()))
        {
            compare(&deed, "the manifest", expected, &digest)?;
        }
        let named = digest.clone();
        for _ in 0..DEPTH {
            if !INDEXES.contains(&whole.media_type.as_str()) {
                break;
            }
            let index = ImageIndex::from_reader(whole.bytes.as_slice()).map_err(|error| unreadable(&deed, error))?;
            let Some(chosen) = wanted.choose(&index) else {
                return Err(words::failure(&deed, &format!("there is no image for {platform}"))
                    .help(format!("take another base, or build for one of {}", listed(&index))));
            };
            digest = chosen.digest().to_string();
            known(&deed, &digest)?;
            whole = self.manifest(&session, &deed, &digest)?;
            compare(&deed, "the manifest", &digest, &sha256_of(&whole.bytes))?;
        }
        if !MANIFESTS.contains(&whole.media_type.as_str()) {
            return Err(words::failure(
                &deed,
                &format!("it is not an image that is known, but `{}`", whole.media_type),
            )
            .help("take another base; images of Docker's first format have to be pushed again by a newer Docker"));
        }
        let manifest = ImageManifest::from_reader(whole.bytes.as_slice()).map_err(|error| unreadable(&deed, error))?;
        for layer in manifest.layers() {
            known(&deed, layer.digest().as_ref())?;
        }
        let config = self.config(&session, &deed, manifest.config())?;
        let made: Made = serde_json::from_slice(&config).unwrap_or_default();
        if !made.architecture.is_empty() && !wanted.is(&made.os, &made.architecture) {
            let reason = format!("it is for {}/{}, not for {platform}", made.os, made.architecture);
            return Err(words::failure(&deed, &reason).help("take a base for that platform, or build for its platform"));
        }
        let layers = manifest.layers().clone();
        Ok(Resolved { named, digest, manifest: whole.bytes, media_type: whole.media_type, config, layers })
    }

    fn manifest(&self, session: &Session, deed: &Deed<'_>, what: &str) -> Result<Whole> {
        self.small(session, deed, &format!("manifests/{what}"))?.map_err(|answer| session.refused(deed, answer))
    }

    fn config(&self, session: &Session, deed: &Deed<'_>, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let digest = descriptor.digest().to_string();
        known(deed, &digest)?;
        let whole = self.small(session, deed, &format!("blobs/{digest}"))?;
        let bytes = whole.map_err(|answer| session.refused(deed, answer))?.bytes;
        compare(deed, "the configuration", &digest, &sha256_of(&bytes))?;
        Ok(bytes)
    }

    /// Reads something of no more than some MiB; the inner error is an answer with another status than 200.
    pub(super) fn small(&self, session: &Session, deed: &Deed<'_>, path: &str) -> Result<Result<Whole, Answer>> {
        let accept = [INDEXES, MANIFESTS].concat().join(", ");
        let mut tries = self.policy.tries();
        loop {
            let call = || {
                let call = Call::new(Method::GET, session.url(path));
                if path.starts_with("manifests/") { call.header("accept", accept.clone()) } else { call }
            };
            let mut answer = self.send(session, deed, call)?;
            if answer.status != 200 {
                return Ok(Err(answer));
            }
            match answer.bytes() {
                Ok(bytes) => {
                    let digest = answer.header("docker-content-digest").map(str::to_owned);
                    let media_type = media_type(answer.header("content-type").unwrap_or_default(), &bytes);
                    return Ok(Ok(Whole { bytes, media_type, digest }));
                }
                Err(Trouble::Broken(_)) if tries.again(None)? => {}
                Err(trouble) => return Err(words::unheard(deed, trouble, tries.made())),
            }
        }
    }
}

/// What it is, by what the registry says, else by what it says itself.
fn media_type(said: &str, bytes: &[u8]) -> String {
    let said = said.split(';').next().unwrap_or_default().trim();
    if INDEXES.contains(&said) || MANIFESTS.contains(&said) {
        return said.to_owned();
    }
    let Ok(shape) = serde_json::from_slice::<Shape>(bytes) else { return said.to_owned() };
    match shape {
        Shape { media_type: Some(media_type), .. } => media_type,
        Shape { schema_version: 2, manifests: Some(_), .. } => INDEXES[0].to_owned(),
        Shape { schema_version: 2, layers: Some(_), .. } => MANIFESTS[0].to_owned(),
        _ => said.to_owned(),
    }
}

/// A digest that can be checked.
pub(super) fn known<'d>(deed: &Deed<'_>, digest: &'d str) -> Result<&'d str> {
    sha256_digits(digest)
        .ok_or_else(|| words::failure(deed, &format!("`{digest}` is not a digest that is known; only sha256 is")))
}

pub(super) fn compare(deed: &Deed<'_>, what: &str, expected: &str, found: &str) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(words::failure(deed, &format!("{what} {} that came is not what its digest says", short(expected)))
        .detail(format!("it is {found}"))
        .help("run it again; if it stays so, the registry or a proxy before it is broken, or somebody changes what it sends"))
}

fn unreadable(deed: &Deed<'_>, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    words::failure(deed, "its manifest cannot be read").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_is_is_found_where_the_registry_does_not_say() {
        assert_eq!(media_type("application/vnd.oci.image.index.v1+json; charset=utf-8", b""), INDEXES[0]);
        assert_eq!(media_type("text/plain", br#"{"schemaVersion": 2, "layers": []}"#), MANIFESTS[0]);
        assert_eq!(media_type("", br#"{"schemaVersion": 2, "manifests": []}"#), INDEXES[0]);
        let docker = br#"{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}"#;
        assert_eq!(media_type("application/json", docker), MANIFESTS[1]);
        assert_eq!(media_type("text/html", b"<html>"), "text/html");
    }
}
