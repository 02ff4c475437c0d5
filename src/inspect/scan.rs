//! A layer is read once, from its beginning to its end: its entries, what its programs need, secrets in its files. No more than a
//! piece of a file is held; programs, which have to be looked into here and there, lie on the disk meanwhile.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use auditable_serde::VersionInfo;
use flate2::read::ZlibDecoder;
use object::read::ReadCache;
use object::{Object, ObjectSection};

use super::blobs::{Blobs, broken, sniff, temporary};
use super::parts::{Expected, Part};
use crate::failure::Result;
use crate::image::archive::{self, Budget};
use crate::image::elf::Elf;
use crate::image::layer::{self, Hashing, decoder};
use crate::image::{FileKind, Layer};
use crate::limits;
use crate::secrets::{Hit, Rules, Stream};

const PIECE: usize = 64 * 1024;

/// A longer program is looked into on the disk.
const IN_MEMORY: u64 = 4 << 20;

/// A longer file is not kept.
const KEPT: u64 = 1 << 20;

/// The longest list of cargo-auditable's, unpacked.
const AUDIT: u64 = 8 << 20;

/// What is read whole: users, what the loader is told, which system it is.
const WHOLE: [&str; 4] = ["/etc/passwd", "/etc/os-release", "/usr/lib/os-release", "/etc/ld.so.conf"];
const WHOLE_IN: &str = "/etc/ld.so.conf.d/";

/// A layer that was read.
pub(super) struct Scanned {
    pub layer: Layer,
    /// Bytes as they lie.
    pub stored: u64,
    /// Whether they lie compressed.
    pub compressed: bool,
    /// By path.
    pub programs: BTreeMap<String, Program>,
    pub texts: BTreeMap<String, String>,
    pub secrets: Vec<(String, Hit)>,
    /// What texts and lists of crates may still take.
    room: u64,
}

/// An ELF file.
pub(super) struct Program {
    pub elf: Elf,
    /// The list that cargo-auditable left in it.
    pub audit: Option<VersionInfo>,
}

/// Reads a layer, within what is left of the image's budget.
pub(super) fn layer(blobs: &Blobs, part: &Part, rules: &Rules, budget: &Budget) -> Result<Scanned> {
    let name = match &part.expected {
        Expected::Blob(digest) | Expected::Unpacked(digest) => digest.clone(),
    };
    let failed = |error| archive::failure(error, broken(&format!("the layer {name} cannot be unpacked")));
    let missing = || broken(&format!("the layer {name} is missing"));
    let mut magic = Vec::new();
    let reader = blobs.reader(&part.file)?.ok_or_else(missing)?;
    reader.take(4).read_to_end(&mut magic).map_err(failed)?;
    let how = sniff(&magic);
    let packed = blobs.size(&part.file)?;
    let mut stored = Hashing::new(blobs.reader(&part.file)?.ok_or_else(missing)?);
    let mut unpacked = Hashing::new(decoder(how, BufReader::new(&mut stored)).map_err(failed)?);
    let mut scanned = Scanned {
        layer: Layer {
            digest: name.clone(),
            media_type: part.media_type.clone(),
            compressed: 0,
            unpacked: 0,
            entries: Vec::new(),
        },
        stored: 0,
        compressed: !how.is_empty(),
        programs: BTreeMap::new(),
        texts: BTreeMap::new(),
        secrets: Vec::new(),
        room: limits::TEXTS.most,
    };
    let read = archive::entries(&mut unpacked, packed, budget, &mut |found, contents| {
        if found.file.kind == FileKind::Regular {
            scanned.file(contents, (found.path.as_str(), found.file.size), rules)?;
        }
        scanned.layer.entries.push(found);
        Ok(())
    });
    read.map_err(failed)?;
    let (expected, found) = match &part.expected {
        Expected::Unpacked(digest) => (digest, unpacked.digest().map_err(failed)?),
        Expected::Blob(digest) => {
            drop(unpacked);
            io::copy(&mut stored, &mut io::sink()).map_err(failed)?;
            scanned.stored = stored.bytes;
            (digest, stored.digest().map_err(failed)?)
        }
    };
    if *expected != found {
        return Err(broken(&format!("the layer {expected} is not what its digest says")));
    }
    scanned.layer.unpacked = layer::sum(&scanned.layer.entries);
    scanned.layer.compressed = scanned.stored;
    Ok(scanned)
}

