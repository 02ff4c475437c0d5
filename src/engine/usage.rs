//! What a builder keeps, record by record: `docker buildx du` as a value, and `docker buildx prune` of single records.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;
use serde::Deserialize;

use super::Engine;
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};

/// The type of cache mounts' records.
const MOUNT: &str = "exec.cachemount";

const HOUR: u64 = 60 * 60;

/// One record of BuildKit's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// BuildKit's own name of it, by which it is pruned.
    pub id: String,
    /// `regular`, `exec.cachemount`, `source.local`, …
    pub kind: String,
    /// In BuildKit's words. Commands of anybody's Dockerfile are in it.
    pub description: String,
    /// In bytes, as exactly as the builder says it: to four digits.
    pub size: u64,
    /// When it was used last, in the builder's words; none: never.
    pub last_used: Option<String>,
    /// When it was made, by the builder's clock; none where the builder does not say.
    pub created: Option<Timestamp>,
    /// For how long it has not been used, at least; none where the builder does not say.
    pub idle: Option<Duration>,
    /// Whether a build has it now.
    pub in_use: bool,
}

impl Record {
    /// Whether it is a cache mount.
    pub fn is_mount(&self) -> bool {
        self.kind == MOUNT
    }

    /// The namespace and the id of a cache mount, as `BUILDKIT_CACHE_MOUNT_NS` and its Dockerfile have them; none where
    /// BuildKit does not say.
    ///
    /// ```
    /// # use cargo_dockerize::engine::usage::Record;
    /// let description = r#"cached mount /app/target from exec /bin/sh -c cargo build with id "/app-release""#.to_owned();
    /// let record = Record { kind: "exec.cachemount".into(), description, ..Record::named("x") };
    /// assert_eq!(record.mount(), Some((None, "app-release")));
    /// ```
    pub fn mount(&self) -> Option<(Option<&str>, &str)> {
        // The last one: a command may have these words as well.
        let (_, id) = self.description.rsplit_once(" with id \"")?;
        let id = id.strip_suffix('"').filter(|_| self.is_mount())?;
        let (namespace, id) = id.rsplit_once('/')?;
        Some((Some(namespace.trim_start_matches('/')).filter(|namespace| !namespace.is_empty()), id))
    }

    /// A record of which no more is known.
    pub fn named(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind: "regular".to_owned(),
            description: String::new(),
            size: 0,
            last_used: None,
            created: None,
            idle: None,
            in_use: false,
        }
    }
}

/// A builder whose records are read and removed.
#[derive(Debug, Clone, Copy)]
pub struct Usage<'a> {
    engine: &'a Engine,
    builder: Option<&'a str>,
    tidies: bool,
}

impl<'a> Usage<'a> {
    /// Of this builder; none: the current one.
    pub fn new(engine: &'a Engine, builder: Option<&'a str>) -> Self {
        Self { engine, builder, tidies: false }
    }

    /// Reads and removes after an interrupt as well.
    #[must_use]
    pub fn tidies(self) -> Self {
        Self { tidies: true, ..self }
    }

    /// All records.
    ///
    /// # Errors
    /// [`Kind::Engine`]: the builder does not say.
    pub fn records(&self) -> Result<Vec<Record>> {
        let command = self.command("see what the builder keeps", "du").args(["--format", "json"]);
        let output = command.output()?;
        if output.status.success() {
            return Ok(read(&output.stdout, Timestamp::now()));
        }
        let failure = Failure::new(Kind::Engine, "the builder does not say what it keeps")
            .detail(output.stderr.clone())
            .detail(command.shell_line());
        Err(if output.stderr.contains("unknown flag") {
            failure.help("update the buildx plugin: this one cannot list a cache for programs")
        } else {
            failure
        })
    }

    /// Removes one record, unless it is in use or was used within this time. Whether it is gone say the records.
    ///
    /// # Errors
    /// [`Kind::Engine`]: the builder refuses.
    pub fn forget(&self, id: &str, unless_used_within: Option<Duration>) -> Result<()> {
        self.prune(format!("id={id}"), unless_used_within)
    }

    /// Removes these records, unless they are in use.
    ///
    /// # Errors
    /// [`Kind::Engine`]: the builder refuses.
    pub fn forget_all(&self, ids: &[String]) -> Result<()> {
        self.prune(format!("id~=^({})$", ids.join("|")), None)
    }

    fn prune(&self, filter: String, unless_used_within: Option<Duration>) -> Result<()> {
        let command = self.command("remove records of the builder's cache", "prune");
        let mut command = command.args(["--all", "--force", "--filter"]).arg(filter);
        if let Some(time) = unless_used_within {
            command = command.arg("--filter").arg(format!("until={}s", time.as_secs()));
        }
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::new(Kind::Engine, "the builder does not remove what it keeps")
            .detail(output.stderr)
            .detail(command.shell_line()))
    }

    fn command(&self, why: &str, verb: &str) -> Command {
        let mut command = Command::new(&self.engine.docker, why).args(["buildx", verb]);
        if let Some(builder) = self.builder {
            command = command.args(["--builder", builder]);
        }
        if self.tidies { command.tidies() } else { command }
    }
}

