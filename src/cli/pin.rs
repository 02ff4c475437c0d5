//! The command line of `cargo dockerize pin`.

use clap::Args;

use super::Format;

/// Pins every image that the generated files name by the digest of its index, in dockerize.lock, and makes the files anew. What
/// is pinned stays so until `--update` asks for it again.
#[derive(Debug, Args)]
pub struct Pin {
    /// Write nothing; say what is missing and what registries have newer, and exit with 1 if there is anything
    #[arg(long, conflicts_with_all = ["update", "adopt"])]
    pub check: bool,
    /// Ask again what the tags of these images name; all, where none is given
    #[arg(long, value_name = "NAME", num_args = 0..)]
    pub update: Option<Vec<String>>,
    /// Take digests that somebody changed in generated files, such as a bot, into dockerize.lock
    #[arg(long, conflicts_with = "update")]
    pub adopt: bool,
    /// Say what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
