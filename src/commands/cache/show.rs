//! `cargo dockerize cache show`

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use cargo_dockerize::cache::Kept;
use cargo_dockerize::cache::mounts::{Account, Mount, Serves, Sum};
use cargo_dockerize::cache::remote::{Entry, Listing, What};
use cargo_dockerize::engine::usage::Usage;
use cargo_dockerize::engine::{self, Engine};
use cargo_dockerize::failure::{Result, printable};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::{account, size, times};
use crate::cli::cache::Show;
use crate::cli::{Common, Format};
use crate::commands::Session;
use crate::commands::build::Subject;
use crate::commands::build::cached::{self, Kin};
use crate::commands::pick::profile;
use crate::ui::{self, Shell};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The version of the JSON.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Shown<'a> {
    schema: u32,
    builder: Option<&'a str>,
    profile: &'a str,
    mounts: Account,
    remote: Listing,
    /// Whether a build finds all its dependencies compiled; none where no registry keeps them.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
}

pub fn run(args: &Show, common: &Common, shell: Shell) -> Result<()> {
    let session = Session::open(common)?;
    let plan = session.plan()?;
    let profile = profile(&plan, &args.profile)?;
    let images: Vec<_> = plan.images.iter().collect();
    let subject = Subject { session: &session, plan: &plan, profile, images: &images };
    let cache = cached::named(&subject, args.place.cache.as_ref())?;
    let builder = args.place.builder.as_deref();
    let engine = engine::probe()?;
    let mounts = account(Usage::new(&engine, builder), &plan, args.place.namespace.as_deref())?;
    let mut stages: Vec<&str> = images.iter().map(|image| image.stage.as_str()).collect();
    if profile.runs_tests {
        stages = vec!["test-results"];
    }
    let mut remote = Listing::layers(&engine, builder, &cache, &stages)?;
    let mut complete = None;
    if let Some(repository) = cache.repository().filter(|_| !profile.runs_tests && remote.silent.is_none()) {
        complete = Some(dependencies((&engine, &subject), repository, args, &mut remote)?);
    }
    if let Some(said) = &remote.silent {
        shell.warn(format!("the registry does not answer: {}", printable(said)));
    }
    let shown = Shown { schema: SCHEMA, builder, profile: &profile.name, mounts, remote, complete };
    ui::print(&match args.format {
        Format::Text => describe(&shown, shell.verbose),
        Format::Json => ui::json(&shown)?,
    })
}

