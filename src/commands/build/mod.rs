//! `cargo dockerize build`

pub(super) mod cached;
pub(super) mod files;
pub(super) mod request;

use std::collections::BTreeMap;
use std::io::IsTerminal;

use camino::Utf8Path;
use cargo_dockerize::engine::record::BuildRecord;
use cargo_dockerize::engine::{self, Engine, Reporter, Request, Style};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::image::{Layout, verify};
use cargo_dockerize::measure::{self, ImageReport, Last, Report, Size};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Image, Profile};

use super::{Session, pick};
use crate::cli::{Build, Common, Format};
use crate::ui::{self, Shell};
use cached::Caching;

pub fn run(args: &Build, common: &Common, shell: Shell) -> Result<()> {
    // Docker's programs take their time to answer, and the workspace takes some to read.
    let engine = (!args.dry_run).then(|| std::thread::spawn(engine::probe));
    let session = Session::open(common)?;
    let plan = session.plan()?;
    let profile = pick::profile(&plan, &args.profile)?;
    let images = pick::images(&plan, &args.bin, &args.package)?;
    let scratch = session.workspace.target_dir.join("dockerize");
    let files = files::files(&session, &plan, &scratch, (common, args.dry_run), shell)?;
    let subject = Subject { session: &session, plan: &plan, profile, images: &images };
    let mut request = request::request(&subject, args, (&files, scratch.clone()), shell)?;
    let caching = Caching::decide(&subject, &args.caching)?;
    caching.apply(&mut request, (&subject, shell));
    if args.dry_run {
        return dry_run(&request);
    }
    let engine = match engine.map(std::thread::JoinHandle::join) {
        Some(Ok(engine)) => engine?,
        _ => engine::probe()?,
    };
    if !profile.runs_tests {
        let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
        shell.status("Building", format!("{} for {} with buildx {}", names.join(", "), profile.name, engine.buildx));
    }
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
        build,
    };
    for image in images.iter().filter(|_| !profile.runs_tests) {
        let tags = request.targets.get(&image.stage).map(|target| target.tags.clone()).unwrap_or_default();
        report.images.extend(look(&plan, image, &scratch, &tags, (profile, &last))?);
    }
    // Layouts are large, and have told what they know.
    drop(fs_err::remove_dir_all(scratch.join("images")));
    last.remember(&scratch, &report);
    show(&report, args.format)?;
    let failed = report.images.iter().find_map(|image| verify::failure(&image.name, &image.checks));
    failed.map_or(Ok(()), Err)
}

/// What is built, and for what.
pub struct Subject<'a> {
    pub session: &'a Session,
    pub plan: &'a Plan,
    pub profile: &'a Profile,
    pub images: &'a [&'a Image],
}

impl Subject<'_> {
    /// The indices of the images' build groups.
    pub fn groups(&self) -> Vec<usize> {
        let mut groups: Vec<usize> = self.images.iter().map(|image| image.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

fn show(report: &Report, format: Format) -> Result<()> {
    match format {
        Format::Text => ui::print(&measure::table(report)),
        Format::Json => {
            let json = serde_json::to_string_pretty(report)
                .map_err(|error| Failure::new(Kind::Internal, "the report cannot be shown").caused_by(error))?;
            ui::print(&(json + "\n"))
        }
    }
}

/// The command as a script.
pub(super) fn dry_run(request: &Request) -> Result<()> {
    // No engine is asked: the command is for a current one.
    let engine = Engine { docker: "docker".into(), buildx: semver::Version::new(1, 0, 0), server: String::new() };
    let path = request.override_file();
    ui::print(&format!(
        "cat >{path} <<'json'\n{}json\n{}\n",
        request.override_text(),
        request.command(&engine).shell_line()
    ))
}

/// How the reporter shows a build.
pub(super) fn style(shell: Shell) -> Style {
    let live = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
    match shell {
        Shell { quiet: true, .. } => Style::Quiet,
        Shell { verbose: true, .. } => Style::Verbose,
        _ if live => Style::Live,
        _ => Style::Plain,
    }
}

/// Crates by stage.
pub(super) fn totals(plan: &Plan) -> BTreeMap<String, usize> {
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
    scratch: &Utf8Path,
    tags: &[String],
    (profile, last): (&Profile, &Last),
) -> Result<Vec<ImageReport>> {
    let linkage = plan.groups[image.group].linkage;
    let built = Layout::new(Request::layout(scratch, &image.stage)).images()?;
    let look = |found: &cargo_dockerize::image::Image| {
        let platform = format!("{}/{}", found.config.os, found.config.architecture);
        Ok(ImageReport {
            name: image.name.clone(),
            tags: tags.to_vec(),
            digest: found.digest.clone(),
            size: Size::of(found, image),
            before: last.size(&profile.name, &image.name, &platform),
            checks: verify::verify(found, image, linkage, &found.config.architecture)?,
            platform,
        })
    };
    built.iter().map(look).collect()
}
