//! What each image holds.

use std::collections::BTreeMap;

use super::bases::{Ground, Needs};
use super::group;
use super::model::{Asset, Because, Context, Image, Linkage, Rootfs, Writable};
use super::{Candidate, USER, WORKDIR};
use crate::config::{AssetTable, Settings, Table};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Member, Workspace, relative};

/// Of the user.
const HOME: &str = "/home/nonroot";

/// What the names of the standard labels begin with.
const LABEL: &str = "org.opencontainers.image.";

pub(super) fn decide(
    (workspace, settings): (&Workspace, &Settings),
    context: &Context,
    ground: &Ground,
    candidate: &Candidate<'_>,
    (group, linked): (usize, Linkage),
) -> Result<Image> {
    let member = candidate.selected.member;
    let table = settings.of(&member.name);
    let root = workspace.root.join(&context.path);
    let base_folder = crate::workspace::normal(&root);
    let assets = assets(workspace, settings, &table, candidate, &base_folder)?;
    let writable = writable(settings, &table, candidate);
    let ca_certificates = wanted(table.ca_certificates, "ca-certificates", candidate.findings.ca_certificates.as_ref())
        .or_else(|| (!table.extra_ca.is_empty()).then(|| metadata("extra-ca")));
    let packages = if linked.is_static() { Vec::new() } else { group::run_packages(&candidate.findings.native) };
    let (because, brings) = ground.under(&Needs {
        binary: &candidate.selected.binary.name,
        linkage: linked,
        more_ca: !table.extra_ca.is_empty(),
        packages: !packages.is_empty(),
    })?;
    let mut env = table.env.clone();
    if ca_certificates.is_some() {
        // What looks elsewhere finds it all the same.
        let bundle = brings.as_ref().and_then(|brings| brings.ca_bundle.clone());
        let bundle = bundle.unwrap_or_else(|| crate::image_paths::CA_BUNDLE.to_owned());
        env.entry("SSL_CERT_FILE".to_owned()).or_insert(bundle);
    }
    for (name, value, _) in &candidate.findings.env {
        env.entry(name.clone()).or_insert_with(|| value.clone());
    }
    if brings.as_ref().is_some_and(|brings| !brings.user) {
        // Who is not in the base's passwd would be at home in `/`, where nothing can be written.
        env.entry("HOME".to_owned()).or_insert_with(|| HOME.to_owned());
    }
    let extra_ca = table.extra_ca.iter().map(|file| context.inside(file)).collect();
    let mut layers = vec!["base".to_owned()];
    if !linked.is_static() {
        layers.push("libraries".to_owned());
    }
    if !assets.is_empty() {
        layers.push("assets".to_owned());
    }
    layers.push("program".to_owned());
    let found = &candidate.findings.ports;
    let (mut expose, expose_because) = if table.expose.is_empty() {
        (found.iter().map(|port| port.port).collect(), found.iter().map(|port| port.because.clone()).collect())
    } else {
        let first = table.expose.first().map(u16::to_string).unwrap_or_default();
        (table.expose.clone(), vec![settings.because(&member.name, "expose", &first)])
    };
    expose.sort_unstable();
    expose.dedup();
    Ok(Image {
        name: candidate.selected.binary.name.clone(),
        stage: candidate.selected.stage.clone(),
        repository: candidate.selected.repository.clone(),
        package: member.name.clone(),
        version: member.version.clone(),
        group,
        base: ground.reference.clone(),
        because,
        brings,
        binary: format!("/usr/local/bin/{}", candidate.selected.binary.name),
        user: USER,
        workdir: WORKDIR.to_owned(),
        rootfs: Rootfs {
            ca_certificates,
            extra_ca,
            zoneinfo: wanted(table.zoneinfo, "zoneinfo", candidate.findings.zoneinfo.as_ref()),
            init: table.init.filter(|init| *init).map(|_| settings.because(&member.name, "init", "true")),
            writable,
            packages,
        },
        assets,
        env,
        expose,
        expose_because,
        auditable: settings.workspace.auditable,
        healthcheck: table.healthcheck.clone(),
        arguments: table
            .arguments
            .as_ref()
            .map(|all| all.of(&candidate.selected.binary.name).to_vec())
            .unwrap_or_default(),
        stop_signal: table.stop_signal.clone(),
        labels: labels(member, &candidate.selected.binary.name, &table),
        release_labels: release_labels(member, &table),
        layers,
    })
}

