//! The only place that decides: facts, findings and the user's settings in, a [`Plan`] out.

mod caches;
mod context;
mod git;
mod ignore;
mod images;
mod linkage;
pub mod model;
mod secrets;
mod select;
mod toolchain;

use std::collections::BTreeMap;

pub use model::Plan;
pub use select::Selected;

use crate::config::Settings;
use crate::detect::{self, Findings};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{BinaryGraph, Features, Workspace};
use model::{Because, Profile, SCHEMA, Summary, TestStage};

/// Where the context lies in the build stages, and the program's working folder where it has files to find.
pub(crate) const WORKDIR: &str = "/app";

/// The user and group of every image: distroless's `nonroot`.
pub(crate) const USER: u32 = 65532;

/// What the command line decides; it wins over the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--features` and its kin; none of them given: the metadata's.
    pub features: Option<Features>,
}

impl Flags {
    /// The features that hold.
    pub fn features(&self, settings: &Settings) -> Features {
        self.features.clone().unwrap_or_else(|| Features {
            names: settings.workspace.features.clone(),
            all: settings.workspace.all_features,
            no_default: settings.workspace.no_default_features,
        })
    }
}

/// A binary on its way through the plan.
pub(crate) struct Candidate<'a> {
    pub selected: Selected<'a>,
    pub graph: BinaryGraph,
    pub findings: Findings,
}

/// Decides everything.
///
/// # Errors
/// [`Kind::Workspace`] where the workspace has nothing to build; [`Kind::Usage`] where the settings name what is not there.
pub fn plan(workspace: &Workspace, settings: &Settings, flags: &Flags) -> Result<Plan> {
    let features = flags.features(settings);
    let mut notes = Vec::new();
    let selected = select::binaries(workspace, settings, &features, &mut notes)?;
    let mut seen: BTreeMap<&str, (BinaryGraph, Findings)> = BTreeMap::new();
    let mut candidates = Vec::new();
    for selected in selected {
        // The binaries of one package share its graph.
        if !seen.contains_key(selected.member.name.as_str()) {
            // Which target is not decided yet; native parts do not differ between the two that are possible.
            let graph = workspace.graph(selected.member, &features, "x86_64-unknown-linux-musl")?;
            let findings = detect::detect(workspace, selected.member, &graph, &settings.workspace.native)?;
            seen.insert(&selected.member.name, (graph, findings));
        }
        let (graph, findings) = seen[selected.member.name.as_str()].clone();
        candidates.push(Candidate { selected, graph, findings });
    }

    let git = git::decide(workspace, &candidates, &mut notes);
    let context = context::decide(workspace, &git);
    let files = context::files(settings, &context);
    let toolchain = toolchain::decide(workspace, settings, &context, &mut notes);
    let (secrets, indices) = secrets::decide(workspace)?;
    let (mut groups, of_group) = linkage::groups(workspace, settings, &features, &candidates)?;
    for group in &mut groups {
        group.env.extend(indices.clone());
        group.target_cache = caches::target(workspace, &toolchain, &context, group);
    }
    let images = candidates
        .iter()
        .zip(of_group)
        .map(|(candidate, group)| {
            images::decide(workspace, settings, &context, candidate, (group, groups[group].linkage))
        })
        .collect::<Result<Vec<_>>>()?;
    for (candidate, image) in candidates.iter().zip(&images) {
        notes.extend(candidate.findings.unknown.iter().cloned());
        notes.extend(candidate.findings.ports.iter().filter(|port| port.loopback).map(|port| Because {
            text: format!("{}: on an address that nobody outside of the container reaches", port.because.text),
            rule: "loopback".to_owned(),
            ..port.because.clone()
        }));
        if groups[image.group].linkage == model::Linkage::StaticMusl {
            notes.extend(linkage::costs(candidate));
        }
    }
    notes.sort();
    notes.dedup();
    let ignore = ignore::decide(workspace, settings, &context, &git)?;
    Ok(Plan {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        workspace: Summary {
            name: workspace.name.clone(),
            members: workspace.members.len(),
            packages: workspace.package_count(),
        },
        syntax: match settings.workspace.syntax.as_deref() {
            Some("none") => None,
            Some(reference) => Some(reference.to_owned()),
            None => Some("docker/dockerfile:1".to_owned()),
        },
        profiles: profiles(workspace, settings)?,
        cache_write: settings.workspace.cache_write.clone(),
        caches: caches::downloads(),
        secrets,
        // Where one binary needs the system's libraries, so may the tests of its package.
        test: TestStage { group: groups.len() - 1, cargo_args: vec!["--workspace".to_owned()] },
        context,
        git,
        files,
        toolchain,
        groups,
        images,
        ignore,
        notes,
    })
}

fn profiles(workspace: &Workspace, settings: &Settings) -> Result<Vec<Profile>> {
    let mut cargo_of: BTreeMap<&str, &str> = BTreeMap::from([("dev", "dev"), ("prod", "release"), ("test", "dev")]);
    for (name, table) in &settings.workspace.profile {
        match &table.cargo {
            Some(cargo) => {
                cargo_of.insert(name, cargo);
            }
            None if cargo_of.contains_key(name.as_str()) => {}
            None => {
                return Err(Failure::new(
                    Kind::Workspace,
                    format!("the image profile `{name}` does not say which of cargo's profiles it is"),
                )
                .help(format!("add `cargo = \"release\"`, or another one, to its table `profile.{name}`")));
            }
        }
    }
    let profile = |(name, cargo): (&str, &str)| {
        let Some(known) = workspace.profiles.get(cargo) else {
            let names: Vec<&str> = workspace.profiles.keys().map(String::as_str).collect();
            return Err(Failure::new(
                Kind::Workspace,
                format!("the image profile `{name}` names cargo's profile `{cargo}`, which does not exist"),
            )
            .help(format!("Cargo.toml has {}", names.join(", "))));
        };
        let runs_tests = name == "test";
        let mut env = BTreeMap::new();
        let mut because = Vec::new();
        if !runs_tests && cargo != "dev" {
            let text = if let Some(strip) = &known.strip {
                format!("[profile.{cargo}] sets strip = \"{strip}\", which is kept")
            } else {
                // Upper case and underscores are how cargo spells a profile in its environment.
                let variable = format!("CARGO_PROFILE_{}_STRIP", cargo.to_uppercase().replace('-', "_"));
                env.insert(variable, "symbols".to_owned());
                format!("[profile.{cargo}] leaves symbols in; set strip there to keep them")
            };
            let file = known.line.map(|line| format!("Cargo.toml:{line}"));
            because.push(Because { text, krate: None, rule: "strip".to_owned(), file });
        }
        let own = settings.workspace.profile.get(name).and_then(|table| table.cache.clone());
        let cache = own.or_else(|| settings.workspace.cache.clone());
        Ok(Profile { name: name.to_owned(), cargo: cargo.to_owned(), runs_tests, cache, env, because })
    };
    cargo_of.into_iter().map(profile).collect()
}
