//! `cargo dockerize init`

use camino::Utf8Path;
use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::exec;
use cargo_dockerize::failure::Result;
use cargo_dockerize::plan::model::{Files, Question};
use cargo_dockerize::plan::{self as plans, Flags, Plan};
use cargo_dockerize::render;

use super::{Session, generate};
use crate::cli::{Common, Init, LinkageArg, StageArg};
use crate::ui::{self, Shell};

/// More questions than this are no short interview: the others are in `plan`.
const QUESTIONS: usize = 5;

pub fn run(args: &Init, common: &Common, shell: Shell) -> Result<()> {
    let mut session = Session::open(common)?;
    let root = session.workspace.root.clone();
    let old = session.texts();
    let mut plan = session.note(&keys(args, &session)?)?;
    let answers = if asks(args, shell) { interview(&plan)? } else { Vec::new() };
    if !answers.is_empty() {
        plan = session.answer(&plan, &answers)?;
    }
    let (taken, not_taken) = (plan.taken.clone(), plan.not_taken.len());
    // The files that it is taken from may be changed, or be written over by this.
    plan = session.record(&plan)?;
    let mut changes = emit::compare(&root, &render::render(&plan)?)?;
    // A file of the user's own stays; ours goes beside it, and the table remembers where.
    if !args.force && changes.iter().any(|change| change.state == State::Foreign) {
        plan = session.note(&free_places(&plan, &changes))?;
        changes = emit::compare(&root, &render::render(&plan)?)?;
    }
    changes.extend(session.manifests(old));
    let written = emit::apply(&root, &changes, if args.force { Own::Save } else { Own::Respect })?;
    generate::report(&changes, &written, shell);
    for image in &plan.images {
        let linkage = plan.groups[image.group].linkage.name();
        shell.status("Image", format!("{}: {linkage} on {}", image.name, image.base));
    }
    for one in &taken {
        shell.status("Taken", one);
    }
    if not_taken > 0 {
        shell.status("Not taken", format!("{not_taken} lines of your own files; `cargo dockerize plan` says why"));
    }
    for note in &plan.notes {
        shell.warn(&note.text);
    }
    if !plan.questions.is_empty() && !asks(args, shell) {
        shell.warn(format!(
            "the evidence leaves {} open: `cargo dockerize plan` has them",
            ui::counted(plan.questions.len(), "question")
        ));
    }
    shell.status("Next", "`cargo dockerize build`; `cargo dockerize plan` says why");
    Ok(())
}

/// Whether somebody is there to answer.
fn asks(args: &Init, shell: Shell) -> bool {
    use std::io::IsTerminal;
    let terminals = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    terminals && !args.yes && !shell.quiet && std::env::var_os("CI").is_none()
}

/// The questions that were answered with yes.
fn interview(plan: &Plan) -> Result<Vec<Question>> {
    let mut agreed = Vec::new();
    for question in plan.questions.iter().take(QUESTIONS) {
        if ui::agreed(&question.text)? {
            agreed.push(question.clone());
        }
    }
    Ok(agreed)
}

/// The keys that the table gets: what was asked for, and what must not depend on the machine or the day.
fn keys(args: &Init, session: &Session) -> Result<Vec<(&'static str, toml_edit::Value)>> {
    let table = &session.settings.workspace;
    let mut keys: Vec<(&str, toml_edit::Value)> = Vec::new();
    match (&args.syntax, &table.syntax) {
        (Some(asked), _) => keys.push(("syntax", asked.into())),
        (None, None) => keys.push(("syntax", "docker/dockerfile:1".into())),
        (None, Some(_)) => {}
    }
    let in_file = session.workspace.toolchain.as_ref().is_some_and(|file| file.channel.is_some());
    match &args.toolchain {
        Some(asked) => keys.push(("toolchain", asked.into())),
        None if table.toolchain.is_none() && !in_file => {
            if let Some(release) = this_release(&session.workspace.root)? {
                keys.push(("toolchain", release.into()));
            }
        }
        None => {}
    }
    if let Some(linkage) = args.linkage {
        let name = match linkage {
            LinkageArg::StaticMusl => "static-musl",
            LinkageArg::StaticGnu => "static-gnu",
            LinkageArg::DynamicGnu => "dynamic-gnu",
        };
        keys.push(("linkage", name.into()));
    }
    // What was asked for once is asked for by each command from now on.
    let asked = args.selecting.asked();
    if asked.workspace && asked.binaries.is_empty() {
        keys.push(("workspace", true.into()));
        if !table.binaries.is_empty() {
            keys.push(("binaries", toml_edit::Array::new().into()));
        }
    } else if !asked.is_empty() {
        let flags = Flags { asked, ..session.flags.clone() };
        let names =
            plans::selected(&session.workspace, &session.settings, &flags)?.into_iter().map(|(_, binary)| binary);
        keys.push(("binaries", names.collect::<toml_edit::Array>().into()));
    }
    if !args.stages.is_empty() {
        let names = args.stages.iter().map(|stage| match stage {
            StageArg::Test => "test",
            StageArg::Dev => "dev",
        });
        keys.push(("stages", names.collect::<toml_edit::Array>().into()));
    }
    Ok(keys)
}

/// `1.95` where rustc here is a release; what compiles here is what will compile there.
fn this_release(root: &Utf8Path) -> Result<Option<String>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = exec::Command::new(rustc, "pin the toolchain").arg("--version").cwd(root).output()?;
    let version = output.stdout.split_whitespace().nth(1).unwrap_or_default();
    let release = version.chars().all(|c| c.is_ascii_digit() || c == '.');
    Ok(version.rsplit_once('.').filter(|_| release).map(|(minor, _)| minor.to_owned()))
}

fn free_places(plan: &Plan, changes: &[Change]) -> Vec<(&'static str, toml_edit::Value)> {
    let foreign = |path: &str| changes.iter().any(|change| change.path == path && change.state == State::Foreign);
    let Files { dockerfile, dockerignore, bake, .. } = &plan.files;
    let mut places: Vec<(&str, toml_edit::Value)> = Vec::new();
    let mut beside = dockerfile.clone();
    if foreign(dockerfile) {
        beside = format!("{dockerfile}.dockerize");
        places.push(("dockerfile", beside.as_str().into()));
    }
    if foreign(dockerignore) || foreign(dockerfile) {
        places.push(("dockerignore", format!("{beside}.dockerignore").into()));
    }
    if foreign(bake) {
        places.push(("bake", "docker-bake.dockerize.hcl".into()));
    }
    places
}
