//! Results of tests, from reports in the form of `JUnit`, which are made of what the stage `test` leaves.

use std::fmt::Write;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::libtest;
use crate::failure::{Failure, Kind, Result};

/// How many failed tests are shown with what they printed.
const SHOWN: usize = 10;

/// How many lines of each.
const LINES: usize = 40;

/// How many of those stand before the panic.
const BEFORE: usize = 15;

/// How many failed tests are named in one line.
const NAMED: usize = 5;

/// What came of the tests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tests {
    /// How many there are.
    pub count: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many of them were passed over; nextest does not count them.
    pub skipped: usize,
    /// How long they ran.
    pub seconds: f64,
    /// Those that failed.
    pub failures: Vec<FailedTest>,
    /// The reports, one a platform.
    pub reports: Vec<Utf8PathBuf>,
}

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailedTest {
    /// The program that it is in.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// What it printed.
    pub output: String,
}

impl Tests {
    /// Makes a report of each log in a folder, and reads all the reports there; none: there are none that can be read.
    ///
    /// # Errors
    /// [`Kind::Build`]: a log, or nextest's report beside it, cannot be read. [`Kind::Emit`]: a report cannot be written.
    pub fn read(folder: &Utf8Path) -> Result<Option<Self>> {
        for log in files(folder, "output.log") {
            libtest::convert(&log)?;
        }
        let mut all: Option<Self> = None;
        for path in files(folder, "junit.xml") {
            let Some(one) = fs_err::read_to_string(&path).ok().as_deref().and_then(Self::parse) else { continue };
            let all = all.get_or_insert_default();
            all.count += one.count;
            all.failed += one.failed;
            all.skipped += one.skipped;
            all.seconds += one.seconds;
            all.failures.extend(one.failures);
            all.reports.push(path);
        }
        Ok(all)
    }

    /// A report; none: it is none.
    pub fn parse(xml: &str) -> Option<Self> {
        let document = roxmltree::Document::parse(xml).ok()?;
        let root = document.root_element();
        let mut tests = Self {
            seconds: root.attribute("time").and_then(|time| time.parse().ok()).unwrap_or_default(),
            ..Self::default()
        };
        for case in root.descendants().filter(|node| node.has_tag_name("testcase")) {
            tests.count += 1;
            let part = |name| case.children().find(|node| node.has_tag_name(name));
            if part("skipped").is_some() {
                tests.skipped += 1;
            }
            let Some(failure) = part("failure").or_else(|| part("error")) else { continue };
            tests.failed += 1;
            let said = failure.text().filter(|text| !text.trim().is_empty());
            let said = said.or_else(|| failure.attribute("message")).unwrap_or_default();
            tests.failures.push(FailedTest {
                suite: case.attribute("classname").unwrap_or_default().to_owned(),
                name: case.attribute("name").unwrap_or_default().to_owned(),
                output: said.trim().to_owned(),
            });
        }
        root.has_tag_name("testsuites").then_some(tests)
    }

    /// `3 of 120 tests failed: a::b, c::d`, or `120 tests passed, 2 of them ignored`.
    pub fn headline(&self) -> String {
        let noun = if self.count == 1 { "test" } else { "tests" };
        if self.failed == 0 {
            let ignored = if self.skipped > 0 { format!(", {} ignored", self.skipped) } else { String::new() };
            return format!("{} {noun} passed{ignored}", self.count - self.skipped);
        }
        let mut names: Vec<&str> = self.failures.iter().map(|test| test.name.as_str()).take(NAMED).collect();
        if self.failed > NAMED {
            names.push("…");
        }
        format!("{} of {} {noun} failed: {}", self.failed, self.count, names.join(", "))
    }

    /// The failure that they are, with what the failed ones printed, as cargo shows it; none: all passed.
    pub fn failure(&self) -> Option<Failure> {
        if self.failed == 0 {
            return None;
        }
        let mut failure = Failure::new(Kind::Build, self.headline());
        for test in self.failures.iter().take(SHOWN) {
            failure = failure.detail(format!("---- {} {} ----\n{}", test.suite, test.name, excerpt(&test.output)));
        }
        if self.failed > SHOWN {
            failure = failure.detail(format!("and {} more", self.failed - SHOWN));
        }
        Some(failure)
    }
}

/// The files of this name in a folder, and in those inside it: an engine makes one a platform.
fn files(folder: &Utf8Path, name: &str) -> Vec<Utf8PathBuf> {
    let entries = walkdir::WalkDir::new(folder).max_depth(2).sort_by_file_name().into_iter().flatten();
    let named = entries.filter(|entry| entry.file_name() == name);
    named.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok()).collect()
}

/// All that a test printed, or where that is much, what stands around its panic.
fn excerpt(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    if lines.len() <= LINES {
        return output.to_owned();
    }
    let panic = lines.iter().position(|line| line.contains("panicked at "));
    let from = panic.map_or(lines.len() - LINES, |at| at.saturating_sub(BEFORE).min(lines.len() - LINES));
    let mut text = String::new();
    if from > 0 {
        let _ = writeln!(text, "… {from} lines before");
    }
    text.push_str(&lines[from..from + LINES].join("\n"));
    let after = lines.len() - from - LINES;
    if after > 0 {
        let _ = write!(text, "\n… {after} lines after");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="tests" tests="4" failures="2" errors="0" skipped="1" time="0.500">
    <testsuite name="app" tests="4">
        <testcase name="a" classname="app"/>
        <testcase name="b" classname="app"><failure message="m" type="t">out &lt;&amp;&gt;
panicked at x</failure></testcase>
        <testcase name="c" classname="app"><error message="only that"/></testcase>
        <testcase name="d" classname="app"><skipped/></testcase>
    </testsuite>
</testsuites>"#;

    #[test]
    fn a_report_is_counted() {
        let tests = Tests::parse(REPORT).unwrap();
        assert_eq!((tests.count, tests.failed, tests.skipped), (4, 2, 1));
        assert_eq!(tests.headline(), "2 of 4 tests failed: b, c");
        assert_eq!(tests.failures[0].output, "out <&>\npanicked at x");
        assert_eq!(tests.failures[1].output, "only that");
        let shown = anstream::adapter::strip_str(&tests.failure().unwrap().report()).to_string();
        assert!(shown.contains("  ---- app b ----\n  out <&>\n  panicked at x\n"), "{shown}");
        assert_eq!(Tests::parse("<html/>"), None);
        assert_eq!(Tests::parse("not xml"), None);
    }

    #[test]
    fn of_much_output_the_panic_is_shown() {
        let noise = |count| "noise\n".repeat(count);
        let shown = excerpt(&format!("{}thread 'x' panicked at src/lib.rs:1:1:\nwhy\n{}", noise(500), noise(500)));
        assert_eq!(shown.lines().count(), LINES + 2);
        assert!(shown.contains("\nwhy\n"));
        assert_eq!(excerpt("short"), "short");
    }
}
