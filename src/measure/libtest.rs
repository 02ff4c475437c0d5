//! The lines that libtest prints, as a report in the form of `JUnit`; nextest's own report, if there is one, is joined to it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use camino::Utf8Path;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use crate::failure::{Failure, Kind, Result};

/// How many lines explain a program that ended badly. The last lines say why it ended.
const LINES: usize = 200;

/// Writes `junit.xml` beside a log.
///
/// # Errors
/// [`Kind::Build`]: the log, or nextest's report beside it, cannot be read. [`Kind::Emit`]: the report cannot be written.
pub(super) fn convert(log: &Utf8Path) -> Result<()> {
    let read = |path: &Utf8Path| {
        fs_err::read(path)
            .map_err(|error| Failure::new(Kind::Build, "what the tests left cannot be read").caused_by(error))
    };
    let nextest = log.with_file_name("nextest.xml");
    let nextest = if nextest.exists() { Some(read(&nextest)?) } else { None };
    let xml = report(&read(log)?, nextest.as_deref())?;
    fs_err::write(log.with_file_name("junit.xml"), xml)
        .map_err(|error| Failure::new(Kind::Emit, "the report of the tests cannot be written").caused_by(error))
}

/// The report of a log, and of nextest's report.
fn report(log: &[u8], nextest: Option<&[u8]>) -> Result<String> {
    let mut report = match nextest {
        Some(xml) => Report::deserialize_from_str(&String::from_utf8_lossy(xml))
            .map_err(|error| Failure::new(Kind::Build, "nextest's report cannot be read").caused_by(error))?,
        None => Report::unnamed(),
    };
    report.name = Some("tests".into());
    let mut took = report.time.unwrap_or_default();
    for program in programs(&plain(log)) {
        took = took.saturating_add(program.took);
        let suite = program.suite();
        // Not `add_test_suite`: the numbers of nextest's report are those of a file, and their sum may be too large.
        report.tests = report.tests.saturating_add(suite.tests);
        report.failures = report.failures.saturating_add(suite.failures);
        report.skipped = report.skipped.saturating_add(suite.skipped);
        report.test_suites.push(suite);
    }
    report.set_time(took);
    let xml = report
        .to_string()
        .map_err(|error| Failure::new(Kind::Emit, "the report of the tests cannot be written").caused_by(error))?;
    // quick-junit removes the other characters that XML does not allow.
    Ok(xml.replace(['\u{fffe}', '\u{ffff}'], ""))
}

/// The text of a log, without escapes. Each line is for itself: a program can die within an escape.
fn plain(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<String> = text.lines().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
    lines.join("\n")
}

/// The programs of tests that a log names.
fn programs(text: &str) -> Vec<Program<'_>> {
    let (mut taken, mut counts) = (HashSet::new(), HashMap::new());
    let mut ended = Vec::new();
    let mut open: Option<Program<'_>> = None;
    for line in text.lines() {
        if let Some(name) = opened(line) {
            // Two packages can have a program of one name.
            let mut unique = name.clone();
            while !taken.insert(unique.clone()) {
                let count = counts.entry(name.clone()).or_insert(1_usize);
                *count += 1;
                unique = format!("{name} ({count})");
            }
            ended.extend(open.replace(Program::new(unique)));
        } else if is_summary(line) {
            ended.extend(open.take());
        } else if let Some(program) = &mut open {
            program.read(line);
        }
    }
    ended.extend(open);
    ended
}

/// The program whose tests follow, as cargo says it: `Running tests/all.rs (target/debug/deps/all-0123456789abcdef)`.
fn opened(line: &str) -> Option<String> {
    let said = line.trim_start_matches(' ');
    if said.len() == line.len() {
        return None;
    }
    if let Some(package) = said.strip_prefix("Doc-tests ") {
        return Some(format!("{} (documentation)", package.split_whitespace().next().unwrap_or_default()));
    }
    let (_, path) = said.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once('(')?;
    let file = path.rsplit('/').next().unwrap_or(path);
    let is_hash = |hash: &str| !hash.is_empty() && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let name = file.rsplit_once('-').filter(|(_, hash)| is_hash(hash)).map_or(file, |(name, _)| name);
    Some(name.to_owned())
}

/// Whether cargo says how many programs failed. No program follows.
fn is_summary(line: &str) -> bool {
    let said = line.strip_prefix("error: ").and_then(|said| said.split_once(' '));
    said.is_some_and(|(count, said)| {
        !count.is_empty()
            && count.bytes().all(|c| c.is_ascii_digit())
            && (said.starts_with("target failed") || said.starts_with("targets failed"))
    })
}

/// The name of a test, and what stands behind it.
fn named(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("test ")?.split_once(" ... ")
}

/// A test's name as a failure has it: without what is expected of the test.
fn bare(name: &str) -> &str {
    let expected = [" - should panic", " - compile fail", " - compile"];
    expected.iter().find_map(|expected| name.strip_suffix(expected)).unwrap_or(name)
}

/// What came of a test, and its time if libtest says it; none: the text is something else.
fn verdict(text: &str) -> Option<(Outcome<'_>, Option<Duration>)> {
    let timed = text.strip_suffix("s>").and_then(|text| text.rsplit_once(" <"));
    let (word, time) =
        timed.filter(|(_, time)| is_number(time)).map_or((text, None), |(word, time)| (word, Some(time)));
    let outcome = match word {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Ignored(""),
        _ => Outcome::Ignored(word.strip_prefix("ignored, ")?),
    };
    Some((outcome, time.and_then(seconds)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit() || c == b'.')
}

/// A time; none: it is none, or too long.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// What came of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome<'a> {
    Passed,
    Failed,
    /// With the reason, if there is one.
    Ignored(&'a str),
}

/// A test, as libtest's lines tell of it.
struct Test<'a> {
    name: &'a str,
    outcome: Outcome<'a>,
    time: Option<Duration>,
    output: Vec<&'a str>,
}

