//! A command's whole outcome.

use std::process::Command;

use anyhow::Result;
use xshell::Cmd;

/// What came of a command.
pub struct Output {
    pub good: bool,
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn output(command: Cmd<'_>) -> Result<Output> {
    let output = Command::from(command).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Output {
        good: output.status.success(),
        status: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}
