//! What compose runs: which programs are services, which databases they need, and how they find each other.

use std::collections::BTreeSet;

use super::model::{
    Because, Compose, ComposeFile, Database, Files, Image, Profile, Published, Role, Service, Variable, Volume,
};
use super::toolchain::mirrored;
use super::{Candidate, profiles};
use crate::config::{Settings, nearest};
use crate::detect::{self, Known, ServiceFinding};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Workspace, relative};

/// What of the plan is decided already.
pub(super) struct Decided<'a> {
    pub files: &'a Files,
    pub profiles: &'a [Profile],
    pub images: &'a [Image],
}

pub(super) fn decide(
    workspace: &Workspace,
    settings: &Settings,
    candidates: &[Candidate<'_>],
    decided: &Decided<'_>,
) -> Result<Compose> {
    let tools = tools(settings, decided.images)?;
    let mut compose = Compose {
        files: compose_files(settings, decided)?,
        watch: watched(workspace, decided.files),
        ..Compose::default()
    };
    let mut taken = BTreeSet::new();
    for (candidate, image) in candidates.iter().zip(decided.images) {
        let found = spoken_to(workspace, settings, candidate)?;
        let (role, because) = role(workspace, candidate, image, tools, !found.is_empty());
        let mut service = Service {
            name: image.stage.clone(),
            role,
            because,
            ports: published(image, &mut taken),
            volumes: volumes(image),
            environment: Vec::new(),
            needs: Vec::new(),
            init: init(candidate, image, role),
        };
        for finding in found {
            connect(&mut compose.databases, &mut service, image, &finding, settings, decided.images);
        }
        compose.services.push(service);
    }
    Ok(compose)
}

fn compose_files(settings: &Settings, decided: &Decided<'_>) -> Result<Vec<ComposeFile>> {
    let mut files: Vec<ComposeFile> = Vec::new();
    for (profile, path) in settings.workspace.compose.iter().flat_map(crate::config::ComposeKey::files) {
        let known = decided.profiles.iter().find(|known| known.name == profile);
        let wrong = |why: &str| Failure::new(Kind::Workspace, format!("`compose` in the metadata names {why}"));
        let others = decided.profiles.iter().filter(|known| !known.runs_tests).map(|known| known.name.as_str());
        let there = || format!("there is {}", others.clone().collect::<Vec<_>>().join(", "));
        match known {
            None => return Err(wrong(&format!("the profile `{profile}`, which is not there")).help(there())),
            Some(known) if known.runs_tests => {
                return Err(
                    wrong(&format!("the profile `{profile}`, which runs tests and makes no image")).help(there())
                );
            }
            Some(_) if files.iter().any(|other| other.path == path) => {
                return Err(wrong(&format!("`{path}` for two profiles")));
            }
            Some(_) => {
                let from_sources = profiles::base(settings, &profile) == "dev";
                files.push(ComposeFile { path, profile, from_sources });
            }
        }
    }
    Ok(files)
}

/// What the user says of tools, if anything.
fn tools<'a>(settings: &'a Settings, images: &[Image]) -> Result<Option<&'a [String]>> {
    let Some(tools) = &settings.workspace.tools else { return Ok(None) };
    match tools.iter().find(|tool| images.iter().all(|image| image.name != **tool)) {
        Some(unknown) => Err(Failure::new(
            Kind::Workspace,
            format!("`tools` in the metadata names `{unknown}`, which is no binary with an image"),
        )),
        None => Ok(Some(tools)),
    }
}

/// The user's own list, else what the graph speaks to.
fn spoken_to(workspace: &Workspace, settings: &Settings, candidate: &Candidate<'_>) -> Result<Vec<ServiceFinding>> {
    let Some(names) = settings.of(&candidate.selected.member.name).services else {
        return Ok(candidate.findings.services.clone());
    };
    let known = detect::known_services()?;
    let finding = |name: &String| {
        let row = known.iter().find(|known| known.name == *name).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            let failure = Failure::new(
                Kind::Workspace,
                format!("`services` in the metadata names `{name}`, of which nothing is known"),
            );
            match nearest(name, names.iter().copied()) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help(format!("there is {}", names.join(", "))),
            }
        })?;
        let because = Because::new("metadata", "`services` in the metadata says so");
        Ok(detect::service(workspace, &candidate.graph, row, because))
    };
    names.iter().map(finding).collect()
}

