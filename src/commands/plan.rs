//! `cargo dockerize plan`

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use cargo_dockerize::failure::{Failure, Kind, Result, printable};
use cargo_dockerize::image_paths::INIT;
use cargo_dockerize::pins::undigested as name;
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Answer, Because, Compile, Group, Image, Question};

use super::Session;
use crate::cli::{self, Common, EngineArg, Format};
use crate::ui::{self, counted};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

pub fn run(args: &cli::Plan, common: &Common) -> Result<()> {
    let mut session = Session::open(common)?;
    let asked = args.selecting.asked();
    session.ask(&asked)?;
    if args.engine == Some(EngineArg::Oci) {
        session.compile_here(&args.platform)?;
    }
    let mut plan = session.plan()?;
    plan.images.retain(|image| asked.takes(&image.package, &image.version, &image.name));
    let text = match args.format {
        Format::Json => ui::json(&plan)?,
        Format::Text => describe(&plan, common.verbose).map_err(internal)?,
    };
    ui::print(&text)
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(Kind::Internal, "the plan cannot be shown").caused_by(error)
}

fn describe(plan: &Plan, rules: bool) -> Result<String, fmt::Error> {
    let mut page = Page { text: String::new(), rules };
    let summary = &plan.workspace;
    writeln!(
        page.text,
        "{BOLD}{}{BOLD:#}: {}, {}\n",
        summary.name,
        counted(summary.members, "member"),
        counted(summary.packages, "package")
    )?;
    page.row("toolchain", name(&plan.toolchain.image), Some(&plan.toolchain.because))?;
    page.row("frontend", plan.syntax.as_deref().map_or("the engine's own", name), None)?;
    if plan.context.path != "." {
        page.row("context", &format!("{} (the workspace needs what lies beside it)", plan.context.path), None)?;
    }
    if let Some(because) = &plan.git.revision {
        page.row("revision", "as build arguments, after the dependencies", Some(because))?;
    }
    if let Some(because) = &plan.git.folder {
        page.row("repository", ".git is sent, without its configuration", Some(because))?;
    }
    for secret in &plan.secrets {
        page.row("secret", &format!("{}, as a mount of the steps that fetch", secret.id), Some(&secret.because))?;
    }
    for profile in &plan.profiles {
        let title = format!("profile {}", profile.name);
        page.row(&title, &format!("cargo's {}", profile.cargo), profile.because.first())?;
    }
    let runner = match &plan.test.tool {
        Some(tool) => format!("{} {}", tool.package, tool.version),
        None => "cargo test".to_owned(),
    };
    page.row("tests", &runner, Some(&plan.test.because))?;
    if let Some(auditable) = &plan.auditable {
        let tool = &auditable.tool;
        page.row(
            "crates listed",
            &format!("in the program, by {} {}", tool.package, tool.version),
            Some(&auditable.because),
        )?;
    }
    let is_shown = |at: usize| plan.images.iter().any(|image| image.group == at);
    for (_, group) in plan.groups.iter().enumerate().filter(|(at, _)| is_shown(*at)) {
        describe_group(&mut page, group)?;
    }
    for image in &plan.images {
        describe_image(&mut page, image)?;
    }
    describe_taken(&mut page, plan)?;
    describe_pins(&mut page, plan)?;
    let kept: Vec<_> = plan.ignore.iter().filter_map(|rule| Some((&rule.pattern, rule.because.as_ref()?))).collect();
    writeln!(page.text)?;
    page.row("left out", &format!("{} patterns in {}", plan.ignore.len(), plan.files.dockerignore), None)?;
    for (pattern, because) in kept {
        page.row("kept", pattern.trim_start_matches('!'), Some(because))?;
    }
    if !(plan.notes.is_empty() && plan.questions.is_empty()) {
        writeln!(page.text)?;
    }
    let cyan = AnsiColor::Cyan.on_default();
    for question in &plan.questions {
        let why = page.why(&question.because);
        writeln!(page.text, "{cyan}question{cyan:#}: {why}; if so, {}", in_table(question))?;
    }
    let yellow = AnsiColor::Yellow.on_default();
    for note in &plan.notes {
        let why = page.why(note);
        writeln!(page.text, "{yellow}note{yellow:#}: {why}")?;
    }
    Ok(page.text)
}

