//! `cargo dockerize doctor`

use std::collections::BTreeSet;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use camino::Utf8PathBuf;
use cargo_dockerize::doctor::{self, Finding, Report, State};
use cargo_dockerize::emit;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Image, Linkage};

use super::Session;
use crate::cli::{Common, Doctor, Format};
use crate::ui;

pub fn run(args: &Doctor, common: &Common) -> Result<()> {
    let folder = match &common.manifest_path {
        Some(manifest) => manifest.parent().map(camino::Utf8Path::to_owned).unwrap_or_default(),
        None => {
            std::env::current_dir().ok().and_then(|folder| Utf8PathBuf::from_path_buf(folder).ok()).unwrap_or_default()
        }
    };
    let asked = common.clone();
    let report = doctor::look(&folder, move || workspace(&asked))?;
    let text = match args.format {
        Format::Text => describe(&report),
        Format::Json => ui::json(&report)?,
    };
    ui::print(&text)?;
    if report.buildx || report.embedded {
        return Ok(());
    }
    Err(Failure::new(Kind::Engine, "nothing can be built here: neither by Docker, nor by this machine's own cargo")
        .help("do what the lines above say of one of the two"))
}

/// What holds for this workspace alone.
fn workspace(common: &Common) -> Vec<Finding> {
    let mut session = match Session::open(common) {
        Ok(session) => session,
        Err(failure) if failure.is_outside() => return Vec::new(),
        Err(failure) => return vec![Finding::failed("manifests", State::Fail, &failure)],
    };
    let plan = match session.plan() {
        Ok(plan) => plan,
        Err(failure) => return vec![Finding::failed("plan", State::Fail, &failure)],
    };
    let mut findings = vec![Finding::ok("images", linked(&plan)), drift(&session, &plan)];
    findings.push(match session.compile_here(&[]).and_then(|()| session.plan()) {
        Ok(here) => wishes(&here),
        Err(failure) => Finding::failed("without Docker", State::Warn, &failure),
    });
    findings
}

/// What this workspace lacks on this machine; the plan has the reasons and the remedies.
fn wishes(here: &Plan) -> Finding {
    let linked = linked(here);
    if here.groups.iter().all(|group| group.linkage == Linkage::StaticMusl) {
        return Finding::ok("without Docker", linked);
    }
    let better: BTreeSet<&String> = here.groups.iter().flat_map(|group| &group.better).collect();
    better
        .into_iter()
        .fold(Finding::new("without Docker", State::Warn, linked), |finding, wish| {
            finding.todo(format!("for static-musl, as this workspace wants it: {wish}"))
        })
        .todo("`cargo dockerize plan --engine oci` says why")
}

fn linked(plan: &Plan) -> String {
    let image = |image: &Image| format!("{}: {}", image.name, plan.groups[image.group].linkage.name());
    plan.images.iter().map(image).collect::<Vec<_>>().join(", ")
}

fn drift(session: &Session, plan: &Plan) -> Finding {
    let name = "generated files";
    let changes = match session.files(plan).and_then(|files| emit::compare(&session.workspace.root, &files)) {
        Ok(changes) => changes,
        Err(failure) => return Finding::failed(name, State::Warn, &failure),
    };
    let of = |state: emit::State| {
        let paths: Vec<&str> =
            changes.iter().filter(|change| change.state == state).map(|change| change.path.as_str()).collect();
        paths.join(", ")
    };
    if changes.iter().all(|change| change.state == emit::State::Absent) {
        return Finding::new(name, State::Absent, "none yet; builds make them in `target`")
            .todo("`cargo dockerize init` puts them into the workspace");
    }
    for (state, what, todo) in [
        (
            emit::State::Edited,
            "edited by hand",
            "put your lines between `# dockerize:keep` and `# dockerize:end`; `cargo dockerize generate --check` shows what differs",
        ),
        (emit::State::Stale, "out of date", "`cargo dockerize generate`, and commit the result"),
        (emit::State::Absent, "missing", "`cargo dockerize generate`"),
        (emit::State::Foreign, "somebody's own", "`cargo dockerize init` puts ours beside it"),
    ] {
        let paths = of(state);
        if !paths.is_empty() {
            return Finding::new(name, State::Warn, format!("{paths}: {what}")).todo(todo);
        }
    }
    Finding::ok(name, "up to date")
}

fn describe(report: &Report) -> String {
    let bold = Style::new().bold();
    let mut text = String::new();
    let all = || report.sections.iter().flat_map(|section| &section.findings);
    let width = all().map(|finding| finding.name.chars().count()).max().unwrap_or_default().min(24);
    for section in &report.sections {
        let _ = writeln!(text, "{bold}{}{bold:#}", section.title);
        for finding in &section.findings {
            line(&mut text, finding, width);
        }
        text.push('\n');
    }
    let can = match (report.buildx, report.embedded) {
        (true, true) => "`cargo dockerize build` can build here, with Docker and without it",
        (true, false) => "`cargo dockerize build` can build here with Docker",
        (false, true) => "`cargo dockerize build` can build here without Docker",
        (false, false) => return text,
    };
    let _ = writeln!(text, "{can}");
    text
}

fn line(text: &mut String, finding: &Finding, width: usize) {
    let (style, word) = match finding.state {
        State::Ok => (AnsiColor::Green.on_default(), "ok"),
        State::Absent => (Style::new().dimmed(), "-"),
        State::Warn => (AnsiColor::Yellow.on_default(), "warn"),
        State::Fail => (AnsiColor::Red.on_default().bold(), "fail"),
    };
    let indent = 2 + 4 + 2 + width + 2;
    let mut lines = String::new();
    ui::paragraph(&mut lines, indent, "", &finding.found);
    let (first, rest) = lines.split_once('\n').unwrap_or_default();
    let _ = writeln!(text, "  {style}{word:<4}{style:#}  {:<width$}  {}", finding.name, first.trim());
    text.push_str(rest);
    for todo in &finding.todo {
        ui::paragraph(text, indent, "→ ", todo);
    }
}
