//! Which images stages stand on.

use super::ground;
use crate::bases::{self, Base};
use crate::lint::expand::could_be;
use crate::lint::model::{Dockerfile, Stage};
use crate::lint::{Context, Found};
use crate::registry::Reference;

/// Stages that stand on an image, of those that an image needs.
fn pulled(file: &Dockerfile) -> impl Iterator<Item = (&Stage, &str, Reference)> {
    let needed = file.reachable(file.finals().into_iter().map(|stage| stage.index));
    file.stages.iter().filter(move |stage| needed.contains(&stage.index)).filter_map(|stage| {
        // A name with a variable may be that of a stage.
        let names = file.stages.iter().filter_map(|other| other.name.as_ref());
        if stage.base.stage.is_some() || names.into_iter().any(|name| could_be(&stage.base.written.text, &name.text)) {
            return None;
        }
        let name = stage.base.resolved.as_deref().filter(|name| *name != "scratch")?;
        // A bare word that no publisher has may be a build context, or an image of this machine's.
        if !name.contains(['/', ':', '@']) && known(file, name).is_none() {
            return None;
        }
        Some((stage, name, name.parse().ok()?))
    })
}

fn known(file: &Dockerfile, name: &str) -> Option<&'static Base> {
    bases::of(name, &file.mirrors).ok().flatten()
}

/// No tag, or `latest`.
pub(super) fn floating(context: &Context<'_>, found: &mut Vec<Found>) {
    for (stage, name, reference) in pulled(context.file) {
        if reference.digest().is_some() || reference.tag() != Some("latest") {
            continue;
        }
        // Their releases are in the repository's name, or there are none.
        let family = known(context.file, name).and_then(|base| base.family.as_deref());
        if matches!(family, Some("distroless" | "wolfi" | "redhat")) {
            continue;
        }
        let written = if name.ends_with(":latest") { "`latest`" } else { "no tag, which is `latest`" };
        let one = Found::at(stage.base.written.span.clone(), format!("{name} is another image after each release"))
            .label(written);
        found.push(one.help("name a release, and keep it up to date with a tool: `rust:1.95-slim-trixie`"));
    }
}

/// No digest.
pub(super) fn unpinned(context: &Context<'_>, found: &mut Vec<Found>) {
    let mut seen = std::collections::BTreeSet::new();
    for (stage, name, reference) in pulled(context.file) {
        // Once for each image is enough.
        if reference.digest().is_none() && seen.insert(name) {
            let one = Found::at(stage.base.written.span.clone(), format!("{name} can be another image tomorrow"))
                .label("a tag can be moved");
            found.push(one.help("add the digest of the index: `docker buildx imagetools inspect NAME` shows it, and `cargo dockerize pin` keeps those of generated files"));
        }
    }
}

/// A release that nobody mends.
pub(super) fn retired(context: &Context<'_>, found: &mut Vec<Found>) {
    let Ok(today) = bases::as_of() else { return };
    for (stage, name, _) in pulled(context.file) {
        let Some(base) = known(context.file, name) else { continue };
        let ended = base.end_of_life.as_ref().filter(|month| month.as_str() <= today);
        let message = match ended {
            Some(month) => format!("{name} was mended until {month}"),
            None if base.retired => format!("{name} is not built by its publisher any more"),
            None => continue,
        };
        let one = Found::at(stage.base.written.span.clone(), message).label("holes that are found now stay open");
        found.push(match ground::instead(base) {
            _ if base.toolchain == Some(true) => {
                one.help("take it on the next release, and the image under the program too")
            }
            Some(names) => one.help(format!("take {names}")),
            None => one,
        });
    }
}

/// A whole distribution under a program that was compiled elsewhere.
pub(super) fn bloated(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let Some(base) = ground::under(file, image).filter(|base| base.full && base.toolchain == Some(false)) else {
            continue;
        };
        let shipped = ground::shipped(file, image, configured(context));
        // What is installed into it is another matter.
        if shipped.is_empty() || installs_packages(file, image) {
            continue;
        }
        let is_static = shipped.iter().all(|one| one.linked == ground::Linked::Static);
        let title = ground::title(file, image);
        let one =
            Found::at(image.base.written.span.clone(), format!("{title} is a whole distribution, for one program"));
        found.push(match ground::instead(base) {
            _ if is_static => {
                one.help("the program is static: `scratch` or `gcr.io/distroless/static-debian13:nonroot` is enough")
            }
            Some(names) => one.help(format!("take {names}")),
            None => one,
        });
    }
}

fn installs_packages(file: &Dockerfile, image: &Stage) -> bool {
    ground::installs(
        file,
        image,
        &["apt-get install", "apt install", "apk add", "dnf install", "apt-get -y install", "aptitude"],
    )
}

/// Whether cargo has configuration that this lint did not read.
pub(super) fn configured(context: &Context<'_>) -> bool {
    context.input.context.as_ref().is_some_and(|folder| {
        folder.entries.iter().any(|entry| entry.ends_with(".cargo/config.toml") || entry.ends_with(".cargo/config"))
    })
}

/// Images of one file that stand on different systems.
pub(super) fn differing(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    let images = file.images();
    let family = |stage: &Stage| {
        let family = ground::under(file, stage)?.family.as_deref()?;
        (family != "scratch").then_some(family)
    };
    let Some((first, theirs)) = images.iter().find_map(|image| Some((*image, family(image)?))) else { return };
    for image in &images {
        let Some(own) = family(image).filter(|own| *own != theirs) else { continue };
        let message = format!("the images of this file stand on {theirs} and on {own}");
        let one = Found::at(image.base.written.span.clone(), message).label(own);
        found.push(
            one.also(first.base.written.span.clone(), theirs)
                .help("one system is one set of holes to mend, and one layer to pull"),
        );
    }
}
