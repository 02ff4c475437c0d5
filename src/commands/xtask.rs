//! `cargo dockerize xtask`

use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::workspace::{self, Workspace};
use cargo_dockerize::xtask::{self, Work};

use super::{Session, generate};
use crate::cli::Common;
use crate::cli::xtask::Xtask;
use crate::ui::{self, Shell};

pub fn run(args: &Xtask, common: &Common, shell: Shell) -> Result<()> {
    let own = if args.force { Own::Save } else { Own::Respect };
    let session = Session::open(common)?;
    let root = &session.workspace.root;
    if args.remove {
        let Some(work) = xtask::remove(&session.workspace, own)? else {
            shell.status("Unchanged", "there is no `cargo xtask docker` of ours");
            return Ok(());
        };
        return finish(work, &session.workspace, common, shell);
    }
    let plan = session.plan()?;
    let mut work = xtask::add(&session.workspace, &plan)?;
    let module: Vec<_> = work.module.take().into_iter().collect();
    work.changes.extend(emit::compare(root, &module)?);
    if own == Own::Respect {
        emit::respect(&work.changes)?;
    }
    finish(work, &session.workspace, common, shell)?;
    if !root.join(&plan.files.bake).exists() {
        shell.warn(format!(
            "there is no `{}` yet: `cargo dockerize init` makes the files that it works with",
            plan.files.bake
        ));
    }
    shell.status("Next", "`cargo xtask docker --help`");
    Ok(())
}

/// Does all of it, or nothing.
fn finish(work: Work, workspace: &Workspace, common: &Common, shell: Shell) -> Result<()> {
    let Work { mut changes, removals, .. } = work;
    changes.retain(|change| change.state != State::Current);
    if common.locked && !(changes.is_empty() && removals.is_empty()) {
        return Err(drift(&changes)?);
    }
    let before = emit::exchange(&workspace.root, &changes, &removals)?;
    let manifests = |path: &camino::Utf8Path| path.file_name() == Some("Cargo.toml");
    let lock = workspace.root.join("Cargo.lock");
    let was = fs_err::read(&lock).ok();
    let of_cargo = changes
        .iter()
        .map(|change| &change.path)
        .chain(removals.iter().map(|removal| &removal.path))
        .any(|path| manifests(path));
    if of_cargo && let Err(failure) = workspace::update_lock(&workspace.root, common.offline) {
        before.restore();
        return Err(failure);
    }
    let written: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    if written.is_empty() && removals.is_empty() {
        shell.status("Unchanged", "`cargo xtask docker` is there, and up to date");
        return Ok(());
    }
    if !written.is_empty() {
        generate::report(&changes, &written, shell);
    }
    for removal in &removals {
        shell.status("Removed", &removal.path);
    }
    if fs_err::read(&lock).ok() != was {
        shell.status("Updated", "Cargo.lock");
    }
    Ok(())
}

/// What `--locked` says of what would be written.
fn drift(changes: &[Change]) -> Result<Failure> {
    for change in changes {
        ui::print(&emit::unified(change.path.as_str(), &change.old, &change.new))?;
    }
    Ok(Failure::new(Kind::Drift, "`cargo xtask docker` is not up to date")
        .help("run it without `--locked`, and commit the result"))
}
