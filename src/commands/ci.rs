//! `cargo dockerize ci`

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::model::{Ci, Forge, Workflow};
use cargo_dockerize::render;

use super::{Session, generate};
use crate::cli::{Common, ci};
use crate::ui::Shell;

/// GitLab's one file, which is the project's own and may include others.
const GITLAB: &str = ".gitlab-ci.yml";

pub fn run(args: &ci::Ci, common: &Common, shell: Shell) -> Result<()> {
    let mut session = Session::open(common)?;
    let root = session.workspace.root.clone();
    let old = session.texts();
    let forges = forges(&session, args);
    let names: toml_edit::Array = forges.iter().map(|forge| forge.name()).collect();
    let plan = session.note(&[("ci", names.into())])?;
    let Some(ci) = &plan.ci else { return Err(Failure::new(Kind::Internal, "the plan has no workflow")) };
    let mut changes = emit::compare(&root, &render::render(&plan)?)?;
    // The other files are `generate`'s, which may have something to say of them.
    changes.retain(|change| ci.workflows.iter().any(|workflow| change.path == workflow.file));
    // The workflows need a stage for the tests.
    changes.extend(emit::with_build_files(emit::compare(&root, &render::build_files(&plan)?)?));
    changes.extend(session.manifests(old));
    let include = ci.workflows.iter().find(|one| one.forge == Forge::Gitlab).map(|one| include(&root, one, ci));
    if let Some(Include::Absent(change)) = &include {
        changes.push(change.clone());
    }
    if args.check || common.locked {
        return generate::check(&changes, &command(args), shell);
    }
    if let Some(foreign) = changes.iter().find(|change| change.state == State::Foreign).filter(|_| !args.force) {
        return Err(Failure::new(
            Kind::Emit,
            format!("`{}` is there, and cargo-dockerize did not write it", foreign.path),
        )
        .help("give it another name, or pass `--force`: the old one is kept beside it as `.orig`"));
    }
    let written = emit::apply(&root, &changes, if args.force { Own::Save } else { Own::Respect })?;
    generate::report(&changes, &written, shell);
    if let Some(Include::Missing(line)) = include {
        shell.status("Next", format!("{GITLAB} is yours: add `{line}` to its `include:`"));
    }
    shell.status("Next", "commit it; what has to be set on the forge is said at the top of the file");
    Ok(())
}

/// What brings the files up to date.
fn command(args: &ci::Ci) -> String {
    let names: Vec<&str> = args.forges.iter().map(|forge| Forge::from(*forge).name()).collect();
    format!("cargo dockerize ci {}", names.join(" "))
}

/// Those of the metadata, and those that are asked for.
fn forges(session: &Session, args: &ci::Ci) -> Vec<Forge> {
    let mut forges = session.settings.workspace.ci.clone();
    for forge in args.forges.iter().map(|forge| Forge::from(*forge)) {
        if !forges.contains(&forge) {
            forges.push(forge);
        }
    }
    forges
}

/// How GitLab's own file stands to ours.
enum Include {
    /// It is there, and takes ours in.
    There,
    /// It is there without a word of ours; the line that it lacks.
    Missing(String),
    /// There is none: this one takes ours in. It is the user's from then on.
    Absent(Change),
}

fn include(root: &Utf8Path, workflow: &Workflow, ci: &Ci) -> Include {
    let file = workflow.file.trim_start_matches("../");
    let up: Utf8PathBuf = workflow.file[..workflow.file.len() - file.len()].into();
    let path = up.join(GITLAB);
    let line = format!("- local: {file}");
    match fs_err::read_to_string(root.join(&path)) {
        Ok(text) if text.contains(file) => Include::There,
        Ok(_) => Include::Missing(line),
        Err(_) if root.join(&path).exists() => Include::Missing(line),
        Err(_) => {
            let of = if ci.folder == "." { String::new() } else { format!(" of {}", ci.folder) };
            let new = format!(
                "# The images{of}: `cargo dockerize ci gitlab` makes this file once, and the one below anew.\ninclude:\n  {line}\n"
            );
            Include::Absent(Change { path, state: State::Absent, old: String::new(), new })
        }
    }
}
