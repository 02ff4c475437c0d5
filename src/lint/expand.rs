//! `$NAME` and `${NAME:-default}` in an instruction, with the values that are known.

use super::model::Pair;

/// Where values come from.
pub struct Lookup<'a>(pub &'a [Pair]);

impl Lookup<'_> {
    /// A name's value, the last one that it was given.
    fn value(&self, name: &str) -> Option<String> {
        let pair = self.0.iter().rev().find(|pair| pair.name == name)?;
        let value = pair.value.as_deref()?;
        // Defaults name each other.
        let before = self.0.iter().position(|other| std::ptr::eq(other, pair)).unwrap_or(0);
        expand(value, &Lookup(&self.0[..before]))
    }
}

/// One part of a text.
enum Part<'a> {
    Plain(&'a str),
    Name(&'a str, Option<(&'a str, &'a str)>),
}

/// A text with its variables' values in place; none where one of them is not known.
pub fn expand(text: &str, lookup: &Lookup<'_>) -> Option<String> {
    parts(text).into_iter().try_fold(String::new(), |done, part| {
        let value = match part {
            Part::Plain(plain) => plain.to_owned(),
            Part::Name(name, modifier) => match (lookup.value(name), modifier) {
                (Some(_), Some(("+", other))) => other.to_owned(),
                (Some(value), _) if !value.is_empty() => value,
                (_, Some(("-", other))) => expand(other, &Lookup(&[]))?,
                (Some(value), _) => value,
                (None, Some(("+", _))) => String::new(),
                (None, _) => return None,
            },
        };
        Some(done + &value)
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

    proptest::proptest! {
        #[test]
        fn no_text_is_too_bad(text in "([$(){}:+A-]|é){0,20}") {
            expand(&text, &Lookup(&[]));
            could_be(&text, "é");
        }
    }
}
