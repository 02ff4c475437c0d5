//! Layers: archives of files, one over the other.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::ops::Bound;

use flate2::bufread::MultiGzDecoder;
use oci_spec::image::Descriptor;
use sha2::{Digest, Sha256};
use tar::EntryType;

use super::archive::{self, Budget};
use super::layout::{Layout, broken, check};
use super::name::Name;
use super::{Entry, File, FileKind, Layer};
use crate::digest;
use crate::exec;
use crate::failure::Result;
use crate::limits;
use crate::regular;

/// A larger file is not read into memory: nothing that is looked into is.
const LARGEST_FILE: u64 = 512 * 1024 * 1024;

/// Reads with a digest of all that was read.
pub(crate) struct Hashing<R> {
    inner: R,
    hash: Sha256,
    /// How many there were.
    pub(crate) bytes: u64,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// The digest of all of it: what has not been read yet counts as well.
    pub(crate) fn digest(mut self) -> std::io::Result<String> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(digest::sha256(self.hash))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        exec::go_on_in_io()?;
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(read as u64);
        Ok(read)
    }
}

/// The bytes of a file that was met while a layer was read.
pub(super) type Kept = Option<Vec<u8>>;

/// Reads a layer, and keeps the contents of one file, where it is in it: layers are long to unpack a second time.
pub(super) fn read(
    layout: &Layout,
    descriptor: &Descriptor,
    keep: Option<&str>,
    budget: &Budget,
) -> Result<(Layer, Kept)> {
    let digest = descriptor.digest().to_string();
    let media_type = descriptor.media_type().to_string();
    let failed = |error| archive::failure(error, broken(format!("the layer {digest} cannot be unpacked")));
    let file = regular::open(&layout.blob(&digest)?).map_err(failed)?;
    let packed = file.metadata().map_err(failed)?.len();
    let mut source = Hashing::new(BufReader::new(file));
    let mut entries = Vec::new();
    let mut kept = None;
    let unpacked = decoder(&media_type, &mut source).map_err(failed)?;
    let read = archive::entries(unpacked, packed, budget, &mut |found, contents| {
        let wanted = found.file.kind == FileKind::Regular && keep == Some(found.path.as_str());
        if wanted && found.file.size <= LARGEST_FILE {
            let mut bytes = Vec::new();
            contents.read_to_end(&mut bytes)?;
            kept = Some(bytes);
        }
        entries.push(found);
        Ok(())
    });
    read.map_err(failed)?;
    // What follows the archive's end counts for the digest.
    io::copy(&mut source, &mut io::sink()).map_err(failed)?;
    let compressed = if is_plain(&media_type) { gzipped(layout, &digest).map_err(failed)? } else { source.bytes };
    check(&digest, &source.digest().map_err(failed)?)?;
    let unpacked = sum(&entries);
    Ok((Layer { digest, media_type, compressed, unpacked, entries }, kept))
}

/// The bytes of all files. Each entry says its own size, and two of them can say more than a number holds.
pub(crate) fn sum(entries: &[Entry]) -> u64 {
    entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.file.size))
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
            self.0 = self.0.saturating_add(bytes.len() as u64);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let path = layout.blob(digest).map_err(std::io::Error::other)?;
    let mut encoder = flate2::write::GzEncoder::new(Count(0), flate2::Compression::default());
    io::copy(&mut Hashing::new(regular::open(&path)?), &mut encoder)?;
    encoder.finish().map(|count| count.0)
}

pub(crate) fn decoder<'a>(media_type: &str, source: impl Read + 'a) -> std::io::Result<Box<dyn Read + 'a>> {
    Ok(if media_type.ends_with("gzip") {
        Box::new(MultiGzDecoder::new(BufReader::new(source)))
    } else if media_type.ends_with("zstd") {
        let mut decoder = zstd::Decoder::new(source)?;
        decoder.window_log_max(limits::WINDOW.most.ilog2())?;
        Box::new(decoder)
    } else {
        Box::new(source)
    })
}

pub(crate) fn entry<R: Read>(entry: &tar::Entry<'_, R>) -> std::io::Result<Entry> {
    let header = entry.header();
    let written = entry.path_bytes();
    limits::PATH.check_io(written.len() as u64)?;
    limits::DEPTH.check_io(written.split(|byte| *byte == b'/').count() as u64)?;
    let mut path = absolute(&String::from_utf8_lossy(&written));
    let link = entry.link_name_bytes().unwrap_or_default();
    limits::PATH.check_io(link.len() as u64)?;
    let link = String::from_utf8_lossy(&link).into_owned();
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
    let size = if kind == FileKind::Regular { entry.size() } else { 0 };
    let file = File {
        kind,
        size,
        mode: header.mode()?,
        uid: header.uid()?,
        gid: header.gid()?,
        time: header.mtime()?,
        layer: 0,
    };
    Ok(Entry { path: path.into(), file })
}

