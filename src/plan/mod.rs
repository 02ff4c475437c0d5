//! The only place that decides: facts, findings and the user's settings in, a [`Plan`] out.

mod bases;
mod caches;
mod ci;
mod compose;
mod context;
mod crt;
mod git;
mod group;
mod guards;
mod ignore;
mod images;
mod linkage;
mod machine;
pub mod model;
mod names;
mod pins;
mod profiles;
mod secrets;
mod select;
mod sources;
mod stages;
mod taken;
mod target;
mod toolchain;
mod tools;

use std::collections::BTreeMap;

pub use model::Plan;
pub(crate) use profiles::PROFILES;
pub use select::{Asked, Selected, selected};
pub use taken::{Evidence, Keys, decide as evidence, found_assets, keys as taken_keys};
pub(crate) use target::is_musl;

use crate::config::Settings;
use crate::detect::{self, Findings};
use crate::failure::Result;
use crate::host::Host;
use crate::image_paths::WORKDIR;
use crate::platforms;
use crate::workspace::{BinaryGraph, Features, Workspace};
use model::{Because, OptionalStage, SCHEMA, Summary};

/// The user and group of every image: distroless's `nonroot`.
pub(crate) const USER: u32 = 65532;

/// What the command line decides; it wins over the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--features` and its kin; none of them given: the metadata's.
    pub features: Option<Features>,
    /// `--bin`, `--package` and `--workspace`; none of them given: the metadata's, else the default members' binaries.
    pub asked: Asked,
    /// `--platform` of a build by an engine.
    pub platforms: Vec<String>,
    /// Stages that the command needs, besides those of the metadata.
    pub stages: Vec<OptionalStage>,
    /// `--cache` of a build by an engine.
    pub cache: Option<String>,
    /// What this machine can compile, where it compiles itself; none: an engine does, which can all.
    pub host: Option<HostFlags>,
}

/// A build by this machine's own cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFlags {
    /// The machine.
    pub host: Host,
    /// As Docker names them: `linux/amd64`; none: Linux on the machine's own processor.
    pub platforms: Vec<String>,
}

impl Flags {
    /// Whether they can make other files than those of the tree.
    pub fn change_files(&self) -> bool {
        self.features.is_some()
            || !self.asked.is_empty()
            || !self.platforms.is_empty()
            || !self.stages.is_empty()
            || self.cache.is_some()
    }

