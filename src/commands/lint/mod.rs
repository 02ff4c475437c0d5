//! `cargo dockerize lint`

mod fix;

use std::collections::BTreeMap;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::config::{self, Judging};
use cargo_dockerize::engine;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::lint::files::{self, Loaded};
use cargo_dockerize::lint::report::{self, Report};
use cargo_dockerize::lint::{Facts, Level, Levels, judge, merge, row, rows};
use cargo_dockerize::workspace::folder_of;

use crate::cli::Common;
use crate::cli::lint::{Lint, LintFormat};
use crate::ui::{self, Shell};

pub fn run(args: &Lint, common: &Common, shell: Shell) -> Result<()> {
    let root = root(common)?;
    let Judging { levels, mirrors } = judging(root.as_deref())?;
    let levels = asked(args, Levels::new(levels))?;
    if let Some(name) = &args.explain {
        return explain(name, &levels);
    }
    if args.list {
        return ui::print(&list(&levels));
    }
    let mut files = find(args, root.as_deref())?;
    for file in &mut files {
        file.input.mirrors.clone_from(&mirrors);
    }
    let engine = !args.no_engine && !common.offline;
    let mut known = Known { offline: common.offline, facts: BTreeMap::new() };
    if args.fixing.fix {
        // The engine reads the disk, and edits are tried out in memory first.
        fix::run(&mut files, &args.fixing, shell, |files| look(files, &levels, false, &mut known))?;
    }
    let report = look(&files, &levels, engine, &mut known);
    match args.format {
        LintFormat::Text => ui::print(&report::text(&report)?)?,
        LintFormat::Json => ui::print(&ui::json(&report::json(&report))?)?,
        LintFormat::Sarif => ui::print(&ui::json(&report::sarif(&report))?)?,
        LintFormat::Github => ui::print(&report::github(&report))?,
    }
    conclude(&report, shell)
}

fn explain(name: &str, levels: &Levels) -> Result<()> {
    let Some(row) = row(name) else {
        let failure = Failure::new(Kind::Usage, format!("no rule is called `{name}`"));
        let near = config::nearest(name, rows().iter().map(|row| row.name.as_str()));
        return Err(match near {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help("`cargo dockerize lint --list` names them"),
        });
    };
    let mut text = format!("{}: {}\n\n", row.name, row.title);
    ui::paragraph(&mut text, 0, "", &row.why);
    text.push('\n');
    ui::paragraph(&mut text, 0, "", &row.fix);
    text.push_str(&format!("\nLevel: {}\n", levels.of(name)));
    ui::print(&text)
}

fn list(levels: &Levels) -> String {
    let width = rows().iter().map(|row| row.name.len()).max().unwrap_or(0);
    rows().iter().fold(String::new(), |text, row| {
        text + &format!("{:5}  {:width$}  {}\n", levels.of(&row.name).to_string(), row.name, row.title)
    })
}

/// The folder of the manifest that says what rules mean: the workspace's root, found without cargo.
fn root(common: &Common) -> Result<Option<Utf8PathBuf>> {
    if let Some(manifest) = &common.manifest_path {
        let text = fs_err::read_to_string(manifest);
        text.map_err(|error| Failure::new(Kind::Workspace, "the manifest cannot be read").caused_by(error))?;
        return Ok(Some(folder_of(manifest).to_owned()));
    }
    let Some(here) = std::env::current_dir().ok().and_then(|here| Utf8PathBuf::from_path_buf(here).ok()) else {
        return Ok(None);
    };
    let manifests: Vec<&Utf8Path> = here.ancestors().filter(|folder| folder.join("Cargo.toml").is_file()).collect();
    let is_root = |folder: &&&Utf8Path| {
        fs_err::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with("[workspace")))
    };
    let found = manifests.iter().find(is_root).or(manifests.first());
    Ok(found.map(|folder| folder.to_path_buf()))
}

/// What the manifest says.
fn judging(root: Option<&Utf8Path>) -> Result<Judging> {
    let manifest = root.map(|root| root.join("Cargo.toml")).filter(|path| path.is_file());
    let text = manifest.map(fs_err::read_to_string).transpose();
    let text = text.map_err(|error| Failure::new(Kind::Workspace, "the manifest cannot be read").caused_by(error))?;
    text.map_or_else(|| Ok(Judging::default()), |text| config::lint("Cargo.toml", &text))
}

