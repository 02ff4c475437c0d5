//! Layers: archives of files, one over the other.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use oci_spec::image::Descriptor;
use sha2::{Digest, Sha256};
use tar::EntryType;

use super::layout::{Layout, broken, check};
use super::{Entry, File, FileKind, Layer};
use crate::digest;
use crate::failure::Result;

/// A larger file is not read into memory: nothing that is looked into is.
const LARGEST_FILE: u64 = 512 * 1024 * 1024;

/// Reads with a digest of all that was read.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

pub(super) fn read(layout: &Layout, descriptor: &Descriptor) -> Result<Layer> {
    let digest = descriptor.digest().to_string();
    let media_type = descriptor.media_type().to_string();
    let failed = |error: std::io::Error| broken(format!("the layer {digest} cannot be unpacked")).caused_by(error);
    let file = fs_err::File::open(layout.blob(&digest)?).map_err(failed)?;
    let mut source = Hashing { inner: BufReader::new(file), hash: Sha256::new(), bytes: 0 };
    let mut entries = Vec::new();
    {
        let mut archive = tar::Archive::new(decoder(&media_type, &mut source).map_err(failed)?);
        for entry in archive.entries().map_err(failed)? {
            entries.push(self::entry(&entry.map_err(failed)?).map_err(failed)?);
        }
    }
    // What follows the archive's end counts for the digest.
    std::io::copy(&mut source, &mut std::io::sink()).map_err(failed)?;
    check(&digest, &digest::sha256(source.hash))?;
    let unpacked = entries.iter().map(|entry| entry.file.size).sum();
    let compressed = if is_plain(&media_type) { gzipped(layout, &digest).map_err(failed)? } else { source.bytes };
    Ok(Layer { digest, media_type, compressed, unpacked, entries })
}

/// Whether a layer lies uncompressed, as in what `docker image save` gives out.
fn is_plain(media_type: &str) -> bool {
    !media_type.ends_with("gzip") && !media_type.ends_with("zstd")
}

/// The bytes that a layer takes once it is pushed: with gzip, at the level that BuildKit and Docker use.
fn gzipped(layout: &Layout, digest: &str) -> std::io::Result<u64> {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let path = layout.blob(digest).map_err(std::io::Error::other)?;
    let mut encoder = flate2::write::GzEncoder::new(Count(0), flate2::Compression::default());
    std::io::copy(&mut fs_err::File::open(path)?, &mut encoder)?;
    encoder.finish().map(|count| count.0)
}

fn decoder<'a>(media_type: &str, source: impl Read + 'a) -> std::io::Result<Box<dyn Read + 'a>> {
    Ok(if media_type.ends_with("gzip") {
        Box::new(MultiGzDecoder::new(BufReader::new(source)))
    } else if media_type.ends_with("zstd") {
        Box::new(zstd::Decoder::new(source)?)
    } else {
        Box::new(source)
    })
}

fn entry<R: Read>(entry: &tar::Entry<'_, R>) -> std::io::Result<Entry> {
    let header = entry.header();
    let mut path = absolute(&String::from_utf8_lossy(&entry.path_bytes()));
    let link = entry.link_name_bytes().map(|to| String::from_utf8_lossy(&to).into_owned()).unwrap_or_default();
    let mut kind = match header.entry_type() {
        EntryType::Directory => FileKind::Folder,
        EntryType::Symlink => FileKind::Link(link),
        EntryType::Link => FileKind::HardLink(absolute(&link)),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => FileKind::Regular,
        _ => FileKind::Special,
    };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let takes_away = match name.strip_prefix(".wh.") {
        Some(".wh..opq") => Some((FileKind::Opaque, folder.to_owned())),
        Some(gone) if !gone.is_empty() => Some((FileKind::Whiteout, format!("{folder}/{gone}"))),
        _ => None,
    };
    if let Some(whiteout) = takes_away {
        (kind, path) = whiteout;
    }
    let size = if kind == FileKind::Regular { header.size()? } else { 0 };
    let file = File { kind, size, mode: header.mode()?, uid: header.uid()?, gid: header.gid()?, layer: 0 };
    Ok(Entry { path, file })
}

/// A name in an archive as a path from the root; `..` cannot climb out.
fn absolute(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The file system that the layers make, one over the other.
pub(super) fn merge(layers: &[Layer]) -> BTreeMap<String, File> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for (at, layer) in layers.iter().enumerate() {
        // Whiteouts speak of the layers below only, wherever they stand in the archive.
        for entry in &layer.entries {
            let inside = format!("{}/", entry.path.trim_end_matches('/'));
            match entry.file.kind {
                FileKind::Whiteout => files.retain(|path, _| *path != entry.path && !path.starts_with(&inside)),
                FileKind::Opaque => files.retain(|path, _| !path.starts_with(&inside)),
                _ => {}
            }
        }
        for entry in &layer.entries {
            if matches!(entry.file.kind, FileKind::Whiteout | FileKind::Opaque) || entry.path == "/" {
                continue;
            }
            // A file in a folder's place hides what lay in the folder.
            if entry.file.kind != FileKind::Folder
                && files.get(&entry.path).is_some_and(|old| old.kind == FileKind::Folder)
            {
                let inside = format!("{}/", entry.path);
                files.retain(|path, _| !path.starts_with(&inside));
            }
            // An archive may leave out the folders above; they are there all the same.
            for (end, _) in entry.path.match_indices('/').skip(1) {
                let folder = File { kind: FileKind::Folder, size: 0, mode: 0o755, uid: 0, gid: 0, layer: at };
                files.entry(entry.path[..end].to_owned()).or_insert(folder);
            }
            files.insert(entry.path.clone(), File { layer: at, ..entry.file.clone() });
        }
    }
    files
}

/// The bytes of one file of a layer.
pub(super) fn contents(layout: &Layout, layer: &Layer, path: &str) -> Result<Option<Vec<u8>>> {
    let failed =
        |error: std::io::Error| broken(format!("the layer {} cannot be unpacked", layer.digest)).caused_by(error);
    let source = fs_err::File::open(layout.blob(&layer.digest)?).map_err(failed)?;
    let mut archive = tar::Archive::new(decoder(&layer.media_type, BufReader::new(source)).map_err(failed)?);
    let mut found = None;
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let same = absolute(&String::from_utf8_lossy(&entry.path_bytes())) == path;
        if same && entry.header().entry_type().is_file() {
            let size = entry.header().size().map_err(failed)?;
            if size > LARGEST_FILE {
                return Err(broken(format!("`{path}` is too large to be looked into")));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(failed)?;
            found = Some(bytes);
        }
    }
    Ok(found)
}
