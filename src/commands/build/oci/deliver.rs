//! Takes images where they belong.

use std::time::Instant;

use camino::Utf8Path;
use cargo_dockerize::engine::record::Step;
use cargo_dockerize::failure::{Failure, Result};
use cargo_dockerize::oci::load::{self, Runtime};
use cargo_dockerize::oci::{Named, Store, archive, layout, publish};
use cargo_dockerize::plan::model::Image;
use cargo_dockerize::registry::{Client, Options, Outcome};

use super::destination::Destination;
use super::progress::Bytes;
use crate::ui::Shell;

/// Takes all of them there, as a step of the build.
pub fn deliver(
    store: &Store,
    destination: &Destination,
    (images, bundles, new): (&[&Image], &[Named<'_>], &[bool]),
    shell: Shell,
) -> Result<Step> {
    let began = Instant::now();
    take(store, destination, (images, bundles, new), shell)?;
    Ok(Step {
        digest: "deliver".to_owned(),
        name: destination.words(),
        stage: Some("deliver".to_owned()),
        seconds: began.elapsed().as_secs_f64(),
        ..Step::default()
    })
}

fn take(
    store: &Store,
    destination: &Destination,
    (images, bundles, new): (&[&Image], &[Named<'_>], &[bool]),
    shell: Shell,
) -> Result<()> {
    let file = |path: &Utf8Path, write: &mut dyn FnMut(&mut dyn std::io::Write) -> std::io::Result<()>| {
        archive::file(path, write)?;
        shell.status("Wrote", format!("{} into {path}", names(bundles)));
        Ok(())
    };
    match destination {
        Destination::Runtime(runtime) => hand_over(runtime, store, (bundles, new), shell),
        Destination::Registry => push(store, bundles, shell),
        Destination::Layout { folder, asked } => {
            for (image, bundle) in images.iter().zip(bundles) {
                // A layout's tags are those of one image.
                let folder = if *asked && bundles.len() == 1 { folder.clone() } else { folder.join(&image.stage) };
                layout::write(store, &[*bundle], &folder)?;
                shell.status("Wrote", format!("{} into {folder}, an OCI layout", bundle.1.join(", ")));
            }
            if !*asked {
                shell.status(
                    "Note",
                    "nothing that runs containers answers here; `--push` takes the images to a registry",
                );
            }
            Ok(())
        }
        Destination::OciArchive(path) => file(path, &mut |to| archive::oci(store, bundles, to)),
        Destination::DockerArchive(path) => file(path, &mut |to| archive::docker(store, bundles, None, to)),
    }
}

/// All names, in one line.
fn names(bundles: &[Named<'_>]) -> String {
    bundles.iter().flat_map(|(_, names)| names.iter().map(String::as_str)).collect::<Vec<_>>().join(", ")
}

fn hand_over(runtime: &Runtime, store: &Store, (bundles, new): (&[Named<'_>], &[bool]), shell: Shell) -> Result<()> {
    // Each question is a process of the runtime's, and takes its time: of what is new it is not asked.
    let has =
        |((bundle, names), new): (&Named<'_>, &bool)| !new && names.iter().all(|name| load::has(runtime, bundle, name));
    let known: Vec<bool> = std::thread::scope(|scope| {
        let asked: Vec<_> = bundles.iter().zip(new).map(|named| scope.spawn(move || has(named))).collect();
        asked.into_iter().map(|answer| answer.join().unwrap_or(false)).collect()
    });
    let pick =
        |there: bool| bundles.iter().zip(&known).filter(move |(_, known)| **known == there).map(|(named, _)| *named);
    let (there, new): (Vec<Named<'_>>, Vec<Named<'_>>) = (pick(true).collect(), pick(false).collect());
    if !new.is_empty() {
        load::load(runtime, store, &new)?;
    }
    for (verb, some) in [("Unchanged", there), ("Loaded", new)] {
        if !some.is_empty() {
            shell.status(verb, format!("{} in {}", names(&some), runtime.name()));
        }
    }
    Ok(())
}

fn push(store: &Store, bundles: &[Named<'_>], shell: Shell) -> Result<()> {
    let client = Client::new(Options::default())?;
    for (bundle, names) in bundles {
        let bytes = Bytes::new("Pushing", shell);
        let published = publish(&client, store, bundle, names, &|at| bytes.on(at)).map_err(unfinished)?;
        drop(bytes);
        for one in published {
            let there = one.blobs.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Uploaded(_))).count();
            let sent = bytesize::ByteSize::b(one.sent()).display().si();
            shell.status(
                "Pushed",
                format!("{} ({sent} sent, {there} of {} blobs were there)", one.reference, one.blobs.len()),
            );
        }
    }
    Ok(())
}

/// What was pushed until then stays, and is not pushed again.
fn unfinished(failure: Failure) -> Failure {
    failure.help("run it again: what the registry has by now is not sent twice")
}
