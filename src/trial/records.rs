//! What a run leaves in a builder's cache, so that it can be taken away again: a machine that has never built this has none of it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::contender::Setup;
use crate::engine::usage::{Record, Usage};
use crate::failure::Result;

/// How many are taken away in one go: each one asks the builder to go through all that it has.
const AT_ONCE: usize = 100;

/// The records that a builder had before.
#[derive(Debug)]
pub(super) struct Records<'a> {
    usage: Usage<'a>,
    /// What the namespaces of the run's cache mounts begin with.
    run: &'a str,
    before: BTreeSet<String>,
    newest: Option<Timestamp>,
}

impl<'a> Records<'a> {
    /// Takes down what there is.
    pub fn mark(setup: &Setup<'a>, run: &'a str) -> Result<Self> {
        let usage = Usage::new(setup.engine, setup.builder).tidies();
        let records = usage.records()?;
        let newest = records.iter().filter_map(|record| record.created).max();
        Ok(Self { usage, run, before: records.into_iter().map(|record| record.id).collect(), newest })
    }

    /// Takes away what has come since. Layers do not say whose they are: what others have built meanwhile goes as well.
    pub fn forget(&self) -> Result<()> {
        // What another one rests on goes only after it.
        for _ in 0..3 {
            let since: Vec<String> =
                self.usage.records()?.into_iter().filter(|record| self.ours(record)).map(|record| record.id).collect();
            if since.is_empty() {
                break;
            }
            since.chunks(AT_ONCE).try_for_each(|some| self.usage.forget_all(some))?;
        }
        Ok(())
    }

    fn ours(&self, record: &Record) -> bool {
        // A builder that looks for what to let go of does not list it at that time: what was made before is not the run's.
        let newer = record.created.is_none_or(|created| self.newest.is_none_or(|newest| created > newest));
        // A mount says whose it is.
        let named =
            record.mount().is_some_and(|(namespace, _)| namespace.is_some_and(|name| name.starts_with(self.run)));
        !self.before.contains(&record.id) && newer && (named || !record.is_mount())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    #[test]
    fn what_is_not_the_runs_stays() {
        let engine = Engine { docker: "docker".into(), buildx: semver::Version::new(0, 29, 1), server: String::new() };
        let newest = "2026-11-21T12:00:00Z".parse().ok();
        let before = BTreeSet::from(["known".to_owned()]);
        let records = Records { usage: Usage::new(&engine, None), run: "dockerize-measure-1", before, newest };
        let layer = |id: &str, created: &str| Record { created: created.parse().ok(), ..Record::named(id) };
        assert!(records.ours(&layer("layer", "2026-11-21T12:00:01Z")));
        assert!(!records.ours(&layer("known", "2026-11-21T12:00:01Z")));
        assert!(!records.ours(&layer("hidden", "2026-11-21T11:00:00Z")), "not listed then, and older");
        let mount = |namespace: &str| Record {
            kind: "exec.cachemount".to_owned(),
            description: format!("cached mount /app/target from exec /bin/sh with id \"{namespace}/app\""),
            ..layer("mount", "2026-11-21T12:00:01Z")
        };
        assert!(records.ours(&mount("dockerize-measure-1-0")));
        assert!(!records.ours(&mount("")), "somebody's ordinary build");
        assert!(!records.ours(&mount("dockerize-measure-2-0")), "another run");
    }
}
