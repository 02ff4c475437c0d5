//! Facts of this machine, without opinions: its Rust, the targets that it has, and the programs that compile and link for
//! them. What can be made of them is `plan`'s to decide.

mod flags;
mod probe;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

pub use flags::user_rustflags;

/// What this machine compiles with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Host {
    /// The compiler.
    pub rustc: Rustc,
    /// Targets whose standard library is installed.
    pub targets: BTreeSet<String>,
    /// Whether rustup is here, which installs more of them.
    pub rustup: bool,
    /// Whether cargo-zigbuild is here, and a zig for it.
    pub zigbuild: bool,
    /// Whether cargo-auditable is here.
    pub auditable: bool,
    /// C compilers for targets other than the machine's own: the program by the triple.
    pub compilers: BTreeMap<String, String>,
    /// The version of glibc, where the machine's own C library is that.
    pub glibc: Option<Glibc>,
    /// Whether glibc is here in the form that links statically.
    pub static_glibc: bool,
    /// The linker that comes with Rust.
    pub lld: Option<Utf8PathBuf>,
}

/// A compiler of Rust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rustc {
    /// Its release: `1.95.0`, `1.97.0-nightly`.
    pub version: String,
    /// What it was made from; distributions do not always say it.
    pub commit: Option<String>,
    /// The triple of the machine that it runs on.
    pub host: String,
    /// Where it and its targets lie.
    pub sysroot: Utf8PathBuf,
}

/// A version of glibc, major and minor: it has no patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Glibc(pub u32, pub u32);

impl std::fmt::Display for Glibc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}
