//! What people see besides results: status lines in cargo's form, on stderr.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use cargo_dockerize::failure::{Failure, Kind, Result};

/// Says what is going on, unless it is to be quiet.
#[derive(Debug, Clone, Copy)]
pub struct Shell {
    /// `--quiet`.
    pub quiet: bool,
    /// `--verbose`.
    pub verbose: bool,
}

impl Shell {
    /// A line in cargo's form: a green verb of up to twelve letters, and what it is about.
    pub fn status(self, verb: &str, what: impl std::fmt::Display) {
        self.line(AnsiColor::Green.on_default().bold(), verb, &what);
    }

    /// Something that the user should know, in yellow.
    pub fn warn(self, what: impl std::fmt::Display) {
        if !self.quiet {
            let yellow = AnsiColor::Yellow.on_default().bold();
            anstream::eprintln!("{yellow}warning{yellow:#}: {what}");
        }
    }

    fn line(self, style: Style, verb: &str, what: &dyn std::fmt::Display) {
        if !self.quiet {
            anstream::eprintln!("{style}{verb:>12}{style:#} {what}");
        }
    }
}

/// Prints a command's result to stdout. A reader that went away (`| head`) is no failure.
///
/// # Errors
/// [`Kind::Emit`]: stdout cannot be written.
pub fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Emit, "the result cannot be printed").caused_by(error))
        }
        _ => Ok(()),
    }
}
