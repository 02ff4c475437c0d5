//! The command line of `cargo dockerize verify-reproducible`.

use clap::Args;

use super::{EngineArg, Format};

/// Builds the images twice, in two copies of the sources in two folders, each with no cache, and holds them against each other file by
/// file. Exits with 7 where they differ.
#[derive(Debug, Args)]
pub struct VerifyReproducible {
    /// Only these binaries' images
    #[arg(value_name = "BIN")]
    pub bin: Vec<String>,
    /// What to build for: prod, dev, or a profile of the metadata table
    #[arg(long, default_value = "prod", value_name = "NAME")]
    pub profile: String,
    /// Who builds: Docker's buildx, or with `oci` this machine's own cargo; with `auto` buildx where an engine answers
    #[arg(long, value_enum, default_value_t = EngineArg::Auto)]
    pub engine: EngineArg,
    /// Platforms to build for [default: the engine's own]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// Build on images that are not pinned
    #[arg(long)]
    pub allow_unpinned: bool,
    /// The network of the build's steps: default, none, host
    #[arg(long, value_name = "MODE", help_heading = "With Docker's buildx")]
    pub network: Option<String>,
    /// The buildx builder
    #[arg(long, value_name = "NAME", help_heading = "With Docker's buildx")]
    pub builder: Option<String>,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
