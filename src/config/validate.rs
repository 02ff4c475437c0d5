//! What a value may hold. Values end up in a Dockerfile, in shell lines and in a bake file, and the manifest may come from
//! somebody else: what could break out of its place is refused here, before rendering, and rendering quotes as well.

use super::{Arguments, AssetTable, Table, profiles};
use crate::cache::Cache;
use crate::failure::{Failure, Kind, Place, Result};
use crate::platforms;

/// A kind of value: its name, and what it may hold.
struct Rule {
    what: &'static str,
    allowed: fn(&str) -> bool,
    form: &'static str,
}

const REFERENCE: Rule = Rule {
    what: "an image reference",
    allowed: |value| !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@".contains(c)),
    form: "letters, digits and `-_./:@`",
};
const WORD: Rule = Rule {
    what: "a name",
    allowed: |value| {
        !value.starts_with('-')
            && !value.is_empty()
            && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+/".contains(c))
    },
    form: "letters, digits and `-_.+/`, not starting with `-`",
};
const VARIABLE: Rule = Rule {
    what: "a variable's name",
    allowed: |value| {
        value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !value.starts_with(|c: char| c.is_ascii_digit())
            && !value.is_empty()
    },
    form: "letters, digits and `_`",
};
const INSIDE: Rule = Rule {
    what: "a path in the workspace",
    allowed: |value| path(value) && !value.starts_with('/') && value.split('/').all(|part| part != ".."),
    form: "relative, without `..`, spaces or quotes",
};
const ABSOLUTE: Rule = Rule {
    what: "a path in the image",
    allowed: |value| {
        path(value) && value.starts_with('/') && value.len() > 1 && value.split('/').all(|part| part != "..")
    },
    form: "absolute, without `..`, spaces or quotes",
};
const TARGET: Rule = Rule {
    what: "a path in the image",
    allowed: |value| path(value) && value.split('/').all(|part| part != ".."),
    form: "without `..`, spaces or quotes",
};
const FILE: Rule = Rule {
    what: "a file's name",
    allowed: |value| path(value) && !value.contains('/') && value != "." && value != "..",
    form: "in the workspace's root, without `/`, spaces or quotes",
};
const CACHE: Rule =
    Rule { what: "a cache", allowed: |value| value.parse::<Cache>().is_ok(), form: crate::cache::FORMS };
const PLATFORM: Rule = Rule {
    what: "a platform that images are made for",
    allowed: |value| platforms::named(value).is_some(),
    form: "one of linux/amd64, linux/arm64, linux/arm/v7 and linux/riscv64",
};
const TEXT: Rule = Rule {
    what: "a value",
    allowed: |value| value.chars().all(|c| !c.is_control()),
    form: "without control characters",
};

fn path(value: &str) -> bool {
    !value.is_empty()
        && value.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"'\"$`\\*?[]{}<>|&;".contains(c))
}

/// Whether a key may have a value that no manifest has yet.
pub(crate) fn permits(key: &str, value: &str) -> bool {
    let rule = match key {
        "features" | "stop-signal" => &WORD,
        "variable" => &VARIABLE,
        "from" => &INSIDE,
        "to" => &TARGET,
        "writable" => &ABSOLUTE,
        _ => &TEXT,
    };
    (rule.allowed)(value)
}

