//! The plan: a complete, serialisable and deterministic account of what will be built, on what, into what, and why.
//!
//! It is the compiler's intermediate representation: `render` makes files from it and nothing else, `engine` executes it,
//! `measure` and the image check hold the result against it. Its JSON (`cargo dockerize plan --format json`) is a public,
//! versioned artefact: [`SCHEMA`] grows when a field changes its meaning or goes away.

mod ci;
mod compile;
mod compose;
mod image;
mod pinned;
mod secret;
mod stages;
mod taken;

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::platforms;

pub use ci::{Ci, CiSecret, Forge, Runner, Tool, Workflow};
pub use compile::{Compile, CompileTool};
pub use compose::{Compose, ComposeFile, Database, Published, Role, Service, Variable, Volume};
pub use image::{Asset, Brings, Image, Rootfs, Writable};
pub use pinned::Pinned;
pub use secret::{Secret, SecretKind};
pub use stages::{Auditable, DevProgram, DevStage, Installed, Link, OptionalStage, TestRunner, TestStage, Workbench};
pub use taken::{NotTaken, Taken};

/// The version of the plan's JSON.
pub const SCHEMA: u32 = 2;

/// Why something is so: the evidence that a finding or a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Because {
    /// One line for people.
    pub text: String,
    /// The crate and its version, as in `ring 0.17.14`.
    #[serde(rename = "crate", skip_serializing_if = "Option::is_none", default)]
    pub krate: Option<String>,
    /// The rule's name: a table row of ours, or `metadata`, `flag`, `default`.
    pub rule: String,
    /// The file that it rests on, relative to the workspace's root, with `:line` where one is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
}

impl Because {
    /// What rests on no crate and no file.
    pub fn new(rule: &str, text: impl Into<String>) -> Self {
        Self { text: text.into(), krate: None, rule: rule.to_owned(), file: None }
    }

    /// The crate's name without its version.
    pub fn krate_name(&self) -> Option<&str> {
        self.krate.as_deref().and_then(|krate| krate.split(' ').next())
    }

    /// The line without the crate's version and the source's line: for files that neither a bumped dependency nor an edit
    /// elsewhere must change.
    pub fn lasting(&self) -> String {
        let mut text = self.text.clone();
        if let (Some(krate), Some(name)) = (&self.krate, self.krate_name()) {
            text = text.replace(krate.as_str(), name);
        }
        if let Some((file, (path, line))) = self.file.as_ref().and_then(|file| Some((file, file.rsplit_once(':')?)))
            && line.bytes().all(|c| c.is_ascii_digit())
        {
            text = text.replace(file.as_str(), path);
        }
        text
    }
}

