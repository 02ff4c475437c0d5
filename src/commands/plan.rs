//! `cargo dockerize plan`

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use cargo_dockerize::failure::{Failure, Kind, Result, printable};
use cargo_dockerize::image_paths::INIT;
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Because, Group, Image};

use super::Session;
use crate::cli::{self, Common, Format};
use crate::ui;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

pub fn run(args: &cli::Plan, common: &Common) -> Result<()> {
    let plan = Session::open(common)?.plan()?;
    let text = match args.format {
        Format::Json => serde_json::to_string_pretty(&plan).map(|json| json + "\n").map_err(internal)?,
        Format::Text => describe(&plan).map_err(internal)?,
    };
    ui::print(&text)
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(Kind::Internal, "the plan cannot be shown").caused_by(error)
}

fn describe(plan: &Plan) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let summary = &plan.workspace;
    writeln!(
        text,
        "{BOLD}{}{BOLD:#}: {}, {}\n",
        summary.name,
        counted(summary.members, "member"),
        counted(summary.packages, "package")
    )?;
    row(&mut text, "toolchain", &plan.toolchain.image, Some(&plan.toolchain.because))?;
    row(&mut text, "frontend", plan.syntax.as_deref().unwrap_or("the engine's own"), None)?;
    if plan.context.path != "." {
        row(&mut text, "context", &format!("{} (the workspace needs what lies beside it)", plan.context.path), None)?;
    }
    if let Some(because) = &plan.git.revision {
        row(&mut text, "revision", "as build arguments, after the dependencies", Some(because))?;
    }
    if let Some(because) = &plan.git.folder {
        row(&mut text, "repository", ".git is sent, without its configuration", Some(because))?;
    }
    for secret in &plan.secrets {
        row(&mut text, "secret", &format!("{}, as a mount of the steps that fetch", secret.id), Some(&secret.because))?;
    }
    for profile in &plan.profiles {
        let title = format!("profile {}", profile.name);
        row(&mut text, &title, &format!("cargo's {}", profile.cargo), profile.because.first())?;
    }
    for group in &plan.groups {
        describe_group(&mut text, group)?;
    }
    for image in &plan.images {
        describe_image(&mut text, image)?;
    }
    let kept: Vec<_> = plan.ignore.iter().filter_map(|rule| Some((&rule.pattern, rule.because.as_ref()?))).collect();
    writeln!(text)?;
    row(&mut text, "left out", &format!("{} patterns in {}", plan.ignore.len(), plan.files.dockerignore), None)?;
    for (pattern, because) in kept {
        row(&mut text, "kept", pattern.trim_start_matches('!'), Some(because))?;
    }
    if !plan.notes.is_empty() {
        writeln!(text)?;
    }
    let yellow = AnsiColor::Yellow.on_default();
    for note in &plan.notes {
        writeln!(text, "{yellow}note{yellow:#}: {}", printable(&note.text))?;
    }
    Ok(text)
}

fn describe_group(text: &mut String, group: &Group) -> fmt::Result {
    let names = group.binaries.join(", ");
    writeln!(
        text,
        "\n{BOLD}{}{BOLD:#}: {names} {DIM}({}){DIM:#}",
        group.linkage.name(),
        counted(group.crates, "crate")
    )?;
    for (i, because) in group.because.iter().enumerate() {
        row(text, if i == 0 { "because" } else { "" }, &because.text, None)?;
    }
    for (i, target) in group.targets.iter().enumerate() {
        row(text, if i == 0 { "targets" } else { "" }, &format!("{} for linux/{}", target.triple, target.arch), None)?;
    }
    for (i, package) in group.packages.iter().enumerate() {
        row(text, if i == 0 { "packages" } else { "" }, &package.name, package.because.first())?;
    }
    for (i, because) in group.env_because.iter().enumerate() {
        row(text, if i == 0 { "environment" } else { "" }, &because.text, None)?;
    }
    row(text, "cargo", &group.cargo_args.join(" "), None)
}

fn describe_image(text: &mut String, image: &Image) -> fmt::Result {
    let stage = if image.stage == image.name { String::new() } else { format!(", stage {}", image.stage) };
    writeln!(
        text,
        "\n{BOLD}image {}{BOLD:#} on {} {DIM}({} {}{stage}){DIM:#}",
        image.name, image.base, image.package, image.version
    )?;
    row(text, "base", &image.base, image.because.first())?;
    row(text, "program", &image.binary, None)?;
    row(text, "user", &format!("{}, by number; nobody can log in", image.user), None)?;
    if let Some(because) = &image.rootfs.ca_certificates {
        row(text, "certificates", "the system's bundle", Some(because))?;
    }
    for file in &image.rootfs.extra_ca {
        row(text, "", file, None)?;
    }
    if let Some(because) = &image.rootfs.init {
        row(text, "init", INIT, Some(because))?;
    }
    if let Some(because) = &image.rootfs.zoneinfo {
        row(text, "time zones", "/usr/share/zoneinfo", Some(because))?;
    }
    for (i, asset) in image.assets.iter().enumerate() {
        row(text, if i == 0 { "reads" } else { "" }, &asset.to, Some(&asset.because))?;
    }
    for (i, folder) in image.rootfs.writable.iter().enumerate() {
        row(text, if i == 0 { "writes" } else { "" }, &folder.path, Some(&folder.because))?;
    }
    if !image.expose.is_empty() {
        let ports: Vec<String> = image.expose.iter().map(u16::to_string).collect();
        row(text, "ports", &ports.join(", "), image.expose_because.first())?;
    }
    row(text, "layers", &image.layers.join(", "), None)
}

/// A line of two columns, and under it in dim letters why.
fn row(text: &mut String, title: &str, value: &str, because: Option<&Because>) -> fmt::Result {
    writeln!(text, "  {title:<13} {}", printable(value))?;
    if let Some(because) = because {
        writeln!(text, "  {:<13} {DIM}{}{DIM:#}", "", printable(&because.text))?;
    }
    Ok(())
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
