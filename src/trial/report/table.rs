//! The account in a terminal.

use std::cmp::Reverse;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

use super::facts::{self, Trouble};
use super::words::{cut, line, ratio, seconds, size, wrap};
use crate::trial::{Outcome, Scenario, Trial};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// As wide as it may become.
const WIDTH: usize = 100;

/// What a contender's column takes: `223.0 s  0.35`.
const COLUMN: usize = 13;

/// Builds by scenario and contender, then images, then the machine. With ANSI colours; never wider than 100 columns.
pub fn table(trial: &Trial) -> String {
    let mut text = format!(
        "{BOLD}{}{BOLD:#} of {}, profile {}\n\n",
        cut(&line(&trial.image), 30),
        cut(&line(&trial.workspace), 30),
        cut(&line(&trial.profile), 20)
    );
    let others: Vec<&str> = trial.contenders.iter().skip(1).map(|contender| contender.name.as_str()).collect();
    // A scale of three others is what the width holds; more of them go below.
    let columns = if widest(trial, &others) > COLUMN { 2 } else { 3 };
    if others.is_empty() {
        text.push_str(&times(trial, &[]));
    }
    for others in others.chunks(columns) {
        text.push_str(&times(trial, others));
        text.push('\n');
    }
    if !others.is_empty() {
        let first = cut(&line(facts::first(trial)), COLUMN);
        let legend = format!("Beside another's seconds: what `{first}` takes of them. 0.50 is half as long.");
        let _ = writeln!(text, "{DIM}{legend}{DIM:#}");
    }
    text.push_str(&remarks(trial));
    text.push('\n');
    text.push_str(&images(trial));
    text.push('\n');
    text.push_str(&machine(trial));
    text
}

fn widest(trial: &Trial, others: &[&str]) -> usize {
    let cells = trial.scenarios().into_iter().flat_map(|scenario| others.iter().map(move |other| (scenario, other)));
    cells.map(|(scenario, other)| cell(trial, scenario, other).chars().count()).max().unwrap_or(0)
}

fn times(trial: &Trial, others: &[&str]) -> String {
    let first = facts::first(trial);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let names = others.iter().map(|other| cut(&line(other), COLUMN));
    let head = [String::new(), cut(&line(first), COLUMN), "compiled".to_owned()];
    table.add_row(head.into_iter().chain(names));
    for scenario in trial.scenarios() {
        let compiled = trial.build(scenario, first).map_or("–".to_owned(), |build| build.compiled.len().to_string());
        let own = [scenario.title().to_owned(), cell(trial, scenario, first), compiled];
        table.add_row(own.into_iter().chain(others.iter().map(|other| cell(trial, scenario, other))));
    }
    for column in 1..others.len() + 3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let red = AnsiColor::Red.on_default();
    let mut text = String::new();
    for (i, line) in table.lines().enumerate() {
        let line = line.trim_end();
        let line = line.strip_prefix(' ').unwrap_or(line);
        if i == 0 {
            let _ = writeln!(text, "{BOLD}{line}{BOLD:#}");
        } else {
            text.push_str(&line.replace("failed", &format!("{red}failed{red:#}")));
            text.push('\n');
        }
    }
    text
}

/// Seconds, and behind those of another the first one's share of them.
fn cell(trial: &Trial, scenario: Scenario, contender: &str) -> String {
    let first = facts::first(trial);
    let text = match facts::outcome(trial, scenario, contender) {
        Some(Outcome::Built(build)) => seconds(build.seconds),
        Some(Outcome::Failed { .. }) => "failed".to_owned(),
        Some(Outcome::Skipped { .. }) | None => "–".to_owned(),
    };
    if contender == first {
        return text;
    }
    let both = trial.build(scenario, first).zip(trial.build(scenario, contender));
    let share = both.and_then(|(own, other)| ratio(own.seconds, other.seconds)).unwrap_or_default();
    format!("{text}  {share:>4}")
}

