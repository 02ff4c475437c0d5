//! Docker: who answers, what it builds with, and how much room it has.

use std::path::Path;

use camino::Utf8Path;
use serde::Deserialize;

use super::needs::Needs;
use super::{ANSWER, Finding, Looked, State};
use crate::engine::builder::{self, Answer, Builder, BuilderNode};
use crate::engine::{self, Engine};
use crate::exec::Command;

/// `docker info`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Info {
    driver_status: Vec<(String, String)>,
    #[serde(rename = "OSType")]
    os: String,
    architecture: String,
    docker_root_dir: String,
    #[serde(rename = "ClientInfo")]
    client: Client,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Client {
    context: String,
    plugins: Vec<Plugin>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Plugin {
    name: String,
    version: String,
}

pub(super) fn look(needs: &Needs) -> Looked {
    let engine = match engine::probe_within(Some(ANSWER)) {
        Ok(engine) => engine,
        Err(failure) => {
            let finding = Finding::failed("engine", State::Fail, &failure);
            return Looked {
                findings: vec![finding.todo("or build without it: `cargo dockerize build --engine oci`")],
                builds: false,
            };
        }
    };
    let (info, builders) = std::thread::scope(|scope| {
        let info = scope.spawn(|| info(&engine));
        let builders = builder::all(&engine, Some(ANSWER));
        (info.join().ok().flatten(), builders)
    });
    let mut findings = vec![of_engine(needs, &engine, info.as_ref())];
    findings.push(needs.buildx.judge("buildx", &engine.buildx.to_string(), ""));
    findings.extend(info.as_ref().map(store));
    let mut builds = false;
    match builders {
        Err(failure) => findings.push(
            Finding::failed("builders", State::Warn, &failure)
                .todo("`docker buildx ls` shows them, and which of them does not answer"),
        ),
        Ok(builders) => {
            let classic = info.as_ref().is_some_and(is_classic);
            for builder in builders {
                let current = builder.current;
                let (found, usable) = of_builder(needs, builder, classic, &engine);
                builds |= current && usable;
                findings.push(found);
            }
        }
    }
    if let Some(info) = &info {
        findings.extend(room(needs, info));
        findings.push(compose(needs, info));
    }
    let broken = findings.iter().take(2).any(|finding| finding.state == State::Fail);
    Looked { findings, builds: builds && !broken }
}

fn info(engine: &Engine) -> Option<Info> {
    let command = Command::new(&engine.docker, "ask the engine about itself").args(["info", "--format", "{{json .}}"]);
    serde_json::from_str(&command.within(Some(ANSWER)).output().ok()?.stdout).ok()
}

fn of_engine(needs: &Needs, engine: &Engine, info: Option<&Info>) -> Finding {
    let more = info.map(|info| {
        let context = if info.client.context.is_empty() { "default" } else { &info.client.context };
        format!(", {}/{}, context {context}", info.os, info.architecture)
    });
    needs.engine.judge("engine", &engine.server, &more.unwrap_or_default())
}

fn is_classic(info: &Info) -> bool {
    // As the docker client itself looks for it.
    !info.driver_status.iter().any(|(_, value)| value == "io.containerd.snapshotter.v1")
}

fn store(info: &Info) -> Finding {
    if !is_classic(info) {
        return Finding::ok("image store", "containerd");
    }
    Finding::new("image store", State::Warn, "classic: one platform for each image, and nothing is given out while it is built")
        .todo("turn the containerd image store on: `\"features\": {\"containerd-snapshotter\": true}` in the engine's daemon.json, then start it again")
}

/// A builder that is current is judged; of others only what is wrong counts little.
fn of_builder(needs: &Needs, builder: Builder, classic: bool, engine: &Engine) -> (Finding, bool) {
    let current = builder.current;
    let name = format!("builder {}", builder.name);
    let check = match builder::judge(builder, classic, engine.buildx.to_string(), &[]) {
        Ok(check) => check,
        Err(failure) => return (Finding::failed(name, State::Fail, &failure), false),
    };
    let versions: Vec<Finding> = check
        .nodes
        .iter()
        // Distributions build it without telling it its version.
        .filter(|node| !node.version.is_empty() && !node.version.contains("0.0.0"))
        .map(|node| needs.buildkit.judge(&name, &node.version, ""))
        .collect();
    let worst = versions.into_iter().max_by_key(|finding| finding.state).filter(|finding| finding.state > State::Ok);
    let missing: Vec<_> = check.capabilities.iter().filter(|row| row.needed && row.works == Answer::No).collect();
    let platforms = platforms(&check.nodes);
    let driver = if check.driver.is_empty() { "no driver that answers" } else { &check.driver };
    let mark = if current { ", the current one" } else { "" };
    let kits: Vec<&str> = check.nodes.iter().map(|node| &*node.version).filter(|version| !version.is_empty()).collect();
    let kits = if kits.is_empty() { String::new() } else { format!(", BuildKit {}", kits.join(" and ")) };
    let state = match (missing.is_empty(), current) {
        (true, _) => State::Ok,
        (false, true) => State::Fail,
        (false, false) => State::Warn,
    };
    let mut finding = Finding::new(&name, state, format!("{driver}{mark}{kits}{platforms}"));
    for row in &missing {
        finding.found.push_str(&format!("; {}: {}", row.title, row.say));
        finding = row.todo.iter().fold(finding, Finding::todo);
    }
    let usable = check.usable && worst.as_ref().is_none_or(|worst| worst.state != State::Fail);
    if let Some(worst) = worst {
        finding.state = finding.state.max(if current { worst.state } else { State::Warn });
        finding.found.push_str(&format!("; BuildKit {}", worst.found));
        finding.todo.extend(worst.todo);
    }
    (finding, usable)
}

fn platforms(nodes: &[BuilderNode]) -> String {
    let mut names: Vec<&str> =
        nodes.iter().flat_map(|node| &node.platforms).map(|name| name.trim_end_matches('*')).collect();
    // Variants of one processor say little.
    names.retain(|name| !name.contains("/amd64/"));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    if names.is_empty() { String::new() } else { format!("; {}", names.join(", ")) }
}

/// Only an engine on this machine has its data here.
fn room(needs: &Needs, info: &Info) -> Option<Finding> {
    let folder = Utf8Path::new(&info.docker_root_dir);
    let here = !info.docker_root_dir.is_empty() && Path::new(&info.docker_root_dir).is_dir();
    here.then(|| needs.room("room for images", folder, "`docker system df` says what takes it; `cargo dockerize cache prune` removes what builds keep for a workspace"))?
}

fn compose(needs: &Needs, info: &Info) -> Finding {
    match info.client.plugins.iter().find(|plugin| plugin.name == "compose") {
        Some(plugin) => needs.compose.judge("compose", &plugin.version, ""),
        None => Finding::new("compose", State::Absent, "not there; only `docker compose` needs it"),
    }
}
