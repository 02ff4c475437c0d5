//! Cargo's profiles, as far as they decide what an image holds.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// A profile of the root manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoProfile {
    /// `strip`, where the user set it, here or in what it inherits: `none`, `debuginfo` or `symbols`.
    pub strip: Option<String>,
    /// The line of the root manifest that sets it.
    pub line: Option<usize>,
}

/// Cargo's own profiles and the user's; a manifest that does not parse has been refused by cargo before.
pub(super) fn read(manifest: &str) -> BTreeMap<String, CargoProfile> {
    let table = manifest.parse::<Table>().unwrap_or_default();
    let profiles = table.get("profile").and_then(Value::as_table).cloned().unwrap_or_default();
    let mut names: Vec<&str> = vec!["dev", "release", "test", "bench"];
    names.extend(profiles.keys().map(String::as_str));
    names.iter().map(|name| ((*name).to_owned(), resolve(name, &profiles, manifest))).collect()
}

fn resolve(name: &str, profiles: &Table, manifest: &str) -> CargoProfile {
    let mut name = name;
    // Cargo refuses a circle; the bound is for the file that it has not seen yet.
    for _ in 0..16 {
        let own = profiles.get(name).and_then(Value::as_table);
        let strip = own.and_then(|own| own.get("strip")).and_then(|strip| match strip {
            Value::Boolean(true) => Some("symbols".to_owned()),
            Value::Boolean(false) => Some("none".to_owned()),
            Value::String(how) => Some(how.clone()),
            _ => None,
        });
        if strip.is_some() {
            return CargoProfile { strip, line: line_of(manifest, name) };
        }
        let inherits = own.and_then(|own| own.get("inherits")).and_then(Value::as_str);
        name = match (inherits, name) {
            (Some(parent), _) => parent,
            (None, "bench") => "release",
            (None, "test") => "dev",
            (None, _) => break,
        };
    }
    CargoProfile::default()
}

fn line_of(manifest: &str, profile: &str) -> Option<usize> {
    let manifest = toml_edit::Document::parse(manifest).ok()?;
    let span = manifest.get("profile")?.get(profile)?.get("strip")?.span()?;
    Some(manifest.raw().get(..span.start)?.lines().count().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_is_found_where_it_is_inherited() {
        let profiles = read("[profile.release]\nstrip = true\n[profile.dist]\ninherits = \"release\"\nlto = true\n");
        assert_eq!(profiles["dist"].strip.as_deref(), Some("symbols"));
        assert_eq!(profiles["dist"].line, Some(2));
        assert_eq!(profiles["bench"].strip.as_deref(), Some("symbols"));
        assert_eq!(profiles["dev"], CargoProfile::default());
    }

    #[test]
    fn a_circle_ends() {
        let profiles = read("[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"\n");
        assert_eq!(profiles["a"], CargoProfile::default());
    }
}
