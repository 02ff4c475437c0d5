//! `cargo dockerize cache`

mod prune;
mod show;
mod warm;

use bytesize::ByteSize;
use cargo_dockerize::failure::Result;

use crate::cli::Common;
use crate::cli::cache::{Cache, CacheCommand};
use crate::ui::Shell;

pub fn run(args: &Cache, common: &Common, shell: Shell) -> Result<()> {
    match &args.command {
        CacheCommand::Show(args) => show::run(args, common, shell),
        CacheCommand::Warm(args) => warm::run(args, common, shell),
        CacheCommand::Prune(args) => prune::run(args, common, shell),
    }
}

fn size(bytes: u64) -> String {
    // Decimal, as registries and BuildKit count.
    ByteSize::b(bytes).display().si().to_string()
}

fn times(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("one {one}") } else { format!("{count} {many}") }
}
