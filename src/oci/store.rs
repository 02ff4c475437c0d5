//! Blobs by their digests, in a folder under cargo's target folder.
//!
//! A blob is written into a temporary file in the same file system and gets its name when it is whole, so that what has a
//! name is complete whenever and however a build ended. Two builds may use one store: a blob's name says what is in it, and
//! it does not matter who of them wrote it. What is remembered between builds ([`mod@super::layer`]) is read whole, and written
//! under a lock.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::{Descriptor, MediaType};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::fault::fault;
use super::memo::hash;
use crate::digest;
use crate::failure::{Failure, Kind, Result};
use crate::image::LARGEST_JSON;

/// So many builds' blobs are kept: who goes back and forth between two profiles, or two branches, finds both.
const BUILDS: usize = 8;

/// The folder of files that have no name yet.
const COMING: &str = "incoming";

/// A content store. As long as it is open nobody else collects what lies in it.
#[derive(Debug)]
pub struct Store {
    folder: Utf8PathBuf,
    /// Locked shared by everybody who uses the store, and exclusively by who removes from it.
    users: File,
}

/// Who holds it alone may write what is remembered.
pub(super) struct Lock(#[expect(dead_code, reason = "closing it unlocks")] File);

impl Store {
    /// Opens a store, and makes it where there is none.
    ///
    /// # Errors
    /// [`Kind::Emit`]: the folder cannot be made or written.
    pub fn open(folder: impl Into<Utf8PathBuf>) -> Result<Self> {
        let folder = folder.into();
        for inner in ["blobs/sha256", COMING] {
            let path = folder.join(inner);
            fs_err::create_dir_all(&path).map_err(|error| fault("made", &path, error))?;
        }
        let users = lock_file(&folder, "users.lock")?;
        can_lock(users.lock_shared()).map_err(|error| fault("locked", &folder, error))?;
        Ok(Self { folder, users })
    }

    /// Where it is.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Where the blob of a digest lies, or would.
    ///
    /// # Errors
    /// [`Kind::Verify`]: it is no SHA-256 digest.
    pub fn blob(&self, digest: &str) -> Result<Utf8PathBuf> {
        let digits = digest::sha256_digits(digest);
        let digits = digits.ok_or_else(|| broken(format!("`{digest}` is not a digest that is known")))?;
        Ok(self.folder.join("blobs/sha256").join(digits))
    }

    /// Whether a blob is there, at least with the right size.
    pub fn has(&self, descriptor: &Descriptor) -> bool {
        let size = self.blob(descriptor.digest().as_ref()).and_then(|path| {
            fs_err::metadata(&path).map(|metadata| metadata.len()).map_err(|error| fault("read", &path, error))
        });
        size.is_ok_and(|size| size == descriptor.size())
    }

    /// Keeps these bytes.
    ///
    /// # Errors
    /// [`Kind::Emit`]: they cannot be written.
    pub fn put(&self, media_type: MediaType, bytes: &[u8]) -> Result<Descriptor> {
        let digest = digest::sha256_of(bytes);
        let path = self.blob(&digest)?;
        // Small ones are compared, so that one that was broken is made whole.
        if fs_err::read(&path).is_ok_and(|old| old == bytes) {
            return descriptor(media_type, &digest, bytes.len() as u64);
        }
        let mut incoming = self.incoming()?;
        incoming.write_all(bytes).map_err(|error| fault("written", &path, error))?;
        incoming.keep(media_type)
    }

    /// A blob to write into.
    ///
    /// # Errors
    /// [`Kind::Emit`]: no file can be made.
    pub fn incoming(&self) -> Result<Incoming<'_>> {
        let folder = self.coming();
        let file = NamedTempFile::new_in(&folder).map_err(|error| fault("written", &folder, error))?;
        Ok(Incoming { store: self, file, hash: Sha256::new(), size: 0 })
    }

    /// Where files that are to be kept are written first.
    pub(super) fn coming(&self) -> Utf8PathBuf {
        self.folder.join(COMING)
    }

    /// Gives a file in [`Store::coming`] its name, which says what is in it.
    pub(super) fn keep(&self, file: NamedTempFile, digest: &str) -> Result<()> {
        let path = self.blob(digest)?;
        let failed = |error: std::io::Error| fault("written", &path, error);
        read_only(file.as_file()).map_err(failed)?;
        file.persist(&path).map(drop).map_err(|error| failed(error.error))
    }

    /// A manifest, an index or a configuration, its digest checked.
    ///
    /// # Errors
    /// [`Kind::Verify`]: it is missing, too large, or not what its digest says.
    pub fn json(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let digest = descriptor.digest().as_ref();
        let path = self.blob(digest)?;
        if descriptor.size() > LARGEST_JSON {
            return Err(broken(format!("the blob {digest} is too large for what it is")));
        }
        let missing = |error| broken(format!("the blob {digest} cannot be read")).caused_by(error);
        let mut bytes = Vec::new();
        let file = fs_err::File::open(&path).map_err(missing)?;
        file.take(LARGEST_JSON).read_to_end(&mut bytes).map_err(missing)?;
        if digest::sha256_of(&bytes) != digest {
            return Err(self.damaged(digest));
        }
        Ok(bytes)
    }

    /// A blob that is not what its digest says is taken away, so that the next build makes it anew.
    pub(super) fn damaged(&self, digest: &str) -> Failure {
        if let Ok(path) = self.blob(digest) {
            drop(fs_err::remove_file(path));
        }
        broken(format!("the blob {digest} was damaged on the disk")).help("run it again: the blob was removed")
    }

    /// Takes a blob away that is not what its digest says.
    pub(super) fn mend(&self, digest: &str) {
        let found = self.blob(digest).ok().and_then(|path| fs_err::File::open(path).ok());
        // What cannot be read to the end, as at an interrupt, is not known to be wrong.
        let wrong = found
            .and_then(|mut file| hash(&mut file).ok())
            .is_some_and(|found| Some(found.as_str()) != digest::sha256_digits(digest));
        if wrong {
            drop(self.damaged(digest));
        }
    }

    /// Waits until nobody else writes what is remembered.
    pub(super) fn lock(&self) -> Result<Lock> {
        let file = lock_file(&self.folder, "memo.lock")?;
        can_lock(file.lock()).map_err(|error| fault("locked", &self.folder, error))?;
        Ok(Lock(file))
    }

    /// Replaces a file in the store's folder at once. Call it with the lock held, with what was read under it.
    pub(super) fn replace(&self, name: &str, _lock: &Lock, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let written = NamedTempFile::new_in(self.coming()).and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(&path).map_err(|error| error.error)
        });
        written.map(drop).map_err(|error| fault("written", &path, error))
    }

    /// Notes that this build uses these blobs, and removes those that none of the last builds used. Another build that is
    /// under way uses blobs that it has not named yet: then nothing is removed, and a later build does it. Gives the bytes
    /// that were freed.
    ///
    /// # Errors
    /// [`Kind::Emit`]: the list of builds cannot be written.
    pub fn collect(&self, keep: &BTreeSet<String>) -> Result<u64> {
        const LIST: &str = "builds.json";
        let lock = self.lock()?;
        let old = fs_err::read(self.folder.join(LIST)).unwrap_or_default();
        let mut builds: Vec<BTreeSet<String>> = serde_json::from_slice(&old).unwrap_or_default();
        if builds.first() == Some(keep) {
            return Ok(0);
        }
        builds.retain(|build| build != keep);
        builds.insert(0, keep.clone());
        builds.truncate(BUILDS);
        let text = serde_json::to_vec(&builds)
            .map_err(|error| Failure::new(Kind::Internal, "the list of builds cannot be written").caused_by(error))?;
        self.replace(LIST, &lock, &text)?;
        // From here on others know what we use. Their own blobs are safe while they hold the store open.
        drop(self.users.unlock());
        let freed = match self.users.try_lock() {
            Ok(()) => self.remove_all_but(&builds),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => 0,
        };
        drop(self.users.unlock());
        can_lock(self.users.lock_shared()).map_err(|error| fault("locked", &self.folder, error))?;
        Ok(freed)
    }

    /// What cannot be removed stays: it does no harm.
    fn remove_all_but(&self, builds: &[BTreeSet<String>]) -> u64 {
        let mut freed = 0;
        for folder in ["blobs/sha256", COMING] {
            for entry in fs_err::read_dir(self.folder.join(folder)).into_iter().flatten().flatten() {
                let digest = format!("sha256:{}", entry.file_name().to_string_lossy());
                if folder == COMING || !builds.iter().any(|build| build.contains(&digest)) {
                    let size = entry.metadata().map_or(0, |metadata| metadata.len());
                    freed =
                        u64::saturating_add(freed, if fs_err::remove_file(entry.path()).is_ok() { size } else { 0 });
                }
            }
        }
        freed
    }
}

