//! What `--check` shows.

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::failure::printable;

/// What generation makes of a file, as a unified diff with ANSI colours (strip them on the way out where they are not wanted).
pub fn unified(path: &str, old: &str, new: &str) -> String {
    by(path, "generated", old, new)
}

/// Likewise, of a change that somebody else makes: `who` in a word.
pub fn by(path: &str, who: &str, old: &str, new: &str) -> String {
    let (red, green, dim) = (AnsiColor::Red.on_default(), AnsiColor::Green.on_default(), Style::new().dimmed());
    let diff = TextDiff::from_lines(old, new);
    let mut text = format!("{red}--- {path}{red:#}\n{green}+++ {path} ({who}){green:#}\n");
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
