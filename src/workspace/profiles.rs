//! Cargo's profiles, as far as they decide what an image holds.

use std::collections::BTreeMap;

use camino::Utf8Path;
use toml::{Table, Value};

/// A profile of the workspace's: what the user set, here or in what it inherits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoProfile {
    /// `strip`: `none`, `debuginfo` or `symbols`.
    pub strip: Option<Setting>,
    /// `debug`: `true`, `2`, `line-tables-only`, `false`.
    pub debug: Option<Setting>,
    /// `split-debuginfo`: `packed`, `unpacked`, `off`.
    pub split_debuginfo: Option<Setting>,
}

/// A value and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// As cargo has it.
    pub value: String,
    /// The profile's table that has it, which the asked one may inherit from.
    pub profile: String,
    /// The file, relative to the workspace's root, with its line.
    pub place: String,
}

impl CargoProfile {
    /// What makes the compiler write debug information; none: nothing does.
    pub fn keeps_debug(&self) -> Option<&Setting> {
        self.debug.as_ref().filter(|debug| keeps_debug(&debug.value))
    }
}

/// Whether a value of `debug` makes the compiler write debug information.
pub fn keeps_debug(value: &str) -> bool {
    !matches!(value, "false" | "0" | "none")
}

/// A file that has profiles.
struct Source {
    name: String,
    text: String,
    profiles: Table,
}

/// Cargo's own profiles and the user's, of the root manifest and of `.cargo/config.toml` up to `top`, which wins. A file that does not
/// parse has been refused by cargo before.
pub(super) fn read(manifest: &str, root: &Utf8Path, top: &Utf8Path) -> BTreeMap<String, CargoProfile> {
    let mut sources: Vec<Source> = Vec::new();
    for folder in root.ancestors().take_while(|folder| folder.starts_with(top)) {
        let files = [".cargo/config", ".cargo/config.toml"].map(|name| folder.join(name));
        // The one without an ending wins where both are there.
        if let Some((path, text)) = files.iter().find_map(|path| Some((path, fs_err::read_to_string(path).ok()?))) {
            sources.push(source(super::relative(root, path).into_string(), text));
        }
    }
    sources.push(source("Cargo.toml".to_owned(), manifest.to_owned()));
    let mut names: Vec<&str> = vec!["dev", "release", "test", "bench"];
    names.extend(sources.iter().flat_map(|source| source.profiles.keys()).map(String::as_str));
    names.iter().map(|name| ((*name).to_owned(), resolve(name, &sources))).collect()
}

fn source(name: String, text: String) -> Source {
    let table = text.parse::<Table>().unwrap_or_default();
    let profiles = table.get("profile").and_then(Value::as_table).cloned().unwrap_or_default();
    Source { name, text, profiles }
}

fn resolve(name: &str, sources: &[Source]) -> CargoProfile {
    let strip = setting(name, "strip", sources).map(|strip| {
        let value = match strip.value.as_str() {
            "true" => "symbols",
            "false" => "none",
            other => other,
        };
        Setting { value: value.to_owned(), ..strip }
    });
    CargoProfile {
        strip,
        debug: setting(name, "debug", sources),
        split_debuginfo: setting(name, "split-debuginfo", sources),
    }
}

/// A key of a profile, from the nearest that has it.
fn setting(name: &str, key: &str, sources: &[Source]) -> Option<Setting> {
    let mut name = name;
    // Cargo refuses a circle; the bound is for the file that it has not seen yet.
    for _ in 0..16 {
        let of = |source: &Source| text_of(source.profiles.get(name)?.get(key)?);
        if let Some((source, value)) = sources.iter().find_map(|source| Some((source, of(source)?))) {
            let line = line_of(&source.text, name, key).map(|line| format!(":{line}")).unwrap_or_default();
            return Some(Setting { value, profile: name.to_owned(), place: format!("{}{line}", source.name) });
        }
        let parent = sources.iter().find_map(|source| source.profiles.get(name)?.get("inherits")?.as_str());
        name = match (parent, name) {
            (Some(parent), _) => parent,
            (None, "bench") => "release",
            (None, "test") => "dev",
            (None, _) => return None,
        };
    }
    None
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Boolean(on) => Some(on.to_string()),
        Value::Integer(level) => Some(level.to_string()),
        Value::String(how) => Some(how.clone()),
        _ => None,
    }
}

fn line_of(text: &str, profile: &str, key: &str) -> Option<usize> {
    let document = toml_edit::Document::parse(text).ok()?;
    let span = document.get("profile")?.get(profile)?.get(key)?.span()?;
    Some(document.raw().get(..span.start)?.lines().count().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_manifest(manifest: &str) -> BTreeMap<String, CargoProfile> {
        read(manifest, Utf8Path::new("/nowhere"), Utf8Path::new("/nowhere"))
    }

    fn value(setting: Option<&Setting>) -> &str {
        setting.map_or("", |setting| &setting.value)
    }

    #[test]
    fn strip_is_found_where_it_is_inherited() {
        let profiles =
            of_manifest("[profile.release]\nstrip = true\n[profile.dist]\ninherits = \"release\"\nlto = true\n");
        let strip = profiles["dist"].strip.as_ref().unwrap();
        assert_eq!(
            (strip.value.as_str(), strip.profile.as_str(), strip.place.as_str()),
            ("symbols", "release", "Cargo.toml:2")
        );
        assert_eq!(value(profiles["bench"].strip.as_ref()), "symbols");
        assert_eq!(profiles["dev"], CargoProfile::default());
    }

    #[test]
    fn a_circle_ends() {
        let profiles = of_manifest("[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"\n");
        assert_eq!(profiles["a"], CargoProfile::default());
    }

    #[test]
    fn debug_information_that_is_kept() {
        for (said, keeps) in [
            ("debug = true", true),
            ("debug = 2", true),
            ("debug = 1", true),
            ("debug = \"line-tables-only\"", true),
            ("debug = \"full\"", true),
            ("debug = false", false),
            ("debug = 0", false),
            ("debug = \"none\"", false),
            ("opt-level = 3", false),
        ] {
            let profiles = of_manifest(&format!("[profile.release]\n{said}\n[profile.dist]\ninherits = \"release\"\n"));
            assert_eq!(profiles["dist"].keeps_debug().is_some(), keeps, "{said}");
        }
        let split = of_manifest("[profile.release]\nsplit-debuginfo = \"packed\"\n");
        assert_eq!(value(split["release"].split_debuginfo.as_ref()), "packed");
    }

    #[test]
    fn configuration_wins() {
        let dir = assert_fs::TempDir::new().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        fs_err::create_dir(root.join(".cargo")).unwrap();
        fs_err::write(
            root.join(".cargo/config.toml"),
            "[profile.release]\ndebug = 1\n[profile.mine]\ninherits = \"release\"\n",
        )
        .unwrap();
        let profiles = read("[profile.release]\ndebug = false\nstrip = \"debuginfo\"\n", root, root);
        let debug = profiles["mine"].keeps_debug().unwrap();
        assert_eq!((debug.value.as_str(), debug.place.as_str()), ("1", ".cargo/config.toml:2"));
        assert_eq!(value(profiles["release"].strip.as_ref()), "debuginfo");
    }
}
