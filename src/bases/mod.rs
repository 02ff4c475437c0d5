//! Images that others stand on: what each has, as a table ([`bases.toml`](https://docs.rs/crate/cargo-dockerize/latest/source/src/bases/bases.toml)).
//!
//! `plan` asks it what need not be copied, `image::verify` what may be there, `lint` what a program will not find. What the table
//! does not say is not known, which is another thing than "no".

mod read;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::Result;
use crate::host::Glibc;
use crate::registry::Reference;
pub(crate) use read::like;

/// What is known of an image under others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Base {
    /// Its short name, where it has one: `distroless-cc`.
    pub name: Option<String>,
    /// What it is pulled by, where it has a short name.
    pub reference: Option<String>,
    /// Whose system it is: `debian`, `alpine`, `distroless`.
    pub family: Option<String>,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// Its C library.
    pub libc: Option<Libc>,
    /// Whether its loader looks into Debian's folders of libraries.
    pub multiarch: Option<bool>,
    /// Whether `/lib` and its kin are links into `/usr`.
    pub merged_usr: Option<bool>,
    /// Where its loader looks for libraries, where those are no folders of Debian's.
    pub libraries_at: Option<String>,
    /// Whether Debian's loader and libraries can be put beside its own.
    pub debian_libraries: Option<bool>,
    /// The bundle of certificate authorities.
    pub ca: Option<Part>,
    /// The folder of time zones.
    pub zoneinfo: Option<Part>,
    /// Whether it has `/etc/passwd`.
    pub passwd: Option<bool>,
    /// Users in it that are known.
    pub users: BTreeMap<String, u32>,
    /// Whether those are all of them.
    pub all_users: bool,
    /// Who a container runs as where nothing else is said.
    pub user: Option<String>,
    /// A shell.
    pub shell: Option<Part>,
    /// A package manager, by its command.
    pub package_manager: Option<Part>,
    /// Whether it has `libgcc_s`.
    pub libgcc: Option<bool>,
    /// Whether it has `libstdc++`.
    pub libstdcxx: Option<bool>,
    /// OpenSSL's libraries, by the version in their names.
    pub openssl: Option<Part>,
    /// More libraries, by their names.
    pub libraries: Vec<String>,
    /// Whether it holds programs that run as somebody else.
    pub setuid: Option<bool>,
    /// Whether programs are compiled in it.
    pub toolchain: Option<bool>,
    /// Whether it is a whole distribution rather than what programs need.
    pub full: bool,
    /// The month after which nobody mends it: `2026-09`.
    pub end_of_life: Option<String>,
    /// Whether its publisher does not build it any more.
    pub retired: bool,
    /// Short names of what to take in its place.
    pub alternatives: Vec<String>,
}

/// A C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Libc {
    /// None: only static programs run.
    None,
    /// glibc, at least of this version.
    Glibc(Glibc),
    /// musl.
    Musl,
}

/// A part of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Part {
    /// It is known not to be there.
    Missing,
    /// It is there: a path, a command, a version.
    There(String),
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        if text == "none" { Self::Missing } else { Self::There(text) }
    }
}

impl TryFrom<String> for Libc {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let version = |text: &str| {
            let (major, minor) = text.strip_prefix("glibc ")?.split_once('.')?;
            Some(Self::Glibc(Glibc(major.parse().ok()?, minor.parse().ok()?)))
        };
        match text.as_str() {
            "none" => Ok(Self::None),
            "musl" => Ok(Self::Musl),
            other => version(other).ok_or_else(|| format!("`{other}` is no C library")),
        }
    }
}

impl std::fmt::Display for Libc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Musl => f.write_str("musl"),
            Self::Glibc(version) => write!(f, "glibc {version}"),
        }
    }
}

impl Part {
    /// What is there.
    pub fn there(&self) -> Option<&str> {
        match self {
            Self::Missing => None,
            Self::There(what) => Some(what),
        }
    }
}

impl Base {
    /// The bundle of certificate authorities, where it is known to be there.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.ca.as_ref().and_then(Part::there)
    }

    /// The version of its glibc.
    pub fn glibc(&self) -> Option<Glibc> {
        match self.libc {
            Some(Libc::Glibc(version)) => Some(version),
            _ => None,
        }
    }

    /// Whether a name is in its passwd; nothing: who knows.
    pub fn has_user(&self, name: &str) -> Option<bool> {
        if self.users.contains_key(name) { Some(true) } else { self.all_users.then_some(false) }
    }

    /// Whether a container runs as root where nothing else is said.
    pub fn runs_as_root(&self) -> Option<bool> {
        self.user.as_ref().map(|user| user == "0" || user == "root")
    }

    /// Shared libraries that are there for sure, as programs name them; `*` stands for anything.
    pub fn shared_libraries(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if self.glibc().is_some() {
            names.extend(GLIBC.iter().map(|name| (*name).to_owned()));
        }
        if self.libgcc == Some(true) {
            names.push("libgcc_s.so.1".to_owned());
        }
        if self.libstdcxx == Some(true) {
            names.push("libstdc++.so.6".to_owned());
        }
        if let Some(Part::There(version)) = &self.openssl {
            names.extend(["ssl", "crypto"].map(|name| format!("lib{name}.so.{version}")));
        }
        names.extend(self.libraries.iter().cloned());
        names
    }
}

/// What glibc itself has, that programs can name.
const GLIBC: &[&str] = &[
    "ld-linux*.so.*",
    "ld64.so.*",
    "libc.so.6",
    "libm.so.6",
    "libmvec.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libresolv.so.2",
    "libutil.so.1",
    "libanl.so.1",
    "libnss_*.so.2",
];

/// All that have a short name, in the table's order.
///
/// # Errors
/// [`Kind::Internal`](crate::failure::Kind::Internal): the table cannot be used.
pub fn named() -> Result<impl Iterator<Item = &'static Base>> {
    Ok(read::table()?.rows().filter(|base| base.name.is_some()))
}

/// The month in which the table was true: `2026-11`.
///
/// # Errors
/// [`Kind::Internal`](crate::failure::Kind::Internal): the table cannot be used.
pub fn as_of() -> Result<&'static str> {
    Ok(&read::table()?.as_of)
}

/// The one with this short name.
///
/// # Errors
/// [`Kind::Internal`](crate::failure::Kind::Internal): the table cannot be used.
pub fn by_name(name: &str) -> Result<Option<&'static Base>> {
    Ok(named()?.find(|base| base.name.as_deref() == Some(name)))
}

/// What is known of an image; `mirrors` are prefixes in the place of registries, as the metadata has them.
///
/// # Errors
/// [`Kind::Internal`](crate::failure::Kind::Internal): the table cannot be used.
pub fn of(reference: &str, mirrors: &BTreeMap<String, String>) -> Result<Option<&'static Base>> {
    let table = read::table()?;
    if reference == "scratch" {
        return Ok(table.find("scratch", None));
    }
    let Ok(parsed) = reference.parse::<Reference>() else { return Ok(None) };
    let name = format!("{}/{}", parsed.registry(), parsed.repository());
    // Beside a digest there may be no tag; then nothing that a tag decides is known.
    let tag = parsed.tag();
    let original = mirrors.iter().find_map(|(registry, prefix)| {
        let rest = name.strip_prefix(prefix.trim_end_matches('/'))?.strip_prefix('/')?;
        Some(format!("{registry}/{rest}"))
    });
    Ok(original.and_then(|original| table.find(&original, tag)).or_else(|| table.find(&name, tag)))
}

#[cfg(test)]
mod tests;