    /// The platforms that stages compile for. Empty: the Dockerfile builds for the processor that it runs on.
    fn cross(&self, settings: &Settings) -> Vec<String> {
        let named = &settings.workspace.platforms;
        let here = |name: &String| platforms::named(name).is_some_and(|platform| platform.arch == platforms::here());
        // One platform, this machine's own, needs no other compiler.
        let native = self.host.is_some() || matches!(self.platforms.as_slice(), [only] if here(only));
        let asked = self.platforms.iter().filter(|_| !(native && named.is_empty()));
        let mut all: Vec<String> = named.iter().chain(asked).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

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
/// [`Kind::Workspace`](crate::failure::Kind::Workspace) where the workspace has nothing to build;
/// [`Kind::Usage`](crate::failure::Kind::Usage) where the settings name what is not there;
/// [`Kind::Engine`](crate::failure::Kind::Engine) where this machine is to compile and cannot.
pub fn plan(workspace: &Workspace, settings: &Settings, flags: &Flags) -> Result<Plan> {
    let Evidence { settings, mut taken, mut not_taken, mut notes } = taken::decide(workspace, settings)?;
    let settings = &settings;
    let features = flags.features(settings);
    notes.extend(detect::processor(workspace, &settings.workspace)?);
    let selected = select::binaries((workspace, settings), &features, &flags.asked, &mut notes)?;
    let mut seen: BTreeMap<&str, (BinaryGraph, Findings)> = BTreeMap::new();
    let mut candidates = Vec::new();
    for selected in selected {
        // The binaries of one package share its graph.
        if !seen.contains_key(selected.member.name.as_str()) {
            // Which target is not decided yet; native parts do not differ between those that are possible.
            let graph = workspace.graph(selected.member, &features, "x86_64-unknown-linux-musl")?;
            let findings = detect::detect(workspace, selected.member, &graph, &settings.workspace.native)?;
            seen.insert(&selected.member.name, (graph, findings));
        }
        let (graph, findings) = seen[selected.member.name.as_str()].clone();
        candidates.push(Candidate { selected, graph, findings });
    }
    let questions = sources::read((workspace, settings), &mut candidates, &mut notes)?;

    let git = git::decide(workspace, &candidates, &mut notes);
    let context = context::decide(workspace, &git);
    let files = context::files(workspace, settings, &context);
    let toolchain = toolchain::decide(workspace, settings, &context, &mut notes);
    let auditable = tools::auditable(settings, &toolchain, flags.host.as_ref())?;
    let (secrets, indices) = secrets::decide(workspace)?;
    let machine = flags.host.as_ref().map(|host| machine::Machine::new(workspace, settings, host)).transpose()?;
    let cross = flags.cross(settings);
    let compiling = linkage::Compiling { features: &features, cross: &cross, machine: machine.as_ref() };
    let (mut groups, of_group) = linkage::groups(workspace, settings, &candidates, &compiling)?;
    for group in &mut groups {
        group.target_cache = caches::target(workspace, &toolchain, &context, group, "");
    }
    let ground = bases::Ground::decide(settings, &toolchain.image, machine.as_ref())?;
    notes.extend(ground.notes());
    let images = candidates
        .iter()
        .zip(of_group)
        .map(|(candidate, group)| {
            images::decide((workspace, settings), &context, &ground, candidate, (group, groups[group].linkage))
        })
        .collect::<Result<Vec<_>>>()?;
    for (candidate, image) in candidates.iter().zip(&images) {
        notes.extend(of_image(settings, candidate, &groups[image.group]));
    }
    notes.extend(groups.iter().flat_map(group::unset));
    let workbench = stages::workbench(&groups);
    let test =
        stages::test((workspace, settings), &features, &toolchain, (&context, &groups[workbench.group]), &mut notes)?;
    let dev = stages::dev((workspace, &features), &toolchain, &context, (&candidates, &images), &mut notes)?;
    let ignore = ignore::decide(workspace, settings, &context, &git)?;
    let profiles = profiles::decide(workspace, settings, &mut notes)?;
    let decided = compose::Decided { files: &files, profiles: &profiles, images: &images };
    let compose = compose::decide(workspace, settings, &candidates, &decided)?;
    taken::rest(workspace, flags, (&images, &groups), (&mut taken, &mut not_taken))?;
    let mut plan = Plan {
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
        profiles,
        cache_write: settings.workspace.cache_write.clone(),
        caches: caches::downloads(workspace),
        stages: stages::wanted(settings, flags, &compose),
        cross: !cross.is_empty(),
        shares_dependencies: caches::is_registry(settings, flags),
        ci: ci::decide(workspace, settings, &secrets)?,
        pins: Vec::new(),
        secrets,
        registry_env: indices,
        unset_for_downloads: workspace.cargo_config.wrappers.keys().cloned().collect(),
        compose,
        workbench,
        test,
        dev,
        auditable,
        context,
        git,
        files,
        toolchain,
        groups,
        images,
        ignore,
        taken,
        not_taken,
        notes,
        questions,
    };
    pins::pin(&mut plan, workspace.pins.as_ref());
    plan.notes.sort();
    plan.notes.dedup();
    Ok(plan)
}

/// What is to be known of an image besides the reasons of its parts.
fn of_image(settings: &Settings, candidate: &Candidate<'_>, group: &model::Group) -> Vec<Because> {
    let findings = &candidate.findings;
    let mut notes = findings.unknown.clone();
    notes.extend(findings.browser.iter().map(|browser| Because {
        text: format!(
            "{}: {}; if the program is for a browser, `exclude = [\"{}\"]` in the metadata leaves it out",
            candidate.selected.binary.name, browser.text, candidate.selected.member.name
        ),
        ..browser.clone()
    }));
    notes.extend(findings.embedded.iter().cloned());
    if settings.of(&candidate.selected.member.name).services.is_none() {
        notes.extend(findings.other_services.iter().cloned());
    }
    notes.extend(images::libraries(candidate, group.linkage));
    if group.linkage == model::Linkage::StaticMusl {
        notes.extend(group::costs(candidate));
    }
    notes
}
