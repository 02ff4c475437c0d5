//! The command line: cargo's own flags with their own meaning, and ours.

pub mod builder;
pub mod cache;
pub mod measure;

use camino::Utf8PathBuf;
use clap::builder::Styles;
use clap::{Args, Parser, Subcommand, ValueEnum};
use colorchoice_clap::Color;

/// Small, safe container images for any Cargo workspace
///
/// Exit codes: 0 done; 1 generated files are out of date (--check, --locked); 2 usage; 3 the workspace cannot be used as
/// it is; 4 a file that would be written is somebody's own, or cannot be written; 5 no usable engine, or a registry that
/// refuses; 6 a build step failed; 7 the image is not what the plan promised, or over its budget; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "cargo dockerize", bin_name = "cargo dockerize", version, styles = STYLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
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
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show what each step prints, and the rule behind each reason
    #[arg(short, long, global = true)]
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
    /// Build the images with Docker's buildx, check them and measure them
    #[command(visible_alias = "b")]
    Build(Box<Build>),
    /// Build after each of a day's edits, beside other Dockerfiles, and say how long it took and what came of it
    Measure(Box<measure::Measure>),
    /// Make a builder of buildx, or see what one can do
    Builder(builder::Builder),
    /// Say what is cached and how large it is, compile dependencies ahead, remove what a builder keeps
    Cache(cache::Cache),
    /// Print completions for a shell
    Completions(Completions),
}

#[derive(Debug, Args)]
pub struct Init {
    /// The frontend of the `# syntax=` line, or `none` for the engine's own
    #[arg(long, value_name = "REF|none")]
    pub syntax: Option<String>,
    /// The Rust channel of the toolchain image [default: the toolchain file's, else this machine's release]
    #[arg(long, value_name = "CHANNEL")]
    pub toolchain: Option<String>,
    /// How binaries are linked [default: by the evidence]
    #[arg(long)]
    pub linkage: Option<LinkageArg>,
    /// Overwrite files that hold somebody's own work, and keep those beside them as `.orig`
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LinkageArg {
    StaticMusl,
    DynamicGnu,
}

#[derive(Debug, Args)]
pub struct Plan {
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
    /// Build only this binary's image
    #[arg(long, value_name = "NAME", help_heading = "Package Selection")]
    pub bin: Vec<String>,
    /// Build only the images of this package's binaries
    #[arg(short, long, value_name = "SPEC", help_heading = "Package Selection")]
    pub package: Vec<String>,
    /// The images' tag, or with one image its whole name [default: latest]
    #[arg(short, long, value_name = "[NAME:]TAG")]
    pub tag: Vec<String>,
    /// Put in front of each image's name: registry.example/team/
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub prefix: String,
    #[command(flatten)]
    pub destination: Destination,
    #[command(flatten)]
    pub caching: Caching,
    #[command(flatten)]
    pub running: Running,
    /// Print the commands, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How the engine builds.
#[derive(Debug, Args)]
pub struct Running {
    /// Platforms to build for [default: the engine's own]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// A build argument, or a variable of the environment to take it from
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub arguments: Vec<String>,
    /// Do not use the engine's cache
    #[arg(long)]
    pub no_cache: bool,
    /// Look for newer base images
    #[arg(long)]
    pub pull: bool,
    /// The network of the build's steps: default, none, host
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
    /// The buildx builder
    #[arg(long, value_name = "NAME")]
    pub builder: Option<String>,
}

/// What is kept for other machines.
#[derive(Debug, Args)]
pub struct Caching {
    /// Where layers are kept for other machines: registry=REF, local=DIR, gha, gitlab, s3=region=…,bucket=…, inline or
    /// none. In a registry, compiled dependencies are kept as well [default: the metadata's]
    #[arg(long, value_name = "WHERE", help_heading = "Caches")]
    pub cache: Option<String>,
    /// Write to the cache too; every build reads [default: on the branches that the metadata's `cache-write` names]
    #[arg(long, help_heading = "Caches")]
    pub cache_write: bool,
}

/// Where the images go.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Destination {
    /// Into the engine's image store [default]
    #[arg(long)]
    pub load: bool,
    /// To the registry that the name says
    #[arg(long)]
    pub push: bool,
    /// As buildx takes it: type=tar,dest=…
    #[arg(short, long, value_name = "SPEC")]
    pub output: Option<String>,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
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
