//! The tables of rules, read from TOML that is compiled in.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Kind, Result};
use crate::plan::model::Musl;
use crate::workspace::{BinaryGraph, GraphPackage};

/// What a native part needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Needs {
    /// What it means for static linking.
    pub musl: Musl,
    /// Packages of the builder on Debian.
    #[serde(default)]
    pub apt: Vec<String>,
    /// Those of Alpine.
    #[serde(default)]
    pub apk: Vec<String>,
    /// What its build script must see.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What its build script must see where the target is musl, as a variable of that target; `{musl}` is GNU's name of it.
    #[serde(default, rename = "musl-env")]
    pub musl_env: BTreeMap<String, String>,
    /// Packages whose files are read or opened by name at run time.
    #[serde(default)]
    pub run: Vec<String>,
    /// What it wants of the repository that it lies in.
    #[serde(default)]
    pub git: Option<Git>,
    /// A fragment for people: `compiles C`.
    pub why: String,
}

/// What a build wants of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Git {
    /// The revision, which it takes from variables.
    Revision,
    /// The folder `.git`.
    Folder,
}

/// A row of native.toml.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct NativeRow {
    #[serde(rename = "crate")]
    pub krate: String,
    /// What a fork of the crate has as its `links` too.
    pub links: Option<String>,
    #[serde(default)]
    when: When,
    #[serde(default)]
    features: BTreeMap<String, Added>,
    #[serde(flatten)]
    needs: Needs,
}

/// What a feature of a crate adds to its packages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Added {
    apt: Vec<String>,
    apk: Vec<String>,
}

impl NativeRow {
    /// What the package needs, with the features that it has.
    pub fn needs(&self, package: &GraphPackage) -> Needs {
        let mut needs = self.needs.clone();
        for (_, added) in self.features.iter().filter(|(feature, _)| package.has_feature(feature)) {
            needs.apt.extend_from_slice(&added.apt);
            needs.apk.extend_from_slice(&added.apk);
        }
        needs
    }
}

/// What a program needs while it runs, or brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Need {
    CaCertificates,
    Zoneinfo,
    Writable,
    Threads,
    Allocator,
    Resolver,
    Server,
    Asset,
    Arguments,
    Browser,
    Opens,
    Environment,
    Signals,
}

/// A row of runtime.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuntimeRow {
    #[serde(rename = "crate")]
    pub krate: String,
    #[serde(default)]
    when: When,
    pub need: Need,
    /// Where a server listens that nobody tells otherwise.
    pub port: Option<u16>,
    /// What it reads in its working folder by default.
    pub path: Option<String>,
    /// Variables that the image has, unless the metadata says otherwise.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    pub why: String,
}

/// A row of build-scripts.toml.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ScriptRow {
    pub uses: Option<String>,
    pub cpp: Option<bool>,
    pub program: Option<String>,
    #[serde(flatten)]
    pub needs: Needs,
}

/// A row of libraries.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LibraryRow {
    pub name: String,
    pub apt: String,
    pub apk: String,
}

/// A row of variables.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariableRow {
    name: Option<String>,
    prefix: Option<String>,
    #[serde(rename = "crate")]
    pub krate: Option<String>,
}

impl VariableRow {
    /// Whether it says that a variable is set.
    pub fn sets(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name) || self.prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix))
    }
}

/// A row of linkers.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkerRow {
    pub name: String,
    pub apt: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct When {
    feature: Vec<String>,
    no_feature: Vec<String>,
    with: Vec<String>,
    without: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Table<T> {
    row: Vec<T>,
}

/// A row that speaks of one crate.
pub(super) trait Row {
    fn krate(&self) -> &str;
    fn when(&self) -> &When;
    /// Whether another row of the crate speaks of something else.
    fn beside(&self, other: &Self) -> bool;
}

impl Row for NativeRow {
    fn krate(&self) -> &str {
        &self.krate
    }
    fn when(&self) -> &When {
        &self.when
    }
    fn beside(&self, _: &Self) -> bool {
        false
    }
}

impl Row for RuntimeRow {
    fn krate(&self) -> &str {
        &self.krate
    }
    fn when(&self) -> &When {
        &self.when
    }
    fn beside(&self, other: &Self) -> bool {
        self.need != other.need || self.path != other.path
    }
}

type Cell<T> = OnceLock<Result<Vec<T>, String>>;

pub(super) fn native() -> Result<&'static [NativeRow]> {
    static TABLE: Cell<NativeRow> = OnceLock::new();
    parsed(&TABLE, "native.toml", include_str!("native.toml"))
}

pub(super) fn runtime() -> Result<&'static [RuntimeRow]> {
    static TABLE: Cell<RuntimeRow> = OnceLock::new();
    parsed(&TABLE, "runtime.toml", include_str!("runtime.toml"))
}

pub(super) fn scripts() -> Result<&'static [ScriptRow]> {
    static TABLE: Cell<ScriptRow> = OnceLock::new();
    parsed(&TABLE, "build-scripts.toml", include_str!("build-scripts.toml"))
}

pub(super) fn libraries() -> Result<&'static [LibraryRow]> {
    static TABLE: Cell<LibraryRow> = OnceLock::new();
    parsed(&TABLE, "libraries.toml", include_str!("libraries.toml"))
}