/// A name in an archive as a path from the root; `..` cannot climb out.
pub(super) fn absolute(name: &str) -> String {
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
pub(super) fn merge(layers: &[Layer]) -> Result<BTreeMap<Name, File>> {
    merge_with(layers, &mut |_| {})
}

/// A file that a layer above hides.
pub(crate) struct Gone<'a> {
    pub path: &'a str,
    pub old: &'a File,
    /// The layer that hides it.
    pub by: usize,
    /// Whether it was taken away; else there is another one in its place.
    pub deleted: bool,
}

/// Likewise; it is told of each file that is not there any more.
///
/// # Errors
/// There are more files than the limit says, or the user interrupted.
pub(crate) fn merge_with(layers: &[Layer], on_gone: &mut dyn FnMut(Gone<'_>)) -> Result<BTreeMap<Name, File>> {
    let mut files: BTreeMap<Name, File> = BTreeMap::new();
    for (at, layer) in layers.iter().enumerate() {
        let mut gone = |path: &str, old: &File, deleted| on_gone(Gone { path, old, by: at, deleted });
        // Whiteouts speak of the layers below only, wherever they stand in the archive.
        for entry in &layer.entries {
            match entry.file.kind {
                FileKind::Whiteout => {
                    if let Some((path, old)) = files.remove_entry(entry.path.as_str()) {
                        gone(&path, &old, true);
                    }
                    remove_inside(&mut files, &entry.path, &mut |path, old| gone(path, old, true));
                }
                FileKind::Opaque => {
                    remove_inside(&mut files, &entry.path, &mut |path, old| gone(path, old, true));
                }
                _ => {}
            }
        }
        for entry in &layer.entries {
            if matches!(entry.file.kind, FileKind::Whiteout | FileKind::Opaque) || entry.path == "/" {
                continue;
            }
            // A file in a folder's place hides what lay in the folder.
            if entry.file.kind != FileKind::Folder
                && files.get(entry.path.as_str()).is_some_and(|old| old.kind == FileKind::Folder)
            {
                remove_inside(&mut files, &entry.path, &mut |path, old| gone(path, old, true));
            }
            // An archive may leave out the folders above; they are there all the same. Where one is, those above it are as well.
            for (end, _) in entry.path.rmatch_indices('/').filter(|(end, _)| *end > 0) {
                let above = entry.path.up_to(end);
                if files.contains_key(above.as_str()) {
                    break;
                }
                let folder = File { kind: FileKind::Folder, size: 0, mode: 0o755, uid: 0, gid: 0, time: 0, layer: at };
                files.insert(above, folder);
            }
            exec::go_on()?;
            limits::ENTRIES.check(files.len() as u64)?;
            let new = File { layer: at, ..entry.file.clone() };
            if let Some(old) = files.insert(entry.path.clone(), new) {
                gone(&entry.path, &old, false);
            }
        }
    }
    Ok(files)
}

/// Takes away all that lies in a folder.
fn remove_inside(files: &mut BTreeMap<Name, File>, folder: &str, gone: &mut dyn FnMut(&str, &File)) {
    let inside = format!("{}/", folder.trim_end_matches('/'));
    // Whole images have whiteouts by the thousand: only what lies there is looked at.
    let there = files
        .range::<str, _>((Bound::Included(inside.as_str()), Bound::Unbounded))
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(&inside));
    for path in there.cloned().collect::<Vec<_>>() {
        if let Some(old) = files.remove(path.as_str()) {
            gone(&path, &old);
        }
    }
}

/// Hands over each entry of a layer, and its contents.
pub(super) fn each(
    layout: &Layout,
    layer: &Layer,
    act: &mut dyn FnMut(Entry, &mut dyn Read) -> io::Result<()>,
) -> Result<()> {
    let failed = |error| archive::failure(error, broken(format!("the layer {} cannot be unpacked", layer.digest)));
    let source = regular::open(&layout.blob(&layer.digest)?).map_err(failed)?;
    let packed = source.metadata().map_err(failed)?.len();
    let unpacked = decoder(&layer.media_type, BufReader::new(source)).map_err(failed)?;
    archive::entries(unpacked, packed, &Budget::default(), act).map_err(failed)
}

/// The bytes of one file of a layer.
pub(super) fn contents(layout: &Layout, layer: &Layer, path: &str) -> Result<Option<Vec<u8>>> {
    let mut found = None;
    each(layout, layer, &mut |entry, contents| {
        if entry.file.kind == FileKind::Regular && entry.path == path {
            if entry.file.size > LARGEST_FILE {
                return Err(io::Error::other(format!("`{path}` is too large to be looked into")));
            }
            let mut bytes = Vec::new();
            contents.read_to_end(&mut bytes)?;
            found = Some(bytes);
        }
        Ok(())
    })?;
    Ok(found)
}
