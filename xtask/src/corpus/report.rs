//! What came of it: JSON for programs and later runs, a table for people.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xshell::Shell;

use super::call::Output;
use super::smoke::Verdict;
use crate::root;

/// What came of one application in one shape.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub built: bool,
    pub ran: bool,
    /// The image's compressed bytes.
    pub bytes: Option<u64>,
    /// From `init` to the end of the smoke check, whatever else the machine does.
    pub seconds: u64,
    /// Why it did not build or run.
    pub reason: Option<String>,
}

impl Outcome {
    pub fn failed(what: &str, output: &Output) -> Self {
        let lines: Vec<&str> = output.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        // The compiler's own words come after the line that says which step failed.
        // A crate's name is no error.
        let error = |line: &&str| line.replace("thiserror", "").contains("error");
        let errors: Vec<&str> = lines.iter().map(|line| line.trim()).filter(error).collect();
        let mut words = if errors.is_empty() { lines[lines.len().saturating_sub(3)..].to_vec() } else { errors };
        words.dedup();
        words.truncate(6);
        let words: Vec<String> = words.iter().map(|line| line.chars().take(300).collect()).collect();
        Self { reason: Some(format!("{what}: {}", words.join(" | "))), ..Self::default() }
    }

    pub fn run(&mut self, verdict: Verdict) {
        self.ran = verdict.is_ok();
        self.reason = verdict.err().map(|words| format!("run: {}", words.chars().take(600).collect::<String>()));
    }

    /// One line for the one who waits.
    pub fn tell(&self) {
        let word = match (self.built, self.ran) {
            (true, true) => "runs".to_owned(),
            (true, false) => "builds and does not run".to_owned(),
            (false, _) => "does not build".to_owned(),
        };
        let size = self.bytes.map(|bytes| format!(", {}", megabytes(bytes))).unwrap_or_default();
        let reason = self.reason.as_deref().map(|reason| format!("\n  {reason}")).unwrap_or_default();
        eprintln!("  {word} after {} s{size}{reason}", self.seconds);
    }
}

/// One application.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    pub package: String,
    pub version: String,
    pub linkage: String,
    pub base: String,
    pub crates: u64,
    pub own: Outcome,
    /// By the shape's name.
    #[serde(default)]
    pub peers: BTreeMap<String, Outcome>,
}

/// Every application that was tried, in the order of names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    rows: BTreeMap<String, Row>,
}

impl Report {
    /// The report of earlier runs, if any.
    pub fn read(sh: &Shell) -> Result<Self> {
        let path = path("corpus.json");
        if !path.exists() {
            return Ok(Self::default());
        }
        serde_json::from_str(&sh.read_file(&path)?).with_context(|| format!("{} is of another version", path.display()))
    }

    pub fn add(&mut self, row: Row) {
        let peers = self.rows.remove(&row.package).map(|earlier| earlier.peers).unwrap_or_default();
        self.rows.insert(row.package.clone(), Row { peers, ..row });
    }

    pub fn add_peer(&mut self, package: &str, shape: &str, outcome: Outcome) {
        if let Some(row) = self.rows.get_mut(package) {
            row.peers.insert(shape.to_owned(), outcome);
        }
    }

    pub fn failures(&self) -> Vec<&str> {
        self.rows.values().filter(|row| !row.own.ran).map(|row| row.package.as_str()).collect()
    }

    pub fn write(&self, sh: &Shell) -> Result<()> {
        sh.write_file(path("corpus.json"), serde_json::to_string_pretty(self)?)?;
        sh.write_file(path("corpus.md"), self.markdown())?;
        Ok(())
    }

    pub fn markdown(&self) -> String {
        let mut text = "| application | crates | linkage | base | builds | runs | image | time |\n".to_owned();
        text.push_str("|---|--:|---|---|---|---|--:|--:|\n");
        for row in self.rows.values() {
            let _ = writeln!(
                text,
                "| {} {} | {} | {} | {} | {} | {} | {} | {} s |",
                row.package,
                row.version,
                row.crates,
                row.linkage,
                row.base,
                yes(row.own.built),
                yes(row.own.ran),
                row.own.bytes.map(megabytes).unwrap_or_default(),
                row.own.seconds
            );
        }
        self.compare(&mut text);
        let mut reasons = self.rows.values().flat_map(|row| {
            let own = row.own.reason.iter().map(|reason| (row.package.clone(), reason));
            let peers = row
                .peers
                .iter()
                .filter_map(|(shape, outcome)| Some((format!("{} as {shape}", row.package), outcome.reason.as_ref()?)));
            own.chain(peers).collect::<Vec<_>>()
        });
        if let Some(first) = reasons.next() {
            text.push_str("\nWhat went wrong:\n\n");
            for (what, reason) in std::iter::once(first).chain(reasons) {
                let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
                let _ = writeln!(text, "- {what}: {reason}");
            }
        }
        text
    }

    /// The peers beside ours, over the applications that were built in every shape.
    fn compare(&self, text: &mut String) {
        let rows: Vec<&Row> = self.rows.values().filter(|row| !row.peers.is_empty()).collect();
        let Some(first) = rows.first() else { return };
        let shapes: Vec<&String> = first.peers.keys().collect();
        text.push_str("\n| application | cargo dockerize |");
        for shape in &shapes {
            let _ = write!(text, " {shape} |");
        }
        let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(shapes.len()));
        let cell = |outcome: &Outcome| match (outcome.built, outcome.ran) {
            (true, true) => {
                format!("{}, {} s", outcome.bytes.map(megabytes).unwrap_or_default(), outcome.seconds)
            }
            (true, false) => "does not run".to_owned(),
            (false, _) => "does not build".to_owned(),
        };
        for row in &rows {
            let _ = write!(text, "| {} | {} |", row.package, cell(&row.own));
            for shape in &shapes {
                let _ = write!(text, " {} |", row.peers.get(*shape).map(cell).unwrap_or_default());
            }
            text.push('\n');
        }
        let rate = |ran: usize| format!("{ran} of {}", rows.len());
        let _ = write!(text, "| run | {} |", rate(rows.iter().filter(|row| row.own.ran).count()));
        for shape in &shapes {
            let ran = rows.iter().filter(|row| row.peers.get(*shape).is_some_and(|outcome| outcome.ran)).count();
            let _ = write!(text, " {} |", rate(ran));
        }
        text.push('\n');
    }
}

fn path(name: &str) -> PathBuf {
    root().join("target/corpus").join(name)
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}

#[allow(clippy::cast_precision_loss, reason = "a size for people")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
