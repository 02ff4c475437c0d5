//! The account as people read it.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use comfy_table::{CellAlignment, ColumnConstraint, Table, Width, presets};

use super::{ImageReport, Report};
use crate::engine::record::Step;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many steps are named.
const LONGEST: usize = 3;

/// Tables of images and their layers, then what the build did. With ANSI colours; never wider than 100 columns.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for image in &report.images {
        text.push_str(&image_table(image));
        text.push('\n');
    }
    text.push_str(&build(report));
    text
}

fn image_table(image: &ImageReport) -> String {
    let mut text = String::new();
    let name = image.tags.first().unwrap_or(&image.name);
    let change = match image.before {
        None => String::new(),
        Some(before) if before == image.size.compressed => ", as before".to_owned(),
        Some(before) if before < image.size.compressed => {
            format!(", {} more than before", size(image.size.compressed - before))
        }
        Some(before) => format!(", {} less than before", size(before - image.size.compressed)),
    };
    let _ = writeln!(
        text,
        "{BOLD}{name}{BOLD:#} {}: {BOLD}{}{BOLD:#} compressed, {} unpacked{change}",
        image.platform,
        size(image.size.compressed),
        size(image.size.unpacked)
    );
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for layer in &image.size.layers {
        let largest =
            layer.largest.iter().map(|(path, bytes)| format!("{path} {}", size(*bytes))).collect::<Vec<_>>().join(", ");
        let largest: String =
            if largest.chars().count() > 60 { largest.chars().take(59).chain(['…']).collect() } else { largest };
        let held = if layer.files > 1 { format!("{} files: {largest}", layer.files) } else { largest };
        table.add_row([layer.name.clone(), size(layer.compressed), size(layer.unpacked), held]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(10)));
        }
    }
    for line in table.lines() {
        let _ = writeln!(text, " {}", line.trim_end());
    }
    let green = AnsiColor::Green.on_default();
    let checks: Vec<&str> = image.checks.iter().filter(|check| check.passed).map(|check| check.text.as_str()).collect();
    for (i, line) in wrapped(&checks, 86).into_iter().enumerate() {
        let title = if i == 0 { "checked" } else { "" };
        let _ = writeln!(text, "  {green}{title:<7}{green:#}  {DIM}{line}{DIM:#}");
    }
    text
}

/// Words in lines of at most so many characters, where a word fits.
fn wrapped(words: &[&str], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (i, word) in words.iter().enumerate() {
        let word = if i + 1 == words.len() { (*word).to_owned() } else { format!("{word},") };
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn build(report: &Report) -> String {
    let build = &report.build;
    let own: Vec<&Step> = build.steps.iter().filter(|step| step.stage.is_some()).collect();
    let cached = own.iter().filter(|step| step.cached).count();
    let compiled: usize = own.iter().map(|step| step.compiled.len()).sum();
    let crates = if compiled == 1 { "crate" } else { "crates" };
    let mut text = format!(
        "{BOLD}built{BOLD:#} for {} in {}; {cached} of {} steps cached, {compiled} {crates} compiled, {} of context sent\n",
        report.profile,
        seconds(build.seconds),
        own.len(),
        size(build.context_bytes)
    );
    let mut longest = own;
    longest.retain(|step| step.seconds >= 0.1 && !step.cached);
    longest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    for step in longest.into_iter().take(LONGEST) {
        let _ = writeln!(
            text,
            "  {:>8}  {} {DIM}{}{DIM:#}",
            seconds(step.seconds),
            step.stage.as_deref().unwrap_or_default(),
            crate::engine::instruction(&step.name)
        );
    }
    let target = build.target();
    if target.kept > 0 {
        let removed = if target.removed > 0 { format!(", {} removed", size(target.removed)) } else { String::new() };
        let _ = writeln!(text, "  {:>8}  kept compiled on the engine for the next build{removed}", size(target.kept));
    }
    text
}

fn size(bytes: u64) -> String {
    // Decimal, as registries and `docker images` count.
    ByteSize::b(bytes).display().si().to_string()
}

fn seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}