/// What the table has no room for.
fn remarks(trial: &Trial) -> String {
    let mut text = String::new();
    let red = AnsiColor::Red.on_default();
    for Trouble { word, contender, why, scenarios } in &facts::troubles(trial) {
        let style = if *word == "failed" { red } else { DIM };
        let scenarios: Vec<&str> = scenarios.iter().map(|scenario| scenario.title()).collect();
        text.push_str(&entry(style, word, &format!("{contender}, {}: {why}", scenarios.join("; "))));
    }
    let mut word = "changed";
    for scenario in trial.scenarios() {
        if let Some(change) = facts::change(trial, scenario) {
            text.push_str(&entry(DIM, std::mem::take(&mut word), &format!("{}: {}", scenario.title(), line(change))));
        }
    }
    for run in &trial.runs {
        if let Outcome::Built(build) = &run.outcome {
            for (name, note) in &build.notes {
                let text_of =
                    format!("{}, {}: {} {}", line(&run.contender), run.scenario.title(), line(name), line(note));
                text.push_str(&entry(DIM, "note", &text_of));
            }
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn images(trial: &Trial) -> String {
    let own = facts::image(trial, facts::first(trial)).map(|(_, size)| size);
    let mut text = String::new();
    let names: Vec<String> = trial.contenders.iter().map(|contender| cut(&line(&contender.name), 20)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (i, (contender, name)) in trial.contenders.iter().zip(&names).enumerate() {
        let held = match facts::image(trial, &contender.name) {
            None if contender.floor => format!("{:>8}        no image: the floor", "–"),
            None => format!("{:>8}", "–"),
            Some((build, bytes)) => {
                let share = own.filter(|_| i > 0).and_then(|own| ratio(as_f64(own), as_f64(bytes)));
                let mut layers = facts::layers(build);
                layers.sort_by_key(|layer| Reverse(layer.compressed));
                let layers: Vec<String> =
                    layers.iter().map(|layer| format!("{} {}", line(&layer.name), size(layer.compressed))).collect();
                format!("{:>8}  {:>4}  {}", size(bytes), share.unwrap_or_default(), layers.join(", "))
            }
        };
        let title = if i == 0 { "image" } else { "" };
        let text_of = format!("{name:<width$}  {held}");
        let _ = writeln!(text, "{BOLD}{title:<8}{BOLD:#} {}", cut_end(&text_of, WIDTH - 9));
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

fn cut_end(text: &str, width: usize) -> String {
    if text.chars().count() > width {
        text.chars().take(width - 1).chain(['…']).collect()
    } else {
        text.trim_end().to_owned()
    }
}

fn machine(trial: &Trial) -> String {
    let own = &trial.machine;
    let text = format!(
        "{}, {} cores, {} of memory; Docker {}, buildx {}, {}; cargo dockerize {}, {}",
        own.platform,
        own.cpus,
        size(own.memory),
        own.engine,
        own.buildx,
        own.toolchain,
        trial.version,
        trial.began
    );
    entry(DIM, "measured", &line(&text))
}

/// A word at the left, and lines beside it.
pub(super) fn entry(style: Style, word: &str, text: &str) -> String {
    let mut out = String::new();
    for (i, line) in wrap(text, WIDTH - 9).into_iter().enumerate() {
        let word = if i == 0 { word } else { "" };
        let _ = writeln!(out, "{style}{word:<8}{style:#} {line}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Contender;
    use crate::trial::report::fixture::{plain, snapshot, trial};

    #[test]
    fn as_people_see_it() {
        let text = plain(&table(&trial("now")));
        snapshot("table", &text);
    }

    #[test]
    fn never_wider_than_a_terminal() {
        let mut trial = trial("now");
        for number in 0..4 {
            let name = format!("deploy/production/of/number/{number}/Dockerfile");
            trial.contenders.push(Contender { name: name.clone(), title: String::new(), floor: false });
            for mut run in trial.runs.clone().into_iter().filter(|run| run.contender == "this") {
                run.contender.clone_from(&name);
                if let Outcome::Built(build) = &mut run.outcome {
                    build.seconds *= 100_000.0;
                }
                trial.runs.push(run);
            }
        }
        trial.image = "x".repeat(300);
        trial.machine.engine = "\u{1b}[2Jy".repeat(100);
        let text = plain(&table(&trial));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('\u{1b}'));
        for number in 0..4 {
            assert!(text.contains(&format!("r/{number}/Dockerfile")), "{text}");
        }
    }

    #[test]
    fn nothing_at_all_is_no_panic() {
        let trial = Trial { contenders: Vec::new(), runs: Vec::new(), ..trial("now") };
        assert!(plain(&table(&trial)).starts_with("api of example-workspace, profile prod\n"));
    }
}
