//! Lines for a POSIX shell, taken apart far enough to see which programs they call.
//!
//! It is no parser of the language: what it does not understand becomes a word, nothing is refused, and a rule that is not
//! sure says nothing. The crates that know the whole grammar refuse what they do not know, and give no places in continued lines.

use super::call::{Call, Joint};
use super::model::{Pair, Span, Word};
use super::shells::is_shell;

/// Words of the language that stand before a call.
const KEYWORDS: &[&str] = &["if", "then", "elif", "else", "do", "while", "until", "!", "{", "}", "fi", "done", "esac"];

/// How deep commands within commands are looked at.
const DEPTH: usize = 6;

/// The calls in a part of a text. In an instruction's own lines `escape` continues them, and comments between them are none of
/// the shell's; the body of a heredoc is the shell's alone.
pub fn calls(text: &str, span: Span, escape: Option<char>) -> Vec<Call> {
    let mut found = Vec::new();
    let mut reader = Reader::new(text, span, escape, true);
    reader.read(&mut found, 0, false);
    found
}

/// The words in a part of a text, for instructions that no shell reads.
pub fn words(text: &str, span: Span, escape: char) -> Vec<Word> {
    let mut found = Vec::new();
    let mut reader = Reader::new(text, span, Some(escape), false);
    reader.read(&mut found, 0, false);
    found.into_iter().flat_map(|call| call.words).collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    escape: Option<char>,
    operators: bool,
    /// Where all words are said to stand, if not where they do.
    place: Option<Span>,
}

/// A call that is being read.
struct Open {
    words: Vec<Word>,
    written: Vec<Word>,
    word: Option<Word>,
    joint: Joint,
    redirected: Option<bool>,
    start: Option<usize>,
}

