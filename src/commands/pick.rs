//! What the command line names, found in the plan.

use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::model::{Image, Profile};
use cargo_dockerize::plan::{Asked, Plan};

/// What was asked for, and the nearest thing that is there where it is not.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Failure {
    let names = known.clone().collect::<Vec<_>>().join(", ");
    let failure = Failure::new(Kind::Usage, format!("there is no {what} `{name}`"));
    match cargo_dockerize::config::nearest(name, known) {
        Some(near) => failure.help(format!("did you mean `{near}`? There is {names}")),
        None => failure.help(format!("there is {names}")),
    }
}

/// The profile of this name.
pub fn profile<'a>(plan: &'a Plan, name: &str) -> Result<&'a Profile> {
    plan.profile(name)
        .ok_or_else(|| unknown("profile", name, plan.profiles.iter().map(|profile| profile.name.as_str())))
}

/// The image of a binary.
pub fn image<'a>(plan: &'a Plan, bin: &str) -> Result<&'a Image> {
    plan.image(bin).ok_or_else(|| unknown("binary", bin, plan.images.iter().map(|image| image.name.as_str())))
}

/// The images that the command line asks for; nothing asked for: all.
pub fn images<'a>(plan: &'a Plan, asked: &Asked) -> Vec<&'a Image> {
    let wanted = |image: &&Image| asked.takes(&image.package, &image.version, &image.name);
    plan.images.iter().filter(wanted).collect()
}
