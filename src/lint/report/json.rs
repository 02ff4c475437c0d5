//! For programs, in a form of our own.

use serde::Serialize;

use super::{Position, Report, positions};
use crate::lint::Level;
use crate::lint::model::Span;

/// What `--format json` prints.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    version: u32,
    files: &'a [String],
    findings: Vec<One<'a>>,
    counts: Counts,
}

#[derive(Debug, Serialize)]
struct Counts {
    deny: usize,
    warn: usize,
    note: usize,
}

#[derive(Debug, Serialize)]
struct One<'a> {
    rule: &'a str,
    level: Level,
    path: &'a str,
    #[serde(flatten)]
    place: Place,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<Also<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fix: Vec<Replacement<'a>>,
}

#[derive(Debug, Serialize)]
struct Place {
    start: Position,
    end: Position,
    bytes: Span,
}

#[derive(Debug, Serialize)]
struct Also<'a> {
    #[serde(flatten)]
    place: Place,
    label: &'a str,
}

#[derive(Debug, Serialize)]
struct Replacement<'a> {
    #[serde(flatten)]
    place: Place,
    text: &'a str,
}

fn place(text: &str, span: &Span) -> Place {
    let (start, end) = positions(text, span);
    Place { start, end, bytes: span.clone() }
}

/// The findings as a value for serde.
pub fn json(report: &Report) -> Json<'_> {
    let one = |finding| {
        let text = report.text_of(finding);
        let found = &finding.found;
        One {
            rule: &finding.rule,
            level: finding.level,
            path: &finding.path,
            place: place(text, &found.span),
            message: &found.message,
            label: found.label.as_deref(),
            help: found.help.as_deref(),
            url: finding.url.as_deref(),
            also: found.also.iter().map(|(span, label)| Also { place: place(text, span), label }).collect(),
            fix: found
                .fix
                .iter()
                .map(|edit| Replacement { place: place(text, &edit.span), text: &edit.text })
                .collect(),
        }
    };
    let counts =
        Counts { deny: report.count(Level::Deny), warn: report.count(Level::Warn), note: report.count(Level::Note) };
    Json { version: 1, files: &report.files, findings: report.findings.iter().map(one).collect(), counts }
}
