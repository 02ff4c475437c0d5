//! Shell lines as lists of commands: as much of a shell as Dockerfiles make use of.
//!
//! Branches that are known not to be taken are left out; of those that nobody knows all are taken.

use super::words::{Reader, Variables};

/// The commands of a shell line that may be run.
pub fn commands(text: &str, variables: &Variables) -> Vec<Vec<String>> {
    let mut script = Script { variables: variables.clone(), ..Script::default() };
    let mut reader = Reader::of_shell(text);
    while !reader.is_done() {
        let (words, end) = reader.command(&script.variables);
        script.step(words, &end);
    }
    script.commands
}

/// Where a branch stands; `None` is not known.
enum Branch {
    /// Whether this part is taken, and whether one before it was.
    If {
        now: Option<bool>,
        before: Option<bool>,
    },
    /// Likewise; `patterns` are those that are being read, if any.
    Case {
        word: String,
        now: Option<bool>,
        before: Option<bool>,
        patterns: Option<Vec<String>>,
    },
    Loop,
}

#[derive(Default)]
struct Script {
    variables: Variables,
    commands: Vec<Vec<String>>,
    branches: Vec<Branch>,
    /// The condition that is being read, and what joins it to the next part.
    condition: Option<Vec<(Vec<String>, String)>>,
}

impl Script {
    fn step(&mut self, words: Vec<String>, end: &str) {
        if let Some(Branch::Case { patterns: Some(_), .. }) = self.branches.last() {
            if words.first().is_some_and(|word| word == "esac") {
                self.branches.pop();
            } else {
                self.pattern(words, end);
            }
            return;
        }
        self.words(words, end);
        if end == ";;"
            && let Some(Branch::Case { patterns, .. }) = self.branches.last_mut()
        {
            *patterns = Some(Vec::new());
        }
    }

    /// Patterns of a `case`, which end with a bracket.
    fn pattern(&mut self, words: Vec<String>, end: &str) {
        if let Some(Branch::Case { word, now, before, patterns }) = self.branches.last_mut() {
            let mut known = patterns.take().unwrap_or_default();
            known.extend(words);
            if end == ")" {
                let value = matches(word, &known);
                *now = and(before.map(|taken| !taken), value);
                *before = or(*before, value);
            } else {
                *patterns = Some(known);
            }
        }
    }

    fn words(&mut self, mut words: Vec<String>, end: &str) {
        let Some(first) = words.first() else { return };
        match first.as_str() {
            "if" | "elif" => {
                if first == "elif" {
                    self.otherwise();
                } else {
                    self.branches.push(Branch::If { now: Some(true), before: Some(false) });
                }
                words.remove(0);
                self.condition = Some(vec![(words, end.to_owned())]);
            }
            "then" => {
                let value = truth(&self.condition.take().unwrap_or_default());
                if let Some(Branch::If { now, before }) = self.branches.last_mut() {
                    *now = and(*now, value);
                    *before = or(*before, value);
                }
                words.remove(0);
                self.words(words, end);
            }
            "else" => {
                self.otherwise();
                words.remove(0);
                self.words(words, end);
            }
            "fi" | "done" | "esac" => {
                self.branches.pop();
            }
            "case" => {
                let word = words.get(1).cloned().unwrap_or_default();
                let (now, before) = (Some(false), Some(false));
                self.branches.push(Branch::Case { word, now, before, patterns: Some(Vec::new()) });
                self.pattern(words.into_iter().skip(3).collect(), end);
            }
            "for" | "while" | "until" => self.branches.push(Branch::Loop),
            "do" | "{" | "!" | "time" if self.condition.is_none() => {
                words.remove(0);
                self.words(words, end);
            }
            _ if self.condition.is_some() => {
                if let Some(condition) = &mut self.condition {
                    condition.push((words, end.to_owned()));
                }
            }
            _ => self.run(words),
        }
    }

    /// What is taken where nothing before it in the same `if` was.
    fn otherwise(&mut self) {
        if let Some(Branch::If { now, before }) = self.branches.last_mut() {
            *now = before.map(|taken| !taken);
        }
    }

    fn run(&mut self, words: Vec<String>) {
        let never = self.branches.iter().any(|branch| match branch {
            Branch::If { now, .. } | Branch::Case { now, .. } => *now == Some(false),
            Branch::Loop => false,
        });
        if never {
            return;
        }
        let exported = words.first().is_some_and(|word| word == "export" || word == "local");
        let settings: Vec<(String, String)> =
            words.iter().skip(usize::from(exported)).map_while(|word| setting(word)).collect();
        if !settings.is_empty() && settings.len() + usize::from(exported) == words.len() {
            self.variables.extend(settings);
        } else {
            self.commands.push(words);
        }
    }
}