pub(super) fn linkers() -> Result<&'static [LinkerRow]> {
    static TABLE: Cell<LinkerRow> = OnceLock::new();
    parsed(&TABLE, "linkers.toml", include_str!("linkers.toml"))
}

pub(super) fn variables() -> Result<&'static [VariableRow]> {
    static TABLE: Cell<VariableRow> = OnceLock::new();
    parsed(&TABLE, "variables.toml", include_str!("variables.toml"))
}

fn parsed<T: DeserializeOwned>(table: &'static Cell<T>, name: &str, text: &str) -> Result<&'static [T]> {
    table
        .get_or_init(|| toml::from_str::<Table<T>>(text).map(|table| table.row).map_err(|error| error.to_string()))
        .as_deref()
        .map_err(|error| Failure::new(Kind::Internal, format!("the table {name} does not parse")).detail(error))
}

/// The rows that apply, each with the package that it speaks of. Of the rows of one crate that speak of the same the first
/// counts.
pub(super) fn applying<'a, T: Row>(rows: &'a [T], graph: &'a BinaryGraph) -> Vec<(&'a T, &'a GraphPackage)> {
    let mut found: Vec<(&T, &GraphPackage)> = Vec::new();
    for row in rows {
        for package in graph.find(row.krate()).iter().chain(forks(graph, row.krate())) {
            let same = |of: &GraphPackage| of.name == package.name && of.version == package.version;
            let taken = found.iter().any(|(other, of)| same(of) && !row.beside(other));
            if !taken && row.when().holds(package, graph) {
                found.push((row, package));
            }
        }
    }
    found
}

/// The packages that link what a crate links, and that no row names: forks of it.
fn forks<'a>(graph: &'a BinaryGraph, krate: &str) -> impl Iterator<Item = &'a GraphPackage> {
    // A table that does not parse has said so before.
    let rows = native().unwrap_or_default();
    let links = rows.iter().find(|row| row.krate == krate).and_then(|row| row.links.as_ref());
    let named = move |package: &GraphPackage| rows.iter().any(|row| row.krate == package.name);
    links.into_iter().flat_map(move |links| {
        graph.packages().filter(move |package| package.links.as_ref() == Some(links) && !named(package))
    })
}

impl When {
    fn holds(&self, package: &GraphPackage, graph: &BinaryGraph) -> bool {
        let any = |features: &[String]| features.iter().any(|feature| package.has_feature(feature));
        let present = |names: &[String]| names.iter().any(|name| !graph.find(name).is_empty());
        (self.feature.is_empty() || any(&self.feature))
            && !any(&self.no_feature)
            && (self.with.is_empty() || present(&self.with))
            && !present(&self.without)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_parse_and_package_names_are_safe() {
        let native = native().unwrap();
        let scripts = scripts().unwrap().iter().map(|row| ("build script", &row.needs));
        let mut lists = Vec::new();
        for (krate, needs) in native.iter().map(|row| (row.krate.as_str(), &row.needs)).chain(scripts) {
            assert!(!needs.why.ends_with('.'), "{krate}: a fragment");
            lists.extend([&needs.apt, &needs.apk, &needs.run]);
        }
        lists.extend(native.iter().flat_map(|row| row.features.values()).flat_map(|added| [&added.apt, &added.apk]));
        for list in lists {
            assert!(list.is_sorted(), "{list:?}");
            let is_safe = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
            assert!(list.iter().all(is_safe), "{list:?}");
        }
        assert!(!runtime().unwrap().is_empty());
        let libraries: Vec<&str> = libraries().unwrap().iter().map(|row| row.name.as_str()).collect();
        assert!(libraries.is_sorted());
    }

    #[test]
    fn the_table_knows_many_crates() {
        let mut crates: Vec<&str> = native().unwrap().iter().map(|row| row.krate.as_str()).collect();
        crates.dedup();
        let known = crates.len();
        crates.sort_unstable();
        crates.dedup();
        assert_eq!(known, crates.len(), "rows of one crate stand together");
        assert!(known >= 80, "{known}");
    }

    /// `deny_unknown_fields` and `flatten` do not go together; `better`, `lab`, `prove` and `version` are read by the
    /// corpus.
    #[test]
    fn rows_have_no_key_that_nobody_reads() {
        let keys = [
            "apk", "apt", "better", "cpp", "crate", "env", "features", "git", "lab", "links", "musl", "musl-env",
            "program", "prove", "run", "uses", "version", "when", "why",
        ];
        for text in [include_str!("native.toml"), include_str!("build-scripts.toml")] {
            let table: Table<toml::Table> = toml::from_str(text).unwrap();
            for row in table.row {
                for key in row.keys() {
                    assert!(keys.contains(&key.as_str()), "{row}: {key}");
                }
            }
        }
    }

    #[test]
    fn a_row_needs_a_meaning() {
        let row = |text: &str| toml::from_str::<Table<NativeRow>>(text).is_ok();
        assert!(row("row = [{ crate = \"x\", musl = \"c\", why = \"y\" }]"));
        assert!(!row("row = [{ crate = \"x\", why = \"y\" }]"));
        assert!(!row("row = [{ crate = \"x\", musl = \"sometimes\", why = \"y\" }]"));
    }
}
