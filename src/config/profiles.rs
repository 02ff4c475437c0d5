//! Which profile inherits from which: names that are there, and no circles.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Document, Item};

use super::{ProfileTable, nearest};
use crate::failure::{Failure, Kind, Place, Result};
use crate::plan::PROFILES;

/// Holds every `inherits` against the names that are there.
pub(super) fn check(file: &str, text: &str, profiles: &BTreeMap<String, ProfileTable>) -> Result<()> {
    profiles.keys().try_for_each(|name| one(name, profiles).map_err(|wrong| wrong.failure(file, text)))
}

/// What is wrong with one table.
struct Wrong<'a> {
    profile: &'a str,
    key: Option<&'static str>,
    said: String,
    label: &'static str,
    help: String,
}

fn one<'a>(name: &'a str, profiles: &'a BTreeMap<String, ProfileTable>) -> std::result::Result<(), Wrong<'a>> {
    let own = |name: &str| PROFILES.iter().any(|(known, _)| *known == name);
    let mut chain = vec![name];
    loop {
        let at = chain[chain.len() - 1];
        let table = profiles.get(at);
        let Some(parent) = table.and_then(|table| table.inherits.as_deref()) else {
            // Where a chain ends it has to say what it is.
            if own(at) || table.is_some_and(|table| table.cargo.is_some()) {
                return Ok(());
            }
            return Err(Wrong {
                profile: at,
                key: None,
                said: format!("the image profile `{at}` does not say what it is like"),
                label: "neither `inherits` nor `cargo`",
                help: format!(
                    "add `inherits = \"prod\"` to its table `profile.{at}`, or one of cargo's profiles: `cargo = \"release\"`"
                ),
            });
        };
        let wrong = |said: String, label: &'static str, help: String| {
            Err(Wrong { profile: at, key: Some("inherits"), said, label, help })
        };
        if own(at) {
            return wrong(
                format!("the image profile `{at}` is one of the three that inherit from none"),
                "nothing to inherit",
                "give what you mean a name of its own, and let that one inherit".to_owned(),
            );
        }
        if !own(parent) && !profiles.contains_key(parent) {
            let mut known: Vec<&str> = PROFILES.iter().map(|(name, _)| *name).collect();
            known.extend(profiles.keys().map(String::as_str).filter(|name| !own(name) && *name != at));
            let names = known.join(", ");
            let help = match nearest(parent, known) {
                Some(near) => format!("did you mean `{near}`? There is {names}"),
                None => format!("there is {names}"),
            };
            return wrong(
                format!("the image profile `{at}` inherits from `{parent}`, which is not there"),
                "no such profile",
                help,
            );
        }
        if let Some(from) = chain.iter().position(|seen| *seen == parent) {
            let circle = chain[from..].iter().chain([&parent]).copied().collect::<Vec<_>>().join(" → ");
            return wrong(
                format!("image profiles inherit in a circle: {circle}"),
                "leads back to where it came from",
                "let one of them inherit from `prod`, `dev` or `test`".to_owned(),
            );
        }
        chain.push(parent);
    }
}

impl Wrong<'_> {
    fn failure(self, file: &str, text: &str) -> Failure {
        let failure = Failure::new(Kind::Workspace, self.said).help(self.help);
        match span(text, self.profile, self.key) {
            Some(span) => {
                failure.at(Place { file: file.to_owned(), text: text.to_owned(), span, label: self.label.to_owned() })
            }
            None => failure,
        }
    }
}

/// The value's place, or the name's where there is no value.
fn span(text: &str, profile: &str, key: Option<&str>) -> Option<Range<usize>> {
    let manifest = Document::parse(text).ok()?;
    let tables = ["workspace", "package"]
        .into_iter()
        .find_map(|owner| manifest.get(owner)?.get("metadata")?.get("dockerize")?.get("profile")?.as_table_like())?;
    match key {
        Some(key) => tables.get(profile)?.get(key).and_then(Item::span),
        None => tables.get_key_value(profile).and_then(|(key, _)| key.span()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<(String, String)> {
        let profiles: BTreeMap<String, ProfileTable> = toml::from_str(text).unwrap();
        let lines = text.lines().map(|line| format!("workspace.metadata.dockerize.profile.{line}"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let failure = check("Cargo.toml", &text, &profiles).err()?;
        let shown = failure.place().map(|place| text[place.span.clone()].to_owned()).unwrap_or_default();
        Some((failure.to_string(), shown))
    }

    #[test]
    fn chains_end_somewhere() {
        assert_eq!(said("a.inherits = 'b'\nb.inherits = 'c'\nc.cargo = 'release'\n"), None);
        assert_eq!(said("prod.cargo = 'dist'\nnightly = { inherits = 'test', cache = 'none' }\n"), None);
        let (circle, shown) = said("a.inherits = 'b'\nb.inherits = 'c'\nc.inherits = 'b'\n").unwrap();
        assert!(circle.ends_with("b → c → b"), "{circle}");
        assert_eq!(shown, "'b'");
        assert!(said("a.inherits = 'a'\n").unwrap().0.ends_with("a → a"));
    }

    #[test]
    fn names_that_are_not_there() {
        let (unknown, shown) = said("staging.inherits = 'prd'\n").unwrap();
        assert!(unknown.contains("from `prd`"), "{unknown}");
        assert_eq!(shown, "'prd'");
        assert!(said("dev.inherits = 'prod'\n").is_some());
        assert_eq!(said("staging = { cache = 'none' }\n").unwrap().1, "staging");
    }
}
