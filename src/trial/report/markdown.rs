//! The account as a comment on a pull request.

use std::fmt::Write;

use super::compare::{Comparison, ScenarioChange, Side, compare};
use super::facts;
use super::words::{count, line, percent_change, ratio, seconds, seconds_change, size, size_change};
use crate::trial::{Outcome, Scenario, Trial};

/// How many crates are named in a line.
const NAMED: usize = 8;

/// A headline, the builds, the image, and what it ran on; with the change against a base where there is one.
pub fn markdown(trial: &Trial, base: Option<&Trial>) -> String {
    let comparison = base.map(|base| compare(trial, base));
    let comparison = comparison.as_ref();
    let mut text = headline(trial, comparison);
    text.push_str(&builds(trial, comparison));
    let remarks = newly_compiled(comparison) + &troubles(trial);
    if !remarks.is_empty() {
        text.push_str(&remarks);
        text.push('\n');
    }
    text.push_str(&image(trial, comparison));
    text.push_str(&details(trial, comparison));
    text
}

/// Text of somebody else's: nothing in it is Markdown, HTML, a mention or a link.
fn code(text: &str) -> String {
    let mut out = String::from("<code>");
    for c in line(text).chars() {
        // References to characters, not backslashes: these also hold in tables, and inside of formulas.
        if c.is_alphanumeric() || " .,;:/+-=%()'\"…–\u{fffd}".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    }
    out + "</code>"
}

/// Figures do not break between number and unit.
fn solid(figure: &str) -> String {
    figure.replace(' ', "\u{a0}")
}

fn headline(trial: &Trial, comparison: Option<&Comparison>) -> String {
    let mut text = format!("### {}", code(&trial.image));
    if let Some((_, bytes)) = facts::image(trial, facts::first(trial)) {
        let _ = write!(text, ": {}", solid(&size(bytes)));
        match comparison.and_then(|comparison| comparison.size_before) {
            Some(before) if before == bytes => text.push_str(", as before"),
            Some(before) => {
                let change = bytes_change(Some(before), Some(bytes));
                let _ = write!(text, " ({change})");
            }
            None => {}
        }
    }
    text.push_str("\n\n");
    if let Some((scenario, build)) = facts::slowest_rebuild(trial) {
        let of = |comparison: &Comparison| {
            let change = comparison.scenarios.iter().find(|change| change.scenario == scenario)?;
            time_change(change)
        };
        let change = comparison.and_then(of).map_or_else(String::new, |change| format!(" ({change})"));
        let _ = writeln!(
            text,
            "The slowest change is *{}*: {}{change}, {} compiled.\n",
            scenario.title(),
            solid(&seconds(build.seconds)),
            count(build.compiled.len(), "crate")
        );
    }
    match comparison {
        Some(other) if !other.subjects.is_empty() => {
            let _ =
                writeln!(text, "> The base is an account of something else: {}.\n", code(&other.subjects.join("; ")));
        }
        _ => {}
    }
    match comparison {
        Some(other) if !other.same_machine => {
            let _ = writeln!(
                text,
                "> The base was measured on another machine ({}), so that seconds do not count.\n",
                code(&other.machines.join("; "))
            );
        }
        _ => {}
    }
    text
}

fn time_change(change: &ScenarioChange) -> Option<String> {
    let (before, now) = (change.before.seconds()?, change.now.seconds()?);
    let by = seconds_change(before, now)?;
    let share = percent_change(before, now).map_or_else(String::new, |share| format!(", {}", solid(&share)));
    Some(solid(&by) + &share)
}

