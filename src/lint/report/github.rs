//! Annotations on a pull request: GitHub reads them from a step's output.

use super::{Report, positions};
use crate::lint::Level;

/// A line for each finding.
pub fn github(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let found = &finding.found;
        let (start, end) = positions(report.text_of(finding), &found.span);
        let kind = match finding.level {
            Level::Deny => "error",
            Level::Warn => "warning",
            Level::Note | Level::Allow => "notice",
        };
        // Columns are only looked at within one line.
        let columns = if start.line == end.line && end.column > start.column {
            format!(",col={},endColumn={}", start.column, end.column)
        } else {
            String::new()
        };
        let help = found.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        text.push_str(&format!(
            "::{kind} file={},line={},endLine={}{columns},title={}::{}\n",
            property(&finding.path),
            start.line,
            end.line,
            property(&finding.rule),
            data(&format!("{}{help}", found.message)),
        ));
    }
    text
}

/// What would end a message, as its codes.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What would end a property as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(data("100%\n::error::x\r"), "100%25%0A::error::x%0D");
        assert_eq!(property("a,b:c\n"), "a%2Cb%3Ac%0A");
    }
}
