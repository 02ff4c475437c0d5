//! For people: in rustc's form, with the source.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use annotate_snippets::{AnnotationKind, Group, Level as Shown, Patch, Renderer, Snippet};

use super::Report;
use crate::failure::{Result, printable};
use crate::lint::model::Span;
use crate::lint::{Finding, Level};
use crate::secrets::Rules;

/// The findings with ANSI colours (strip them on the way out where they are not wanted).
///
/// # Errors
/// As [`Report::shown`].
pub fn text(report: &Report) -> Result<String> {
    let renderer = Renderer::styled();
    let mut text = String::new();
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    for finding in &report.findings {
        let source = match sources.entry(&finding.path) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(report.shown(&finding.path)?),
        };
        let groups = groups(finding, source)?;
        text.push_str(&renderer.render(&groups));
        text.push_str("\n\n");
    }
    Ok(text)
}

fn groups<'a>(finding: &'a Finding, source: &'a str) -> Result<Vec<Group<'a>>> {
    let found = &finding.found;
    let level = match finding.level {
        Level::Deny => Shown::ERROR,
        Level::Warn => Shown::WARNING,
        Level::Note | Level::Allow => Shown::NOTE,
    };
    let title = level.primary_title(printable(&found.message)).id(finding.rule.as_str());
    let mut primary = AnnotationKind::Primary.span(within(source, &found.span));
    if let Some(label) = &found.label {
        primary = primary.label(printable(label));
    }
    let mut snippet = Snippet::source(source).path(finding.path.as_str()).annotation(primary);
    for (span, label) in &found.also {
        snippet = snippet.annotation(AnnotationKind::Context.span(within(source, span)).label(printable(label)));
    }
    let mut group = Group::with_title(title).element(snippet);
    let help = found.help.as_deref().map(printable);
    if found.fix.is_empty() {
        if let Some(help) = help {
            group = group.element(Shown::HELP.message(help));
        }
        return Ok(vec![group]);
    }
    let title = Shown::HELP.secondary_title(help.unwrap_or_else(|| "`--fix` does this".to_owned()));
    let rules = Rules::known()?;
    let patches = found.fix.iter().map(|edit| Patch::new(within(source, &edit.span), rules.masked(&edit.text, &[])));
    let edited = Group::with_title(title).element(Snippet::source(source).path(finding.path.as_str()).patches(patches));
    Ok(vec![group, edited])
}

/// A place that is surely one in the text.
fn within(text: &str, span: &Span) -> Span {
    let mut start = span.start.min(text.len());
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// How many there are of each level: `2 errors, 1 warning`.
pub fn counted(report: &Report) -> String {
    let names = [(Level::Deny, "error"), (Level::Warn, "warning"), (Level::Note, "note")];
    let counts = names.iter().map(|(level, name)| (report.count(*level), name)).filter(|(count, _)| *count > 0);
    let words: Vec<String> =
        counts.map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" })).collect();
    if words.is_empty() { "nothing to complain about".to_owned() } else { words.join(", ") }
}
