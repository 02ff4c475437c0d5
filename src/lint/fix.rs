//! The edits of findings, put together.

use super::{Edit, Finding};

/// A text after the edits of these findings, and how many of them were made; those that touch what another one has changed are
/// left for the next look.
pub fn apply(text: &str, findings: &[&Finding]) -> (String, usize) {
    let mut taken: Vec<&Edit> = Vec::new();
    let mut count = 0;
    for finding in findings.iter().filter(|finding| !finding.found.fix.is_empty()) {
        let edits = &finding.found.fix;
        let fits = |edit: &Edit| text.get(edit.span.clone()).is_some() && taken.iter().all(|other| apart(edit, other));
        if edits.iter().all(fits) {
            taken.extend(edits);
            count += 1;
        }
    }
    taken.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut new = String::new();
    let mut at = 0;
    for edit in taken {
        new.push_str(text.get(at..edit.span.start).unwrap_or_default());
        new.push_str(&edit.text);
        at = edit.span.end.max(at);
    }
    new.push_str(text.get(at..).unwrap_or_default());
    (new, count)
}

fn apart(one: &Edit, other: &Edit) -> bool {
    one.span.end < other.span.start || other.span.end < one.span.start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{Found, Level};

    #[test]
    fn edits_that_touch_wait() {
        let finding = |span: std::ops::Range<usize>, text: &str| Finding {
            rule: "x".into(),
            level: Level::Warn,
            path: "Dockerfile".into(),
            found: Found::at(span.clone(), "").fix(span, text),
            url: None,
        };
        let (one, two, three) = (finding(0..3, "uno"), finding(2..5, "no"), finding(8..13, "tres"));
        assert_eq!(apply("one two three", &[&three, &one, &two]), ("uno two tres".to_owned(), 2));
    }
}
