//! What `--profile` can name.

use std::collections::BTreeMap;

use super::model::{Because, Profile};
use crate::config::{ProfileTable, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::Workspace;

/// The profiles that are always there, each with cargo's.
pub(crate) const PROFILES: [(&str, &str); 3] = [("dev", "dev"), ("prod", "release"), ("test", "test")];

pub(super) fn decide(workspace: &Workspace, settings: &Settings) -> Result<Vec<Profile>> {
    let tables = &settings.workspace.profile;
    let mut names: Vec<&str> =
        PROFILES.iter().map(|(name, _)| *name).chain(tables.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| profile(workspace, settings, name)).collect()
}

/// A profile and those that it inherits from, itself first; the tables have been held against each other.
fn chain<'a>(tables: &'a BTreeMap<String, ProfileTable>, name: &'a str) -> Vec<(&'a str, Option<&'a ProfileTable>)> {
    let parent = |(_, table): &(&str, Option<&'a ProfileTable>)| {
        let parent = table.and_then(|table| table.inherits.as_deref())?;
        Some((parent, tables.get(parent)))
    };
    std::iter::successors(Some((name, tables.get(name))), parent).take(tables.len() + 1).collect()
}

/// The profile at the end of what this one inherits from.
pub(super) fn base<'a>(settings: &'a Settings, name: &'a str) -> &'a str {
    chain(&settings.workspace.profile, name).last().map_or(name, |(base, _)| base)
}

fn profile(workspace: &Workspace, settings: &Settings, name: &str) -> Result<Profile> {
    let chain = chain(&settings.workspace.profile, name);
    let base = chain.last().map_or(name, |(base, _)| base);
    let own = PROFILES.iter().find(|(known, _)| *known == base);
    let said = chain.iter().find_map(|(at, table)| Some((*at, table.as_ref()?.cargo.as_deref()?)));
    let Some((by, cargo)) = said.or_else(|| own.map(|(known, cargo)| (*known, *cargo))) else {
        return Err(Failure::new(Kind::Workspace, format!("the image profile `{name}` does not say what it is like")));
    };
    let Some(known) = workspace.profiles.get(cargo) else {
        let names: Vec<&str> = workspace.profiles.keys().map(String::as_str).collect();
        return Err(Failure::new(
            Kind::Workspace,
            format!("the image profile `{by}` names cargo's profile `{cargo}`, which does not exist"),
        )
        .help(format!("Cargo.toml has {}", names.join(", "))));
    };
    let runs_tests = base == "test";
    let mut env = BTreeMap::new();
    let mut because = Vec::new();
    if chain.len() > 1 {
        let parents: Vec<&str> = chain[1..].iter().map(|(parent, _)| *parent).collect();
        because.push(Because::new("metadata", format!("inherits from {}", parents.join(", which inherits from "))));
    }
    if !runs_tests && cargo != "dev" {
        let text = if let Some(strip) = &known.strip {
            format!("[profile.{cargo}] sets strip = \"{strip}\", which is kept")
        } else {
            // Upper case and underscores are how cargo spells a profile in its environment.
            let variable = format!("CARGO_PROFILE_{}_STRIP", cargo.to_uppercase().replace('-', "_"));
            env.insert(variable, "symbols".to_owned());
            format!("symbols are stripped: [profile.{cargo}] does not set `strip`, and `strip = false` keeps them")
        };
        let file = known.line.map(|line| format!("Cargo.toml:{line}"));
        because.push(Because { text, krate: None, rule: "strip".to_owned(), file });
    }
    let own = chain.iter().find_map(|(_, table)| table.as_ref()?.cache.clone());
    let cache = own.or_else(|| settings.workspace.cache.clone());
    Ok(Profile { name: name.to_owned(), cargo: cargo.to_owned(), runs_tests, cache, env, because })
}
