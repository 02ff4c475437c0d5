//! What is known of an image, as people read it: in lines of eighty columns.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;

use super::{Program, Report, Secret};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Yellow.on_default().bold();

const COLUMNS: usize = 80;

/// How wide what stands before a line's text is.
const LABEL: usize = 12;

/// So many of each kind are named; the others are in the JSON.
const NAMED: usize = 8;

/// The report, with ANSI colours.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    head(&mut text, report);
    layers(&mut text, report);
    largest(&mut text, report);
    waste(&mut text, report);
    who(&mut text, report);
    programs(&mut text, report);
    attached(&mut text, report);
    secrets(&mut text, report);
    text
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// `1 file`, `2 files`.
fn several(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn line(text: &mut String, label: &str, what: &str) {
    let mut label = format!("{label:<LABEL$}");
    for piece in wrapped(what, COLUMNS - LABEL - 2) {
        let _ = writeln!(text, "  {DIM}{label}{DIM:#}{piece}");
        label = " ".repeat(LABEL);
    }
}

/// A whole digest, which people copy: with as much before it as there is room for.
fn digests(text: &mut String, label: &str, digest: &str) {
    let _ = writeln!(text, "  {DIM}{label:<6}{DIM:#} {digest}");
}

fn heading(text: &mut String, what: &str) {
    let _ = writeln!(text, "\n{BOLD}{what}{BOLD:#}");
}

/// A line that tells of something to be done.
fn bad(text: &mut String, what: &str) {
    let mut mark = "! ";
    for piece in wrapped(what, COLUMNS - 2) {
        let _ = writeln!(text, "{BAD}{mark}{BAD:#}{piece}");
        mark = "  ";
    }
}

/// Words in lines of so many columns. A longer word is left whole: people copy it.
fn wrapped(what: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in what.split_whitespace() {
        let last = lines.len() - 1;
        let used = lines[last].chars().count();
        if used > 0 && used + 1 + word.chars().count() > columns {
            lines.push(word.to_owned());
        } else {
            let space = if used > 0 { " " } else { "" };
            lines[last].push_str(space);
            lines[last].push_str(word);
        }
    }
    lines
}

/// The beginning of a text, where it is longer.
fn cut(what: &str, columns: usize) -> String {
    if what.chars().count() <= columns {
        return what.to_owned();
    }
    what.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// The end of a path, where it is longer: that tells more.
fn tail(path: &str, columns: usize) -> String {
    let count = path.chars().count();
    if count <= columns {
        return path.to_owned();
    }
    std::iter::once('…').chain(path.chars().skip(count + 1 - columns.max(1))).collect()
}

fn head(text: &mut String, report: &Report) {
    let from = match report.from.as_str() {
        "registry" => "from its registry".to_owned(),
        "layout" => "an OCI layout".to_owned(),
        "archive" => "an archive".to_owned(),
        engine => format!("from {engine}"),
    };
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}, {from}", cut(&report.name, COLUMNS - from.len() - 2));
    if let Some(digest) = &report.digest {
        digests(text, "digest", digest);
    }
    if let Some(index) = &report.index {
        digests(text, "index", index);
    }
    if report.digest.is_none() {
        digests(text, "id", &report.id);
    }
    let others: Vec<&str> =
        report.platforms.iter().map(String::as_str).filter(|platform| *platform != report.platform).collect();
    let also = if others.is_empty() { String::new() } else { format!("; there are {} too", others.join(", ")) };
    line(text, "platform", &format!("{}{also}", report.platform));
    if let Some(base) = &report.base {
        let digest = base.digest.as_deref().map(|digest| format!(" @{digest}")).unwrap_or_default();
        line(text, "base", &format!("{}{digest}", base.name));
    }
    let run = &report.run;
    let started: Vec<&str> = run.entrypoint.iter().chain(&run.command).map(String::as_str).collect();
    line(text, "runs", &if started.is_empty() { "nothing: no entrypoint".to_owned() } else { started.join(" ") });
    line(text, "as", &user(report));
    let compressed = report.compressed.map(|bytes| format!("{} compressed, ", size(bytes))).unwrap_or_default();
    let counted = format!("{} in {}", several(report.files, "file"), several(report.layers.len(), "layer"));
    line(text, "size", &format!("{compressed}{} unpacked, {counted}", size(report.unpacked)));
    if let Some(created) = &report.created {
        line(text, "made", created);
    }
}

fn user(report: &Report) -> String {
    let user = &report.run.user;
    let known = |user: &str| report.users.iter().find(|known| known.uid == user || known.name == user);
    match known(user.split(':').next().unwrap_or_default()) {
        _ if user.is_empty() => "root: it names no user".to_owned(),
        Some(known) if known.uid == "0" => "root".to_owned(),
        Some(known) if known.name == *user => format!("{user} ({})", known.uid),
        Some(known) => format!("{user} ({})", known.name),
        None if user == "0" || user.starts_with("0:") => "root".to_owned(),
        _ => user.clone(),
    }
}

fn layers(text: &mut String, report: &Report) {
    if report.layers.is_empty() {
        return;
    }
    heading(text, "Layers");
    let _ = writeln!(text, "{DIM}   compressed    unpacked   files  made by{DIM:#}");
    for (at, layer) in report.layers.iter().enumerate() {
        let compressed = layer.compressed.map_or_else(|| "-".to_owned(), size);
        let by = cut(&made_by(layer.made_by.as_deref().unwrap_or("-")), COLUMNS - 36);
        let (unpacked, files) = (size(layer.unpacked), layer.files);
        let _ = writeln!(text, "{:>2} {compressed:>10}  {unpacked:>10}  {files:>6}  {by}", at + 1);
    }
}

/// Without what the builders put around each instruction.
fn made_by(line: &str) -> String {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_suffix("# buildkit").unwrap_or(&line).trim();
    // Arguments of the build stand before the shell.
    let line = match line.split_once("/bin/sh -c ") {
        Some((before, after)) if before.starts_with("RUN |") || before.starts_with('|') => format!("RUN {after}"),
        _ => line.to_owned(),
    };
    let line = line.replacen("/bin/sh -c #(nop) ", "", 1);
    line.replacen("RUN /bin/sh -c ", "RUN ", 1).replacen("/bin/sh -c ", "RUN ", 1).trim().to_owned()
}

fn largest(text: &mut String, report: &Report) {
    if report.largest.is_empty() {
        return;
    }
    heading(text, "Largest files");
    for file in &report.largest {
        let _ = writeln!(text, "{:>10}  {}", size(file.bytes), tail(&file.path, COLUMNS - 12));
    }
}

fn waste(text: &mut String, report: &Report) {
    let waste = &report.waste;
    if waste.files == 0 {
        return;
    }
    heading(text, &format!("Waste: {} in {} that no container sees", size(waste.bytes), several(waste.files, "file")));
    for file in &waste.largest {
        let fate = if file.deleted { "deleted" } else { "written again" };
        let told = format!("layer {}, {fate} in {}", file.layer, file.hidden_by);
        let path = tail(&file.path, COLUMNS - 14 - told.len());
        let _ = writeln!(text, "{:>10}  {path}  {DIM}{told}{DIM:#}", size(file.bytes));
    }
    if waste.files > waste.largest.len() && !waste.largest.is_empty() {
        let _ = writeln!(text, "            {DIM}and {} smaller{DIM:#}", waste.files - waste.largest.len());
    }
}

/// Some names, and how many more there are.
fn some<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = names.len();
    let mut all: Vec<&str> = names.take(NAMED).collect();
    let more = format!("and {} more", count.saturating_sub(NAMED));
    if count > NAMED {
        all.push(&more);
    }
    all.join(", ")
}

