//! The command line of `inspect`.

use cargo_dockerize::inspect::Deny;
use clap::Args;

use super::Format;

/// Looks into any image, ours or not: layers, the largest files, waste, users and modes, what programs need and do not find,
/// crates, attestations, and secrets in any layer, also where a later one deletes them. A secret that is found is never shown.
/// Exits with 7 where the image has something that `--deny` names.
#[derive(Debug, Args)]
pub struct Inspect {
    /// An image in the store of Docker or Podman, else in its registry; `registry:NAME` asks the registry alone; a file or a
    /// folder, or `oci:PATH[:NAME]`, is an OCI layout or what `docker save` writes
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The platform to look at, where the image is for several [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// How many of the largest files are named
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// What must not be in it: secrets, setuid, missing-libraries, waste=SIZE
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub deny: Vec<Deny>,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
