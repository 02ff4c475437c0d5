//! Dockerfiles of other people's shapes, to be measured beside ours.

use std::collections::BTreeSet;

use minijinja::context;
use minijinja::value::Serde;

use super::{environment, internal};
use crate::failure::Result;
use crate::plan::model::{Image, Profile};
use crate::plan::{Plan, is_musl};
use crate::workspace::Features;

/// A shape: its name on the command line, what it is, its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// As `--against` takes it.
    pub name: &'static str,
    /// In a few words.
    pub title: &'static str,
    template: &'static str,
}

/// The shapes that are known.
pub const PEERS: &[Peer] = &[
    Peer { name: "naive", title: "one stage, copied whole", template: "peers/naive.Dockerfile.j2" },
    Peer { name: "docker-init", title: "docker init's shape", template: "peers/docker-init.Dockerfile.j2" },
    Peer { name: "cargo-chef", title: "cargo-chef's README", template: "peers/cargo-chef.Dockerfile.j2" },
];

impl Peer {
    /// The Dockerfile of this shape for one image, with the packages and the toolchain image that our own has.
    ///
    /// # Errors
    /// A template and the plan do not fit, which the tests rule out.
    pub fn dockerfile(&self, plan: &Plan, image: &Image, profile: &Profile, features: &Features) -> Result<String> {
        let group = &plan.groups[image.group];
        // These shapes link with glibc, so Debian's package for musl would be for nothing.
        let packages = group.packages.iter().map(|package| package.name.as_str()).filter(|name| !is_musl(name));
        let packages: BTreeSet<&str> = packages.collect();
        let folder = match profile.cargo.as_str() {
            "dev" | "test" => "debug",
            "bench" => "release",
            other => other,
        };
        let values = context! {
            image => &plan.toolchain.image,
            codename => &plan.toolchain.codename,
            packages => Serde(packages),
            profile => &profile.cargo,
            folder,
            binary => &image.name,
            features => features.flags(),
        };
        let template = environment()?;
        let text =
            template.get_template(self.template).and_then(|template| template.render(values)).map_err(internal)?;
        Ok(text.trim_end().to_owned() + "\n")
    }
}
