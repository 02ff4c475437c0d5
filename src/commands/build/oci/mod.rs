//! Builds without Docker: this machine's cargo compiles, and we write the images.

mod compiled;
mod deliver;
mod destination;
mod progress;
mod script;
mod write;

pub(in crate::commands) use progress::Bytes;
pub(super) use write::named;

use std::thread::JoinHandle;
use std::time::Instant;

use cargo_dockerize::compile::{self, Job};
use cargo_dockerize::engine::record::{BuildRecord, Step, TargetResult};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::measure::{self, ImageReport, Last, Looked, Report};
use cargo_dockerize::oci::{Bundle, Named, Store, times};
use cargo_dockerize::plan::HostFlags;
use cargo_dockerize::plan::model::Compile;
use cargo_dockerize::workspace;

use super::account::Account;
use super::choice::{Here, in_place_of};
use super::lists::Lists;
use super::sign::Signer;
use super::{Subject, reproducible, request};
use crate::cli::{Build, Common, Format};
use crate::commands::{Session, pick};
use crate::ui::{self, Shell};
use compiled::Programs;
use destination::Destination;
use write::{Bases, Made, Writer};

/// Our folder in cargo's.
const SCRATCH: &str = "dockerize";

/// Builds here.
pub fn run(
    (args, common): (&Build, &Common),
    mut session: Session,
    (here, account, signer): (Here, &Account, Option<&Signer>),
    shell: Shell,
) -> Result<()> {
    let Here { host, ahead, why } = here;
    // Before cargo compiles for minutes.
    let epoch = times::given()?;
    let toolchain = host.rustc.clone();
    let root = session.workspace.root.clone();
    let commit = std::thread::spawn(move || workspace::commit(&root));
    let runtime = destination::ask(args);
    session.flags.host = Some(HostFlags { host, platforms: args.running.platform.clone() });
    let plan = session.plan().map_err(|failure| match &why {
        Some(why) if failure.kind() == Kind::Engine => in_place_of(failure, why),
        _ => failure,
    })?;
    let profile = pick::profile(&plan, &args.profile)?;
    let images = pick::images(&plan, &args.selecting.asked());
    request::whole_name_for_one(args, images.len())?;
    let subject = Subject { session: &session, plan: &plan, profile, images: &images };
    reproducible::demand(&subject, &args.reproducible, false, shell)?;
    let flags = cargo_flags(common);
    let root = &session.workspace.root;
    if profile.runs_tests {
        let commands = compile::test_commands(&plan, profile, root, &flags);
        if args.dry_run {
            return commands.iter().try_for_each(|command| ui::print(&(command.shell_line() + "\n")));
        }
        if args.format == Format::Json {
            return Err(Failure::new(Kind::Usage, "this machine's cargo runs the tests, and makes no account of them")
                .help("leave out `--format json`; `--engine buildx` has one, and a report in JUnit's form"));
        }
        return compile::test(&commands, |line| drop(ui::print(&format!("{line}\n"))));
    }
    let scratch = session.workspace.target_dir.join(SCRATCH);
    let jobs = jobs(&subject, &flags);
    let destination = Destination::decide(args, &scratch, runtime)?;
    if args.dry_run {
        return script::print(&subject, args, &jobs, &destination);
    }
    warn_of_fallbacks(&subject, shell);
    let began = Instant::now();
    let store = Store::open(scratch.join("store"))?;
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let because = why.map(|why| format!(", because {why}")).unwrap_or_default();
    shell.status("Building", format!("{} for {} with this machine's cargo{because}", names.join(", "), profile.name));
    let writer = Writer::new((&subject, &store), args, (toolchain, joined(commit)?, epoch))?;
    let bases = writer.bases(common.offline, shell)?;
    let mut programs = Programs::compile(&jobs, ahead, (&scratch, shell))?;
    let mut record = BuildRecord { steps: std::mem::take(&mut programs.steps), ..BuildRecord::default() };
    let last = Last::read(&scratch);
    let mut written = write(&writer, (&programs, &bases), (&subject, args), (&last, destination.ships_documents()))?;
    drop(programs);
    record.steps.append(&mut written.steps);
    for (image, (bundle, tags)) in images.iter().zip(&written.bundles) {
        let digest = Some(bundle.root.digest().to_string());
        let result = TargetResult { digest, config_digest: None, image: tags.first().cloned() };
        record.targets.insert(image.stage.clone(), result);
    }
    let failed = measure::failure(&written.reports);
    if failed.is_none() {
        let shipped: Vec<Named<'_>> = written.bundles.iter().map(|(bundle, tags)| (bundle, tags.as_slice())).collect();
        record.steps.push(deliver::deliver(&store, &destination, (&images, &shipped, &written.new), shell)?);
        written.lists.write(&scratch, root, shell)?;
        store.collect(&written.bundles.iter().flat_map(|(bundle, _)| bundle.blobs()).collect())?;
    }
    record.seconds = began.elapsed().as_secs_f64();
    let report = Report {
        schema: measure::SCHEMA,
        version: plan.version.clone(),
        profile: profile.name.clone(),
        images: written.reports,
        tests: None,
        build: record,
    };
    if failed.is_none() {
        last.remember(&scratch, &report);
    }
    account.close(report)?;
    if let Some(failed) = failed {
        return Err(failed);
    }
    for (bundle, tags) in &written.bundles {
        if let Some(signer) = signer {
            signer.sign(bundle.root.digest().as_ref(), tags, shell)?;
        }
    }
    Ok(())
}

