//! What the program says of itself.

use std::fmt::Write;
use std::process::Command;

use serde_json::{Map, Value};

/// The text of a region: `help COMMAND`, `config`, `advice`, `lint`, `bases`, `limits`.
pub fn text(region: &str) -> String {
    match region.split_once(' ').unwrap_or((region, "")) {
        ("help", command) => format!("```text\n{}\n```", help(command).trim_end()),
        ("config", _) => config(),
        ("advice", _) => advice(),
        ("platforms", _) => platforms(),
        ("lint", _) => super::lint::table(),
        ("bases", _) => bases(),
        ("limits", _) => limits(),
        _ => panic!("no region is called `{region}`"),
    }
}

/// Every command that has no commands of its own.
pub fn commands() -> Vec<String> {
    let mut found = Vec::new();
    for command in below("") {
        let own = below(&command);
        if own.is_empty() {
            found.push(command);
        } else {
            found.extend(own.into_iter().map(|name| format!("{command} {name}")));
        }
    }
    found
}

fn below(command: &str) -> Vec<String> {
    let text = help(command);
    let Some((_, list)) = text.split_once("\nCommands:\n") else { return Vec::new() };
    // A line of a long description is indented further.
    let names = list.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("    "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help(command: &str) -> String {
    let mut process = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
    let output = process.arg("dockerize").args(command.split_whitespace()).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command}");
    String::from_utf8(output.stdout).unwrap()
}

/// The keys of the metadata table, as its schema has them.
fn config() -> String {
    let schema = serde_json::to_value(cargo_dockerize::config::schema()).unwrap();
    let own = cargo_dockerize::config::Table::IMAGE_KEYS;
    let mut text = String::new();
    for (title, image) in [("Of the workspace", false), ("Of an image", true)] {
        write!(text, "### {title}\n\n").unwrap();
        text += if image {
            "In `[package.metadata.dockerize]` of a member, or in `[workspace.metadata.dockerize]` for all images.\n"
        } else {
            "In `[workspace.metadata.dockerize]`, or in `[package.metadata.dockerize]` where there is no workspace.\n"
        };
        text += "\n| key | is | what it says |\n|---|---|---|\n";
        for (key, value) in schema["properties"].as_object().unwrap() {
            if own.contains(&key.as_str()) == image {
                row(&mut text, key, value, &schema);
            }
        }
        text.push('\n');
    }
    text += "Keys below those:\n\n| key | is | what it says |\n|---|---|---|\n";
    for (key, value) in schema["properties"].as_object().unwrap() {
        for below in tables(value, &schema) {
            for (name, value) in below {
                row(&mut text, &format!("{}.{name}", path(key, &schema)), value, &schema);
            }
        }
    }
    text
}

fn row(text: &mut String, key: &str, value: &Value, schema: &Value) {
    let says = value["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    writeln!(text, "| `{key}` | {} | {says} |", kind(value, schema)).unwrap();
}

/// A key as it is written where keys are below it.
fn path(key: &str, schema: &Value) -> String {
    let value = &schema["properties"][key];
    match value["type"].as_str() {
        Some("object") if value["additionalProperties"].is_object() => format!("{key}.NAME"),
        Some("array") => format!("{key}[]"),
        _ => key.to_owned(),
    }
}

/// A type in a word or two.
fn kind(value: &Value, schema: &Value) -> String {
    let value = resolved(value, schema);
    if let Some(choices) = value.get("oneOf").and_then(Value::as_array) {
        let names: Vec<String> =
            choices.iter().filter_map(|one| Some(format!("`\"{}\"`", one["const"].as_str()?))).collect();
        if !names.is_empty() {
            return names.join(", ");
        }
    }
    if let Some(any) = value.get("anyOf").and_then(Value::as_array) {
        let kinds: Vec<String> = any.iter().filter(|one| one["type"] != "null").map(|one| kind(one, schema)).collect();
        return kinds.join(" or ");
    }
    let name = match &value["type"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        one => one.as_str(),
    };
    match name {
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => "number".to_owned(),
        Some("array") => format!("list: {}", kind(&value["items"], schema)),
        Some("object") => "table".to_owned(),
        _ => "string".to_owned(),
    }
}

fn resolved<'a>(value: &'a Value, schema: &'a Value) -> &'a Value {
    let name = value["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.map_or(value, |name| &schema["$defs"][name])
}

/// The tables that a key's value can be, or be made of.
fn tables<'a>(value: &'a Value, schema: &'a Value) -> Vec<&'a Map<String, Value>> {
    let value = resolved(value, schema);
    let mut found: Vec<_> = value.get("properties").and_then(Value::as_object).into_iter().collect();
    let within = ["items", "additionalProperties"].into_iter().filter_map(|name| value.get(name));
    let any = value.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    for below in within.chain(any).filter(|below| below.is_object()) {
        found.extend(tables(below, schema));
    }
    found
}

/// What a failed step prints, and what is said to it.
/// What images can be made for, by all names that count.
fn platforms() -> String {
    let mut text = String::from(
        "| platform | every Dockerfile builds natively on it | Rust's targets | Debian's architecture | compiled elsewhere with |\n|---|---|---|---|---|\n",
    );
    for platform in cargo_dockerize::platforms::all().unwrap() {
        let always = if platform.always { "yes" } else { "no; `platforms` names it" };
        let (triples, compiler) = (&platform.rust, platform.c.join("`, `"));
        writeln!(
            text,
            "| {} | {always} | `{}`, `{}` | {} | `{compiler}` |",
            platform.name(),
            triples.musl,
            triples.gnu,
            platform.debian
        )
        .unwrap();
    }
    text
}

/// Causes of failed builds. What a build fills in stands in capitals.
fn advice() -> String {
    let rows: toml::Table = include_str!("../../src/explain/advice.toml").parse().unwrap();
    let mut text = String::from("| a step prints | why | what to do |\n|---|---|---|\n");
    let names = regex::Regex::new(r"\{([a-z]+)\}").unwrap();
    let plain = |value: &str| {
        let value = names.replace_all(value, |found: &regex::Captures<'_>| found[1].to_uppercase());
        value.replace('|', "\\|")
    };
    // What is found in other tables has a row of its own, and one after it that says the same of all else.
    let found = ["known-program", "header", "library", "probed"];
    let is_plain = |row: &&toml::Value| row.get("finds").is_none_or(|finds| !found.contains(&finds.as_str().unwrap()));
    for row in rows["row"].as_array().unwrap().iter().filter(is_plain) {
        let signs = row["signs"].as_array().unwrap().iter().filter_map(toml::Value::as_str);
        let signs: Vec<String> = signs.map(|sign| format!("`{}`", sign.trim().replace('`', "'"))).collect();
        let sentence = |key: &str| plain(row[key].as_str().unwrap());
        writeln!(text, "| {} | {} | {} |", signs.join(", "), sentence("cause"), sentence("help")).unwrap();
    }
    text
}

/// The images that can be named in `images.final`, and what each has.
fn bases() -> String {
    use cargo_dockerize::bases::{self, Part};
    let part = |part: &Option<Part>| match part {
        None => "?".to_owned(),
        Some(Part::Missing) => "no".to_owned(),
        Some(Part::There(what)) => format!("`{what}`"),
    };
    let mut text =
        String::from("| name | is | C library | authorities | time zones | runs as | shell | packages | also |\n");
    text += "|---|---|---|---|---|---|---|---|---|\n";
    for base in bases::named().unwrap() {
        let has = [
            ("libgcc", base.libgcc == Some(true)),
            ("libstdc++", base.libstdcxx == Some(true)),
            ("OpenSSL", base.openssl.as_ref().is_some_and(|openssl| openssl.there().is_some())),
        ];
        let mut also: Vec<String> =
            has.iter().filter(|(_, there)| *there).map(|(name, _)| (*name).to_owned()).collect();
        also.extend(base.end_of_life.iter().map(|month| format!("mended until {month}")));
        writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {} | {} | {} | {} |",
            base.name.as_deref().unwrap_or_default(),
            base.reference.as_deref().unwrap_or_default(),
            base.libc.map_or_else(|| "?".to_owned(), |libc| libc.to_string()),
            part(&base.ca),
            part(&base.zoneinfo),
            base.user.as_deref().map_or("?", |user| if user == "0" { "root" } else { user }),
            part(&base.shell),
            part(&base.package_manager),
            also.join(", "),
        )
        .unwrap();
    }
    text
}

/// How much is taken in of what comes from outside.
fn limits() -> String {
    let mut text = String::from("| of | at most | because |\n|---|---|---|\n");
    for limit in cargo_dockerize::limits::ALL {
        writeln!(text, "| {} | {} {} | {} |", limit.what, limit.most, limit.unit, limit.why).unwrap();
    }
    text
}
