//! The command line: cargo's own flags with their own meaning, and ours.

pub mod builder;
pub mod cache;
pub mod ci;
pub mod inspect;
pub mod lint;
pub mod measure;
pub mod pin;
pub mod verify;
pub mod xtask;

use camino::Utf8PathBuf;
use cargo_dockerize::attest;
use cargo_dockerize::plan::Asked;
use clap::builder::Styles;
use clap::{Args, Parser, Subcommand, ValueEnum};
use colorchoice_clap::Color;

/// Small, safe container images for any Cargo workspace
///
/// Exit codes: 0 done; 1 generated files are out of date (--check, --locked); 2 usage; 3 the workspace cannot be used as
/// it is; 4 a file that would be written is somebody's own, or cannot be written; 5 no usable engine, or a registry that
/// refuses; 6 a build step failed; 7 the image is not what the plan promised, or over its budget; 8 a lint that is
/// denied; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "cargo dockerize", bin_name = "cargo dockerize", version, styles = STYLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    // Without a place of its own it moves about in every help with each new command.
    #[command(flatten, next_display_order = 980)]
    pub color: Color,
    #[command(flatten)]
    pub common: Common,
}

const STYLES: Styles = clap_cargo::style::CLAP_STYLING;

/// Flags of every command.
#[derive(Debug, Args, Clone)]
pub struct Common {
    /// Path to Cargo.toml
    #[arg(long, global = true, value_name = "PATH", help_heading = "Manifest Options")]
    pub manifest_path: Option<Utf8PathBuf>,
    /// Generated files must be up to date already
    #[arg(long, global = true, help_heading = "Manifest Options")]
    pub locked: bool,
    /// Do not let cargo use the network to read the workspace
    #[arg(long, global = true, help_heading = "Manifest Options")]
    pub offline: bool,
    /// Make Cargo.lock where there is none
    #[arg(long, global = true, help_heading = "Manifest Options")]
    pub generate_lockfile: bool,
    /// Space or comma separated list of features to activate
    #[arg(short = 'F', long, global = true, value_name = "FEATURES", help_heading = "Feature Selection")]
    pub features: Vec<String>,
    /// Activate all available features
    #[arg(long, global = true, help_heading = "Feature Selection")]
    pub all_features: bool,
    /// Do not activate the `default` feature
    #[arg(long, global = true, help_heading = "Feature Selection")]
    pub no_default_features: bool,
    /// Say nothing but results and failures
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 990)]
    pub quiet: bool,
    /// Show what each step prints, and the rule behind each reason
    #[arg(short, long, global = true, display_order = 991)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set the workspace up: generate the files, and add the metadata table to Cargo.toml
    Init(Init),
    /// Show what will be built, on what, into what, and why
    Plan(Plan),
    /// Generate the Dockerfile, the ignore file and the bake file again
    #[command(visible_alias = "gen")]
    Generate(Generate),
    /// Pin every image that the generated files name by its digest, and say which of them are behind
    Pin(pin::Pin),
    /// Generate compose files: a service for each binary, and the databases that it speaks to
    Compose(Compose),
    /// Build the images with Docker's buildx or with this machine's cargo, check them and measure them
    #[command(visible_alias = "b")]
    Build(Box<Build>),
    /// Build twice, in two folders and without a cache, and say what differs, file by file
    VerifyReproducible(Box<verify::VerifyReproducible>),
    /// Build after each of a day's edits, beside other Dockerfiles, and say how long it took and what came of it
    Measure(Box<measure::Measure>),
    /// Judge Dockerfiles, whoever wrote them, with the files around them and the workspace's facts
    Lint(Box<lint::Lint>),
    /// Make a builder of buildx, or see what one can do
    Builder(builder::Builder),
    /// Say what is cached and how large it is, compile dependencies ahead, remove what a builder keeps
    Cache(cache::Cache),
    /// Write a workflow for a forge: drift, tests, images and their sizes; on a tag, images for all platforms are pushed
    Ci(ci::Ci),
    /// Add `cargo xtask docker` to the workspace: build, check, measure and push, also where this tool is not installed
    Xtask(xtask::Xtask),
    /// Look into any image: layers, waste, users, what programs need, attestations, secrets in any layer
    Inspect(inspect::Inspect),
    /// Look at Docker, this machine, registries and the workspace, and say what to do where something is missing
    Doctor(Doctor),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual's pages, for `man`
    Man(Man),
}

/// Which binaries get an image: cargo's own flags, with their meaning.
#[derive(Debug, Args)]
pub struct Selecting {
    /// Only this binary's image
    #[arg(long, value_name = "NAME", help_heading = "Package Selection")]
    pub bin: Vec<String>,
    /// Only the images of this package's binaries
    #[arg(short, long, value_name = "SPEC", help_heading = "Package Selection")]
    pub package: Vec<String>,
    /// The images of all members' binaries [default: the metadata's, else those of the members that cargo builds by default]
    #[arg(long, conflicts_with = "package", help_heading = "Package Selection")]
    pub workspace: bool,
}

