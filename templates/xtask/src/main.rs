//! The chores of this workspace, as `cargo xtask <command>`.

use std::env;
use std::process::exit;

#[rustfmt::skip]
mod docker;

const USAGE: &str = "\
usage: cargo xtask <command>

commands:
  docker  the images; `cargo xtask docker --help` tells more";

fn main() {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("docker") => exit(docker::run(arguments)),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
        }
        Some(other) => {
            eprintln!("error: there is no command `{other}`\n\n{USAGE}");
            exit(2);
        }
        None => {
            eprintln!("{USAGE}");
            exit(2);
        }
    }
}
