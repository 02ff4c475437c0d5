//! `cargo dockerize generate`

use camino::Utf8Path;
use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::failure::{Failure, Kind, Result};

use super::Session;
use crate::cli::{Common, Generate};
use crate::ui::{self, Shell};

pub fn run(args: &Generate, common: &Common, shell: Shell) -> Result<()> {
    let mut session = Session::open(common)?;
    session.flags.asked = args.selecting.asked();
    let plan = session.plan()?;
    session.warn_of_unpinned(&plan, shell);
    let root = session.workspace.root.clone();
    let mut changes = emit::compare(&root, &session.files(&plan)?)?;
    if args.check || common.locked {
        return check(&changes, "cargo dockerize generate", shell);
    }
    // What was taken from a file that is written over goes into the metadata table first.
    let goes = |file: &Change| args.force && file.state == State::Foreign;
    let from = |file: &Change| {
        plan.taken.iter().any(|one| one.place.rsplit_once(':').is_some_and(|(path, _)| path == file.path.as_str()))
    };
    if changes.iter().any(|file| goes(file) && from(file)) {
        let old = session.texts();
        let plan = session.record(&plan)?;
        changes = emit::compare(&root, &session.files(&plan)?)?;
        changes.extend(session.manifests(old));
    }
    let changes: Vec<Change> = changes.into_iter().map(Change::settled).collect();
    let written = emit::apply(&root, &changes, if args.force { Own::Save } else { Own::Respect })?;
    report(&changes, &written, shell);
    Ok(())
}

/// Fails with the differences, if there are any, and with the command that does away with them.
pub fn check(changes: &[Change], command: &str, shell: Shell) -> Result<()> {
    let differing: Vec<&Change> = changes.iter().filter(|change| change.state != State::Current).collect();
    if differing.is_empty() {
        shell.status("Checked", "the generated files are up to date");
        return Ok(());
    }
    let crlf: Vec<&Change> = differing.iter().copied().filter(|change| change.has_crlf()).collect();
    // A difference of line ends cannot be seen.
    for change in differing.iter().filter(|change| !change.has_crlf() || !change.same_words()) {
        ui::print(&emit::unified(change.path.as_str(), &change.old, &change.new))?;
    }
    let names: Vec<String> = differing.iter().map(|change| format!("`{}`", change.path)).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let failure = Failure::new(Kind::Drift, format!("{} {verb} not up to date", names.join(", ")));
    if let Some(bumped) = differing.iter().find(|change| change.is_bumped()) {
        return Err(emit::bumped(&bumped.path, Kind::Drift));
    }
    let failure = if crlf.is_empty() {
        failure
    } else {
        let paths: Vec<&Utf8Path> = crlf.iter().map(|change| change.path.as_path()).collect();
        failure.caused_by(emit::crlf_cause(&paths)).help(emit::crlf_help(&paths))
    };
    let own = differing.iter().any(|change| matches!(change.state, State::Edited | State::Foreign));
    Err(if own {
        failure.help(format!("run `{command} --force` to replace what was edited by hand; it is kept as `.orig`"))
    } else {
        failure.help(format!("run `{command}`, and commit the result"))
    })
}

pub fn report(changes: &[Change], written: &[camino::Utf8PathBuf], shell: Shell) {
    if written.is_empty() {
        shell.status("Unchanged", "the generated files are up to date");
    }
    for change in changes.iter().filter(|change| written.contains(&change.path)) {
        shell.status(if change.state == State::Absent { "Created" } else { "Updated" }, &change.path);
    }
}