impl Selecting {
    /// As the plan takes it.
    pub fn asked(&self) -> Asked {
        let Self { bin, package, workspace } = self;
        Asked { packages: package.clone(), binaries: bin.clone(), workspace: *workspace }
    }
}

#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    pub selecting: Selecting,
    /// The frontend of the `# syntax=` line, or `none` for the engine's own
    #[arg(long, value_name = "REF|none")]
    pub syntax: Option<String>,
    /// The Rust channel of the toolchain image [default: the toolchain file's, else this machine's release]
    #[arg(long, value_name = "CHANNEL")]
    pub toolchain: Option<String>,
    /// How binaries are linked [default: by the evidence]
    #[arg(long)]
    pub linkage: Option<LinkageArg>,
    /// Stages besides those of the images; commands that need one add it
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub stages: Vec<StageArg>,
    /// Ask nothing; without a terminal nothing is asked either
    #[arg(long)]
    pub yes: bool,
    /// Overwrite files that hold somebody's own work, and keep those beside them as `.orig`
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageArg {
    /// Runs the tests
    Test,
    /// Runs programs from mounted sources, again after each change
    Dev,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LinkageArg {
    StaticMusl,
    StaticGnu,
    DynamicGnu,
}

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub selecting: Selecting,
    /// Who compiles: an engine, or with `oci` this machine's own cargo [default: an engine]
    #[arg(long, value_enum)]
    pub engine: Option<EngineArg>,
    /// With `--engine oci`, platforms to build for [default: Linux on this machine's processor]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', requires = "engine")]
    pub platform: Vec<String>,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct Generate {
    #[command(flatten)]
    pub selecting: Selecting,
    /// Write nothing; show what would change, and exit with 1 if anything would
    #[arg(long)]
    pub check: bool,
    /// Overwrite files that hold somebody's own work, and keep those beside them as `.orig`
    #[arg(long, conflicts_with = "check")]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Compose {
    /// A profile that gets a file: compose.yaml for prod, compose.PROFILE.yaml for others [default: prod and dev]
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// Write nothing; show what would change, and exit with 1 if anything would
    #[arg(long)]
    pub check: bool,
    /// Overwrite files that hold somebody's own work, and keep those beside them as `.orig`
    #[arg(long, conflicts_with = "check")]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Build {
    /// What to build for: prod, dev, test, or a profile of the metadata table
    #[arg(long, default_value = "prod", value_name = "NAME")]
    pub profile: String,
    #[command(flatten)]
    pub selecting: Selecting,
    /// The images' tag, or with one image its whole name [default: latest]
    #[arg(short, long, value_name = "[NAME:]TAG")]
    pub tag: Vec<String>,
    /// Put in front of each image's name: registry.example/team/
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: String,
    /// Who builds: Docker's buildx, or with `oci` this machine's own cargo, without Docker; with `auto` buildx where an
    /// engine answers, else `oci`
    #[arg(long, value_enum, default_value_t = EngineArg::Auto)]
    pub engine: EngineArg,
    #[command(flatten)]
    pub destination: Destination,
    #[command(flatten)]
    pub caching: Caching,
    #[command(flatten)]
    pub account: Account,
    #[command(flatten)]
    pub running: Running,
    #[command(flatten)]
    pub documents: Documents,
    #[command(flatten)]
    pub reproducible: Reproducible,
    #[command(flatten)]
    pub embedded: Embedded,
    /// Print the commands, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What is held against an earlier build, and where it is written down.
#[derive(Debug, Args)]
pub struct Account {
    /// An earlier build's JSON: say what got larger or smaller since [default: the last build here]
    #[arg(long, value_name = "FILE")]
    pub compare: Option<Utf8PathBuf>,
    /// Write the account to a file as well, by its ending: .json or .md
    #[arg(short, long, value_name = "FILE")]
    pub write: Vec<Utf8PathBuf>,
}

/// How the engine builds.
#[derive(Debug, Args)]
pub struct Running {
    /// Platforms to build for [default: the engine's own]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// Look for newer base images
    #[arg(long)]
    pub pull: bool,
    /// A build argument, or a variable of the environment to take it from
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]", help_heading = "With Docker's buildx")]
    pub arguments: Vec<String>,
    /// Do not use the engine's cache
    #[arg(long, help_heading = "With Docker's buildx")]
    pub no_cache: bool,
    /// The network of the build's steps: default, none, host
    #[arg(long, value_name = "MODE", help_heading = "With Docker's buildx")]
    pub network: Option<String>,
    /// The buildx builder
    #[arg(long, value_name = "NAME", help_heading = "With Docker's buildx")]
    pub builder: Option<String>,
}

/// Who builds. Variants with words of their own would make every command's help a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    Auto,
    Buildx,
    Oci,
}

