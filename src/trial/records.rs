//! What a run leaves in a builder's cache, so that it can be taken away again: a machine that has never built this has none of it.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::engine::Engine;
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};

/// How many are taken away in one go: each one asks the builder to go through all that it has.
const AT_ONCE: usize = 100;

/// The records that a builder had before.
#[derive(Debug)]
pub(super) struct Records {
    before: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "ID", alias = "id")]
    id: String,
}

impl Records {
    /// Takes down what there is.
    pub fn mark(engine: &Engine, builder: Option<&str>) -> Result<Self> {
        Ok(Self { before: ids(engine, builder)? })
    }

    /// Takes away what has come since.
    pub fn forget(&self, engine: &Engine, builder: Option<&str>) -> Result<()> {
        // What another one rests on goes only after it.
        for _ in 0..3 {
            let since: Vec<String> = ids(engine, builder)?.difference(&self.before).cloned().collect();
            if since.is_empty() {
                break;
            }
            for some in since.chunks(AT_ONCE) {
                let prune = command(engine, "forget what a run has built", "prune", builder);
                let filter = format!("id~=^({})$", some.join("|"));
                prune.args(["--all", "--force", "--filter"]).arg(filter).tidies().output()?;
            }
        }
        Ok(())
    }
}

fn ids(engine: &Engine, builder: Option<&str>) -> Result<BTreeSet<String>> {
    let command = command(engine, "see what the builder keeps", "du", builder);
    let output = command.args(["--format", "json"]).tidies().output()?;
    if !output.status.success() {
        return Err(Failure::new(Kind::Engine, "the builder does not say what it keeps").detail(output.stderr));
    }
    Ok(output.stdout.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok()).map(|one| one.id).collect())
}

fn command(engine: &Engine, why: &str, verb: &str, builder: Option<&str>) -> Command {
    let command = Command::new(&engine.docker, why).args(["buildx", verb]);
    match builder {
        Some(builder) => command.args(["--builder", builder]),
        None => command,
    }
}