/// Adds what a registry has compiled; whether it is all.
fn dependencies(
    (engine, subject): (&Engine, &Subject<'_>),
    repository: &str,
    args: &Show,
    remote: &mut Listing,
) -> Result<bool> {
    let builder = args.place.builder.as_deref();
    let kin = Kin { builder, platforms: &args.platform, namespace: args.place.namespace.as_deref() };
    let groups = cached::look_up((engine, subject), repository, &kin)?;
    for (one, group) in groups.iter().zip(subject.groups()) {
        let binaries = &subject.plan.groups[group].binaries;
        remote.ask((engine, builder), What::Dependencies, binaries.clone(), &one.reference)?;
        remote.ask((engine, builder), What::EarlierDependencies, binaries.clone(), &one.latest)?;
    }
    Ok(groups.iter().all(|one| matches!(one.kept, Kept::These(_))))
}

fn describe(shown: &Shown<'_>, verbose: bool) -> String {
    let mut text = String::new();
    let builder =
        shown.builder.map_or("the current builder".to_owned(), |name| format!("the builder {}", printable(name)));
    let _ = writeln!(text, "{BOLD}on {builder}{BOLD:#}");
    text.push_str(&on_builder(&shown.mounts, verbose));
    if shown.mounts.nameless.count > 0 {
        let nameless = &shown.mounts.nameless;
        let _ = writeln!(
            text,
            "  {DIM}its BuildKit does not say the id of {} ({}): this workspace's may be among them{DIM:#}",
            times(nameless.count, "mount", "mounts"),
            size(nameless.size)
        );
    }
    let _ = match shown.remote.cache.as_str() {
        "none" => writeln!(text, "\n{BOLD}for other machines, for {}{BOLD:#}", shown.profile),
        cache => writeln!(text, "\n{BOLD}in the cache {}, for {}{BOLD:#}", printable(cache), shown.profile),
    };
    text.push_str(&on_remote(&shown.remote));
    match &shown.remote.unlisted {
        Some(how) => _ = writeln!(text, "  {how}"),
        None if shown.remote.silent.is_some() => text.push_str("  unknown: the registry does not answer\n"),
        None => {}
    }
    match shown.complete {
        Some(true) => {
            let green = AnsiColor::Green.on_default();
            let _ = writeln!(text, "  {green}a build compiles no dependency{green:#}");
        }
        Some(false) => {
            let yellow = AnsiColor::Yellow.on_default();
            let _ = writeln!(
                text,
                "  {yellow}a build that has no target folder compiles dependencies{yellow:#}: `cargo dockerize cache warm --cache-write` keeps them"
            );
        }
        None => {}
    }
    text
}

fn on_builder(mounts: &Account, verbose: bool) -> String {
    let mut table = table();
    let mut row = |what: String, mount: &Mount| {
        let used = match &mount.last_used {
            _ if mount.in_use => "in use".to_owned(),
            Some(when) => format!("used {}", printable(when)),
            None => "never used".to_owned(),
        };
        table.add_row([what, size(mount.size), used]);
    };
    for mount in &mounts.own {
        row(mount.serves.as_ref().map(target_folder).unwrap_or_default(), mount);
    }
    for mount in mounts.namesakes.iter().filter(|_| verbose) {
        row(format!("target folder of the same name: {}", printable(&mount.id)), mount);
    }
    for mount in &mounts.downloads {
        row(format!("cargo's downloads, of all projects: {}", printable(&mount.id)), mount);
    }
    if mounts.own.is_empty() {
        table.add_row(["no target folder of this workspace".to_owned(), String::new(), String::new()]);
    }
    let namesakes = mounts
        .namesakes
        .iter()
        .filter(|_| !verbose)
        .fold(Sum::default(), |sum, mount| Sum { count: sum.count + 1, size: sum.size + mount.size });
    for (what, sum) in [
        ("target folders of the same name: earlier toolchains', or other projects'", namesakes),
        ("mounts of others", mounts.others),
        ("layers and contexts, of all projects", mounts.layers),
    ] {
        if sum.count > 0 {
            table.add_row([what.to_owned(), size(sum.size), times(sum.count, "record", "records")]);
        }
    }
    lines(&mut table)
}

/// What a target folder is for.
pub fn target_folder(serves: &Serves) -> String {
    let Serves { binaries, target, cargo_profile, profiles } = serves;
    let of = if binaries.is_empty() { "binaries of before".to_owned() } else { binaries.join(", ") };
    let profiles = match profiles.as_slice() {
        [] => format!("cargo's profile {cargo_profile}"),
        profiles => profiles.join(", "),
    };
    printable(&format!("target folder of {of} for {profiles}: {target}"))
}

fn on_remote(remote: &Listing) -> String {
    let mut table = table();
    for Entry { what, of, place, held } in remote.entries.iter().filter(|_| remote.silent.is_none()) {
        let of = of.join(", ");
        let what = match what {
            What::Layers => format!("layers of {of}"),
            What::Dependencies => format!("dependencies of {of}, of this lock file"),
            What::EarlierDependencies => format!("dependencies of {of}, kept last"),
        };
        let bytes = held.as_ref().map_or("not there".to_owned(), |held| size(held.size));
        table.add_row([what, bytes, short(place, &remote.cache)]);
    }
    lines(&mut table)
}

/// A reference without the repository that the title has already.
fn short(place: &str, cache: &str) -> String {
    let repository = cache.split_once('=').map_or(cache, |(_, name)| name);
    let repository = repository.rsplit_once(':').map_or(repository, |(name, _)| name);
    printable(place.strip_prefix(repository).unwrap_or(place))
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn lines(table: &mut Table) -> String {
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = String::new();
    for line in table.lines() {
        let _ = writeln!(text, " {}", line.trim_end());
    }
    text
}
