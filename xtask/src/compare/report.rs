//! What came of it: JSON for programs and later runs, a table and lists for people.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xshell::Shell;

use super::facts::Kind;
use super::judge::{Fact, Verdict};
use crate::root;

/// What came of one repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The tool made no plan, and said so.
    Refused(String),
    /// The facts that one of the sides speaks of.
    Compared(Vec<Fact>),
}

/// Every repository, in the order of names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    pub rows: BTreeMap<String, Outcome>,
}

impl Report {
    /// The report of earlier runs, if any.
    pub fn read(sh: &Shell) -> Result<Self> {
        let path = path("compare.json");
        if !path.exists() {
            return Ok(Self::default());
        }
        serde_json::from_str(&sh.read_file(&path)?).with_context(|| format!("{} is of another version", path.display()))
    }

    pub fn write(&self, sh: &Shell) -> Result<()> {
        sh.write_file(path("compare.json"), serde_json::to_string_pretty(self)?)?;
        sh.write_file(path("compare.md"), self.markdown())?;
        Ok(())
    }

    /// Everything: what the documentation has, and what was not decided and why the rest was.
    pub fn markdown(&self) -> String {
        let mut text = self.summary();
        for (title, verdict) in [("Cannot tell", Verdict::Unknown), ("Ours is better", Verdict::Ours)] {
            text.push_str(&self.lines(title, verdict));
        }
        text
    }

    /// The counts and the defects.
    pub fn summary(&self) -> String {
        let plans = self.rows.values().filter(|outcome| matches!(outcome, Outcome::Compared(_))).count();
        let mut text = format!("{} repositories, of which {plans} have a plan.\n\n", self.rows.len());
        text.push_str(
            "| kind | agree | agree, taken from there | ours is better | theirs is better | cannot tell |\n\
                        |---|--:|--:|--:|--:|--:|\n",
        );
        for kind in Kind::ALL {
            let count = |verdict| self.facts().filter(|(_, fact)| fact.kind == kind && fact.verdict == verdict).count();
            row(&mut text, kind.name(), count);
        }
        row(&mut text, "**all**", |verdict| self.facts().filter(|(_, fact)| fact.verdict == verdict).count());
        let refused = self.rows.iter().filter_map(|(name, outcome)| match outcome {
            Outcome::Refused(words) => Some(format!("- {name}: refused: {words}\n")),
            Outcome::Compared(_) => None,
        });
        let refused: String = refused.collect();
        if !refused.is_empty() {
            let _ = write!(text, "\nNo plan:\n\n{refused}");
        }
        text.push_str(&self.lines("Theirs is better", Verdict::Theirs));
        text
    }

    fn facts(&self) -> impl Iterator<Item = (&String, &Fact)> {
        self.rows.iter().flat_map(|(name, outcome)| match outcome {
            Outcome::Compared(facts) => facts.iter().map(|fact| (name, fact)).collect::<Vec<_>>(),
            Outcome::Refused(_) => vec![],
        })
    }

    fn lines(&self, title: &str, verdict: Verdict) -> String {
        let lines = self.facts().filter(|(_, fact)| fact.verdict == verdict).map(|(name, fact)| {
            let seen = if fact.seen.is_empty() { String::new() } else { format!(": {}", fact.seen) };
            let why = fact.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!("- {name}: {}{seen}{why}\n", fact.kind)
        });
        let lines: String = lines.collect();
        if lines.is_empty() { String::new() } else { format!("\n{title}:\n\n{lines}") }
    }
}

fn row(text: &mut String, title: &str, count: impl Fn(Verdict) -> usize) {
    let order = [Verdict::Agree, Verdict::Taken, Verdict::Ours, Verdict::Theirs, Verdict::Unknown];
    let counts: Vec<usize> = order.into_iter().map(count).collect();
    if counts.iter().any(|count| *count > 0) {
        let cells: Vec<String> = counts.iter().map(usize::to_string).collect();
        let _ = writeln!(text, "| {title} | {} |", cells.join(" | "));
    }
}

/// A file of the report.
pub fn path(name: &str) -> PathBuf {
    root().join("target/compare").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_have_a_line_each_and_kinds_are_counted() {
        let fact = |kind, verdict, seen: &str| Fact { kind, verdict, seen: seen.to_owned(), why: None };
        let facts = vec![
            fact(Kind::Ports, Verdict::Theirs, "theirs 8080, ours none"),
            fact(Kind::Features, Verdict::Agree, ""),
        ];
        let rows =
            [("a/b".to_owned(), Outcome::Compared(facts)), ("c/d".to_owned(), Outcome::Refused("no lock".into()))];
        let text = Report { rows: rows.into() }.summary();
        assert!(text.contains("| ports | 0 | 0 | 0 | 1 | 0 |"), "{text}");
        assert!(text.contains("| **all** | 1 | 0 | 0 | 1 | 0 |"), "{text}");
        assert!(text.contains("- a/b: ports: theirs 8080, ours none\n"), "{text}");
        assert!(text.contains("- c/d: refused: no lock\n"), "{text}");
        assert!(!text.contains("assets"), "{text}");
    }
}
