//! Facts into findings: what a binary needs to be built and to run, each with the evidence that it rests on.
//!
//! Rules are data: `native.toml` for what the build needs, `runtime.toml` for what the program reads and writes.

mod assets;
mod rules;
mod writable;

use crate::failure::Result;
use crate::plan::model::Because;
use crate::workspace::{BinaryGraph, GraphPackage, Member, Workspace};

pub use assets::AssetFinding;
pub use rules::Musl;
use rules::{Need, Row};

/// What one binary needs.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Crates with native parts.
    pub native: Vec<Native>,
    /// Who reads the system's certificate authorities.
    pub ca_certificates: Option<Because>,
    /// Who reads the system's time zones.
    pub zoneinfo: Option<Because>,
    /// Files and folders that the program reads.
    pub assets: Vec<AssetFinding>,
    /// Folders that the program writes to: absolute, or relative to its working folder.
    pub writable: Vec<(String, Because)>,
    /// Crates that link something (a `links` key) and that no row knows.
    pub unknown: Vec<Because>,
}

/// A crate with native parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// What it means for static linking.
    pub musl: Musl,
    /// Packages of the builder's distribution.
    pub apt: Vec<String>,
    /// Which crate, which row.
    pub because: Because,
}

/// Looks at one member's binary.
///
/// # Errors
/// A table of rules does not parse: a defect of ours, which a test rules out.
pub fn detect(workspace: &Workspace, member: &Member, graph: &BinaryGraph) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut known = std::collections::BTreeSet::new();
    for (row, package) in rules::native()?.applying(graph) {
        known.insert(package.name.clone());
        let Need::Native { musl, apt } = &row.need else { continue };
        findings.native.push(Native { musl: *musl, apt: apt.clone(), because: because(row, package, "native") });
    }
    let mut keeps_files = None;
    for (row, package) in rules::runtime()?.applying(graph) {
        // What only runs while building reads nothing in the image.
        if package.target.is_none() {
            continue;
        }
        let because = because(row, package, "runtime");
        let slot = match &row.need {
            Need::CaCertificates => &mut findings.ca_certificates,
            Need::Zoneinfo => &mut findings.zoneinfo,
            Need::Writable => &mut keeps_files,
            Need::Native { .. } => continue,
        };
        slot.get_or_insert(because);
    }
    for package in graph.packages() {
        if let (Some(links), false) = (&package.links, known.contains(&package.name)) {
            findings.unknown.push(Because {
                text: format!("{} links `{links}`, which no rule knows: it is taken to need nothing", package.spec()),
                krate: Some(package.spec()),
                rule: "unknown-links".to_owned(),
                file: None,
            });
        }
    }
    findings.assets = assets::find(workspace, member);
    findings.writable = writable::find(workspace, member, &findings.assets, keeps_files);
    Ok(findings)
}

fn because(row: &Row, package: &GraphPackage, table: &str) -> Because {
    Because {
        text: format!("{} {}", package.spec(), row.why),
        krate: Some(package.spec()),
        rule: format!("{table}:{}", row.krate),
        file: None,
    }
}