/// What a yes adds to the metadata.
fn in_table(question: &Question) -> String {
    let key = match &question.answer {
        Answer::Assets(path) => format!("assets = [{path:?}]"),
        Answer::Expose(port) => format!("expose = [{port}]"),
    };
    format!("add `{key}` to [package.metadata.dockerize] of {}", question.package)
}

/// The images that the files name, where some have digests.
fn describe_pins(page: &mut Page, plan: &Plan) -> fmt::Result {
    if plan.pins.iter().all(|image| image.digest.is_none()) {
        return Ok(());
    }
    writeln!(page.text, "\n{BOLD}images of others{BOLD:#}")?;
    for image in &plan.pins {
        let title = match (&image.digest, image.locked) {
            (None, _) => "not pinned",
            (Some(_), true) => "pinned",
            (Some(_), false) => "by digest",
        };
        page.row(title, &image.name, None)?;
        let digest = image.digest.iter().cloned();
        let what = digest.chain(image.platforms.iter().cloned()).collect::<Vec<_>>().join(" ");
        for line in [what, format!("for {}", image.users.join(", "))].iter().filter(|line| !line.is_empty()) {
            writeln!(page.text, "  {:<13} {DIM}{}{DIM:#}", "", printable(line))?;
        }
    }
    Ok(())
}

/// What the plan has from files of the repository, and what it does not have from them.
fn describe_taken(page: &mut Page, plan: &Plan) -> fmt::Result {
    let file = |place: &str| place.rsplit_once(':').map_or(place, |(file, _)| file).to_owned();
    let mut files: Vec<String> = plan.taken.iter().map(|one| file(&one.place)).collect();
    files.sort();
    files.dedup();
    if !plan.taken.is_empty() {
        let from = if let [only] = files.as_slice() { printable(only) } else { "files of the repository".to_owned() };
        writeln!(page.text, "\n{BOLD}taken from {from}{BOLD:#}")?;
    }
    for one in &plan.taken {
        // The values of all other keys say what they are.
        let named = matches!(one.key.as_str(), "features" | "arguments" | "stop-signal" | "env" | "healthcheck");
        let value = if named { format!("{} {}", one.key, one.value) } else { one.value.clone() };
        page.row(&one.place, &value, None)?;
    }
    if !plan.not_taken.is_empty() {
        writeln!(page.text, "\n{BOLD}not taken, because{BOLD:#}")?;
    }
    for one in &plan.not_taken {
        page.row(&one.place, &one.what, None)?;
        writeln!(page.text, "  {:<13} {DIM}{}{DIM:#}", "", printable(&one.why))?;
    }
    Ok(())
}

fn describe_group(page: &mut Page, group: &Group) -> fmt::Result {
    let names = group.binaries.join(", ");
    writeln!(
        page.text,
        "\n{BOLD}{}{BOLD:#}: {names} {DIM}({}){DIM:#}",
        group.linkage.name(),
        counted(group.crates, "crate")
    )?;
    page.reasons("because", &group.because)?;
    for (i, command) in group.better.iter().enumerate() {
        page.row(if i == 0 { "better with" } else { "" }, command, None)?;
    }
    for (i, target) in group.targets.iter().enumerate().filter(|_| group.compile.is_empty()) {
        page.row(if i == 0 { "targets" } else { "" }, &format!("{} for {}", target.triple, target.platform()), None)?;
    }
    for compile in &group.compile {
        describe_compile(page, compile)?;
    }
    for (i, package) in group.packages.iter().enumerate() {
        page.row(if i == 0 { "packages" } else { "" }, &package.name, package.because.first())?;
    }
    page.reasons("environment", &group.env_because)?;
    page.row("cargo", &group.args_of(group.binaries.iter().map(String::as_str)).join(" "), None)
}

