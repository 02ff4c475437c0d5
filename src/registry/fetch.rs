//! A blob becomes a file: whole and right, or not there at all.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use oci_spec::image::Descriptor;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use ureq::http::Method;

use super::Client;
use super::pace::{Clock, Paced};
use super::push::Progress;
use super::reference::Reference;
use super::resolve::{compare, known};
use super::retry;
use super::wire::{Answer, Call, Trouble};
use super::words::{self, Deed, short};
use crate::digest;
use crate::exec;
use crate::failure::{Failure, Kind, Result};
use crate::workspace::folder_of;

const BUFFER: usize = 64 * 1024;

impl Client {
    /// Brings a blob of the reference's repository into a file, whose folder must be there. A file that is there is replaced.
    ///
    /// # Errors
    /// [`Kind::Engine`]: the registry does not give it, what it gives is not what the digest says, or the disk is full;
    /// [`Kind::Interrupted`]. Nothing is left in the folder then.
    pub fn fetch(&self, reference: &Reference, descriptor: &Descriptor, into: &Utf8Path) -> Result<()> {
        let folder = folder_of(into);
        let file = self.fetch_into(reference, descriptor, folder, &|_| {}, &AtomicBool::new(false))?;
        let size = descriptor.size();
        file.persist(into).map(drop).map_err(|error| unwritten(folder, size, error.error))
    }

    /// Likewise into a temporary file in a folder, whose bytes are those of the digest. Whoever sets `stop` ends it.
    pub(crate) fn fetch_into(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        folder: &Utf8Path,
        on_progress: &(dyn Fn(Progress<'_>) + Sync),
        stop: &AtomicBool,
    ) -> Result<NamedTempFile> {
        let digest = descriptor.digest().to_string();
        let session = self.session(reference, false, &[])?;
        let deed = session.deed(format!("pull the blob {}", short(&digest)), false);
        known(&deed, &digest)?;
        let told = |at| on_progress(Progress { digest: &digest, done: at, total: descriptor.size() });
        let mut part = Part::new(folder, descriptor.size(), &told, stop)?;
        let mut tries = self.policy.tries();
        loop {
            let before = part.at;
            let answer = self.send(&session, &deed, || {
                let call = Call::new(Method::GET, session.url(&format!("blobs/{digest}")));
                if before > 0 { call.header("range", format!("bytes={before}-")) } else { call }
            })?;
            let trouble = match (answer.status, starts_at(&answer)) {
                (206, Some(start)) if start == before => part.take(&deed, answer),
                (200, _) => part.restart().map_err(Trouble::Final).and_then(|()| part.take(&deed, answer)),
                // It does not know how to go on from there.
                (206 | 416, _) if before > 0 => {
                    part.restart()?;
                    Err(Trouble::Broken("it does not go on where it stopped".to_owned()))
                }
                _ => return Err(session.refused(&deed, answer)),
            };
            match trouble {
                Ok(()) => {
                    let found = digest::sha256(part.hasher.clone());
                    match compare(&deed, "the blob", &digest, &found) {
                        Ok(()) => return Ok(part.file),
                        // Two halves of different things: once more from the start.
                        Err(_) if before > 0 => part.restart()?,
                        Err(failure) => return Err(failure),
                    }
                }
                Err(Trouble::Broken(why)) => {
                    if part.at >= before.saturating_add(retry::PROGRESS) {
                        tries.forget();
                    }
                    if !tries.again(None)? {
                        return Err(words::unheard(&deed, Trouble::Broken(why), tries.made()));
                    }
                }
                Err(trouble) => return Err(words::unheard(&deed, trouble, 1)),
            }
        }
    }
}

/// Where a part of something begins: `bytes 100-199/200`.
fn starts_at(answer: &Answer) -> Option<u64> {
    answer.header("content-range")?.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// What has come so far; removed when it is dropped.
struct Part<'p> {
    file: NamedTempFile,
    hasher: Sha256,
    at: u64,
    size: u64,
    folder: &'p Utf8Path,
    told: &'p dyn Fn(u64),
    stop: &'p AtomicBool,
}

impl<'p> Part<'p> {
    fn new(folder: &'p Utf8Path, size: u64, told: &'p dyn Fn(u64), stop: &'p AtomicBool) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".fetch-");
        // What any program would make, not a secret: other tools read a layout too.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|error| unwritten(folder, size, error))?;
        Ok(Self { file, hasher: Sha256::new(), at: 0, size, folder, told, stop })
    }

    fn restart(&mut self) -> Result<()> {
        if self.at == 0 {
            return Ok(());
        }
        self.at = 0;
        self.hasher = Sha256::new();
        let file: &mut File = self.file.as_file_mut();
        file.rewind().and_then(|()| file.set_len(0)).map_err(|error| unwritten(self.folder, self.size, error))
    }

    /// Takes what comes; all that is missing has come where there is no error.
    fn take(&mut self, deed: &Deed<'_>, answer: Answer) -> Result<(), Trouble> {
        let pace = answer.pace();
        let mut reader = Paced { inner: answer.reader(), clock: Clock::start(&pace) };
        let mut buffer = vec![0; BUFFER];
        loop {
            exec::go_on()?;
            if self.stop.load(Ordering::Relaxed) {
                return Err(words::failure(deed, "another blob failed").into());
            }
            let count = match reader.read(&mut buffer) {
                Ok(0) if self.at == self.size => return Ok(()),
                Ok(0) => return Err(self.broken("it ended")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(match error.into() {
                        Trouble::Broken(why) => self.broken(&why),
                        trouble => trouble,
                    });
                }
            };
            let bytes = &buffer[..count];
            if self.at.saturating_add(count as u64) > self.size {
                let reason = format!("more comes than the {} bytes that its manifest says", self.size);
                return Err(words::failure(deed, &reason).help("the registry or a proxy before it is broken").into());
            }
            self.file.write_all(bytes).map_err(|error| unwritten(self.folder, self.size, error))?;
            self.hasher.update(bytes);
            self.at = self.at.saturating_add(count as u64);
            (self.told)(self.at);
        }
    }

    fn broken(&self, why: &str) -> Trouble {
        Trouble::Broken(format!("{why} after {} of {} bytes", self.at, self.size))
    }
}

/// A file that cannot be written, and why.
fn unwritten(folder: &Utf8Path, size: u64, error: io::Error) -> Failure {
    let size = bytesize::ByteSize(size);
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Failure::new(Kind::Engine, format!("there is no room for a blob of {size} in `{folder}`: the disk is full"))
                .caused_by(error)
                .help("make room there, then run it again; nothing of it was kept")
        }
        _ => Failure::new(Kind::Engine, format!("a blob cannot be written to `{folder}`")).caused_by(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_words() {
        let report = unwritten("/a".into(), 5_000_000, io::ErrorKind::StorageFull.into()).report();
        assert!(report.contains("disk is full") && report.contains("`/a`") && report.contains("make room"), "{report}");
        let other = unwritten("/a".into(), 1, io::ErrorKind::PermissionDenied.into());
        assert_eq!(other.to_string(), "a blob cannot be written to `/a`");
    }

    #[test]
    fn a_part_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let into = Utf8Path::from_path(folder.path()).unwrap();
        drop(Part::new(into, 1, &|_| {}, &AtomicBool::new(false)).unwrap());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
