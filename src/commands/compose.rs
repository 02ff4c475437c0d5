//! `cargo dockerize compose`

use camino::Utf8Path;
use cargo_dockerize::config::ComposeKey;
use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::Role;
use cargo_dockerize::render;

use super::{Session, generate, pick};
use crate::cli::{Common, Compose};
use crate::ui::Shell;

/// Names under which compose looks for a file by itself, the first one first.
const DEFAULTS: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

pub fn run(args: &Compose, common: &Common, shell: Shell) -> Result<()> {
    let mut session = Session::open(common)?;
    let root = session.workspace.root.clone();
    let old = session.texts();
    let mut files = wanted(args, &session)?;
    let mut plan = session.note(&[("compose", noted(&files))])?;
    let mut changes = files_of(&session, &plan)?;
    // A file of the user's own stays; ours goes beside it, and the table remembers where.
    if !args.force && step_aside(&root, &changes, &mut files) {
        plan = session.note(&[("compose", noted(&files))])?;
        changes = files_of(&session, &plan)?;
    }
    changes.extend(session.manifests(old));
    if args.check || common.locked {
        return generate::check(&changes, "cargo dockerize compose", shell);
    }
    let written = emit::apply(&root, &changes, if args.force { Own::Save } else { Own::Respect })?;
    generate::report(&changes, &written, shell);
    describe(&plan, shell);
    shell.status("Next", next(&plan, &root));
    Ok(())
}

/// The compose files, and the files of the build where they are set up: services under work need a stage.
fn files_of(session: &Session, plan: &Plan) -> Result<Vec<Change>> {
    let root = &session.workspace.root;
    let mut changes = emit::compare(root, &render::compose_files(plan)?)?;
    changes.extend(emit::with_build_files(emit::compare(root, &render::build_files(plan)?)?));
    Ok(changes)
}

/// The profiles with their files: what the table has, and what is asked for; else the usual two.
fn wanted(args: &Compose, session: &Session) -> Result<Vec<(String, String)>> {
    let mut files = session.settings.workspace.compose.as_ref().map(ComposeKey::files).unwrap_or_default();
    let usual = ["prod".to_owned(), "dev".to_owned()];
    let asked = if args.profile.is_empty() && files.is_empty() { &usual[..] } else { &args.profile };
    if asked.is_empty() {
        return Ok(files);
    }
    let plan = session.plan()?;
    for name in asked {
        if pick::profile(&plan, name)?.runs_tests {
            return Err(Failure::new(Kind::Usage, format!("the profile `{name}` runs tests and makes no image"))
                .help("`cargo dockerize build --profile test` runs them"));
        }
        if files.iter().all(|(known, _)| known != name) {
            files.push((name.clone(), ComposeKey::usual(name)));
        }
    }
    Ok(files)
}

/// These files as the table has them.
fn noted(files: &[(String, String)]) -> toml_edit::Value {
    let usual = files.iter().all(|(profile, file)| *file == ComposeKey::usual(profile));
    if usual {
        files.iter().map(|(profile, _)| profile).collect::<toml_edit::Array>().into()
    } else {
        files.iter().map(|(profile, file)| (profile, file)).collect::<toml_edit::InlineTable>().into()
    }
}

/// Gives files other names whose own are taken; whether there are any.
fn step_aside(root: &Utf8Path, changes: &[Change], files: &mut [(String, String)]) -> bool {
    let mut any = false;
    let is = |name: &str, state: State| changes.iter().any(|change| change.path == name && change.state == state);
    for (_, name) in files {
        let foreign = is(name, State::Foreign);
        // Compose would take ours, and leave theirs.
        let hides = name == DEFAULTS[0]
            && is(name, State::Absent)
            && DEFAULTS[1..].iter().any(|other| root.join(other).exists());
        if foreign || hides {
            let stem = name.strip_suffix(".yaml").unwrap_or(name);
            let mut beside = (1..).map(|count| {
                if count == 1 { format!("{stem}.dockerize.yaml") } else { format!("{stem}.dockerize-{count}.yaml") }
            });
            if let Some(free) = beside.find(|name| !root.join(name).exists()) {
                *name = free;
                any = true;
            }
        }
    }
    any
}

fn describe(plan: &Plan, shell: Shell) {
    for service in &plan.compose.services {
        let ports: Vec<String> = service.ports.iter().map(|port| format!("localhost:{}", port.host)).collect();
        let mut words = vec![service.name.clone()];
        words.extend((!ports.is_empty()).then(|| format!("on {}", ports.join(", "))));
        words.extend((!service.needs.is_empty()).then(|| format!("with {}", service.needs.join(", "))));
        words.extend((service.role == Role::Tool).then(|| "when it is called".to_owned()));
        shell.status("Service", words.join(" "));
    }
    for database in &plan.compose.databases {
        shell.status("Database", format!("{}: {}", database.name, database.image));
    }
}

/// What to run now, or first.
fn next(plan: &Plan, root: &Utf8Path) -> String {
    let up = plan.compose.files.first().map(|file| {
        let file_flag =
            if DEFAULTS.contains(&file.path.as_str()) { String::new() } else { format!(" -f {}", file.path) };
        let watch = if file.from_sources { " --watch" } else { " --build" };
        format!("`docker compose{file_flag} up{watch}`")
    });
    let up = up.unwrap_or_default();
    if root.join(&plan.files.dockerfile).exists() {
        up
    } else {
        format!("`cargo dockerize init`, which makes the {}; then {up}", plan.files.dockerfile)
    }
}
