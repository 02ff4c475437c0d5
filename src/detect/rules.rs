//! The tables of rules, read from TOML that is compiled in.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::failure::{Failure, Kind, Result};
use crate::workspace::{BinaryGraph, GraphPackage};

/// What a native part means for static linking with musl.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Musl {
    /// Compiles nothing for the target.
    None,
    /// Compiles C: a C compiler for musl is needed.
    C,
    /// Compiles C++: Debian has no static C++ library for musl.
    Cxx,
    /// Links a library that the system has for glibc only.
    System,
}

/// What a row says that its crate needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    Native { musl: Musl, apt: Vec<String> },
    CaCertificates,
    Zoneinfo,
    Writable,
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub krate: String,
    pub why: String,
    pub need: Need,
    when: When,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct When {
    #[serde(default)]
    feature: Vec<String>,
    #[serde(default)]
    no_feature: Vec<String>,
    with: Option<String>,
    without: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    row: Vec<SourceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRow {
    #[serde(rename = "crate")]
    krate: String,
    #[serde(default)]
    when: When,
    musl: Option<Musl>,
    #[serde(default)]
    apt: Vec<String>,
    need: Option<String>,
    why: String,
}

/// A table: the first row of a crate that applies counts, unless the rows need different things.
#[derive(Debug)]
pub(super) struct Rules(Vec<Row>);

pub(super) fn native() -> Result<&'static Rules> {
    static TABLE: OnceLock<Result<Rules, String>> = OnceLock::new();
    parsed(&TABLE, "native.toml", include_str!("native.toml"))
}

pub(super) fn runtime() -> Result<&'static Rules> {
    static TABLE: OnceLock<Result<Rules, String>> = OnceLock::new();
    parsed(&TABLE, "runtime.toml", include_str!("runtime.toml"))
}

fn parsed(table: &'static OnceLock<Result<Rules, String>>, name: &str, text: &str) -> Result<&'static Rules> {
    table
        .get_or_init(|| parse(text))
        .as_ref()
        .map_err(|error| Failure::new(Kind::Internal, format!("the table {name} does not parse")).detail(error))
}

fn parse(text: &str) -> Result<Rules, String> {
    let source: Source = toml::from_str(text).map_err(|error| error.to_string())?;
    let rows = source.row.into_iter().map(|row| {
        let need = match (row.musl, row.need.as_deref()) {
            (Some(musl), None) => Need::Native { musl, apt: row.apt },
            (None, Some("ca-certificates")) => Need::CaCertificates,
            (None, Some("zoneinfo")) => Need::Zoneinfo,
            (None, Some("writable")) => Need::Writable,
            _ => return Err(format!("the row of {} says neither `musl` nor a known `need`", row.krate)),
        };
        Ok(Row { krate: row.krate, why: row.why, need, when: row.when })
    });
    rows.collect::<Result<_, _>>().map(Rules)
}

impl Rules {
    /// The rows that apply, each with the package that it speaks of.
    pub fn applying<'a>(&'a self, graph: &'a BinaryGraph) -> Vec<(&'a Row, &'a GraphPackage)> {
        let mut found: Vec<(&Row, &GraphPackage)> = Vec::new();
        for row in &self.0 {
            for package in graph.find(&row.krate) {
                let taken = found.iter().any(|(other, of)| {
                    std::mem::discriminant(&other.need) == std::mem::discriminant(&row.need)
                        && of.name == package.name
                        && of.version == package.version
                });
                if !taken && row.when.holds(package, graph) {
                    found.push((row, package));
                }
            }
        }
        found
    }
}

impl When {
    fn holds(&self, package: &GraphPackage, graph: &BinaryGraph) -> bool {
        let any = |features: &[String]| features.iter().any(|feature| package.has_feature(feature));
        (self.feature.is_empty() || any(&self.feature))
            && !any(&self.no_feature)
            && self.with.as_ref().is_none_or(|name| !graph.find(name).is_empty())
            && self.without.as_ref().is_none_or(|name| graph.find(name).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_parse_and_package_names_are_safe() {
        for rules in [native().unwrap(), runtime().unwrap()] {
            for row in &rules.0 {
                assert!(!row.why.ends_with('.'), "{}: a fragment", row.krate);
                if let Need::Native { apt, .. } = &row.need {
                    assert!(apt.is_sorted(), "{}: packages in order", row.krate);
                    for package in apt {
                        assert!(package.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)), "{package}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_needs_a_meaning() {
        assert!(parse("[[row]]\ncrate = \"x\"\nwhy = \"y\"\n").is_err());
        assert!(parse("[[row]]\ncrate = \"x\"\nmusl = \"sometimes\"\nwhy = \"y\"\n").is_err());
    }
}
