//! BuildKit's own account of a build (`--progress=rawjson`): one JSON object a line on stderr, mixed with plain text when
//! a build fails. A step appears several times, with several intervals, and under several targets.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use jiff::Timestamp;
use serde::Deserialize;

use super::record::{BuildRecord, Step, TargetFolder};
use crate::explain::{Listener, clean};

/// How many of a step's last lines are kept.
const TAIL: usize = 100;

/// How much is kept of a line that does not end.
const UNENDED: usize = 64 * 1024;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message {
    vertexes: Vec<Vertex>,
    statuses: Vec<Status>,
    logs: Vec<Log>,
}

#[derive(Deserialize)]
struct Vertex {
    digest: String,
    #[serde(default)]
    name: String,
    started: Option<Timestamp>,
    completed: Option<Timestamp>,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    id: String,
    #[serde(default)]
    vertex: String,
    #[serde(default)]
    current: u64,
}

#[derive(Deserialize)]
struct Log {
    vertex: String,
    #[serde(default)]
    data: String,
}

/// What happened, for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A step runs now.
    Started(&'a str),
    /// A step printed a line.
    Line(&'a str, &'a str),
    /// Cargo began to compile a crate, `name version`, in a step.
    Compiling(&'a str, &'a str),
    /// A step has ended, one way or the other.
    Ended(&'a str),
}

/// Collects the account into a record.
#[derive(Debug, Default)]
pub struct Recorder {
    steps: Vec<Step>,
    by_digest: BTreeMap<String, usize>,
    intervals: Vec<Vec<(Timestamp, Timestamp)>>,
    /// What is wrong in each step, which may stand far before its end.
    errors: Vec<Listener>,
    started: BTreeSet<usize>,
    pending: BTreeMap<String, String>,
    context: BTreeMap<String, u64>,
    text: Vec<String>,
}

impl Recorder {
    /// Takes one line of stderr. Lines that are not the account's are kept as text.
    pub fn feed(&mut self, line: &str, mut on: impl FnMut(&Step, Event<'_>)) {
        let Some(message) = line.starts_with('{').then(|| serde_json::from_str::<Message>(line).ok()).flatten() else {
            if self.text.len() < 500 {
                self.text.push(line.to_owned());
            }
            return;
        };
        for vertex in message.vertexes {
            self.vertex(vertex, &mut on);
        }
        for status in message.statuses {
            if status.id.starts_with("transferring context") {
                let most = self.context.entry(status.vertex).or_default();
                *most = status.current.max(*most);
            }
        }
        for log in message.logs {
            self.log(&log, &mut on);
        }
    }

    fn vertex(&mut self, vertex: Vertex, on: &mut impl FnMut(&Step, Event<'_>)) {
        let new = !self.by_digest.contains_key(&vertex.digest);
        let at = *self.by_digest.entry(vertex.digest.clone()).or_insert(self.steps.len());
        if new {
            self.steps.push(Step {
                digest: vertex.digest,
                stage: stage(&vertex.name),
                platform: platform(&vertex.name),
                name: vertex.name,
                ..Step::default()
            });
            self.intervals.push(Vec::new());
            self.errors.push(Listener::default());
        }
        // A last line need not end.
        if vertex.completed.is_some()
            && let Some(rest) = self.pending.remove(&self.steps[at].digest).filter(|rest| !rest.is_empty())
        {
            self.line(at, &rest, on);
        }
        let step = &mut self.steps[at];
        let was_cached = step.cached;
        step.cached |= vertex.cached;
        if !vertex.error.is_empty() {
            step.error = Some(vertex.error);
        }
        match (vertex.started, vertex.completed) {
            (Some(start), Some(end)) => {
                let first = self.intervals[at].is_empty();
                self.intervals[at].push((start, end));
                step.seconds = union(&self.intervals[at]);
                if first || (step.cached && !was_cached) {
                    on(step, Event::Ended(&step.name));
                }
            }
            (Some(_), None) if self.intervals[at].is_empty() && self.started.insert(at) => {
                on(step, Event::Started(&step.name));
            }
            _ => {}
        }
    }

    fn log(&mut self, log: &Log, on: &mut impl FnMut(&Step, Event<'_>)) {
        let Some(&at) = self.by_digest.get(&log.vertex) else { return };
        let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(&log.data) else { return };
        // Pieces end anywhere; lines are put together for each step.
        let mut pending = self.pending.remove(&log.vertex).unwrap_or_default();
        pending.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = pending.find('\n') {
            let raw: String = pending.drain(..=end).collect();
            self.line(at, &raw, on);
        }
        // What shows progress ends no line for a long time.
        if pending.len() < UNENDED {
            self.pending.insert(log.vertex.clone(), pending);
        }
    }

    fn line(&mut self, at: usize, raw: &str, on: &mut impl FnMut(&Step, Event<'_>)) {
        let line = clean(raw);
        self.errors[at].hear(&line);
        let step = &mut self.steps[at];
        if step.tail.len() == TAIL {
            step.tail.remove(0);
        }
        step.tail.push(line.clone());
        on(step, Event::Line(&step.name, &line));
        step.target = TargetFolder::said(&line).or(step.target);
        step.warning = super::record::warned(&line).or(step.warning.take());
        step.tests = super::record::tests_said(&line).or(step.tests.take());
        if let Some(krate) = compiling(&line)
            && !step.compiled.contains(&krate)
        {
            step.compiled.push(krate.clone());
            on(step, Event::Compiling(&step.name, &krate));
        }
    }

    /// The step that failed, where one did: the first that has an error of its own.
    pub fn failed(&self) -> Option<&Step> {
        let own = |step: &&Step| step.error.as_deref().is_some_and(|error| !error.contains("context canceled"));
        self.steps.iter().find(own).or_else(|| self.steps.iter().find(|step| step.error.is_some()))
    }

    /// What was heard of errors in a step.
    pub fn errors(&self, step: &Step) -> Option<&Listener> {
        self.by_digest.get(&step.digest).and_then(|&at| self.errors.get(at))
    }

    /// What was printed besides the account.
    pub fn text(&self) -> &[String] {
        &self.text
    }

    /// Whether the engine has said anything that could be understood.
    pub fn heard(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The record so far.
    pub fn record(&self, seconds: f64) -> BuildRecord {
        let context_bytes = self
            .context
            .iter()
            .filter(|(vertex, _)| {
                self.by_digest.get(*vertex).is_some_and(|&at| self.steps[at].name.contains("load build context"))
            })
            .map(|(_, bytes)| bytes)
            .sum();
        BuildRecord { seconds, steps: self.steps.clone(), context_bytes, targets: BTreeMap::new() }
    }
}

/// The stage in a step's name: `builder` in `[api builder 2/3] RUN …`; none in `[internal] …`.
fn stage(name: &str) -> Option<String> {
    let (inside, _) = name.strip_prefix('[')?.split_once(']')?;
    let words: Vec<&str> = inside.split(' ').collect();
    let (count, before) = words.split_last()?;
    count.contains('/').then(|| before.last().map(|stage| (*stage).to_owned())).flatten()
}

/// What a step is for in a build for several platforms: `arm64` in `[linux/amd64->arm64 builder 2/3] RUN …`, where it runs on
/// amd64, and `amd64` in `[linux/amd64 builder 2/3] RUN …`. Before it stands the image, where there are several: `[api linux/…`.
fn platform(name: &str) -> Option<String> {
    let (inside, _) = name.strip_prefix('[')?.split_once(']')?;
    let first = inside.split(' ').find_map(|word| word.strip_prefix("linux/"))?;
    Some(first.split_once("->").map_or(first, |(_, target)| target).to_owned())
}

/// `ring 0.17.14` in `   Compiling ring v0.17.14`; a crate of the workspace's own keeps its folder's mark: `api 1.4.0 *`.
pub(crate) fn compiling(line: &str) -> Option<String> {
    let mut words = line.trim_start().strip_prefix("Compiling ")?.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let own = words.next().is_some_and(|place| place.starts_with("(/"));
    Some(format!("{name} {version}{}", if own { " *" } else { "" }))
}

fn union(intervals: &[(Timestamp, Timestamp)]) -> f64 {
    let mut sorted = intervals.to_vec();
    sorted.sort();
    let mut total = 0.0;
    let mut until: Option<Timestamp> = None;
    for (start, end) in sorted {
        let from = until.map_or(start, |until| until.max(start));
        if end > from {
            total += end.duration_since(from).as_secs_f64();
            until = Some(end);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(vertex: &str, text: &str) -> String {
        let data = base64::engine::general_purpose::STANDARD.encode(text);
        format!(r#"{{"logs":[{{"vertex":"{vertex}","stream":2,"data":"{data}"}}]}}"#)
    }

    #[test]
    fn stages_in_names() {
        assert_eq!(stage("[api builder 2/3] RUN cargo build").as_deref(), Some("builder"));
        assert_eq!(stage("[linux/amd64 deps 1/2] COPY").as_deref(), Some("deps"));
        assert_eq!(stage("[api internal] load build context"), None);
        assert_eq!(stage("[api] exporting to image"), None);
    }

    #[test]
    fn platforms_in_names() {
        let of = |name: &str| platform(name).unwrap_or_default();
        assert_eq!(of("[linux/amd64 deps 1/2] COPY"), "amd64");
        assert_eq!(of("[linux/amd64->arm/v7 deps 1/2] COPY"), "arm/v7");
        assert_eq!(of("[orders linux/amd64->arm64 deps 2/2] RUN x"), "arm64");
        assert_eq!(of("[orders internal] load linux/amd64"), "");
    }

    #[test]
    fn intervals_are_joined_and_lines_put_together() {
        let mut recorder = Recorder::default();
        let mut seen = Vec::new();
        let mut feed = |line: &str| {
            recorder.feed(line, |_, event| seen.push(format!("{event:?}")));
        };
        feed(r#"{"vertexes":[{"digest":"d","name":"[builder 1/1] RUN x","started":"2026-01-01T00:00:00Z"}]}"#);
        feed(&log("d", "   Compiling"));
        feed(&log("d", " api v1.0.0 (/app)\n   Compiling ring v0.1.0\nhalf"));
        feed(
            r#"{"vertexes":[{"digest":"d","name":"[builder 1/1] RUN x","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:02Z"}]}"#,
        );
        feed(
            r#"{"vertexes":[{"digest":"d","name":"[builder 1/1] RUN x","started":"2026-01-01T00:00:01Z","completed":"2026-01-01T00:00:03Z"}]}"#,
        );
        feed("ERROR: text");
        let record = recorder.record(4.0);
        assert!((record.steps[0].seconds - 3.0).abs() < 1e-9);
        assert_eq!(record.steps[0].compiled, ["api 1.0.0 *", "ring 0.1.0"]);
        assert_eq!(recorder.text(), ["ERROR: text"]);
        assert_eq!(seen.iter().filter(|event| event.starts_with("Ended")).count(), 1);
    }

    #[test]
    fn garbage_is_text() {
        let mut recorder = Recorder::default();
        for line in ["{", "{}", "\u{0}", r#"{"vertexes":[{"digest":3}]}"#, r#"{"logs":[{"vertex":"none","data":"!"}]}"#]
        {
            recorder.feed(line, |_, _| {});
        }
        assert!(!recorder.heard());
        assert_eq!(recorder.text().len(), 3);
    }
}
