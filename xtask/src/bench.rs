//! What `plan` and `generate` add to `cargo metadata`, on a graph of hundreds of crates.

use std::time::Instant;

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use crate::root;

/// How often each is run; the least of the times counts, since nothing makes a run faster than it is.
const RUNS: usize = 15;

/// A graph of some hundred crates, as a web service has it.
const MANIFEST: &str = r#"[package]
name = "bench"
version = "0.1.0"
edition = "2024"

[dependencies]
axum = "0.8"
reqwest = { version = "0.12", features = ["json", "stream", "multipart"] }
sqlx = { version = "0.8", default-features = false, features = ["runtime-tokio", "tls-rustls-ring", "postgres", "sqlite", "macros", "migrate"] }
tokio = { version = "1", features = ["full"] }
tracing-subscriber = "0.3"
clap = { version = "4", features = ["derive"] }
"#;

pub fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo build --quiet --release --package cargo-dockerize").run()?;
    let tool = root().join("target/release/cargo-dockerize");
    let folder = root().join("target/bench");
    sh.remove_path(&folder)?;
    sh.write_file(folder.join("Cargo.toml"), format!("{MANIFEST}\n[workspace]\n"))?;
    sh.write_file(folder.join("src/main.rs"), "fn main() {}\n")?;
    sh.change_dir(&folder);
    cmd!(sh, "cargo fetch --quiet").run()?;
    cmd!(sh, "{tool} dockerize init --quiet").run()?;
    let packages = cmd!(sh, "cargo tree --edges normal,build --prefix none --no-dedupe").quiet().read()?;
    let mut names: Vec<&str> = packages.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    names.sort_unstable();
    names.dedup();
    let targets = [
        "x86_64-unknown-linux-musl",
        "x86_64-unknown-linux-gnu",
        "aarch64-unknown-linux-musl",
        "aarch64-unknown-linux-gnu",
    ];
    let filter: Vec<&str> = targets.iter().flat_map(|target| ["--filter-platform", target]).collect();
    let filter = &filter;
    let metadata = least(|| {
        Ok(cmd!(sh, "cargo metadata --format-version 1 --locked {filter...}").quiet().ignore_stdout().run()?)
    })?;
    let plan = least(|| Ok(cmd!(sh, "{tool} dockerize plan").quiet().ignore_stdout().run()?))?;
    let generate = least(|| Ok(cmd!(sh, "{tool} dockerize generate --quiet").quiet().run()?))?;
    println!("{} crates; the least of {RUNS} runs each, in milliseconds", names.len());
    println!("cargo metadata      {metadata:7.1}");
    for (name, time) in [("dockerize plan", plan), ("dockerize generate", generate)] {
        println!("{name:<19} {time:7.1}   {:+.1}, {:.2} times", time - metadata, time / metadata);
        if time - metadata > 100.0 {
            bail!("{name} adds more than 100 ms to cargo metadata");
        }
    }
    Ok(())
}

fn least(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..RUNS {
        let began = Instant::now();
        run()?;
        least = least.min(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(least)
}
