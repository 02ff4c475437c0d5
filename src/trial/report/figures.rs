//! A trial's charts, before they are drawn.

use serde::Serialize;

use super::chart::{self, Bar, Chart, Group, Part};
use super::facts;
use super::words::{count, line, seconds, size};
use crate::trial::{Build, Contender, Outcome, Scenario, Trial};

/// How many colours can be told apart.
const COLOURS: usize = 8;

/// Stages that have the same colour on every page: those of this tool's Dockerfile, and cargo-chef's `runtime`.
const STAGES: [&str; COLOURS] = ["deps", "builder", "planner", "chef", "rootfs", "runtime", "cargo", "toolchain"];

/// The layers that every page has.
const LAYERS: [&str; 2] = ["program", "base"];

/// A chart in both of its shapes.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What it shows, for those who do not see it.
    pub label: String,
    /// What the colours mean, where there are several.
    pub legend: Vec<Key>,
    /// On a screen that is wide, and on paper.
    pub wide: Chart,
    /// On a phone.
    pub narrow: Chart,
    /// What has to be known to read it.
    pub caption: String,
}

/// A colour and its meaning.
#[derive(Debug, Clone, Serialize)]
pub struct Key {
    /// Its class.
    pub colour: String,
    /// Its meaning.
    pub name: String,
}

/// Names, each with a colour of its own as long as there are some left.
struct Colours {
    keys: Vec<Key>,
}

impl Colours {
    /// `known` names keep their place; others take what is left, the largest first. `grey` is no colour of anybody's.
    fn of(names: Vec<(String, f64)>, known: &[&str], grey: &str) -> Self {
        let mut sums: Vec<(String, f64)> = Vec::new();
        for (name, amount) in names {
            match sums.iter_mut().find(|(other, _)| *other == name) {
                Some((_, sum)) => *sum += amount,
                None => sums.push((name, amount)),
            }
        }
        let shown: Vec<String> = sums.iter().map(|(name, _)| name.clone()).collect();
        sums.sort_by(|a, b| b.1.total_cmp(&a.1));
        let place = |name: &str| known.iter().position(|known| *known == name);
        let mut free: Vec<usize> = (0..COLOURS)
            .rev()
            .filter(|i| !known.get(*i).is_some_and(|name| shown.iter().any(|other| other == name)))
            .collect();
        let mut keys: Vec<Key> = Vec::new();
        for (name, _) in &sums {
            let colour = match place(name) {
                _ if name == grey => "grey".to_owned(),
                Some(place) => format!("c{place}"),
                None => free.pop().map_or("other".to_owned(), |place| format!("c{place}")),
            };
            keys.push(Key { colour, name: name.clone() });
        }
        // In the order in which bars have them.
        keys.sort_by_key(|key| shown.iter().position(|name| *name == key.name));
        Self { keys }
    }

    fn class(&self, name: &str) -> String {
        self.keys.iter().find(|key| key.name == name).map_or("other", |key| &key.colour).to_owned()
    }

    /// Those without a colour of their own are one entry.
    fn legend(&self) -> Vec<Key> {
        let (other, mut own): (Vec<Key>, Vec<Key>) = self.keys.iter().cloned().partition(|key| key.colour == "other");
        if !other.is_empty() {
            own.push(Key { colour: "other".to_owned(), name: count(other.len(), "other") });
        }
        own
    }
}

fn figure(label: &str, legend: Vec<Key>, groups: &[Group], caption: &str) -> Figure {
    Figure {
        label: label.to_owned(),
        legend,
        wide: chart::draw(groups, &chart::WIDE),
        narrow: chart::draw(groups, &chart::NARROW),
        caption: caption.to_owned(),
    }
}

/// A bar for each contender of each scenario.
fn by_scenario(trial: &Trial, draw: impl Fn(&Build, &Contender) -> (String, Vec<Part>)) -> Vec<Group> {
    let group = |scenario: Scenario| {
        let bars = trial.contenders.iter().enumerate().filter_map(|(i, contender)| {
            let (value, parts) = match facts::outcome(trial, scenario, &contender.name)? {
                Outcome::Built(build) => draw(build, contender),
                Outcome::Failed { .. } => ("failed".to_owned(), Vec::new()),
                Outcome::Skipped { .. } => ("skipped".to_owned(), Vec::new()),
            };
            Some(Bar { name: line(&contender.name), value, first: i == 0, parts })
        });
        Group { heading: scenario.title().to_owned(), bars: bars.collect() }
    };
    trial.scenarios().into_iter().map(group).collect()
}

/// Wall-clock time, by stage.
pub fn time(trial: &Trial) -> Figure {
    let stages = builds(trial).flat_map(|build| &build.stages).map(|stage| (line(&stage.name), stage.seconds));
    let colours = Colours::of(stages.collect(), &STAGES, "engine");
    let groups = by_scenario(trial, |build, _| (seconds(build.seconds), stages_of(build, &colours)));
    let scaled = builds(trial).any(|build| {
        let sum: f64 = build.stages.iter().map(|stage| stage.seconds).sum();
        (sum - build.seconds).abs() > 0.1 && sum > 0.0
    });
    let mut caption = "A bar is as long as the whole command took, by the clock.".to_owned();
    if scaled {
        caption.push_str(
            " Stages run side by side and wait for each other, so that their sum is not the whole: \
             within a bar they are drawn in proportion.",
        );
    }
    figure("Time of each build by stage, as bars", colours.legend(), &groups, &caption)
}

