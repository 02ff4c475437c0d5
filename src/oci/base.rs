//! The image under ours comes into the store, once.
//!
//! Its index, manifest and configuration are kept as blobs, and what a tag named the last time beside them. So a reference with a
//! digest asks nobody a second time, a tag asks only what it names now, and without network it is what it was.

use std::collections::{BTreeMap, BTreeSet};

use oci_spec::image::{Descriptor, MediaType};

use super::image::Base;
use super::memo::Memo;
use super::store::{Store, descriptor};
use crate::attest;
use crate::digest::sha256_of;
use crate::exec;
use crate::failure::{Failure, Kind, Result};
use crate::registry::{self, Client, Progress, Reference, Resolved, Shelf};

/// Layers that come at the same time. Most bases have one that is large, and registries slow those down who take many.
const WORKERS: usize = 4;

/// What tags named.
const TAGS: &str = "tags.json";

/// Brings a base into the store: what is there and right already is not fetched. Progress is that of the layers which are.
///
/// # Errors
/// [`Kind::Engine`]: nobody answers, there is no such image or none for the platform, it is not ours to pull, a part of it is not
/// what its digest says, or the disk is full; [`Kind::Usage`]: it is no reference or no platform; [`Kind::Emit`]: the store
/// cannot be written; [`Kind::Interrupted`]. Layers that came until then are kept.
pub fn pull(
    client: &Client,
    store: &Store,
    reference: &str,
    platform: &str,
    on_progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Base> {
    let asked: Reference = reference.parse()?;
    let resolved = resolve(client, store, &asked, platform)?;
    let mut memo = Memo::read(store);
    let missing = missing(&mut memo, store, &resolved)?;
    for layer in &missing {
        on_progress(Progress { digest: layer.digest().as_ref(), done: 0, total: layer.size() });
    }
    let fetched = registry::each(&missing, WORKERS, |layer, stop| {
        let file = client.fetch_into(&asked, layer, &store.coming(), on_progress, stop)?;
        store.keep(file, layer.digest().as_ref())
    });
    if fetched.is_ok() {
        for layer in &missing {
            memo.holds_now(store, layer);
        }
    }
    // That nothing could be remembered is no failure of a base that is there.
    drop(memo.write(store));
    fetched?;
    if asked.digest().is_none() {
        drop(remember(store, &asked, &resolved.named));
    }
    Ok(base(reference, resolved))
}

/// The base that was pulled before, without asking anybody: a tag is what it was.
///
/// # Errors
/// [`Kind::Engine`]: it was not pulled, or not for this platform, or is damaged by now; [`Kind::Usage`]: it is no reference or
/// no platform.
pub fn pulled(store: &Store, reference: &str, platform: &str) -> Result<Base> {
    let asked: Reference = reference.parse()?;
    let known = named(store, &asked).map_or_else(|| asked.clone(), |digest| asked.at(&digest));
    let resolved = registry::resolve(None, &known, platform, &Kept(store))?;
    let mut memo = Memo::read(store);
    let missing = missing(&mut memo, store, &resolved)?;
    drop(memo.write(store));
    if missing.is_empty() { Ok(base(reference, resolved)) } else { Err(registry::offline(&asked)) }
}

impl Base {
    /// All blobs by which it is found again without asking anybody: what [`Store::collect`] is told to keep.
    pub fn blobs(&self) -> BTreeSet<String> {
        let own = [self.named.clone(), self.digest.clone(), sha256_of(&self.config)];
        own.into_iter().chain(self.layers.iter().map(|layer| layer.digest().to_string())).collect()
    }

    /// As documents about an image on it name it.
    ///
    /// # Errors
    /// [`Kind::Usage`]: its reference is none.
    pub fn told(&self) -> Result<attest::Base> {
        let reference: Reference = self.reference.parse()?;
        Ok(attest::Base {
            name: format!("{}/{}", reference.registry(), reference.repository()),
            tag: reference.tag().map(str::to_owned),
            digest: self.digest.clone(),
        })
    }
}

/// A tag that names what it named before is not read again.
fn resolve(client: &Client, store: &Store, asked: &Reference, platform: &str) -> Result<Resolved> {
    let resolve = |reference: &Reference| registry::resolve(Some(client), reference, platform, &Kept(store));
    let Some(known) = named(store, asked) else { return resolve(asked) };
    let now = client.names(asked).map_err(|failure| match failure.kind() {
        Kind::Engine => failure.help("or build with `--offline`, on the base that was pulled before"),
        _ => failure,
    })?;
    if now.as_ref() == Some(&known) { resolve(&asked.at(&known)) } else { resolve(asked) }
}

/// The layers that have to be fetched, each once. What is damaged is taken away.
fn missing(memo: &mut Memo, store: &Store, resolved: &Resolved) -> Result<Vec<Descriptor>> {
    let mut seen = BTreeSet::new();
    let mut missing = Vec::new();
    for layer in resolved.layers.iter().filter(|layer| seen.insert(layer.digest().to_string())) {
        let there = memo.holds(store, layer);
        // Whoever was interrupted has not read to the end.
        exec::go_on()?;
        if !there {
            drop(store.damaged(layer.digest().as_ref()));
            missing.push(layer.clone());
        }
    }
    Ok(missing)
}

fn base(reference: &str, resolved: Resolved) -> Base {
    let Resolved { named, digest, config, layers, .. } = resolved;
    Base { reference: reference.to_owned(), named, digest, config, layers }
}

/// What is small in the store.
struct Kept<'s>(&'s Store);