/// One platform's compile on this machine, with what it is told.
fn describe_compile(page: &mut Page, compile: &Compile) -> fmt::Result {
    let command = compile.tool.command().join(" ");
    page.row(&compile.platform, &format!("{command} --target {}", compile.triple), None)?;
    for because in &compile.because {
        let why = page.why(because);
        writeln!(page.text, "  {:<13} {DIM}{why}{DIM:#}", "")?;
    }
    for (name, value) in &compile.env {
        page.row("", &format!("{name}={value}"), None)?;
    }
    if !compile.rustflags.is_empty() {
        page.row("", &format!("rustc {}", compile.rustflags.join(" ")), None)?;
    }
    for library in &compile.opened {
        page.row("", &format!("with {library}"), None)?;
    }
    Ok(())
}

fn describe_image(page: &mut Page, image: &Image) -> fmt::Result {
    let stage = if image.stage == image.name { String::new() } else { format!(", stage {}", image.stage) };
    let named = if image.repository == image.name { String::new() } else { format!(", named {}", image.repository) };
    writeln!(
        page.text,
        "\n{BOLD}image {}{BOLD:#} on {} {DIM}({} {}{stage}{named}){DIM:#}",
        image.name,
        name(&image.base),
        image.package,
        image.version
    )?;
    page.row("base", name(&image.base), image.because.first())?;
    for because in image.because.iter().skip(1) {
        let why = page.why(because);
        writeln!(page.text, "  {:<13} {DIM}{why}{DIM:#}", "")?;
    }
    page.row("program", &image.binary, None)?;
    let in_base = if image.adds_passwd() {
        "; nobody can log in"
    } else if image.adds_home() {
        ", without a name in the base's passwd"
    } else {
        ", as the base's passwd has it"
    };
    page.row("user", &format!("{}, by number{in_base}", image.user), None)?;
    if let Some(because) = &image.rootfs.ca_certificates {
        let whose = if image.adds_ca() { "the system's bundle" } else { "the base's bundle" };
        page.row("certificates", whose, Some(because))?;
    }
    for file in &image.rootfs.extra_ca {
        page.row("", file, None)?;
    }
    if let Some(because) = &image.rootfs.init {
        page.row("init", INIT, Some(because))?;
    }
    if let Some(because) = &image.rootfs.zoneinfo {
        let whose = if image.adds_zoneinfo() { "/usr/share/zoneinfo" } else { "the base's" };
        page.row("time zones", whose, Some(because))?;
    }
    for (i, asset) in image.assets.iter().enumerate() {
        page.row(if i == 0 { "reads" } else { "" }, &asset.to, Some(&asset.because))?;
    }
    for (i, folder) in image.rootfs.writable.iter().enumerate() {
        page.row(if i == 0 { "volumes" } else { "" }, &folder.path, Some(&folder.because))?;
    }
    if !image.expose.is_empty() {
        let ports: Vec<String> = image.expose.iter().map(u16::to_string).collect();
        page.row("ports", &ports.join(", "), image.expose_because.first())?;
    }
    page.row("layers", &image.layers.join(", "), None)
}

/// What is shown, in two columns.
struct Page {
    text: String,
    /// Whether each reason names its rule.
    rules: bool,
}

impl Page {
    /// A line, and under it in dim letters why.
    fn row(&mut self, title: &str, value: &str, because: Option<&Because>) -> fmt::Result {
        writeln!(self.text, "  {title:<13} {}", printable(value))?;
        if let Some(because) = because {
            let why = self.why(because);
            writeln!(self.text, "  {:<13} {DIM}{why}{DIM:#}", "")?;
        }
        Ok(())
    }

    /// Reasons that are lines of their own, under one title.
    fn reasons(&mut self, title: &str, reasons: &[Because]) -> fmt::Result {
        for (i, because) in reasons.iter().enumerate() {
            let why = self.why(because);
            writeln!(self.text, "  {:<13} {why}", if i == 0 { title } else { "" })?;
        }
        Ok(())
    }

    fn why(&self, because: &Because) -> String {
        let rule = if self.rules { format!(" [{}]", because.rule) } else { String::new() };
        printable(&format!("{}{rule}", because.text))
    }
}
