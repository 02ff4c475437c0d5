//! What the user said: `[workspace.metadata.dockerize]` and `[package.metadata.dockerize]`.

mod edit;
mod load;
mod profiles;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use edit::{Owner, edit, edit_of};
pub use load::{Judging, Settings, lint, load, nearest};
pub(crate) use validate::permits;

use crate::plan::model::{Forge, Linkage, Musl, OptionalStage, TestRunner};

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
    /// The binaries to build, of any member; none named: those of the members that cargo builds by default.
    pub binaries: Vec<String>,
    /// Whether the binaries of all members are built, as with `--workspace`.
    pub workspace: bool,
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
    /// The profiles that have a compose file, or for each of them the file's name.
    pub compose: Option<ComposeKey>,
    /// The binaries that people call with arguments: compose does not start them. Named here, they are the only ones.
    pub tools: Option<Vec<String>>,
    /// Platforms that stages of the Dockerfile compile for, whichever processor builds: `["linux/amd64", "linux/arm64"]`. None:
    /// images are for the processor that builds.
    pub platforms: Vec<String>,
    /// Stages besides those of the images: `["test", "dev"]`. The commands that need one add it.
    pub stages: Vec<OptionalStage>,
    /// Packages of the distribution that the build needs besides those that are detected.
    pub packages: Vec<String>,
    /// Crates with native parts that no rule knows, or that one knows wrongly.
    pub native: Vec<NativeTable>,
    /// Authorities that the build trusts and the images do not: PEM files in the workspace, relative to its root.
    pub build_ca: Vec<String>,
    /// Whether programs may be compiled for the processor that builds them (`target-cpu=native`): for images that run there.
    pub allow_native_cpu: bool,
    /// Environment of cook and build.
    pub build_env: BTreeMap<String, String>,
    /// Where layers and compiled dependencies are kept for other machines, as `--cache` takes it: `registry=REF`.
    pub cache: Option<String>,
    /// The branches whose builds write there; every build reads.
    pub cache_write: Vec<String>,
    /// The forges that have a workflow, as `cargo dockerize ci` names them.
    pub ci: Vec<Forge>,
    /// Image profiles: what `--profile NAME` can name besides `prod`, `dev` and `test`, and what differs of those.
    pub profile: BTreeMap<String, ProfileTable>,
    /// Whether programs list the crates that they consist of, by cargo-auditable: for scanners that have the program alone.
    pub auditable: bool,
    /// Who runs the tests, against the evidence.
    pub test_runner: Option<TestRunner>,
    /// What rules of `cargo dockerize lint` mean: `unnamed-stage = "deny"`.
    pub lint: BTreeMap<String, crate::lint::Level>,

    /// How binaries are linked, against the evidence.
    pub linkage: Option<Linkage>,
    /// Files and folders that the program reads, relative to the package's folder.
    pub assets: Vec<AssetTable>,
    /// Folders that the program writes to: absolute paths in the image.
    pub writable: Vec<String>,
    /// Ports.
    pub expose: Vec<u16>,
    /// The databases that it speaks to, against the evidence: `["postgres"]`, or none.
    pub services: Option<Vec<String>>,
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
    /// Arguments that the program is started with where nobody gives others, or for each binary its own:
    /// `{ server = ["serve"] }`.
    pub arguments: Option<Arguments>,
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
    /// Under the binaries: a name of the table of bases (`distroless-cc`), or a reference.
    #[serde(rename = "final")]
    pub final_: Option<String>,
    /// Of databases, by their names: `postgres = "postgres:16"`.
    pub services: BTreeMap<String, String>,
}

/// Which compose files there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ComposeKey {
    /// Those of these profiles, under the usual names.
    Profiles(Vec<String>),
    /// Those of these profiles, under these names.
    Files(BTreeMap<String, String>),
}

impl ComposeKey {
    /// The profiles with their files' names: `compose.yaml` for `prod`, and `compose.PROFILE.yaml`.
    pub fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = match self {
            Self::Profiles(names) => names.iter().map(|name| (name.clone(), Self::usual(name))).collect(),
            Self::Files(files) => files.clone().into_iter().collect(),
        };
        files.sort_by_key(|(name, _)| name != "prod");
        files
    }

    /// The usual name of a profile's file.
    pub fn usual(profile: &str) -> String {
        if profile == "prod" { "compose.yaml".to_owned() } else { format!("compose.{profile}.yaml") }
    }
}

/// An image profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProfileTable {
    /// The profile that this one is like, but for what is said here: `prod`, `dev`, `test` or another one of the user's.
    pub inherits: Option<String>,
    /// The profile of cargo's; `prod`, `dev` and `test` have one of their own.
    pub cargo: Option<String>,
    /// As the workspace's `cache`, for this profile and those that inherit from it.
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

/// What programs are started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Arguments {
    /// Every binary of the package.
    All(Vec<String>),
    /// These binaries, each with its own.
    Each(BTreeMap<String, Vec<String>>),
}

impl Arguments {
    /// Those of one binary.
    pub fn of(&self, binary: &str) -> &[String] {
        match self {
            Self::All(words) => words,
            Self::Each(all) => all.get(binary).map_or(&[], Vec::as_slice),
        }
    }
}

impl Table {
    /// The keys that a member's table takes.
    pub const IMAGE_KEYS: &[&str] = &[
        "linkage",
        "assets",
        "writable",
        "expose",
        "services",
        "env",
        "ca-certificates",
        "extra-ca",
        "zoneinfo",
        "init",
        "healthcheck",
        "arguments",
        "stop-signal",
        "labels",
    ];

    /// What it says of the workspace, without what is one image's.
    #[must_use]
    pub fn of_workspace(&self) -> Self {
        Self {
            linkage: None,
            assets: Vec::new(),
            writable: Vec::new(),
            expose: Vec::new(),
            services: None,
            env: BTreeMap::new(),
            ca_certificates: None,
            extra_ca: Vec::new(),
            zoneinfo: None,
            init: None,
            healthcheck: Vec::new(),
            arguments: None,
            stop_signal: None,
            labels: BTreeMap::new(),
            ..self.clone()
        }
    }

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
        self.arguments = self.arguments.or_else(|| below.arguments.clone());
        self.stop_signal = self.stop_signal.or_else(|| below.stop_signal.clone());
        self.expose.extend(&below.expose);
        self.services = self.services.or_else(|| below.services.clone());
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
