//! An image goes to a registry: first its blobs, then its manifests, then its tags, so that nothing that can be pulled is incomplete.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use ureq::http::Method;

use super::Client;
use super::each::each;
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
    /// Bytes that are there; may go back where some were lost.
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
    /// Pushes to the repository of a reference. The reference's own tag is not set, but those of the manifests. A blob that this
    /// client brought to another repository of the registry is mounted from there.
    ///
    /// # Errors
    /// [`Kind::Engine`](crate::failure::Kind::Engine): the registry does not take something;
    /// [`Kind::Verify`](crate::failure::Kind::Verify): a file is not what its digest says;
    /// [`Kind::Interrupted`](crate::failure::Kind::Interrupted). No tag was touched then, unless setting one of several failed.
    pub fn push(
        &self,
        reference: &Reference,
        push: &Push,
        on_progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Pushed> {
        let mut seen = BTreeSet::new();
        let once = push.blobs.iter().filter(|blob| seen.insert(blob.digest.as_str()));
        let blobs: Vec<Blob> = once.map(|blob| self.found(reference, blob)).collect();
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
        let outcomes = each(&blobs, WORKERS, |blob, stop| {
            let outcome = Upload::new(self, &session, blob, on_progress, stop)?.run()?;
            let key = (reference.host().to_owned(), blob.digest.clone());
            locked(&self.brought).entry(key).or_insert_with(|| reference.repository().to_owned());
            Ok(outcome)
        })?;
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

    /// The blob, and where it is already: what was just brought somewhere is there, which of a base is only likely.
    fn found(&self, reference: &Reference, blob: &Blob) -> Blob {
        let key = (reference.host().to_owned(), blob.digest.clone());
        let brought = locked(&self.brought).get(&key).cloned();
        Blob { mount_from: brought.or_else(|| blob.mount_from.clone()), ..blob.clone() }
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
