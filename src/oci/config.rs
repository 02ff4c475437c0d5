//! An image's configuration: what a container runs with, and what its layers are.
//!
//! The base's is input from outside. Of what it holds only what we know is looked at, and the rest goes on as it is: who made
//! the base knows why it is there.

use oci_spec::image::Platform;
use serde_json::{Map, Value, json};

use super::image::{Base, RunConfig, canonical, platform_name};
use super::layer::Layer;
use super::times::timestamp;
use crate::failure::{Failure, Kind, Result, printable};

/// What BuildKit puts where no base says it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What old Dockers said about the container in which a base was made. It is not true of ours.
const OF_THE_MAKER: &[&str] = &["container", "container_config", "docker_version", "id", "parent", "parent_id"];

/// The configuration's JSON.
///
/// # Errors
/// [`Kind::Engine`]: the base is for another platform, or its configuration is not that of an image;
/// [`Kind::Usage`]: `created` is beyond all calendars.
pub(super) fn configuration(
    base: Option<&Base>,
    layers: &[(&str, Layer)],
    run: &RunConfig,
    platform: &Platform,
    created: u64,
) -> Result<Vec<u8>> {
    let created = time(created)?;
    let mut whole = match base {
        Some(base) => read(base, platform)?,
        None => Map::new(),
    };
    let unfit =
        |why: String| base.map_or_else(|| Failure::new(Kind::Internal, why.clone()), |base| unusable(base, &why));

    let mut config = object(&mut whole, "config").map_err(unfit)?;
    apply(&mut config, run).map_err(unfit)?;
    let mut rootfs = object(&mut whole, "rootfs").map_err(unfit)?;
    let mut diff_ids = strings(&mut rootfs, "diff_ids").map_err(unfit)?;
    let mut history = list(&mut whole, "history").map_err(unfit)?;
    if let Some(base) = base {
        if diff_ids.len() != base.layers.len() {
            let why = format!("it has {} layers, and its configuration {}", base.layers.len(), diff_ids.len());
            return Err(unusable(base, &why));
        }
        // Engines count on one line for each layer, and refuse an image that has more lines than layers.
        if history.iter().filter(|line| line["empty_layer"] != true).count() != diff_ids.len() {
            let line = json!({ "created": created, "created_by": format!("base image {}", base.reference) });
            history = vec![line; diff_ids.len()];
        }
    }
    for (name, layer) in layers {
        diff_ids.push(layer.diff_id.clone());
        history.push(json!({ "created": created, "created_by": format!("cargo dockerize: {name}") }));
    }
    rootfs.insert("type".to_owned(), "layers".into());
    rootfs.insert("diff_ids".to_owned(), diff_ids.into());
    whole.insert("rootfs".to_owned(), rootfs.into());
    whole.insert("history".to_owned(), history.into());
    whole.insert("config".to_owned(), config.into());
    whole.insert("created".to_owned(), created.into());
    whole.insert("os".to_owned(), platform.os().to_string().into());
    whole.insert("architecture".to_owned(), platform.architecture().to_string().into());
    if let Some(variant) = platform.variant() {
        whole.insert("variant".to_owned(), variant.clone().into());
    }
    canonical(&whole)
}

/// As RFC 3339 has it.
fn time(seconds: u64) -> Result<String> {
    timestamp(seconds).map(|time| time.to_string()).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("{seconds} seconds since 1970 is not a time that an image can have"))
            .help("set SOURCE_DATE_EPOCH to a time that a calendar knows, in seconds since 1970")
    })
}

