//! Where the parts of an image lie: in a folder, or in an archive that is read where it is.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use tar::EntryType;
use tempfile::{NamedTempFile, TempDir};

use crate::failure::{Failure, Kind, Result};
use crate::image::archive::{self, Budget, Gate, Room, Within};
use crate::image::{LARGEST_JSON, layer};
use crate::{limits, regular};

/// Links from one entry of an archive to another, as the oldest archives of Docker have them.
const LINKS: usize = 8;

/// Files by their names.
#[derive(Debug)]
pub(super) enum Blobs {
    /// In a folder.
    Folder { folder: Utf8PathBuf, _own: Option<Own> },
    /// In an archive, by their places.
    Archive(Archive),
}

#[derive(Debug)]
pub(super) struct Archive {
    path: Utf8PathBuf,
    entries: BTreeMap<String, At>,
    _own: Option<Own>,
}

/// A place of our own, which is gone at the end.
#[derive(Debug)]
pub(super) enum Own {
    File(#[expect(dead_code, reason = "it is removed when it is dropped")] NamedTempFile),
    Folder(#[expect(dead_code, reason = "likewise")] TempDir),
}

#[derive(Debug)]
enum At {
    Bytes(u64, u64),
    Link(String),
}

impl Blobs {
    /// A folder, or an archive, compressed or not.
    ///
    /// # Errors
    /// [`Kind::Usage`]: it is not there, or no archive.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let none = |error: io::Error| {
            let failure = Failure::new(Kind::Usage, format!("`{path}` holds no image that can be read"));
            archive::failure(error, failure)
                .help("name an OCI layout (a folder, or an archive of one), or what `docker save` writes")
        };
        if path.is_dir() {
            return Ok(Self::Folder { folder: path.to_owned(), _own: None });
        }
        let mut magic = [0; 4];
        let mut file = regular::open(path).map_err(none)?;
        let read = file.read(&mut magic).map_err(none)?;
        if sniff(magic.get(..read).unwrap_or_default()).is_empty() {
            return Archive::index(path.to_owned(), None).map(Self::Archive).map_err(none);
        }
        let mut plain = temporary()?;
        file.rewind().map_err(none)?;
        let budget = Budget::default();
        let mut room = Room::of(file.metadata().map_err(none)?.len(), &budget);
        let source = layer::decoder(sniff(&magic), BufReader::new(file)).map_err(none)?;
        io::copy(&mut Within::new(source, &mut room), &mut plain).map_err(none)?;
        let path = Utf8PathBuf::from_path_buf(plain.path().to_owned());
        let path = path.map_err(|path| none(io::Error::other(format!("{} is no UTF-8", path.display()))))?;
        Archive::index(path, Some(Own::File(plain))).map(Self::Archive).map_err(none)
    }

    /// Likewise in a folder of our own, which is gone with it.
    pub fn owned(path: &Utf8Path, own: TempDir) -> Result<Self> {
        Ok(match Self::open(path)? {
            Self::Folder { folder, .. } => Self::Folder { folder, _own: Some(Own::Folder(own)) },
            Self::Archive(archive) => Self::Archive(Archive { _own: Some(Own::Folder(own)), ..archive }),
        })
    }

