//! The account for a pull request.

use std::fmt::Write;

use super::table::{seconds, size};
use super::{ImageReport, Report};

/// A table of the images with what has changed since `base`, and their layers to be unfolded.
pub fn markdown(report: &Report, base: Option<&Report>) -> String {
    let since = if base.is_some() { " change |" } else { "" };
    let mut text = format!("| image | platform | compressed |{since} unpacked |\n| --- | --- | ---: |");
    text.push_str(if base.is_some() { " ---: | ---: |\n" } else { " ---: |\n" });
    for image in &report.images {
        let change = base.map(|_| format!(" {} |", change(image))).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} |{change} {} |",
            code(&image.name),
            cell(&image.platform),
            size(image.size.compressed),
            size(image.size.unpacked)
        );
    }
    for gone in base.iter().flat_map(|base| &base.images).filter(|image| report.same(image).is_none()) {
        let _ = writeln!(
            text,
            "| {} | {} | gone | -{} | |",
            code(&gone.name),
            cell(&gone.platform),
            size(gone.size.compressed)
        );
    }
    let compiled: usize = report.build.steps.iter().map(|step| step.compiled.len()).sum();
    let crates = if compiled == 1 { "crate" } else { "crates" };
    let _ = writeln!(
        text,
        "\nBuilt for {} in {}; {compiled} {crates} compiled.",
        report.profile,
        seconds(report.build.seconds)
    );
    if !report.images.is_empty() {
        text.push_str(&layers(report));
    }
    text
}

/// What it is more or less than before.
fn change(image: &ImageReport) -> String {
    let now = image.size.compressed;
    let Some(before) = image.before else { return "new".to_owned() };
    if now == before {
        return "none".to_owned();
    }
    let sign = if now > before { '+' } else { '-' };
    // Sizes of images are far from where this would lose a digit that is shown.
    #[allow(clippy::cast_precision_loss)]
    let percent = now.abs_diff(before) as f64 / before.max(1) as f64 * 100.0;
    format!("{sign}{} ({sign}{percent:.1} %)", size(now.abs_diff(before)))
}

fn layers(report: &Report) -> String {
    let mut text = String::from("\n<details><summary>Layers</summary>\n\n");
    text.push_str("| image | layer | compressed | unpacked | files |\n| --- | --- | ---: | ---: | ---: |\n");
    for image in &report.images {
        for layer in &image.size.layers {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                code(&image.name),
                cell(&layer.name),
                size(layer.compressed),
                size(layer.unpacked),
                layer.files
            );
        }
    }
    text + "\n</details>\n"
}

/// A name between backquotes, which it cannot close.
fn code(name: &str) -> String {
    format!("`{}`", name.replace('`', "'").replace('|', "\\|").replace(char::is_control, " "))
}

/// Text of a cell: nothing in it is markup, a mention or the cell's end.
fn cell(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '#' | '@' | '&' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::BuildRecord;
    use crate::measure::{LayerSize, Size};

    fn report(images: &[(&str, u64)]) -> Report {
        let image = |(name, compressed): &(&str, u64)| ImageReport {
            name: (*name).to_owned(),
            tags: Vec::new(),
            platform: "linux/amd64".to_owned(),
            digest: String::new(),
            size: Size {
                compressed: *compressed,
                unpacked: compressed * 3,
                metadata: 0,
                layers: vec![LayerSize {
                    name: "program".to_owned(),
                    digest: String::new(),
                    compressed: *compressed,
                    unpacked: compressed * 3,
                    files: 1,
                    largest: Vec::new(),
                }],
            },
            before: None,
            checks: Vec::new(),
        };
        Report {
            schema: 1,
            version: "1".to_owned(),
            profile: "prod".to_owned(),
            tests: None,
            images: images.iter().map(image).collect(),
            build: BuildRecord { seconds: 61.5, ..BuildRecord::default() },
        }
    }

    #[test]
    fn against_a_base() {
        let base = report(&[("api", 1_000_000), ("old", 5_000), ("same", 7)]);
        let mut now = report(&[("api", 1_250_000), ("new", 3_000), ("same", 7)]);
        now.hold_against(&base);
        insta::assert_snapshot!(markdown(&now, Some(&base)));
    }

    #[test]
    fn without_one() {
        insta::assert_snapshot!(markdown(&report(&[("api", 1_000_000)]), None));
    }

    #[test]
    fn nothing_breaks_out_of_its_cell() {
        assert_eq!(code("a`|@team"), "`a'\\|@team`");
        assert_eq!(cell("a|b\n@team <b>"), "a&#124;b &#64;team &#60;b&#62;");
    }
}
