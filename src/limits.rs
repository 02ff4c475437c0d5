//! How much is taken in of what comes from outside. The limits stand in this table alone, and the book shows it.
//!
//! An image, a registry or a tree of somebody else's can ask for more memory, disk and time than there is. A limit stands far above
//! what real ones have, and below what would harm the machine.

use std::io;

use crate::failure::{Failure, Kind};

/// The most that there may be of something.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is limited, as the subject of a sentence: `a path`.
    pub what: &'static str,
    /// So much is taken, and no more.
    pub most: u64,
    /// What is counted: `bytes`, `entries`.
    pub unit: &'static str,
    /// Why it is so much.
    pub why: &'static str,
}

const fn limit(what: &'static str, most: u64, unit: &'static str, why: &'static str) -> Limit {
    Limit { what, most, unit, why }
}

const MIB: u64 = 1024 * 1024;

const GIB: u64 = 1024 * MIB;

/// A path in an image, and where a link leads.
pub const PATH: Limit = limit("a path or the target of a link", 4096, "bytes", "Linux opens no path that is longer");

/// The parts of such a path.
pub const DEPTH: Limit = limit("a path", 256, "components", "each folder above a file is a file of the image, too");

/// What stands before an entry of an archive.
pub const HEADER: Limit = limit(
    "the header of an entry, with long names and PAX records,",
    MIB,
    "bytes",
    "it is held in memory; extended attributes have 64 KiB each",
);

/// All layers of an image together.
pub const ENTRIES: Limit = limit("an image", 1_000_000, "entries", "each is held in memory");

/// Likewise.
pub const NAMES: Limit = limit("an image", 64 * MIB, "bytes of paths and links", "they are held in memory");

/// Layers.
pub const LAYERS: Limit = limit("an image", 500, "layers", "engines mount 127 at most");

/// All layers of an image together, unpacked.
pub const UNPACKED: Limit = limit("an image", 256 * GIB, "bytes, unpacked", "each byte is read");

/// An archive that packs its contents so well.
pub const RATIO: Limit =
    limit("an archive beyond the first GiB", 500, "times its packed size", "files pack some three to ten times");

/// So much may be packed as well as it goes.
pub const ANY_RATIO: u64 = GIB;

/// What a zstd stream may have its reader hold.
pub const WINDOW: Limit = limit("a zstd stream", 64 * MIB, "bytes of window", "it is held for each stream");

/// The parts of a program that are looked at.
pub const PROGRAM: Limit = limit("a program", 64 * MIB, "bytes of tables", "they are held while it is looked into");

/// What a program asks the loader for.
pub const LIBRARIES: Limit = limit("a program", 4096, "libraries and folders", "each is looked for");

/// Secrets that are told of.
pub const SECRETS: Limit = limit("a layer", 1000, "secrets that are told", "a longer list is not read");

/// Texts that are kept of a layer: users, folders of the loader.
pub const TEXTS: Limit = limit("a layer", 8 * MIB, "bytes of texts that are kept", "they are held in memory");

/// Files that people write: Dockerfiles, compose files, ignore files.
pub const WRITTEN: Limit = limit("a file that people write", MIB, "bytes", "it is held and parsed as a whole");

/// Stages of a Dockerfile.
pub const STAGES: Limit = limit("a Dockerfile", 500, "stages", "rules look at each together with each other");

/// Heredocs of a Dockerfile.
pub const HEREDOCS: Limit = limit("a Dockerfile", 500, "heredocs", "each makes the reader go through the text again");

/// All of them, for the book.
pub const ALL: &[&Limit] = &[
    &PATH, &DEPTH, &HEADER, &ENTRIES, &NAMES, &LAYERS, &UNPACKED, &RATIO, &WINDOW, &PROGRAM, &LIBRARIES, &SECRETS,
    &TEXTS, &WRITTEN, &STAGES, &HEREDOCS,
];

impl Limit {
    /// Nothing where so much is within the limit.
    ///
    /// # Errors
    /// [`Kind::Verify`]: it is more.
    pub fn check(&self, found: u64) -> Result<(), Failure> {
        if found <= self.most { Ok(()) } else { Err(self.passed()) }
    }

    /// Likewise where only an error of I/O goes through, which has the failure in it.
    ///
    /// # Errors
    /// As [`Limit::check`].
    pub fn check_io(&self, found: u64) -> io::Result<()> {
        self.check(found).map_err(io::Error::other)
    }

    /// The failure that it is to have more.
    pub fn passed(&self) -> Failure {
        Failure::new(
            Kind::Verify,
            format!("{} has more than {} {}, which is the limit", self.what, self.most, self.unit),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_what_it_is_of() {
        assert!(PATH.check(PATH.most).is_ok());
        let failure = PATH.check(PATH.most + 1).unwrap_err();
        assert_eq!(failure.to_string(), "a path or the target of a link has more than 4096 bytes, which is the limit");
    }
}