    /// The bytes of a file; none: there is no such file.
    pub fn reader(&self, name: &str) -> Result<Option<Box<dyn Read>>> {
        let failed = |error| broken(&format!("`{name}` cannot be read")).caused_by(error);
        match self {
            Self::Folder { folder, .. } => match inside(folder, name).and_then(|path| regular::open(&path)) {
                Ok(file) => Ok(Some(Box::new(BufReader::new(file)))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(failed(error)),
            },
            Self::Archive(archive) => archive.reader(name).map_err(failed),
        }
    }

    /// How many bytes a file has; one that is not there has none.
    pub fn size(&self, name: &str) -> Result<u64> {
        let failed = |error| broken(&format!("`{name}` cannot be read")).caused_by(error);
        match self {
            Self::Folder { folder, .. } => match inside(folder, name).and_then(fs_err::metadata) {
                Ok(metadata) => Ok(metadata.len()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
                Err(error) => Err(failed(error)),
            },
            Self::Archive(archive) => Ok(archive.place(name).map_or(0, |(_, size)| size)),
        }
    }

    /// Likewise of one that is small; one that is not is an error.
    pub fn small(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(reader) = self.reader(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let failed = |error| broken(&format!("`{name}` cannot be read")).caused_by(error);
        reader.take(LARGEST_JSON.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > LARGEST_JSON {
            return Err(broken(&format!("`{name}` is too large for what it is")));
        }
        Ok(Some(bytes))
    }
}

impl Archive {
    fn index(path: Utf8PathBuf, own: Option<Own>) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        let left = Cell::new(None);
        let mut archive = tar::Archive::new(Gate::new(regular::open(&path)?, &left));
        let mut all = archive.entries_with_seek()?;
        loop {
            Gate::<()>::header(&left);
            let Some(entry) = all.next() else { break };
            let entry = entry?;
            limits::PATH.check_io(entry.path_bytes().len() as u64)?;
            limits::PATH.check_io(entry.link_name_bytes().unwrap_or_default().len() as u64)?;
            limits::ENTRIES.check_io(entries.len() as u64)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            let at = match entry.header().entry_type() {
                EntryType::Symlink | EntryType::Link => {
                    let to = String::from_utf8_lossy(&entry.link_name_bytes().unwrap_or_default()).into_owned();
                    At::Link(beside(&name, &to))
                }
                kind if kind.is_file() => At::Bytes(entry.raw_file_position(), entry.size()),
                _ => continue,
            };
            entries.insert(name, at);
        }
        Ok(Self { path, entries, _own: own })
    }

    fn reader(&self, name: &str) -> io::Result<Option<Box<dyn Read>>> {
        let Some((at, size)) = self.place(name) else { return Ok(None) };
        let mut file = regular::open(&self.path)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Some(Box::new(BufReader::new(file).take(size))))
    }

    /// Where a file begins, and how many bytes it has; links are followed.
    fn place(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = name;
        for _ in 0..LINKS {
            match self.entries.get(name)? {
                At::Link(to) => name = to,
                At::Bytes(at, size) => return Some((*at, *size)),
            }
        }
        None
    }
}

/// A file of a folder. Its name is somebody else's: it may lead nowhere else, by itself or by a link.
fn inside(folder: &Utf8Path, name: &str) -> io::Result<Utf8PathBuf> {
    let out = || io::Error::other("it lies outside of the image's folder");
    let plain = |part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir);
    if !Utf8Path::new(name).components().all(plain) {
        return Err(out());
    }
    let path = folder.join(name).canonicalize_utf8()?;
    if path.starts_with(folder.canonicalize_utf8()?) { Ok(path) } else { Err(out()) }
}

/// The name that a link means: `a/layer.tar` and `../b/layer.tar` are `b/layer.tar`.
fn beside(name: &str, to: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// How bytes that begin so are compressed: what [`layer::decoder`] reads in a media type.
pub(super) fn sniff(magic: &[u8]) -> &'static str {
    match magic {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        _ => "",
    }
}

/// A file that is gone at the end.
pub(super) fn temporary() -> Result<NamedTempFile> {
    NamedTempFile::new()
        .map_err(|error| Failure::new(Kind::Emit, "there is no place for a temporary file").caused_by(error))
}

/// An image that is not what it says.
pub(super) fn broken(what: &str) -> Failure {
    Failure::new(Kind::Verify, format!("the image cannot be read: {what}"))
        .help("save, pull or copy it again; if it stays so, whoever made it has to make it anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_within_the_archive() {
        assert_eq!(beside("a/layer.tar", "../b/layer.tar"), "b/layer.tar");
        assert_eq!(beside("a/layer.tar", "../../../etc/passwd"), "etc/passwd");
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir(root.join("a")).unwrap();
        fs_err::write(root.join("a/layer.tar"), "").unwrap();
        assert!(inside(root, "./a/layer.tar").is_ok());
        for name in ["/dev/zero", "../x", "a/../../x", ""] {
            assert!(inside(root, name).and_then(|path| regular::open(&path)).is_err(), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/dev/zero", root.join("zero")).unwrap();
            std::os::unix::fs::symlink("a/layer.tar", root.join("near")).unwrap();
            assert!(inside(root, "near").is_ok() && inside(root, "zero").is_err());
        }
    }

    #[test]
    fn what_is_no_image_is_told_to_be_none() {
        let file = temporary().unwrap();
        fs_err::write(file.path(), "no archive at all, whatever its name says").unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        assert_eq!(Blobs::open(path).unwrap_err().kind(), Kind::Usage);
        assert_eq!(Blobs::open(Utf8Path::new("/no/such/file")).unwrap_err().kind(), Kind::Usage);
    }
}
