//! A bundle goes to registries.
//!
//! Manifests go children first, then what refers to them, and tags last: who finds an image by its tag finds the documents about
//! it too, as those do who let in no image without.

use oci_spec::image::Descriptor;

use super::image::{Attached, Base, Bundle};
use super::store::Store;
use crate::failure::{Failure, Kind, Result};
use crate::registry::{Blob, Client, Manifest, Outcome, Progress, Push, Reference};

/// What was pushed to one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The bundle there, however tags move: `registry.example/shop/api@sha256:…`.
    pub reference: String,
    /// Tags that name it now.
    pub tags: Vec<String>,
    /// What became of each blob, once, by digest.
    pub blobs: Vec<(String, Outcome)>,
}

impl Published {
    /// Bytes that were sent; those that were sent twice, because a connection broke, count twice.
    pub fn sent(&self) -> u64 {
        let sent = |outcome: &Outcome| if let Outcome::Uploaded(bytes) = outcome { *bytes } else { 0 };
        self.blobs.iter().map(|(_, outcome)| sent(outcome)).sum()
    }
}

/// Pushes a bundle under names of images, to each repository once. Layers are mounted from the base's repository, and from those
/// that this client pushed them to before.
///
/// # Errors
/// [`Kind::Usage`]: a name is none, or has a digest; [`Kind::Verify`]: a blob in the store is not what its digest says, and was taken
/// away; [`Kind::Engine`]: a registry does not take something; [`Kind::Interrupted`]. Repositories before that one have all of it.
pub fn publish(
    client: &Client,
    store: &Store,
    bundle: &Bundle,
    names: &[String],
    on_progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Vec<Published>> {
    let repositories = by_repository(names)?;
    let manifests = manifests(store, bundle)?;
    let mut published: Vec<Published> = Vec::new();
    for (repository, tags) in repositories {
        let mut push = Push { blobs: blobs(store, bundle, &repository)?, manifests: manifests.clone() };
        let root = bundle.root.digest().as_ref();
        for manifest in push.manifests.iter_mut().filter(|manifest| manifest.digest == root) {
            manifest.tags.clone_from(&tags);
        }
        match client.push(&repository, &push, on_progress) {
            Ok(pushed) => {
                let reference = repository.at(root).to_string();
                published.push(Published { reference, tags, blobs: pushed.blobs });
            }
            Err(failure) => {
                if failure.kind() == Kind::Verify {
                    for blob in &push.blobs {
                        store.mend(&blob.digest);
                    }
                }
                let done: Vec<_> = published.iter().map(|one| format!("was pushed: {}", one.reference)).collect();
                return Err(failure.detail(done.join("\n")));
            }
        }
    }
    Ok(published)
}

/// Pushes what refers to an image that is in these repositories already, to each of them.
///
/// # Errors
/// As [`publish`].
pub fn publish_attached(client: &Client, store: &Store, attached: &[Attached], names: &[String]) -> Result<()> {
    let mut push = Push::default();
    for one in attached {
        for descriptor in &one.blobs {
            push.blobs.push(blob(store, descriptor, None)?);
        }
        push.manifests.push(manifest(store, &one.manifest)?);
    }
    for (repository, _) in by_repository(names)? {
        client.push(&repository, &push, &|_| ())?;
    }
    Ok(())
}

/// Repositories in the order in which they are named first, each with its tags.
fn by_repository(names: &[String]) -> Result<Vec<(Reference, Vec<String>)>> {
    let mut found: Vec<(Reference, Vec<String>)> = Vec::new();
    for name in names {
        let reference: Reference = name.parse()?;
        let Some(tag) = reference.tag().filter(|_| reference.digest().is_none()) else {
            return Err(Failure::new(Kind::Usage, format!("`{name}` has a digest, which nobody can choose"))
                .help("name the image by a tag: REGISTRY/REPOSITORY:TAG"));
        };
        let tag = tag.to_owned();
        let same =
            |one: &Reference| one.registry() == reference.registry() && one.repository() == reference.repository();
        match found.iter_mut().find(|(one, _)| same(one)) {
            Some((_, tags)) if tags.contains(&tag) => {}
            Some((_, tags)) => tags.push(tag),
            None => found.push((reference, vec![tag])),
        }
    }
    Ok(found)
}

/// All manifests, without tags: those that name or refer to others after them.
fn manifests(store: &Store, bundle: &Bundle) -> Result<Vec<Manifest>> {
    let root = &bundle.root;
    let only = bundle.images.iter().any(|image| image.manifest.digest() == root.digest());
    let images = bundle.images.iter().map(|image| &image.manifest);
    let named = images.chain((!only).then_some(root)).chain(bundle.attached.iter().map(|one| &one.manifest));
    named.map(|descriptor| manifest(store, descriptor)).collect()
}

fn manifest(store: &Store, descriptor: &Descriptor) -> Result<Manifest> {
    Ok(Manifest {
        media_type: descriptor.media_type().to_string(),
        digest: descriptor.digest().to_string(),
        bytes: store.json(descriptor)?,
        tags: Vec::new(),
    })
}

fn blob(store: &Store, descriptor: &Descriptor, mount_from: Option<String>) -> Result<Blob> {
    let digest = descriptor.digest().to_string();
    Ok(Blob { path: store.blob(&digest)?, digest, size: descriptor.size(), mount_from })
}

fn blobs(store: &Store, bundle: &Bundle, to: &Reference) -> Result<Vec<Blob>> {
    let mut blobs = Vec::new();
    for image in &bundle.images {
        let base = image.base.as_ref().and_then(|base| Some((base, neighbour(base, to)?)));
        for layer in &image.layers {
            let from = base.as_ref().filter(|(base, _)| base.layers.iter().any(|one| one.digest() == layer.digest()));
            blobs.push(blob(store, layer, from.map(|(_, repository)| repository.clone()))?);
        }
        blobs.push(blob(store, &image.config, None)?);
    }
    for descriptor in bundle.attached.iter().flat_map(|attached| &attached.blobs) {
        blobs.push(blob(store, descriptor, None)?);
    }
    Ok(blobs)
}

/// The base's repository, where it is in the same registry.
fn neighbour(base: &Base, to: &Reference) -> Option<String> {
    let from: Reference = base.reference.parse().ok()?;
    (from.registry() == to.registry()).then(|| from.repository().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(names: &[&str]) -> Result<Vec<String>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = by_repository(&names)?;
        Ok(found
            .iter()
            .map(|(one, tags)| format!("{}/{} {}", one.registry(), one.repository(), tags.join(" ")))
            .collect())
    }

    #[test]
    fn each_repository_is_pushed_to_once() {
        let found =
            grouped(&["a.example/x:1", "b.example/x", "a.example/x:2", "a.example/y:1", "a.example/x:1", "api"]);
        assert_eq!(
            found.unwrap(),
            ["a.example/x 1 2", "b.example/x latest", "a.example/y 1", "docker.io/library/api latest"]
        );
    }

    #[test]
    fn nobody_chooses_a_digest() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for name in [format!("a@{digest}"), format!("a:1@{digest}"), "A:1".to_owned()] {
            let failure = grouped(&[&name]).unwrap_err();
            assert_eq!(failure.kind(), Kind::Usage, "{}", failure.report());
        }
    }
}
