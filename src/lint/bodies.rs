//! Heredocs that the parser does not know.

use parse_dockerfile as raw;

use super::model::Span;

/// A heredoc's body that the parser does not know, and the instruction that it belongs to.
pub(super) struct Body {
    /// Where the instruction's own words begin.
    pub instruction: usize,
    /// Its lines, the last one that ends it included.
    pub span: Span,
}

/// The parser knows one heredoc, at the beginning of a `RUN`. The bodies of others are hidden from it: as comments of the same
/// length.
pub(super) fn hide(text: &str, mut masked: String) -> (String, Vec<Body>) {
    let mut bodies: Vec<Body> = Vec::new();
    loop {
        // What cannot be read comes up again when all is parsed.
        let Ok(iter) = raw::parse_iter(&masked) else { return (masked, bodies) };
        let done = bodies.last().map_or(0, |body| body.instruction + 1);
        let mut next = None;
        for instruction in iter.map_while(Result::ok) {
            let raw::Instruction::Run(run) = &instruction else { continue };
            let raw::Command::Shell(line) = &run.arguments else { continue };
            let marks = marks(&text[line.span.clone()]);
            if line.span.start < done || marks.is_empty() || !run.here_docs.is_empty() {
                continue;
            }
            next = body(&masked, line.span.end, &marks).map(|span| Body { instruction: line.span.start, span });
            if next.is_some() {
                break;
            }
        }
        let Some(body) = next else { return (masked, bodies) };
        let hidden: String = masked[body.span.clone()].split_inclusive('\n').map(hidden).collect();
        masked.replace_range(body.span.clone(), &hidden);
        bodies.push(body);
    }
}

fn hidden(line: &str) -> String {
    let end = if line.ends_with('\n') { "\n" } else { "" };
    let length = line.len() - end.len();
    let mark = if length > 0 { "#" } else { "" };
    format!("{mark}{}{end}", " ".repeat(length.saturating_sub(1)))
}

/// The ends of heredocs that a line begins, each with whether tabs before it count for nothing.
fn marks(line: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("<<") {
        rest = &rest[at + 2..];
        if let Some(after) = rest.strip_prefix('<') {
            rest = after;
            continue;
        }
        let (tabs, after) = rest.strip_prefix('-').map_or((false, rest), |after| (true, after));
        let name: String = after
            .trim_start_matches(['"', '\''])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
            found.push((name, tabs));
        }
    }
    found
}

/// The bodies that follow a line, with their ends; none where one is missing.
fn body(text: &str, line_end: usize, marks: &[(String, bool)]) -> Option<Span> {
    let start = line_end + text[line_end..].find('\n')? + 1;
    let mut at = start;
    for (mark, tabs) in marks {
        loop {
            let line = text[at..].split_inclusive('\n').next()?;
            at += line.len();
            let line = line.trim_end_matches(['\n', '\r']);
            if (if *tabs { line.trim_start_matches('\t') } else { line }) == mark {
                break;
            }
        }
    }
    let end = text[start..at].trim_end_matches(['\n', '\r']).len();
    Some(start..start + end)
}
