//! What people see besides results: status lines in cargo's form, on stderr.

use std::io::{BufRead, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use cargo_dockerize::exec;
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

/// How often an interrupt is looked for while somebody thinks.
const LOOK: Duration = Duration::from_millis(50);

/// How wide tables may be.
const WIDTH: usize = 100;

/// Words in lines that are indented and not too wide.
pub fn paragraph(text: &mut String, indent: usize, mark: &str, words: &str) {
    let pad = " ".repeat(indent);
    let hanging = " ".repeat(mark.chars().count());
    let mut line = mark.to_owned();
    let mut filled = false;
    for word in words.split_whitespace() {
        if filled && indent + line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = std::fmt::Write::write_fmt(text, format_args!("{pad}{line}\n"));
            line.clone_from(&hanging);
            filled = false;
        }
        if filled {
            line.push(' ');
        }
        line.push_str(word);
        filled = true;
    }
    let _ = std::fmt::Write::write_fmt(text, format_args!("{pad}{line}\n"));
}

/// Asks somebody at a terminal. Only a yes is one.
///
/// # Errors
/// [`Kind::Interrupted`]: the answer was Ctrl-C; [`Kind::Usage`]: there is none that can be read.
pub fn agreed(question: &str) -> Result<bool> {
    anstream::eprint!("{question} [y/N] ");
    let (send, answers) = std::sync::mpsc::channel();
    // An interrupt does not end the reading, so that another thread does it, and ends with the process.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).map(|_| answer);
        drop(send.send(read));
    });
    let read = loop {
        match answers.recv_timeout(LOOK) {
            Ok(read) => break read,
            Err(RecvTimeoutError::Timeout) => exec::go_on().inspect_err(|_| anstream::eprintln!())?,
            Err(RecvTimeoutError::Disconnected) => break Ok(String::new()),
        }
    };
    let answer = read.map_err(|error| Failure::new(Kind::Usage, "the answer cannot be read").caused_by(error))?;
    if !answer.ends_with('\n') {
        anstream::eprintln!();
    }
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// What a child says to the user, as it is; how much of it there is, the child was told.
pub fn pass_on(text: &str) {
    let mut out = std::io::stderr();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// A result for programs, as a text.
///
/// # Errors
/// [`Kind::Internal`]: it has a form that JSON cannot have.
pub fn json(result: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(result)
        .map(|json| json + "\n")
        .map_err(|error| Failure::new(Kind::Internal, "the result cannot be shown as JSON").caused_by(error))
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

/// `1 member`, `2 members`
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How many columns a result may have: as many as the terminal has, where it goes to one.
pub fn columns() -> usize {
    terminal_size::terminal_size_of(std::io::stdout())
        .map_or(cargo_dockerize::measure::COLUMNS, |(width, _)| width.0.into())
}
