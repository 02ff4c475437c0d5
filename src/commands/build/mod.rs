//! `cargo dockerize build`

mod account;
mod buildx;
pub(super) mod cached;
mod choice;
mod documents;
pub(super) mod files;
mod lists;
mod oci;
pub(super) mod reproducible;
pub(super) mod request;
mod sign;
mod tests;

use cargo_dockerize::failure::Result;
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Image, Profile};

use super::Session;
use crate::cli::{Build, Common};
use crate::ui::Shell;
use account::Account;
pub(super) use buildx::{dry_run, planned, style, totals};
pub(super) use cached::NAMESPACE;
use choice::{Choice, Chosen};
pub(super) use oci::Bytes;
use sign::Signer;

pub fn run(args: &Build, common: &Common, shell: Shell) -> Result<()> {
    let signer = Signer::open(args)?;
    // Docker's programs take their time to answer, and so do rustup's; the workspace takes some to read.
    let choice = Choice::begin(args, common)?;
    let account = Account::open(args)?;
    let session = Session::open(common)?;
    match choice.decide(&session.workspace.root)? {
        Chosen::Buildx(engine) => buildx::run((args, common), session, (engine, &account, signer.as_ref()), shell),
        Chosen::Embedded(here) => oci::run((args, common), session, (*here, &account, signer.as_ref()), shell),
    }
}

/// What is built, and for what.
pub struct Subject<'a> {
    pub session: &'a Session,
    pub plan: &'a Plan,
    pub profile: &'a Profile,
    pub images: &'a [&'a Image],
}

impl Subject<'_> {
    /// The indices of the images' build groups.
    pub fn groups(&self) -> Vec<usize> {
        let mut groups: Vec<usize> = self.images.iter().map(|image| image.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}
