//! Two trials beside each other: what a change costs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts;
use super::words::size;
use crate::trial::{Build, Machine, Outcome, Scenario, Trial};

/// What became of the first contender since the base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Comparison {
    /// The account that is compared.
    pub now: Origin,
    /// The one that it is compared with.
    pub base: Origin,
    /// The first contender's name.
    pub contender: String,
    /// Whether both ran on the same machine. Elsewhere seconds are shown and do not count.
    pub same_machine: bool,
    /// How the machines differ, the base's first: `4 cores, now 8`.
    pub machines: Vec<String>,
    /// How the accounts are of different things: `the image api, now worker`.
    pub subjects: Vec<String>,
    /// Every scenario of either.
    pub scenarios: Vec<ScenarioChange>,
    /// Scenarios that the base does not have.
    pub only_now: Vec<Scenario>,
    /// Scenarios that only the base has.
    pub only_base: Vec<Scenario>,
    /// Bytes of the image in the base.
    pub size_before: Option<u64>,
    /// Bytes of the image now.
    pub size_now: Option<u64>,
    /// The image by layer: from below, then those that are gone.
    pub layers: Vec<LayerChange>,
}

/// Where an account comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// This tool's version.
    pub version: String,
    /// When it began, in UTC.
    pub began: String,
}

/// One scenario of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ScenarioChange {
    /// Which.
    pub scenario: Scenario,
    /// In the base.
    pub before: Side,
    /// Now.
    pub now: Side,
    /// Crates that are compiled now and were not in the base, whatever their version.
    pub newly_compiled: Vec<String>,
}

/// One scenario of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Side {
    /// It was built.
    Built {
        /// Wall-clock seconds.
        seconds: f64,
        /// How many crates were compiled.
        compiled: usize,
    },
    /// It failed.
    Failed {
        /// In a line.
        why: String,
    },
    /// It was not tried.
    Skipped {
        /// In a line.
        why: String,
    },
    /// The account does not have it.
    Absent,
}

/// One layer of both, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LayerChange {
    /// What it holds.
    pub name: String,
    /// Bytes in the base.
    pub before: Option<u64>,
    /// Bytes now.
    pub now: Option<u64>,
}

impl Side {
    fn of(trial: &Trial, scenario: Scenario) -> Self {
        match facts::outcome(trial, scenario, facts::first(trial)) {
            Some(Outcome::Built(build)) => Self::Built { seconds: build.seconds, compiled: build.compiled.len() },
            Some(Outcome::Failed { why }) => Self::Failed { why: why.clone() },
            Some(Outcome::Skipped { why }) => Self::Skipped { why: why.clone() },
            None => Self::Absent,
        }
    }

    /// Seconds, where it was built.
    pub fn seconds(&self) -> Option<f64> {
        if let Self::Built { seconds, .. } = self { Some(*seconds) } else { None }
    }

    /// How many crates were compiled, where it was built.
    pub fn compiled(&self) -> Option<usize> {
        if let Self::Built { compiled, .. } = self { Some(*compiled) } else { None }
    }
}

/// Compares the first contenders of two accounts.
pub fn compare(now: &Trial, base: &Trial) -> Comparison {
    let (of_now, of_base) = (own_scenarios(now), own_scenarios(base));
    let scenarios = Scenario::ALL
        .into_iter()
        .filter(|scenario| of_now.contains(scenario) || of_base.contains(scenario))
        .map(|scenario| ScenarioChange {
            scenario,
            before: Side::of(base, scenario),
            now: Side::of(now, scenario),
            newly_compiled: now
                .build(scenario, facts::first(now))
                .zip(base.build(scenario, facts::first(base)))
                .map_or_else(Vec::new, |(now, base)| newly_compiled(now, base)),
        })
        .collect();
    let images = (facts::image(now, facts::first(now)), facts::image(base, facts::first(base)));
    let machines = machines(&base.machine, &now.machine);
    Comparison {
        now: origin(now),
        base: origin(base),
        contender: facts::first(now).to_owned(),
        same_machine: machines.is_empty(),
        machines,
        subjects: subjects(base, now),
        scenarios,
        only_now: of_now.iter().filter(|scenario| !of_base.contains(scenario)).copied().collect(),
        only_base: of_base.iter().filter(|scenario| !of_now.contains(scenario)).copied().collect(),
        size_before: images.1.map(|(_, size)| size),
        size_now: images.0.map(|(_, size)| size),
        layers: layers(images.1.map(|(build, _)| build), images.0.map(|(build, _)| build)),
    }
}

/// The scenarios that the first contender was to build; others may have run without it.
fn own_scenarios(trial: &Trial) -> Vec<Scenario> {
    let mut scenarios = trial.scenarios();
    scenarios.retain(|scenario| facts::outcome(trial, *scenario, facts::first(trial)).is_some());
    scenarios
}

fn origin(trial: &Trial) -> Origin {
    Origin { version: trial.version.clone(), began: trial.began.clone() }
}

