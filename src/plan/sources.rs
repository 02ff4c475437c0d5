//! What the sources of each binary say, read once for all of them.

use std::collections::BTreeSet;

use super::Candidate;
use super::model::{Answer, Because, Question};
use crate::config::Settings;
use crate::detect;
use crate::facts::source::{Named, Reader};
use crate::failure::Result;
use crate::workspace::Workspace;

/// Adds what the sources say to the findings of each candidate; what they leave open are the questions.
pub(super) fn read(
    (workspace, settings): (&Workspace, &Settings),
    candidates: &mut [Candidate<'_>],
    notes: &mut Vec<Because>,
) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    let mut reader = Reader::default();
    let targets: Vec<_> = candidates
        .iter()
        .map(|candidate| detect::targets(candidate.selected.member, candidate.selected.binary, &candidate.graph))
        .collect();
    reader.load(targets.iter().flat_map(|(binary, libraries)| libraries.iter().chain([binary])).cloned());
    for (candidate, (binary, libraries)) in candidates.iter_mut().zip(&targets) {
        let graph = &candidate.graph;
        let facts = reader.program(binary, libraries, &|name| !graph.find(name).is_empty());
        let member = candidate.selected.member;
        detect::program(workspace, member, &facts, &mut candidate.findings)?;
        questions.extend(candidate.findings.questions.iter().cloned());
        notes.extend(candidate.findings.ports.iter().filter_map(|port| {
            let why = port.unreachable.as_ref()?;
            let text = format!("{}: {why}", port.because.text);
            Some(Because { text, rule: "loopback".to_owned(), ..port.because.clone() })
        }));
        let has_init = settings.of(&member.name).init.is_some();
        if candidate.findings.server.is_some()
            && !has_init
            && !facts.waits_for_signals
            && candidate.findings.signals.is_none()
        {
            let name = &candidate.selected.binary.name;
            let text = format!(
                "{name} waits for no signal, so that `docker stop` takes ten seconds: handle SIGTERM, or set `init = true` in the metadata"
            );
            notes.push(Because::new("no-signals", text));
        }
        notes.extend(spawned(workspace, &candidate.selected.binary.name, &facts.spawns));
        notes.extend(facts.skipped.iter().map(|skipped| {
            let file = workspace.relative(&skipped.file);
            let text =
                format!("{file} was not read: {}; what it says of files and ports is not in the plan", skipped.why);
            Because { file: Some(file), ..Because::new("unread-source", text) }
        }));
    }
    questions.retain(|question| is_open(settings, question));
    questions.sort();
    questions.dedup();
    Ok(questions)
}

/// Whether the metadata leaves a question open: a list there is the whole list.
fn is_open(settings: &Settings, question: &Question) -> bool {
    let table = settings.of(&question.package);
    match question.answer {
        Answer::Assets(_) => table.assets.is_empty(),
        Answer::Expose(_) => table.expose.is_empty(),
    }
}

/// Programs that the image does not have: those that no path of the image's own names.
fn spawned(workspace: &Workspace, binary: &str, spawns: &[Named]) -> Option<Because> {
    let own = |name: &str| name == binary || name.contains('/') && !name.starts_with('/');
    let missing: Vec<&Named> = spawns.iter().filter(|spawn| !own(&spawn.name)).collect();
    let first = missing.first()?;
    let names: BTreeSet<&str> = missing.iter().map(|spawn| spawn.name.as_str()).collect();
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let file = workspace.place(&first.place.file, first.place.line);
    let text = format!(
        "{binary} starts {} ({file}), which the image does not have: `images.final` in the metadata takes a base image that has it",
        names.join(", ")
    );
    Some(Because { file: Some(file), ..Because::new("spawned-program", text) })
}
