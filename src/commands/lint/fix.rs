//! `cargo dockerize lint --fix`

use std::collections::BTreeSet;
use std::io::IsTerminal;

use camino::Utf8PathBuf;
use cargo_dockerize::emit::{self, State};
use cargo_dockerize::exec::Command;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::lint::files::{self, Loaded};
use cargo_dockerize::lint::report::Report;
use cargo_dockerize::lint::{Finding, fix};
use cargo_dockerize::workspace::folder_of;

use crate::cli::lint::Fixing;
use crate::ui::{self, Shell};

/// How often is looked again: edits at one place wait for each other.
const ROUNDS: usize = 8;

/// A file with the edits of all findings.
struct Change<'a> {
    /// As it is shown.
    name: &'a str,
    path: Utf8PathBuf,
    text: &'a str,
    new: &'a str,
}

/// Shows the edits, makes them if they are wanted, and looks again.
pub fn run(
    files: &mut Vec<Loaded>,
    args: &Fixing,
    shell: Shell,
    mut look: impl FnMut(&[Loaded]) -> Report,
) -> Result<()> {
    let mut report = look(files);
    let first = report.clone();
    let mut fixed = 0;
    let mut shadow = files.clone();
    for _ in 0..ROUNDS {
        let count = round(&mut shadow, &report);
        if count == 0 {
            break;
        }
        fixed += count;
        report = look(&shadow);
    }
    let changed: Vec<Change<'_>> = first
        .sources
        .iter()
        .filter_map(|(name, text)| {
            Some(Change { name, path: path(files, name)?, text, new: report.sources.get(name)? })
        })
        .filter(|change| change.text != change.new)
        .collect();
    if changed.is_empty() {
        shell.status("Unchanged", "no finding has an edit that does away with it");
        return Ok(());
    }
    for Change { name, .. } in &changed {
        ui::print(&emit::unified_by(name, "fixed", &first.shown(name)?, &report.shown(name)?))?;
    }
    if args.dry_run {
        return Ok(());
    }
    // Nobody is asked about what is refused in any case.
    changed.iter().try_for_each(|change| kept(change, args))?;
    if !agreed(args)? {
        return Ok(());
    }
    for Change { name, path, text, new } in &changed {
        emit::write_plain(folder_of(path), path.file_name().unwrap_or_default(), text, new)?;
        shell.status("Fixed", name);
    }
    shell.status("Fixed", format!("{fixed} finding{}", if fixed == 1 { "" } else { "s" }));
    *files = shadow;
    Ok(())
}

/// The edits of one look, made in the texts that were read; how many findings they do away with.
fn round(files: &mut [Loaded], report: &Report) -> usize {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for file in files {
        let input = &mut file.input;
        for source in std::iter::once(&mut input.dockerfile).chain(&mut input.ignore) {
            // What we generated is made anew from the workspace.
            let ours = emit::whose(&source.text) != State::Foreign;
            let own: Vec<&Finding> =
                report.findings.iter().filter(|finding| finding.path == source.path && !ours).collect();
            let (text, made) = fix::apply(&source.text, &own);
            // Two Dockerfiles have one ignore file.
            count += if seen.insert(source.path.clone()) { made } else { 0 };
            source.text = text;
        }
    }
    count
}

/// The file that is shown by this name; none: standard input.
fn path(files: &[Loaded], name: &str) -> Option<Utf8PathBuf> {
    let is = |source: &cargo_dockerize::lint::Source| source.path == name;
    files.iter().find_map(|file: &files::Loaded| {
        if is(&file.input.dockerfile) {
            file.file.clone()
        } else {
            file.ignore_file.clone().filter(|_| file.input.ignore.as_ref().is_some_and(is))
        }
    })
}

/// Whether the edits are wanted: asked on a terminal, and said by `--yes` elsewhere.
fn agreed(args: &Fixing) -> Result<bool> {
    if args.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(Kind::Usage, "nobody is there to be asked whether these edits are wanted")
            .help("`--yes` makes them, `--dry-run` only shows them"));
    }
    ui::agreed("Make these edits?")
}

/// Refuses what could not be had back, as `cargo fix` does.
fn kept(Change { name: shown, path, .. }: &Change<'_>, args: &Fixing) -> Result<()> {
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or_default();
    let git = Command::new("git", "see whether the file is committed").args([
        "status",
        "--porcelain",
        "--ignored",
        "--",
        name,
    ]);
    let output = git.cwd(folder).output().ok().filter(|output| output.status.success());
    match output.map(|output| output.stdout) {
        None if !args.allow_no_vcs => Err(Failure::new(Kind::Emit, format!("no version control keeps `{shown}`"))
            .help("`--allow-no-vcs` edits it all the same")),
        Some(said) if !said.trim().is_empty() && !args.allow_dirty => {
            Err(Failure::new(Kind::Emit, format!("`{shown}` has changes that are not committed"))
                .help("commit them, or edit it all the same with `--allow-dirty`"))
        }
        _ => Ok(()),
    }
}