/// What is to be known of libraries that the program opens by name: no image can have those that nobody names.
pub(super) fn libraries(candidate: &Candidate<'_>, linked: Linkage) -> Option<Because> {
    let name = &candidate.selected.binary.name;
    let findings = &candidate.findings;
    let (text, because) = match (&findings.opens, &findings.could_open) {
        (Some(because), _) => (
            format!(
                "{name}: the libraries that it opens while it runs are not in its image: mount them, name files in `assets`, \
                 or take a base that has them (`images.final = \"distroless-cc\"`)"
            ),
            because,
        ),
        (None, Some(because)) if linked.is_static() => (
            format!(
                "{name}: {}, which a static program cannot; if it needs to, `linkage = \"dynamic-gnu\"`",
                because.text
            ),
            because,
        ),
        _ => return None,
    };
    Some(Because { text, rule: "dlopen".to_owned(), ..because.clone() })
}

fn metadata(key: &str) -> Because {
    Because::new("metadata", format!("`{key}` in the metadata says so"))
}

/// The metadata beats what was found.
fn wanted(said: Option<bool>, key: &str, found: Option<&Because>) -> Option<Because> {
    match said {
        Some(true) => Some(found.cloned().unwrap_or_else(|| metadata(key))),
        Some(false) => None,
        None => found.cloned(),
    }
}

fn assets(
    workspace: &Workspace,
    settings: &Settings,
    table: &Table,
    candidate: &Candidate<'_>,
    context: &camino::Utf8Path,
) -> Result<Vec<Asset>> {
    let member = candidate.selected.member;
    let mut assets = Vec::new();
    for table in &table.assets {
        let (from, to) = match table {
            AssetTable::Same(path) => (path, path),
            AssetTable::Moved { from, to } => (from, to),
        };
        let places = [&member.dir, &workspace.root];
        let Some(path) = places.into_iter().map(|base| base.join(from)).find(|path| path.exists()) else {
            return Err(Failure::new(
                Kind::Workspace,
                format!("`assets` of {} names `{from}`, which is not there", member.name),
            )
            .help(format!("it is looked for in {} and in the workspace's root", workspace.relative(&member.dir))));
        };
        let to = if to.starts_with('/') { to.clone() } else { format!("{WORKDIR}/{}", to.trim_end_matches('/')) };
        let because = settings.because(&member.name, "assets", from);
        let from = relative(context, &path).into_string();
        assets.push(Asset { from, to, replaces_link: false, because });
    }
    // A list in the metadata is the whole list. What a file of the repository copies need not be all.
    let is_evidence = settings.is_evidence(&member.name, "assets");
    if !assets.is_empty() && !is_evidence {
        return Ok(assets);
    }
    for found in &candidate.findings.assets {
        let from = relative(context, &found.path).into_string();
        let shown = found.link.as_ref().unwrap_or(&found.path);
        let to = if found.beside_manifest {
            format!("{WORKDIR}/{}", relative(context, shown))
        } else {
            format!("{WORKDIR}/{}", found.literal)
        };
        if !(is_evidence && assets.iter().any(|known| covers(&known.to, &to))) {
            assets.push(Asset { from, to, replaces_link: found.link.is_some(), because: found.because.clone() });
        }
    }
    Ok(assets)
}

/// Whether a folder is the other one, or holds it.
fn covers(folder: &str, other: &str) -> bool {
    other.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn writable(settings: &Settings, table: &Table, candidate: &Candidate<'_>) -> Vec<Writable> {
    let package = &candidate.selected.member.name;
    let because = |path: &String| settings.because(package, "writable", path);
    let said = table.writable.iter().map(|path| Writable { path: path.clone(), because: because(path) });
    let mut folders: Vec<Writable> = said.collect();
    if !folders.is_empty() && !settings.is_evidence(package, "writable") {
        return folders;
    }
    for (path, because) in &candidate.findings.writable {
        let path = if path.starts_with('/') { path.clone() } else { format!("{WORKDIR}/{path}") };
        // Where nothing names the path, a file of the repository knows it better.
        let guessed = because.file.is_none() && !folders.is_empty();
        if !guessed && !folders.iter().any(|known| covers(&known.path, &path)) {
            folders.push(Writable { path, because: because.clone() });
        }
    }
    folders
}

fn labels(member: &Member, binary: &str, table: &Table) -> BTreeMap<String, String> {
    let mut labels = table.labels.clone();
    let mut say = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            let value = crate::failure::printable(value).split_whitespace().collect::<Vec<_>>().join(" ");
            labels.entry(format!("{LABEL}{key}")).or_insert(value);
        }
    };
    say("title", Some(binary));
    say("description", member.description.as_deref());
    say("licenses", member.license.as_deref());
    say("source", member.repository.as_deref());
    labels
}

/// Labels that would make the files differ with each release. The user's own value is a part of the files.
fn release_labels(member: &Member, table: &Table) -> BTreeMap<String, String> {
    let version = (format!("{LABEL}version"), member.version.clone());
    [version].into_iter().filter(|(name, _)| !table.labels.contains_key(name)).collect()
}