fn who(text: &mut String, report: &Report) {
    heading(text, "Who can do what");
    let or_none = |names: String| if names.is_empty() { "none".to_owned() } else { names };
    line(text, "users", &or_none(some(report.users.iter().map(|user| user.name.as_str()))));
    line(text, "shells", &or_none(some(report.shells.iter().map(String::as_str))));
    line(text, "installers", &or_none(some(report.managers.iter().map(String::as_str))));
    line(text, "setuid", &or_none(some(report.setuid.iter().map(|file| file.path.as_str()))));
    line(text, "writable", &or_none(some(report.writable.iter().map(|file| file.path.as_str()))));
}

fn programs(text: &mut String, report: &Report) {
    let programs = &report.programs;
    if programs.count == 0 {
        return;
    }
    heading(text, "Programs");
    if let Some(started) = &programs.entrypoint {
        line(text, "entrypoint", &format!("{}, {}", started.path, needs(started)));
    }
    let architectures: Vec<&str> = programs.architectures.keys().map(String::as_str).collect();
    let all = several(programs.count, "program");
    line(text, "all", &format!("{all} for {}, {} static", architectures.join(", "), programs.r#static));
    let has = programs.glibc.as_deref().map(|version| format!("{version} is here"));
    let wanted = programs.glibc_wanted.as_deref().map(|version| format!("{version} is asked for"));
    let glibc: Vec<String> = has.into_iter().chain(wanted).collect();
    if !glibc.is_empty() {
        line(text, "glibc", &glibc.join(", "));
    }
    for list in &report.crates {
        line(text, "crates", &format!("{} in {} (cargo-auditable)", list.crates.len(), list.path));
    }
    for broken in programs.broken.iter().take(NAMED) {
        bad(text, &format!("{} does not run here: {}", broken.path, some(broken.missing.iter().map(String::as_str))));
    }
    if programs.broken.len() > NAMED {
        bad(text, &format!("and {} more do not", programs.broken.len() - NAMED));
    }
}

fn needs(program: &Program) -> String {
    let architecture = program.architecture.as_deref().unwrap_or("another architecture");
    if program.interpreter.is_none() && program.libraries.is_empty() {
        return format!("static for {architecture}");
    }
    let glibc = program.glibc.as_deref().map(|version| format!(", glibc {version} or newer")).unwrap_or_default();
    format!("for {architecture}, needs {}{glibc}", some(program.libraries.iter().map(String::as_str)))
}

fn attached(text: &mut String, report: &Report) {
    if report.attached.is_empty() {
        return;
    }
    heading(text, "Goes with it");
    for one in &report.attached {
        let crates = one.crates.map(|count| format!(", {}", several(count, "crate"))).unwrap_or_default();
        let digest = one.digest.get(..19).unwrap_or(&one.digest);
        // One manifest may be several things.
        line(text, &format!("{} ", one.kind), &format!("{}{crates}: {digest}… ({})", one.what, one.by));
    }
}

fn secrets(text: &mut String, report: &Report) {
    if report.secrets.is_empty() {
        return;
    }
    heading(text, "Secrets");
    for secret in report.secrets.iter().take(NAMED * 2) {
        bad(text, &told(secret));
    }
    if report.secrets.len() > NAMED * 2 {
        bad(text, &format!("and {} more: `--format json` has all", report.secrets.len() - NAMED * 2));
    }
}

fn told(secret: &Secret) -> String {
    let layer = secret.layer.map(|layer| format!(" in layer {layer}")).unwrap_or_default();
    let hidden = if secret.hidden { ", hidden by a later one and there all the same" } else { "" };
    let times = if secret.count > 1 { format!(", {} times", secret.count) } else { String::new() };
    let place = match secret.place.as_str() {
        "file" => secret.name.clone(),
        place => format!("{place} {}", secret.name),
    };
    format!("{} ({}): {place}{layer}{hidden}{times}: {}", secret.what, secret.rule, secret.shown)
}
