//! Secrets in bytes: found by the rules of `rules.toml`, and never shown.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use globset::{Glob, GlobSet, GlobSetBuilder};
use regex::bytes::Regex;
use serde::Deserialize;

use crate::failure::{Failure, Kind, Result};
use crate::limits;

/// The longest secret, with what stands before it: no more is looked at behind a word.
const AHEAD: usize = 4096;

/// A longer file of variables is none.
const LONGEST_LIST: usize = 256 * 1024;

/// What is wrong with the table; the tests rule it out.
type Defect = Box<dyn std::error::Error + Send + Sync>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    placeholders: Vec<String>,
    within: Vec<String>,
    names: Names,
    rule: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    ends: Vec<String>,
    files: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    what: String,
    words: Vec<String>,
    shape: String,
    #[serde(default)]
    files: Vec<String>,
    /// Its value is a name and a password as HTTP has them.
    #[serde(default)]
    basic: bool,
    /// Its value has letters of both cases and digits: so short a word stands in other texts too.
    #[serde(default)]
    mixed: bool,
    /// In files it is no secret.
    #[serde(default)]
    texts: bool,
    /// Who says that it looks so.
    #[serde(rename = "source")]
    _source: String,
}

struct Rule {
    row: Row,
    /// Compiled where one of its words stands, which is rare.
    shape: OnceLock<Option<Regex>>,
    files: Option<GlobSet>,
}

impl Rule {
    /// None: it is no pattern, which the tests rule out.
    fn shape(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!(r"(?-u)\A(?:{})", self.row.shape)).ok();
        self.shape.get_or_init(compile).as_ref()
    }
}

/// Words, and which rules are tried where they stand.
struct Words {
    words: AhoCorasick,
    rules: Vec<Vec<usize>>,
}

/// What secrets look like.
pub(crate) struct Rules {
    table: Vec<Rule>,
    /// Of the rules for any file: these words are rare.
    general: Words,
    /// Of the rules for files by their names as well.
    all: Words,
    /// Of the rules for texts that are no files of an image.
    texts: Words,
    placeholders: Vec<String>,
    within: Vec<String>,
    ends: Vec<String>,
    lists: GlobSet,
    assignment: Regex,
}

/// A secret that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The rule's name.
    pub rule: String,
    /// What it is.
    pub what: String,
    /// What stands there, without the secret.
    pub shown: String,
    /// The secret itself, to be taken out of whatever is shown.
    pub value: Vec<u8>,
}