/// Levels with what the command line says.
fn asked(args: &Lint, mut levels: Levels) -> Result<Levels> {
    for (names, level) in [(&args.allow, Level::Allow), (&args.warn, Level::Warn), (&args.deny, Level::Deny)] {
        names.iter().try_for_each(|name| levels.set(name, level))?;
    }
    Ok(levels)
}

/// What is to be judged.
fn find(args: &Lint, root: Option<&Utf8Path>) -> Result<Vec<Loaded>> {
    let mut found = Vec::new();
    for path in &args.paths {
        if path == "-" {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.map_err(|error| Failure::new(Kind::Usage, "standard input cannot be read").caused_by(error))?;
            found.push(files::alone("<stdin>", String::from_utf8_lossy(&bytes).into_owned()));
            continue;
        }
        let path = Utf8Path::new(path);
        let named = if path.is_dir() { with_named(files::within(path), path) } else { vec![path.to_owned()] };
        for file in named {
            let shown = file.strip_prefix("./").unwrap_or(&file).to_string();
            found.push(files::load(&file, &shown)?);
        }
    }
    if args.paths.is_empty() {
        let folder = root.unwrap_or(Utf8Path::new("."));
        for file in with_named(files::beside(folder), folder) {
            let shown = file.strip_prefix(folder).unwrap_or(&file).to_string();
            found.push(files::load(&file, &shown)?);
        }
    }
    if found.is_empty() {
        let failure = Failure::new(Kind::Usage, "there is no Dockerfile here");
        return Err(
            failure.help("name one, or a folder: `cargo dockerize lint docker/`; `cargo dockerize init` makes one")
        );
    }
    Ok(found)
}

/// Dockerfiles of a folder, and those that its compose and bake files build, by whatever name.
fn with_named(mut files: Vec<Utf8PathBuf>, folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let more: Vec<Utf8PathBuf> = files::named(folder).into_iter().filter(|file| !files.contains(file)).collect();
    files.extend(more);
    files
}

/// What is known of the workspaces in contexts, each of them read once: no edit of ours changes it.
struct Known {
    offline: bool,
    facts: BTreeMap<Utf8PathBuf, Option<Facts>>,
}

impl Known {
    fn of(&mut self, context: &Utf8Path) -> Option<&Facts> {
        let offline = self.offline;
        self.facts.entry(context.to_owned()).or_insert_with(|| Facts::read(context, offline)).as_ref()
    }
}

fn look(files: &[Loaded], levels: &Levels, asked: bool, known: &mut Known) -> Report {
    std::thread::scope(|scope| {
        // BuildKit is asked while we look ourselves.
        let theirs = scope.spawn(move || if asked { files.iter().map(check).collect() } else { Vec::new() });
        let judged: Vec<_> = files
            .iter()
            .map(|file| {
                let context = file.context.as_deref().filter(|_| levels.want_facts());
                judge(&file.input, levels, context.and_then(|context| known.of(context)))
            })
            .collect();
        let theirs = theirs.join().unwrap_or_default();
        let mut report = Report::default();
        for (at, (file, mut findings)) in files.iter().zip(judged).enumerate() {
            if let Some(warnings) = theirs.get(at).cloned().flatten() {
                merge(&file.input, levels, &mut findings, warnings);
            }
            report.add(&file.input, findings);
        }
        report
    })
}

/// BuildKit's own checks of a file; what has no file or no context is not sent.
fn check(file: &Loaded) -> Option<Vec<engine::Warning>> {
    engine::check(file.file.as_deref()?, file.context.as_deref()?)
}

/// The last line, and what the run ends with.
fn conclude(report: &Report, shell: Shell) -> Result<()> {
    let count = report.files.len();
    let counted = report::counted(report);
    let said = format!("{counted} in {count} file{}", if count == 1 { "" } else { "s" });
    match report.count(Level::Deny) {
        0 => {
            shell.status("Checked", said);
            Ok(())
        }
        _ => Err(Failure::new(Kind::Lint, said)),
    }
}