/// A blob that is being written; it goes when it is dropped before it is kept.
pub struct Incoming<'a> {
    store: &'a Store,
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
}

impl Incoming<'_> {
    /// Gives it its name.
    ///
    /// # Errors
    /// [`Kind::Emit`]: it cannot be moved to its place.
    pub fn keep(self, media_type: MediaType) -> Result<Descriptor> {
        let digest = digest::sha256(self.hash);
        self.store.keep(self.file, &digest)?;
        descriptor(media_type, &digest, self.size)
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.as_file_mut().write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size = self.size.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// A layout's blobs are links to the store's: who writes into one by mistake is stopped.
#[cfg(unix)]
fn read_only(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o444))
}

#[cfg(not(unix))]
fn read_only(_: &File) -> std::io::Result<()> {
    Ok(())
}

fn lock_file(folder: &Utf8Path, name: &str) -> Result<File> {
    let path = folder.join(name);
    File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| fault("written", &path, error))
}

/// A file system that knows no locks does not keep anybody from building.
fn can_lock(locked: std::io::Result<()>) -> std::io::Result<()> {
    match locked {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        other => other,
    }
}

pub(super) fn descriptor(media_type: MediaType, digest: &str, size: u64) -> Result<Descriptor> {
    let digest: oci_spec::image::Digest =
        digest.parse().map_err(|error| broken(format!("`{digest}` is not a digest that is known")).caused_by(error))?;
    Ok(Descriptor::new(media_type, size, digest))
}