impl Rules {
    /// The table's, read once.
    pub fn known() -> Result<&'static Self> {
        static RULES: OnceLock<Result<Rules, String>> = OnceLock::new();
        RULES
            .get_or_init(|| Self::read().map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|error| Failure::new(Kind::Internal, "the rules for secrets cannot be used").detail(error))
    }

    fn read() -> Result<Self, Defect> {
        let table: Table = toml::from_str(include_str!("rules.toml"))?;
        let mut rules = Vec::new();
        for row in table.rule {
            let files = if row.files.is_empty() { None } else { Some(globs(&row.files)?) };
            rules.push(Rule { row, shape: OnceLock::new(), files });
        }
        Ok(Self {
            general: Words::of(&rules, |rule| rule.files.is_none() && !rule.row.texts)?,
            all: Words::of(&rules, |rule| !rule.row.texts)?,
            texts: Words::of(&rules, |rule| rule.files.is_none())?,
            table: rules,
            placeholders: table.placeholders,
            within: table.within,
            ends: table.names.ends,
            lists: globs(&table.names.files)?,
            assignment: Regex::new(r#"(?-u)([A-Za-z][A-Za-z0-9_]*)=("[^"\n]*"|'[^'\n]*'|[^\s"';&|]+)"#)?,
        })
    }

    /// Secrets in a text of the configuration or the history, where variables are set as well.
    pub fn text(&self, text: &str) -> Vec<Hit> {
        let variables = self.variables(text.as_bytes()).into_iter();
        variables.chain(self.places(text)).map(|(_, hit)| hit).collect()
    }

    /// Where secrets stand in a text that are known by themselves, whatever they are called.
    pub fn places(&self, text: &str) -> Vec<(Range<usize>, Hit)> {
        let mut found = Vec::new();
        self.search(&self.texts, None, (text.as_bytes(), 0, text.len()), &mut |span, hit| found.push((span, hit)));
        found
    }

    /// A text as it may be shown: with a star for each byte of a secret, so that all else stays in its place.
    pub fn masked(&self, text: &str, known: &[Range<usize>]) -> String {
        let found = self.variables(text.as_bytes()).into_iter().chain(self.places(text));
        let mut secret = vec![false; text.len()];
        for span in found.map(|(span, _)| span).chain(known.iter().cloned()) {
            secret[span.start.min(text.len())..span.end.min(text.len())].fill(true);
        }
        let mut shown = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            if c != '\n' && secret[at] {
                shown.extend(std::iter::repeat_n('*', c.len_utf8()));
            } else {
                shown.push(c);
            }
        }
        shown
    }

    /// Whether a variable of this name holds a secret, whatever its value is now.
    pub fn is_named(&self, name: &str) -> bool {
        let upper = name.to_ascii_uppercase();
        self.ends
            .iter()
            .any(|end| upper.strip_suffix(end.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
    }

    /// Variables whose names say that their values are secrets, and where those are.
    fn variables(&self, text: &[u8]) -> Vec<(Range<usize>, Hit)> {
        let found = self.assignment.captures_iter(text).filter_map(|found| {
            let name = String::from_utf8_lossy(found.get(1)?.as_bytes()).into_owned();
            let whole = found.get(2)?;
            let value = whole.as_bytes();
            let quoted = usize::from(value.starts_with(b"\"") || value.starts_with(b"'"));
            let value = &value[quoted..];
            let value = value.strip_suffix(b"\"").or(value.strip_suffix(b"'")).unwrap_or(value);
            let start = whole.start() + quoted;
            // A file, a variable or a number is no secret.
            let plain = value.starts_with(b"/") || value.iter().all(u8::is_ascii_digit);
            let secret = value.len() >= 4 && !plain && self.is_named(&name) && !self.stands_for(value);
            secret.then(|| {
                let hit = Hit {
                    rule: "variable".to_owned(),
                    what: "a variable with a secret's name".to_owned(),
                    shown: format!("{name}=…"),
                    value: value.to_vec(),
                };
                (start..start + value.len(), hit)
            })
        });
        found.collect()
    }

    /// Whether this only stands in a secret's place.
    fn stands_for(&self, value: &[u8]) -> bool {
        let text = String::from_utf8_lossy(value).to_lowercase();
        let same = value.iter().all(|byte| Some(byte) == value.first());
        same || value.starts_with(b"$")
            || value.starts_with(b"<")
            || value.starts_with(b"{")
            || value.starts_with(b"%")
            || self.placeholders.contains(&text)
            || self.within.iter().any(|part| text.contains(part.as_str()))
    }

    /// Looks at words that begin in a part of the bytes.
    fn search(
        &self,
        words: &Words,
        path: Option<&str>,
        part: (&[u8], usize, usize),
        hit: &mut impl FnMut(Range<usize>, Hit),
    ) {
        let (bytes, mut from, to) = part;
        let end = bytes.len().min(to + words.words.max_pattern_len());
        while from < to {
            let Some(found) = words.words.find(Input::new(bytes).span(from..end)) else { return };
            let at = found.start();
            if at >= to {
                return;
            }
            from = at + 1;
            let glued = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if bytes.get(at).copied().is_some_and(glued) && at > 0 && glued(bytes[at - 1]) {
                continue;
            }
            let window = &bytes[at..bytes.len().min(at + AHEAD)];
            for index in &words.rules[found.pattern().as_usize()] {
                let rule = &self.table[*index];
                let applies = rule.files.as_ref().is_none_or(|files| path.is_some_and(|path| files.is_match(path)));
                if applies && let Some((span, found)) = self.try_at(rule, window) {
                    hit(at + span.start..at + span.end, found);
                    break;
                }
            }
        }
    }

    /// The secret of a rule at the beginning of some bytes, and where it is in them.
    fn try_at(&self, rule: &Rule, window: &[u8]) -> Option<(Range<usize>, Hit)> {
        let found = rule.shape()?.captures(window)?;
        let whole = found.get(0)?;
        let word = rule.row.words.iter().find(|word| whole.as_bytes().starts_with(word.as_bytes()))?;
        let (secret, shown) = match found.name("secret") {
            Some(secret) => {
                let before = &whole.as_bytes()[..secret.start()];
                let after = &window[secret.end()..whole.end()];
                (secret.as_bytes(), format!("{}…{}", line(before), line(after)))
            }
            None => (whole.as_bytes(), format!("{word}…")),
        };
        let mixed = |test: fn(&u8) -> bool| secret.iter().any(test);
        let fits = (!rule.row.mixed
            || mixed(u8::is_ascii_digit) && mixed(u8::is_ascii_uppercase) && mixed(u8::is_ascii_lowercase))
            && (!rule.row.basic || STANDARD.decode(secret).is_ok_and(|login| login.contains(&b':')));
        let held = if found.name("secret").is_some() { secret } else { secret.get(word.len()..)? };
        let span = found.name("secret").unwrap_or(whole).range();
        (fits && !self.stands_for(held)).then(|| {
            let hit = Hit { rule: rule.row.name.clone(), what: rule.row.what.clone(), shown, value: secret.to_vec() };
            (span, hit)
        })
    }
}

impl Words {
    fn of(rules: &[Rule], wanted: impl Fn(&Rule) -> bool) -> Result<Self, Defect> {
        let mut by_word: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| wanted(rule)) {
            for word in &rule.row.words {
                by_word.entry(word).or_default().push(index);
            }
        }
        // A rule whose word begins another's is tried there too.
        let tried: Vec<Vec<usize>> = by_word
            .keys()
            .map(|word| by_word.iter().filter(|(own, _)| word.starts_with(**own)).flat_map(|(_, own)| own.clone()))
            .map(Iterator::collect)
            .collect();
        let words = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(by_word.keys());
        Ok(Self { words: words?, rules: tried })
    }
}