#[expect(clippy::cast_precision_loss, reason = "a share of sizes")]
fn bytes_change(before: Option<u64>, now: Option<u64>) -> String {
    match (before, now) {
        (None, Some(_)) => "new".to_owned(),
        (Some(_), None) => "gone".to_owned(),
        (Some(before), Some(now)) => size_change(before, now).map_or_else(String::new, |by| {
            let share = percent_change(before as f64, now as f64)
                .map_or_else(String::new, |share| format!(", {}", solid(&share)));
            solid(&by) + &share
        }),
        (None, None) => String::new(),
    }
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn builds(trial: &Trial, comparison: Option<&Comparison>) -> String {
    let first = facts::first(trial);
    let others: Vec<&str> = trial.contenders.iter().skip(1).map(|contender| contender.name.as_str()).collect();
    let mut head = vec!["Build".to_owned(), "Time".to_owned()];
    if comparison.is_some() {
        head.push("Change".to_owned());
    }
    head.push("Crates compiled".to_owned());
    head.extend(others.iter().map(|name| code(name)));
    let mut rule = vec!["---:".to_owned(); head.len()];
    ":---".clone_into(&mut rule[0]);
    let mut text = row(&head) + &row(&rule);
    for scenario in trial.scenarios() {
        let change =
            comparison.and_then(|comparison| comparison.scenarios.iter().find(|change| change.scenario == scenario));
        let mut cells = vec![scenario.title().to_owned(), cell(trial, scenario, first)];
        if comparison.is_some() {
            cells.push(change.map(said).unwrap_or_default());
        }
        cells.push(crates(trial, scenario, change));
        cells.extend(others.iter().map(|other| cell(trial, scenario, other)));
        text.push_str(&row(&cells));
    }
    if let Some(comparison) = comparison.filter(|comparison| !comparison.only_base.is_empty()) {
        let titles: Vec<&str> = comparison.only_base.iter().map(|scenario| scenario.title()).collect();
        let _ = writeln!(text, "\nOnly in the base: {}.", titles.join("; "));
    }
    text + "\n"
}

fn said(change: &ScenarioChange) -> String {
    match (&change.before, &change.now) {
        (Side::Built { .. }, Side::Built { .. }) => time_change(change).unwrap_or_else(|| "none".to_owned()),
        (Side::Absent, Side::Built { .. }) => "new".to_owned(),
        (Side::Failed { .. }, Side::Built { .. }) => "failed before".to_owned(),
        _ => String::new(),
    }
}

fn cell(trial: &Trial, scenario: Scenario, contender: &str) -> String {
    let own = trial.build(scenario, facts::first(trial));
    match facts::outcome(trial, scenario, contender) {
        Some(Outcome::Built(build)) => {
            let share = own
                .filter(|_| contender != facts::first(trial))
                .and_then(|own| ratio(own.seconds, build.seconds))
                .map_or_else(String::new, |share| format!(" <sub>{share}</sub>"));
            solid(&seconds(build.seconds)) + &share
        }
        Some(Outcome::Failed { .. }) => "**failed**".to_owned(),
        Some(Outcome::Skipped { .. }) | None => "–".to_owned(),
    }
}

fn crates(trial: &Trial, scenario: Scenario, change: Option<&ScenarioChange>) -> String {
    let Some(build) = trial.build(scenario, facts::first(trial)) else { return "–".to_owned() };
    let now = build.compiled.len();
    match change.and_then(|change| change.before.compiled()) {
        Some(before) if before < now => format!("{now} (+{})", now - before),
        Some(before) if before > now => format!("{now} (−{})", before - now),
        _ => now.to_string(),
    }
}

fn newly_compiled(comparison: Option<&Comparison>) -> String {
    let mut text = String::new();
    for change in comparison.iter().flat_map(|comparison| &comparison.scenarios) {
        let names = &change.newly_compiled;
        if !names.is_empty() {
            let more = names.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let shown: Vec<String> = names.iter().take(NAMED).map(|name| code(name)).collect();
            let title = change.scenario.title();
            let _ = writeln!(text, "- *{title}* compiles what it did not before: {}{more}", shown.join(", "));
        }
    }
    text
}

fn troubles(trial: &Trial) -> String {
    let mut text = String::new();
    for trouble in facts::troubles(trial) {
        let word = if trouble.word == "failed" { "**failed**" } else { trouble.word };
        let _ =
            writeln!(text, "- {} {word} (*{}*): {}", code(&trouble.contender), trouble.titles(), code(&trouble.why));
    }
    text
}

fn image(trial: &Trial, comparison: Option<&Comparison>) -> String {
    let Some((build, bytes)) = facts::image(trial, facts::first(trial)) else { return String::new() };
    let Some(comparison) = comparison else {
        let mut text = "| Layer | Size |\n| :--- | ---: |\n".to_owned();
        for layer in facts::layers(build) {
            text.push_str(&row(&[code(&layer.name), solid(&size(layer.compressed))]));
        }
        text.push_str(&row(&["**Image**".to_owned(), format!("**{}**", solid(&size(bytes)))]));
        return text + &other_images(trial) + "\n";
    };
    let mut text = "| Layer | Size | Base | Change |\n| :--- | ---: | ---: | ---: |\n".to_owned();
    let shown = |bytes: Option<u64>| bytes.map_or("–".to_owned(), |bytes| solid(&size(bytes)));
    for layer in &comparison.layers {
        let change = bytes_change(layer.before, layer.now);
        text.push_str(&row(&[code(&layer.name), shown(layer.now), shown(layer.before), change]));
    }
    let (before, now) = (comparison.size_before, comparison.size_now);
    let change = bytes_change(before, now);
    let change = if change.is_empty() { change } else { format!("**{change}**") };
    text.push_str(&row(&["**Image**".to_owned(), format!("**{}**", shown(now)), shown(before), change]));
    text + &other_images(trial) + "\n"
}

/// What the others' images have, in a line.
fn other_images(trial: &Trial) -> String {
    let sizes: Vec<String> = trial
        .contenders
        .iter()
        .skip(1)
        .filter_map(|contender| {
            let (_, bytes) = facts::image(trial, &contender.name)?;
            Some(format!("{} {}", code(&contender.name), solid(&size(bytes))))
        })
        .collect();
    let others = if sizes.is_empty() { String::new() } else { format!(" Others: {}.", sizes.join(", ")) };
    format!("\nSizes are compressed, as they are pushed.{others}\n")
}

fn details(trial: &Trial, comparison: Option<&Comparison>) -> String {
    let mut text = "<details>\n<summary>What was changed, by whom it was built, and on what</summary>\n\n".to_owned();
    for scenario in trial.scenarios() {
        if let Some(change) = facts::change(trial, scenario) {
            let _ = writeln!(text, "- *{}*: {}", scenario.title(), code(change));
        }
    }
    for contender in &trial.contenders {
        let floor = if contender.floor { ", the floor" } else { "" };
        let _ = writeln!(text, "- {}: {}{floor}", code(&contender.name), code(&contender.title));
    }
    if trial.contenders.len() > 1 {
        let first = code(facts::first(trial));
        let _ = writeln!(
            text,
            "- The small figure beside another's time is what {first} takes of it: 0.50 is half as long."
        );
    }
    let _ = writeln!(text, "- {} of {}, profile {}", code(&trial.image), code(&trial.workspace), code(&trial.profile));
    let machine: Vec<String> =
        facts::machine(trial).into_iter().map(|(name, value)| format!("{name} {}", code(&value))).collect();
    let _ = writeln!(text, "- {}", machine.join(", "));
    if let Some(base) = comparison.map(|comparison| &comparison.base) {
        let _ = writeln!(text, "- Base: cargo dockerize {}, began {}", code(&base.version), code(&base.began));
    }
    text + "\n</details>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::report::fixture::{snapshot, trial};

    #[test]
    fn alone() {
        snapshot("markdown", &markdown(&trial("now"), None));
    }

    #[test]
    fn with_a_base() {
        snapshot("markdown-base", &markdown(&trial("now"), Some(&trial("base"))));
    }

    #[test]
    fn names_are_no_markup() {
        let mut now = trial("now");
        let name = "a|b `c` <script>alert(1)</script> @team #1 [x](y) $z$ _w_ \\ &lt; \"&'\n\n# d";
        now.image = name.to_owned();
        now.contenders[1].name = name.to_owned();
        for run in &mut now.runs {
            name.clone_into(&mut run.change);
            if run.contender == "cargo-chef" {
                name.clone_into(&mut run.contender);
            }
            match &mut run.outcome {
                Outcome::Built(build) => {
                    build.layers.iter_mut().for_each(|layer| name.clone_into(&mut layer.name));
                    build.compiled.push(name.to_owned());
                }
                Outcome::Failed { why } | Outcome::Skipped { why } => name.clone_into(why),
            }
        }
        let text = markdown(&now, Some(&trial("base")));
        for wrong in ["<script", "`", "a|b", "@team", "#1 ", "[x]", "$z", "_w_", "\\", "&lt;", "\n# d"] {
            assert!(!text.contains(wrong), "{wrong}: {text}");
        }
        let columns: Vec<usize> = text
            .lines()
            .skip_while(|line| !line.starts_with("| Build"))
            .take_while(|line| !line.is_empty())
            .map(|line| line.matches('|').count())
            .collect();
        assert!(columns.iter().all(|count| *count == columns[0]), "{columns:?}");
    }
}
