//! `cargo dockerize verify-reproducible`

mod account;
mod builds;

use camino::Utf8Path;
use cargo_dockerize::engine::{self, Engine};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::image::{Image, Layout, differences};
use cargo_dockerize::plan::{Asked, model};

use super::build::{Subject, reproducible};
use super::{Session, pick};
use crate::cli::verify::VerifyReproducible;
use crate::cli::{Common, EngineArg, Format, Reproducible};
use crate::ui::{self, Shell};
use account::{Account, Compared};
use builds::Builds;

pub fn run(args: &VerifyReproducible, common: &Common, shell: Shell) -> Result<()> {
    let engine = engine(args)?;
    let mut session = Session::open(common)?;
    let asked = Asked { binaries: args.bin.clone(), ..Asked::default() };
    session.ask(&asked)?;
    if engine.is_none() {
        session.compile_here(&args.platform)?;
    }
    let plan = session.plan()?;
    let profile = pick::profile(&plan, &args.profile)?;
    if profile.runs_tests {
        return Err(Failure::new(Kind::Usage, format!("the profile `{}` makes no image", profile.name)));
    }
    let images = pick::images(&plan, &asked);
    let subject = Subject { session: &session, plan: &plan, profile, images: &images };
    // Before minutes go into what cannot be the same.
    let wanted = Reproducible { reproducible: true, allow_unpinned: args.allow_unpinned };
    reproducible::demand(&subject, &wanted, engine.is_some(), shell)?;
    let builds = Builds::prepare(&subject, (engine.as_ref(), args.builder.as_deref()))?;
    let built = builds.run((args, common), shell);
    builds.tidy();
    built?;
    let mut compared = Vec::new();
    for image in &images {
        compared.extend(compare(image, builds.layouts(&image.stage, images.len()))?);
    }
    let account = Account::new(if engine.is_some() { "buildx" } else { "oci" }, compared);
    ui::print(&match args.format {
        Format::Json => ui::json(&account)?,
        Format::Text => account.text(),
    })?;
    account.judge()
}

/// Docker's, where it is to build; none: this machine's cargo does.
fn engine(args: &VerifyReproducible) -> Result<Option<Engine>> {
    match args.engine {
        EngineArg::Oci => Ok(None),
        EngineArg::Buildx => engine::probe().map(Some),
        EngineArg::Auto => match engine::probe() {
            Ok(engine) => Ok(Some(engine)),
            Err(failure) if failure.kind() == Kind::Engine => Ok(None),
            Err(failure) => Err(failure),
        },
    }
}

/// The two images of each platform.
fn compare(planned: &model::Image, [first, second]: [impl AsRef<Utf8Path>; 2]) -> Result<Vec<Compared>> {
    let read = |folder: &Utf8Path| Layout::new(folder).images();
    let (first, second) = (read(first.as_ref())?, read(second.as_ref())?);
    let other = |image: &Image| second.iter().find(|other| other.platform() == image.platform());
    let pairs = first.iter().filter_map(|image| Some((image, other(image)?)));
    pairs
        .map(|(one, other)| {
            let digests = [one.digest.clone(), other.digest.clone()];
            Ok(Compared::new(&planned.name, one.platform(), digests, differences(one, other)?))
        })
        .collect()
}