/// Whether compose starts it: who listens, who waits for signals, who speaks to a database and reads no command line.
fn role(
    workspace: &Workspace,
    candidate: &Candidate<'_>,
    image: &Image,
    tools: Option<&[String]>,
    speaks: bool,
) -> (Role, Because) {
    let findings = &candidate.findings;
    let is_named = tools.is_some_and(|tools| tools.contains(&image.name));
    if is_named {
        return (Role::Tool, Because::new("metadata", "`tools` in the metadata names it"));
    }
    if let Some(because) = image.expose_because.first().or(findings.server.as_ref()) {
        return (Role::Serves, because.clone());
    }
    let signals = &candidate.selected.member.sources.signals;
    // People stop a tool with Ctrl-C as well; being asked to terminate is a service's life.
    let asked = ["SIGTERM", "SignalKind", "Signals"].iter().find_map(|name| Some((name, signals.get(*name)?)));
    let any =
        signals.iter().next().filter(|_| findings.arguments.is_none()).map(|(name, place)| (name.as_str(), place));
    if let Some((name, (file, line))) = asked.map(|(name, place)| (*name, place)).or(any) {
        let file = workspace.place(file, *line);
        let text = format!("it goes on until a signal stops it (`{name}` in {file})");
        return (Role::Works, Because { file: Some(file), ..Because::new("signals", text) });
    }
    match (&findings.arguments, speaks, tools) {
        (_, _, Some(_)) => (Role::Works, Because::new("metadata", "`tools` in the metadata names others")),
        (None, true, None) => {
            (Role::Works, Because::new("database", "it speaks to a database and reads no command line"))
        }
        (Some(because), _, None) => (Role::Tool, because.clone()),
        (None, false, None) => (Role::Tool, Because::new("default", "it listens on no port and waits for no signal")),
    }
}

fn published(image: &Image, taken: &mut BTreeSet<u16>) -> Vec<Published> {
    let mut ports = Vec::new();
    for container in &image.expose {
        if let Some(host) = (*container..=u16::MAX).find(|port| !taken.contains(port)) {
            taken.insert(host);
            ports.push(Published { host, container: *container });
        }
    }
    ports
}

fn volumes(image: &Image) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = Vec::new();
    for folder in &image.rootfs.writable {
        let words: String =
            folder.path.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        let mut name = format!("{}-{}", image.stage, words.trim_matches('-'));
        while volumes.iter().any(|other| other.name == name) {
            name.push('-');
        }
        volumes.push(Volume { name, path: folder.path.clone() });
    }
    volumes
}

/// Process 1 gets no signal that it does not ask for: a program that asks for none would be killed after ten seconds.
fn init(candidate: &Candidate<'_>, image: &Image, role: Role) -> Option<Because> {
    let asks = !candidate.selected.member.sources.signals.is_empty() || candidate.findings.signals.is_some();
    (image.rootfs.init.is_none() && !asks && role != Role::Tool)
        .then(|| Because::new("signals", "its sources ask for no signal, and process 1 would not be stopped by one"))
}

/// Adds a database, unless another program has it already, and what the program must be told of it.
fn connect(
    databases: &mut Vec<Database>,
    service: &mut Service,
    image: &Image,
    finding: &ServiceFinding,
    settings: &Settings,
    images: &[Image],
) {
    let known = finding.known;
    let is_taken = images.iter().any(|image| image.stage == known.name);
    let host = if is_taken { format!("{}-database", known.name) } else { known.name.clone() };
    let because = Because { text: format!("{}: {}", image.name, finding.because.text), ..finding.because.clone() };
    match databases.iter_mut().find(|database| database.name == host) {
        Some(database) => database.because.push(because),
        None => databases.push(database(known, &host, because, settings)),
    }
    service.needs.push(host.clone());
    for (name, value, because) in &finding.variables {
        // What the metadata sets is in the image, and says more than we know.
        if image.env.contains_key(name) || service.environment.iter().any(|other| other.name == *name) {
            continue;
        }
        service.environment.push(Variable {
            name: name.clone(),
            value: value.replace("{host}", &host),
            password: known.password.clone().filter(|_| value.contains("{password}")),
            because: because.clone(),
        });
    }
}

fn database(known: &Known, host: &str, because: Because, settings: &Settings) -> Database {
    let told = |text: &String| text.replace("{host}", host);
    let own = settings.workspace.images.services.get(&known.name).cloned();
    Database {
        name: host.to_owned(),
        title: known.title.clone(),
        image: own.unwrap_or_else(|| mirrored(&known.image, settings)),
        port: known.port,
        command: known.command.clone(),
        environment: known.environment.iter().map(|(name, value)| (name.clone(), told(value))).collect(),
        password: known.password.clone(),
        volume: known.volume.clone().map(|path| Volume { name: format!("{host}-data"), path }),
        hostname: known.hostname,
        health: known.health.clone(),
        because: vec![because],
    }
}

/// What an image to work in is made of, besides the sources.
fn watched(workspace: &Workspace, files: &Files) -> Vec<String> {
    let manifests = workspace.members.iter().map(|member| workspace.relative(&member.dir.join("Cargo.toml")));
    let toolchain = workspace.toolchain.iter().map(|file| file.file.clone()).filter(|file| !file.contains('/'));
    let mut watched: Vec<String> = ["Cargo.toml", "Cargo.lock", files.dockerfile.as_str()].map(str::to_owned).into();
    watched.extend(toolchain.chain(manifests));
    let local =
        workspace.local.iter().map(|folder| relative(&workspace.root, &folder.join("Cargo.toml")).into_string());
    watched.extend(local);
    watched.sort();
    watched.dedup();
    watched
}