fn read(base: &Base, platform: &Platform) -> Result<Map<String, Value>> {
    let mut whole: Map<String, Value> = serde_json::from_slice(&base.config)
        .map_err(|error| unusable(base, "its configuration cannot be read").caused_by(error))?;
    let said = |name: &str| whole.get(name).and_then(Value::as_str).unwrap_or("unknown");
    let (os, architecture) = (said("os"), said("architecture"));
    if os != platform.os().to_string() || architecture != platform.architecture().to_string() {
        let wanted = platform_name(platform);
        return Err(unusable(base, &format!("it is for {os}/{architecture}, and the image for {wanted}"))
            .help(format!("take a base that there is for {wanted}, or build for the base's platform")));
    }
    whole.retain(|name, _| !OF_THE_MAKER.contains(&name.as_str()) && !name.starts_with("moby.buildkit."));
    let triggers = whole.get("config").and_then(|config| config["OnBuild"].as_array());
    if triggers.is_some_and(|triggers| !triggers.is_empty()) {
        return Err(unusable(base, "it has ONBUILD steps, which only a Dockerfile's builder can run")
            .help("take a base without them, or build with Docker"));
    }
    Ok(whole)
}

/// Puts ours over the base's, as the lines of a Dockerfile would.
fn apply(config: &mut Map<String, Value>, run: &RunConfig) -> Result<(), String> {
    let mut env = strings(config, "Env")?;
    for (name, value) in &run.env {
        let line = format!("{name}={value}");
        match env.iter_mut().find(|old| named(old, name)) {
            Some(old) => *old = line,
            None => env.push(line),
        }
    }
    if !env.iter().any(|line| named(line, "PATH")) {
        env.insert(0, PATH.to_owned());
    }
    config.insert("Env".to_owned(), env.into());

    if !run.entrypoint.is_empty() {
        config.insert("Entrypoint".to_owned(), run.entrypoint.clone().into());
        // They would be arguments of another program.
        config.remove("Cmd");
    }
    if !run.arguments.is_empty() {
        config.insert("Cmd".to_owned(), run.arguments.clone().into());
    }
    for (name, value) in [("User", &run.user), ("WorkingDir", &run.workdir)] {
        if !value.is_empty() {
            config.insert(name.to_owned(), value.clone().into());
        }
    }
    if let Some(signal) = &run.stop_signal {
        config.insert("StopSignal".to_owned(), signal.clone().into());
    }
    if !run.healthcheck.is_empty() {
        // Docker's and Podman's own: OCI has none.
        let words = ["CMD"].into_iter().chain(run.healthcheck.iter().map(String::as_str));
        config.insert("Healthcheck".to_owned(), json!({ "Test": words.collect::<Vec<_>>() }));
    }
    let ports = run.expose.iter().map(|port| (format!("{port}/tcp"), json!({})));
    add(config, "ExposedPorts", ports)?;
    add(config, "Labels", run.labels.iter().map(|(name, value)| (name.clone(), value.clone().into())))
}

fn add(
    config: &mut Map<String, Value>,
    name: &str,
    ours: impl ExactSizeIterator<Item = (String, Value)>,
) -> Result<(), String> {
    let mut all = object(config, name)?;
    all.extend(ours);
    if !all.is_empty() {
        config.insert(name.to_owned(), all.into());
    }
    Ok(())
}

fn named(line: &str, name: &str) -> bool {
    line.split_once('=').is_some_and(|(before, _)| before == name)
}

/// Takes an object out; what is not there is empty, as Go has it.
fn object(of: &mut Map<String, Value>, name: &str) -> Result<Map<String, Value>, String> {
    match of.remove(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(format!("`{name}` of its configuration is no object")),
    }
}

/// Takes a list out, likewise.
fn list(of: &mut Map<String, Value>, name: &str) -> Result<Vec<Value>, String> {
    match of.remove(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("`{name}` of its configuration is no list")),
    }
}

fn strings(of: &mut Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let texts = list(of, name)?.into_iter().map(|value| match value {
        Value::String(text) => Ok(text),
        _ => Err(format!("`{name}` of its configuration has something in it that is no text")),
    });
    texts.collect()
}

fn unusable(base: &Base, why: &str) -> Failure {
    Failure::new(Kind::Engine, format!("the base {} cannot be used: {}", base.reference, printable(why)))
}
