//! What the plan says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{self, Facts, Kind, last};

/// What it says, and what rules about it need to know.
#[derive(Debug, Default)]
pub struct Ours {
    pub facts: Facts,
    /// Kinds of which something was taken from the repository's own files.
    pub taken: BTreeSet<Kind>,
    /// Programs that the Dockerfile ships and that have no image.
    pub missing: Vec<String>,
    /// Whether every program is linked statically.
    pub is_static: bool,
    /// Who reads the files of a package.
    pub readers: BTreeMap<String, String>,
}

/// Reads a plan; `shipped` are the programs that the Dockerfile ships, whose images are looked at. None: all.
pub fn read(plan: &Value, shipped: &BTreeSet<String>) -> Ours {
    let images: Vec<&Value> = list(&plan["images"]).collect();
    let name = |image: &Value| text(&image["name"]).unwrap_or_default();
    let chosen: Vec<&Value> =
        images.iter().copied().filter(|image| shipped.is_empty() || shipped.contains(&name(image))).collect();
    let mut ours = Ours { is_static: !chosen.is_empty(), ..Ours::default() };
    ours.missing =
        shipped.iter().filter(|program| images.iter().all(|image| name(image) != **program)).cloned().collect();
    for image in &images {
        ours.facts.add(Kind::Binary, name(image));
    }
    for image in &chosen {
        let group = &plan["groups"][usize::try_from(image["group"].as_u64().unwrap_or_default()).unwrap_or_default()];
        ours.is_static &= group["linkage"] != "dynamic-gnu";
        ours.facts.add_features(&list(&group["cargo-args"]).filter_map(text).collect::<Vec<_>>());
        ours.add(image);
    }
    let packages: Vec<&Value> = chosen.iter().map(|image| &image["package"]).collect();
    let about = |taken: &&Value| taken["package"].is_null() || packages.contains(&&taken["package"]);
    let taken = list(&plan["taken"]).filter(about);
    ours.taken = taken.filter_map(|taken| Kind::of_key(taken["key"].as_str()?)).collect();
    ours
}

impl Ours {
    fn add(&mut self, image: &Value) {
        let rootfs = &image["rootfs"];
        let facts = &mut self.facts;
        for port in list(&image["expose"]) {
            facts.add(Kind::Ports, port.to_string());
        }
        let arguments: Vec<String> = list(&image["arguments"]).filter_map(text).collect();
        if !arguments.is_empty() {
            facts.add(Kind::Arguments, arguments.join(" "));
        }
        for (name, value) in image["env"].as_object().into_iter().flatten() {
            if !facts::is_noise(name) {
                facts.add(Kind::Environment, format!("{name}={}", text(value).unwrap_or_default()));
            }
        }
        for folder in list(&rootfs["writable"]).filter_map(|folder| text(&folder["path"])) {
            facts.add(Kind::Volumes, folder);
        }
        for asset in list(&image["assets"]).filter_map(|asset| text(&asset["from"])) {
            facts.add(Kind::Assets, last(&asset));
        }
        let parts = [("ca-certificates", "ca-certificates"), ("zoneinfo", "tzdata"), ("init", "init")];
        for (part, package) in parts.iter().filter(|(part, _)| !rootfs[part].is_null()) {
            facts.add(Kind::Packages, *package);
            if let Some(because) = text(&rootfs[part]["text"]) {
                self.readers.insert((*package).to_owned(), because);
            }
        }
        for package in list(&rootfs["packages"]).filter_map(|package| text(&package["name"])) {
            facts.add(Kind::Packages, package);
        }
        if let Some(signal) = text(&image["stop-signal"]).filter(|signal| signal != "SIGTERM") {
            facts.add(Kind::StopSignal, signal);
        }
        if list(&image["healthcheck"]).next().is_some() {
            facts.add(Kind::HealthCheck, "there is one");
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
