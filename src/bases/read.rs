//! The table as it is written: families, with variants by tag.

use std::sync::OnceLock;

use serde::Deserialize;
use toml::{Table as Keys, Value};

use super::Base;
use crate::failure::{Failure, Kind, Result};

/// All rows, read once.
pub(super) struct Table {
    /// The month in which it was true.
    pub as_of: String,
    families: Vec<Family>,
}

struct Family {
    repositories: Vec<String>,
    /// What is known whatever the tag is.
    common: Base,
    variants: Vec<(Vec<String>, Base)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Text {
    as_of: String,
    family: Vec<Keys>,
}

pub(super) fn table() -> Result<&'static Table> {
    static TABLE: OnceLock<Result<Table, String>> = OnceLock::new();
    TABLE
        .get_or_init(|| read(include_str!("bases.toml")))
        .as_ref()
        .map_err(|why| Failure::new(Kind::Internal, "the table of base images cannot be used").detail(why.clone()))
}

impl Table {
    /// Each variant, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Base> {
        self.families.iter().flat_map(|family| family.variants.iter().map(|(_, base)| base))
    }

    /// By a normal name, with its registry.
    pub fn find(&self, repository: &str, tag: Option<&str>) -> Option<&Base> {
        let family = self.families.iter().find(|family| family.repositories.iter().any(|own| own == repository))?;
        let fits = |tags: &[String]| match tag {
            Some(tag) => tags.iter().any(|pattern| like(pattern, tag)),
            None => tags.iter().any(|pattern| pattern == "*"),
        };
        let variant = family.variants.iter().find(|(tags, _)| fits(tags));
        Some(variant.map_or(&family.common, |(_, base)| base))
    }
}

fn read(text: &str) -> Result<Table, String> {
    let text: Text = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut raw: Vec<Keys> = Vec::new();
    for mut keys in text.family {
        if let Some(like) = keys.remove("like") {
            let like = like.as_str().unwrap_or_default();
            let other = raw.iter().find(|other| first_name(other) == Some(like));
            let mut whole = other.ok_or_else(|| format!("no family's first variant is called {like}"))?.clone();
            for (from, to) in keys.remove("names").as_ref().and_then(Value::as_table).into_iter().flatten() {
                rename(&mut whole, from, to.as_str().unwrap_or_default());
            }
            whole.extend(keys);
            keys = whole;
        }
        raw.push(keys);
    }
    Ok(Table { as_of: text.as_of, families: raw.into_iter().map(family).collect::<Result<_, _>>()? })
}

fn variants(keys: &Keys) -> impl Iterator<Item = &Keys> {
    keys.get("variant").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn first_name(keys: &Keys) -> Option<&str> {
    variants(keys).next()?.get("name")?.as_str()
}

fn rename(keys: &mut Keys, from: &str, to: &str) {
    let Some(list) = keys.get_mut("variant").and_then(Value::as_array_mut) else { return };
    for variant in list.iter_mut().filter_map(Value::as_table_mut) {
        if let Some(Value::String(name)) = variant.get_mut("name") {
            *name = name.replace(from, to);
        }
    }
}

fn family(mut keys: Keys) -> Result<Family, String> {
    let own: Vec<Keys> = variants(&keys).cloned().collect();
    keys.remove("variant");
    let repositories = strings(keys.remove("repositories"));
    let first = repositories.first().ok_or("a family without a repository")?.clone();
    let base = |keys: Keys| Base::deserialize(keys).map_err(|error| format!("{first}: {error}"));
    let mut variants = Vec::new();
    for mut variant in own {
        let tags = strings(variant.remove("tags"));
        let mut whole = keys.clone();
        whole.extend(variant);
        let tag = tags.first().ok_or_else(|| format!("{first}: a variant without tags"))?;
        if whole.contains_key("name") {
            let reference = if first == "scratch" { first.clone() } else { format!("{}:{tag}", familiar(&first)) };
            whole.insert("reference".to_owned(), reference.into());
        }
        variants.push((tags, base(whole)?));
    }
    Ok(Family { common: base(keys)?, repositories, variants })
}

/// As people write it.
fn familiar(name: &str) -> &str {
    name.strip_prefix("docker.io/library/").or_else(|| name.strip_prefix("docker.io/")).unwrap_or(name)
}

fn strings(value: Option<Value>) -> Vec<String> {
    value.and_then(|value| value.try_into().ok()).unwrap_or_default()
}

/// Whether a pattern of `*` (anything) and `?` (one character) is this text.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&c) if c == b'?' || c == text[seen] => {
                at += 1;
                seen += 1;
            }
            // The last star takes one more.
            _ => match &mut star {
                Some((place, taken)) => {
                    *taken += 1;
                    at = *place + 1;
                    seen = *taken;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == b'*')
}
