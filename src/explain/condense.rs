//! An error in so many lines as people read: what it says and where, without what only a machine wants to know.

use super::listener::SCRIPT_FAILED;

/// How many lines of an error are shown.
pub(super) const SHOWN: usize = 30;

/// How many lines of a build script's standard output are shown beside its errors.
const OUTPUT: usize = 8;

/// Words that stand in the line which says what is wrong.
const TELLING: [&str; 8] =
    ["error", "Error", "panicked at", "not found", "No such file", "cannot ", "failed", "denied"];

/// The lines that are shown.
pub(super) fn condensed(lines: &[&str]) -> Vec<String> {
    let lines = if lines.first().is_some_and(|first| first.starts_with(SCRIPT_FAILED)) {
        script(lines)
    } else {
        lines.to_vec()
    };
    let lines = tidy(&lines);
    bounded(&lines)
}

/// Of a build script what it wrote to standard error; of its standard output only what tells of an error.
fn script<'l>(lines: &[&'l str]) -> Vec<&'l str> {
    let at = |mark: &str| lines.iter().position(|line| line.trim() == mark);
    let (out, err) = (at("--- stdout"), at("--- stderr"));
    let head = &lines[..out.or(err).unwrap_or(lines.len())];
    let out = out.map_or(&[][..], |from| &lines[from + 1..err.filter(|err| *err > from).unwrap_or(lines.len())]);
    let err = err.map_or(&[][..], |from| &lines[from + 1..]);
    let out: Vec<&str> = out.iter().copied().filter(|line| !is_for_cargo(line)).collect();
    let from = out.iter().position(|line| is_telling(line));
    let silent = err.iter().all(|line| line.trim().is_empty());
    let out = match from {
        Some(from) if silent => &out[from.saturating_sub(2)..],
        Some(from) => &out[from..out.len().min(from + OUTPUT)],
        None if silent => &out[out.len().saturating_sub(SHOWN / 2)..],
        None => &[],
    };
    [head, out, err].concat()
}

/// Directives to cargo, and variables that crates which look for a compiler print by the hundred.
fn is_for_cargo(line: &str) -> bool {
    let line = line.trim();
    let name = line.split(" = ").next().unwrap_or_default();
    let variable = line.contains(" = ") && !name.contains(char::is_whitespace);
    line.is_empty() || line.starts_with("cargo:") || variable
}

fn is_telling(line: &str) -> bool {
    TELLING.iter().any(|word| line.contains(word))
}

/// Without frames of a backtrace, and without blank lines beside each other.
fn tidy<'l>(lines: &[&'l str]) -> Vec<&'l str> {
    let mut kept: Vec<&'l str> = Vec::new();
    let mut frames = false;
    for &line in lines {
        let text = line.trim();
        frames = text == "stack backtrace:" || (frames && is_frame(text));
        let noise = frames
            || text.starts_with("note: run with `RUST_BACKTRACE=")
            || text.starts_with("note: To improve backtraces")
            || text.starts_with("note: Some details are omitted");
        let double = text.is_empty() && kept.last().is_none_or(|last| last.trim().is_empty());
        if !noise && !double {
            kept.push(line);
        }
    }
    while kept.last().is_some_and(|last| last.trim().is_empty()) {
        kept.pop();
    }
    kept
}

/// `12: core::panicking::panic_fmt`, `at /rustc/…/library/core/src/panicking.rs:75:14`
fn is_frame(text: &str) -> bool {
    let numbered = text.split_once(": ").is_some_and(|(number, _)| number.bytes().all(|c| c.is_ascii_digit()));
    text.starts_with("at ") || numbered
}

/// Of a long one its beginning, and then the lines from the first that tells what is wrong.
fn bounded(lines: &[&str]) -> Vec<String> {
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<String>>();
    if lines.len() <= SHOWN {
        return owned(lines);
    }
    let left_out = |count: usize| format!("  … {count} more line{}", if count == 1 { "" } else { "s" });
    let head = lines.len().min(5);
    let of_script = lines[0].starts_with(SCRIPT_FAILED);
    let telling =
        lines[head..].iter().position(|line| is_telling(line)).filter(|_| of_script).map_or(head, |at| head + at);
    let from = telling.saturating_sub(2).max(head).min(lines.len());
    let room = SHOWN - head - usize::from(from > head);
    let to = lines.len().min(from + room - 1);
    let mut shown = owned(&lines[..head]);
    if from > head {
        shown.push(left_out(from - head));
    }
    shown.extend(owned(&lines[from..to]));
    if to < lines.len() {
        shown.push(left_out(lines.len() - to));
    }
    shown
}
