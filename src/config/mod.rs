//! What the user said: `[workspace.metadata.dockerize]` and `[package.metadata.dockerize]`.

mod edit;
mod load;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use edit::edit;
pub use load::{Settings, load, nearest};

use crate::plan::model::{Linkage, Musl};

/// One table's keys. A workspace's table takes them all; a member's takes those that speak of an image
/// ([`Table::IMAGE_KEYS`]) and wins over the workspace's there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Table {
    /// The Rust channel of the toolchain image, where no toolchain file says it: `1.95`.
    pub toolchain: Option<String>,
    /// The frontend of the `# syntax=` line, or `none`.
    pub syntax: Option<String>,
    /// The distribution's codename: `trixie`.
    pub codename: Option<String>,
    /// Where cargo-chef comes from: its published image, or `cargo install`.
    pub chef: Option<Chef>,
    /// Images other than the usual ones.
    pub images: Images,
    /// A prefix for each registry that is read through a mirror: `"docker.io" = "mirror.example/hub"`.
    pub mirrors: BTreeMap<String, String>,
    /// The binaries to build; none named: all.
    pub binaries: Vec<String>,
    /// Binaries or packages not to build.
    pub exclude: Vec<String>,
    /// Features, as in `--features`.
    pub features: Vec<String>,
    /// As `--all-features`.
    pub all_features: bool,
    /// As `--no-default-features`.
    pub no_default_features: bool,
    /// Where the Dockerfile goes, relative to the workspace's root.
    pub dockerfile: Option<String>,
    /// Where the ignore file goes.
    pub dockerignore: Option<String>,
    /// Where the bake file goes.
    pub bake: Option<String>,
    /// Packages of the distribution that the build needs besides those that are detected.
    pub packages: Vec<String>,
    /// Crates with native parts that no rule knows, or that one knows wrongly.
    pub native: Vec<NativeTable>,
    /// Authorities that the build trusts and the images do not: PEM files in the workspace, relative to its root.
    pub build_ca: Vec<String>,
    /// Environment of cook and build.
    pub build_env: BTreeMap<String, String>,
    /// Where layers and compiled dependencies are kept for other machines, as `--cache` takes it: `registry=REF`.
    pub cache: Option<String>,
    /// The branches whose builds write there; every build reads.
    pub cache_write: Vec<String>,
    /// Image profiles: which of cargo's profiles `--profile NAME` builds with.
    pub profile: BTreeMap<String, ProfileTable>,

    /// How binaries are linked, against the evidence.
    pub linkage: Option<Linkage>,
    /// Files and folders that the program reads, relative to the package's folder.
    pub assets: Vec<AssetTable>,
    /// Folders that the program writes to: absolute paths in the image.
    pub writable: Vec<String>,
    /// Ports.
    pub expose: Vec<u16>,
    /// Run-time environment.
    pub env: BTreeMap<String, String>,
    /// Whether the image has the certificate authorities' bundle.
    pub ca_certificates: Option<bool>,
    /// More authorities: PEM files in the workspace, relative to its root.
    pub extra_ca: Vec<String>,
    /// Whether the image has the time zones.
    pub zoneinfo: Option<bool>,
    /// Whether an init (catatonit, which Debian links statically) is process 1, which hands on signals and reaps what
    /// the program's children leave behind.
    pub init: Option<bool>,
    /// What tells whether the program is well: a program of the image and its arguments, for there is no shell.
    pub healthcheck: Vec<String>,
    /// The signal that asks the program to stop, where it is not SIGTERM.
    pub stop_signal: Option<String>,
    /// Labels besides those from the manifest.
    pub labels: BTreeMap<String, String>,
}

/// Where cargo-chef comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Chef {
    /// Its published image, which saves compiling it.
    Image,
    /// `cargo install` into the Rust image.
    Install,
}

/// Images other than the usual ones; `mirrors` do not apply to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Images {
    /// With the Rust toolchain; cargo-chef is installed into it.
    pub rust: Option<String>,
    /// With the Rust toolchain and cargo-chef.
    pub chef: Option<String>,
    /// Under the binaries.
    #[serde(rename = "final")]
    pub final_: Option<String>,
}

/// An image profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProfileTable {
    /// The profile of cargo's; `prod`, `dev` and `test` have one of their own.
    pub cargo: Option<String>,
    /// As the workspace's `cache`, for this profile alone.
    pub cache: Option<String>,
}

/// What a crate with native parts needs; it wins over what is known of that crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NativeTable {
    /// The crate's name.
    #[serde(rename = "crate")]
    pub krate: String,
    /// What it means for static linking.
    pub musl: Musl,
    /// Packages of the builder.
    #[serde(default)]
    pub apt: Vec<String>,
    /// Packages whose files are read or opened by name at run time.
    #[serde(default)]
    pub run: Vec<String>,
    /// What its build script must see.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// Something that the program reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AssetTable {
    /// In the package's folder, and under the same name in the image's working folder.
    Same(String),
    /// Somewhere else in the image.
    Moved {
        /// In the package's folder.
        from: String,
        /// An absolute path in the image, or one relative to the working folder.
        to: String,
    },
}

impl Table {
    /// The keys that a member's table takes.
    pub const IMAGE_KEYS: &[&str] = &[
        "linkage",
        "assets",
        "writable",
        "expose",
        "env",
        "ca-certificates",
        "extra-ca",
        "zoneinfo",
        "init",
        "healthcheck",
        "stop-signal",
        "labels",
    ];

    /// This table over another: what is said here wins; lists and maps are joined.
    #[must_use]
    pub fn over(mut self, below: &Self) -> Self {
        self.linkage = self.linkage.or(below.linkage);
        self.ca_certificates = self.ca_certificates.or(below.ca_certificates);
        self.zoneinfo = self.zoneinfo.or(below.zoneinfo);
        self.init = self.init.or(below.init);
        for (list, more) in [(&mut self.writable, &below.writable), (&mut self.extra_ca, &below.extra_ca)] {
            list.extend(more.iter().cloned());
        }
        if self.healthcheck.is_empty() {
            self.healthcheck.clone_from(&below.healthcheck);
        }
        self.stop_signal = self.stop_signal.or_else(|| below.stop_signal.clone());
        self.expose.extend(&below.expose);
        self.assets.extend(below.assets.iter().cloned());
        for (map, more) in [(&mut self.env, &below.env), (&mut self.labels, &below.labels)] {
            for (name, value) in more {
                map.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        self
    }
}

/// The JSON schema of the table, for editors and the reference.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Table)
}
