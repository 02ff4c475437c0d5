//! Runs cargo for each group and platform.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::compile::{self, Ahead, Compiled, Job, Turn};
use cargo_dockerize::engine::record::Step;
use cargo_dockerize::exec::Command;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::model::{Compile, Image};

use super::super::choice;
use crate::ui::{self, Shell};

/// What cargo made.
pub struct Programs {
    /// By build group and platform, with cargo's command line.
    made: BTreeMap<(usize, String), (Compiled, Vec<String>)>,
    pub steps: Vec<Step>,
    /// Until its program is in a layer, another build must not put another one in its place.
    _turn: Turn,
}

impl Programs {
    /// Compiles. What began before the plan was known counts where it is what the plan asks for.
    pub fn compile(
        jobs: &[(usize, Job<'_>)],
        ahead: Option<Ahead>,
        (scratch, shell): (&Utf8Path, Shell),
    ) -> Result<Self> {
        let commands = jobs.iter().map(|(_, job)| job.command()).collect::<Result<Vec<Command>>>()?;
        let only = match commands.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let (mut found, turn) = ahead.map_or((None, None), |ahead| ahead.take(only, ui::pass_on));
        let turn = match turn {
            Some(turn) => turn,
            None => Turn::take(scratch, || shell.status("Blocking", "waiting for another build in this folder"))?,
        };
        let mut programs = Self { made: BTreeMap::new(), steps: Vec::new(), _turn: turn };
        for ((group, job), command) in jobs.iter().zip(&commands) {
            let done = match found.take() {
                Some((status, compiled)) => job.done(command, status, compiled)?,
                None => job.run(command, choice::columns(), ui::pass_on)?,
            };
            programs.steps.push(step(job, command, &done));
            let line = [&["cargo".to_owned()], command.args.as_slice()].concat();
            programs.made.insert((*group, job.compile.platform.clone()), (done, line));
        }
        if let Some(only) = only {
            compile::remember(scratch, &choice::line(), only);
        }
        Ok(programs)
    }

    /// The program of an image for one platform, and the command line that made it.
    pub fn of(&self, image: &Image, compile: &Compile) -> Result<(&Utf8PathBuf, &[String])> {
        let made = self.made.get(&(image.group, compile.platform.clone()));
        made.and_then(|(done, line)| Some((done.programs.get(&image.name)?, line.as_slice())))
            .ok_or_else(|| Failure::new(Kind::Internal, format!("nothing compiled `{}`", image.name)))
    }
}

fn step(job: &Job<'_>, command: &Command, compiled: &Compiled) -> Step {
    Step {
        digest: format!("cargo {} {}", job.compile.triple, job.group.suffix),
        // After the stage's name, `cargo`.
        name: format!("{} --target {}", command.args.first().map_or("", String::as_str), job.compile.triple),
        stage: Some(format!("cargo{}", job.group.suffix)),
        seconds: compiled.seconds,
        cached: compiled.crates.is_empty(),
        compiled: compiled.crates.clone(),
        ..Step::default()
    }
}
