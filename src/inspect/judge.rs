//! Puts together what is told of an image.

use std::collections::{BTreeMap, BTreeSet};

use oci_spec::image::ImageConfiguration;

use super::parts::{Parts, platform};
use super::programs::{self, Seen};
use super::scan::{self, Scanned};
use super::source::Image;
use super::tree::{self, Tree};
use super::{Base, Report, Run, SCHEMA, Secret};
use crate::failure::{Result, printable};
use crate::image::archive::Budget;
use crate::image::{self, verify};
use crate::limits;
use crate::registry::each;
use crate::secrets::{Hit, Rules};

/// By which an image says what it stands on.
const BASE: (&str, &str) = ("org.opencontainers.image.base.name", "org.opencontainers.image.base.digest");

/// Shorter secrets are taken out of what is shown only where they were found: all other texts would be full of holes.
const ANYWHERE: usize = 6;

pub(super) fn report(image: Image, top: usize) -> Result<Report> {
    let Image { name, from, blobs, parts, .. } = image;
    let secret_rules = Rules::known()?;
    limits::LAYERS.check(parts.layers.len() as u64)?;
    let budget = Budget::default();
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
    let mut layers = each(&parts.layers, workers, |part, _| scan::layer(&blobs, part, secret_rules, &budget))?;
    let entries: Vec<image::Layer> = layers.iter_mut().map(Scanned::take).collect();
    let tree = Tree::of(&entries, top)?;
    let rules = verify::Rules::read()?;
    let seen = Seen { files: &tree.files, layers: &layers };
    let mut run = run(&parts.config);
    let mut made_by = made_by(&parts.config);
    let programs = programs::look(&seen, &run, &rules)?;
    let mut hidden = Hidden::default();
    let mut secrets = in_files(&layers, &tree, &mut hidden);
    secrets.extend(in_config(secret_rules, &mut run, &mut made_by, &mut hidden));
    let layers_made: Vec<String> = made_by.iter().filter(|(_, empty)| !empty).map(|(text, _)| text.clone()).collect();
    let compressed: Vec<bool> = layers.iter().map(|scanned| scanned.compressed).collect();
    let layers = tree::layers(&entries, &compressed, &layers_made);
    let base = base(&parts, &run);
    let mut platforms = parts.platforms.clone();
    platforms.sort();
    platforms.dedup();
    let mut report = Report {
        schema: SCHEMA,
        name,
        from,
        platform: platform(&parts.config),
        platforms,
        created: parts.config.created().clone(),
        digest: parts.digest,
        index: parts.index,
        id: parts.id,
        base,
        compressed: layers.iter().try_fold(0, |sum: u64, layer| Some(sum.saturating_add(layer.compressed?))),
        unpacked: layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.unpacked)),
        files: tree.count(),
        largest: tree.largest(top),
        users: tree::users(seen.text("/etc/passwd").unwrap_or_default()),
        setuid: tree.setuid(),
        writable: tree.writable(),
        shells: tree.programs(&rules.shells, &rules),
        managers: tree.programs(&rules.managers, &rules),
        crates: programs::crates(&seen),
        programs,
        attached: parts.attached,
        waste: tree.waste,
        layers,
        run,
        secrets,
    };
    hidden.out_of(&mut report);
    Ok(report)
}

/// What the image says it runs.
fn run(config: &ImageConfiguration) -> Run {
    let run = config.config().clone().unwrap_or_default();
    Run {
        user: run.user().clone().unwrap_or_default(),
        entrypoint: run.entrypoint().clone().unwrap_or_default(),
        command: run.cmd().clone().unwrap_or_default(),
        workdir: run.working_dir().clone().unwrap_or_default(),
        env: run.env().clone().unwrap_or_default(),
        ports: run.exposed_ports().clone().unwrap_or_default(),
        labels: run.labels().clone().unwrap_or_default().into_iter().collect(),
    }
}

/// What made each layer, and what made none.
fn made_by(config: &ImageConfiguration) -> Vec<(String, bool)> {
    let history = config.history().iter().flatten();
    let entry = |entry: &oci_spec::image::History| {
        let by = entry.created_by().clone().or(entry.comment().clone()).unwrap_or_default();
        (by, entry.empty_layer().unwrap_or(false))
    };
    history.map(entry).collect()
}

fn base(parts: &Parts, run: &Run) -> Option<Base> {
    let said = |key: &str| parts.annotations.get(key).or(run.labels.get(key)).filter(|text| !text.is_empty()).cloned();
    Some(Base { name: said(BASE.0)?, digest: said(BASE.1) })
}

/// Secrets that were found, to be taken out of all that is shown.
#[derive(Default)]
struct Hidden(BTreeSet<String>);

impl Hidden {
    fn add(&mut self, value: &[u8]) {
        // A key of several lines may stand on one elsewhere, or be cut.
        let text = String::from_utf8_lossy(value);
        for line in text.lines().map(str::trim).filter(|line| line.len() >= ANYWHERE) {
            self.0.insert(line.to_owned());
        }
    }

