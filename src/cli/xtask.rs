//! `cargo dockerize xtask`: its flags.

use clap::Args;

/// Adds a crate `xtask` with the command `docker`, or the command to the xtask that is there: a module, the lines that call it,
/// and the alias in `.cargo/config.toml`. Nothing else of the workspace changes.
#[derive(Debug, Args)]
pub struct Xtask {
    /// Take all of it out again, and leave the workspace as it was
    #[arg(long)]
    pub remove: bool,
    /// Overwrite or remove files of ours that hold somebody's own work, and keep those beside them as `.orig`
    #[arg(long)]
    pub force: bool,
}
