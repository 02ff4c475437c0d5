//! `cargo dockerize completions`

use cargo_dockerize::failure::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Completions};
use crate::ui;

pub fn run(args: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cargo-dockerize", &mut script);
    ui::print(&String::from_utf8_lossy(&script))
}
