//! Platforms that images are made for: one table of names, which all who speak of platforms read.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::bases::like;
use crate::failure::{Failure, Kind, Result};
use crate::plan::model::Linkage;

/// A platform, by all its names. `platforms.toml` says which is whose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Platform {
    /// Docker's name of the processor: `arm64`.
    pub arch: String,
    /// Docker's name of its kind, where there is one: `v7`.
    #[serde(default)]
    pub variant: String,
    /// Whether every Dockerfile can be built for it.
    #[serde(default)]
    pub always: bool,
    /// What `uname -m` says.
    pub machine: String,
    /// Rust's targets.
    pub rust: Triples,
    /// Whether Rust links statically with musl by itself.
    pub musl_static: bool,
    /// Debian's name.
    pub debian: String,
    /// GNU's name with glibc.
    pub gnu: String,
    /// GNU's name with musl.
    pub musl: String,
    /// Packages that compile C for it elsewhere.
    pub c: Vec<String>,
    /// The package that compiles C++ for it elsewhere.
    pub cxx: String,
    /// qemu's name.
    pub qemu: String,
}

/// Rust's targets of a platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triples {
    /// With musl.
    pub musl: String,
    /// With glibc.
    pub gnu: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    platform: Vec<Platform>,
    packages: Sides,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    target: Vec<String>,
    build: Vec<String>,
}

impl Platform {
    /// As Docker writes it: `linux/arm/v7`.
    pub fn name(&self) -> String {
        written("linux", &self.arch, &self.variant)
    }

    /// Rust's target.
    pub fn triple(&self, linkage: Linkage) -> &str {
        if linkage == Linkage::StaticMusl { &self.rust.musl } else { &self.rust.gnu }
    }

    /// Rust's name of the processor: `aarch64`.
    pub fn processor(&self) -> &str {
        self.rust.gnu.split('-').next().unwrap_or_default()
    }

    /// Whether it is meant by a name as people write it.
    pub fn is(&self, name: &str) -> bool {
        let own = self.name();
        // arm64 has one kind that is meant where none is said.
        own == name || (self.arch == "arm64" && name == format!("{own}/v8"))
    }
}

fn table() -> Result<&'static Table> {
    static TABLE: OnceLock<Result<Table, toml::de::Error>> = OnceLock::new();
    TABLE
        .get_or_init(|| toml::from_str(include_str!("platforms.toml")))
        .as_ref()
        .map_err(|error| Failure::new(Kind::Internal, "the table of platforms cannot be used").caused_by(error.clone()))
}

/// Every platform that is known.
///
/// # Errors
/// [`Kind::Internal`]: the table is broken, which the tests rule out.
pub fn all() -> Result<&'static [Platform]> {
    table().map(|table| table.platform.as_slice())
}

/// A platform as Docker writes it; a variant that is empty is none.
pub fn written(os: &str, architecture: &str, variant: &str) -> String {
    let slash = if variant.is_empty() { "" } else { "/" };
    format!("{os}/{architecture}{slash}{variant}")
}

/// The variant of an architecture that is meant where none is said, as containerd normalises them; empty: it has none.
pub fn meant(architecture: &str) -> &'static str {
    match architecture {
        "amd64" => "v1",
        "arm64" => "v8",
        "arm" => "v7",
        _ => "",
    }
}

/// A variant as containerd writes it: the one that is meant is left out, but for 32 bits of ARM, where it is always said.
pub fn variant<'a>(architecture: &str, said: &'a str) -> &'a str {
    let meant = meant(architecture);
    match architecture {
        "arm" if said.is_empty() => meant,
        "arm" => said,
        _ if said == meant => "",
        _ => said,
    }
}

/// This machine's processor, as Docker names it.
pub fn here() -> &'static str {
    let own = |platform: &&Platform| platform.machine == std::env::consts::ARCH;
    match all().ok().and_then(|all| all.iter().find(own)) {
        Some(platform) => platform.arch.as_str(),
        None => match std::env::consts::ARCH {
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        },
    }
}

/// The one of that name.
pub fn named(name: &str) -> Option<&'static Platform> {
    all().ok()?.iter().find(|platform| platform.is(name))
}

/// Those of these names, or where there are no names, those that every Dockerfile can be built on.
///
/// # Errors
/// [`Kind::Usage`]: a name is of no platform that images are made for. [`Kind::Internal`]: as [`all`].
pub fn wanted(asked: &[String]) -> Result<Vec<&'static Platform>> {
    let all = all()?;
    if let Some(unknown) = asked.iter().find(|name| !all.iter().any(|platform| platform.is(name))) {
        return Err(Failure::new(Kind::Usage, format!("images cannot be made for the platform `{unknown}`"))
            .help(format!("there are {}", names())));
    }
    let wanted = |platform: &&Platform| match asked {
        [] => platform.always,
        asked => asked.iter().any(|name| platform.is(name)),
    };
    Ok(all.iter().filter(wanted).collect())
}

/// Names of all of them, for people: `linux/amd64, linux/arm64 and …`.
pub fn names() -> String {
    let names: Vec<String> = all().unwrap_or_default().iter().map(Platform::name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Whether a package of Debian's is the target's.
///
/// # Errors
/// As [`all`].
pub fn of_target(package: &str) -> Result<bool> {
    let sides = &table()?.packages;
    let fits = |pattern: &String| like(pattern, package);
    Ok(sides.target.iter().any(fits) && !sides.build.iter().any(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for platform in all().unwrap() {
            assert!(platform.rust.musl.contains("-linux-musl"), "{platform:?}");
            assert!(platform.c[0].ends_with(&platform.gnu.replace('_', "-")), "{platform:?}");
            assert_eq!(named(&platform.name()), Some(platform));
        }
        assert_eq!(named("linux/arm64/v8").unwrap().arch, "arm64");
        assert_eq!(named("linux/arm"), None, "which kind is not said");
        for (architecture, said, meant) in
            [("arm64", "v8", ""), ("arm", "", "v7"), ("arm", "v6", "v6"), ("amd64", "v3", "v3")]
        {
            assert_eq!(variant(architecture, said), meant, "{architecture}/{said}");
        }
    }

    #[test]
    fn libraries_are_the_targets_and_programs_are_not() {
        let of_target = |name| super::of_target(name).unwrap();
        assert!(["libpq-dev", "python3-dev", "libmagic-mgc"].into_iter().all(of_target));
        assert!(!["libclang-dev", "libtool", "g++", "pkg-config", "protobuf-compiler"].into_iter().any(of_target));
    }
}
