//! Facts into findings: what a binary needs to be built and to run, each with the evidence that it rests on.
//!
//! Rules are data: `native.toml` (with `build-scripts.toml` and `libraries.toml` for crates that it does not know) for what the
//! build needs, `runtime.toml` for what the program reads and writes, `variables.toml` for what is set while it is compiled,
//! `test-runners.toml` for who runs the tests.

mod assets;
mod embedded;
mod inputs;
mod native;
mod ports;
mod rules;
mod services;
mod test_runner;
mod variables;
mod writable;

use crate::config::NativeTable;
use crate::facts::source::{ProgramFacts, Target};
use crate::failure::Result;
use crate::plan::model::{Because, CompiledIn, Question};
use crate::workspace::{Binary, BinaryGraph, GraphPackage, Member, Workspace};

pub use assets::AssetFinding;
pub use inputs::{linkers, processor, tests_that_ask};
pub use native::Native;
pub use ports::PortFinding;
pub use rules::{Git, Needs};
use rules::{Need, RuntimeRow};
pub(crate) use services::finding as service;
pub use services::{Known, ServiceFinding, known as known_services};
pub use test_runner::nextest;

/// What one binary needs.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Crates with native parts.
    pub native: Vec<Native>,
    /// Who reads the system's certificate authorities.
    pub ca_certificates: Option<Because>,
    /// Who reads the system's time zones.
    pub zoneinfo: Option<Because>,
    /// Who runs threads that allocate.
    pub threads: Option<Because>,
    /// Who brings an allocator of its own.
    pub allocator: Option<Because>,
    /// Who resolves names with the C library's resolver.
    pub resolver: Option<Because>,
    /// Who serves.
    pub server: Option<Because>,
    /// Who stops when the program is asked to.
    pub signals: Option<Because>,
    /// Who reads the command line.
    pub arguments: Option<Because>,
    /// Where the workspace's own code opens libraries by name.
    pub opens: Option<Because>,
    /// Which dependencies could do so.
    pub could_open: Option<Because>,
    /// Which direct dependency does its work in a browser.
    pub browser: Option<Because>,
    /// Databases and queues that it speaks to.
    pub services: Vec<ServiceFinding>,
    /// Databases that it could speak to as well, of which one was taken.
    pub other_services: Vec<Because>,
    /// Ports that a server listens on.
    pub ports: Vec<PortFinding>,
    /// Files and folders that the program reads.
    pub assets: Vec<AssetFinding>,
    /// Folders that the program writes to: absolute, or relative to its working folder.
    pub writable: Vec<(String, Because)>,
    /// Folders that the program compiles in and that somebody has to make.
    pub embedded: Vec<Because>,
    /// Variables whose values are compiled in, and that neither cargo nor a build script sets.
    pub variables: Vec<CompiledIn>,
    /// Crates that link something of which nothing is known.
    pub unknown: Vec<Because>,
    /// Variables that tell a library where to listen, as nothing outside of the container reaches its default.
    pub env: Vec<(String, String, Because)>,
    /// What the sources may mean: weak evidence, which decides nothing.
    pub questions: Vec<Question>,
    crates: Crates,
}

/// What the crates of a graph do while the program runs, for which its sources say where.
#[derive(Debug, Clone, Default)]
struct Crates {
    keeps_files: Option<Because>,
    server: Option<(Option<u16>, Because)>,
    reads: Vec<(String, Because)>,
}

