//! What is not taken, as far as the image has a say in it: the base, packages, users, other stages.

use super::rules::{Part, Rules};
use super::{NotTaken, Source, Taken};
use crate::facts::repository::{Built, Place, Said};
use crate::failure::Result;
use crate::image_paths::WORKDIR;
use crate::plan::Flags;
use crate::plan::model::{Group, Image, Linkage};
use crate::workspace::Workspace;

/// Goes through the Dockerfiles of the programs that get an image, and forgets what was taken for others.
///
/// # Errors
/// A table of this tool cannot be read.
pub(in crate::plan) fn rest(
    workspace: &Workspace,
    flags: &Flags,
    (images, groups): (&[Image], &[Group]),
    (taken, not_taken): (&mut Vec<Taken>, &mut Vec<NotTaken>),
) -> Result<()> {
    // The command line wins.
    let of_features = |key: &str| matches!(key, "features" | "all-features" | "no-default-features");
    taken.retain(|one| match &one.package {
        None => flags.features.is_none() || !of_features(&one.key),
        Some(package) => images.iter().any(|image| image.package == *package),
    });
    let rules = Rules::known()?;
    for source in super::sources(workspace).into_iter().filter(Source::is_own) {
        let built = source.shipping.image;
        let is_it = |image: &&Image| image.name == source.binary.name && image.package == source.member.name;
        let Some(image) = images.iter().find(is_it) else { continue };
        let linkage = groups[image.group].linkage;
        let mut leave = |what: String, why: String, place: &Place| {
            not_taken.push(NotTaken { place: place.to_string(), what, why });
        };
        let why = match image.base.as_str() {
            "scratch" => "the image needs no base".to_owned(),
            base => format!("the image is on {base}"),
        };
        leave(format!("FROM {}", built.base.value), why, &built.base.place);
        user(built, image, &mut leave);
        working_folder(built, &mut leave);
        start(built, &mut leave);
        for stage in &built.others {
            let why = if stage.value.front {
                "build the front end first, and name its files in `assets`"
            } else {
                "only what cargo compiles is built here"
            };
            leave(format!("stage {}", stage.value.stage), why.to_owned(), &stage.place);
        }
        packages(rules, built, image, linkage, &mut leave);
    }
    not_taken.sort_by(|a, b| super::in_order(&a.place, &b.place).then_with(|| a.cmp(b)));
    not_taken.dedup();
    Ok(())
}

fn user(built: &Built, image: &Image, leave: &mut impl FnMut(String, String, &Place)) {
    let Some(user) = &built.user else { return };
    let name = user.value.split(':').next().unwrap_or_default();
    if name != "nonroot" && name != image.user.to_string() {
        leave(format!("USER {}", user.value), format!("images have the user {}, by number", image.user), &user.place);
    }
}

/// Documents for operators name paths in the old working folder: what they mount there, the program does not find.
fn working_folder(built: &Built, leave: &mut impl FnMut(String, String, &Place)) {
    let Some(folder) = built.workdir.as_ref().filter(|folder| !matches!(folder.value.as_str(), "/" | WORKDIR)) else {
        return;
    };
    let why = format!("the working folder is {WORKDIR}: mount there what you mounted in {}", folder.value);
    leave(format!("WORKDIR {}", folder.value), why, &folder.place);
}

fn start(built: &Built, leave: &mut impl FnMut(String, String, &Place)) {
    let Some(start) = &built.start else { return };
    if let Some(script) = &start.script {
        let why = "the image starts the program itself";
        leave(format!("ENTRYPOINT {}", script.value), why.to_owned(), &script.place);
    }
    if start.shell {
        let why = "a shell has to read it; `arguments` names what is given";
        leave("the line that is started".to_owned(), why.to_owned(), &start.place);
    }
}

/// Packages of one line are one entry for each reason.
fn packages(
    rules: &Rules,
    built: &Built,
    image: &Image,
    linkage: Linkage,
    leave: &mut impl FnMut(String, String, &Place),
) {
    let mut lines: Vec<(Said<String>, Vec<&str>)> = Vec::new();
    for package in &built.packages {
        let Some(row) = rules.package(&package.value) else { continue };
        let has = match row.part {
            Part::Certificates => image.rootfs.ca_certificates.is_some(),
            Part::Zones => image.rootfs.zoneinfo.is_some(),
            Part::Init => image.rootfs.init.is_some(),
            Part::Libraries => !linkage.is_static(),
            Part::Program => true,
        };
        let why = if has { &row.with } else { &row.without };
        match lines.iter_mut().find(|(said, _)| said.value == *why && said.place == package.place) {
            Some((_, names)) => names.push(&package.value),
            None => lines.push((package.with(why.clone()), vec![&package.value])),
        }
    }
    for (why, names) in lines {
        let noun = if names.len() == 1 { "package" } else { "packages" };
        leave(format!("{noun} {}", names.join(", ")), why.value, &why.place);
    }
}
