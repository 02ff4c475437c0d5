//! `# dockerize: allow(rule) reason`: on the line before an instruction for that one, before the first one for the whole file.

use super::levels;
use super::model::{Dockerfile, Span, Word};
use super::{Edit, Found};

/// What a file allows.
#[derive(Debug, Default)]
pub struct Allowed(Vec<Allow>);

#[derive(Debug)]
struct Allow {
    rule: Word,
    /// Where it holds; none: everywhere.
    holds: Option<Span>,
    /// The whole comment, with its line's end.
    comment: Span,
    /// Whether it is the only rule in its comment.
    alone: bool,
    reason: bool,
    used: bool,
}

/// Reads the comments of a file.
pub fn read(file: &Dockerfile, text: &str) -> Allowed {
    let mut places: Vec<Span> = file.stages.iter().map(|stage| stage.from.clone()).collect();
    places.extend(file.stages.iter().flat_map(|stage| &stage.instructions).map(|one| one.span.clone()));
    places.extend(file.globals.iter().map(|pair| pair.span.clone()));
    places.sort_by_key(|span| span.start);
    let first = places.first().map_or(0, |span| span.start);
    let mut allowed = Vec::new();
    for comment in &file.comments {
        let Some((list, reason)) = list(&comment.text) else { continue };
        // Within the lines of an instruction it speaks of that instruction.
        let after = places.iter().find(|span| span.end > comment.span.start);
        let holds = if comment.span.end <= first { None } else { Some(after.cloned().unwrap_or(0..0)) };
        let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        for name in &names {
            let at = text[comment.span.clone()].find(name).map_or(comment.span.start, |at| comment.span.start + at);
            let rule = Word { text: (*name).to_owned(), span: at..at + name.len() };
            let end = text[comment.span.end..].find('\n').map_or(text.len(), |at| comment.span.end + at + 1);
            let begin = text[..comment.span.start].rfind('\n').map_or(0, |at| at + 1);
            allowed.push(Allow {
                rule,
                holds: holds.clone(),
                comment: begin..end,
                alone: names.len() == 1,
                reason,
                used: false,
            });
        }
    }
    Allowed(allowed)
}

/// Whether a comment of another file (an ignore file, a bake or compose file) allows a rule: it holds for the whole of it.
pub fn elsewhere(text: &str, rule: &str) -> bool {
    let comments = text.lines().filter_map(|line| line.trim_start().strip_prefix('#'));
    comments
        .filter_map(|comment| list(comment.trim()))
        .any(|(rules, _)| rules.split(',').any(|name| name.trim() == rule))
}

/// The rules that a comment allows, and whether it says why.
fn list(comment: &str) -> Option<(&str, bool)> {
    let (list, reason) = comment.strip_prefix("dockerize:")?.trim_start().strip_prefix("allow(")?.split_once(')')?;
    Some((list, !reason.trim_matches(|c: char| c.is_whitespace() || ":-".contains(c)).is_empty()))
}

impl Allowed {
    /// Whether a finding is one that nobody wants to hear of.
    pub fn covers(&mut self, rule: &str, span: &Span) -> bool {
        let mut covered = false;
        for allow in self.0.iter_mut().filter(|allow| allow.rule.text == rule) {
            if allow.holds.as_ref().is_none_or(|holds| holds.start <= span.start && span.start <= holds.end) {
                allow.used = true;
                covered = true;
            }
        }
        covered
    }

    /// Those that allow nothing, name no rule, or do not say why. `asked` says whether a rule was looked for at all.
    pub fn complaints(&self, asked: &dyn Fn(&str) -> bool) -> Vec<Found> {
        let mut found = Vec::new();
        for allow in &self.0 {
            let (name, span) = (&allow.rule.text, &allow.rule.span);
            if let Err(help) = levels::known(name) {
                found.push(Found::at(span.clone(), format!("no rule is called `{name}`")).help(help));
            } else if !allow.used && asked(name) && !name.starts_with("buildkit/") {
                let complaint = Found::at(span.clone(), format!("`{name}` finds nothing here"))
                    .label("nothing to allow")
                    .help("remove it: what it was for is gone");
                let fix = allow.alone.then(|| Edit { span: allow.comment.clone(), text: String::new() });
                found.push(Found { fix: fix.into_iter().collect(), ..complaint });
            } else if !allow.reason {
                let complaint = Found::at(span.clone(), format!("`{name}` is allowed without a reason"));
                found.push(complaint.label("why?").help("say why behind the bracket, for who reads it next"));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_an_instruction_and_before_all() {
        let text = "# dockerize: allow(one) because\nFROM a\n# dockerize: allow(two, three)\nRUN x \\\n  y\nRUN z\n";
        let file = super::super::parse(text).unwrap();
        let mut allowed = read(&file, text);
        let (first, second) = (text.find("RUN x").unwrap(), text.find("RUN z").unwrap());
        assert!(allowed.covers("one", &(second..second)));
        assert!(allowed.covers("two", &(first + 8..first + 9)));
        assert!(!allowed.covers("two", &(second..second)));
        assert!(!allowed.covers("four", &(first..first)));
    }

    #[test]
    fn a_reason_is_asked_for() {
        assert_eq!(list("dockerize: allow(a, b) it is so"), Some(("a, b", true)));
        assert_eq!(list("dockerize:allow(a) - "), Some(("a", false)));
        assert_eq!(list("dockerize: keep"), None);
    }
}
