//! What is needed: `needs.toml`.

use std::sync::OnceLock;

use bytesize::ByteSize;
use camino::Utf8Path;
use semver::Version;
use serde::Deserialize;

use super::{Finding, State};
use crate::failure::{Failure, Kind, Result};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Needs {
    pub engine: Need,
    pub buildx: Need,
    pub buildkit: Need,
    pub rust: Need,
    pub compose: Need,
    pub git: Need,
    room: Room,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Need {
    pub minimum: Version,
    good: Version,
    why: String,
    pub todo: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    minimum: u64,
    good: u64,
}

pub(super) fn read() -> Result<&'static Needs> {
    static NEEDS: OnceLock<std::result::Result<Needs, toml::de::Error>> = OnceLock::new();
    NEEDS
        .get_or_init(|| toml::from_str(include_str!("needs.toml")))
        .as_ref()
        .map_err(|error| Failure::new(Kind::Internal, "the table of needs cannot be read").caused_by(error.clone()))
}

impl Need {
    /// Judges a version. `more` is said behind it.
    pub fn judge(&self, name: &str, said: &str, more: &str) -> Finding {
        let said = said.trim();
        let Some(version) = crate::engine::version(said) else {
            return Finding::new(name, State::Warn, format!("its version cannot be told: {said}{more}"))
                .todo(&self.todo);
        };
        let (state, wanted) = match &version {
            version if *version < self.minimum => (State::Fail, &self.minimum),
            version if *version < self.good => (State::Warn, &self.good),
            _ => return Finding::ok(name, format!("{version}{more}")),
        };
        Finding::new(name, state, format!("{version}{more}; {wanted} or newer is wanted: {}", self.why))
            .todo(&self.todo)
    }
}

impl Needs {
    /// Judges the free room where a folder is or would be. None: that is not known.
    pub fn room(&self, name: &str, folder: &Utf8Path, todo: &str) -> Option<Finding> {
        let free = free(folder.ancestors().find(|folder| folder.exists())?)?;
        let gigabytes = free / 1_000_000_000;
        let found = format!("{} free at {folder}", ByteSize::b(free).display().si());
        let state = match gigabytes {
            few if few < self.room.minimum => State::Fail,
            some if some < self.room.good => State::Warn,
            _ => return Some(Finding::ok(name, found)),
        };
        Some(Finding::new(name, state, found).todo(todo))
    }
}

#[cfg(unix)]
fn free(folder: &Utf8Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder.as_std_path()).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Utf8Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged() {
        let needs = read().unwrap();
        assert_eq!(needs.buildx.minimum, crate::engine::MINIMUM, "the probe refuses the same ones");
        let state = |said: &str| needs.buildx.judge("buildx", said, "").state;
        assert_eq!(state("github.com/docker/buildx v0.12.1 abc"), State::Fail);
        assert_eq!(state("0.14.0"), State::Warn);
        assert_eq!(state("v0.29.1+ds1"), State::Ok);
        assert_eq!(state("(unknown)"), State::Warn);
    }
}
