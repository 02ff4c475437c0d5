//! `cargo dockerize generate`

use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::render;

use super::Session;
use crate::cli::{Common, Generate};
use crate::ui::{self, Shell};

pub fn run(args: &Generate, common: &Common, shell: Shell) -> Result<()> {
    let session = Session::open(common)?;
    let files = render::render(&session.plan()?)?;
    let root = &session.workspace.root;
    let changes = emit::compare(root, &files)?;
    if args.check || common.locked {
        return check(&changes, shell);
    }
    let written = emit::apply(root, &changes, if args.force { Own::Save } else { Own::Respect })?;
    report(&changes, &written, shell);
    Ok(())
}

/// Fails with the differences, if there are any.
fn check(changes: &[Change], shell: Shell) -> Result<()> {
    let differing: Vec<&Change> = changes.iter().filter(|change| change.state != State::Current).collect();
    if differing.is_empty() {
        shell.status("Checked", "the generated files are up to date");
        return Ok(());
    }
    for change in &differing {
        ui::print(&emit::unified(change.path.as_str(), &change.old, &change.new))?;
    }
    let names: Vec<String> = differing.iter().map(|change| format!("`{}`", change.path)).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let failure = Failure::new(Kind::Drift, format!("{} {verb} not up to date", names.join(", ")));
    let own = differing.iter().any(|change| matches!(change.state, State::Edited | State::Foreign));
    Err(if own {
        failure.help("run `cargo dockerize generate --force` to replace what was edited by hand; it is kept as `.orig`")
    } else {
        failure.help("run `cargo dockerize generate`, and commit the result")
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
