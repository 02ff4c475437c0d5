//! Two trials beside each other, in a terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

use super::compare::{Comparison, Side};
use super::table::entry;
use super::words::{count, cut, line, percent_change, seconds, seconds_change, size, size_change};
use crate::trial::Scenario;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many crates of a cold build are named.
const NAMED: usize = 12;

impl Comparison {
    /// What became of each scenario and layer, for a terminal. With ANSI colours; never wider than 100 columns.
    pub fn table(&self) -> String {
        let name = |text: &str| cut(&line(text), 30);
        let mut text = format!(
            "{BOLD}{}{BOLD:#} against {} by cargo dockerize {}\n\n",
            name(&self.contender),
            name(&self.base.began),
            cut(&line(&self.base.version), 20)
        );
        text.push_str(&self.figures());
        let remarks = self.remarks();
        if !remarks.is_empty() {
            text.push('\n');
            text.push_str(&remarks);
        }
        text
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of sizes")]
    fn figures(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let head = ["", "before", "now", "change", "", "compiled"];
        table.add_row(head);
        for change in &self.scenarios {
            let both = change.before.seconds().zip(change.now.seconds());
            table.add_row([
                change.scenario.title().to_owned(),
                side(&change.before),
                side(&change.now),
                both.and_then(|(before, now)| seconds_change(before, now)).unwrap_or_default(),
                both.filter(|(before, now)| seconds_change(*before, *now).is_some())
                    .and_then(|(before, now)| percent_change(before, now))
                    .unwrap_or_default(),
                compiled(&change.before, &change.now),
            ]);
        }
        table.add_row([""]);
        let layers =
            self.layers.iter().map(|layer| (cut(&format!("  {}", line(&layer.name)), 27), layer.before, layer.now));
        let sizes = std::iter::once(("image".to_owned(), self.size_before, self.size_now)).chain(layers);
        for (name, before, now) in sizes {
            let both = before.zip(now).filter(|(before, now)| before != now);
            let bytes = |bytes: Option<u64>| bytes.map_or("–".to_owned(), size);
            table.add_row([
                name,
                bytes(before),
                bytes(now),
                both.and_then(|(before, now)| size_change(before, now)).unwrap_or_default(),
                both.and_then(|(before, now)| percent_change(before as f64, now as f64)).unwrap_or_default(),
                String::new(),
            ]);
        }
        for column in 1..head.len() {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = String::new();
        for (i, line) in table.lines().enumerate() {
            let line = line.strip_prefix(' ').unwrap_or(&line).trim_end();
            let style = if i == 0 { BOLD } else { Style::new() };
            let _ = writeln!(text, "{style}{line}{style:#}");
        }
        text
    }

    fn remarks(&self) -> String {
        let mut text = String::new();
        let yellow = AnsiColor::Yellow.on_default();
        for change in self.scenarios.iter().filter(|change| !change.newly_compiled.is_empty()) {
            let names: Vec<String> = change.newly_compiled.iter().map(|name| line(name)).collect();
            // A cold build compiles what the graph holds; every other one has no reason to compile more than before.
            let cold = change.scenario == Scenario::Cold;
            let shown = if cold { names.len().min(NAMED) } else { names.len() };
            let mut list = names[..shown].join(", ");
            if shown < names.len() {
                let _ = write!(list, " and {} more", names.len() - shown);
            }
            let sum = count(names.len(), "crate");
            let style = if cold { DIM } else { yellow };
            let line = format!("{}: {sum} that the base did not compile: {list}", change.scenario.title());
            text.push_str(&entry(style, "compiled", &line));
        }
        for change in &self.scenarios {
            for (side, of) in [(&change.before, "in the base"), (&change.now, "now")] {
                let (style, word, why) = match side {
                    Side::Failed { why } => (AnsiColor::Red.on_default(), "failed", why),
                    Side::Skipped { why } => (DIM, "skipped", why),
                    Side::Built { .. } | Side::Absent => continue,
                };
                text.push_str(&entry(style, word, &format!("{}, {of}: {}", change.scenario.title(), line(why))));
            }
        }
        for (scenarios, whose) in [(&self.only_now, "not in the base"), (&self.only_base, "only in the base")] {
            if !scenarios.is_empty() {
                let titles: Vec<&str> = scenarios.iter().map(|scenario| scenario.title()).collect();
                text.push_str(&entry(DIM, "only", &format!("{whose}: {}", titles.join("; "))));
            }
        }
        if !self.subjects.is_empty() {
            let what = format!("these are accounts of different things: {}", line(&self.subjects.join("; ")));
            text.push_str(&entry(yellow, "subject", &what));
        }
        if !self.same_machine {
            let machines = line(&self.machines.join("; "));
            let what = format!("not the base's, so that seconds do not count against a budget: {machines}");
            text.push_str(&entry(yellow, "machine", &what));
        }
        text
    }
}

fn side(side: &Side) -> String {
    match side {
        Side::Built { seconds: took, .. } => seconds(*took),
        Side::Failed { .. } => "failed".to_owned(),
        Side::Skipped { .. } | Side::Absent => "–".to_owned(),
    }
}

fn compiled(before: &Side, now: &Side) -> String {
    match (before.compiled(), now.compiled()) {
        (Some(before), Some(now)) if before != now => format!("{before} → {now}"),
        (_, Some(now)) => now.to_string(),
        (_, None) => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::trial::report::compare;
    use crate::trial::report::fixture::{plain, snapshot, trial};

    #[test]
    fn as_people_see_it() {
        snapshot("comparison", &plain(&compare(&trial("now"), &trial("base")).table()));
    }

    #[test]
    fn on_another_machine() {
        let mut base = trial("base");
        base.machine.cpus = 16;
        base.machine.engine = "27.1.0".to_owned();
        base.image = "worker".to_owned();
        base.runs[3].outcome = crate::trial::Outcome::Failed { why: "the engine went away".to_owned() };
        snapshot("comparison-elsewhere", &plain(&compare(&trial("now"), &base).table()));
    }

    #[test]
    fn never_wider_than_a_terminal() {
        let mut now = trial("now");
        now.contenders[0].title = "x".repeat(400);
        for run in &mut now.runs {
            if let crate::trial::Outcome::Built(build) = &mut run.outcome {
                build.compiled.push("y".repeat(300));
                build.seconds *= 50_000.0;
                build.layers.iter_mut().for_each(|layer| layer.name = "z".repeat(200));
            }
        }
        let text = plain(&compare(&now, &trial("base")).table());
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
}