impl Scanned {
    /// The layer, whose entries are needed together with those of the others.
    pub fn take(&mut self) -> Layer {
        let empty = Layer {
            digest: self.layer.digest.clone(),
            media_type: self.layer.media_type.clone(),
            entries: Vec::new(),
            ..self.layer
        };
        std::mem::replace(&mut self.layer, empty)
    }

    fn file(&mut self, mut source: &mut dyn Read, (path, size): (&str, u64), rules: &Rules) -> io::Result<()> {
        let mut secrets = Stream::new(rules, path);
        let mut piece = vec![0; PIECE];
        let mut spool = None;
        let wanted = WHOLE.contains(&path) || path.starts_with(WHOLE_IN);
        let mut text = (wanted && size <= KEPT.min(self.room)).then(Vec::new);
        let mut first = true;
        loop {
            let count = fill(&mut source, &mut piece)?;
            let bytes = piece.get(..count).unwrap_or_default();
            if std::mem::take(&mut first) && bytes.starts_with(b"\x7fELF") {
                spool = Some(if size <= IN_MEMORY { Spool::Memory(Vec::new()) } else { Spool::file()? });
            }
            secrets.feed(bytes);
            if let Some(spool) = &mut spool {
                spool.take(bytes)?;
            }
            if let Some(text) = &mut text {
                text.extend_from_slice(bytes);
            }
            if count < piece.len() {
                break;
            }
        }
        let most = usize::try_from(limits::SECRETS.most).unwrap_or(usize::MAX).saturating_sub(self.secrets.len());
        self.secrets.extend(secrets.end().into_iter().take(most).map(|hit| (path.to_owned(), hit)));
        if let Some(text) = text {
            self.room = self.room.saturating_sub(text.len() as u64);
            self.texts.insert(path.to_owned(), String::from_utf8_lossy(&text).into_owned());
        }
        if let Some(program) = spool.map(|spool| spool.program(&mut self.room)).transpose()?.flatten() {
            self.programs.insert(path.to_owned(), program);
        }
        Ok(())
    }
}

/// Reads as much as there is room for.
fn fill(source: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match source.read(rest)? {
            0 => break,
            count => done = done.saturating_add(count),
        }
    }
    Ok(done)
}

/// A program, until it was looked into.
enum Spool {
    Memory(Vec<u8>),
    File(tempfile::NamedTempFile),
}

impl Spool {
    fn file() -> io::Result<Self> {
        temporary().map(Self::File).map_err(io::Error::other)
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(held) => {
                held.extend_from_slice(bytes);
                Ok(())
            }
            Self::File(file) => file.write_all(bytes),
        }
    }

    fn program(self, room: &mut u64) -> io::Result<Option<Program>> {
        match self {
            Self::Memory(held) => Ok(look(held.as_slice(), room)),
            Self::File(mut file) => {
                file.rewind()?;
                let tables = Tables { file: file.as_file_mut(), left: limits::PROGRAM.most };
                Ok(look(&ReadCache::new(tables), room))
            }
        }
    }
}

/// A program on the disk, of which no more is read than a limit says: its own headers say how large its tables are.
struct Tables<'f> {
    file: &'f mut std::fs::File,
    left: u64,
}

impl Read for Tables<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.len() as u64 > self.left {
            return Err(io::Error::other(limits::PROGRAM.passed()));
        }
        let count = self.file.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

impl Seek for Tables<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn look<'data, R: object::ReadRef<'data>>(data: R, room: &mut u64) -> Option<Program> {
    Some(Program { elf: Elf::parse(data)?, audit: audit(data, room) })
}

/// The list of packages in a program; what is no such list is none.
fn audit<'data, R: object::ReadRef<'data>>(data: R, room: &mut u64) -> Option<VersionInfo> {
    let file = object::File::parse(data).ok()?;
    let section = file.section_by_name(crate::attest::auditable::SECTION)?;
    let mut text = Vec::new();
    ZlibDecoder::new(section.data().ok()?).take(AUDIT.min(*room)).read_to_end(&mut text).ok()?;
    *room = room.saturating_sub(text.len() as u64);
    serde_json::from_slice(&text).ok()
}
