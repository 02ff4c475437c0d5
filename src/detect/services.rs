//! Databases and queues that a program speaks to, by the clients in its graph, and how its sources call their addresses.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::inputs;
use super::rules::{self, Row, When};
use crate::failure::{Failure, Kind, Result};
use crate::plan::model::Because;
use crate::workspace::{BinaryGraph, Literal, Workspace};

/// What is known of one kind of database: a row of services.toml.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its name in compose.
    pub name: String,
    /// As people write it.
    pub title: String,
    /// Of services of one kind a program speaks to one.
    pub kind: Option<String>,
    /// Its image.
    pub image: String,
    /// Where it listens.
    pub port: u16,
    /// Where it keeps its data.
    pub volume: Option<String>,
    /// Whether data is kept under the host's name.
    #[serde(default)]
    pub hostname: bool,
    /// Arguments of the image.
    #[serde(default)]
    pub command: Vec<String>,
    /// What tells that it takes connections.
    pub health: Vec<String>,
    /// The variable that its password comes from.
    pub password: Option<String>,
    /// Its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    url: String,
    variables: Vec<String>,
    #[serde(default)]
    also: BTreeMap<String, String>,
}

/// A client's row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    #[serde(rename = "crate")]
    krate: String,
    #[serde(default)]
    when: When,
    service: String,
}

impl Row for Client {
    fn krate(&self) -> &str {
        &self.krate
    }
    fn when(&self) -> &When {
        &self.when
    }
    fn beside(&self, other: &Self) -> bool {
        self.service != other.service
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    elsewhere: Vec<u16>,
    service: Vec<Known>,
    crates: Crates,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Crates {
    row: Vec<Client>,
}

/// A database that a program speaks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFinding {
    /// What is known of it.
    pub known: &'static Known,
    /// The variables that the program reads, with their values: `{host}` and `{password}` are not known here.
    pub variables: Vec<(String, String, Because)>,
    /// Whose client is in the graph.
    pub because: Because,
}

fn table() -> Result<&'static Table> {
    static TABLE: OnceLock<Result<Table, String>> = OnceLock::new();
    TABLE
        .get_or_init(|| toml::from_str(include_str!("services.toml")).map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|error| Failure::new(Kind::Internal, "the table services.toml does not parse").detail(error))
}

/// Everything that is known.
///
/// # Errors
/// The table does not parse, which the tests rule out.
pub fn known() -> Result<&'static [Known]> {
    table().map(|table| table.service.as_slice())
}

/// Whether a database, a queue or a collector listens on this port: on loopback it is somebody else's, and the program asks it.
pub(super) fn listens(port: u16) -> Result<bool> {
    let table = table()?;
    Ok(table.elsewhere.contains(&port) || table.service.iter().any(|known| known.port == port))
}

/// What a binary's graph speaks to: one of each kind, and of those that were not taken, why.
pub(super) fn find(workspace: &Workspace, graph: &BinaryGraph) -> Result<(Vec<ServiceFinding>, Vec<Because>)> {
    let mut found: Vec<ServiceFinding> = Vec::new();
    let mut notes = Vec::new();
    let table = table()?;
    let clients = rules::applying(&table.crates.row, graph);
    for known in &table.service {
        let client = clients.iter().find(|(row, package)| row.service == known.name && package.target.is_some());
        let Some((_, package)) = client else { continue };
        let because = Because {
            text: format!("{} speaks to {}", package.spec(), known.title),
            krate: Some(package.spec()),
            rule: format!("service:{}", known.name),
            file: None,
        };
        let same = |other: &&ServiceFinding| known.kind.is_some() && other.known.kind == known.kind;
        if let Some(other) = found.iter().find(same) {
            let text = format!(
                "{}, and {}: compose gets {}; `services = [\"{}\"]` in the metadata has it otherwise",
                other.because.text, because.text, other.known.title, known.name
            );
            notes.push(Because { text, ..because });
            continue;
        }
        found.push(finding(workspace, graph, known, because));
    }
    Ok((found, notes))
}

/// A service, whoever says that it is spoken to.
pub(crate) fn finding(
    workspace: &Workspace,
    graph: &BinaryGraph,
    known: &'static Known,
    because: Because,
) -> ServiceFinding {
    let literals = || inputs::members(workspace, graph).flat_map(|member| &member.sources.literals);
    let reads = |literal: &Literal| {
        let file = workspace.place(&literal.file, literal.line);
        let text = format!("{}, and {} is named in {file}", because.text, literal.value);
        Because { text, file: Some(file), ..because.clone() }
    };
    let named = |name: &String| literals().find(|literal| is_called(&literal.value, name));
    let address = known.variables.iter().find_map(named);
    let also: Vec<_> = known
        .also
        .iter()
        .filter_map(|(name, value)| {
            let literal = literals().find(|literal| literal.value == *name)?;
            Some((name.clone(), value.clone(), reads(literal)))
        })
        .collect();
    let mut variables = Vec::new();
    match (address, known.variables.first()) {
        (Some(literal), _) => variables.push((literal.value.clone(), known.url.clone(), reads(literal))),
        // Nothing says how it is told; where its parts have names, it is by them.
        (None, Some(name)) if also.is_empty() => {
            let text = format!("{}; no source names the variable, and this one is usual", because.text);
            variables.push((name.clone(), known.url.clone(), Because { text, ..because.clone() }));
        }
        (None, _) => {}
    }
    variables.extend(also);
    ServiceFinding { known, variables, because }
}

/// `DATABASE_URL`, or one of several: `ORDERS_DATABASE_URL`.
fn is_called(literal: &str, name: &str) -> bool {
    let variable = literal.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_');
    let rest = literal.strip_suffix(name);
    variable && rest.is_some_and(|rest| rest.is_empty() || (rest.ends_with('_') && !rest.starts_with('_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let table = table().unwrap();
        for known in &table.service {
            let name = &known.name;
            assert!(name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
            let tag = known.image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_default();
            assert!(tag.bytes().any(|c| c.is_ascii_digit()), "{name} is pinned");
            assert!(matches!(known.health[0].as_str(), "CMD" | "CMD-SHELL"), "{name}");
            assert!(table.crates.row.iter().any(|row| row.service == *name), "{name} has clients");
            let values = known.environment.values().chain(known.also.values()).chain([&known.url]);
            let secret = values.filter(|value| value.contains("{password}")).count();
            assert_eq!(secret > 0, known.password.is_some(), "{name}");
            assert!(known.url.contains(&format!("{{host}}:{}", known.port)), "{name}");
            assert!(!known.variables.is_empty(), "{name}");
        }
        for port in &table.elsewhere {
            assert!(table.service.iter().all(|known| known.port != *port), "{port} is a service's");
        }
        for row in &table.crates.row {
            assert!(table.service.iter().any(|known| known.name == row.service), "{}", row.krate);
        }
    }

    #[test]
    fn every_service_is_asked_on_loopback() {
        assert!([7700, 6334, 7687, 5432, 1433].iter().all(|port| listens(*port).unwrap()));
        assert!([80, 3000, 8080].iter().all(|port| !listens(*port).unwrap()));
    }

    #[test]
    fn variables_are_called_so() {
        assert!(is_called("DATABASE_URL", "DATABASE_URL"));
        assert!(is_called("ORDERS_DATABASE_URL", "DATABASE_URL"));
        assert!(!is_called("MYDATABASE_URL", "DATABASE_URL"));
        assert!(!is_called("database_url", "DATABASE_URL"));
        assert!(!is_called("_DATABASE_URL", "DATABASE_URL"));
    }
}
