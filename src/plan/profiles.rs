//! What `--profile` can name.

use std::collections::BTreeMap;

use super::model::{Because, Profile};
use crate::config::{ProfileTable, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Workspace, keeps_debug};

/// The profiles that are always there, each with cargo's.
pub(crate) const PROFILES: [(&str, &str); 3] = [("dev", "dev"), ("prod", "release"), ("test", "test")];

/// The rule of what debug information an image keeps.
const STRIP: &str = "strip";

pub(super) fn decide(workspace: &Workspace, settings: &Settings, notes: &mut Vec<Because>) -> Result<Vec<Profile>> {
    let tables = &settings.workspace.profile;
    let mut names: Vec<&str> =
        PROFILES.iter().map(|(name, _)| *name).chain(tables.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let profiles = names.into_iter().map(|name| profile(workspace, settings, name)).collect::<Result<Vec<_>>>()?;
    // Images of `dev` are for this machine alone.
    for profile in profiles.iter().filter(|profile| !profile.runs_tests && profile.cargo != "dev") {
        notes.extend(larger(workspace, settings, profile));
    }
    Ok(profiles)
}

/// The environment's name of a key of a profile: upper case and underscores, as cargo spells it.
fn variable(cargo: &str, key: &str) -> String {
    format!("CARGO_PROFILE_{}_{key}", cargo.to_uppercase().replace('-', "_"))
}

/// What keeps debug information in a profile's programs, and so makes its images larger.
fn larger(workspace: &Workspace, settings: &Settings, profile: &Profile) -> Option<Because> {
    let cargo = &profile.cargo;
    let known = workspace.profiles.get(cargo)?;
    let env = &settings.workspace.build_env;
    let strips = |value: &str| !matches!(value, "none" | "false");
    if profile.env.contains_key(&variable(cargo, "STRIP"))
        || env
            .get(&variable(cargo, "STRIP"))
            .map(String::as_str)
            .or(known.strip.as_ref().map(|strip| strip.value.as_str()))
            .is_some_and(strips)
    {
        return None;
    }
    let split = known.split_debuginfo.as_ref().filter(|split| split.value != "off");
    if let (Some(_), Some(split)) = (known.keeps_debug(), split) {
        let text = format!(
            "debug information of the profile {} lies beside its programs ([profile.{}] sets split-debuginfo = {}), and in no image",
            profile.name,
            split.profile,
            quoted(&split.value)
        );
        return Some(Because { text, krate: None, rule: STRIP.to_owned(), file: Some(split.place.clone()) });
    }
    let (what, place) = match (known.keeps_debug(), &known.strip) {
        (Some(debug), _) => {
            (format!("[profile.{}] sets debug = {}", debug.profile, quoted(&debug.value)), Some(&debug.place))
        }
        (None, Some(strip)) => {
            (format!("[profile.{}] sets strip = {}", strip.profile, quoted(&strip.value)), Some(&strip.place))
        }
        (None, None) => ("`build-env` in the metadata sets it".to_owned(), None),
    };
    Some(Because {
        text: format!(
            "images of the profile {} are larger by the debug information that their programs keep: {what}; `strip = \"debuginfo\"` \
             or `\"symbols\"` there takes it out",
            profile.name
        ),
        krate: None,
        rule: STRIP.to_owned(),
        file: place.cloned(),
    })
}

/// As a manifest has it.
fn quoted(value: &str) -> String {
    let bare = value.parse::<i64>().is_ok() || matches!(value, "true" | "false");
    if bare { value.to_owned() } else { format!("\"{value}\"") }
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
        let strip = variable(cargo, "STRIP");
        let debug = variable(cargo, "DEBUG");
        let env_of_users = &settings.workspace.build_env;
        let debugs = env_of_users.get(&debug).is_some_and(|value| keeps_debug(value));
        let own_env = if env_of_users.contains_key(&strip) { Some(&strip) } else { debugs.then_some(&debug) };
        // What the user says of debug information holds. Stripping is ours only where nothing is said of it.
        let (text, file) = if let Some(strip) = &known.strip {
            (format!("[profile.{cargo}] sets strip = \"{}\", which is kept", strip.value), Some(strip.place.clone()))
        } else if let Some(name) = own_env {
            (format!("`build-env` in the metadata sets {name}, and nothing is stripped beside it"), None)
        } else if let Some(debug) = known.keeps_debug() {
            let value = quoted(&debug.value);
            (
                format!("[profile.{cargo}] sets debug = {value}, which is kept: nothing is stripped"),
                Some(debug.place.clone()),
            )
        } else {
            env.insert(strip, "symbols".to_owned());
            let text =
                format!("symbols are stripped: [profile.{cargo}] does not set `strip`, and `strip = false` keeps them");
            (text, None)
        };
        because.push(Because { text, krate: None, rule: STRIP.to_owned(), file });
    }
    let own = chain.iter().find_map(|(_, table)| table.as_ref()?.cache.clone());
    let cache = own.or_else(|| settings.workspace.cache.clone());
    Ok(Profile { name: name.to_owned(), cargo: cargo.to_owned(), runs_tests, cache, env, because })
}