/// By name, so that another version is not new; a second version beside the first one is.
fn newly_compiled(now: &Build, base: &Build) -> Vec<String> {
    let name = |krate: &str| krate.split(' ').next().unwrap_or_default().to_owned();
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for krate in &base.compiled {
        *left.entry(name(krate)).or_default() += 1;
    }
    // Those that are in both to the letter come first, lest the new one of two versions be taken for the old.
    let (same, other): (Vec<&String>, Vec<&String>) =
        now.compiled.iter().partition(|krate| base.compiled.contains(krate));
    let mut new: Vec<String> = Vec::new();
    for krate in same.into_iter().chain(other) {
        match left.get_mut(&name(krate)) {
            Some(left) if *left > 0 => *left -= 1,
            _ => new.push(krate.clone()),
        }
    }
    new.sort();
    new
}

fn layers(base: Option<&Build>, now: Option<&Build>) -> Vec<LayerChange> {
    let base = base.map(facts::layers).unwrap_or_default();
    let now = now.map(facts::layers).unwrap_or_default();
    let before = |name: &str| base.iter().find(|layer| layer.name == name).map(|layer| layer.compressed);
    let mut layers: Vec<LayerChange> = Vec::new();
    for layer in &now {
        let before = before(&layer.name);
        layers.push(LayerChange { name: layer.name.clone(), before, now: Some(layer.compressed) });
    }
    for layer in &base {
        if !now.iter().any(|other| other.name == layer.name) {
            layers.push(LayerChange { name: layer.name.clone(), before: Some(layer.compressed), now: None });
        }
    }
    layers
}

/// In words; empty exactly where the machines are equal.
fn machines(base: &Machine, now: &Machine) -> Vec<String> {
    let both = [
        ("platform", base.platform.clone(), now.platform.clone()),
        ("cores", base.cpus.to_string(), now.cpus.to_string()),
        ("memory", memory(base.memory, now.memory), memory(now.memory, base.memory)),
        ("Docker", base.engine.clone(), now.engine.clone()),
        ("buildx", base.buildx.clone(), now.buildx.clone()),
        ("toolchain", base.toolchain.clone(), now.toolchain.clone()),
    ];
    different(both)
}

/// Bytes where the rounded figure would not tell the two apart.
fn memory(own: u64, other: u64) -> String {
    if own != other && size(own) == size(other) { format!("{own} B") } else { size(own) }
}

fn subjects(base: &Trial, now: &Trial) -> Vec<String> {
    different([
        ("workspace", base.workspace.clone(), now.workspace.clone()),
        ("image", base.image.clone(), now.image.clone()),
        ("profile", base.profile.clone(), now.profile.clone()),
        ("contender", facts::first(base).to_owned(), facts::first(now).to_owned()),
    ])
}

fn different<const N: usize>(both: [(&str, String, String); N]) -> Vec<String> {
    both.into_iter()
        .filter(|(_, base, now)| base != now)
        .map(|(what, base, now)| format!("{what} {base}, now {now}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::report::fixture::trial;

    fn build(compiled: &[&str]) -> Build {
        Build { compiled: compiled.iter().map(|&name| name.to_owned()).collect(), ..Build::default() }
    }

    #[test]
    fn another_version_is_not_new_and_a_second_one_is() {
        let base = build(&["a 1.0.0", "b 1.0.0", "own 0.1.0 *"]);
        assert!(newly_compiled(&build(&["a 1.0.1", "own 0.1.0 *"]), &base).is_empty());
        assert_eq!(newly_compiled(&build(&["a 0.9.0", "a 1.0.0", "c 1.0.0"]), &base), ["a 0.9.0", "c 1.0.0"]);
    }

    #[test]
    fn scenarios_of_only_one_are_told() {
        let comparison = compare(&trial("now"), &trial("base"));
        assert_eq!(comparison.only_now, [Scenario::Fresh]);
        assert!(comparison.only_base.is_empty());
        assert_eq!(compare(&trial("base"), &trial("now")).only_base, [Scenario::Fresh]);
        assert!(comparison.same_machine);
        let feature = comparison.scenarios.iter().find(|change| change.scenario == Scenario::Feature).unwrap();
        assert_eq!(feature.newly_compiled, ["itoa 1.0.18", "ryu 1.0.23"]);
    }

    #[test]
    fn every_field_of_the_machine_counts() {
        let base = trial("base");
        let mut now = trial("now");
        now.machine.memory += 1;
        let comparison = compare(&now, &base);
        assert!(!comparison.same_machine);
        assert_eq!(comparison.machines, ["memory 16785711104 B, now 16785711105 B"]);
    }

    #[test]
    fn a_layer_that_went_is_told() {
        let comparison = compare(&trial("base"), &trial("now"));
        let last = comparison.layers.last().unwrap();
        assert_eq!((last.name.as_str(), last.before, last.now), ("time zones", Some(389_120), None));
    }

    #[test]
    fn it_is_a_value() {
        let comparison = compare(&trial("now"), &trial("base"));
        let json = serde_json::to_string(&comparison).unwrap();
        assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison);
    }
}
