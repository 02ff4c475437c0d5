//! Looks into any image, ours or not: what is in it, what of it is waste, what should not be there. The image is read from an engine's
//! store, a registry, an OCI layout or an archive; every layer is read once, and what is deleted in a later one is looked at all the
//! same, because whoever has the image has it.
//!
//! An image is input from outside: digests are checked, names are made harmless, and a secret that is found is never shown.

// A number from outside can have any value, and arithmetic that overflows panics. Tests use their own numbers.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod attached;
mod blobs;
mod judge;
mod parts;
mod programs;
mod scan;
mod source;
#[allow(
    clippy::arithmetic_side_effects,
    reason = "widths of columns, and what is left of a list that is known to be longer"
)]
mod text;
mod tree;

use std::collections::BTreeMap;

use serde::Serialize;

pub use attached::Attached;
pub use source::{Asked, Image, Watch, open};
pub use text::text;

use crate::failure::{Failure, Kind, Result};

/// The version of [`Report`] as JSON: it grows with each change that could break a reader.
pub const SCHEMA: u32 = 1;

/// What is known of an image.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The image as it was asked for.
    pub name: String,
    /// `docker`, `podman`, `nerdctl`, `ctr`, `registry`, `layout` or `archive`.
    pub from: String,
    /// The manifest's digest; an archive in Docker's older form has none.
    pub digest: Option<String>,
    /// That of the index which names the manifest.
    pub index: Option<String>,
    /// The configuration's digest, an engine's id of the image.
    pub id: String,
    /// Of this image.
    pub platform: String,
    /// All platforms that there are images for.
    pub platforms: Vec<String>,
    /// When it was made, as it says.
    pub created: Option<String>,
    /// The image under it, where it is noted.
    pub base: Option<Base>,
    /// What a container runs with.
    pub run: Run,
    /// Bytes as they are pulled; none: a layer lies uncompressed, as in some engines' archives.
    pub compressed: Option<u64>,
    /// The sum of its files' bytes, in all layers.
    pub unpacked: u64,
    /// Files that a container sees.
    pub files: usize,
    /// Lowest first.
    pub layers: Vec<Layer>,
    /// The largest files, largest first.
    pub largest: Vec<Sized>,
    /// What no container sees, and everybody pulls.
    pub waste: Waste,
    /// The lines of its passwd.
    pub users: Vec<User>,
    /// Files that run as their owner or group.
    pub setuid: Vec<Mode>,
    /// What everybody can write, but folders with the sticky bit.
    pub writable: Vec<Mode>,
    /// Shells, by path.
    pub shells: Vec<String>,
    /// Package managers, by path.
    pub managers: Vec<String>,
    /// ELF programs.
    pub programs: Programs,
    /// Lists of crates that programs carry.
    pub crates: Vec<Crates>,
    /// What goes with the image.
    pub attached: Vec<Attached>,
    /// What looks like a secret.
    pub secrets: Vec<Secret>,
}

/// The image under an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: Option<String>,
}

/// What a container runs with.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Run {
    /// `USER`; empty: root.
    pub user: String,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `WORKDIR`.
    pub workdir: String,
    /// `ENV`.
    pub env: Vec<String>,
    /// `EXPOSE`.
    pub ports: Vec<String>,
    /// `LABEL`.
    pub labels: BTreeMap<String, String>,
}

/// A layer.
#[derive(Debug, Clone, Serialize)]
pub struct Layer {
    /// Its blob's digest, or that of its archive where it lies in Docker's older form.
    pub digest: String,
    /// Bytes of the blob; none: it lies uncompressed.
    pub compressed: Option<u64>,
    /// The sum of its files' bytes.
    pub unpacked: u64,
    /// Its files, folders not counted.
    pub files: usize,
    /// What made it, as the history has it.
    pub made_by: Option<String>,
}

/// A file and its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sized {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// The layer that it is from, counted from 1.
    pub layer: usize,
}

/// Bytes that no container sees.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Waste {
    /// All of them.
    pub bytes: u64,
    /// How many files.
    pub files: usize,
    /// The largest, largest first.
    pub largest: Vec<Wasted>,
}

/// A file that a later layer hides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wasted {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// The layer that has it, counted from 1.
    pub layer: usize,
    /// The layer that hides it.
    pub hidden_by: usize,
    /// Whether it was deleted; else it was written again.
    pub deleted: bool,
}

/// A line of passwd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: String,
    /// What is started for who logs in.
    pub shell: String,
}

