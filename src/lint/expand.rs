//! `$NAME` and `${NAME:-default}` in an instruction, with the values that are known.

use std::collections::BTreeMap;

use super::model::Pair;

/// Where values come from.
pub struct Lookup<'a>(pub &'a [Pair]);

/// A longer value is nobody's.
const LONGEST: usize = 64 * 1024;

/// All values of a file together are no longer than this: each of many lines can have one that is long.
const LONGEST_TOGETHER: usize = 64 * LONGEST;

/// Names with their values, put together; none: one of the value's own variables is not known, or the value is too long.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<String, Option<String>>);

impl Values {
    /// The value of each name, the last one that it was given. Defaults name those before them, each of which is put together
    /// once: names that name each other twice would otherwise double the work with each line.
    pub fn of(pairs: &[Pair]) -> Self {
        let mut known = Self::default();
        let mut left = LONGEST_TOGETHER;
        for pair in pairs {
            let value = pair.value.as_deref().and_then(|value| known.expand(value));
            let value = value.filter(|value| value.len() <= left);
            left -= value.as_ref().map_or(0, String::len);
            known.0.insert(pair.name.clone(), value);
        }
        known
    }

    /// A text with these values in place; none where one of its variables is not known.
    pub fn expand(&self, text: &str) -> Option<String> {
        fill(text, &|name| self.0.get(name).cloned().flatten())
    }
}

/// One part of a text.
enum Part<'a> {
    Plain(&'a str),
    Name(&'a str, Option<(&'a str, &'a str)>),
}

/// A text with its variables' values in place; none where one of them is not known.
pub fn expand(text: &str, lookup: &Lookup<'_>) -> Option<String> {
    Values::of(lookup.0).expand(text)
}

/// A text with the values that a function has for its variables; none where it has none for one of them.
pub fn fill(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    parts(text).into_iter().try_fold(String::new(), |done, part| {
        let value = match part {
            Part::Plain(plain) => plain.to_owned(),
            Part::Name(name, modifier) => match (value(name), modifier) {
                (Some(_), Some(("+", other))) => other.to_owned(),
                (Some(value), _) if !value.is_empty() => value,
                (_, Some(("-", other))) => fill(other, &|_| None)?,
                (Some(value), _) => value,
                (None, Some(("+", _))) => String::new(),
                (None, _) => return None,
            },
        };
        (done.len() + value.len() <= LONGEST).then(|| done + &value)
    })
}

/// Whether a text with variables could stand for this one.
pub fn could_be(text: &str, other: &str) -> bool {
    let parts = parts(text);
    let plain: Vec<&str> =
        parts.iter().filter_map(|part| if let Part::Plain(plain) = part { Some(*plain) } else { None }).collect();
    if plain.iter().all(|plain| plain.is_empty()) {
        return false;
    }
    let first = if let Some(Part::Plain(plain)) = parts.first() { plain } else { "" };
    let last = if let Some(Part::Plain(plain)) = parts.last() { plain } else { "" };
    other.len() > first.len() + last.len() && other.starts_with(first) && other.ends_with(last)
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        found.push(Part::Plain(&rest[..at]));
        let after = &rest[at + 1..];
        let length = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        if let Some((inner, end)) = after.strip_prefix('{').and_then(|inner| Some((inner, inner.find('}')?))) {
            let (name, modifier) = inner[..end].split_at(length(&inner[..end]));
            let modifier = modifier.strip_prefix(':').unwrap_or(modifier);
            found.push(Part::Name(name, modifier.get(..1).map(|sign| (sign, &modifier[1..]))));
            rest = &inner[end + 1..];
        } else {
            let (name, more) = after.split_at(length(after));
            found.push(if name.is_empty() { Part::Plain("$") } else { Part::Name(name, None) });
            rest = more;
        }
    }
    found.push(Part::Plain(rest));
    found.retain(|part| !matches!(part, Part::Plain("")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_their_places() {
        let pair = |name: &str, value: &str| Pair { name: name.into(), value: Some(value.into()), span: 0..0 };
        let pairs = [pair("V", "1.95"), pair("IMAGE", "rust:$V")];
        let lookup = Lookup(&pairs);
        assert_eq!(expand("${IMAGE}-slim", &lookup).as_deref(), Some("rust:1.95-slim"));
        assert_eq!(expand("a${X:-b}c$V", &lookup).as_deref(), Some("abc1.95"));
        assert_eq!(expand("${V:+yes}${X:+no}", &lookup).as_deref(), Some("yes"));
        assert_eq!(expand("$X", &lookup), None);
        assert_eq!(expand("5$", &lookup).as_deref(), Some("5$"));
        assert!(could_be("target-${TARGETARCH}", "target-arm64"));
        assert!(!could_be("target-${TARGETARCH}", "builder"));
        assert!(!could_be("${BASE}", "builder"));
    }

    #[test]
    fn names_that_double_each_other_end() {
        let pair = |at: usize| Pair {
            name: format!("A{at}"),
            value: Some(if at == 0 { String::new() } else { format!("$A{0}$A{0}", at - 1) }),
            span: 0..0,
        };
        let empty: Vec<Pair> = (0..64).map(pair).collect();
        assert_eq!(expand("$A63", &Lookup(&empty)).as_deref(), Some(""));
        let mut full = empty.clone();
        full[0].value = Some("x".to_owned());
        assert_eq!(expand("$A4", &Lookup(&full)).map(|text| text.len()), Some(16));
        assert_eq!(expand("$A63", &Lookup(&full)), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_bad(text in "([$(){}:+A-]|é){0,20}") {
            expand(&text, &Lookup(&[]));
            could_be(&text, "é");
        }
    }
}
