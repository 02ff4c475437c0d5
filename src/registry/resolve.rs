//! What a reference names: an image for one platform, every part of it compared with its digest.

use std::cell::OnceCell;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::Deserialize;
use ureq::http::Method;

use super::Client;
use super::host::Session;
use super::platform::{Wanted, platforms};
use super::reference::Reference;
use super::wire::{Answer, Call, Trouble};
use super::words::{self, Deed, short};
use crate::digest::{sha256_digits, sha256_of};
use crate::failure::{Failure, Result};
use crate::pins::Pin;

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
    variant: String,
}

/// Manifests, indexes and configurations by their digests, from before.
pub(crate) trait Shelf {
    /// The bytes of a digest; none: they are not there, or are other ones by now.
    fn get(&self, digest: &str) -> Option<Vec<u8>>;

    /// Keeps bytes that are what their digest says.
    fn put(&self, bytes: &[u8]) -> Result<()>;
}

/// Nothing is kept.
struct Bare;

impl Shelf for Bare {
    fn get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn put(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

impl Client {
    /// Finds the image of a reference for a platform such as `linux/amd64`.
    ///
    /// # Errors
    /// [`Kind::Engine`](crate::failure::Kind::Engine): nobody answers, there is no such image, it is not ours to pull, or a part of it
    /// is not what its digest says; [`Kind::Usage`](crate::failure::Kind::Usage): it is no platform.
    pub fn resolve(&self, reference: &Reference, platform: &str) -> Result<Resolved> {
        resolve(Some(self), reference, platform, &Bare)
    }

    /// What a reference names now, and for which platforms: an index, or one image's manifest.
    ///
    /// # Errors
    /// As [`Client::resolve`], but that no platform is looked for.
    pub(crate) fn look(&self, reference: &Reference) -> Result<Pin> {
        let parts = Parts::of(Some(self), reference, &Bare);
        let (digest, whole) = parts.manifest(reference.wanted())?;
        if INDEXES.contains(&whole.media_type.as_str()) {
            let index =
                ImageIndex::from_reader(whole.bytes.as_slice()).map_err(|error| unreadable(&parts.deed, error))?;
            return Ok(Pin { digest, platforms: platforms(&index), single: false });
        }
        if !MANIFESTS.contains(&whole.media_type.as_str()) {
            return Err(unknown(&parts.deed, &whole.media_type));
        }
        let manifest =
            ImageManifest::from_reader(whole.bytes.as_slice()).map_err(|error| unreadable(&parts.deed, error))?;
        let made: Made = serde_json::from_slice(&parts.config(manifest.config())?).unwrap_or_default();
        let platform = (!made.architecture.is_empty())
            .then(|| crate::platforms::written(&made.os, &made.architecture, &made.variant));
        Ok(Pin { digest, platforms: platform.into_iter().collect(), single: true })
    }

    /// The digest of what a reference names now, without reading it: registries that count pulls do not count this. None: the
    /// registry does not say.
    pub(crate) fn names(&self, reference: &Reference) -> Result<Option<String>> {
        let session = self.session(reference, false, &[])?;
        let answer = self.send(&session, &deed(reference), || {
            let call = Call::new(Method::HEAD, session.url(&format!("manifests/{}", reference.wanted())));
            call.header("accept", accepted())
        })?;
        let digest = answer.header("docker-content-digest").filter(|_| answer.status == 200).map(str::to_owned);
        answer.finish();
        Ok(digest.filter(|digest| sha256_digits(digest).is_some()))
    }
}

/// As [`Client::resolve`]; only what is not on the shelf is asked for, and put there. Without a client nobody is asked.
pub(crate) fn resolve(
    client: Option<&Client>,
    reference: &Reference,
    platform: &str,
    shelf: &dyn Shelf,
) -> Result<Resolved> {
    let wanted = Wanted::read(platform)?;
    let parts = Parts::of(client, reference, shelf);
    let deed = &parts.deed;
    let (mut digest, mut whole) = parts.manifest(reference.wanted())?;
    let named = digest.clone();
    for _ in 0..DEPTH {
        if !INDEXES.contains(&whole.media_type.as_str()) {
            break;
        }
        let index = ImageIndex::from_reader(whole.bytes.as_slice()).map_err(|error| unreadable(deed, error))?;
        let Some(chosen) = wanted.choose(&index) else {
            return Err(words::failure(deed, &format!("there is no image for {platform}"))
                .help(format!("take another base, or build for one of {}", platforms(&index).join(", "))));
        };
        known(deed, chosen.digest().as_ref())?;
        (digest, whole) = parts.manifest(chosen.digest().as_ref())?;
    }
    if !MANIFESTS.contains(&whole.media_type.as_str()) {
        return Err(unknown(deed, &whole.media_type));
    }
    let manifest = ImageManifest::from_reader(whole.bytes.as_slice()).map_err(|error| unreadable(deed, error))?;
    for layer in manifest.layers() {
        known(deed, layer.digest().as_ref())?;
    }
    let config = parts.config(manifest.config())?;
    let made: Made = serde_json::from_slice(&config).unwrap_or_default();
    if !made.architecture.is_empty() && !wanted.is(&made.os, &made.architecture) {
        let reason = format!("it is for {}/{}, not for {platform}", made.os, made.architecture);
        return Err(words::failure(deed, &reason).help("take a base for that platform, or build for its platform"));
    }
    let layers = manifest.layers().clone();
    Ok(Resolved { named, digest, manifest: whole.bytes, media_type: whole.media_type, config, layers })
}

/// The failure that a part of an image is which nobody may be asked for.
pub(crate) fn offline(reference: &Reference) -> Failure {
    unasked(&deed(reference))
}

fn deed(reference: &Reference) -> Deed<'_> {
    let what = format!("pull {}", reference.wanted());
    Deed { registry: reference.registry(), repository: reference.repository(), what, writes: false }
}

fn unasked(deed: &Deed<'_>) -> Failure {
    words::failure(deed, "it was not pulled before, and `--offline` forbids to ask now")
        .help("run it once without `--offline`: what is pulled then is there the next time")
}

/// Where the parts of an image come from: the shelf, else the registry, which is reached when it is needed.
struct Parts<'p> {
    client: Option<&'p Client>,
    reference: &'p Reference,
    shelf: &'p dyn Shelf,
    session: OnceCell<Session>,
    deed: Deed<'p>,
}

