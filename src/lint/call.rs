//! A program that a line calls.

use super::model::{Pair, Span, Word};

/// How a call follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// It is the first, or stands on a line of its own, or after `;`.
    Then,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`: it reads what the one before writes.
    Pipe,
}

/// A program that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The program and its arguments.
    pub words: Vec<Word>,
    /// Variables that are set for it.
    pub assigned: Vec<Pair>,
    /// How it follows the one before it.
    pub joint: Joint,
    /// Whether it stands within another one: `$(…)`, `sh -c`.
    pub nested: bool,
    /// Files that its output goes to.
    pub written: Vec<Word>,
    /// All of it.
    pub span: Span,
}

/// Programs that start the program which follows them, each with those of its flags that take a value.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("sudo", &["-u", "-g", "-C", "-h", "-p"]),
    ("doas", &["-u"]),
    ("env", &["-u", "-C", "-S"]),
    ("exec", &["-a"]),
    ("command", &[]),
    ("nohup", &[]),
    ("time", &["-f", "-o"]),
    ("nice", &["-n"]),
    ("ionice", &["-c", "-n"]),
    ("timeout", &["-k", "-s"]),
    ("eatmydata", &[]),
    ("tini", &[]),
    ("gosu", &[]),
];

impl Call {
    /// What is called in the end, behind `sudo`, `env A=b` and their kin: the program first.
    pub fn command(&self) -> &[Word] {
        let mut words = self.words.as_slice();
        while let Some((first, mut rest)) = words.split_first() {
            let Some((name, valued)) = WRAPPERS.iter().find(|(name, _)| *name == base(&first.text)) else { break };
            while let Some((flag, after)) = rest.split_first() {
                let skip = match flag.text.as_str() {
                    text if valued.contains(&text) => 2,
                    text if text.starts_with('-') || (*name == "env" && text.contains('=')) => 1,
                    _ => break,
                };
                rest = after.get(skip - 1..).unwrap_or_default();
            }
            if matches!(*name, "timeout" | "gosu") {
                rest = rest.get(1..).unwrap_or_default();
            }
            if rest.is_empty() {
                break;
            }
            words = rest;
        }
        words
    }

    /// The program's name, without its folder.
    pub fn program(&self) -> &str {
        self.command().first().map_or("", |word| base(&word.text))
    }

    /// The program's arguments.
    pub fn args(&self) -> impl Iterator<Item = &str> {
        self.command().iter().skip(1).map(|word| word.text.as_str())
    }

    /// Whether one of its arguments is one of these.
    pub fn has(&self, flags: &[&str]) -> bool {
        self.args().any(|arg| flags.contains(&arg))
    }

    /// The value of a flag: `--name value`, `--name=value`.
    pub fn value(&self, flag: &str) -> Option<&str> {
        let mut args = self.args();
        while let Some(arg) = args.next() {
            if arg == flag {
                return args.next();
            }
            if let Some(value) = arg.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')) {
                return Some(value);
            }
        }
        None
    }

    /// Whether the program is called through one that stands before it.
    pub fn through(&self, wrapper: &str) -> Option<&Word> {
        let before = self.words.len() - self.command().len();
        self.words[..before].iter().find(|word| base(&word.text) == wrapper)
    }
}

/// A path's last part.
pub(crate) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
