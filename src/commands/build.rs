//! `cargo dockerize build`

use std::collections::BTreeMap;
use std::io::IsTerminal;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::emit::{self, Change, Own, State};
use cargo_dockerize::engine::{self, Engine, Reporter, Request, Style, Target};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::image::{Layout, verify};
use cargo_dockerize::measure::{self, ImageReport, Last, Report, Size};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Image, Profile};
use cargo_dockerize::{render, workspace};

use super::{Session, generate};
use crate::cli::{Build, Common, Format};
use crate::ui::{self, Shell};

pub fn run(args: &Build, common: &Common, shell: Shell) -> Result<()> {
    let session = Session::open(common)?;
    let plan = session.plan()?;
    let profile = profile(&plan, &args.profile)?;
    let images = images(&plan, args)?;
    let scratch = session.workspace.target_dir.join("dockerize");
    let files = files(&session, &plan, &scratch, (common, args), shell)?;
    let request = request(&session, &plan, (profile, &images), args, (&files, scratch.clone()), shell)?;
    if args.dry_run {
        return dry_run(&request);
    }
    let engine = engine::probe()?;
    if !profile.runs_tests {
        let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
        shell.status("Building", format!("{} for {} with buildx {}", names.join(", "), profile.name, engine.buildx));
    }
    let mut reporter = Reporter::new(style(shell), totals(&plan));
    let build = engine::build(&engine, &request, &mut reporter)?;
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

/// What was asked for, and the nearest thing that is there where it is not.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Failure {
    let names = known.clone().collect::<Vec<_>>().join(", ");
    let failure = Failure::new(Kind::Usage, format!("there is no {what} `{name}`"));
    match cargo_dockerize::config::nearest(name, known) {
        Some(near) => failure.help(format!("did you mean `{near}`? There is {names}")),
        None => failure.help(format!("there is {names}")),
    }
}

fn profile<'a>(plan: &'a Plan, name: &str) -> Result<&'a Profile> {
    plan.profile(name)
        .ok_or_else(|| unknown("profile", name, plan.profiles.iter().map(|profile| profile.name.as_str())))
}

fn images<'a>(plan: &'a Plan, args: &Build) -> Result<Vec<&'a Image>> {
    for bin in &args.bin {
        plan.image(bin).ok_or_else(|| unknown("binary", bin, plan.images.iter().map(|image| image.name.as_str())))?;
    }
    for package in &args.package {
        if plan.images.iter().all(|image| image.package != *package) {
            return Err(unknown(
                "package with an image",
                package,
                plan.images.iter().map(|image| image.package.as_str()),
            ));
        }
    }
    let all = args.bin.is_empty() && args.package.is_empty();
    let wanted = |image: &&Image| all || args.bin.contains(&image.name) || args.package.contains(&image.package);
    Ok(plan.images.iter().filter(wanted).collect())
}

/// The files to build from: the tree's where they are there, else ones in our own folder.
struct Files {
    bake: Utf8PathBuf,
    /// Where it is not what the bake file names.
    dockerfile: Option<Utf8PathBuf>,
}

