//! Words and operators of lines, with variables filled in where they are known. What a command prints stays as it is written.

use std::collections::BTreeMap;

/// Variables with their values.
pub type Variables = BTreeMap<String, String>;

/// The words of an instruction that is no shell line: quotes go, variables are filled in.
pub fn words(text: &str, variables: &Variables) -> Vec<String> {
    let mut reader = Reader { text: text.chars().collect(), at: 0, shell: false };
    let (words, _) = reader.command(variables);
    words
}

/// Fills in variables, and does nothing else.
pub fn fill(text: &str, variables: &Variables) -> String {
    words(&format!("\"{}\"", text.replace('"', "\\\"")), variables).join(" ")
}

/// Reads words, and the operator that ends a command.
pub struct Reader {
    text: Vec<char>,
    at: usize,
    shell: bool,
}

/// The words of a command so far.
#[derive(Default)]
struct Words {
    all: Vec<String>,
    /// The one that is being read.
    now: Option<String>,
    /// Whether it is a redirection's.
    skips: bool,
}

impl Words {
    fn open(&mut self) -> &mut String {
        self.now.get_or_insert_default()
    }

    fn end(&mut self) {
        if let Some(word) = self.now.take()
            && !std::mem::take(&mut self.skips)
        {
            self.all.push(word);
        }
    }
}

impl Reader {
    /// Of a shell line.
    pub fn of_shell(text: &str) -> Self {
        Self { text: text.chars().collect(), at: 0, shell: true }
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    /// The next command, and the operator that ends it.
    pub fn command(&mut self, variables: &Variables) -> (Vec<String>, String) {
        let mut words = Words::default();
        let mut end = String::new();
        while let Some(c) = self.peek(0) {
            match c {
                '\n' if self.shell => {
                    self.at += 1;
                    end.push('\n');
                    break;
                }
                _ if c.is_whitespace() => {
                    words.end();
                    self.at += 1;
                }
                '#' if self.shell && words.now.is_none() => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                '\'' => {
                    words.open();
                    self.at += 1;
                    while let Some(c) = self.peek(0).filter(|c| *c != '\'') {
                        words.open().push(c);
                        self.at += 1;
                    }
                    self.at += 1;
                }
                '"' => {
                    words.open();
                    self.at += 1;
                    while let Some(c) = self.peek(0).filter(|c| *c != '"') {
                        match (c, self.peek(1)) {
                            ('\\', Some(next)) if "\"\\$`".contains(next) => {
                                words.open().push(next);
                                self.at += 2;
                            }
                            ('$' | '`', _) => words.open().push_str(&self.value(variables)),
                            _ => {
                                words.open().push(c);
                                self.at += 1;
                            }
                        }
                    }
                    self.at += 1;
                }
                '\\' => {
                    words.open().extend(self.peek(1));
                    self.at += 2;
                }
                '$' | '`' => {
                    let value = self.value(variables);
                    // What is not quoted is taken apart; what a command prints is one word.
                    if !self.shell || value.starts_with("$(") || !value.contains(char::is_whitespace) {
                        if !value.is_empty() {
                            words.open().push_str(&value);
                        }
                        continue;
                    }
                    for piece in value.split_inclusive(char::is_whitespace) {
                        if !piece.trim().is_empty() {
                            words.open().push_str(piece.trim_end());
                        }
                        if piece.ends_with(char::is_whitespace) {
                            words.end();
                        }
                    }
                }
                '>' | '<' if self.shell => {
                    // A digit before it is a descriptor's number.
                    words.now.take_if(|word| word.chars().all(|c| c.is_ascii_digit()));
                    words.end();
                    while self.peek(0).is_some_and(|c| "><&-".contains(c)) {
                        self.at += 1;
                    }
                    words.skips = true;
                }
                '&' if self.shell && self.peek(1) == Some('>') => self.at += 1,
                '&' | '|' | ';' | '(' | ')' if self.shell => {
                    end.push(c);
                    self.at += 1;
                    if self.peek(0) == Some(c) && "&|;".contains(c) {
                        end.push(c);
                        self.at += 1;
                    }
                    break;
                }
                _ => {
                    words.open().push(c);
                    self.at += 1;
                }
            }
        }
        words.end();
        (words.all, end)
    }

    /// What stands for a variable or for a command's output.
    fn value(&mut self, variables: &Variables) -> String {
        let start = self.at;
        if self.peek(0) == Some('`') {
            self.at += 1;
            while self.peek(0).is_some_and(|c| c != '`') {
                self.at += 1;
            }
            self.at += 1;
            let inner: String = self.text[start + 1..(self.at - 1).min(self.text.len())].iter().collect();
            return format!("$({inner})");
        }
        match self.peek(1) {
            Some('(') => {
                self.enclosed('(', ')');
                self.text[start..self.at].iter().collect()
            }
            Some('{') => {
                self.enclosed('{', '}');
                let inner: String = self.text[start + 2..self.at.max(start + 3) - 1].iter().collect();
                let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
                let (name, rest) = inner.split_at(end);
                let value = variables.get(name).cloned().unwrap_or_default();
                let rest = rest.strip_prefix(':').unwrap_or(rest);
                match rest.chars().next() {
                    Some('-') if value.is_empty() => fill(&rest[1..], variables),
                    Some('+') if !value.is_empty() => fill(&rest[1..], variables),
                    Some('+') => String::new(),
                    _ => value,
                }
            }
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                self.at += 1;
                let from = self.at;
                while self.peek(0).is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                    self.at += 1;
                }
                let name: String = self.text[from..self.at].iter().collect();
                variables.get(&name).cloned().unwrap_or_default()
            }
            next => {
                // `$@` and its kin are nothing here.
                self.at += if next.is_some_and(|c| "@*#?$!".contains(c)) { 2 } else { 1 };
                String::new()
            }
        }
    }

    /// Goes behind the bracket that closes the one after `$`.
    fn enclosed(&mut self, open: char, close: char) {
        let mut depth = 0;
        self.at += 1;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            if c == open {
                depth += 1;
            } else if c == close {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_instructions_keep_operators() {
        let variables = Variables::from([("P".to_owned(), "80 81".to_owned())]);
        assert_eq!(words("A=\"b & c\" D='$P' E=$P \\$P", &variables), ["A=b & c", "D=$P", "E=80 81", "$P"]);
    }
}
