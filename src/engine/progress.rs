//! What is seen while a build runs: live lines on a terminal, a quiet log elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anstyle::{AnsiColor, Style as Ansi};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::explain::short;
use super::rawjson::Event;
use super::record::Step;
use crate::failure::printable;

/// How much is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Nothing.
    Quiet,
    /// A line where a step that takes time begins, and one where it ends.
    Plain,
    /// What is going on now, with crates counted.
    Live,
    /// Every line of every step.
    Verbose,
}

/// Shows a build's events on stderr.
#[derive(Debug)]
pub struct Reporter {
    style: Style,
    /// How many crates each stage compiles, at most.
    totals: BTreeMap<String, usize>,
    lines: MultiProgress,
    running: BTreeMap<String, ProgressBar>,
    /// Steps of which it has been said that they run.
    announced: BTreeSet<String>,
    /// What has been said, for tests.
    said: Vec<String>,
}

impl Reporter {
    /// A reporter; `totals` says how many crates each stage compiles when nothing is cached.
    pub fn new(style: Style, totals: BTreeMap<String, usize>) -> Self {
        Self {
            style,
            totals,
            lines: MultiProgress::new(),
            running: BTreeMap::new(),
            announced: BTreeSet::new(),
            said: Vec::new(),
        }
    }

    pub(super) fn event(&mut self, step: &Step, event: Event<'_>) {
        match (self.style, event) {
            (Style::Quiet, _) => {}
            (Style::Live, Event::Started(_)) if step.stage.is_some() => self.watch(step),
            (_, Event::Ended(_)) => self.ended(step),
            (Style::Verbose, Event::Line(_, line)) => {
                let stage = self.stage(step).unwrap_or_else(|| "engine".to_owned());
                let dim = Ansi::new().dimmed();
                self.say(&format!("{dim}{stage:>12}{dim:#} {}", printable(line)));
            }
            // A step that is cached starts as well, and prints nothing.
            (Style::Plain, Event::Line(..)) if self.announced.insert(step.digest.clone()) => self.announce(step),
            (Style::Live, Event::Compiling(_, krate)) => {
                let stage = step.stage.clone().unwrap_or_default();
                let done = step.compiled.len();
                let count = match self.totals.get(&stage) {
                    Some(total) if done <= *total => format!("{done}/{total}"),
                    _ => done.to_string(),
                };
                if let Some(bar) = self.running.get(&step.digest) {
                    bar.set_message(format!("compiling {count} {}", krate.trim_end_matches(" *")));
                }
            }
            _ => {}
        }
    }

    fn watch(&mut self, step: &Step) {
        let bar = self.lines.add(ProgressBar::new_spinner());
        // A template that is a constant and right cannot fail; the default would do.
        let look = ProgressStyle::with_template("{prefix:>12.cyan.bold} {wide_msg} {elapsed:.dim}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(look);
        bar.set_prefix(self.stage(step).unwrap_or_default());
        bar.set_message(instruction(&step.name));
        bar.enable_steady_tick(Duration::from_millis(200));
        self.running.insert(step.digest.clone(), bar);
    }

    /// The stage, and the platform where each has one of its own: those that compile.
    fn stage(&self, step: &Step) -> Option<String> {
        let stage = step.stage.as_ref()?;
        let platform = step.platform.as_ref().filter(|_| self.totals.contains_key(stage));
        Some(platform.map_or_else(|| stage.clone(), |platform| format!("{stage} {platform}")))
    }

    fn announce(&mut self, step: &Step) {
        let Some(stage) = self.stage(step) else { return };
        let cyan = AnsiColor::Cyan.on_default().bold();
        self.say(&format!("{cyan}{:>12}{cyan:#} {stage}: {}", "Running", instruction(&step.name)));
    }

    fn ended(&mut self, step: &Step) {
        if let Some(bar) = self.running.remove(&step.digest) {
            bar.finish_and_clear();
        }
        let Some(stage) = self.stage(step) else { return };
        // What took no time tells nothing; that a step with a command was cached does. Who watches has seen it anyway.
        let command = instruction(&step.name).starts_with("RUN");
        let least = if self.style == Style::Live { 1.0 } else { 0.1 };
        if step.error.is_some() || !command || (step.seconds < least && !step.cached) {
            return;
        }
        let green = AnsiColor::Green.on_default().bold();
        let (verb, how) = if step.cached {
            ("Cached", String::new())
        } else if step.compiled.is_empty() {
            ("Finished", format!(" in {:.1} s", step.seconds))
        } else {
            let crates = step.compiled.len();
            ("Compiled", format!(" in {:.1} s, {crates} crate{}", step.seconds, if crates == 1 { "" } else { "s" }))
        };
        self.say(&format!("{green}{verb:>12}{green:#} {stage}: {}{how}", instruction(&step.name)));
    }

    fn say(&mut self, line: &str) {
        if self.style == Style::Live {
            self.lines.suspend(|| anstream::eprintln!("{line}"));
        } else {
            anstream::eprintln!("{line}");
        }
        if cfg!(test) {
            self.said.push(anstream::adapter::strip_str(line).to_string());
        }
    }

    /// Says why everything runs once more.
    pub(super) fn again(&mut self, why: &str) {
        if self.style != Style::Quiet {
            let yellow = AnsiColor::Yellow.on_default().bold();
            self.say(&format!("{yellow}{:>12}{yellow:#} {why}", "Retrying"));
        }
    }

    /// Takes away what is only seen while something runs.
    pub(super) fn finish(&mut self) {
        for (_, bar) in std::mem::take(&mut self.running) {
            bar.finish_and_clear();
        }
        drop(self.lines.clear());
    }
}

/// What a step does, in at most fifty characters: `RUN cargo chef cook …`.
pub(crate) fn instruction(name: &str) -> String {
    let text = short(name.split_once("] ").map_or(name, |(_, rest)| rest));
    let cut: String = text.chars().take(50).collect();
    if cut.len() < text.len() { format!("{}…", cut.trim_end()) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rawjson::Recorder;

    #[test]
    fn the_plain_log_of_a_recorded_build() {
        let recording = include_str!("../../tests/shims/recordings/success/bake.stderr");
        let mut reporter = Reporter::new(Style::Plain, BTreeMap::new());
        let mut recorder = Recorder::default();
        for line in recording.lines() {
            recorder.feed(line, |step, event| reporter.event(step, event));
        }
        insta::assert_snapshot!(reporter.said.join("\n"));
    }
}
