//! What other files than Dockerfiles say: a Procfile, `fly.toml`, `Cross.toml`, workflows of a forge.

use std::collections::BTreeSet;

use super::cargo;
use super::model::{CargoBuild, Fly, Place, Process, Said, Words};
use super::start;
use super::values::Scope;
use crate::lint::call::{Call, base};
use crate::lint::shell;
use crate::lint::tree::{self, Node};

/// A line of a file, by the byte where something stands.
pub(super) fn place(file: &str, text: &str, at: usize) -> Place {
    let before = &text.as_bytes()[..at.min(text.len())];
    Place { file: file.to_owned(), line: before.split(|byte| *byte == b'\n').count() }
}

/// `web: ./target/release/app --port 80`
pub(super) fn procfile(file: &str, text: &str, binaries: &BTreeSet<String>) -> Vec<Said<Process>> {
    let line = |(at, line): (usize, &str)| {
        let (name, command) = line.split_once(':')?;
        let process = process(name.trim(), command, binaries)?;
        Some(Said { value: process, place: Place { file: file.to_owned(), line: at + 1 } })
    };
    text.lines().enumerate().filter(|(_, text)| !text.starts_with('#')).filter_map(line).collect()
}

/// A command of a process, where it runs a binary of the workspace.
fn process(name: &str, command: &str, binaries: &BTreeSet<String>) -> Option<Process> {
    if let Words::Plain(words) = start::line(command) {
        let (program, arguments) = start::started(&words).1.split_first()?;
        let program = base(program).to_owned();
        return binaries.contains(&program).then(|| Process {
            name: name.to_owned(),
            program,
            arguments: Some(arguments.to_vec()),
        });
    }
    let calls = shell::calls(command, 0..command.len(), None);
    let program = calls.iter().map(Call::program).find(|program| binaries.contains(*program))?;
    Some(Process { name: name.to_owned(), program: program.to_owned(), arguments: None })
}

/// `fly.toml`: what its services, its mounts and its processes say.
pub(super) fn fly(file: &str, text: &str, binaries: &BTreeSet<String>) -> (Fly, Vec<Said<Process>>) {
    let Ok(document) = toml_edit::Document::parse(text) else { return (Fly::default(), Vec::new()) };
    let said = |item: &toml_edit::Item| {
        let value = item.as_str().map(str::to_owned).or_else(|| item.as_integer().map(|number| number.to_string()))?;
        Some(Said { value, place: place(file, text, item.span()?.start) })
    };
    let within = |name: &str, key: &str| -> Vec<Said<String>> {
        let Some(item) = document.get(name) else { return Vec::new() };
        match item.as_array_of_tables() {
            Some(tables) => tables.iter().filter_map(|table| said(table.get(key)?)).collect(),
            None => item.get(key).and_then(said).into_iter().collect(),
        }
    };
    let ports = [within("http_service", "internal_port"), within("services", "internal_port")].concat();
    let volumes = within("mounts", "destination");
    let stop_signal = document.get("kill_signal").and_then(said);
    let processes = document.get("processes").and_then(|item| item.as_table_like()).into_iter().flat_map(|table| {
        table.iter().filter_map(|(name, item)| {
            let command = said(item)?;
            Some(command.with(process(name, &command.value, binaries)?))
        })
    });
    (Fly { ports, volumes, stop_signal }, processes.collect())
}

/// Packages of `pre-build` in `Cross.toml`.
pub(super) fn cross(file: &str, text: &str) -> Vec<Said<String>> {
    let Ok(document) = toml_edit::Document::parse(text) else { return Vec::new() };
    let of_targets = document.get("target").and_then(|item| item.as_table_like());
    let targets = of_targets.into_iter().flat_map(|table| table.iter().map(|(_, item)| item));
    let tables = document.get("build").into_iter().chain(targets);
    let mut found: Vec<Said<String>> = Vec::new();
    for lines in tables.filter_map(|table| table.get("pre-build")?.as_array()) {
        for line in lines {
            let (Some(command), Some(span)) = (line.as_str(), line.span()) else { continue };
            for call in shell::calls(command, 0..command.len(), None) {
                let words = Scope::default().words(call.command());
                let names = super::packages::installed(call.program(), words.get(1..).unwrap_or_default());
                found.extend(names.into_iter().map(|value| Said { value, place: place(file, text, span.start) }));
            }
        }
    }
    found
}

/// Builds in a workflow's lines for a shell that name features.
pub(super) fn workflow(file: &str, text: &str) -> Vec<Said<CargoBuild>> {
    let Some(root) = tree::yaml(text) else { return Vec::new() };
    let mut scripts = Vec::new();
    gather(&root, 0, &mut scripts);
    let mut found = Vec::new();
    for node in scripts {
        let Some(script) = node.text() else { continue };
        for call in shell::calls(script, 0..script.len(), None) {
            let words = Scope::default().words(call.command());
            let build = cargo::build(call.program(), words.get(1..).unwrap_or_default());
            let build = build.filter(|build| !build.unknown && (!build.features.is_empty() || build.all_features));
            // The line of the script that has it, as far as the text is the file's.
            let line = script.get(..call.span.start).map_or(0, |before| before.matches('\n').count());
            let at = place(file, text, node.span.start);
            let folded = text.get(node.span.clone()).is_some_and(|written| written.starts_with('|'));
            let line = at.line + if folded { line + 1 } else { line };
            found.extend(build.map(|value| Said { value, place: Place { file: file.to_owned(), line } }));
        }
    }
    found
}

/// Keys of workflows whose values a shell reads.
const SCRIPTS: &[&str] = &["run", "script", "before_script"];

/// Deeper ones are nobody's.
const DEPTH: usize = 12;

fn gather<'n>(node: &'n Node, depth: usize, found: &mut Vec<&'n Node>) {
    if depth > DEPTH || found.len() > 1000 {
        return;
    }
    for entry in node.entries() {
        if SCRIPTS.contains(&entry.key.as_str()) {
            found.push(&entry.value);
            found.extend(entry.value.items().iter().map(std::convert::AsRef::as_ref));
        } else {
            gather(&entry.value, depth + 1, found);
        }
    }
    for item in node.items() {
        gather(item, depth + 1, found);
    }
}