    fn clean(secrets: &[String], text: &mut String) {
        for secret in secrets {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), "…");
            }
        }
        if text.chars().any(char::is_control) {
            *text = printable(text);
        }
    }

    fn out_of(self, report: &mut Report) {
        // A secret that holds another one goes first.
        let mut known: Vec<String> = self.0.into_iter().collect();
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let Report { run, layers, largest, waste, setuid, writable, shells, managers, secrets, .. } = report;
        let mut texts: Vec<&mut String> = vec![&mut run.user, &mut run.workdir];
        texts.extend(run.entrypoint.iter_mut().chain(&mut run.command).chain(&mut run.env).chain(&mut run.ports));
        texts.extend(run.labels.values_mut());
        texts.extend(layers.iter_mut().filter_map(|layer| layer.made_by.as_mut()));
        texts.extend(largest.iter_mut().map(|file| &mut file.path));
        texts.extend(waste.largest.iter_mut().map(|file| &mut file.path));
        texts.extend(setuid.iter_mut().chain(writable).map(|file| &mut file.path));
        texts.extend(shells.iter_mut().chain(managers));
        for secret in secrets {
            texts.extend([&mut secret.name, &mut secret.shown]);
        }
        for program in &mut report.programs.broken {
            texts.push(&mut program.path);
            texts.extend(&mut program.missing);
        }
        if let Some(program) = &mut report.programs.entrypoint {
            texts.push(&mut program.path);
            texts.extend(program.interpreter.iter_mut().chain(&mut program.libraries));
        }
        texts.extend(report.crates.iter_mut().map(|one| &mut one.path));
        for user in &mut report.users {
            texts.extend([&mut user.name, &mut user.uid, &mut user.shell]);
        }
        if let Some(base) = &mut report.base {
            texts.push(&mut base.name);
            texts.extend(&mut base.digest);
        }
        texts.extend(report.created.iter_mut());
        for text in texts {
            Self::clean(&known, text);
        }
    }
}

fn in_files(layers: &[Scanned], tree: &Tree, hidden: &mut Hidden) -> Vec<Secret> {
    // By rule, path and layer.
    let mut found: BTreeMap<(&str, usize, &str), Secret> = BTreeMap::new();
    for (at, layer) in layers.iter().enumerate() {
        for (path, hit) in &layer.secrets {
            hidden.add(&hit.value);
            let gone = tree.files.get(path.as_str()).is_none_or(|file| file.layer != at);
            let new = || Secret { layer: Some(at.saturating_add(1)), hidden: gone, ..secret(hit, "file", path) };
            found
                .entry((path, at, &hit.rule))
                .and_modify(|known| known.count = known.count.saturating_add(1))
                .or_insert_with(new);
        }
    }
    found.into_values().collect()
}

fn secret(hit: &Hit, place: &str, name: &str) -> Secret {
    Secret {
        rule: hit.rule.clone(),
        what: hit.what.clone(),
        place: place.to_owned(),
        name: name.to_owned(),
        layer: None,
        hidden: false,
        shown: hit.shown.clone(),
        count: 1,
    }
}

/// Likewise in the configuration; what is found is taken out of it at once, however short.
fn in_config(rules: &Rules, run: &mut Run, made_by: &mut [(String, bool)], hidden: &mut Hidden) -> Vec<Secret> {
    let mut found = Vec::new();
    let mut look = |text: &mut String, place: &str, name: &str, layer: Option<usize>| {
        for hit in rules.text(text) {
            hidden.add(&hit.value);
            *text = text.replace(&*String::from_utf8_lossy(&hit.value), "…");
            let new = Secret { layer, ..secret(&hit, place, name) };
            if (found.len() as u64) < limits::SECRETS.most && !found.contains(&new) {
                found.push(new);
            }
        }
    };
    for line in &mut run.env {
        let name = line.split('=').next().unwrap_or_default().to_owned();
        look(line, "env", &name, None);
    }
    for (name, value) in &mut run.labels {
        // A label's name tells what it is as a variable's does.
        let mut both = format!("{}={value}", name.rsplit('.').next().unwrap_or(name));
        look(&mut both, "label", name, None);
        if let Some((_, clean)) = both.split_once('=') {
            clean.clone_into(value);
        }
    }
    for (name, words) in [("entrypoint", &mut run.entrypoint), ("command", &mut run.command)] {
        for word in words.iter_mut() {
            look(word, "run", name, None);
        }
    }
    let mut layer: usize = 0;
    for (at, (text, empty)) in made_by.iter_mut().enumerate() {
        layer = layer.saturating_add(usize::from(!*empty));
        look(text, "history", &format!("entry {}", at.saturating_add(1)), (!*empty).then_some(layer));
    }
    found
}