impl Shelf for Kept<'_> {
    fn get(&self, digest: &str) -> Option<Vec<u8>> {
        let size = fs_err::metadata(self.0.blob(digest).ok()?).ok()?.len();
        let blob = descriptor(MediaType::ImageManifest, digest, size).ok()?;
        self.0.json(&blob).ok()
    }

    fn put(&self, bytes: &[u8]) -> Result<()> {
        self.0.put(MediaType::ImageManifest, bytes).map(drop)
    }
}

fn tags(store: &Store) -> BTreeMap<String, String> {
    let text = fs_err::read(store.folder().join(TAGS)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// What a tag named when it was last asked for.
fn named(store: &Store, reference: &Reference) -> Option<String> {
    if reference.digest().is_some() { None } else { tags(store).remove(&reference.to_string()) }
}

fn remember(store: &Store, reference: &Reference, named: &str) -> Result<()> {
    let name = reference.to_string();
    if tags(store).get(&name).is_some_and(|known| known == named) {
        return Ok(());
    }
    let lock = store.lock()?;
    let mut tags = tags(store);
    tags.insert(name, named.to_owned());
    tags.retain(|_, digest| store.blob(digest).is_ok_and(|path| path.exists()));
    let text = serde_json::to_vec(&tags)
        .map_err(|error| Failure::new(Kind::Internal, "what tags of bases name cannot be written").caused_by(error))?;
    store.replace(TAGS, &lock, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::scratch;
    use serde_json::{Value, json};

    const LAYER: &[u8] = b"a layer";

    fn put(store: &Store, bytes: &[u8]) -> (String, Value) {
        let blob = store.put(MediaType::ImageManifest, bytes).unwrap();
        let digest = blob.digest().to_string();
        (digest.clone(), json!({"mediaType": "text/plain", "digest": digest, "size": bytes.len()}))
    }

    /// An index of one platform in the store; gives its digest and its manifest's.
    fn kept(store: &Store) -> (String, String) {
        let config = put(store, br#"{"os":"linux","architecture":"arm64"}"#).1;
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [put(store, LAYER).1]});
        let (digest, mut entry) = put(store, manifest.to_string().as_bytes());
        entry["platform"] = json!({"os": "linux", "architecture": "arm64"});
        (put(store, json!({"schemaVersion": 2, "manifests": [entry]}).to_string().as_bytes()).0, digest)
    }

    #[test]
    fn without_network_a_base_is_what_it_was() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let (named, digest) = kept(&store);
        let pinned = format!("gcr.io/a/b:1@{named}");
        let base = pulled(&store, &pinned, "linux/arm64").unwrap();
        assert_eq!((base.reference.as_str(), &base.named, &base.digest), (pinned.as_str(), &named, &digest));
        assert_eq!((base.layers.len(), base.blobs().len()), (1, 4));
        assert!(base.blobs().iter().all(|digest| store.blob(digest).unwrap().exists()));
        let told = attest::Base { name: "gcr.io/a/b".to_owned(), tag: Some("1".to_owned()), digest };
        assert_eq!(base.told().unwrap(), told);

        let report = pulled(&store, "gcr.io/a/b:1", "linux/arm64").unwrap_err().report();
        for words in ["could not pull 1 from gcr.io/a/b", "was not pulled before", "run it once without `--offline`"] {
            assert!(report.contains(words), "{words} is missing in:\n{report}");
        }
        remember(&store, &"gcr.io/a/b:1".parse().unwrap(), &named).unwrap();
        assert_eq!(pulled(&store, "gcr.io/a/b:1", "linux/arm64").unwrap().named, named);
        let report = pulled(&store, "gcr.io/a/b:1", "linux/amd64").unwrap_err().report();
        assert!(report.contains("no image for linux/amd64"), "{report}");
    }

    #[test]
    fn what_is_damaged_or_gone_was_not_pulled() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let (named, digest) = kept(&store);
        let pinned = format!("a@{named}");
        for part in [&sha256_of(LAYER), &digest, &named] {
            pulled(&store, &pinned, "linux/arm64").unwrap();
            let path = store.blob(part).unwrap();
            let size = fs_err::metadata(&path).unwrap().len();
            fs_err::remove_file(&path).unwrap();
            fs_err::write(&path, vec![b'x'; size.try_into().unwrap()]).unwrap();
            let report = pulled(&store, &pinned, "linux/arm64").unwrap_err().report();
            assert!(report.contains("was not pulled before"), "{report}");
            assert!(!path.exists(), "what is damaged stays");
            kept(&store);
        }
    }

    #[test]
    fn tags_whose_images_are_gone_are_forgotten() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let (named, digest) = kept(&store);
        fs_err::write(folder.path().join(TAGS), "broken").unwrap();
        for (tag, digest) in [("a:1", &digest), ("a:2", &named)] {
            remember(&store, &tag.parse().unwrap(), digest).unwrap();
        }
        assert_eq!(tags(&store).len(), 2);
        fs_err::remove_file(store.blob(&digest).unwrap()).unwrap();
        remember(&store, &"a:3".parse().unwrap(), &named).unwrap();
        assert_eq!(tags(&store).into_keys().collect::<Vec<_>>(), ["docker.io/library/a:2", "docker.io/library/a:3"]);
    }
}
