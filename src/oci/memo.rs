//! What is remembered between builds: the digests of the host's files, and the layers that were made.
//!
//! A file is known by what the file system says of it, as git's index does it. Times have a grain: a file that was written in
//! the same instant in which it was read may have been written again after that. So its digest counts only when it was older
//! than that when it was read, and else it is read once more.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::Descriptor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fault::fault;
use super::store::{Lock, Store};
use crate::digest::hex;
use crate::exec;
use crate::failure::{Failure, Kind, Result};

const FILE: &str = "memo.json";

/// Another version is not read.
const VERSION: u32 = 1;

/// What was not used for so many days is forgotten.
const DAYS: u64 = 30;

/// Nanoseconds of the coarsest times there are: two seconds (FAT), and one where a time has no fraction.
const COARSE: i128 = 2_000_000_000;

/// Nanoseconds of all others: a tick of a kernel's clock, and some more.
const FINE: i128 = 100_000_000;

/// The SHA-256 of a file of the host in hexadecimal digits, which is read only where it can have changed since it was last in a
/// layer of this store.
///
/// # Errors
/// [`Kind::Emit`]: it cannot be read; [`Kind::Interrupted`].
pub fn file_sha256(store: &Store, path: &Utf8Path) -> Result<String> {
    let mut memo = Memo::read(store);
    let (digest, _) = memo.digest(path)?;
    drop(memo.write(store));
    Ok(digest)
}

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    /// Nanoseconds.
    modified: i128,
    /// Of the inode: it cannot be set back.
    changed: i128,
    inode: u64,
    device: u64,
}

impl Stamp {
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let time = |seconds: i64, nanos: i64| {
            i128::from(seconds).saturating_mul(1_000_000_000).saturating_add(i128::from(nanos))
        };
        Self {
            size: metadata.size(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }

    #[cfg(not(unix))]
    pub fn of(metadata: &Metadata) -> Self {
        let time = |time: std::io::Result<SystemTime>| time.map_or(0, nanos);
        let (modified, changed) = (time(metadata.modified()), time(metadata.created()));
        Self { size: metadata.len(), modified, changed, inode: 0, device: 0 }
    }

    /// Of a blob. Links to it change its inode's time, so that this one is left out.
    pub fn of_blob(metadata: &Metadata) -> Self {
        Self { changed: 0, ..Self::of(metadata) }
    }

    /// Whether it was written so long before this moment that it would look different had it been written after it.
    fn is_older_than(&self, moment: i128) -> bool {
        let last = self.modified.max(self.changed);
        let grain = if last % 1_000_000_000 == 0 { COARSE } else { FINE };
        last.saturating_add(grain) <= moment
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    digest: String,
    day: u64,
}

/// A layer that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Made {
    pub digest: String,
    pub size: u64,
    pub diff_id: String,
    pub unpacked: u64,
    /// Of its blob when it was last known to be right; none: that moment was too close to the one it was written in.
    pub blob: Option<Stamp>,
    /// A crash of the machine can leave a file of the right size without its contents.
    pub boot: String,
    pub day: u64,
}

/// What was remembered, and what there is to remember.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memo {
    version: u32,
    files: BTreeMap<Utf8PathBuf, Known>,
    layers: BTreeMap<String, Made>,
    #[serde(skip)]
    new: Vec<New>,
}

#[derive(Debug)]
enum New {
    File(Utf8PathBuf, Known),
    Layer(String, Made),
}

impl Memo {
    /// Reads it; what cannot be read is as good as not there.
    pub fn read(store: &Store) -> Self {
        let text = fs_err::read(store.folder().join(FILE)).unwrap_or_default();
        let memo: Self = serde_json::from_slice(&text).unwrap_or_default();
        if memo.version == VERSION { memo } else { Self { version: VERSION, ..Self::default() } }
    }

    /// The digest of a file's contents, which are read only where they can have changed; and its size.
    ///
    /// # Errors
    /// [`Kind::Emit`]: it cannot be read.
    pub fn digest(&mut self, path: &Utf8Path) -> Result<(String, u64)> {
        let failed = |error| fault("read", path, error);
        let now = nanos(SystemTime::now());
        let stamp = Stamp::of(&fs_err::metadata(path).map_err(failed)?);
        let path = std::path::absolute(path).ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        let path = path.unwrap_or_default();
        if let Some(known) = self.files.get(&path).filter(|known| known.stamp == stamp) {
            let (digest, day) = (known.digest.clone(), today());
            if known.day != day {
                self.new.push(New::File(path, Known { day, ..known.clone() }));
            }
            return Ok((digest, stamp.size));
        }
        let failed = |error| fault("read", &path, error);
        let mut file = fs_err::File::open(&path).map_err(failed)?;
        let digest = hash(&mut file).map_err(failed)?;
        let after = Stamp::of(&file.metadata().map_err(failed)?);
        if after == stamp && stamp.is_older_than(now) {
            let known = Known { stamp, digest: digest.clone(), day: today() };
            self.files.insert(path.clone(), known.clone());
            self.new.push(New::File(path, known));
        }
        Ok((digest, after.size))
    }

