//! Variables of a Dockerfile, with the values that are known where an instruction stands.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::lint::expand::{Lookup, expand, fill};
use crate::lint::model::{Dockerfile, Pair, What, Word};

/// A longer value is nobody's.
const LONGEST: usize = 4096;

/// Variables and their values; none: it has a variable whose value is not known.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope(BTreeMap<String, Option<String>>);

impl Scope {
    /// Takes in what an instruction sets.
    pub fn add(&mut self, file: &Dockerfile, what: &What) {
        match what {
            What::Env(pairs) => {
                for pair in pairs {
                    self.set(pair);
                }
            }
            What::Arg(pairs) => {
                for pair in pairs.iter().filter(|pair| pair.value.is_some() || is_global(file, pair)) {
                    // `ENV` wins.
                    if !self.0.contains_key(&pair.name) {
                        self.argument(file, pair);
                    }
                }
            }
            _ => {}
        }
    }

    /// A value is put together where it is set, so that each is looked at once.
    fn set(&mut self, pair: &Pair) {
        let value = pair.value.as_deref().and_then(|value| self.text(value)).filter(|value| value.len() <= LONGEST);
        self.0.insert(pair.name.clone(), value);
    }

    /// One without a default has that of the global of its name.
    fn argument(&mut self, file: &Dockerfile, pair: &Pair) {
        if pair.value.is_some() {
            return self.set(pair);
        }
        let value =
            expand(&format!("${{{}}}", pair.name), &Lookup(&file.globals)).filter(|value| value.len() <= LONGEST);
        self.0.insert(pair.name.clone(), value);
    }

    /// With variables that a line of a shell sets.
    pub fn with(&self, more: &[Pair]) -> Cow<'_, Self> {
        if more.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut scope = self.clone();
        for pair in more {
            scope.set(pair);
        }
        Cow::Owned(scope)
    }

    /// A text with its variables' values; none: one of them is not known.
    pub fn text(&self, written: &str) -> Option<String> {
        if !written.contains(['$', '`']) {
            return Some(written.to_owned());
        }
        fill(written, &|name| self.0.get(name).cloned().flatten()).filter(|text| !text.contains(['$', '`']))
    }

    /// Words of a line of a shell; one that is a variable alone may be several. Where a value is not known there is none.
    pub fn words(&self, words: &[Word]) -> Vec<Option<String>> {
        let mut found: Vec<Option<String>> = Vec::new();
        for word in words {
            let text = self.text(&word.text);
            let whole = word.text.starts_with('$') && !after_option(&found);
            match text {
                Some(text) if whole => found.extend(text.split_whitespace().map(|part| Some(part.to_owned()))),
                text => found.push(text),
            }
        }
        found
    }
}

fn is_global(file: &Dockerfile, pair: &Pair) -> bool {
    file.globals.iter().any(|global| global.name == pair.name)
}

/// Whether the next word can be an option's value.
fn after_option(words: &[Option<String>]) -> bool {
    words.last().and_then(Option::as_deref).is_some_and(|last| last.starts_with('-') && !last.contains('='))
}
