//! What is said of pins.

use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::pins::{FILE, Pin};
use serde::Serialize;

use crate::ui::Shell;

/// The version of its JSON.
const SCHEMA: u32 = 1;

/// How many digits of a digest people are shown.
const DIGITS: usize = "sha256:".len() + 12;

#[derive(Debug, Serialize)]
pub struct Account {
    schema: u32,
    images: Vec<Line>,
}

/// One image.
#[derive(Debug, Serialize)]
pub struct Line {
    name: String,
    verdict: Verdict,
    /// What it was pinned to.
    before: Option<String>,
    /// What it is pinned to now.
    digest: Option<String>,
    /// What its registry says, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<String>,
    platforms: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It has not been pinned before.
    Pinned,
    /// It is pinned to another digest than before.
    Updated,
    /// It is what it was.
    Current,
    /// No file names it any more, and it is out of the lock file.
    Removed,
    /// Its registry has another one.
    Behind,
    /// It is not pinned.
    Missing,
    /// No file names it any more.
    Unneeded,
}

impl Line {
    pub fn new(name: &str, verdict: Verdict, before: Option<&Pin>, after: Option<&Pin>) -> Self {
        Self {
            name: name.to_owned(),
            verdict,
            before: before.map(|pin| pin.digest.clone()),
            digest: after.map(|pin| pin.digest.clone()),
            now: None,
            platforms: after.or(before).map(|pin| pin.platforms.clone()).unwrap_or_default(),
        }
    }

    /// The same, whose registry has this digest.
    pub fn but_now(self, digest: &str) -> Self {
        Self { now: Some(digest.to_owned()), ..self }
    }

    fn words(&self) -> (&'static str, String) {
        let name = &self.name;
        let platforms = match self.platforms.as_slice() {
            [] => String::new(),
            some => format!(" ({})", some.join(", ")),
        };
        let (before, after) = (short(self.before.as_ref()), short(self.digest.as_ref()));
        match self.verdict {
            Verdict::Pinned => ("Pinned", format!("{name} to {after}{platforms}")),
            Verdict::Updated => ("Repinned", format!("{name} from {before} to {after}{platforms}")),
            Verdict::Current => ("Kept", format!("{name} at {after}")),
            Verdict::Removed => ("Removed", format!("{name}, which no generated file names")),
            Verdict::Behind => ("Behind", format!("{name} at {before}; it is {} now", short(self.now.as_ref()))),
            Verdict::Missing => ("Missing", format!("{name} is not pinned")),
            Verdict::Unneeded => ("Unneeded", format!("{name}, which no generated file names")),
        }
    }
}

fn short(digest: Option<&String>) -> &str {
    digest.map_or("", |digest| digest.get(..DIGITS).unwrap_or(digest))
}

impl Account {
    pub fn new(images: Vec<Line>) -> Self {
        Self { schema: SCHEMA, images }
    }

    /// Says it to people; what has not changed only where they want to know all.
    pub fn tell(&self, shell: Shell) {
        for line in &self.images {
            if line.verdict != Verdict::Current || shell.verbose {
                let (verb, what) = line.words();
                shell.status(verb, what);
            }
        }
    }

    /// Fails where something is to be done, and says what.
    pub fn drift(&self) -> Result<()> {
        let count = |verdict: Verdict| self.images.iter().filter(|line| line.verdict == verdict).count();
        let said: Vec<String> =
            [(Verdict::Missing, "not pinned"), (Verdict::Behind, "behind"), (Verdict::Unneeded, "not needed")]
                .into_iter()
                .filter(|(verdict, _)| count(*verdict) > 0)
                .map(|(verdict, words)| format!("{} {words}", count(verdict)))
                .collect();
        if said.is_empty() {
            return Ok(());
        }
        let mut failure = Failure::new(Kind::Drift, format!("`{FILE}` is not up to date: {}", said.join(", ")));
        if count(Verdict::Missing) + count(Verdict::Unneeded) > 0 {
            failure =
                failure.help("run `cargo dockerize pin` for what is missing or not needed, and commit the result");
        }
        if count(Verdict::Behind) > 0 {
            failure = failure.help("run `cargo dockerize pin --update` for what is behind, and commit the result");
        }
        Err(failure)
    }
}