/// How the embedded engine writes.
#[derive(Debug, Args)]
pub struct Embedded {
    /// How layers are compressed: gzip, which everything reads, or zstd, smaller and sooner [default: gzip]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Without Docker (--engine oci)")]
    pub compression: Option<CompressionArg>,
}

/// What goes with an image to a registry, and without Docker into a layout too.
#[derive(Debug, Args)]
pub struct Documents {
    /// The list of what is in an image, into target/dockerize/sbom, and with it to a registry [default: spdx]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Documents")]
    pub sbom: Option<SbomArg>,
    /// Have BuildKit's scanner list what it finds in the finished image as well, or another generator of its kind
    #[arg(
        long,
        value_name = "GENERATOR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        // Scanners write down when they ran.
        conflicts_with = "reproducible",
        help_heading = "With Docker's buildx"
    )]
    pub scan: Option<String>,
    /// How an image was made (SLSA provenance), which goes with it as well: BuildKit's whole account, or its least [default: max]
    #[arg(long, value_enum, value_name = "MODE", help_heading = "Documents")]
    pub provenance: Option<ProvenanceArg>,
    /// The same as `--provenance none`
    #[arg(long, conflicts_with = "provenance", help_heading = "Documents")]
    pub no_provenance: bool,
    /// Sign what was pushed, with cosign
    #[arg(long, requires = "push", help_heading = "Documents")]
    pub sign: bool,
    /// The key to sign with, as cosign names it: a file, awskms://…, env://… [default: without a key, as who is logged in]
    #[arg(long, value_name = "REF", requires = "sign", help_heading = "Documents")]
    pub sign_key: Option<String>,
}

/// Whether the same sources are to give the same bytes.
#[derive(Debug, Args)]
pub struct Reproducible {
    /// The same sources make the same bytes, on every day: images are pinned, and times are the commit's (or
    /// `SOURCE_DATE_EPOCH`)
    #[arg(long, help_heading = "Reproducible")]
    pub reproducible: bool,
    /// Build on images that are not pinned, as long as they are the same
    #[arg(long, requires = "reproducible", help_heading = "Reproducible")]
    pub allow_unpinned: bool,
}

/// Formats of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompressionArg {
    Gzip,
    Zstd,
}

/// Formats of lists of what is in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SbomArg {
    Spdx,
    Cyclonedx,
    Both,
    None,
}

/// How much is told of how an image was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProvenanceArg {
    Max,
    Min,
    None,
}

impl Documents {
    /// The formats of lists that are wanted.
    pub fn formats(&self) -> &'static [attest::Format] {
        match self.sbom.unwrap_or(SbomArg::Spdx) {
            SbomArg::Spdx => &[attest::Format::Spdx],
            SbomArg::Cyclonedx => &[attest::Format::CycloneDx],
            SbomArg::Both => &[attest::Format::Spdx, attest::Format::CycloneDx],
            SbomArg::None => &[],
        }
    }

    /// How much is told of how an image was made.
    pub fn told(&self) -> ProvenanceArg {
        if self.no_provenance { ProvenanceArg::None } else { self.provenance.unwrap_or(ProvenanceArg::Max) }
    }
}

/// What is kept for other machines.
#[derive(Debug, Args)]
pub struct Caching {
    /// Where layers are kept for other machines: registry=REF, local=DIR, gha, gitlab, s3=region=…,bucket=…, inline or
    /// none. In a registry, compiled dependencies are kept as well [default: the metadata's]
    #[arg(long, value_name = "WHERE", help_heading = "With Docker's buildx")]
    pub cache: Option<String>,
    /// Write to the cache too; every build reads [default: on the branches that the metadata's `cache-write` names]
    #[arg(long, help_heading = "With Docker's buildx")]
    pub cache_write: bool,
}

/// Where the images go.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Destination {
    /// Into the image store of Docker, or of what else runs containers here [default]
    #[arg(long, help_heading = "Destination")]
    pub load: bool,
    /// To the registry that the name says
    #[arg(long, help_heading = "Destination")]
    pub push: bool,
    /// As buildx takes it: type=oci,dest=FILE, type=docker,dest=FILE, with `tar=false` a folder
    #[arg(short, long, value_name = "SPEC", help_heading = "Destination")]
    pub output: Option<String>,
}

/// Looks at everything that builds depend on: each line says what was found, and what to do. Exits with 5 where nothing can be
/// built, neither by Docker nor without it.
#[derive(Debug, Args)]
pub struct Doctor {
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    /// The command whose page it is [default: the one that names all of them]
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Write every page into this folder, as `man` looks for them: ~/.local/share/man/man1
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub out: Option<Utf8PathBuf>,
}

/// Parses the process's arguments. Cargo calls `cargo-dockerize dockerize …`; people may leave the second word out.
pub fn parse() -> Cli {
    let mut args: Vec<_> = std::env::args_os().collect();
    if args.get(1).is_some_and(|first| first == "dockerize") {
        args.remove(1);
    }
    Cli::parse_from(args)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