pub(super) fn table(file: &str, text: &str, table: &Table) -> Result<()> {
    let check = |rule: &Rule, key: &str, value: &str| one(file, text, rule, key, value);
    for (key, value) in [("toolchain", &table.toolchain), ("codename", &table.codename)] {
        value.as_deref().map_or(Ok(()), |value| check(&WORD, key, value))?;
    }
    let references = [
        ("syntax", &table.syntax),
        ("rust", &table.images.rust),
        ("chef", &table.images.chef),
        ("final", &table.images.final_),
    ];
    for (key, value) in references {
        value.as_deref().map_or(Ok(()), |value| check(&REFERENCE, key, value))?;
    }
    for (name, reference) in &table.images.services {
        check(&WORD, "services", name)?;
        check(&REFERENCE, "services", reference)?;
    }
    for (profile, name) in table.compose.iter().flat_map(super::ComposeKey::files) {
        check(&WORD, "compose", &profile)?;
        check(&FILE, "compose", &name)?;
    }
    for name in [&table.tools, &table.services].into_iter().flatten().flatten() {
        check(&WORD, "tools", name)?;
    }
    for (registry, prefix) in &table.mirrors {
        check(&REFERENCE, "mirrors", registry)?;
        check(&REFERENCE, "mirrors", prefix)?;
    }
    for (key, value) in
        [("dockerfile", &table.dockerfile), ("dockerignore", &table.dockerignore), ("bake", &table.bake)]
    {
        value.as_deref().map_or(Ok(()), |value| check(&INSIDE, key, value))?;
    }
    let lists = [
        ("binaries", &table.binaries),
        ("exclude", &table.exclude),
        ("features", &table.features),
        ("packages", &table.packages),
        ("cache-write", &table.cache_write),
    ];
    table.cache.as_deref().map_or(Ok(()), |value| check(&CACHE, "cache", value))?;
    for (key, values) in lists {
        values.iter().try_for_each(|value| check(&WORD, key, value))?;
    }
    table.platforms.iter().try_for_each(|value| check(&PLATFORM, "platforms", value))?;
    for native in &table.native {
        check(&WORD, "crate", &native.krate)?;
        native.apt.iter().try_for_each(|value| check(&WORD, "apt", value))?;
        native.run.iter().try_for_each(|value| check(&WORD, "run", value))?;
    }
    for (name, profile) in &table.profile {
        check(&WORD, "profile", name)?;
        for (key, value) in [("inherits", &profile.inherits), ("cargo", &profile.cargo)] {
            value.as_deref().map_or(Ok(()), |value| check(&WORD, key, value))?;
        }
        profile.cache.as_deref().map_or(Ok(()), |value| check(&CACHE, "cache", value))?;
    }
    profiles::check(file, text, &table.profile)?;
    table.lint.keys().try_for_each(|name| rule(file, text, name))?;
    let variables = [("build-env", &table.build_env), ("env", &table.env)];
    for (key, map) in variables.into_iter().chain(table.native.iter().map(|native| ("env", &native.env))) {
        for (name, value) in map {
            check(&VARIABLE, key, name)?;
            check(&TEXT, key, value)?;
        }
    }
    table.healthcheck.iter().try_for_each(|word| check(&TEXT, "healthcheck", word))?;
    let arguments: Vec<&String> = match &table.arguments {
        Some(Arguments::All(words)) => words.iter().collect(),
        Some(Arguments::Each(all)) => all.values().flatten().collect(),
        None => Vec::new(),
    };
    arguments.into_iter().try_for_each(|word| check(&TEXT, "arguments", word))?;
    table.stop_signal.as_deref().map_or(Ok(()), |signal| check(&WORD, "stop-signal", signal))?;
    for (name, value) in &table.labels {
        check(&WORD, "labels", name)?;
        check(&TEXT, "labels", value)?;
    }
    for asset in &table.assets {
        match asset {
            AssetTable::Same(from) => check(&INSIDE, "assets", from)?,
            AssetTable::Moved { from, to } => {
                check(&INSIDE, "assets", from)?;
                check(&TARGET, "assets", to)?;
            }
        }
    }
    table.writable.iter().try_for_each(|value| check(&ABSOLUTE, "writable", value))?;
    let authorities = [("extra-ca", &table.extra_ca), ("build-ca", &table.build_ca)];
    authorities.into_iter().try_for_each(|(key, values)| values.iter().try_for_each(|value| check(&INSIDE, key, value)))
}

/// Whether a rule of the lint has this name.
pub(super) fn rule(file: &str, text: &str, name: &str) -> Result<()> {
    let Err(help) = crate::lint::known(name) else { return Ok(()) };
    let from = text.find("dockerize").unwrap_or(0);
    let start = text[from..].find(name).map_or(from, |at| from + at);
    let span = start..(start + name.len()).min(text.len());
    let place = Place { file: file.to_owned(), text: text.to_owned(), span, label: "not a rule".to_owned() };
    Err(Failure::new(Kind::Workspace, format!("no rule of the lint is called `{name}`")).at(place).help(help))
}

fn one(file: &str, text: &str, rule: &Rule, key: &str, value: &str) -> Result<()> {
    if (rule.allowed)(value) {
        return Ok(());
    }
    let failure = Failure::new(Kind::Workspace, format!("`{key}` holds what is not {}", rule.what))
        .help(format!("{} is {}", rule.what, rule.form));
    // The first place after the key is the value's, unless escapes hide it; then the key's own will do.
    let from = text.find("dockerize").unwrap_or(0);
    let at = text[from..].find(key).map(|at| from + at);
    let span = match (at, at.and_then(|at| text[at..].find(value).map(|inside| at + inside))) {
        (_, Some(start)) if !value.is_empty() => start..start + value.len(),
        (Some(start), _) => start..start + key.len(),
        (None, _) => return Err(failure.detail(format!("{value:?} in {file}"))),
    };
    Err(failure.at(Place { file: file.to_owned(), text: text.to_owned(), span, label: rule.form.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_out_is_refused() {
        let with = |change: fn(&mut Table)| {
            let mut settings = Table::default();
            change(&mut settings);
            table("Cargo.toml", "", &settings)
        };
        assert!(with(|t| t.syntax = Some("docker/dockerfile:1\nRUN curl".into())).is_err());
        assert!(with(|t| t.packages = vec!["libpq-dev; curl".into()]).is_err());
        let native = |apt: &str| super::super::NativeTable {
            krate: "x-sys".into(),
            musl: crate::plan::model::Musl::System,
            apt: vec![apt.into()],
            run: Vec::new(),
            env: std::collections::BTreeMap::new(),
        };
        let with_native = |apt: &str| table("Cargo.toml", "", &Table { native: vec![native(apt)], ..Table::default() });
        assert!(with_native("libx-dev").is_ok());
        assert!(with_native("libx-dev && curl").is_err());
        assert!(with(|t| t.writable = vec!["/data/../etc".into()]).is_err());
        assert!(with(|t| t.dockerfile = Some("../Dockerfile".into())).is_err());
        assert!(with(|t| t.assets = vec![AssetTable::Same("a b".into())]).is_err());
        assert!(
            with(|t| {
                t.env.insert("A".into(), "b\nUSER root".into());
            })
            .is_err()
        );
        assert!(
            with(|t| {
                t.env.insert("A".into(), "any \"thing\" $x".into());
            })
            .is_ok()
        );
        assert!(with(|t| t.packages = vec!["libpq-dev".into(), "g++".into()]).is_ok());
    }
}
