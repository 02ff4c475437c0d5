//! The clerk's command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use orders_shared::{Order, catalogue, price};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the catalogue as JSON
    List,
    /// Say what an order costs
    Price { sku: String, quantity: u64 },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::List => match serde_json::to_string_pretty(&catalogue()) {
            Ok(json) => println!("{json}"),
            Err(error) => return fail(&error.to_string()),
        },
        Command::Price { sku, quantity } => match price(&Order { sku, quantity }) {
            Some(amount) => println!("{amount}"),
            None => return fail("the shop does not sell that"),
        },
    }
    ExitCode::SUCCESS
}

fn fail(why: &str) -> ExitCode {
    eprintln!("orders: {why}");
    ExitCode::FAILURE
}
