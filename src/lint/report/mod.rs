//! What was found, for people and for programs.

mod github;
mod json;
mod sarif;
mod text;

use std::collections::BTreeMap;

use super::model::Span;
use super::{Finding, Input, Level};
use crate::failure::Result;
use crate::secrets::Rules;

pub use github::github;
pub use json::{Json, json};
pub use sarif::{Sarif, sarif};
pub use text::{counted, text};

/// All findings of a run, with the texts that they point into.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The Dockerfiles that were judged.
    pub files: Vec<String>,
    /// Texts by their names.
    pub sources: BTreeMap<String, String>,
    /// What was found, file by file.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Adds a Dockerfile's findings; an ignore file's that another Dockerfile had too are told once.
    pub fn add(&mut self, input: &Input, findings: Vec<Finding>) {
        self.files.push(input.dockerfile.path.clone());
        let companions = input.companions.iter().map(|companion| &companion.source);
        let sources = std::iter::once(&input.dockerfile).chain(&input.ignore).chain(companions);
        self.sources.extend(sources.map(|source| (source.path.clone(), source.text.clone())));
        for finding in findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
    }

    /// How many findings of a level there are.
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// The text that a finding points into.
    pub fn text_of(&self, finding: &Finding) -> &str {
        self.sources.get(&finding.path).map_or("", String::as_str)
    }

    /// A text as it may be shown: each byte of a secret is a star, and all else is in its place.
    ///
    /// # Errors
    /// What secrets look like is not known: a defect.
    pub fn shown(&self, path: &str) -> Result<String> {
        let text = self.sources.get(path).map_or("", String::as_str);
        let found = self.findings.iter().filter(|finding| finding.path == path);
        let known: Vec<Span> = found.flat_map(|finding| finding.found.secrets.iter().cloned()).collect();
        Ok(Rules::known()?.masked(text, &known))
    }
}

/// A place as people count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where a span begins and ends in a text, the end not included.
pub fn positions(text: &str, span: &Span) -> (Position, Position) {
    (position(text, span.start), position(text, span.end.max(span.start)))
}

fn position(text: &str, at: usize) -> Position {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}