/// A file with a mode worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mode {
    /// Its path.
    pub path: String,
    /// Its mode, in octal digits.
    pub mode: String,
    /// Its owner.
    pub uid: u64,
}

/// ELF programs, and what they need.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Programs {
    /// What is started.
    pub entrypoint: Option<Program>,
    /// How many programs there are.
    pub count: usize,
    /// How many of them need nothing.
    pub r#static: usize,
    /// Programs by Docker's name of the architecture.
    pub architectures: BTreeMap<String, usize>,
    /// Programs that do not find all that they need.
    pub broken: Vec<Broken>,
    /// The newest version of glibc's symbols that a program here asks for.
    pub glibc_wanted: Option<String>,
    /// The newest that the glibc here has.
    pub glibc: Option<String>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Its path.
    pub path: String,
    /// Docker's name of the architecture.
    pub architecture: Option<String>,
    /// The loader that it asks for; none: it is static.
    pub interpreter: Option<String>,
    /// Shared libraries that it names.
    pub libraries: Vec<String>,
    /// The newest version of glibc's symbols that it asks for, its libraries included.
    pub glibc: Option<String>,
}

/// A program that does not run here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its path.
    pub path: String,
    /// What is missing.
    pub missing: Vec<String>,
}

/// The crates of a program, as cargo-auditable noted them in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crates {
    /// The program.
    pub path: String,
    /// `name version` of each that runs.
    pub crates: Vec<String>,
}

/// Something that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Secret {
    /// The rule that found it.
    pub rule: String,
    /// What it is.
    pub what: String,
    /// `file`, `env`, `label`, `history` or `run`.
    pub place: String,
    /// The path, the variable, the label, or the history's entry.
    pub name: String,
    /// The layer that has it, counted from 1.
    pub layer: Option<usize>,
    /// Whether a later layer hides it: it is in the image all the same.
    pub hidden: bool,
    /// What stands there, without the secret.
    pub shown: String,
    /// How often this rule found something there.
    pub count: usize,
}

/// What must not be in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deny {
    /// What looks like a secret.
    Secrets,
    /// Files that run as their owner or group.
    Setuid,
    /// Programs that do not find a library, or too old a glibc.
    MissingLibraries,
    /// More bytes than this that no container sees.
    Waste(u64),
}

impl std::str::FromStr for Deny {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "secrets" => Ok(Self::Secrets),
            None if text == "setuid" => Ok(Self::Setuid),
            None if text == "missing-libraries" => Ok(Self::MissingLibraries),
            Some(("waste", size)) => {
                let size: bytesize::ByteSize = size.parse().map_err(|_| format!("`{size}` is no size such as 10MB"))?;
                Ok(Self::Waste(size.as_u64()))
            }
            _ => Err("what can be denied is secrets, setuid, missing-libraries and waste=SIZE".to_owned()),
        }
    }
}

impl Report {
    /// The failure that it is to have what is denied; none: it has nothing of it.
    pub fn failure(&self, denied: &[Deny]) -> Option<Failure> {
        let found: Vec<String> = denied.iter().filter_map(|deny| self.has(*deny)).collect();
        (!found.is_empty()).then(|| {
            let failure = Failure::new(Kind::Verify, format!("{} has what is denied: {}", self.name, found.join(", ")));
            if self.secrets.is_empty() || !denied.contains(&Deny::Secrets) {
                return failure.help("the report says where each is");
            }
            failure.help("the report says where each is; revoke secrets first: whoever has the image has them")
        })
    }

    fn has(&self, deny: Deny) -> Option<String> {
        let several = |count: usize, what: &str| (count > 0).then(|| format!("{what} ({count})"));
        match deny {
            Deny::Secrets => several(self.secrets.len(), "secrets"),
            Deny::Setuid => several(self.setuid.len(), "setuid"),
            Deny::MissingLibraries => several(self.programs.broken.len(), "missing-libraries"),
            Deny::Waste(most) => (self.waste.bytes > most).then(|| {
                let size = |bytes| bytesize::ByteSize(bytes).display().si();
                format!("waste ({}, over {})", size(self.waste.bytes), size(most))
            }),
        }
    }
}

/// Looks into an image. `top`: how many of the largest files are named.
///
/// # Errors
/// [`Kind::Verify`]: a part of it is missing, broken, or not what its digest says; [`Kind::Interrupted`].
pub fn inspect(image: Image, top: usize) -> Result<Report> {
    judge::report(image, top)
}

#[cfg(test)]
mod tests;