/// Everything that will happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: u32,
    /// This tool's version.
    pub version: String,
    /// The workspace in a few words.
    pub workspace: Summary,
    /// What is sent to the engine, and from where.
    pub context: Context,
    /// What the build gets of the repository.
    pub git: Git,
    /// Where the generated files go.
    pub files: Files,
    /// The stages besides those of the images.
    pub stages: Vec<OptionalStage>,
    /// Whether stages compile for other processors; if not, each image is for the processor that builds it.
    pub cross: bool,
    /// Whether a registry keeps compiled dependencies for other machines.
    pub shares_dependencies: bool,
    /// The frontend of the `# syntax=` line; none: the engine's own.
    pub syntax: Option<String>,
    /// The Rust toolchain and the image that has it.
    pub toolchain: Toolchain,
    /// Build groups: binaries that one cargo invocation compiles, in the order of their stages.
    pub groups: Vec<Group>,
    /// One image a binary, in the order of their stages.
    pub images: Vec<Image>,
    /// The services that compose runs together.
    pub compose: Compose,
    /// What `--profile` can name.
    pub profiles: Vec<Profile>,
    /// The branches whose builds write to the profile's cache.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub cache_write: Vec<String>,
    /// The cache mounts of every step that runs cargo.
    pub caches: Vec<CacheMount>,
    /// What the step that downloads packages must be able to show.
    pub secrets: Vec<Secret>,
    /// Variables that are empty where packages are downloaded: a wrapper of rustc is not installed there.
    #[serde(default)]
    pub unset_for_downloads: Vec<String>,
    /// What cargo must know of private registries besides the workspace's own configuration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub registry_env: BTreeMap<String, String>,
    /// Where the stages `test` and `dev` compile.
    pub workbench: Workbench,
    /// The stage that runs the tests.
    pub test: TestStage,
    /// What a forge's workflows do; none: the metadata names no forge.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ci: Option<Ci>,
    /// The stage to work in.
    pub dev: DevStage,
    /// What makes programs list the crates that they consist of; only on request.
    #[serde(default)]
    pub auditable: Option<Auditable>,
    /// The images of others that the files name.
    pub pins: Vec<Pinned>,
    /// The lines of the ignore file.
    pub ignore: Vec<IgnoreRule>,
    /// What the plan has from files of the repository, such as its own Dockerfile.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub taken: Vec<Taken>,
    /// What it does not have from them, and why.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub not_taken: Vec<NotTaken>,
    /// What the user should know: costs, risks, things that could not be seen.
    pub notes: Vec<Because>,
    /// What weak evidence leaves open. The safe answer holds until the metadata says otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub questions: Vec<Question>,
}

/// Something that the evidence is too weak for, and that the user knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Question {
    /// To be answered with yes or no; no is safe.
    pub text: String,
    /// The package whose table a yes goes into.
    pub package: String,
    /// What a yes adds to the table.
    pub answer: Answer,
    /// What it rests on.
    pub because: Because,
}

/// A key of a package's table, and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The program reads this file or folder.
    Assets(String),
    /// The program listens on this port.
    Expose(u16),
}

/// The workspace in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// The root package's name, else `workspace`.
    pub name: String,
    /// Workspace members.
    pub members: usize,
    /// Packages in the resolved graph, members included.
    pub packages: usize,
}

/// The build context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Context {
    /// The context's folder, relative to the workspace's root: `.`, or `..` when a path dependency lies above it.
    pub path: String,
    /// The workspace's root, relative to the context: `.` where they are the same.
    pub workspace: String,
    /// Where the context lies in the build stages.
    pub workdir: String,
    /// What cargo itself reads, relative to the context: path dependencies that are not members, vendored packages,
    /// configuration above the workspace, authorities. They are needed before the sources.
    pub local: Vec<String>,
    /// Those of them that hold vendored packages, which never change under their version.
    pub vendored: Vec<String>,
}

impl Context {
    /// The workspace's root in the build stages.
    pub fn root(&self) -> String {
        if self.workspace == "." { self.workdir.clone() } else { format!("{}/{}", self.workdir, self.workspace) }
    }

    /// A path relative to the workspace's root, as the context names it.
    pub fn inside(&self, path: &str) -> String {
        if self.workspace == "." { path.to_owned() } else { format!("{}/{path}", self.workspace) }
    }
}

/// What the build gets of the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Git {
    /// Who takes the revision from variables: it comes as build arguments, after the dependencies.
    pub revision: Option<Because>,
    /// Who reads the folder `.git`: it is in the context.
    pub folder: Option<Because>,
}

/// Where the generated files go, relative to the workspace's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Files {
    /// Usually `Dockerfile`.
    pub dockerfile: String,
    /// Usually `.dockerignore`; BuildKit also reads `<Dockerfile's name>.dockerignore` beside the Dockerfile.
    pub dockerignore: String,
    /// Usually `docker-bake.hcl`.
    pub bake: String,
    /// The folder of the scripts that the Dockerfile runs.
    pub helpers: String,
}