    /// The layer that was made of this key, where its blob is there and is what it was.
    pub fn layer(&mut self, store: &Store, key: &str) -> Option<Made> {
        let made = self.layers.get(key)?.clone();
        let path = store.blob(&made.digest).ok()?;
        let now = nanos(SystemTime::now());
        let stamp = Stamp::of_blob(&fs_err::metadata(&path).ok()?);
        if stamp.size != made.size {
            return None;
        }
        let boot = boot();
        if made.blob == Some(stamp) && made.boot == boot {
            if made.day != today() {
                self.new.push(New::Layer(key.to_owned(), Made { day: today(), ..made.clone() }));
            }
            return Some(made);
        }
        let mut file = fs_err::File::open(&path).ok()?;
        if format!("sha256:{}", hash(&mut file).ok()?) != made.digest {
            return None;
        }
        let blob = stamp.is_older_than(now).then_some(stamp);
        let made = Made { blob, boot, day: today(), ..made };
        if blob.is_some() {
            self.new.push(New::Layer(key.to_owned(), made.clone()));
        }
        Some(made)
    }

    /// Whether a blob that is not of our making is there and is what its digest says. It is read where it can have changed.
    pub fn holds(&mut self, store: &Store, blob: &Descriptor) -> bool {
        let key = blob.digest().as_ref();
        self.layers.entry(key.to_owned()).or_insert_with(|| fetched(blob));
        store.has(blob) && self.layer(store, key).is_some()
    }

    /// Notes a blob that was just compared with its digest and kept.
    pub fn holds_now(&mut self, store: &Store, blob: &Descriptor) {
        self.made(store, blob.digest().as_ref(), fetched(blob));
    }

    /// Notes a layer whose blob was just written by us: what we wrote we need not read.
    pub fn made(&mut self, store: &Store, key: &str, made: Made) {
        let stamp = store.blob(&made.digest).ok().and_then(|path| fs_err::metadata(path).ok());
        let made = Made { blob: stamp.map(|metadata| Stamp::of_blob(&metadata)), boot: boot(), day: today(), ..made };
        self.new.push(New::Layer(key.to_owned(), made));
    }

    /// Writes what is new beside what others wrote meanwhile.
    ///
    /// # Errors
    /// [`Kind::Emit`]: it cannot be written.
    pub fn write(self, store: &Store) -> Result<()> {
        if self.new.is_empty() {
            return Ok(());
        }
        let lock: Lock = store.lock()?;
        let mut memo = Self::read(store);
        for new in self.new {
            match new {
                New::File(path, known) => drop(memo.files.insert(path, known)),
                New::Layer(key, made) => drop(memo.layers.insert(key, made)),
            }
        }
        let used = |day: u64| day.saturating_add(DAYS) >= today();
        memo.files.retain(|_, known| used(known.day));
        memo.layers.retain(|_, made| used(made.day) && store.blob(&made.digest).is_ok_and(|path| path.exists()));
        let text = serde_json::to_vec(&memo).map_err(|error| {
            Failure::new(Kind::Internal, "what is remembered of layers cannot be written").caused_by(error)
        })?;
        store.replace(FILE, &lock, &text)
    }
}

/// What is known of a layer by its blob alone. Its key is that blob's digest, which no made layer has as its key.
fn fetched(blob: &Descriptor) -> Made {
    Made {
        digest: blob.digest().to_string(),
        size: blob.size(),
        diff_id: String::new(),
        unpacked: 0,
        blob: None,
        boot: String::new(),
        day: 0,
    }
}

pub(super) fn hash(from: &mut impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        exec::go_on_in_io()?;
        match from.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn nanos(time: SystemTime) -> i128 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i128::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / (24 * 60 * 60))
}

/// The name of the time since the machine was started; empty where the system has none.
fn boot() -> String {
    fs_err::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