/// Looks at the graph of one member's binaries; `own` is what the user says of crates.
///
/// # Errors
/// The workspace lacks what its build reads (an empty submodule, a folder that is compiled in, sqlx's saved answers).
pub fn detect(workspace: &Workspace, member: &Member, graph: &BinaryGraph, own: &[NativeTable]) -> Result<Findings> {
    let mut findings = Findings::default();
    inputs::submodules(workspace, member)?;
    findings.embedded = embedded::missing(workspace, graph)?;
    (findings.native, findings.unknown) = native::find(workspace, graph, own)?;
    findings.variables = variables::find(workspace, graph)?;
    let inputs = inputs::find(workspace, graph, &findings.native)?;
    findings.native.extend(inputs);
    for (row, package) in rules::applying(rules::runtime()?, graph) {
        // What only runs while building reads nothing in the image.
        if package.target.is_none() {
            continue;
        }
        let slot = match row.need {
            Need::CaCertificates => &mut findings.ca_certificates,
            Need::Zoneinfo => &mut findings.zoneinfo,
            Need::Writable => &mut findings.crates.keeps_files,
            Need::Threads => &mut findings.threads,
            Need::Allocator => &mut findings.allocator,
            Need::Resolver => &mut findings.resolver,
            Need::Signals => &mut findings.signals,
            Need::Arguments => &mut findings.arguments,
            Need::Browser => {
                let mut own = graph.find(&member.name).iter().filter(|package| package.local);
                if member.serves_leptos || !own.any(|own| own.dependencies.contains(&package.name)) {
                    continue;
                }
                &mut findings.browser
            }
            Need::Opens => {
                let (slot, because) = match opens(workspace, graph, row) {
                    Some((text, file)) => {
                        (&mut findings.opens, Because { text, file: Some(file), ..because(row, package) })
                    }
                    None => (&mut findings.could_open, could_open(graph, because(row, package))),
                };
                slot.get_or_insert(because);
                continue;
            }
            Need::Asset => {
                findings.crates.reads.extend(row.path.as_ref().map(|path| (path.clone(), because(row, package))));
                continue;
            }
            Need::Server => {
                let (port, why) = findings.crates.server.get_or_insert_with(|| (row.port, because(row, package)));
                // Who knows a port knows more than who only serves.
                if let (None, Some(known)) = (*port, row.port) {
                    (*port, *why) = (Some(known), because(row, package));
                }
                continue;
            }
            Need::Environment => {
                let of_row = |(name, value): (&String, &String)| (name.clone(), value.clone(), because(row, package));
                findings.env.extend(row.env.iter().map(of_row));
                continue;
            }
        };
        slot.get_or_insert_with(|| because(row, package));
    }
    findings.server = findings.crates.server.as_ref().map(|(_, because)| because.clone());
    (findings.services, findings.other_services) = services::find(workspace, graph)?;
    Ok(findings)
}

/// Where a package of the workspace calls a crate that opens libraries.
fn opens(workspace: &Workspace, graph: &BinaryGraph, row: &RuntimeRow) -> Option<(String, String)> {
    let word = row.krate.replace('-', "_");
    let (member, (file, line)) =
        inputs::members(workspace, graph).find_map(|member| Some((member, member.sources.crates.get(&word)?)))?;
    let file = workspace.place(file, *line);
    let text =
        format!("{} {} with {} while it runs ({file}), which a static program cannot", member.name, row.why, row.krate);
    Some((text, file))
}

/// Whose doing it is, where it is none of the workspace's.
fn could_open(graph: &BinaryGraph, because: Because) -> Because {
    let name = because.krate_name().unwrap_or_default().to_owned();
    let users = graph.packages().filter(|package| package.target.is_some() && package.dependencies.contains(&name));
    let users: Vec<&str> = users.map(|package| package.name.as_str()).collect();
    let users = if users.is_empty() { String::new() } else { format!(", for {}", users.join(", ")) };
    Because { text: format!("{}{users}", because.text), ..because }
}

/// Adds what the sources of one binary say.
///
/// # Errors
/// A table cannot be used, which the tests rule out.
pub fn program(workspace: &Workspace, member: &Member, facts: &ProgramFacts, findings: &mut Findings) -> Result<()> {
    let Crates { keeps_files, server, reads } = findings.crates.clone();
    let (ports, of_ports) = ports::find(workspace, member, facts, server.as_ref())?;
    let defaults = reads.iter().map(|(path, because)| (path.as_str(), because.clone())).collect();
    let (assets, of_assets) = assets::find(workspace, member, facts, defaults);
    findings.writable = writable::find(workspace, member, facts, &assets, keeps_files);
    (findings.ports, findings.assets) = (ports, assets);
    findings.questions = [of_ports, of_assets].concat();
    Ok(())
}

/// The targets whose sources a binary consists of: itself, and the libraries in local folders that it is linked with.
pub fn targets(member: &Member, binary: &Binary, graph: &BinaryGraph) -> (Target, Vec<Target>) {
    let own = graph.find(&member.name).iter().find(|package| package.local).and_then(|package| package.target.clone());
    let linked = graph.packages().filter(|package| package.local && package.target.is_some());
    let libraries =
        linked.filter_map(|package| Some(Target { root: package.library.clone()?, features: package.target.clone() }));
    (Target { root: binary.path.clone(), features: own }, libraries.collect())
}

/// Debian's package of a library, as pkg-config knows it.
pub(crate) fn package_of_library(name: &str) -> Option<&'static str> {
    rules::libraries().ok()?.iter().find(|row| row.name == name).map(|row| row.apt.as_str())
}

/// Debian's package of a program that build scripts start.
pub(crate) fn package_of_program(name: &str) -> Option<&'static str> {
    let row = rules::scripts().ok()?.iter().find(|row| row.program.as_deref() == Some(name))?;
    row.needs.apt.first().map(String::as_str)
}

fn because(row: &RuntimeRow, package: &GraphPackage) -> Because {
    Because {
        text: format!("{} {}", package.spec(), row.why),
        krate: Some(package.spec()),
        rule: format!("runtime:{}", row.krate),
        file: None,
    }
}
