//! `cargo dockerize cache prune`

use camino::Utf8Path;
use cargo_dockerize::cache::Cache;
use cargo_dockerize::cache::mounts::{Account, Mount};
use cargo_dockerize::cache::remote::{self, Listing};
use cargo_dockerize::engine::usage::Usage;
use cargo_dockerize::engine::{self, Engine};
use cargo_dockerize::failure::{Failure, Kind, Result, printable};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::Image;

use super::{account, show, size};
use crate::cli::Common;
use crate::cli::cache::Prune;
use crate::commands::Session;
use crate::commands::build::Subject;
use crate::commands::build::cached;
use crate::commands::pick::profile;
use crate::ui::{self, Shell};

pub fn run(args: &Prune, common: &Common, shell: Shell) -> Result<()> {
    let session = Session::open(common)?;
    let plan = session.plan()?;
    // The cache is a profile's, and most have one for all.
    let profile = profile(&plan, args.profile.as_deref().unwrap_or("prod"))?;
    let images: Vec<&Image> = plan.images.iter().collect();
    let subject = Subject { session: &session, plan: &plan, profile, images: &images };
    let cache = cached::named(&subject, args.place.cache.as_ref())?;
    let engine = engine::probe()?;
    let mut freed = on_builder(&engine, &plan, args, shell)?;
    match &cache {
        Cache::Local(folder) => freed += in_folder(folder, &plan, args, shell)?,
        Cache::Registry { .. } => names((&engine, &subject), &cache, args, shell)?,
        Cache::Gha { .. } | Cache::S3(_) => {
            let listing = Listing::layers(&engine, None, &cache, &[])?;
            shell.warn(format!("nothing is removed from {cache}: {}", listing.unlisted.unwrap_or_default()));
        }
        Cache::Gitlab | Cache::Inline | Cache::None => {}
    }
    if args.dry_run {
        return ui::print(&format!("would free {}\n", size(freed)));
    }
    shell.status("Freed", size(freed));
    Ok(())
}

fn on_builder(engine: &Engine, plan: &Plan, args: &Prune, shell: Shell) -> Result<u64> {
    let usage = Usage::new(engine, args.place.builder.as_deref());
    let account = account(usage, plan, args.place.namespace.as_deref())?;
    if account.nameless.count > 0 {
        shell.warn("the builder's BuildKit does not say all mounts' ids; those without one stay");
    }
    let chosen = chosen(&account, args);
    if args.downloads && !account.downloads.is_empty() {
        shell.warn("cargo's downloads are shared: the builds of other projects will download again");
    }
    if chosen.is_empty() {
        shell.status("Nothing", "to remove on the builder");
    }
    let mut stayed = Vec::new();
    for mount in &chosen {
        let line = format!("{}, {} ({})", describe(mount), size(mount.size), mount.record);
        if args.dry_run {
            ui::print(&format!("would remove {line}\n"))?;
            continue;
        }
        shell.status("Removing", line);
        // BuildKit counts time itself, and may know of a build that began just now.
        usage.forget(&mount.record, args.older_than)?;
    }
    if !args.dry_run && !chosen.is_empty() {
        let left = usage.records()?;
        stayed.extend(chosen.iter().copied().filter(|mount| left.iter().any(|record| record.id == mount.record)));
    }
    for mount in &stayed {
        shell.warn(format!("{} is still there: a build has it, or had it just now", describe(mount)));
    }
    let gone = chosen.iter().filter(|mount| !stayed.iter().any(|other| other.record == mount.record));
    Ok(gone.map(|mount| mount.size).sum())
}

fn chosen<'a>(account: &'a Account, args: &Prune) -> Vec<&'a Mount> {
    let of_profile = |mount: &&Mount| match (&args.profile, &mount.serves) {
        (Some(profile), Some(serves)) => serves.profiles.contains(profile),
        _ => true,
    };
    let old = |mount: &&Mount| match args.older_than {
        // What does not say how old it is is not old.
        Some(limit) => mount.idle.is_some_and(|idle| idle >= limit.as_secs()),
        None => true,
    };
    let own = account.own.iter().filter(of_profile);
    let namesakes = account.namesakes.iter().filter(|_| args.namesakes);
    let downloads = account.downloads.iter().filter(|_| args.downloads);
    own.chain(namesakes).chain(downloads).filter(old).collect()
}

fn describe(mount: &Mount) -> String {
    match &mount.serves {
        Some(serves) => show::target_folder(serves),
        None => printable(&mount.id),
    }
}

/// The folders of images; whatever else lies beside them is somebody's own.
fn in_folder(folder: &Utf8Path, plan: &Plan, args: &Prune, shell: Shell) -> Result<u64> {
    let mut freed = 0;
    let stages = plan.images.iter().map(|image| image.stage.as_str()).chain(["test"]);
    for folder in stages.map(|stage| folder.join(stage)) {
        let Some(held) = remote::in_folder(&folder)? else { continue };
        if args.older_than.is_some_and(|limit| !unused_for(&folder, limit)) {
            continue;
        }
        freed += held.size;
        let line = format!("{folder}, {}", size(held.size));
        if args.dry_run {
            ui::print(&format!("would remove {line}\n"))?;
            continue;
        }
        shell.status("Removing", line);
        fs_err::remove_dir_all(&folder)
            .map_err(|error| Failure::new(Kind::Emit, "the cache cannot be removed").caused_by(error))?;
    }
    Ok(freed)
}

/// Each write of BuildKit's makes the index anew. Reading leaves no trace.
fn unused_for(folder: &Utf8Path, limit: std::time::Duration) -> bool {
    let date = fs_err::metadata(folder.join("index.json")).and_then(|file| file.modified());
    date.ok().and_then(|date| date.elapsed().ok()).is_some_and(|age| age >= limit)
}

fn names((engine, subject): (&Engine, &Subject<'_>), cache: &Cache, args: &Prune, shell: Shell) -> Result<()> {
    let stages: Vec<&str> = subject.images.iter().map(|image| image.stage.as_str()).collect();
    let listing = Listing::layers(engine, args.place.builder.as_deref(), cache, &stages)?;
    let mut there: Vec<&str> =
        listing.entries.iter().filter(|entry| entry.held.is_some()).map(|entry| entry.place.as_str()).collect();
    let groups = match cache.repository() {
        Some(repository) if listing.silent.is_none() && !subject.profile.runs_tests => {
            let kin = cached::Kin {
                builder: args.place.builder.as_deref(),
                platforms: &[],
                namespace: args.place.namespace.as_deref(),
            };
            cached::look_up((engine, subject), repository, &kin)?
        }
        _ => Vec::new(),
    };
    for one in &groups {
        match one.kept {
            cargo_dockerize::cache::Kept::These(_) => there.extend([one.reference.as_str(), one.latest.as_str()]),
            cargo_dockerize::cache::Kept::Earlier(_) => there.push(&one.latest),
            cargo_dockerize::cache::Kept::Nothing => {}
        }
    }
    if !there.is_empty() {
        shell.warn(format!(
            "a registry's tags are removed with its own tools, and stay: {}; older `deps-…` tags beside them are earlier lock files'",
            there.join(", ")
        ));
    }
    Ok(())
}
