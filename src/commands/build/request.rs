//! What the engine is asked for.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::engine::{self, Request, Target};
use cargo_dockerize::explain::Places;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::Image;
use cargo_dockerize::workspace;

use super::files::Files;
use super::{Subject, release_labels, reproducible, tests};
use crate::cli::{Build, ProvenanceArg, Running};
use crate::ui::Shell;

pub fn request(
    subject: &Subject<'_>,
    args: &Build,
    (files, scratch): (&Files, Utf8PathBuf),
    shell: Shell,
) -> Result<Request> {
    let Subject { profile, images, .. } = subject;
    whole_name_for_one(args, images.len())?;
    let (mut request, mut like) = bare(subject, &args.running, (files, scratch), shell)?;
    let several = images.len() > 1;
    let commit = workspace::commit(&request.root)?;
    let epoch = args.reproducible.reproducible.then(|| reproducible::epoch(&request.root)).transpose()?;
    let outputs = |image: &Image| {
        let outputs = output(image, args, (&request.scratch, several));
        let archive = reproducible::archive(&request.scratch, &image.stage);
        epoch.map_or(outputs.clone(), |epoch| reproducible::outputs(outputs, epoch, &archive))
    };
    if let Some(epoch) = epoch
        && let Some(time) = reproducible::assets(subject, epoch)?
    {
        like.args.insert(reproducible::ASSETS.to_owned(), time.to_string());
    }
    let target = |image: &Image| Target {
        tags: tags(image, args),
        attest: attest(args),
        output: outputs(image),
        labels: release_labels(image, commit.as_ref()),
        ..like.clone()
    };
    request.targets = if profile.runs_tests {
        tests::targets(files, &request.scratch, like)
    } else {
        images.iter().map(|image| (image.stage.clone(), target(image))).collect()
    };
    Ok(request)
}

/// A whole name cannot be several images'.
pub fn whole_name_for_one(args: &Build, images: usize) -> Result<()> {
    if images == 1 || args.tag.iter().all(|tag| !tag.contains(['/', ':'])) {
        return Ok(());
    }
    Err(Failure::new(Kind::Usage, "a whole name is for one image, and several would be built")
        .help("choose one with `--bin NAME`, or pass a tag alone; `--prefix` names the registry"))
}

/// The arguments that name the programs to link, for groups of which not all are asked for.
fn linked<'a>(plan: &'a Plan, images: &'a [&Image]) -> impl Iterator<Item = (String, String)> + 'a {
    plan.groups.iter().enumerate().filter_map(|(at, group)| {
        let wanted: Vec<&str> =
            images.iter().filter(|image| image.group == at).map(|image| image.name.as_str()).collect();
        (!wanted.is_empty() && wanted.len() < group.binaries.len()).then(|| (group.bins_arg(), wanted.join(" ")))
    })
}

/// A request without targets, and what all of them have in common: nothing comes of them yet.
pub fn bare(
    subject: &Subject<'_>,
    args: &Running,
    (files, scratch): (&Files, Utf8PathBuf),
    shell: Shell,
) -> Result<(Request, Target)> {
    let Subject { session, plan, profile, images } = subject;
    let mut arguments = BTreeMap::from([("CARGO_PROFILE".to_owned(), profile.cargo.clone())]);
    if plan.git.revision.is_some() {
        arguments.extend(workspace::revision(&session.workspace.root)?);
    }
    if files.ours {
        arguments.extend(linked(plan, images));
    }
    for argument in &args.arguments {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (argument.as_str(), std::env::var(argument).unwrap_or_default()),
        };
        arguments.insert(name.to_owned(), value);
    }
    let provided = engine::gather(&plan.secrets)?;
    for missing in &provided.missing {
        shell.warn(missing);
    }
    let like = Target {
        dockerfile: files.dockerfile.as_ref().map(ToString::to_string),
        args: arguments,
        secret: provided.secrets,
        ssh: provided.ssh,
        contexts: files.helpers.iter().map(|folder| ("helpers".to_owned(), folder.to_string())).collect(),
        output: vec!["type=cacheonly".to_owned()],
        platforms: args.platform.clone(),
        network: args.network.clone(),
        no_cache: args.no_cache,
        pull: args.pull,
        ..Target::default()
    };
    let root = session.workspace.root.clone();
    let mut reads = provided.files;
    if plan.context.path != "." {
        reads.push(root.join(&plan.context.path).canonicalize_utf8().unwrap_or_else(|_| root.clone()));
    }
    let (file, builder) = (files.bake.clone(), args.builder.clone());
    let (targets, writes) = (BTreeMap::new(), Vec::new());
    let places = Places::of(&session.workspace, plan);
    Ok((Request { root, file, scratch, targets, reads, writes, builder, secret_env: provided.env, places }, like))
}

/// The names of an image.
pub fn tags(image: &Image, args: &Build) -> Vec<String> {
    let name = &image.repository;
    let whole = |tag: &String| {
        if tag.contains(['/', ':']) { tag.clone() } else { format!("{}{name}:{tag}", args.prefix) }
    };
    if args.tag.is_empty() {
        vec![format!("{}{name}:latest", args.prefix)]
    } else {
        args.tag.iter().map(whole).collect()
    }
}

fn output(image: &Image, args: &Build, (scratch, several): (&Utf8Path, bool)) -> Vec<String> {
    let chosen = match &args.destination {
        _ if args.destination.push => "type=image,push=true".to_owned(),
        destination => destination.output.clone().unwrap_or_else(|| "type=docker".to_owned()),
    };
    // A layout's tags are those of one image, as without Docker.
    let chosen = if several && is_folder(&chosen) { in_folder_of_its_own(&chosen, &image.stage) } else { chosen };
    let layout = Request::layout(scratch, &image.stage);
    // buildx refuses a second folder, and takes a folder and an archive.
    let own = if is_folder(&chosen) {
        format!("type=oci,dest={}", Request::archive(&layout))
    } else {
        format!("type=oci,tar=false,dest={layout}")
    };
    vec![chosen, own]
}

/// How an image was made goes to the registry with it. The engine's own account names the build's arguments and the ids of secrets,
/// and never a secret's value.
fn attest(args: &Build) -> Vec<String> {
    let mode = match args.documents.told() {
        // The engine's account has the times of its steps.
        _ if args.reproducible.reproducible => None,
        ProvenanceArg::None => None,
        ProvenanceArg::Max => Some("max"),
        ProvenanceArg::Min => Some("min"),
    };
    let provenance = match mode {
        None => Some("type=provenance,disabled=true".to_owned()),
        Some(mode) if args.destination.push => Some(format!("type=provenance,mode={mode}")),
        Some(_) => None,
    };
    let scan = args.documents.scan.as_deref().map(|generator| match generator {
        "" => "type=sbom".to_owned(),
        generator => format!("type=sbom,generator={generator}"),
    });
    provenance.into_iter().chain(scan).collect()
}

/// The same output, in the folder of this image.
fn in_folder_of_its_own(output: &str, stage: &str) -> String {
    let part = |part: &str| if part.starts_with("dest=") { format!("{part}/{stage}") } else { part.to_owned() };
    output.split(',').map(part).collect::<Vec<_>>().join(",")
}

/// Whether an output is an OCI layout as a folder.
fn is_folder(output: &str) -> bool {
    let says = |what: &str| output.split(',').any(|part| part == what);
    says("type=oci") && says("tar=false")
}
