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

/// How wide the account is where nobody says how wide the terminal is, and at most.
pub const COLUMNS: usize = 100;

/// Where the terminal is narrower still, its lines are broken there.
const LEAST: usize = 60;

/// Tables of images and their layers, then what the build did. With ANSI colours, for a terminal of so many columns.
pub fn table(report: &Report, columns: usize) -> String {
    let columns = columns.clamp(LEAST, COLUMNS);
    let mut text = String::new();
    for image in &report.images {
        text.push_str(&image_table(image, columns));
        text.push('\n');
    }
    if let Some(tests) = &report.tests {
        let _ = writeln!(text, "{BOLD}{}{BOLD:#} in {}", tests.headline(), seconds(tests.seconds));
    }
    text.push_str(&build(report, columns));
    text
}

fn image_table(image: &ImageReport, columns: usize) -> String {
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
        let held = if layer.files > 1 { format!("{} files: {largest}", layer.files) } else { largest };
        // What stands before it takes some 32 columns.
        let held: String = match columns - 32 {
            room if held.chars().count() > room => held.chars().take(room - 1).chain(['…']).collect(),
            _ => held,
        };
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
    for (i, line) in wrapped(&checks, columns - 14).into_iter().enumerate() {
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

fn build(report: &Report, columns: usize) -> String {
    let build = &report.build;
    let own: Vec<&Step> = build.steps.iter().filter(|step| step.stage.is_some()).collect();
    let cached = own.iter().filter(|step| step.cached).count();
    let compiled: usize = own.iter().map(|step| step.compiled.len()).sum();
    let crates = if compiled == 1 { "crate" } else { "crates" };
    let mut said = vec![
        format!("built for {} in {}; {cached} of {} steps cached", report.profile, seconds(build.seconds), own.len()),
        format!("{compiled} {crates} compiled"),
    ];
    // Where this machine's cargo compiles there is nobody to send it to.
    if build.context_bytes > 0 {
        said.push(format!("{} of context sent", size(build.context_bytes)));
    }
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let said = wrapped(&said, columns).join("\n");
    let mut text = format!("{}\n", said.replacen("built", &format!("{BOLD}built{BOLD:#}"), 1));
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
    let mut warnings: Vec<&str> = build.steps.iter().filter_map(|step| step.warning.as_deref()).collect();
    warnings.dedup();
    for warning in warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

pub(super) fn size(bytes: u64) -> String {
    // Decimal, as registries and `docker images` count.
    ByteSize::b(bytes).display().si().to_string()
}

pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LayerSize, Size};
    use super::*;
    use crate::image::verify::Check;

    #[test]
    fn an_image_fits_its_terminal() {
        let layer = LayerSize {
            name: "program".to_owned(),
            digest: String::new(),
            compressed: 123_456_789,
            unpacked: 987_654_321,
            files: 3,
            largest: vec![("/usr/share/".repeat(9), 1), ("/etc/passwd".to_owned(), 94)],
        };
        let check = |text: &str| Check { name: String::new(), text: text.to_owned(), passed: true };
        let image = ImageReport {
            name: "api".to_owned(),
            tags: Vec::new(),
            platform: "linux/amd64".to_owned(),
            digest: String::new(),
            size: Size { compressed: 1, unpacked: 1, metadata: 1, layers: vec![layer] },
            before: None,
            checks: ["static for amd64", "runs as 65532:65532", "nothing setuid or open to all", "/data writable"]
                .map(check)
                .to_vec(),
        };
        for columns in [LEAST, 80, COLUMNS] {
            let text = anstream::adapter::strip_str(&image_table(&image, columns)).to_string();
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{text}");
            assert!(text.contains("/data writable"));
        }
    }
}
