//! `cargo dockerize cache warm`

use std::collections::BTreeMap;

use cargo_dockerize::cache::{Dependencies, Kept};
use cargo_dockerize::engine::record::BuildRecord;
use cargo_dockerize::engine::{self, Engine, Reporter, Request, Target};
use cargo_dockerize::failure::{Failure, Kind, Result};

use super::times;
use crate::cli::Common;
use crate::cli::cache::Warm;
use crate::commands::Session;
use crate::commands::build::cached::{self, Caching, Kin};
use crate::commands::build::files::files;
use crate::commands::build::request::bare;
use crate::commands::build::{self, Subject};
use crate::commands::pick::profile;
use crate::ui::Shell;

pub fn run(args: &Warm, common: &Common, shell: Shell) -> Result<()> {
    let mut session = Session::open(common)?;
    let plan = build::planned(&mut session, &args.profile, (&args.running, &args.caching))?;
    let profile = profile(&plan, &args.profile)?;
    let images: Vec<_> = plan.images.iter().collect();
    let subject = Subject { session: &session, plan: &plan, profile, images: &images };
    let scratch = session.workspace.target_dir.join("dockerize");
    let files = files(&session, &plan, &scratch, (common, args.dry_run), shell)?;
    if !files.ours {
        return Err(Failure::new(Kind::Usage, "the stages of dependencies may not be in a Dockerfile that was edited")
            .help("`cargo dockerize generate --force` writes it anew, and keeps yours beside it"));
    }
    let (mut request, like) = bare(&subject, &args.running, (&files, scratch), shell)?;
    let caching = Caching::decide(&subject, &args.caching)?;
    caching.admit(&mut request, (&subject, shell));
    request.targets = targets(&subject, &caching, &like);
    if args.dry_run {
        if caching.cache.repository().is_some() {
            shell
                .warn("what the registry has already is not asked: a real run leaves it out, and keeps the rest there");
        }
        return build::dry_run(&request);
    }
    let engine = engine::probe()?;
    let mut found = Vec::new();
    // Tests have a target folder and no place in a registry.
    if let Some(repository) = caching.cache.repository().filter(|_| !profile.runs_tests) {
        found = cached::look_up((&engine, &subject), repository, &Kin::of(&request))?;
        request = wanted(request, &found, caching.write);
    }
    for one in found.iter().filter(|one| matches!(one.kept, Kept::These(_))) {
        shell.status("Found", format!("compiled dependencies: {}", one.reference));
    }
    if request.targets.is_empty() {
        return Ok(());
    }
    make((&engine, &subject), &request, &found, shell)
}

/// The stages of dependencies, of all build groups.
fn targets(subject: &Subject<'_>, caching: &Caching, like: &Target) -> BTreeMap<String, Target> {
    let of_group = |group: usize| {
        let stage = format!("deps{}", subject.plan.groups[group].suffix);
        let images = || subject.images.iter().filter(move |image| image.group == group);
        // Where a registry keeps the dependencies themselves, their layers need not be kept for each image. Elsewhere an
        // image's next build finds them among its own.
        let writes = caching.write && caching.cache.repository().is_none();
        let cache_to = images().filter(|_| writes).filter_map(|image| caching.cache.to(&image.stage));
        let target = Target {
            inherits: vec!["_workspace".to_owned()],
            target: Some(stage.clone()),
            labels: BTreeMap::new(),
            cache_from: images().flat_map(|image| caching.from(&image.stage, &[])).collect(),
            cache_to: cache_to.collect(),
            ..like.clone()
        };
        (stage, target)
    };
    subject.groups().into_iter().map(of_group).collect()
}

/// Without what a registry has. Where it is written to, the rest is kept there.
fn wanted(request: Request, found: &[Dependencies], write: bool) -> Request {
    let missing: Vec<&Dependencies> = found.iter().filter(|one| !matches!(one.kept, Kept::These(_))).collect();
    if write {
        return cached::keeping(&request, &missing);
    }
    let mut request = request;
    request.targets.retain(|stage, target| {
        let one = missing.iter().find(|one| format!("deps{}", one.suffix) == *stage);
        target.contexts.extend(one.iter().flat_map(|one| one.contexts()));
        one.is_some()
    });
    request
}

fn make(
    (engine, subject): (&Engine, &Subject<'_>),
    request: &Request,
    found: &[Dependencies],
    shell: Shell,
) -> Result<()> {
    let stages: Vec<&str> = request.targets.values().filter_map(|target| target.target.as_deref()).collect();
    shell.status(
        "Building",
        format!("{} for {} with buildx {}", stages.join(", "), subject.profile.name, engine.buildx),
    );
    let mut reporter = Reporter::new(build::style(shell), build::totals(subject.plan));
    let record = engine::build(engine, request, &mut reporter)?;
    for group in subject.groups() {
        let group = &subject.plan.groups[group];
        let one = found.iter().find(|one| one.suffix == group.suffix);
        if one.is_some_and(|one| matches!(one.kept, Kept::These(_))) {
            continue;
        }
        let of = format!("dependencies of {}", group.binaries.join(", "));
        match compiled(&record, &format!("deps{}", group.suffix), subject) {
            Some(0) => shell.status("Found", format!("{of}: the builder has them compiled")),
            Some(count) => shell.status("Compiled", format!("{of}: {}", times(count, "crate", "crates"))),
            // A layer of another cache was enough for BuildKit not to look at what lies before it.
            None => shell.status("Found", format!("{of}: a cache has their layer")),
        }
        if let Some(one) = one.filter(|one| record.targets.contains_key(&cached::image_target(one))) {
            shell.status("Kept", format!("compiled dependencies: {}", one.reference));
        }
    }
    Ok(())
}

/// How many crates that are not the workspace's own: of those only placeholders are compiled. None: there was no such step.
fn compiled(record: &BuildRecord, stage: &str, subject: &Subject<'_>) -> Option<usize> {
    let own = |krate: &str| {
        let name = krate.split(' ').next().unwrap_or(krate);
        subject.session.workspace.members.iter().any(|member| member.name == name)
    };
    let mut steps = record.stage(stage).peekable();
    steps.peek()?;
    Some(steps.flat_map(|step| &step.compiled).filter(|krate| !own(krate)).count())
}
