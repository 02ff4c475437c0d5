//! `cargo dockerize cache`

mod prune;
mod show;
mod warm;

use std::time::Duration;

use bytesize::ByteSize;
use cargo_dockerize::cache::mounts::{self, Account};
use cargo_dockerize::engine::usage::Usage;
use cargo_dockerize::failure::Result;
use cargo_dockerize::plan::Plan;

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

/// How often a builder is asked that says that it has nothing, and how long after one another.
const READINGS: usize = 3;
const PAUSE: Duration = Duration::from_millis(700);

/// What a builder keeps for a workspace. While BuildKit's collector runs, as it does after builds, it does not list what it
/// thinks of removing.
fn account(usage: Usage<'_>, plan: &Plan, namespace: Option<&str>) -> Result<Account> {
    let mut account = mounts::account(plan, &usage.records()?, namespace);
    for _ in 1..READINGS {
        if !account.own.is_empty() {
            break;
        }
        std::thread::sleep(PAUSE);
        account = mounts::account(plan, &usage.records()?, namespace);
    }
    Ok(account)
}

fn size(bytes: u64) -> String {
    // Decimal, as registries and BuildKit count.
    ByteSize::b(bytes).display().si().to_string()
}

fn times(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("one {one}") } else { format!("{count} {many}") }
}
