//! What `plan` and `generate` add to `cargo metadata`, on a graph of hundreds of crates, by hyperfine.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{root, tool};

/// What may be added, in milliseconds.
const BUDGET: f64 = 100.0;

/// A graph as a web service has it.
const MANIFEST: &str = r#"[package]
name = "bench"
version = "0.1.0"
edition = "2024"

[workspace]

[dependencies]
axum = "0.8"
clap = { version = "4", features = ["derive"] }
object_store = { version = "0.12", features = ["aws"] }
opentelemetry-otlp = "0.31"
reqwest = { version = "0.12", features = ["json", "multipart", "stream"] }
sqlx = { version = "0.8", features = ["migrate", "postgres", "runtime-tokio", "sqlite", "tls-rustls-ring"] }
tokio = { version = "1", features = ["full"] }
tracing-subscriber = "0.3"
"#;

/// What `cargo dockerize` asks cargo for.
const METADATA: &str = "metadata --format-version 1 --locked \
    --filter-platform x86_64-unknown-linux-musl --filter-platform x86_64-unknown-linux-gnu \
    --filter-platform aarch64-unknown-linux-musl --filter-platform aarch64-unknown-linux-gnu";

pub fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo build --quiet --release --package cargo-dockerize").run()?;
    let tool = tool();
    let hyperfine = hyperfine(sh)?;
    let folder = root().join("target/bench");
    sh.remove_path(&folder)?;
    sh.write_file(folder.join("Cargo.toml"), MANIFEST)?;
    sh.write_file(folder.join("src/main.rs"), "fn main() {}\n")?;
    sh.change_dir(&folder);
    cmd!(sh, "cargo generate-lockfile --quiet").run()?;
    cmd!(sh, "{tool} dockerize init --quiet").run()?;
    let crates = sh.read_file("Cargo.lock")?.matches("[[package]]").count();
    let (plan, generate) = (format!("{} plan", tool.display()), format!("{} generate --quiet", tool.display()));
    // The cargo that called us, which is the one that the tool calls: rustup's proxy before it costs time of its own.
    let metadata = format!("{} {METADATA}", sh.var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cmd!(sh, "{hyperfine} --shell=none --warmup 3 --runs 20 --export-csv times.csv {metadata} {plan} {generate}")
        .run()?;
    let times = sh.read_file("times.csv")?;
    // hyperfine's columns: command, mean, stddev, median, …, in seconds.
    let medians = times.lines().skip(1).map(|line| {
        let seconds: f64 = line.rsplit(',').nth(4).context("hyperfine has other columns")?.parse()?;
        Ok(seconds * 1000.0)
    });
    let medians = medians.collect::<Result<Vec<f64>>>()?;
    let [metadata, plan, generate] = medians[..] else { anyhow::bail!("hyperfine measured something else") };
    println!("{crates} packages in the lock file; medians of 20 runs");
    println!("cargo metadata  {metadata:6.0} ms");
    for (name, time) in [("plan", plan), ("generate", generate)] {
        println!("{name:<15} {time:6.0} ms, {:.2} times cargo metadata, {:+.0} ms", time / metadata, time - metadata);
        ensure!(time - metadata <= BUDGET, "{name} adds more than {BUDGET} ms to cargo metadata");
    }
    Ok(())
}

/// hyperfine as it is here, else as cargo installs it.
fn hyperfine(sh: &Shell) -> Result<String> {
    if cmd!(sh, "hyperfine --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        return Ok("hyperfine".to_owned());
    }
    let tools = root().join("target/tools");
    // Newer versions ask for a newer Rust than this repository does.
    cmd!(sh, "cargo install --quiet --locked --root {tools} hyperfine --version 1.20.0").run()?;
    Ok(tools.join("bin/hyperfine").display().to_string())
}
