//! Paths of an image, which are many.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A path. A folder above it is the beginning of the same text: a deep path costs one text, and not one for each folder.
#[derive(Clone)]
pub struct Name {
    text: Arc<str>,
    end: usize,
}

impl Name {
    /// Its first bytes, which end before a `/`.
    pub(super) fn up_to(&self, end: usize) -> Self {
        Self { text: self.text.clone(), end: end.min(self.end) }
    }

    /// The path as a text.
    pub fn as_str(&self) -> &str {
        self.text.get(..self.end).unwrap_or_default()
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self { end: text.len(), text: text.into() }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self { end: text.len(), text: text.into() }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