/// A word that sets a variable.
pub fn setting(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let named = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (named && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty())
        .then(|| (name.to_owned(), value.to_owned()))
}

fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    and(one.map(|it| !it), other.map(|it| !it)).map(|it| !it)
}

/// Whether a condition holds: its parts from the left to the right.
fn truth(condition: &[(Vec<String>, String)]) -> Option<bool> {
    let mut value = Some(true);
    let mut joined = "&&";
    for (words, end) in condition.iter().filter(|(words, _)| !words.is_empty()) {
        let this = test(words);
        value = if joined == "||" { or(value, this) } else { and(value, this) };
        joined = end.as_str();
    }
    if condition.is_empty() { None } else { value }
}

fn test(words: &[String]) -> Option<bool> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.iter().any(|word| word.contains("$(")) {
        return None;
    }
    match words.as_slice() {
        ["!", rest @ ..] => test(&rest.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()).map(|it| !it),
        ["[", inner @ .., "]"] | ["[[", inner @ .., "]]"] | ["test", inner @ ..] => match inner {
            ["!", "-z", word] | ["-n", word] => Some(!word.is_empty()),
            ["!", "-n", word] | ["-z", word] => Some(word.is_empty()),
            [one, "=" | "==", other] => Some(one == other),
            [one, "!=", other] => Some(one != other),
            _ => None,
        },
        ["true"] => Some(true),
        ["false"] => Some(false),
        _ => None,
    }
}

/// Whether a word is like one of the patterns of a `case`.
fn matches(word: &str, patterns: &[String]) -> Option<bool> {
    if word.contains("$(") {
        return None;
    }
    let like = |pattern: &String| match pattern.split_once('*') {
        None => word == pattern,
        Some((start, end)) => word.starts_with(start) && word.ends_with(end.trim_start_matches('*')),
    };
    Some(patterns.iter().any(like))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        commands(text, &variables).into_iter().map(|words| words.join(" ")).collect()
    }

    #[test]
    fn commands_are_taken_apart_and_redirections_left_out() {
        let text = "set -e; apt-get update 2>/dev/null && (apt-get install -y 'a b' >> /log 2>&1 || true) | cat";
        assert_eq!(run(text, &[]), ["set -e", "apt-get update", "apt-get install -y a b", "true", "cat"]);
    }

    #[test]
    fn variables_are_filled_in_with_what_was_set_before() {
        let text = "X=\"--features a\"; cargo build $X \"${Y:-b c}\" ${Z} ${W:+no} \"$(test a && echo b)\"";
        assert_eq!(run(text, &[]), ["cargo build --features a b c $(test a && echo b)"]);
        assert_eq!(run("cargo build ${W:+yes} \"$W\"", &[("W", "1")]), ["cargo build yes 1"]);
    }

    #[test]
    fn of_known_branches_one_is_taken_and_of_others_all() {
        let text = "if [ \"$M\" = \"release\" ]; then a; elif [ -z \"$M\" ]; then b; else c; fi; d";
        assert_eq!(run(text, &[("M", "release")]), ["a", "d"]);
        assert_eq!(run(text, &[]), ["b", "d"]);
        assert_eq!(run(text, &[("M", "debug")]), ["c", "d"]);
        assert_eq!(run("if [ -f x ]; then a; else b; fi", &[]), ["a", "b"]);
        let nested = "if [ \"$M\" = a ]; then one; else if [ \"$M\" = b ]; then two; fi; fi; end";
        assert_eq!(run(nested, &[("M", "b")]), ["two", "end"]);
        assert_eq!(run("if [ -n \"$M\" ] && [ \"$M\" != x ]; then a; fi", &[("M", "x")]), Vec::<String>::new());
    }

    #[test]
    fn a_case_takes_the_pattern_that_fits() {
        let text =
            "case \"$A\" in \"arm64\"|aarch64) T=arm ;; \n amd64) T=amd && echo it ;; *) exit 1 ;; esac && build $T";
        assert_eq!(run(text, &[("A", "amd64")]), ["echo it", "build amd"]);
        assert_eq!(run(text, &[("A", "riscv")]), ["exit 1", "build"]);
    }
}
