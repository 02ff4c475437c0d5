//! What the command line names, found in the plan.

use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Image, Profile};

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

/// The images of these binaries and packages; none named: all.
pub fn images<'a>(plan: &'a Plan, bins: &[String], packages: &[String]) -> Result<Vec<&'a Image>> {
    for bin in bins {
        image(plan, bin)?;
    }
    for package in packages {
        if plan.images.iter().all(|image| image.package != *package) {
            return Err(unknown(
                "package with an image",
                package,
                plan.images.iter().map(|image| image.package.as_str()),
            ));
        }
    }
    let all = bins.is_empty() && packages.is_empty();
    let wanted = |image: &&Image| all || bins.contains(&image.name) || packages.contains(&image.package);
    Ok(plan.images.iter().filter(wanted).collect())
}