impl Open {
    fn new(joint: Joint) -> Self {
        Self { words: Vec::new(), written: Vec::new(), word: None, joint, redirected: None, start: None }
    }
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, span: Span, escape: Option<char>, operators: bool) -> Self {
        let end = span.end.min(text.len());
        Self { text, at: span.start.min(end), end, escape, operators, place: None }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Passes over a continued line's end, with the comments and empty lines after it.
    fn continued(&mut self) -> bool {
        let escape = self.escape.unwrap_or('\\');
        let Some(after) = self.rest().strip_prefix(escape) else { return false };
        // The shell itself wants the line's end right there; an instruction may have spaces before it.
        let blank = if self.escape.is_some() { after.trim_start_matches([' ', '\t']) } else { after };
        let blank = blank.strip_prefix('\r').unwrap_or(blank);
        let Some(mut next) = blank.strip_prefix('\n') else { return false };
        while self.escape.is_some() {
            let line = next.lines().next().unwrap_or_default();
            let skipped = line.trim_start().starts_with('#') || (line.trim().is_empty() && next.contains('\n'));
            if !skipped {
                break;
            }
            next = next.split_once('\n').map_or("", |(_, rest)| rest);
        }
        self.at = self.end - next.len();
        true
    }

    fn push(&self, open: &mut Open, from: usize, text: &str) {
        open.start.get_or_insert(from);
        let word = open.word.get_or_insert_with(|| Word { text: String::new(), span: from..from });
        word.text.push_str(text);
        word.span.end = self.at;
    }

    fn end_word(&self, open: &mut Open) {
        let Some(mut word) = open.word.take() else { return };
        if let Some(place) = &self.place {
            word.span = place.clone();
        }
        match open.redirected.take() {
            Some(true) => open.written.push(word),
            Some(false) => {}
            None => open.words.push(word),
        }
    }

    fn end_call(&self, open: &mut Open, found: &mut Vec<Call>, next: Joint, nested: bool) {
        self.end_word(open);
        let open = std::mem::replace(open, Open::new(next));
        let Some(start) = open.start else { return };
        let mut words = open.words;
        let mut assigned = Vec::new();
        if self.operators {
            while words.first().is_some_and(|word| KEYWORDS.contains(&word.text.as_str())) {
                words.remove(0);
            }
            while let Some(pair) = words.first().and_then(|word| assignment(word, self.text)) {
                assigned.push(pair);
                words.remove(0);
            }
        }
        if words.is_empty() && assigned.is_empty() {
            return;
        }
        let end = words.iter().map(|word| word.span.end).chain(assigned.iter().map(|pair| pair.span.end)).max();
        let first = words.iter().map(|word| word.span.start).chain(assigned.iter().map(|pair| pair.span.start)).min();
        let span = first.unwrap_or(start)..end.unwrap_or(start);
        found.push(Call { words, assigned, joint: open.joint, nested, written: open.written, span });
    }

    fn read(&mut self, found: &mut Vec<Call>, depth: usize, nested: bool) {
        let mut open = Open::new(Joint::Then);
        let mut within = Vec::new();
        while let Some(next) = self.peek() {
            let from = self.at;
            if self.continued() {
                continue;
            }
            match next {
                '\n' => {
                    self.bump();
                    self.end_call(&mut open, found, Joint::Then, nested);
                }
                _ if next.is_whitespace() => {
                    self.bump();
                    self.end_word(&mut open);
                }
                '#' if self.operators && open.word.is_none() => self.comment(),
                '\'' | '"' => self.quoted(next, &mut open, &mut within, depth),
                '\\' => {
                    self.bump();
                    let escaped = self.bump().map(String::from).unwrap_or_default();
                    self.push(&mut open, from, &escaped);
                }
                '$' | '`' if self.operators => self.dollar(next, &mut open, &mut within, depth),
                ';' | '&' | '|' | '(' | ')' | '<' | '>' if self.operators => {
                    self.operator(next, &mut open, found, nested);
                }
                _ => {
                    self.bump();
                    self.push(&mut open, from, next.encode_utf8(&mut [0; 4]));
                }
            }
        }
        self.end_call(&mut open, found, Joint::Then, nested);
        for call in found.iter().filter(|_| depth < DEPTH && self.operators) {
            script(call, &mut within, depth);
        }
        found.append(&mut within);
    }

    fn comment(&mut self) {
        // Continued lines are one line to the shell.
        let rest = self.rest();
        self.at =
            if self.escape.is_some() { self.end } else { self.end - rest.find('\n').map_or(0, |end| rest.len() - end) };
    }

    fn operator(&mut self, next: char, open: &mut Open, found: &mut Vec<Call>, nested: bool) {
        let from = self.at;
        self.bump();
        let second = self.peek();
        match (next, second) {
            ('&', Some('&')) | ('|', Some('|')) => {
                self.bump();
                let joint = if next == '&' { Joint::And } else { Joint::Or };
                self.end_call(open, found, joint, nested);
            }
            ('|', _) => {
                if second == Some('&') {
                    self.bump();
                }
                self.end_call(open, found, Joint::Pipe, nested);
            }
            ('&', Some('>')) => self.end_word(open),
            ('<' | '>', _) => {
                // `2>` is no word of the call.
                if open.word.as_ref().is_some_and(|word| word.text.chars().all(|c| c.is_ascii_digit())) {
                    open.word = None;
                }
                self.end_word(open);
                while self.peek().is_some_and(|c| "<>&|-".contains(c)) {
                    self.bump();
                }
                open.start.get_or_insert(from);
                let descriptor =
                    self.peek().is_some_and(|c| c.is_ascii_digit()) && self.text[from..self.at].ends_with('&');
                open.redirected = Some(next == '>' && !descriptor);
            }
            _ => self.end_call(open, found, Joint::Then, nested),
        }
    }

    fn quoted(&mut self, quote: char, open: &mut Open, within: &mut Vec<Call>, depth: usize) {
        let from = self.at;
        self.bump();
        self.push(open, from, "");
        while let Some(next) = self.peek() {
            let at = self.at;
            if quote == '"' && self.continued() {
                continue;
            }
            match next {
                _ if next == quote => {
                    self.bump();
                    break;
                }
                '\\' if quote == '"' => {
                    self.bump();
                    match self.bump() {
                        Some(escaped @ ('"' | '\\' | '$' | '`')) => {
                            self.push(open, at, escaped.encode_utf8(&mut [0; 4]));
                        }
                        Some(other) => self.push(open, at, &format!("\\{other}")),
                        None => {}
                    }
                }
                '$' | '`' if quote == '"' && self.operators => self.dollar(next, open, within, depth),
                _ => {
                    self.bump();
                    self.push(open, at, next.encode_utf8(&mut [0; 4]));
                }
            }
        }
        self.push(open, from, "");
    }

    /// `$(…)` and its kin: a part of the word as it stands, and what is called in it.
    fn dollar(&mut self, first: char, open: &mut Open, within: &mut Vec<Call>, depth: usize) {
        let from = self.at;
        self.bump();
        let (inside, close) = match (first, self.peek()) {
            ('`', _) => (self.at, '`'),
            (_, Some('(')) => (self.at + 1, ')'),
            (_, Some('{')) => (self.at + 1, '}'),
            _ => return self.push(open, from, "$"),
        };
        self.at = inside;
        let end = self.closing(close);
        if close != '}' && depth < DEPTH {
            let mut reader =
                Reader { place: self.place.clone(), ..Reader::new(self.text, inside..end, self.escape, true) };
            let mut calls = Vec::new();
            reader.read(&mut calls, depth + 1, true);
            within.append(&mut calls);
        }
        self.at = (end + close.len_utf8()).min(self.end);
        let text = &self.text[from..self.at];
        self.push(open, from, text);
    }

    /// Where a bracket is closed that was opened before; the end of all where it is not.
    fn closing(&self, close: char) -> usize {
        let opening = match close {
            ')' => '(',
            '}' => '{',
            other => other,
        };
        let mut open = 1_usize;
        let mut quote = None;
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match (quote, c) {
                (_, '\\') if quote != Some('\'') => {
                    chars.next();
                }
                (Some(mark), _) if c == mark => quote = None,
                (None, _) if c == close => {
                    open -= 1;
                    if open == 0 {
                        return self.at + at;
                    }
                }
                (None, _) if c == opening => open += 1,
                (None, '\'' | '"') => quote = Some(c),
                _ => {}
            }
        }
        self.end
    }
}

