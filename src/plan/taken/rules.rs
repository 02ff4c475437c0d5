//! The table of what is not taken.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::bases::like;
use crate::failure::{Failure, Kind, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    env: Vec<Row>,
    package: Vec<PackageRow>,
    path: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    names: Vec<String>,
    why: String,
}

/// What packages are for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackageRow {
    names: Vec<String>,
    pub part: Part,
    /// Why one is not taken where the image has that part.
    pub with: String,
    /// Why, where it has not.
    pub without: String,
}

/// A part of an image.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    Certificates,
    Zones,
    Init,
    Libraries,
    Program,
}

impl Rules {
    /// The table, read once.
    pub fn known() -> Result<&'static Self> {
        static RULES: OnceLock<Result<Rules, String>> = OnceLock::new();
        RULES
            .get_or_init(|| toml::from_str(include_str!("../taken.toml")).map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|error| Failure::new(Kind::Internal, "the table of what is taken does not parse").detail(error))
    }

    /// Why a variable is not taken; none: it is.
    pub fn variable(&self, name: &str) -> Option<&str> {
        why(&self.env, name)
    }

    /// Why a path of another stage is not taken, where that is known.
    pub fn path(&self, path: &str) -> Option<&str> {
        why(&self.path, path)
    }

    /// What a package is for.
    pub fn package(&self, name: &str) -> Option<&PackageRow> {
        self.package.iter().find(|row| row.names.iter().any(|pattern| like(pattern, name)))
    }
}

fn why<'r>(rows: &'r [Row], name: &str) -> Option<&'r str> {
    let row = rows.iter().find(|row| row.names.iter().any(|pattern| like(pattern, name)))?;
    Some(&row.why)
}
