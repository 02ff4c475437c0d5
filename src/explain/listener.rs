//! Hears a build's output line by line and keeps its first error, whole, however much comes after it. The memory that it takes is
//! bounded, whatever is printed.

use std::collections::VecDeque;

use super::table;
use crate::failure::printable;

/// How many lines of one error are kept, and how long each may be.
const KEPT: usize = 2000;
const LONG: usize = 240;

/// How many warnings of build scripts are remembered: they come before the error that they belong to.
const WARNINGS: usize = 12;

/// How many lines are kept of an error whose end is not known.
const BEGINNING: usize = 10;

/// Text without a line end that is longer than this is none of a compiler's.
const UNENDED: usize = 64 * 1024;

/// Errors that only say that there were others.
const SUMMARIES: [&str; 8] = [
    "error: aborting due to",
    "error: build failed",
    "error: doctest failed",
    "error: test failed",
    "error: test run failed",
    "error: 1 target failed",
    "error: Recipe `",
    "error: process completed with",
];

/// What cargo says of a build script that failed.
pub(super) const SCRIPT_FAILED: &str = "error: failed to run custom build command for `";

/// Words of cargo's in front of what it does, right-aligned in twelve columns.
const STATUS: usize = 12;

/// The first error of an output, and how many others there were.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listener {
    pending: String,
    first: Option<Vec<String>>,
    /// Whether the first error may go on, and how many blank lines have come since its last line.
    open: bool,
    blank: usize,
    more: usize,
    warnings: VecDeque<String>,
    /// What looks like an error of another program's.
    other: Vec<String>,
    other_open: bool,
}

/// A line as a terminal shows it in the end: without what colours it, moves in it or would do something else to a terminal, and without
/// what a carriage return let something else be written over.
pub fn clean(line: &str) -> String {
    let plain = anstream::adapter::strip_str(line.trim_end_matches(['\n', '\r'])).to_string();
    let shown = plain.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
    printable(shown.trim_end())
}

impl Listener {
    /// Hears a part of the output, as it came.
    pub fn hear_piece(&mut self, piece: &str) {
        self.pending.push_str(piece);
        while let Some(end) = self.pending.find('\n') {
            let line: String = self.pending.drain(..=end).collect();
            self.hear(&line);
        }
        if self.pending.len() > UNENDED {
            self.pending.clear();
        }
    }

    /// Hears one line.
    pub fn hear(&mut self, line: &str) {
        let line = cut(clean(line));
        if is_script_warning(&line) {
            if self.warnings.len() == WARNINGS {
                self.warnings.pop_front();
            }
            self.warnings.push_back(line.clone());
        }
        if self.open {
            if line.is_empty() {
                self.blank += 1;
                return;
            }
            if self.belongs(&line) {
                let blank = std::mem::take(&mut self.blank);
                let lines = self.first.get_or_insert_default();
                lines.extend(std::iter::repeat_n(String::new(), blank.min(2)));
                lines.push(line);
                if lines.len() > KEPT {
                    // The end of a long one tells more than its middle.
                    lines.drain(KEPT / 10..KEPT / 5);
                }
                return;
            }
            self.open = false;
        }
        if is_error(&line) {
            if self.first.is_none() {
                self.first = Some(vec![line]);
                (self.open, self.blank) = (true, 0);
            } else {
                self.more += 1;
            }
            return;
        }
        self.hear_other(line);
    }

    /// An error of a program that is neither cargo nor rustc.
    fn hear_other(&mut self, line: String) {
        if self.other_open {
            self.other_open = !line.is_empty() && self.other.len() < BEGINNING;
            if self.other_open {
                self.other.push(line);
            }
        } else if self.other.is_empty() && table::begins(&line) {
            self.other.push(line);
            self.other_open = true;
        }
    }

    fn belongs(&self, line: &str) -> bool {
        if is_error(line)
            || is_summary(line)
            || line.starts_with("warning:")
            || line.starts_with("warning[")
            || is_status(line)
        {
            return false;
        }
        let indented = line.starts_with([' ', '\t']);
        if indented || line == "Caused by:" {
            return true;
        }
        // cargo's own errors are indented after their first line; rustc's have notes and lines of sources beside them.
        let of_cargo = self
            .first
            .as_ref()
            .is_some_and(|lines| lines[0].starts_with(SCRIPT_FAILED) || lines.iter().any(|line| line == "Caused by:"));
        self.blank == 0 && (!of_cargo || line.starts_with("note: "))
    }

    /// The first error with all its lines; none: nothing that was printed is known to be one.
    pub fn first(&self) -> Option<Vec<&str>> {
        let lines = self.first.as_ref().filter(|lines| !lines.is_empty());
        let Some(lines) = lines else {
            return (!self.other.is_empty()).then(|| self.other.iter().map(String::as_str).collect());
        };
        let warnings = self.warnings.iter().map(String::as_str).filter(|warning| is_about(warning, &lines[0]));
        Some(std::iter::once(lines[0].as_str()).chain(warnings).chain(lines[1..].iter().map(String::as_str)).collect())
    }

    /// How many errors came after it.
    pub fn more(&self) -> usize {
        self.more
    }
}

/// A long line without its middle: a command line, whose end tells how it ended.
fn cut(line: String) -> String {
    let chars: Vec<char> = line.chars().collect();
    if chars.len() <= LONG {
        return line;
    }
    let (head, tail) = (&chars[..LONG * 2 / 3], &chars[chars.len() - LONG / 3..]);
    head.iter().copied().chain(" … ".chars()).chain(tail.iter().copied()).collect()
}

fn is_error(line: &str) -> bool {
    (line.starts_with("error: ") || line.starts_with("error[")) && !is_summary(line)
}

fn is_summary(line: &str) -> bool {
    let counts = line.starts_with("error: could not compile `") && line.contains(" due to ");
    let several = line.strip_prefix("error: ").is_some_and(|rest| rest.ends_with(" targets failed:"));
    counts || several || SUMMARIES.iter().any(|summary| line.starts_with(summary))
}

/// `   Compiling ring v0.17.14`
fn is_status(line: &str) -> bool {
    let Some((head, rest)) = line.split_at_checked(STATUS) else { return false };
    let word = head.trim_start();
    let verb = word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_alphabetic());
    verb && word.len() < STATUS && rest.starts_with(' ')
}

/// `warning: foo-sys@0.1.0: src/foo.c:1:10: fatal error: …`, which a build script asked cargo to say.
fn is_script_warning(line: &str) -> bool {
    let spec = line.strip_prefix("warning: ").and_then(|rest| rest.split(' ').next());
    spec.and_then(|spec| spec.strip_suffix(':')).is_some_and(|spec| {
        spec.split_once('@')
            .is_some_and(|(name, version)| !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// Whether a build script's warning is of the crate whose build script failed.
fn is_about(warning: &str, header: &str) -> bool {
    let Some((name, version)) = failed_script(header) else { return false };
    warning.strip_prefix("warning: ").is_some_and(|rest| rest.starts_with(&format!("{name}@{version}:")))
}

/// The crate whose build script failed: its name and version.
pub(super) fn failed_script(header: &str) -> Option<(&str, &str)> {
    let spec = header.strip_prefix(SCRIPT_FAILED)?.split('`').next()?;
    let mut words = spec.split(' ');
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}
