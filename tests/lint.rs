//! The rules of the lint against their examples: `tests/lint/RULE` has folders `bad*`, in which the rule finds something, and
//! `good*`, in which it finds nothing. `NAME.toml` beside a bad one says at which lines (`at`), and which files are written into it
//! first (`files`), because git would not keep them; `NAME.txt` has what people see.
//!
//! `SNAPSHOTS=overwrite cargo test --test lint` writes the texts anew; read them before you commit them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assert_fs::prelude::*;
use camino::Utf8Path;
use cargo_dockerize::lint::report::{self, Report};
use cargo_dockerize::lint::{Facts, Finding, Level, Levels, files, fix, judge, rows};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use snapbox::{Assert, Data};
use support::Tree;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Where the rule finds something: `Dockerfile:3`.
    #[serde(default)]
    at: Vec<String>,
    /// Files that are written first.
    #[serde(default)]
    files: BTreeMap<String, String>,
}

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("every rule has examples", every_rule_has_examples)];
    for rule in rows() {
        for (name, folder) in examples(&rule.name) {
            let rule = rule.name.clone();
            trials.push(Trial::test(format!("{rule}/{name}"), move || run(&rule, &name, &folder)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn home(rule: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint").join(rule)
}

fn examples(rule: &str) -> Vec<(String, PathBuf)> {
    let entries = fs_err::read_dir(home(rule)).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let folders = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut found: Vec<_> =
        folders.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect();
    found.sort();
    found
}

fn every_rule_has_examples() -> Result<(), Failed> {
    let known: BTreeSet<&str> = rows().iter().map(|row| row.name.as_str()).collect();
    for entry in fs_err::read_dir(home(""))? {
        let name = entry?.file_name().to_str().unwrap().to_owned();
        assert!(known.contains(name.as_str()), "tests/lint/{name} is no rule's");
    }
    for rule in known {
        let names: Vec<String> = examples(rule).into_iter().map(|(name, _)| name).collect();
        for kind in ["bad", "good"] {
            assert!(names.iter().any(|name| name == kind), "{rule} has no example `{kind}`");
        }
    }
    Ok(())
}

fn run(rule: &str, name: &str, folder: &Path) -> Result<(), Failed> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = Tree::copy(folder.strip_prefix(repository)?.to_str().unwrap());
    let case = fs_err::read_to_string(home(rule).join(format!("{name}.toml"))).unwrap_or_default();
    let case: Case = toml::from_str(&case)?;
    for (path, text) in &case.files {
        assert_fs::fixture::ChildPath::new(tree.path().join(path)).write_str(text)?;
    }
    let report = look(tree.path(), rule)?;
    let own: Vec<&Finding> = report.findings.iter().filter(|finding| finding.rule == rule).collect();
    let line = |finding: &&Finding| {
        let (start, _) = report::positions(report.text_of(finding), &finding.found.span);
        format!("{}:{}", finding.path, start.line)
    };
    let found: Vec<String> = own.iter().map(line).collect();
    if !name.starts_with("bad") {
        assert!(found.is_empty(), "{rule} finds something at {found:?}:\n{}", report::text(&report).unwrap());
        return Ok(());
    }
    assert_eq!(found, case.at, "\n{}", report::text(&report).unwrap());
    let own = Report {
        files: report.files.clone(),
        sources: report.sources.clone(),
        findings: own.into_iter().cloned().collect(),
    };
    let shown = anstream::adapter::strip_str(&report::text(&own).unwrap()).to_string();
    let expected = Data::read_from(&home(rule).join(format!("{name}.txt")), None);
    Assert::new().action_env("SNAPSHOTS").try_eq(Some(&name), Data::text(shown), expected)?;
    fixed(rule, &tree, &own)
}

/// Where all that was found can be mended, nothing is found afterwards.
fn fixed(rule: &str, tree: &Tree, report: &Report) -> Result<(), Failed> {
    if report.findings.iter().any(|finding| finding.found.fix.is_empty()) {
        return Ok(());
    }
    for _ in 0..report.findings.len() {
        let report = look(tree.path(), rule)?;
        for (path, text) in &report.sources {
            let own: Vec<&Finding> =
                report.findings.iter().filter(|finding| finding.rule == rule && finding.path == *path).collect();
            fs_err::write(tree.path().join(path), fix::apply(text, &own).0)?;
        }
    }
    let left = look(tree.path(), rule)?;
    let left: Vec<&Finding> =
        left.findings.iter().filter(|finding| finding.rule == rule || finding.rule == "syntax").collect();
    assert!(left.is_empty(), "left after the edits: {left:?}");
    Ok(())
}

/// Judges every Dockerfile of a tree, with this rule in any case.
fn look(tree: &Utf8Path, rule: &str) -> Result<Report, Failed> {
    let mut levels = Levels::default();
    if levels.of(rule) == Level::Allow {
        levels.set(rule, Level::Note)?;
    }
    let mut report = Report::default();
    for file in files::within(tree) {
        let shown = file.strip_prefix(tree)?.to_string();
        let loaded = files::load(&file, &shown)?;
        let facts = loaded.context.as_deref().and_then(|context| Facts::read(context, true));
        report.add(&loaded.input, judge(&loaded.input, &levels, facts.as_ref()));
    }
    Ok(report)
}
