//! Builds with Docker's buildx.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use cargo_dockerize::engine::record::BuildRecord;
use cargo_dockerize::engine::{self, Engine, Reporter, Request, Style};
use cargo_dockerize::failure::Result;
use cargo_dockerize::image::{Layout, verify};
use cargo_dockerize::measure::{self, ImageReport, Last, Report, Size};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Image, OptionalStage, Profile};

use super::account::Account;
use super::cached;
use super::documents::Documents;
use super::lists::Lists;
use super::sign::Signer;
use super::{Subject, files, reproducible, request, tests};
use crate::cli::{Build, Caching, Common, Running};
use crate::commands::{Session, pick};
use crate::ui::{self, Shell};

pub fn run(
    (args, common): (&Build, &Common),
    mut session: Session,
    (engine, account, signer): (impl FnOnce() -> Result<Engine>, &Account, Option<&Signer>),
    shell: Shell,
) -> Result<()> {
    let plan = planned(&mut session, &args.profile, (&args.running, &args.caching))?;
    let session = &session;
    let profile = pick::profile(&plan, &args.profile)?;
    let images = pick::images(&plan, &args.selecting.asked());
    let scratch = session.workspace.target_dir.join("dockerize");
    session.warn_of_unpinned(&plan, shell);
    let files = files::files(session, &plan, &scratch, (common, args.dry_run), shell)?;
    let subject = Subject { session, plan: &plan, profile, images: &images };
    reproducible::demand(&subject, &args.reproducible, true, shell)?;
    let mut request = request::request(&subject, args, (&files, scratch.clone()), shell)?;
    let caching = cached::Caching::decide(&subject, &args.caching)?;
    caching.apply(&mut request, (&subject, shell));
    if args.dry_run {
        return dry_run(&request);
    }
    let engine = engine()?;
    if profile.runs_tests {
        return tests::run((&engine, &subject), &request, account, shell);
    }
    // Of the sources as they are now: a compile takes minutes.
    let documents = Documents::open(&subject, args)?;
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    shell.status("Building", format!("{} for {} with buildx {}", names.join(", "), profile.name, engine.buildx));
    let mut reporter = Reporter::new(style(shell), totals(&plan));
    let mut build = BuildRecord::default();
    // A Dockerfile that has been edited need not have our stages.
    if files.ours {
        build = caching.dependencies((&engine, &subject), &mut request, &mut reporter, shell)?;
    }
    let build = build.then(engine::build(&engine, &request, &mut reporter)?);
    let last = Last::read(&scratch);
    let mut report = Report {
        schema: measure::SCHEMA,
        version: plan.version.clone(),
        profile: profile.name.clone(),
        images: Vec::new(),
        tests: None,
        build,
    };
    let mut lists = Lists::default();
    for image in &images {
        let tags = request.targets.get(&image.stage).map(|target| target.tags.clone()).unwrap_or_default();
        let found = Layout::new(Request::layout(&scratch, &image.stage)).images()?;
        let looked = look(&plan, image, &found, &tags, &args.running.platform, (profile, &last))?;
        // What is not what was planned need not have the program that a list tells of.
        let failed = measure::failure(&looked).is_some();
        report.images.extend(looked);
        if let Some(documents) = documents.as_ref().filter(|_| !failed) {
            lists.add((&image.name, &image.stage), &documents.of(image, &found, &tags, shell)?)?;
        }
    }
    reproducible::load(&engine, &request, shell)?;
    // Layouts are large, and have told what they know.
    drop(fs_err::remove_dir_all(scratch.join("images")));
    last.remember(&scratch, &report);
    let failed = measure::failure(&report.images);
    if failed.is_none() {
        lists.write(&scratch, &session.workspace.root, shell)?;
    }
    let report = account.close(report)?;
    if let Some(failed) = failed {
        return Err(failed);
    }
    for image in signer.iter().flat_map(|_| &images) {
        let (target, made) = (request.targets.get(&image.stage), report.build.targets.get(&image.stage));
        if let (Some(signer), Some(target), Some(digest)) = (signer, target, made.and_then(|made| made.digest.as_ref()))
        {
            signer.sign(digest, &target.tags, shell)?;
        }
    }
    Ok(())
}

/// The plan of a build by an engine, with the stages that the command line needs.
pub fn planned(session: &mut Session, profile: &str, (running, caching): (&Running, &Caching)) -> Result<Plan> {
    session.flags.platforms.clone_from(&running.platform);
    session.flags.cache.clone_from(&caching.cache);
    let plan = session.plan()?;
    if plan.has(OptionalStage::Test) || !pick::profile(&plan, profile)?.runs_tests {
        return Ok(plan);
    }
    session.flags.stages.push(OptionalStage::Test);
    session.plan()
}

/// The command as a script.
pub fn dry_run(request: &Request) -> Result<()> {
    // No engine is asked: the command is for a current one.
    let engine = Engine { docker: "docker".into(), buildx: semver::Version::new(1, 0, 0), server: String::new() };
    let path = request.override_file();
    let loads =
        reproducible::archives(request).map(|(archive, _)| engine::load_command(&engine, &archive).shell_line());
    ui::print(&format!(
        "cat >{path} <<'json'\n{}json\n{}\n{}",
        request.override_text(),
        request.command(&engine).shell_line(),
        loads.map(|line| line + "\n").collect::<String>()
    ))
}

/// How the reporter shows a build.
pub fn style(shell: Shell) -> Style {
    let live = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
    match shell {
        Shell { quiet: true, .. } => Style::Quiet,
        Shell { verbose: true, .. } => Style::Verbose,
        _ if live => Style::Live,
        _ => Style::Plain,
    }
}

/// Crates by stage.
pub fn totals(plan: &Plan) -> BTreeMap<String, usize> {
    let mut totals = BTreeMap::new();
    for group in &plan.groups {
        totals.insert(format!("deps{}", group.suffix), group.crates);
        totals.insert(format!("builder{}", group.suffix), group.own_crates);
    }
    totals
}

/// Reads the image that was built, checks it and measures it; one report a platform.
fn look(
    plan: &Plan,
    image: &Image,
    found: &[cargo_dockerize::image::Image],
    tags: &[String],
    platforms: &[String],
    (profile, last): (&Profile, &Last),
) -> Result<Vec<ImageReport>> {
    let linkage = plan.groups[image.group].linkage;
    let look = |found: &cargo_dockerize::image::Image| {
        let platform = found.platform();
        Ok(ImageReport {
            name: image.name.clone(),
            tags: tags.to_vec(),
            digest: found.digest.clone(),
            size: Size::of(found, image),
            before: last.size(&profile.name, &image.name, &platform),
            checks: verify::verify(found, image, linkage, verify::architecture(found, platforms))?,
            platform,
        })
    };
    found.iter().map(look).collect()
}