fn stages_of(build: &Build, colours: &Colours) -> Vec<Part> {
    let sum: f64 = build.stages.iter().map(|stage| stage.seconds.max(0.0)).sum();
    if sum <= 0.0 || !sum.is_finite() {
        return vec![Part { colour: "grey".to_owned(), title: seconds(build.seconds), amount: build.seconds }];
    }
    let part = |stage: &crate::trial::Stage| Part {
        colour: colours.class(&line(&stage.name)),
        title: format!("{}: {}", line(&stage.name), seconds(stage.seconds)),
        amount: stage.seconds.max(0.0) / sum * build.seconds,
    };
    build.stages.iter().map(part).collect()
}

/// Bytes of each image, by layer.
#[expect(clippy::cast_precision_loss, reason = "drawn")]
pub fn image(trial: &Trial) -> Figure {
    let images = trial
        .contenders
        .iter()
        .enumerate()
        .map(|(i, contender)| (i, contender, facts::image(trial, &contender.name)))
        .filter(|(_, contender, image)| image.is_some() || !contender.floor);
    let layers = images.clone().filter_map(|(_, _, image)| image).flat_map(|(build, _)| facts::layers(build));
    let colours = Colours::of(layers.map(|layer| (line(&layer.name), layer.compressed as f64)).collect(), &LAYERS, "");
    let bars = images.map(|(i, contender, image)| {
        let part = |layer: crate::trial::Layer| Part {
            colour: colours.class(&line(&layer.name)),
            title: format!("{}: {}", line(&layer.name), size(layer.compressed)),
            amount: layer.compressed as f64,
        };
        let parts = image.map(|(build, _)| facts::layers(build).into_iter().map(part).collect());
        Bar {
            name: line(&contender.name),
            value: image.map_or("no image".to_owned(), |(_, bytes)| size(bytes)),
            first: i == 0,
            parts: parts.unwrap_or_default(),
        }
    });
    let groups = [Group { heading: String::new(), bars: bars.collect() }];
    let caption = "Layers are compressed, as they are pushed and pulled; the lowest is at the left.";
    figure("Size of each image by layer, as bars", colours.legend(), &groups, caption)
}

/// How many crates each build compiled.
#[expect(clippy::cast_precision_loss, reason = "drawn")]
pub fn compiled(trial: &Trial) -> Figure {
    let first = facts::first(trial);
    let groups = by_scenario(trial, |build, contender| {
        let number = build.compiled.len();
        let colour = if contender.name == first { "c0" } else { "grey" };
        let part = Part { colour: colour.to_owned(), title: count(number, "crate"), amount: number as f64 };
        (number.to_string(), vec![part])
    });
    let caption = "Crates for which the compiler ran, the workspace's own among them.";
    figure("Crates compiled by each build, as bars", Vec::new(), &groups, caption)
}

fn builds(trial: &Trial) -> impl Iterator<Item = &Build> {
    trial.runs.iter().filter_map(|run| match &run.outcome {
        Outcome::Built(build) => Some(build),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::report::fixture::trial;

    fn classes(names: &[(&str, f64)]) -> Vec<String> {
        let names = names.iter().map(|&(name, amount)| (name.to_owned(), amount)).collect();
        Colours::of(names, &STAGES, "engine").keys.into_iter().map(|key| key.colour).collect()
    }

    #[test]
    fn colours_are_stable_and_never_shared() {
        assert_eq!(classes(&[("engine", 9.0), ("builder", 1.0), ("deps", 2.0)]), ["grey", "c1", "c0"]);
        assert_eq!(classes(&[("x", 1.0), ("builder", 1.0), ("y", 5.0)]), ["c2", "c1", "c0"]);
        let many: Vec<(String, f64)> = (0..12_u32).map(|i| (format!("s{i}"), f64::from(i))).collect();
        let colours = Colours::of(many, &STAGES, "engine");
        assert_eq!(colours.class("s0"), "other");
        assert_eq!(colours.class("s11"), "c0");
        assert_eq!(colours.legend().len(), 9);
        assert_eq!(colours.legend().last().unwrap().name, "4 others");
    }

    #[test]
    fn a_stack_is_as_long_as_the_clock_says() {
        let trial = trial("now");
        let build = trial.build(Scenario::Cold, "this").unwrap();
        let colours = Colours { keys: Vec::new() };
        let sum: f64 = stages_of(build, &colours).iter().map(|part| part.amount).sum();
        assert!((sum - build.seconds).abs() < 1e-6);
        assert!(build.stages.iter().map(|stage| stage.seconds).sum::<f64>() > 250.0);
        let bare = Build { seconds: 2.0, ..Build::default() };
        assert_eq!(stages_of(&bare, &colours).len(), 1);
        assert!(time(&trial).caption.contains("in proportion"));
    }

    #[test]
    fn what_failed_has_no_bar_and_says_so() {
        let trial = trial("now");
        let last: Vec<_> = time(&trial).wide.bars.into_iter().rev().take(2).collect();
        assert_eq!(last[0].value.text, "skipped");
        assert_eq!(last[1].value.text, "failed");
        assert!(last.iter().all(|bar| bar.rects.is_empty()));
        assert_eq!(image(&trial).wide.bars.len(), 2, "the floor makes no image");
    }
}