/// Which part of a program's lines is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    /// The tests as they end.
    Tests,
    /// What the failed ones printed.
    Output,
    /// Their names once more.
    List,
    /// Why cargo says that the program failed.
    Cause,
}

/// A program of tests.
struct Program<'a> {
    name: String,
    took: Duration,
    tests: Vec<Test<'a>>,
    /// Where in `tests` a name is.
    places: HashMap<&'a str, usize>,
    section: Section,
    /// The test that printed the lines of [`Section::Output`] that are read.
    shown: Option<usize>,
    /// A test that has begun, and has not ended.
    pending: Option<&'a str>,
    /// Whether cargo says that the program failed.
    failed: bool,
    last: VecDeque<&'a str>,
}

impl<'a> Program<'a> {
    fn new(name: String) -> Self {
        Self {
            name,
            took: Duration::ZERO,
            tests: Vec::new(),
            places: HashMap::new(),
            section: Section::Tests,
            shown: None,
            pending: None,
            failed: false,
            last: VecDeque::new(),
        }
    }

    fn read(&mut self, line: &'a str) {
        // A program that dies in the middle of a line leaves the rest of the line to cargo.
        if ["error: test failed, to rerun pass", "error: doctest failed, to rerun pass"]
            .iter()
            .any(|e| line.contains(e))
        {
            if let Some((name, _)) = named(line).filter(|_| line.contains(" ... error: ")) {
                self.pending = Some(name);
            }
            self.failed = true;
            self.section = Section::Cause;
            return;
        }
        if self.last.len() == LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
        match self.section {
            Section::Output => self.read_output(line),
            Section::Tests if line == "failures:" => {
                self.section = Section::Output;
                self.shown = None;
            }
            _ if line.starts_with("test result: ") => {
                let took = line.split_once("finished in ").and_then(|(_, time)| time.split_once('s'));
                self.took = self.took.saturating_add(took.and_then(|(time, _)| seconds(time)).unwrap_or_default());
                self.section = Section::Tests;
            }
            Section::Tests => self.read_test(line),
            Section::List | Section::Cause => {}
        }
    }

    fn read_output(&mut self, line: &'a str) {
        if let Some(name) = line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" ----")) {
            let stream = [" stdout", " stderr"].iter().find_map(|stream| name.strip_suffix(stream));
            self.shown = self.places.get(bare(stream.unwrap_or(name))).copied();
        } else if line == "failures:" {
            self.section = Section::List;
        } else if let Some(test) = self.shown.and_then(|at| self.tests.get_mut(at)) {
            test.output.push(line);
        }
    }

    fn read_test(&mut self, line: &'a str) {
        if let Some((name, rest)) = named(line) {
            if let Some((outcome, time)) = verdict(rest) {
                self.end(name, outcome, time);
            } else if rest.starts_with("bench:") {
                self.add(name, Outcome::Passed, None);
            } else {
                self.pending = Some(name);
            }
        } else if let Some(name) = self.pending
            // What the test printed stands between its name and this.
            && let Some((outcome, time)) = verdict(line)
        {
            self.end(name, outcome, time);
        }
    }

    fn end(&mut self, name: &'a str, outcome: Outcome<'a>, time: Option<Duration>) {
        self.add(name, outcome, time);
        self.pending = None;
    }

    fn add(&mut self, name: &'a str, outcome: Outcome<'a>, time: Option<Duration>) {
        let name = bare(name);
        self.places.insert(name, self.tests.len());
        self.tests.push(Test { name, outcome, time, output: Vec::new() });
    }

    /// The program's part of the report.
    fn suite(self) -> TestSuite {
        let mut suite = TestSuite::new(text(&self.name));
        suite.set_time(self.took);
        for test in &self.tests {
            let status = match test.outcome {
                Outcome::Passed => TestCaseStatus::success(),
                Outcome::Failed => failure(&test.output.join("\n")),
                Outcome::Ignored(reason) => {
                    let mut status = TestCaseStatus::skipped();
                    if !reason.is_empty() {
                        status.set_message(text(reason));
                    }
                    status
                }
            };
            let mut case = TestCase::new(text(test.name), status);
            case.set_classname(text(&self.name));
            case.time = test.time;
            suite.add_test_case(case);
        }
        // The program failed, and no test of it says so.
        if self.failed && suite.failures == 0 {
            let lines: Vec<&str> = self.last.into();
            let name = bare(self.pending.unwrap_or(&self.name));
            let mut case = TestCase::new(text(name), failure(&lines.join("\n")));
            case.set_classname(text(&self.name));
            suite.add_test_case(case);
        }
        suite
    }
}

/// That a test failed, with what it printed. The message is the line of the panic, or the first line.
fn failure(output: &str) -> TestCaseStatus {
    let output = output.trim_matches('\n');
    let panic = output.lines().find(|line| line.contains("panicked at "));
    let message = panic.or_else(|| output.lines().next()).unwrap_or_default();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(text(message)).set_type("test failure").set_description(text(output));
    status
}

/// A text for the report. Of control characters quick-junit keeps the end of a line alone, so that tabs have to be spaces.
fn text(text: &str) -> XmlString {
    XmlString::new(text.replace('\t', "    "))
}
