//! The `cargo-dockerize` binary: parses the command line, runs one command, and turns a failure into its exit code.

mod cli;
mod commands;
mod ui;

use std::process::ExitCode;

use anstream::eprint;

fn main() -> ExitCode {
    cargo_dockerize::exec::handle_interrupts();
    let cli = cli::parse();
    cli.color.write_global();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.report());
            ExitCode::from(failure.kind().exit_code())
        }
    }
}
