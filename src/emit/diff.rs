//! What `--check` shows.

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::failure::printable;

/// A unified diff with ANSI colours (strip them on the way out where they are not wanted).
pub fn unified(path: &str, old: &str, new: &str) -> String {
    let (red, green, dim) = (AnsiColor::Red.on_default(), AnsiColor::Green.on_default(), Style::new().dimmed());
    let diff = TextDiff::from_lines(old, new);
    let mut text = format!("{red}--- {path}{red:#}\n{green}+++ {path} (generated){green:#}\n");
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        text.push_str(&format!("{dim}{}{dim:#}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', red),
                ChangeTag::Insert => ('+', green),
                ChangeTag::Equal => (' ', Style::new()),
            };
            let line = printable(change.value().trim_end_matches(['\n', '\r']));
            text.push_str(&format!("{style}{sign}{line}{style:#}\n"));
        }
    }
    text
}
