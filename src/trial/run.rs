//! The run itself: scenario by scenario, in each one contender after the other.

use super::change::{Change, Changes};
use super::contender::{Ask, Entrant, Remote, Setup};
use super::floor;
use super::model::{Build, Outcome, Run, Scenario};
use super::records::Records;
use crate::cache::Cache;
use crate::failure::Result;

/// What is going on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A build begins.
    Begins {
        /// Whose.
        contender: &'a str,
        /// Which.
        scenario: Scenario,
        /// Builds that are done, of so many.
        done: (usize, usize),
        /// Seconds that all of them may still take; none: there is nothing yet to go by.
        left: Option<f64>,
    },
    /// It has ended.
    Ended(&'a Run),
}

/// Runs the scenarios. The first one, cold, is always built: the others rest on it.
///
/// # Errors
/// The engine went away, or the user interrupted. What failed in a build is in its outcome.
pub fn run(
    setup: &Setup<'_>,
    entrants: &[Entrant],
    changes: &Changes,
    wanted: &[Scenario],
    on: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Run>> {
    for entrant in entrants {
        entrant.tree.write(&changes.before)?;
    }
    warm_up(setup, entrants)?;
    let records = Records::mark(setup, &setup.run)?;
    let mut state = State { setup, entrants, on, records, runs: Vec::new(), estimate: Estimate::new(entrants, wanted) };
    let ended = state.scenarios(changes, wanted);
    floor::tidy(setup);
    let forgotten = state.records.forget();
    let runs = state.runs.into_iter().filter(|run| wanted.contains(&run.scenario)).collect();
    ended.and(forgotten).map(|()| runs)
}

/// Gets the base images, so that the first contender does not pay for all.
fn warm_up(setup: &Setup<'_>, entrants: &[Entrant]) -> Result<()> {
    let Some(first) = entrants.first() else { return Ok(()) };
    let floor = entrants.iter().any(|entrant| entrant.contender.floor);
    let result = if floor { floor::loaded(setup) } else { vec!["--output=type=cacheonly".to_owned()] };
    floor::prepare(setup, &first.tree, &result)
}

struct State<'a, 'b> {
    setup: &'a Setup<'a>,
    entrants: &'a [Entrant],
    on: &'b mut dyn FnMut(Progress<'_>),
    records: Records<'a>,
    runs: Vec<Run>,
    estimate: Estimate,
}

impl State<'_, '_> {
    fn scenarios(&mut self, changes: &Changes, wanted: &[Scenario]) -> Result<()> {
        let mut kept = false;
        for (scenario, planned) in &changes.changes {
            let scenario = *scenario;
            if scenario != Scenario::Cold && !wanted.contains(&scenario) {
                continue;
            }
            let fresh = matches!(scenario, Scenario::Fresh | Scenario::FreshBump);
            let planned = match planned {
                Ok(_) if fresh && matches!(self.setup.cache, Cache::None | Cache::Inline) => {
                    Err("there is no remote cache: `--cache registry=REF`".to_owned())
                }
                Ok(change) => Ok(change),
                Err(why) => Err(why.clone()),
            };
            match planned {
                Err(why) => self.skip(scenario, &why),
                Ok(change) => {
                    if scenario == Scenario::Unchanged {
                        self.settle()?;
                    }
                    if fresh && !kept {
                        self.keep()?;
                        kept = true;
                    }
                    self.scenario(change, if fresh { Remote::Read } else { Remote::No })?;
                }
            }
        }
        Ok(())
    }

    /// A build without cache compares nothing, and leaves that to the next one, which nobody's day has.
    fn settle(&self) -> Result<()> {
        for entrant in self.entrants {
            entrant.build(self.setup, Ask { no_cache: false, remote: Remote::No, feature: None })?;
        }
        Ok(())
    }

    /// What a machine before this one has left in the remote cache.
    fn keep(&mut self) -> Result<()> {
        for entrant in self.entrants.iter().filter(|entrant| !entrant.contender.floor) {
            entrant.build(self.setup, Ask { no_cache: false, remote: Remote::Write, feature: None })?;
        }
        Ok(())
    }

    fn scenario(&mut self, change: &Change, remote: Remote) -> Result<()> {
        let Change { scenario, what, files, feature } = change;
        for entrant in self.entrants {
            entrant.tree.write(files)?;
            if remote == Remote::Read {
                self.records.forget()?;
            }
            let contender = entrant.contender.name.as_str();
            let (done, left) = self.estimate.now();
            (self.on)(Progress::Begins { contender, scenario: *scenario, done, left });
            let ask = Ask { no_cache: *scenario == Scenario::Cold, remote, feature: feature.as_deref() };
            let outcome = entrant.build(self.setup, ask)?;
            self.estimate.take(*scenario, contender, &outcome);
            self.end(Run { scenario: *scenario, change: what.clone(), contender: contender.to_owned(), outcome });
        }
        Ok(())
    }

    fn skip(&mut self, scenario: Scenario, why: &str) {
        for entrant in self.entrants {
            let (contender, outcome) = (entrant.contender.name.clone(), Outcome::Skipped { why: why.to_owned() });
            self.estimate.take(scenario, &contender, &outcome);
            self.end(Run { scenario, change: String::new(), contender, outcome });
        }
    }

    fn end(&mut self, run: Run) {
        (self.on)(Progress::Ended(&run));
        self.runs.push(run);
    }
}

/// How long the rest may take: each contender's builds as parts of its cold one.
struct Estimate {
    builds: Vec<(Scenario, String, Option<f64>)>,
}

/// What part of a cold build a scenario takes, at a guess.
fn part(scenario: Scenario) -> f64 {
    match scenario {
        Scenario::Cold => 1.0,
        Scenario::Unchanged => 0.02,
        Scenario::Leaf => 0.25,
        Scenario::Shared => 0.3,
        Scenario::Bump | Scenario::Feature | Scenario::FreshBump => 0.5,
        Scenario::Fresh => 0.35,
    }
}

impl Estimate {
    fn new(entrants: &[Entrant], wanted: &[Scenario]) -> Self {
        let scenarios = Scenario::ALL.into_iter().filter(|one| *one == Scenario::Cold || wanted.contains(one));
        let builds = scenarios.flat_map(|scenario| entrants.iter().map(move |one| (scenario, &one.contender.name)));
        Self { builds: builds.map(|(scenario, name)| (scenario, name.clone(), None)).collect() }
    }

    fn take(&mut self, scenario: Scenario, contender: &str, outcome: &Outcome) {
        let seconds = match outcome {
            Outcome::Built(Build { seconds, .. }) => *seconds,
            _ => 0.0,
        };
        if let Some(one) = self.builds.iter_mut().find(|one| one.0 == scenario && one.1 == contender) {
            one.2 = Some(seconds);
        }
    }

    /// Builds that are done, of so many, and seconds that are left.
    fn now(&self) -> ((usize, usize), Option<f64>) {
        let done = self.builds.iter().filter(|one| one.2.is_some()).count();
        let cold = |contender: Option<&str>| {
            let mine = |one: &&(Scenario, String, Option<f64>)| contender.is_none_or(|name| one.1 == name);
            self.builds.iter().filter(mine).find_map(|one| one.2.filter(|_| one.0 == Scenario::Cold))
        };
        let left = cold(None).map(|any| {
            let open = self.builds.iter().filter(|one| one.2.is_none());
            open.map(|one| part(one.0) * cold(Some(&one.1)).unwrap_or(any)).sum()
        });
        ((done, self.builds.len()), left)
    }
}
