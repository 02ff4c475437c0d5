//! What is taken from the repository's own files where the metadata and the command line say nothing, and what is not.
//!
//! What is taken becomes values of the metadata table, so that the rest of the plan knows one source alone, and so that `init` can
//! write them down. What is never taken, and why, is a table (`taken.toml`).

mod assets;
mod binaries;
mod features;
mod image;
mod keys;
mod rest;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use keys::{Keys, assets as found_assets, keys};
pub(super) use rest::rest;

use super::model::{Because, NotTaken, Taken};
use crate::config::{Settings, Table};
use crate::facts::repository::{Place, Shipping};
use crate::failure::Result;
use crate::workspace::{Binary, Member, Workspace};

/// The settings with what is taken, and the account of it.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The user's, and below them what is taken.
    pub settings: Settings,
    /// What is taken.
    pub taken: Vec<Taken>,
    /// What is not, as far as the image has no say in it.
    pub not_taken: Vec<NotTaken>,
    /// What is too weak to be taken.
    pub notes: Vec<Because>,
}

/// A binary and the Dockerfile that ships it.
#[derive(Clone, Copy)]
struct Source<'a> {
    member: &'a Member,
    binary: &'a Binary,
    shipping: Shipping<'a>,
}

impl Source<'_> {
    /// Whether what the file says of the image is about this binary, and not about another one that the image starts.
    fn is_own(&self) -> bool {
        let start = self.shipping.image.start.as_ref();
        start.and_then(|start| start.program.as_deref()).is_none_or(|program| program == self.binary.name)
    }
}

/// The binaries of the workspace that a Dockerfile ships.
fn sources(workspace: &Workspace) -> Vec<Source<'_>> {
    let binaries =
        workspace.members.iter().flat_map(|member| member.binaries.iter().map(move |binary| (member, binary)));
    let found = binaries.filter_map(|(member, binary)| {
        let shipping = workspace.said.shipping(&binary.name).into_iter().next()?;
        Some(Source { member, binary, shipping })
    });
    found.collect()
}

/// Goes through the files and takes what the tables are silent about.
///
/// # Errors
/// A table of this tool cannot be read.
pub fn decide(workspace: &Workspace, settings: &Settings) -> Result<Evidence> {
    let mut account = Account { settings, taken: Vec::new(), not_taken: Vec::new(), evidence: BTreeMap::new() };
    let sources = sources(workspace);
    let features = features::take(workspace, &sources, &mut account);
    let mut tables: BTreeMap<&str, Table> = BTreeMap::new();
    for source in &sources {
        others(workspace, *source, &mut account);
        if source.is_own() {
            let table = tables.entry(&source.member.name).or_default();
            image::take(workspace, *source, table, &mut account)?;
            assets::take(workspace, *source, table, &mut account)?;
        }
    }
    image::without_dockerfile(workspace, &sources, &mut tables, &mut account);
    let mut settings = settings.clone();
    if let Some(features) = features {
        settings.workspace.features = features.names;
        settings.workspace.all_features = features.all;
        settings.workspace.no_default_features = features.no_default;
    }
    if let Some(binaries) = binaries::take(workspace, &settings, &sources, &mut account) {
        settings.workspace.binaries = binaries;
    }
    settings.evidence = account.evidence;
    for (package, table) in tables {
        put(&mut settings, package, table);
    }
    let notes = features::of_ci(workspace, &sources, &settings).into_iter().collect();
    let mut evidence = Evidence { settings, taken: account.taken, not_taken: account.not_taken, notes };
    evidence.taken.sort_by(|a, b| in_order(&a.place, &b.place).then_with(|| a.cmp(b)));
    evidence.taken.dedup();
    Ok(evidence)
}

/// Two places by their files and then by their lines.
fn in_order(one: &str, other: &str) -> std::cmp::Ordering {
    let parts = |place: &str| {
        let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
        (file.to_owned(), line.parse::<usize>().unwrap_or_default())
    };
    parts(one).cmp(&parts(other))
}

/// What is taken, in the place of what a package's table does not say.
fn put(settings: &mut Settings, package: &str, taken: Table) {
    let says = |key: &str| settings.says(package, key);
    let mut table = settings.packages.get(package).cloned().unwrap_or_default();
    if !says("assets") {
        table.assets = taken.assets;
    }
    if !says("writable") {
        table.writable = taken.writable;
    }
    if !says("expose") {
        table.expose = taken.expose;
    }
    if !says("env") {
        table.env = taken.env;
    }
    if !says("arguments") {
        table.arguments = taken.arguments;
    }
    if !says("stop-signal") {
        table.stop_signal = taken.stop_signal;
    }
    if !says("healthcheck") {
        table.healthcheck = taken.healthcheck;
    }
    if !says("init") {
        table.init = taken.init;
    }
    settings.packages.insert(package.to_owned(), table);
}

/// What was taken so far, and what was not.
struct Account<'a> {
    settings: &'a Settings,
    taken: Vec<Taken>,
    not_taken: Vec<NotTaken>,
    evidence: BTreeMap<(String, String), Vec<(String, Because)>>,
}

impl Account<'_> {
    /// Whether the metadata leaves a key of a package to others; an empty name is the workspace.
    fn is_open(&self, package: &str, key: &str) -> bool {
        !self.settings.says(package, key)
    }

    /// Something is taken. `value` is the value as it is shown, `exact` as the settings have it.
    fn take(&mut self, package: &str, key: &str, (value, exact): (String, &str), place: &Place) {
        let because = Because {
            text: format!("as {place} has it"),
            krate: None,
            rule: "repository".to_owned(),
            file: Some(place.to_string()),
        };
        self.evidence.entry((package.to_owned(), key.to_owned())).or_default().push((exact.to_owned(), because));
        let package = (!package.is_empty()).then(|| package.to_owned());
        self.taken.push(Taken { place: place.to_string(), package, key: key.to_owned(), value });
    }

    /// Something is not taken.
    fn leave(&mut self, what: impl Into<String>, why: impl Into<String>, place: &Place) {
        let one = NotTaken { place: place.to_string(), what: what.into(), why: why.into() };
        if !self.not_taken.contains(&one) {
            self.not_taken.push(one);
        }
    }
}

/// Other Dockerfiles that ship the same binary.
fn others(workspace: &Workspace, source: Source<'_>, account: &mut Account<'_>) {
    for other in workspace.said.shipping(&source.binary.name).into_iter().skip(1) {
        let why = format!("{} ships {} as well, and comes first", source.shipping.dockerfile.file, source.binary.name);
        let place = Place { line: 1, ..other.image.base.place.clone() };
        account.leave("the whole file", why, &place);
    }
}