/// The Rust toolchain and the image that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Toolchain {
    /// As the toolchain file or the metadata table names it: `1.95`, `stable`, `nightly-2026-01-01`.
    pub channel: String,
    /// The image of the first stage, mirrors applied.
    pub image: String,
    /// Whether cargo-chef is in that image; if not, the version that is installed into it.
    pub install_chef: Option<String>,
    /// A toolchain that rustup has to install, because no image has it.
    pub install: Option<String>,
    /// Components that a build needs: of those that the toolchain file lists, and std's sources where it is compiled from them.
    pub components: Vec<String>,
    /// Targets that the toolchain file asks for and a build script may compile for.
    pub targets: Vec<String>,
    /// Authorities that the build trusts and the images do not: files, relative to the context.
    pub build_ca: Vec<String>,
    /// The distribution's codename; builder and run time are always a pair.
    pub codename: String,
    /// Why this one.
    pub because: Because,
}

/// How a binary is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// No shared library at all: runs on `scratch`.
    StaticMusl,
    /// The same with glibc's own archive: for programs that ask it for no names and open none of its parts.
    StaticGnu,
    /// glibc and the binary's own closure of shared libraries.
    DynamicGnu,
}

impl Linkage {
    /// As in the metadata table and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::StaticMusl => "static-musl",
            Self::StaticGnu => "static-gnu",
            Self::DynamicGnu => "dynamic-gnu",
        }
    }

    /// Whether the program needs no other file to start.
    pub fn is_static(self) -> bool {
        self != Self::DynamicGnu
    }
}

/// What a native part means for static linking with musl.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Musl {
    /// Compiles nothing for the target.
    #[default]
    None,
    /// Compiles C: a C compiler for musl is needed.
    C,
    /// Compiles C++: Debian has no static C++ library for musl.
    Cxx,
    /// Links a library that the system has for glibc only.
    System,
}

/// Binaries that one cargo invocation compiles: same linkage, same native needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    /// What is appended to the stages' names: empty for the first group, `-static` or `-gnu` for those after it.
    pub suffix: String,
    /// How its binaries are linked.
    pub linkage: Linkage,
    /// Why so.
    pub because: Vec<Because>,
    /// One per platform that the Dockerfile can be built for.
    pub targets: Vec<Target>,
    /// Packages of the builder's distribution that the build needs.
    pub packages: Vec<Package>,
    /// Environment of cook and build alike.
    pub env: BTreeMap<String, String>,
    /// Why that environment is not empty, besides what the metadata says.
    pub env_because: Vec<Because>,
    /// Variables whose values its members take while they are compiled, and that nothing sets: arguments of the build.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub variables: Vec<CompiledIn>,
    /// Arguments that cook and build share: `--package api --features …`. Packages are those of all binaries, whichever are
    /// asked for, so that features are the same. A package whose name another one has too is named by its place, below [`HERE`].
    pub cargo_args: Vec<String>,
    /// The binaries' names.
    pub binaries: Vec<String>,
    /// The workspace's own packages among those that are compiled.
    pub members: Vec<String>,
    /// Packages that are compiled for it, for the progress (`compiling 123/351`).
    pub crates: usize,
    /// How many of them are the workspace's own, compiled with the sources.
    pub own_crates: usize,
    /// Where cargo compiles, in cook and build alike.
    pub target_cache: CacheMount,
    /// How this machine's own cargo compiles it, for each platform; empty where an engine does.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub compile: Vec<Compile>,
    /// Commands after which this machine could link its binaries better.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub better: Vec<String>,
}

/// A variable whose value is compiled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CompiledIn {
    /// Its name.
    pub name: String,
    /// Which code takes it.
    pub because: Because,
    /// Whether the Dockerfile has an argument for it; engines warn of one whose name is that of a secret.
    pub argument: bool,
}

/// One platform's Rust target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// As Docker names it, in `TARGETARCH`: `amd64`, `arm64`.
    pub arch: String,
    /// As Docker names its kind, in `TARGETVARIANT`: `v7`; empty where it has none.
    #[serde(default)]
    pub variant: String,
    /// As Rust names it.
    pub triple: String,
    /// Environment of this target only, such as the C compiler.
    pub env: BTreeMap<String, String>,
    /// What compiles for it on another processor.
    pub cross: Cross,
}

