//! The files to build from: the tree's, or ones in our own folder.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::pins::FILE;
use cargo_dockerize::plan::{Plan, model};
use cargo_dockerize::render;

use crate::cli::Common;
use crate::commands::{Session, generate};
use crate::ui::Shell;

/// The files to build from: the tree's where they are there, else ones in our own folder.
pub struct Files {
    pub bake: Utf8PathBuf,
    /// Where it is not what the bake file names.
    pub dockerfile: Option<Utf8PathBuf>,
    /// The folder that stands in for the stage of the scripts, where the context has none.
    pub helpers: Option<Utf8PathBuf>,
    /// Whether they are as the plan has them: stages have their names.
    pub ours: bool,
}

/// What a file of the plan is called in a folder of ours.
fn own_name(files: &model::Files, path: &Utf8Path) -> Utf8PathBuf {
    match path.as_str() {
        path if path == files.dockerfile => "Dockerfile".into(),
        path if path == files.dockerignore => "Dockerfile.dockerignore".into(),
        path if path == files.bake => "docker-bake.hcl".into(),
        _ => Utf8Path::new(HELPERS).join(path.file_name().unwrap_or_default()),
    }
}

/// The folder of the scripts in a folder of ours.
const HELPERS: &str = "helpers";

pub fn files(
    session: &Session,
    plan: &Plan,
    scratch: &Utf8Path,
    (common, dry_run): (&Common, bool),
    shell: Shell,
) -> Result<Files> {
    let root = &session.workspace.root;
    let planned = render::build_files(plan)?;
    let changes = emit::compare(root, &planned)?;
    let is = |state: State| changes.iter().filter(move |change| change.state == state);
    // Ours are there when the Dockerfile and the bake file are; an ignore file may have been taken out on purpose.
    let set_up = changes.iter().all(|change| !matches!(change.state, State::Absent | State::Foreign));
    let in_tree = Files { bake: root.join(&plan.files.bake), dockerfile: None, helpers: None, ours: true };
    let current = changes.iter().all(|change| change.state == State::Current);
    let others = !current && session.flags_change(&planned)?;
    if let Some(edited) = is(State::Edited).next().filter(|_| set_up && others) {
        shell.warn(format!("`{}` has been edited by hand, and this command line needs another one", edited.path));
    }
    if current || (set_up && !others) {
        if let Some(edited) = is(State::Edited).find(|change| !change.is_bumped()) {
            shell.warn(format!("`{}` has been edited by hand, and is built as it is", edited.path));
            if let Some(crlf) = is(State::Edited).find(|change| change.has_crlf()) {
                shell.warn(format!("`{}` has lines that end in CR LF, which a build in Linux may not read", crlf.path));
            }
            return Ok(Files { ours: false, ..in_tree });
        }
        if let Some(bumped) = is(State::Edited).next() {
            // All else is as the plan has it, or will be when they are adopted.
            shell.warn(format!(
                "`{}` has other digests than {FILE}, and is built as it is: `cargo dockerize pin --adopt` takes them",
                bumped.path
            ));
            return Ok(in_tree);
        }
        if is(State::Stale).next().is_some() {
            if common.locked {
                return Err(out_of_date(&changes));
            }
            if dry_run {
                shell.warn("the generated files are out of date: a real run would make them anew");
                return Ok(in_tree);
            }
            // As cargo does with its lock file.
            let written = emit::apply(root, &changes, Own::Respect)?;
            generate::report(&changes, &written, shell);
        }
        return Ok(in_tree);
    }
    let folder = scratch.join("files");
    let dockerfile = folder.join("Dockerfile");
    let helpers = folder.join(HELPERS);
    let files = Files {
        bake: folder.join("docker-bake.hcl"),
        dockerfile: Some(dockerfile),
        helpers: Some(helpers),
        ours: true,
    };
    if dry_run {
        return Ok(files);
    }
    let ours: Vec<Change> = changes
        .into_iter()
        .map(|change| {
            let path = own_name(&plan.files, &change.path);
            // What they take the place of is the last build's file in our folder, not the tree's.
            let old = fs_err::read(folder.join(&path)).unwrap_or_default();
            Change { path, state: State::Stale, old: String::from_utf8_lossy(&old).into_owned(), ..change }
        })
        .collect();
    emit::apply(&folder, &ours, Own::Respect)?;
    Ok(files)
}

fn out_of_date(changes: &[Change]) -> Failure {
    let failure = Failure::new(Kind::Drift, "the generated files are out of date, and --locked was passed")
        .help("run `cargo dockerize generate`, and commit the result");
    let crlf: Vec<&Utf8Path> =
        changes.iter().filter(|change| change.has_crlf()).map(|change| change.path.as_path()).collect();
    if crlf.is_empty() {
        return failure;
    }
    failure.caused_by(emit::crlf_cause(&crlf)).help(emit::crlf_help(&crlf))
}