pub(super) fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Verify, format!("the image cannot be written: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::scratch;

    fn put(store: &Store, text: &str) -> String {
        store.put(MediaType::ImageConfig, text.as_bytes()).unwrap().digest().to_string()
    }

    fn keep(digests: &[&String]) -> BTreeSet<String> {
        digests.iter().map(|digest| (*digest).clone()).collect()
    }

    #[test]
    fn what_was_put_is_there_under_its_digest_and_a_broken_one_is_made_whole() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let descriptor = store.put(MediaType::ImageConfig, b"{}").unwrap();
        // The digest of `{}` that the specification names.
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!((descriptor.digest().as_ref(), descriptor.size()), (digest, 2));
        assert_eq!(store.json(&descriptor).unwrap(), b"{}");
        let path = store.blob(digest).unwrap();
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, "[]").unwrap();
        assert_eq!(store.json(&descriptor).unwrap_err().kind(), Kind::Verify);
        assert!(!store.has(&descriptor), "a damaged blob stays");
        fs_err::write(&path, "[]").unwrap();
        assert_eq!(store.put(MediaType::ImageConfig, b"{}").unwrap(), descriptor);
        assert_eq!(store.json(&descriptor).unwrap(), b"{}");
    }

    #[test]
    fn only_digests_name_blobs() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        for digest in ["", "sha256:", "sha256:../../etc/passwd", "md5:00", &format!("sha512:{}", "a".repeat(64))] {
            assert_eq!(store.blob(digest).unwrap_err().kind(), Kind::Verify, "{digest}");
        }
    }

    #[test]
    fn what_was_not_kept_leaves_nothing() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let mut incoming = store.incoming().unwrap();
        incoming.write_all(b"half").unwrap();
        drop(incoming);
        assert_eq!(fs_err::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
        assert_eq!(fs_err::read_dir(folder.path().join("blobs/sha256")).unwrap().count(), 0);
    }

    #[test]
    fn blobs_of_the_last_builds_stay() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let there = |digest: &String| store.blob(digest).unwrap().exists();
        let mut digests = Vec::new();
        for build in 0..BUILDS {
            digests.push(put(&store, &build.to_string()));
            store.collect(&keep(&[&digests[build]])).unwrap();
        }
        assert!(digests.iter().all(there));
        fs_err::write(folder.path().join("incoming/left-by-a-killed-build"), "").unwrap();
        digests.push(put(&store, "one too many"));
        assert_eq!(store.collect(&keep(&[&digests[BUILDS]])).unwrap(), 1, "the oldest one, of one byte");
        assert!(!there(&digests[0]) && digests[1..].iter().all(there));
        assert_eq!(fs_err::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_removed_under_another_build() {
        let folder = scratch();
        let (ours, theirs) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        let fresh = put(&theirs, "not named yet");
        let kept = put(&ours, "kept");
        assert_eq!(ours.collect(&keep(&[&kept])).unwrap(), 0);
        assert!(theirs.blob(&fresh).unwrap().exists());
        drop(theirs);
        let freed = ours.collect(&keep(&[&kept, &put(&ours, "more")])).unwrap();
        assert_eq!(freed, "not named yet".len() as u64);
        assert!(!ours.blob(&fresh).unwrap().exists());
    }
}
