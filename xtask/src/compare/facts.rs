//! What a Dockerfile and a plan can both say of a program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Cargo's features: names, and the two flags.
    Features,
    /// The programs that are shipped.
    Binary,
    /// What the image exposes.
    Ports,
    /// What the program is started with, and a script that starts it.
    Arguments,
    /// Folders that outlive a container.
    Volumes,
    /// Variables at run time.
    Environment,
    /// Packages of the distribution at run time.
    Packages,
    /// Files that the program reads at run time.
    Assets,
    /// The signal that stops it.
    StopSignal,
    /// Whether the image says how the program's health is asked for.
    HealthCheck,
}

impl Kind {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 10] = [
        Self::Binary,
        Self::Features,
        Self::Ports,
        Self::Arguments,
        Self::Environment,
        Self::Packages,
        Self::Assets,
        Self::Volumes,
        Self::StopSignal,
        Self::HealthCheck,
    ];

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Binary => "binary",
            Self::Ports => "ports",
            Self::Arguments => "arguments",
            Self::Volumes => "volumes",
            Self::Environment => "environment",
            Self::Packages => "run-time packages",
            Self::Assets => "assets",
            Self::StopSignal => "stop signal",
            Self::HealthCheck => "health check",
        }
    }

    /// The kind that a key of the tool's metadata table is about.
    pub fn of_key(key: &str) -> Option<Self> {
        Some(match key {
            "features" | "all-features" | "no-default-features" => Self::Features,
            "bins" | "binaries" | "images" => Self::Binary,
            "expose" => Self::Ports,
            "arguments" => Self::Arguments,
            "writable" | "volumes" => Self::Volumes,
            "env" => Self::Environment,
            "packages" | "native" | "init" | "ca-certificates" | "zoneinfo" => Self::Packages,
            "assets" => Self::Assets,
            "stop-signal" => Self::StopSignal,
            "healthcheck" => Self::HealthCheck,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Facts of one side. A kind without items says nothing.
#[derive(Debug, Clone, Default)]
pub struct Facts(BTreeMap<Kind, BTreeSet<String>>);

impl Facts {
    /// Adds an item.
    pub fn add(&mut self, kind: Kind, item: impl Into<String>) {
        self.0.entry(kind).or_default().insert(item.into());
    }

    /// Takes an item away.
    pub fn remove(&mut self, kind: Kind, item: &str) {
        if let Some(items) = self.0.get_mut(&kind) {
            items.remove(item);
        }
    }

    /// The items of a kind.
    pub fn of(&self, kind: Kind) -> BTreeSet<String> {
        self.0.get(&kind).cloned().unwrap_or_default()
    }

    /// Adds what these arguments of cargo's say of features. A feature of one package is taken by its name.
    pub fn add_features(&mut self, words: &[String]) {
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let (flag, value) = word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
            match flag {
                "--" => break,
                "--features" | "-F" => {
                    let names = value.or_else(|| words.next()).unwrap_or_default();
                    for name in names.split([',', ' ']).filter(|name| !name.is_empty() && *name != "default") {
                        self.add(Kind::Features, name.rsplit('/').next().unwrap_or(name));
                    }
                }
                "--all-features" | "--no-default-features" => self.add(Kind::Features, flag),
                _ => {}
            }
        }
    }
}

/// A program of the workspace.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Its name.
    pub name: String,
    /// The package that it comes from.
    pub package: String,
    /// The package's folder, relative to the workspace; empty for its root.
    pub folder: String,
}

/// Variables of toolchains, of package managers, of shells and of images themselves: they say nothing of the program.
const NOISE: &[&str] = &[
    "PATH",
    "DEBIAN_FRONTEND",
    "RUSTFLAGS",
    "RUSTUP_",
    "CARGO_",
    "RUSTC_",
    "RUST_BACKTRACE",
    "CC_",
    "CXX_",
    "TERM",
    "TZ",
    "LANG",
    "LC_",
    "LD_LIBRARY_PATH",
    "HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TZDIR",
];

/// Whether a variable says nothing of the program.
pub fn is_noise(name: &str) -> bool {
    NOISE.iter().any(|noise| name == *noise || (noise.ends_with('_') && name.starts_with(noise)))
}

/// The last component of a path, without what a glob adds.
pub fn last(path: &str) -> &str {
    let path = path.trim_end_matches('*').trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}
