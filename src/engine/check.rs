//! What BuildKit itself says of a Dockerfile, without building it.

use std::time::Duration;

use camino::Utf8Path;
use serde::Deserialize;

use crate::exec::Command;

/// Nobody waits longer for what is only one more opinion: the frontend may have to be pulled first.
const LIMIT: Duration = Duration::from_secs(20);

/// One of its warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Its rule's name: `JSONArgsRecommended`.
    pub rule: String,
    /// What is so.
    pub detail: String,
    /// The lines, from 1, the last one included; none: the whole file.
    pub lines: Option<(usize, usize)>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    warnings: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    rule_name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    detail: String,
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Location {
    #[serde(default)]
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
struct Range {
    start: Line,
    end: Line,
}

#[derive(Deserialize)]
struct Line {
    line: usize,
}

/// Asks for the checks of a file in its context; none where no engine answers, or the file is none for it.
pub fn check(file: &Utf8Path, context: &Utf8Path) -> Option<Vec<Warning>> {
    let docker = which::which("docker").ok()?;
    let command = Command::new(docker, "ask BuildKit for its own checks")
        .args(["buildx", "build", "--call=check,format=json", "--file", file.as_str(), context.as_str()])
        .within(Some(LIMIT));
    read(&command.output().ok()?.stdout)
}

fn read(text: &str) -> Option<Vec<Warning>> {
    let answer: Answer = serde_json::from_str(text).ok()?;
    let warning = |raw: Raw| Warning {
        rule: raw.rule_name,
        detail: if raw.detail.is_empty() { raw.description } else { raw.detail },
        lines: raw.location.and_then(|place| place.ranges.first().map(|range| (range.start.line, range.end.line))),
    };
    Some(answer.warnings.into_iter().map(warning).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let text = r#"{"warnings":[{"ruleName":"MaintainerDeprecated","description":"d","url":"u","detail":"x",
            "location":{"ranges":[{"start":{"line":2},"end":{"line":2}}]}},{"ruleName":"Other","description":"whole"}],"sources":[]}"#;
        let warnings = read(text).unwrap();
        assert_eq!(warnings[0].lines, Some((2, 2)));
        assert_eq!((warnings[1].detail.as_str(), warnings[1].lines), ("whole", None));
        assert_eq!(read("ERROR: no engine"), None);
    }
}