fn files(
    session: &Session,
    plan: &Plan,
    scratch: &Utf8Path,
    (common, args): (&Common, &Build),
    shell: Shell,
) -> Result<Files> {
    let root = &session.workspace.root;
    let changes = emit::compare(root, &render::render(plan)?)?;
    let is = |state: State| changes.iter().filter(move |change| change.state == state);
    // Ours are there when the Dockerfile and the bake file are; an ignore file may have been taken out on purpose.
    let set_up = changes.iter().all(|change| !matches!(change.state, State::Absent | State::Foreign));
    let in_tree = Files { bake: root.join(&plan.files.bake), dockerfile: None };
    if set_up && session.flags.features.is_none() {
        if let Some(edited) = is(State::Edited).next() {
            shell.warn(format!("`{}` has been edited by hand, and is built as it is", edited.path));
            return Ok(in_tree);
        }
        if is(State::Stale).next().is_some() {
            if common.locked {
                return Err(Failure::new(Kind::Drift, "the generated files are out of date, and --locked was passed")
                    .help("run `cargo dockerize generate`, and commit the result"));
            }
            if args.dry_run {
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
    if args.dry_run {
        return Ok(Files { bake: folder.join("docker-bake.hcl"), dockerfile: Some(dockerfile) });
    }
    let ours: Vec<Change> = changes
        .into_iter()
        .zip(["Dockerfile", "Dockerfile.dockerignore", "docker-bake.hcl"])
        .map(|(change, name)| Change { path: name.into(), state: State::Stale, ..change })
        .collect();
    emit::apply(&folder, &ours, Own::Respect)?;
    Ok(Files { bake: folder.join("docker-bake.hcl"), dockerfile: Some(dockerfile) })
}

fn request(
    session: &Session,
    plan: &Plan,
    (profile, images): (&Profile, &[&Image]),
    args: &Build,
    (files, scratch): (&Files, Utf8PathBuf),
    shell: Shell,
) -> Result<Request> {
    if args.tag.iter().any(|tag| tag.contains(['/', ':'])) && images.len() != 1 {
        return Err(Failure::new(Kind::Usage, "a whole name is for one image, and several would be built")
            .help("choose one with `--bin NAME`, or pass a tag alone; `--prefix` names the registry"));
    }
    let revision = workspace::revision(&session.workspace.root)?;
    let mut arguments = BTreeMap::from([("CARGO_PROFILE".to_owned(), profile.cargo.clone())]);
    if plan.git.revision.is_some() {
        arguments.extend(revision.clone());
    }
    // A label of the last step: it costs no step its cache.
    let label = revision.get("GIT_REVISION").map(|id| ("org.opencontainers.image.revision".to_owned(), id.clone()));
    let provided = engine::gather(&plan.secrets)?;
    for missing in &provided.missing {
        shell.warn(missing);
    }
    let target = |image: Option<&Image>| Target {
        dockerfile: files.dockerfile.as_ref().map(ToString::to_string),
        tags: image.map(|image| tags(image, args)).unwrap_or_default(),
        args: arguments.clone(),
        secret: provided.secrets.clone(),
        ssh: provided.ssh.clone(),
        labels: image.and(label.clone()).into_iter().collect(),
        output: image.map_or_else(|| vec!["type=cacheonly".to_owned()], |image| output(image, args, &scratch)),
        platforms: args.platform.clone(),
        network: args.network.clone(),
        no_cache: args.no_cache,
        pull: args.pull,
    };
    let targets = if profile.runs_tests {
        BTreeMap::from([("test".to_owned(), target(None))])
    } else {
        images.iter().map(|image| (image.stage.clone(), target(Some(image)))).collect()
    };
    let root = session.workspace.root.clone();
    let mut reads = provided.files.clone();
    if plan.context.path != "." {
        reads.push(root.join(&plan.context.path).canonicalize_utf8().unwrap_or_else(|_| root.clone()));
    }
    let (file, builder) = (files.bake.clone(), args.builder.clone());
    Ok(Request { root, file, scratch, targets, reads, builder, secret_env: provided.env })
}

fn tags(image: &Image, args: &Build) -> Vec<String> {
    let name = render::tag(&image.name);
    let whole = |tag: &String| {
        if tag.contains(['/', ':']) { tag.clone() } else { format!("{}{name}:{tag}", args.prefix) }
    };
    if args.tag.is_empty() {
        vec![format!("{}{name}:latest", args.prefix)]
    } else {
        args.tag.iter().map(whole).collect()
    }
}

fn output(image: &Image, args: &Build, scratch: &Utf8Path) -> Vec<String> {
    let chosen = match &args.destination {
        _ if args.destination.push => "type=image,push=true".to_owned(),
        destination => destination.output.clone().unwrap_or_else(|| "type=docker".to_owned()),
    };
    vec![chosen, format!("type=oci,tar=false,dest={}", Request::layout(scratch, &image.stage))]
}

fn dry_run(request: &Request) -> Result<()> {
    // No engine is asked: the command is for a current one.
    let engine = Engine { docker: "docker".into(), buildx: semver::Version::new(1, 0, 0), server: String::new() };
    let path = request.override_file();
    ui::print(&format!(
        "cat >{path} <<'json'\n{}json\n{}\n",
        request.override_text(),
        request.command(&engine).shell_line()
    ))
}

fn style(shell: Shell) -> Style {
    let live = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
    match shell {
        Shell { quiet: true, .. } => Style::Quiet,
        Shell { verbose: true, .. } => Style::Verbose,
        _ if live => Style::Live,
        _ => Style::Plain,
    }
}

/// Crates by stage.
fn totals(plan: &Plan) -> BTreeMap<String, usize> {
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
