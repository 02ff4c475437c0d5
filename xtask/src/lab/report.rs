//! What the user sees of the lab's work, and what goes into log files instead.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use xshell::Cmd;

use super::Lab;

/// How much of a log is worth showing when its command has failed.
const TAIL: usize = 10;

/// One line on stderr.
pub fn note(text: &str) {
    eprintln!("lab: {text}");
}

/// Runs one step of the work, with one line on stderr: what, and how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprint!("lab: {what} … ");
    let start = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "" } else { "failed after " };
    eprintln!("{verdict}{:.1} s", start.elapsed().as_secs_f32());
    result.with_context(|| what.to_owned())
}

/// Runs a command with its output in the log of that name; an error shows the log's end.
pub fn logged(lab: &Lab, log: &str, command: Cmd<'_>) -> Result<()> {
    let line = command.to_string();
    let log = lab.path(&format!("log/{log}.log"));
    let file = File::create(&log).with_context(|| format!("cannot write {log}"))?;
    let status = Command::from(command)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status}); {}", tail(&log));
    }
    Ok(())
}

/// The end of a log, for an error.
pub fn tail(log: &str) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    format!("the end of {log}:\n{}", lines[lines.len().saturating_sub(TAIL)..].join("\n"))
}