/// A file that comes in pieces. No more of it is held than the longest secret and one piece.
pub(crate) struct Stream<'r> {
    rules: &'r Rules,
    path: &'r str,
    words: &'r Words,
    held: Vec<u8>,
    /// Words before this were looked at.
    from: usize,
    list: Option<Vec<u8>>,
    hits: Vec<Hit>,
}

impl<'r> Stream<'r> {
    /// A file at this path in an image.
    pub fn new(rules: &'r Rules, path: &'r str) -> Self {
        let named = rules.table.iter().any(|rule| rule.files.as_ref().is_some_and(|files| files.is_match(path)));
        let words = if named { &rules.all } else { &rules.general };
        let list = rules.lists.is_match(path).then(Vec::new);
        Self { rules, path, words, held: Vec::new(), from: 0, list, hits: Vec::new() }
    }

    /// Takes in the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
        if let Some(list) = self.list.as_mut().filter(|list| list.len() < LONGEST_LIST) {
            list.extend_from_slice(piece);
        }
        let to = self.held.len().saturating_sub(AHEAD);
        if to > self.from {
            let part = (self.held.as_slice(), self.from, to);
            self.rules.search(self.words, Some(self.path), part, &mut |_, hit| keep(&mut self.hits, hit));
            // One byte before the next word says whether it begins there.
            self.held.drain(..to - 1);
            self.from = 1;
        }
    }

    /// What was found, once there is no more.
    pub fn end(mut self) -> Vec<Hit> {
        let part = (self.held.as_slice(), self.from, self.held.len());
        self.rules.search(self.words, Some(self.path), part, &mut |_, hit| keep(&mut self.hits, hit));
        if let Some(list) = &self.list {
            self.hits.extend(self.rules.variables(list).into_iter().map(|(_, hit)| hit));
        }
        self.hits
    }
}

/// A file can be nothing but secrets, each of which takes more room here than there.
fn keep(hits: &mut Vec<Hit>, hit: Hit) {
    if (hits.len() as u64) < limits::SECRETS.most {
        hits.push(hit);
    }
}

/// The last line of some bytes, as it may be shown.
fn line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.trim().lines().next_back().unwrap_or_default().chars().take(60).collect();
    crate::failure::printable(&text)
}

fn globs(patterns: &[String]) -> Result<GlobSet, Defect> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern)?);
    }
    Ok(set.build()?)
}

#[cfg(test)]
mod tests;
