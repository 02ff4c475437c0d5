//! What this machine can build, and what to do where it cannot: facts of all kinds, each with a judgement and a remedy.
//!
//! Everything is asked at the same time, and nobody is waited for longer than a few seconds: a machine on which something hangs is
//! just the one that needs this.

mod docker;
mod logins;
mod machine;
mod needs;
mod programs;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use serde::Serialize;

use crate::failure::{Failure, Result, printable};

/// The report's version.
const SCHEMA: u32 = 1;

/// How long one program may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// How long all of it may take.
const ALL: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its version.
    pub schema: u32,
    /// Whether Docker's buildx can build.
    pub buildx: bool,
    /// Whether this machine's cargo can, without Docker.
    pub embedded: bool,
    /// Findings, by subject.
    pub sections: Vec<Section>,
}

/// Findings on one subject.
#[derive(Debug, Serialize)]
pub struct Section {
    /// Its name.
    pub title: &'static str,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name, for programs and people.
    pub name: String,
    /// How good that is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub todo: Vec<String>,
}

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has to be done.
    Ok,
    /// Not there, and not needed.
    Absent,
    /// Something will be missing.
    Warn,
    /// Something does not work.
    Fail,
}

impl Finding {
    /// Something that is as it should be.
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, State::Ok, found)
    }

    /// Something, and how good it is.
    pub fn new(name: impl Into<String>, state: State, found: impl Into<String>) -> Self {
        // Programs' own words are in it.
        Self { name: printable(&name.into()), state, found: printable(&found.into()), todo: Vec::new() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo.push(printable(&todo.into()));
        self
    }

    /// A failure as a finding.
    pub fn failed(name: impl Into<String>, state: State, failure: &Failure) -> Self {
        failure.remedies().iter().fold(Self::new(name, state, failure.to_string()), Self::todo)
    }
}

/// What one subject's look found, and whether it can build.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    findings: Vec<Finding>,
    builds: bool,
}

/// A subject: its title, and what looks at it.
type Subject = (&'static str, Box<dyn FnOnce() -> Looked + Send>);

/// Looks at everything. `workspace` is the part that knows the workspace; none: there is none.
///
/// # Errors
/// [`Kind::Interrupted`](crate::failure::Kind::Interrupted); [`Kind::Internal`](crate::failure::Kind::Internal) where a table of
/// ours cannot be read.
pub fn look(folder: &Utf8Path, workspace: impl FnOnce() -> Vec<Finding> + Send + 'static) -> Result<Report> {
    let needs = needs::read()?;
    let (root, target) = (folder.to_owned(), folder.to_owned());
    let subjects: Vec<Subject> = vec![
        ("Docker", Box::new(move || docker::look(needs))),
        ("This machine, without Docker", Box::new(move || machine::look(&root, needs))),
        ("Registries", Box::new(|| Looked { findings: logins::look(), builds: false })),
        ("Other programs", Box::new(move || Looked { findings: programs::look(&target, needs), builds: false })),
        ("Workspace", Box::new(|| Looked { findings: workspace(), builds: false })),
    ];
    let mut all = gather(subjects)?;
    all.retain(|(_, looked)| !looked.findings.is_empty());
    let builds = |title: &str| all.iter().any(|(known, looked)| *known == title && looked.builds);
    Ok(Report {
        schema: SCHEMA,
        buildx: builds("Docker"),
        embedded: builds("This machine, without Docker"),
        sections: all.into_iter().map(|(title, looked)| Section { title, findings: looked.findings }).collect(),
    })
}

fn gather(subjects: Vec<Subject>) -> Result<Vec<(&'static str, Looked)>> {
    let titles: Vec<&'static str> = subjects.iter().map(|(title, _)| *title).collect();
    let (sender, answers) = mpsc::channel();
    for (i, (_, look)) in subjects.into_iter().enumerate() {
        let sender = sender.clone();
        // Not scoped: who hangs is left behind.
        std::thread::spawn(move || drop(sender.send((i, look()))));
    }
    drop(sender);
    let mut looked: Vec<Option<Looked>> = titles.iter().map(|_| None).collect();
    let until = Instant::now() + ALL;
    loop {
        crate::exec::go_on()?;
        match answers.recv_timeout(Duration::from_millis(50)) {
            Ok((i, found)) => looked[i] = Some(found),
            Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
            Err(_) => break,
        }
    }
    let silent = || {
        let finding = Finding::new("answer", State::Warn, "none in ten seconds");
        Looked { findings: vec![finding.todo("see which program hangs, then try again")], builds: false }
    };
    Ok(titles.into_iter().zip(looked).map(|(title, looked)| (title, looked.unwrap_or_else(silent))).collect())
}
