//! SARIF 2.1.0: what code scanning of forges and editors reads.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Report, positions};
use crate::lint::model::Span;
use crate::lint::{Finding, Level, row, rows, url};

/// What stays as it is in the path of a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// A log of one run.
#[derive(Debug, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    artifacts: Vec<Artifact>,
    results: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_description: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
    enabled: bool,
}

#[derive(Debug, Serialize)]
struct Properties {
    tags: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    location: Location,
}

#[derive(Debug, Serialize)]
struct Location {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Place>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Place>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Location,
    region: Region,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    description: Message,
    artifact_changes: Vec<ArtifactChange>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: Location,
    replacements: Vec<Replacement>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Message,
}

/// The findings as a value for serde.
pub fn sarif(report: &Report) -> Sarif {
    let mut rules: Vec<Rule> = rows().iter().map(|row| rule(&row.name)).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut results = Vec::new();
    for finding in &report.findings {
        let known = rules.iter().position(|rule| rule.id == finding.rule);
        let rule_index = known.unwrap_or_else(|| {
            rules.push(rule(&finding.rule));
            rules.len() - 1
        });
        results.push(outcome(report, finding, rule_index, &mut seen));
    }
    let artifacts = report.sources.keys().map(|path| Artifact { location: location(path) }).collect();
    let version = env!("CARGO_PKG_VERSION");
    let driver = Driver { name: "cargo-dockerize", version, semantic_version: version, rules };
    Sarif {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run { tool: Tool { driver }, column_kind: "unicodeCodePoints", artifacts, results }],
    }
}

fn rule(name: &str) -> Rule {
    let row = row(name);
    let text = |text: &str| Message { text: text.to_owned() };
    let level = row.map_or(Level::Warn, |row| row.level);
    Rule {
        id: name.to_owned(),
        short_description: text(row.map_or(name, |row| row.title.as_str())),
        full_description: row.map(|row| text(&row.why)),
        help: row.map(|row| text(&row.fix)),
        help_uri: url(name),
        default_configuration: Configuration { level: word(level), enabled: level > Level::Allow },
        properties: Properties { tags: vec![row.map_or("buildkit", |row| row.topic.as_str()).to_owned()] },
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        // A rule that is off by itself has a level for when it is on.
        Level::Note | Level::Allow => "note",
    }
}

fn outcome(report: &Report, finding: &Finding, rule_index: usize, seen: &mut BTreeMap<String, usize>) -> Outcome {
    let text = report.text_of(finding);
    let found = &finding.found;
    let place = |span: &Span| Physical { artifact_location: location(&finding.path), region: region(text, span) };
    let also = found.also.iter().enumerate().map(|(at, (span, label))| Place {
        id: Some(at + 1),
        physical_location: place(span),
        message: Some(Message { text: label.clone() }),
    });
    let replacements: Vec<Replacement> = found
        .fix
        .iter()
        .map(|edit| Replacement {
            deleted_region: region(text, &edit.span),
            inserted_content: Message { text: edit.text.clone() },
        })
        .collect();
    let fix = Fix {
        description: Message { text: found.help.clone().unwrap_or_else(|| found.message.clone()) },
        artifact_changes: vec![ArtifactChange { artifact_location: location(&finding.path), replacements }],
    };
    let help = found.help.as_ref().map(|help| format!(". {help}")).unwrap_or_default();
    Outcome {
        rule_id: finding.rule.clone(),
        rule_index,
        level: word(finding.level),
        message: Message { text: format!("{}{help}", found.message) },
        locations: vec![Place { id: None, physical_location: place(&found.span), message: None }],
        related_locations: also.collect(),
        partial_fingerprints: BTreeMap::from([("cargoDockerizeFinding/v1", fingerprint(finding, text, seen))]),
        fixes: if found.fix.is_empty() { Vec::new() } else { vec![fix] },
    }
}

/// What stays the same when lines are put in above: the rule, the file, the line's text, and which of such lines it is.
fn fingerprint(finding: &Finding, text: &str, seen: &mut BTreeMap<String, usize>) -> String {
    let (start, _) = positions(text, &finding.found.span);
    let line = text.lines().nth(start.line - 1).unwrap_or_default().trim();
    let key = format!("{}\0{}\0{line}", finding.rule, finding.path);
    let count = seen.entry(key.clone()).and_modify(|count| *count += 1).or_insert(1);
    let digest = Sha256::digest(format!("{key}\0{count}").as_bytes());
    crate::digest::hex(&digest[..16])
}

fn location(path: &str) -> Location {
    Location { uri: utf8_percent_encode(path, PATH).to_string() }
}

fn region(text: &str, span: &Span) -> Region {
    let (start, end) = positions(text, span);
    Region { start_line: start.line, start_column: start.column, end_line: end.line, end_column: end.column }
}
