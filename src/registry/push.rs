//! An image goes to a registry: first its blobs, then its manifests, then its tags, so that nothing that can be pulled is incomplete.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use camino::Utf8PathBuf;
use ureq::http::Method;

use super::Client;
use super::host::Session;
use super::reference::Reference;
use super::resolve::{compare, known};
use super::upload::Upload;
use super::wire::{Call, Payload, locked};
use super::words::{self, short};
use crate::digest::sha256_of;
use crate::exec;
use crate::failure::Result;

/// Blobs that are looked for and sent at the same time: registries answer slowly, and take a connection only so fast.
const WORKERS: usize = 6;

/// What is pushed to one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// Layers and configurations.
    pub blobs: Vec<Blob>,
    /// Manifests and indexes, children first.
    pub manifests: Vec<Manifest>,
}

/// A blob, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// The file.
    pub path: Utf8PathBuf,
    /// A repository of the same registry that has it, such as that of the base.
    pub mount_from: Option<String>,
}

/// A manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Of OCI or of Docker.
    pub media_type: String,
    /// `sha256:…`.
    pub digest: String,
    /// It itself.
    pub bytes: Vec<u8>,
    /// Tags that are set on it.
    pub tags: Vec<String>,
}

/// How far a blob is. Told by several threads, some times a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'p> {
    /// The blob.
    pub digest: &'p str,
    /// Bytes that the registry has; may go back where it lost some.
    pub done: u64,
    /// Bytes of all.
    pub total: u64,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Each blob once, in the order of [`Push::blobs`], by digest.
    pub blobs: Vec<(String, Outcome)>,
}

/// How a blob came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there already.
    There,
    /// Taken over from another repository of the registry.
    Mounted,
    /// So many bytes were sent.
    Uploaded(u64),
}

impl Client {
    /// Pushes to the repository of a reference. The reference's own tag is not set, but those of the manifests.
    ///
    /// # Errors
    /// [`Kind::Engine`](crate::failure::Kind::Engine): the registry does not take something, or a file is not what its digest says;
    /// [`Kind::Interrupted`](crate::failure::Kind::Interrupted). No tag was touched then, unless setting one of several failed.
    pub fn push(
        &self,
        reference: &Reference,
        push: &Push,
        on_progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Pushed> {
        let mut seen = BTreeSet::new();
        let blobs: Vec<&Blob> = push.blobs.iter().filter(|blob| seen.insert(blob.digest.as_str())).collect();
        let mut mounts: Vec<&str> = blobs.iter().filter_map(|blob| blob.mount_from.as_deref()).collect();
        mounts.sort_unstable();
        mounts.dedup();
        mounts.retain(|from| *from != reference.repository());
        let session = self.session(reference, true, &mounts)?;
        for manifest in &push.manifests {
            let deed = session.deed(format!("push the manifest {}", short(&manifest.digest)), true);
            compare(
                &deed,
                "the manifest",
                known(&deed, &manifest.digest).map(|_| &manifest.digest)?,
                &sha256_of(&manifest.bytes),
            )?;
        }
        let outcomes = each(&blobs, |blob, stop| Upload::new(self, &session, blob, on_progress, stop)?.run())?;
        for manifest in &push.manifests {
            let subject = self.put(&session, manifest, &manifest.digest)?;
            if !subject {
                self.refer(&session, manifest)?;
            }
        }
        for (manifest, tag) in
            push.manifests.iter().flat_map(|manifest| manifest.tags.iter().map(move |tag| (manifest, tag)))
        {
            self.put(&session, manifest, tag)?;
        }
        Ok(Pushed { blobs: blobs.iter().map(|blob| blob.digest.clone()).zip(outcomes).collect() })
    }

    /// Puts a manifest under a name; whether the registry keeps the list of what refers to its subject.
    pub(super) fn put(&self, session: &Session, manifest: &Manifest, name: &str) -> Result<bool> {
        exec::go_on()?;
        let what = if name == manifest.digest {
            format!("push the manifest {}", short(name))
        } else {
            format!("set the tag {name}")
        };
        let deed = session.deed(what, true);
        let answer = self.send(session, &deed, || {
            let call = Call::new(Method::PUT, session.url(&format!("manifests/{name}")));
            call.header("content-type", manifest.media_type.as_str()).body(Payload::Bytes(&manifest.bytes))
        })?;
        if !matches!(answer.status, 200..=202) {
            return Err(session.refused(&deed, answer));
        }
        if let Some(found) = answer.header("docker-content-digest")
            && found != manifest.digest
        {
            let reason = format!("{} kept something else, {found}", session.registry());
            return Err(words::failure(&deed, &reason).help("the registry or a proxy before it changes manifests"));
        }
        let subject = answer.header("oci-subject").is_some();
        answer.finish();
        Ok(subject)
    }
}

/// Does something with each, a few at the same time. The first failure stops the others, and is the one that is told.
fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T, &AtomicBool) -> Result<R> + Sync) -> Result<Vec<R>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<(usize, R)>> = Mutex::default();
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(items.len()) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    match act(item, &stop) {
                        Ok(result) => locked(&results).push((at, result)),
                        Err(failure) => {
                            stop.store(true, Ordering::Relaxed);
                            locked(&failed).get_or_insert(failure);
                        }
                    }
                }
            });
        }
    });
    if let Some(failure) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Kind};

    #[test]
    fn results_keep_their_order() {
        let items: Vec<u64> = (0..100).collect();
        let doubled = each(&items, |item, _| Ok(item * 2)).unwrap();
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_stops_what_has_not_begun() {
        let items: Vec<u64> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let failure = each(&items, |item, _| {
            begun.fetch_add(1, Ordering::Relaxed);
            std::thread::yield_now();
            if *item == 0 { Err(Failure::new(Kind::Engine, "first")) } else { Ok(()) }
        })
        .unwrap_err();
        assert_eq!(failure.to_string(), "first");
        assert!(begun.load(Ordering::Relaxed) < items.len());
    }
}
