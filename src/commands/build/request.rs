//! What the engine is asked for.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::engine::{self, Request, Target};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::model::Image;
use cargo_dockerize::{render, workspace};

use super::Subject;
use super::files::Files;
use crate::cli::{Build, Running};
use crate::ui::Shell;

pub fn request(
    subject: &Subject<'_>,
    args: &Build,
    (files, scratch): (&Files, Utf8PathBuf),
    shell: Shell,
) -> Result<Request> {
    let Subject { profile, images, .. } = subject;
    if args.tag.iter().any(|tag| tag.contains(['/', ':'])) && images.len() != 1 {
        return Err(Failure::new(Kind::Usage, "a whole name is for one image, and several would be built")
            .help("choose one with `--bin NAME`, or pass a tag alone; `--prefix` names the registry"));
    }
    let (mut request, like) = bare(subject, &args.running, (files, scratch), shell)?;
    let target = |image: &Image| Target {
        tags: tags(image, args),
        output: output(image, args, &request.scratch),
        ..like.clone()
    };
    request.targets = if profile.runs_tests {
        BTreeMap::from([("test".to_owned(), Target { labels: BTreeMap::new(), ..like })])
    } else {
        images.iter().map(|image| (image.stage.clone(), target(image))).collect()
    };
    Ok(request)
}

/// A request without targets, and what all of them have in common: nothing comes of them yet.
pub fn bare(
    subject: &Subject<'_>,
    args: &Running,
    (files, scratch): (&Files, Utf8PathBuf),
    shell: Shell,
) -> Result<(Request, Target)> {
    let Subject { session, plan, profile, .. } = subject;
    let revision = workspace::revision(&session.workspace.root)?;
    let mut arguments = BTreeMap::from([("CARGO_PROFILE".to_owned(), profile.cargo.clone())]);
    if plan.git.revision.is_some() {
        arguments.extend(revision.clone());
    }
    for argument in &args.arguments {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (argument.as_str(), std::env::var(argument).unwrap_or_default()),
        };
        arguments.insert(name.to_owned(), value);
    }
    // A label of the last step: it costs no step its cache.
    let label = revision.get("GIT_REVISION").map(|id| ("org.opencontainers.image.revision".to_owned(), id.clone()));
    let provided = engine::gather(&plan.secrets)?;
    for missing in &provided.missing {
        shell.warn(missing);
    }
    let like = Target {
        dockerfile: files.dockerfile.as_ref().map(ToString::to_string),
        args: arguments,
        secret: provided.secrets,
        ssh: provided.ssh,
        labels: label.into_iter().collect(),
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
    Ok((Request { root, file, scratch, targets, reads, writes, builder, secret_env: provided.env }, like))
}

fn tags(image: &Image, args: &Build) -> Vec<String> {
    let name = render::tag(&image.name);
    let whole = |tag: &String| {
        if tag.contains(['/', ':']) { tag.clone() } else { format!("{}{name}:{tag}", args.prefix) }
    };
    if args.tag.is_empty() {
        vec![format!("{}{name}:latest", args.prefix)]
    } else {
        args.tag.iter().map(whole).collect()
    }
}

fn output(image: &Image, args: &Build, scratch: &Utf8Path) -> Vec<String> {
    let chosen = match &args.destination {
        _ if args.destination.push => "type=image,push=true".to_owned(),
        destination => destination.output.clone().unwrap_or_else(|| "type=docker".to_owned()),
    };
    vec![chosen, format!("type=oci,tar=false,dest={}", Request::layout(scratch, &image.stage))]
}