impl<'p> Parts<'p> {
    fn of(client: Option<&'p Client>, reference: &'p Reference, shelf: &'p dyn Shelf) -> Self {
        Self { client, reference, shelf, session: OnceCell::new(), deed: deed(reference) }
    }

    /// A manifest or an index by tag or digest, and its digest.
    fn manifest(&self, name: &str) -> Result<(String, Whole)> {
        let pinned = sha256_digits(name).map(|_| name);
        if let Some(bytes) = pinned.and_then(|digest| self.shelf.get(digest)) {
            return Ok((name.to_owned(), Whole { media_type: media_type("", &bytes), bytes, digest: None }));
        }
        let whole = self.ask(&format!("manifests/{name}"))?;
        let digest = sha256_of(&whole.bytes);
        let said = whole.digest.as_deref().filter(|digest| sha256_digits(digest).is_some());
        if let Some(expected) = pinned.or(said) {
            compare(&self.deed, "the manifest", expected, &digest)?;
        }
        self.shelf.put(&whole.bytes)?;
        Ok((digest, whole))
    }

    fn config(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let digest = descriptor.digest().as_ref();
        known(&self.deed, digest)?;
        if let Some(bytes) = self.shelf.get(digest) {
            return Ok(bytes);
        }
        let bytes = self.ask(&format!("blobs/{digest}"))?.bytes;
        compare(&self.deed, "the configuration", digest, &sha256_of(&bytes))?;
        self.shelf.put(&bytes)?;
        Ok(bytes)
    }

    fn ask(&self, path: &str) -> Result<Whole> {
        let client = self.client.ok_or_else(|| unasked(&self.deed))?;
        let session = if let Some(session) = self.session.get() {
            session
        } else {
            let session = client.session(self.reference, false, &[])?;
            self.session.get_or_init(|| session)
        };
        client.small(session, &self.deed, path)?.map_err(|answer| session.refused(&self.deed, answer))
    }
}

impl Client {
    /// Reads something of no more than some MiB; the inner error is an answer with another status than 200.
    pub(super) fn small(&self, session: &Session, deed: &Deed<'_>, path: &str) -> Result<Result<Whole, Answer>> {
        let mut tries = self.policy.tries();
        loop {
            let call = || {
                let call = Call::new(Method::GET, session.url(path));
                if path.starts_with("manifests/") { call.header("accept", accepted()) } else { call }
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

fn accepted() -> String {
    [INDEXES, MANIFESTS].concat().join(", ")
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

fn unknown(deed: &Deed<'_>, media_type: &str) -> Failure {
    words::failure(deed, &format!("it is not an image that is known, but `{media_type}`"))
        .help("take another base; images of Docker's first format have to be pushed again by a newer Docker")
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