/// Images in the store, and what is to be said of them.
#[derive(Default)]
struct Written {
    bundles: Vec<(Bundle, Vec<String>)>,
    /// Whether a layer of each was not there before.
    new: Vec<bool>,
    lists: Lists,
    reports: Vec<ImageReport>,
    steps: Vec<Step>,
}

/// Writes every image for each of its platforms, and looks at it.
fn write(
    writer: &Writer<'_>,
    (programs, bases): (&Programs, &Bases),
    (subject, args): (&Subject<'_>, &Build),
    (last, ships): (&Last, bool),
) -> Result<Written> {
    let mut looked = Looked::read(&subject.session.workspace.target_dir.join(SCRATCH));
    let mut all = Written::default();
    for image in subject.images {
        let tags = request::tags(image, args);
        let mut written = Vec::new();
        let mut new = false;
        for compile in &subject.plan.groups[image.group].compile {
            let (program, command) = programs.of(image, compile)?;
            let under = bases.get(&(image.base.clone(), compile.platform.clone()));
            let one = writer.image(image, compile, program, under)?;
            new |= one.steps.iter().any(|step| !step.cached);
            all.steps.extend(one.steps);
            all.reports.push(writer.look(image, &one.image, &tags, (last, &mut looked))?);
            written.push((one.image, Made { program, compile, command, times: one.times }));
        }
        all.new.push(new);
        let documents = writer.documents(image, &written, &tags, ships)?;
        all.lists.add((&image.name, &image.stage), &documents)?;
        all.bundles.push((writer.bundle(written, &documents, ships)?, tags));
    }
    looked.write();
    Ok(all)
}

/// What cargo is run for: each group that one of the images needs, for each platform.
fn jobs<'a>(subject: &'a Subject<'_>, flags: &'a [String]) -> Vec<(usize, Job<'a>)> {
    let of_group = |index: usize| {
        let group = &subject.plan.groups[index];
        group.compile.iter().map(move |compile| (index, job(subject, index, compile, flags)))
    };
    subject.groups().into_iter().flat_map(of_group).collect()
}

fn job<'a>(subject: &'a Subject<'_>, index: usize, compile: &'a Compile, flags: &'a [String]) -> Job<'a> {
    let root = &subject.session.workspace.root;
    let group = &subject.plan.groups[index];
    let images = subject.images.iter().filter(|image| image.group == index);
    let binaries = images.map(|image| image.name.as_str()).collect();
    let workspace = &subject.session.workspace;
    Job { plan: subject.plan, group, binaries, compile, profile: subject.profile, root, workspace, flags }
}

/// What this machine could link better, and what that would take.
fn warn_of_fallbacks(subject: &Subject<'_>, shell: Shell) {
    let (mut linked, mut better): (Vec<String>, Vec<&str>) = (Vec::new(), Vec::new());
    for index in subject.groups() {
        let group = &subject.plan.groups[index];
        if group.better.is_empty() {
            continue;
        }
        let images = subject.images.iter().filter(|image| image.group == index);
        let names: Vec<&str> = images.map(|image| image.name.as_str()).collect();
        linked.push(format!("{}: {}", group.linkage.name(), names.join(", ")));
        better.extend(group.better.iter().map(String::as_str));
    }
    better.sort_unstable();
    better.dedup();
    if !better.is_empty() {
        shell.warn(format!("linked as {}; {} would make smaller images", linked.join("; "), better.join(" and ")));
    }
}

/// Cargo's own flags that go through to it.
fn cargo_flags(common: &Common) -> Vec<String> {
    let given = [("--offline", common.offline), ("--quiet", common.quiet), ("--verbose", common.verbose)];
    given.iter().filter(|(_, given)| *given).map(|(flag, _)| (*flag).to_owned()).collect()
}

fn joined<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(Failure::new(Kind::Internal, "a thread of this tool broke off")))
}
