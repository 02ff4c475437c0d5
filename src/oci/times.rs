//! When what is in an image was made, as far as it says so.
//!
//! `SOURCE_DATE_EPOCH` goes for everything. Where nobody gives it, the image says that it was made when its commit was; the
//! assets, when a commit last changed them, because servers tell browsers so; and all else has the epoch's start: a layer with
//! the commit's time in it would be another one with each commit, and would be pushed and pulled again for nothing.

use camino::Utf8Path;
use jiff::Timestamp;

use crate::failure::{Failure, Kind, Result, printable};
use crate::plan::model::Image;
use crate::workspace::{self, Commit};

/// The variable by which people say which time a build has (<https://reproducible-builds.org/specs/source-date-epoch/>).
pub const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Times of one image, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Of the image.
    pub created: u64,
    /// Of its assets.
    pub assets: u64,
    /// Of all other files.
    pub others: u64,
}

/// The time that a user gives, as [`VARIABLE`] holds it; none: nobody gives one.
///
/// # Errors
/// [`Kind::Usage`]: it is no time.
pub fn given() -> Result<Option<u64>> {
    let Some(said) = std::env::var(VARIABLE).ok().filter(|said| !said.is_empty()) else { return Ok(None) };
    said.trim().parse().map(Some).map_err(|error| {
        Failure::new(Kind::Usage, format!("{VARIABLE} is `{}`, which is no time", printable(&said)))
            .caused_by(error)
            .help("give seconds since 1970, such as `$(git log -1 --format=%ct)`")
    })
}

/// A time in seconds since 1970; none: no calendar knows it.
pub fn timestamp(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

impl Times {
    /// Of an image whose context lies in this folder, where this commit is checked out; `given` is the user's own.
    ///
    /// # Errors
    /// The user interrupted.
    pub fn decide(given: Option<u64>, image: &Image, (context, commit): (&Utf8Path, Option<&Commit>)) -> Result<Self> {
        if let Some(time) = given {
            return Ok(Self { created: time, assets: time, others: time });
        }
        let Some(commit) = commit else { return Ok(Self::default()) };
        let paths: Vec<String> = image.assets.iter().map(|asset| asset.from.clone()).collect();
        let changed = if paths.is_empty() { None } else { workspace::last_change(context, &paths)? };
        Ok(Self { created: commit.time, assets: changed.unwrap_or(commit.time), others: 0 })
    }

    /// Of a layer, by its name in the plan.
    pub fn of(&self, layer: &str) -> u64 {
        if layer == "assets" { self.assets } else { self.others }
    }
}