/// As buildx writes it; sizes and dates are for people.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    #[serde(rename = "ID", alias = "id")]
    id: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    size: Size,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    last_used_at: Option<String>,
    #[serde(default = "yes")]
    reclaimable: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Bytes(u64),
    Text(String),
}

impl Default for Size {
    fn default() -> Self {
        Self::Bytes(0)
    }
}

fn read(text: &str, now: Timestamp) -> Vec<Record> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let record = |line: Line| {
        let size = match line.size {
            Size::Bytes(bytes) => bytes,
            Size::Text(text) => text.parse::<ByteSize>().map_or(0, |size| size.as_u64()),
        };
        let last_used = line.last_used_at.filter(|text| !text.is_empty());
        let idle = match &last_used {
            Some(text) => ago(text).or_else(|| since(text, now)),
            None => since(&line.created_at, now),
        };
        Record {
            id: line.id,
            kind: line.r#type,
            description: line.description,
            size,
            last_used,
            created: timestamp(&line.created_at),
            idle,
            in_use: !line.reclaimable,
        }
    };
    lines.map(record).collect()
}

/// `2 weeks ago`, as Docker's programs say it.
fn ago(text: &str) -> Option<Duration> {
    let words: Vec<&str> = text.strip_suffix(" ago")?.split(' ').collect();
    let (count, unit) = match words.as_slice() {
        ["About", _, unit] => (1, *unit),
        ["Less", ..] => (0, "second"),
        [count, unit] => (count.parse::<u64>().ok()?, *unit),
        _ => return None,
    };
    let seconds = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => HOUR,
        "day" => 24 * HOUR,
        "week" => 7 * 24 * HOUR,
        "month" => 30 * 24 * HOUR,
        "year" => 365 * 24 * HOUR,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

/// `2026-11-21 10:21:42.282462856 +0000 UTC`, or RFC 3339.
fn timestamp(text: &str) -> Option<Timestamp> {
    text.trim_end_matches(" UTC").replace(" +0000", "Z").parse().ok()
}

/// How long ago that is.
fn since(text: &str, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(timestamp(text)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = include_str!("../../tests/shims/recordings/cache-mounts/buildx-du");

    #[test]
    fn what_an_engine_says() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let records = read(RECORDED, now);
        assert_eq!(records.len(), RECORDED.lines().count());
        let target =
            records.iter().find(|one| one.mount().is_some_and(|(_, id)| id.starts_with("Single_App-36"))).unwrap();
        assert_eq!(target.mount(), Some((None, "Single_App-36004e2b-x86_64-unknown-linux-musl-release")));
        assert_eq!((target.size, target.idle), (1_372_000, Some(Duration::from_mins(2))));
        let layers = records.iter().filter(|one| one.kind == "regular");
        assert!(layers.clone().count() > 1);
        assert!(layers.clone().all(|one| one.mount().is_none() && one.idle.is_some()));
        assert_eq!(
            records.iter().filter(|one| one.is_mount() && one.mount().is_none()).count(),
            1,
            "an older BuildKit's"
        );
    }

    #[test]
    fn words_of_a_command_are_no_id() {
        let of = |description: &str, kind: &str| {
            let record = Record { description: description.into(), kind: kind.into(), ..Record::named("x") };
            record.mount().map(|(namespace, id)| (namespace.map(str::to_owned), id.to_owned()))
        };
        let forged = r#"cached mount /x from exec echo with id "/app-1" with id "team/other""#;
        assert_eq!(of(forged, MOUNT), Some((Some("team".into()), "other".into())));
        assert_eq!(of(r#"mount / from exec echo with id "/app-1""#, "regular"), None);
        assert_eq!(of(r#"cached mount /x from exec echo with id "/app-1" done"#, MOUNT), None);
    }

    #[test]
    fn times() {
        let hours = |text: &str| ago(text).map(|time| time.as_secs() / HOUR);
        assert_eq!(hours("About an hour ago"), Some(1));
        assert_eq!(hours("36 hours ago"), Some(36));
        assert_eq!(hours("3 weeks ago"), Some(504));
        assert_eq!(ago("Less than a second ago"), Some(Duration::ZERO));
        assert_eq!(ago("yesterday"), None);
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!(since("2026-11-21 11:59:00.5 +0000 UTC", now), Some(Duration::from_millis(59_500)));
        assert_eq!(since("2026-11-22 11:59:00 +0000 UTC", now), None, "a clock that is ahead");
    }
}
