//! What every report asks of a trial.

use crate::trial::{Build, Layer, Outcome, Scenario, Trial};

use super::words::{line, size};

/// The first contender's name: this tool's own Dockerfile.
pub fn first(trial: &Trial) -> &str {
    trial.contenders.first().map_or("", |contender| &contender.name)
}

/// What came of one contender's build of one scenario.
pub fn outcome<'a>(trial: &'a Trial, scenario: Scenario, contender: &str) -> Option<&'a Outcome> {
    trial.runs.iter().find(|run| run.scenario == scenario && run.contender == contender).map(|run| &run.outcome)
}

/// The first build of a contender that made an image: the cold one, unless that failed.
pub fn image<'a>(trial: &'a Trial, contender: &str) -> Option<(&'a Build, u64)> {
    trial.scenarios().into_iter().find_map(|scenario| {
        let build = trial.build(scenario, contender)?;
        Some((build, build.size?))
    })
}

/// What exactly was changed in a scenario.
pub fn change(trial: &Trial, scenario: Scenario) -> Option<&str> {
    let mut runs = trial.runs.iter().filter(|run| run.scenario == scenario);
    runs.find_map(|run| (!run.change.is_empty()).then_some(run.change.as_str()))
}

/// Layers from below; those of one name count as one, because names are all that reports can tell them by.
pub fn layers(build: &Build) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for layer in &build.layers {
        match layers.iter_mut().find(|known| known.name == layer.name) {
            Some(known) => known.compressed = known.compressed.saturating_add(layer.compressed),
            None => layers.push(layer.clone()),
        }
    }
    layers
}

/// The slowest of the builds that follow an edit.
pub fn slowest_rebuild(trial: &Trial) -> Option<(Scenario, &Build)> {
    [Scenario::Leaf, Scenario::Shared, Scenario::Bump, Scenario::Feature]
        .into_iter()
        .filter_map(|scenario| Some((scenario, trial.build(scenario, first(trial))?)))
        .max_by(|(_, a), (_, b)| a.seconds.total_cmp(&b.seconds))
}

/// Builds of one contender that came to nothing for one reason.
pub struct Trouble {
    /// `failed`, or `skipped`.
    pub word: &'static str,
    /// Whose.
    pub contender: String,
    /// Which ones.
    pub scenarios: Vec<Scenario>,
    /// In a line.
    pub why: String,
}

impl Trouble {
    /// The scenarios in one line.
    pub fn titles(&self) -> String {
        self.scenarios.iter().map(|scenario| scenario.title()).collect::<Vec<_>>().join("; ")
    }
}

/// All builds that came to nothing, failures first.
pub fn troubles(trial: &Trial) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = Vec::new();
    for run in &trial.runs {
        let (word, why) = match &run.outcome {
            Outcome::Built(_) => continue,
            Outcome::Failed { why } => ("failed", why),
            Outcome::Skipped { why } => ("skipped", why),
        };
        let (contender, why) = (line(&run.contender), line(why));
        let same = |known: &&mut Trouble| known.word == word && known.contender == contender && known.why == why;
        match troubles.iter_mut().find(same) {
            Some(known) => known.scenarios.push(run.scenario),
            None => troubles.push(Trouble { word, contender, scenarios: vec![run.scenario], why }),
        }
    }
    troubles.sort_by_key(|trouble| trouble.word);
    troubles
}

/// What it ran on, by name.
pub fn machine(trial: &Trial) -> Vec<(&'static str, String)> {
    let machine = &trial.machine;
    vec![
        ("Platform", line(&machine.platform)),
        ("Cores", machine.cpus.to_string()),
        ("Memory", size(machine.memory)),
        ("Docker", line(&machine.engine)),
        ("buildx", line(&machine.buildx)),
        ("Toolchain", line(&machine.toolchain)),
        ("cargo dockerize", line(&trial.version)),
        ("Began", line(&trial.began)),
    ]
}
