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

use std::collections::BTreeMap;

use cargo_dockerize::failure::Result;
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::{Image, Profile};
use cargo_dockerize::workspace::Commit;

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
    let mut session = Session::open(common)?;
    session.ask(&args.selecting.asked())?;
    match choice.decide(&session.workspace.root)? {
        Chosen::Buildx(engine) => buildx::run((args, common), session, (engine, &account, signer.as_ref()), shell),
        Chosen::Embedded(here) => oci::run((args, common), session, (*here, &account, signer.as_ref()), shell),
    }
}

/// The labels that change with each release, for both engines. A label of the user's wins.
fn release_labels(image: &Image, commit: Option<&Commit>) -> BTreeMap<String, String> {
    let label = |name: &str| format!("org.opencontainers.image.{name}");
    let mut labels = image.release_labels.clone();
    if let Some(commit) = commit {
        labels.insert(label("revision"), commit.id.clone());
        let time = i64::try_from(commit.time).ok().and_then(|time| jiff::Timestamp::from_second(time).ok());
        labels.extend(time.map(|time| (label("created"), time.to_string())));
    }
    labels.retain(|name, _| !image.labels.contains_key(name));
    labels
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

#[cfg(test)]
mod tests_of_labels {
    use super::*;

    #[test]
    fn a_label_of_the_users_wins() {
        let image: Image = serde_json::from_value(serde_json::json!({
            "name": "app", "stage": "app", "repository": "app", "package": "app", "version": "1.0.0", "group": 0,
            "base": "scratch", "because": [], "brings": null, "binary": "/app", "user": 1, "workdir": "/app",
            "rootfs": { "ca-certificates": null, "extra-ca": [], "zoneinfo": null, "init": null, "writable": [], "packages": [] },
            "assets": [], "env": {}, "expose": [], "expose-because": [], "healthcheck": [], "stop-signal": null,
            "labels": { "org.opencontainers.image.revision": "mine" },
            "release-labels": { "org.opencontainers.image.version": "1.0.0" }, "layers": []
        }))
        .unwrap();
        let commit = Commit { id: "0123".to_owned(), time: 1_700_000_000, modified: false };
        let labels: Vec<(String, String)> = release_labels(&image, Some(&commit)).into_iter().collect();
        let label = |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.to_owned());
        assert_eq!(labels, [label("created", "2023-11-14T22:13:20Z"), label("version", "1.0.0")]);
    }
}
