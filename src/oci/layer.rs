//! A tree as a layer: an archive that depends on nothing but the tree and the epoch, compressed, in the store.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

use camino::Utf8Path;
use oci_spec::image::Descriptor;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::compress::{Compression, Packer, threads};
use super::fault::fault;
use super::memo::{Made, Memo};
use super::store::{Store, descriptor};
use super::tree::{Content, Entry, Tree};
use crate::digest::{Digester, hex};
use crate::exec;
use crate::failure::{Failure, Kind, Result};

/// What a layer's bytes depend on besides its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The time of every entry, in seconds since 1970: `SOURCE_DATE_EPOCH`.
    pub epoch: u64,
    /// How it is compressed.
    pub compression: Compression,
    /// How many threads compress; the bytes do not depend on it.
    pub threads: NonZeroUsize,
}

impl Options {
    /// With as many threads as are of use.
    pub fn new(epoch: u64, compression: Compression) -> Self {
        Self { epoch, compression, threads: threads() }
    }
}

/// A layer that lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its blob.
    pub descriptor: Descriptor,
    /// The digest of the archive before it was compressed.
    pub diff_id: String,
    /// The sum of its files' bytes.
    pub unpacked: u64,
    /// Whether it was there already, and nothing was compressed.
    pub reused: bool,
}

/// Makes the layer of a tree, or finds the one that was made of the same before.
///
/// # Errors
/// [`Kind::Emit`]: a file cannot be read, or the layer cannot be written, such as on a full disk; [`Kind::Workspace`]: a file
/// changed while it was read; [`Kind::Interrupted`].
pub fn layer(store: &Store, tree: &Tree, options: &Options) -> Result<Layer> {
    let mut memo = Memo::read(store);
    let (key, digests) = key(&mut memo, tree, options)?;
    let (made, reused) = if let Some(made) = memo.layer(store, &key) {
        (made, true)
    } else {
        let made = write(store, tree, &digests, options)?;
        memo.made(store, &key, made.clone());
        (made, false)
    };
    // That nothing could be remembered is no failure of a layer that is there.
    drop(memo.write(store));
    let descriptor = descriptor(options.compression.media_type(), &made.digest, made.size)?;
    Ok(Layer { descriptor, diff_id: made.diff_id, unpacked: made.unpacked, reused })
}

/// The digests of the files' contents in the tree's order, none for what is no file; with their sizes.
type Digests = Vec<Option<(String, u64)>>;

fn key(memo: &mut Memo, tree: &Tree, options: &Options) -> Result<(String, Digests)> {
    let mut digester = Digester::default();
    let compression = format!("{:?} {}", options.compression, options.compression.level());
    // Another version may compress with another version of a library.
    digester.say(["layer", env!("CARGO_PKG_VERSION"), &compression, &options.epoch.to_string()]);
    let mut digests = Vec::new();
    for (path, entry) in tree.entries() {
        let file = match &entry.content {
            Content::File(host) => Some(memo.digest(host)?),
            Content::Bytes(bytes) => Some((hex(&Sha256::digest(bytes)), bytes.len() as u64)),
            Content::Folder | Content::Link(_) => None,
        };
        let (kind, what) = match (&entry.content, &file) {
            (Content::Link(to), _) => ("link", to.as_str()),
            (_, Some((digest, _))) => ("file", digest.as_str()),
            (_, None) => ("folder", ""),
        };
        let owner = format!("{:o} {} {}", entry.mode, entry.uid, entry.gid);
        digester.say([path.as_str(), &owner, kind, what]);
        digests.push(file);
    }
    Ok((digester.digits(32), digests))
}

fn write(store: &Store, tree: &Tree, digests: &Digests, options: &Options) -> Result<Made> {
    let failed = |error| fault("written", store.folder(), error);
    let packer = Packer::new(store.incoming()?, options.compression, options.threads).map_err(failed)?;
    let mut builder = Builder::new(packer);
    let mut unpacked = 0;
    for ((path, entry), known) in tree.entries().zip(digests) {
        unpacked = u64::saturating_add(unpacked, known.as_ref().map_or(0, |(_, size)| *size));
        exec::go_on_in_io()
            .and_then(|()| append(&mut builder, path, entry, known.as_ref(), options.epoch))
            .map_err(failed)?;
    }
    let (incoming, diff_id) = builder.into_inner().and_then(Packer::finish).map_err(failed)?;
    let descriptor = incoming.keep(options.compression.media_type())?;
    Ok(Made {
        digest: descriptor.digest().to_string(),
        size: descriptor.size(),
        diff_id,
        unpacked,
        blob: None,
        boot: String::new(),
        day: 0,
    })
}

fn append<W: Write>(
    builder: &mut Builder<W>,
    path: &Utf8Path,
    entry: &Entry,
    known: Option<&(String, u64)>,
    epoch: u64,
) -> io::Result<()> {
    let size = known.map_or(0, |(_, size)| *size);
    let mut header = header(entry.mode, epoch, size);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    match &entry.content {
        Content::Folder => {
            header.set_entry_type(EntryType::Directory);
            builder.append_data(&mut header, format!("{path}/"), io::empty())
        }
        Content::Link(to) => {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, path, to)
        }
        Content::Bytes(bytes) => builder.append_data(&mut header, path, bytes.as_slice()),
        Content::File(host) => {
            let unreadable = |error| io::Error::other(fault("read", host, error));
            let file = fs_err::File::open(host).map_err(unreadable)?;
            // One byte more than there should be shows a file that has grown.
            let mut contents = Contents { from: file.take(size.saturating_add(1)), hash: Sha256::new(), host };
            builder.append_data(&mut header, path, (&mut contents).take(size))?;
            contents.read_rest()?;
            let found = hex(&contents.hash.finalize());
            if known.is_some_and(|(digest, _)| *digest == found) { Ok(()) } else { Err(changed(host)) }
        }
    }
}

/// A header that says nothing but this.
pub(super) fn header(mode: u32, epoch: u64, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(epoch);
    header.set_size(size);
    header
}

/// A file's contents as they go into the layer: they must be those of the key, or the layer would be found again under a key
/// that is not its own.
struct Contents<'a> {
    from: io::Take<fs_err::File>,
    hash: Sha256,
    host: &'a Utf8Path,
}

impl Contents<'_> {
    fn read_rest(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }
}

impl Read for Contents<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer).map_err(|error| io::Error::other(fault("read", self.host, error)))?;
        // The end, before all that was announced is there.
        if read == 0 && !buffer.is_empty() && self.from.limit() > 1 {
            return Err(changed(self.host));
        }
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

fn changed(host: &Utf8Path) -> io::Error {
    let failure = Failure::new(Kind::Workspace, format!("{host} changed while the image was written"));
    io::Error::other(failure.help("run it again when nothing else writes there"))
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