/// In an argument of cargo's that names a package by its place: the folder that the command stands in, the workspace's root.
pub const HERE: &str = "$PWD";

/// A path as `--package file://…` takes it.
pub(crate) fn in_url(path: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/');
    utf8_percent_encode(path, PLAIN).to_string()
}

impl Group {
    /// The arguments of `cargo build` for some of its binaries, in this folder.
    pub fn args_in<'a>(&self, folder: &str, binaries: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let here = format!("file://{HERE}");
        let there = |word: String| match word.strip_prefix(&here) {
            Some(rest) => format!("file://{}{rest}", in_url(folder)),
            None => word,
        };
        self.args_of(binaries).into_iter().map(there).collect()
    }

    /// The arguments of `cargo build` for some of its binaries; [`HERE`] is where a shell stands.
    pub fn args_of<'a>(&self, binaries: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let binaries = binaries.into_iter().flat_map(|name| ["--bin".to_owned(), name.to_owned()]);
        self.cargo_args.iter().cloned().chain(binaries).collect()
    }

    /// The Dockerfile's argument that names the binaries to link: all of them, unless it is given.
    pub fn bins_arg(&self) -> String {
        format!("BINS{}", self.suffix.to_uppercase().replace('-', "_"))
    }
}

impl Target {
    /// As Docker writes it: `linux/arm/v7`.
    pub fn platform(&self) -> String {
        platforms::written("linux", &self.arch, &self.variant)
    }
}

/// What a builder needs that has another processor than the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Cross {
    /// What `uname -m` says where nothing of this is needed.
    pub machine: String,
    /// The distribution's name of the architecture: `arm64`, `armhf`.
    pub architecture: String,
    /// Packages of the distribution: compilers, and the target's own C library where programs are linked with it.
    pub packages: Vec<String>,
    /// What links for it; none: the user's own configuration says it.
    pub linker: Option<String>,
}

/// A package of the distribution, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Package {
    /// The distribution's name of it.
    pub name: String,
    /// Whether it is the target's, of whose architecture it then is: libraries are, programs run while building.
    #[serde(default)]
    pub target: bool,
    /// Who wants it.
    pub because: Vec<Because>,
}

/// What `--profile` can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Profile {
    /// `prod`, `dev`, `test`, or the user's.
    pub name: String,
    /// Cargo's profile.
    pub cargo: String,
    /// Whether it builds the images, or runs the tests.
    pub runs_tests: bool,
    /// Where layers and compiled dependencies are kept for other machines, as `--cache` takes it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache: Option<String>,
    /// Environment for cargo in cook and build alike, such as `CARGO_PROFILE_RELEASE_STRIP`.
    pub env: BTreeMap<String, String>,
    /// Why so.
    pub because: Vec<Because>,
}

/// A BuildKit cache mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CacheMount {
    /// Its id on the engine.
    pub id: String,
    /// Where it is mounted.
    pub target: String,
    /// `shared`, `private` or `locked`.
    pub sharing: String,
    /// Why it is there and shared so.
    pub because: String,
}

/// The ids of the mounts with cargo's downloads. A workspace without packages from git has the first alone.
pub const DOWNLOADS: [&str; 2] = ["cargo-registry", "cargo-git"];

/// A line of the ignore file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct IgnoreRule {
    /// The pattern; with a leading `!` where it keeps.
    pub pattern: String,
    /// Lines of the same section stand together under it.
    pub section: String,
    /// Why, where the section does not say it.
    pub because: Option<Because>,
}

impl Plan {
    /// Whether the Dockerfile has this stage.
    pub fn has(&self, stage: OptionalStage) -> bool {
        self.stages.contains(&stage)
    }

    /// The image of this name.
    pub fn image(&self, name: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.name == name)
    }

    /// The profile of this name.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }
}