/// The calls in what `sh -c` is given, each in the place of the whole word.
fn script(call: &Call, within: &mut Vec<Call>, depth: usize) {
    if !is_shell(call.program()) {
        return;
    }
    let mut words = call.command().iter().skip(1);
    let takes = |word: &&Word| word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c');
    if words.by_ref().any(|word| takes(&word))
        && let Some(line) = words.next()
    {
        let mut reader = Reader::new(&line.text, 0..line.text.len(), None, true);
        reader.place = Some(line.span.clone());
        let mut calls = Vec::new();
        reader.read(&mut calls, depth + 1, true);
        within.append(&mut calls);
    }
}

/// `NAME=value` before a call.
fn assignment(word: &Word, text: &str) -> Option<Pair> {
    let (name, value) = word.text.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // A quoted one is a program of a strange name.
    let quoted = text.get(word.span.start..).is_some_and(|rest| rest.starts_with(['"', '\'']));
    (is_name && !quoted).then(|| Pair { name: name.to_owned(), value: Some(value.to_owned()), span: word.span.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let shown = |call: Call| {
            let joint = match call.joint {
                Joint::Then => "",
                Joint::And => "&& ",
                Joint::Or => "|| ",
                Joint::Pipe => "| ",
            };
            format!("{joint}{}", call.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" · "))
        };
        calls(text, 0..text.len(), Some('\\')).into_iter().map(shown).collect()
    }

    #[test]
    fn lines_are_taken_apart() {
        assert_eq!(
            shown("apt-get update && apt-get install -y 'a b'; ls"),
            ["apt-get · update", "&& apt-get · install · -y · a b", "ls"]
        );
        assert_eq!(
            shown("curl -fsS \"$URL\" | tar xz > /dev/null 2>&1 || true"),
            ["curl · -fsS · $URL", "| tar · xz", "|| true"]
        );
        assert_eq!(shown("a \\\n  # a comment\n\n  b \\\n && c"), ["a · b", "&& c"]);
        assert_eq!(shown("if [ -f x ]; then cargo build; fi"), ["[ · -f · x · ]", "cargo · build"]);
        assert_eq!(
            shown("bash -c 'cargo build | tee log'"),
            ["bash · -c · cargo build | tee log", "cargo · build", "| tee · log"]
        );
        assert_eq!(shown("A=\"$(date +%s)\" make # done && not"), ["make", "date · +%s"]);
        assert_eq!(shown("case $x in amd64) echo a ;; esac"), ["case · $x · in · amd64", "echo · a"]);
    }

    #[test]
    fn what_is_called_through_others_is_found() {
        let text = "sudo -u root env A=b /usr/bin/apt-get install --target=x";
        let call = calls(text, 0..text.len(), None).remove(0);
        assert_eq!(call.program(), "apt-get");
        assert_eq!(call.value("--target"), Some("x"));
        assert!(call.through("sudo").is_some());
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "RUN a \\\n  bc 'd e'";
        let call = calls(text, 4..text.len(), Some('\\')).remove(0);
        let places: Vec<&str> = call.words.iter().map(|word| &text[word.span.clone()]).collect();
        assert_eq!(places, ["a", "bc", "'d e'"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_bad(text in "([a-c]|[ \\\\\n'\"$(){}`|&;<>#=-]|é){0,60}") {
            for escape in [Some('\\'), Some('`'), None] {
                for call in calls(&text, 0..text.len(), escape) {
                    proptest::prop_assert!(text.get(call.span.clone()).is_some());
                    call.command();
                }
            }
            words(&text, 0..text.len(), '\\');
        }
    }
}
