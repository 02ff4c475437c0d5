//! The account as one page that asks for nothing else.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, escape_formatter};
use serde::Serialize;

use super::facts;
use super::figures::{self, Figure};
use super::words::{count, line, ratio, seconds, size};
use crate::failure::{Failure, Kind, Result, printable};
use crate::trial::{Outcome, Scenario, Trial};

/// The page's template, under `templates/`.
pub(crate) const TEMPLATE: &str = "report/trial.html.j2";

const SOURCE: &str = include_str!("../../../templates/report/trial.html.j2");

#[derive(Serialize)]
struct Page {
    image: String,
    workspace: String,
    profile: String,
    packages: String,
    figures: Vec<(&'static str, String, String)>,
    contenders: Vec<Column>,
    times: Vec<TimeRow>,
    layers: Vec<ImageRows>,
    crates: Vec<CrateRow>,
    stages: Vec<StageRow>,
    troubles: Vec<Trouble>,
    changes: Vec<(&'static str, String)>,
    notes: Vec<(String, String)>,
    machine: Vec<(&'static str, String)>,
    time: Figure,
    size: Figure,
    compiled: Figure,
}

#[derive(Serialize)]
struct Column {
    name: String,
    title: String,
    floor: bool,
}

#[derive(Serialize)]
struct TimeRow {
    title: &'static str,
    cells: Vec<TimeCell>,
}

#[derive(Serialize)]
struct TimeCell {
    /// Seconds, `failed` or `skipped`.
    value: String,
    share: Option<String>,
    built: bool,
}

#[derive(Serialize)]
struct ImageRows {
    contender: String,
    size: String,
    kept: String,
    layers: Vec<(String, String)>,
}

#[derive(Serialize)]
struct CrateRow {
    title: &'static str,
    counts: Vec<String>,
    names: Vec<String>,
}

#[derive(Serialize)]
struct StageRow {
    title: &'static str,
    contender: String,
    stages: String,
    context: String,
}

#[derive(Serialize)]
struct Trouble {
    word: &'static str,
    contender: String,
    scenarios: String,
    why: String,
}

/// One page with charts and tables: no script, nothing that is fetched, light or dark as its reader wants.
///
/// # Errors
/// [`Kind::Internal`]: the template and the account do not fit, which the tests rule out.
pub fn html(trial: &Trial) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // What HTML forbids even when it is escaped: control characters of names.
    environment.set_formatter(|out, state, value| match value.as_str() {
        // A macro's result is safe: its own values have been here.
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(printable(text))),
        _ => escape_formatter(out, state, value),
    });
    environment.add_template(TEMPLATE, SOURCE).map_err(internal)?;
    let page = page(trial);
    environment
        .get_template(TEMPLATE)
        .and_then(|template| template.render(context! { page => Value::from(Serde(&page)) }))
        .map(|text| text.trim_end().to_owned() + "\n")
        .map_err(internal)
}

fn internal(error: minijinja::Error) -> Failure {
    Failure::new(Kind::Internal, "the report's template does not fit the account").caused_by(error)
}

fn page(trial: &Trial) -> Page {
    let contenders = trial.contenders.iter().map(|contender| Column {
        name: line(&contender.name),
        title: line(&contender.title),
        floor: contender.floor,
    });
    let troubles = facts::troubles(trial).into_iter().map(|trouble| Trouble {
        word: trouble.word,
        scenarios: trouble.titles(),
        contender: trouble.contender,
        why: trouble.why,
    });
    let scenarios = trial.scenarios();
    let change = |scenario: &Scenario| Some((scenario.title(), line(facts::change(trial, *scenario)?)));
    Page {
        image: line(&trial.image),
        workspace: line(&trial.workspace),
        profile: line(&trial.profile),
        packages: count(trial.packages, "package"),
        figures: headline(trial),
        contenders: contenders.collect(),
        times: scenarios.iter().map(|scenario| time_row(trial, *scenario)).collect(),
        layers: trial.contenders.iter().filter_map(|contender| image_rows(trial, &contender.name)).collect(),
        crates: scenarios.iter().map(|scenario| crate_row(trial, *scenario)).collect(),
        stages: stages(trial),
        troubles: troubles.collect(),
        changes: scenarios.iter().filter_map(change).collect(),
        notes: notes(trial),
        machine: facts::machine(trial),
        time: figures::time(trial),
        size: figures::image(trial),
        compiled: figures::compiled(trial),
    }
}

/// What a reader in a hurry wants to know: title, figure, and what it is about.
fn headline(trial: &Trial) -> Vec<(&'static str, String, String)> {
    let first = facts::first(trial);
    let mut figures = Vec::new();
    if let Some((build, bytes)) = facts::image(trial, first) {
        figures.push(("Image", size(bytes), count(facts::layers(build).len(), "layer")));
    }
    if let Some(build) = trial.build(Scenario::Cold, first) {
        figures.push(("Cold build", seconds(build.seconds), count(build.compiled.len(), "crate")));
    }
    if let Some((scenario, build)) = facts::slowest_rebuild(trial) {
        figures.push(("Slowest change", seconds(build.seconds), scenario.title().to_owned()));
    }
    figures
}

fn time_row(trial: &Trial, scenario: Scenario) -> TimeRow {
    let own = trial.build(scenario, facts::first(trial)).map(|build| build.seconds);
    let cell = |(i, name): (usize, &str)| match facts::outcome(trial, scenario, name) {
        Some(Outcome::Built(build)) => TimeCell {
            value: seconds(build.seconds),
            share: own.filter(|_| i > 0).and_then(|own| ratio(own, build.seconds)),
            built: true,
        },
        Some(Outcome::Failed { .. }) => TimeCell { value: "failed".to_owned(), share: None, built: false },
        Some(Outcome::Skipped { .. }) => TimeCell { value: "skipped".to_owned(), share: None, built: false },
        None => TimeCell { value: "–".to_owned(), share: None, built: false },
    };
    TimeRow { title: scenario.title(), cells: names(trial).enumerate().map(cell).collect() }
}

fn names(trial: &Trial) -> impl Iterator<Item = &str> {
    trial.contenders.iter().map(|contender| contender.name.as_str())
}

fn image_rows(trial: &Trial, contender: &str) -> Option<ImageRows> {
    let (build, bytes) = facts::image(trial, contender)?;
    let layers = facts::layers(build).into_iter().map(|layer| (line(&layer.name), size(layer.compressed)));
    let kept = if build.kept > 0 { size(build.kept) } else { String::new() };
    Some(ImageRows { contender: line(contender), size: size(bytes), kept, layers: layers.collect() })
}

fn crate_row(trial: &Trial, scenario: Scenario) -> CrateRow {
    let number = |name| trial.build(scenario, name).map_or("–".to_owned(), |build| build.compiled.len().to_string());
    let own = trial.build(scenario, facts::first(trial));
    CrateRow {
        title: scenario.title(),
        counts: names(trial).map(number).collect(),
        names: own.map_or_else(Vec::new, |build| build.compiled.iter().map(|name| line(name)).collect()),
    }
}

fn stages(trial: &Trial) -> Vec<StageRow> {
    let row = |run: &crate::trial::Run| {
        let Outcome::Built(build) = &run.outcome else { return None };
        let stage = |stage: &crate::trial::Stage| format!("{} {}", line(&stage.name), seconds(stage.seconds));
        Some(StageRow {
            title: run.scenario.title(),
            contender: line(&run.contender),
            stages: build.stages.iter().map(stage).collect::<Vec<_>>().join(", "),
            context: size(build.context),
        })
    };
    trial.runs.iter().filter_map(row).collect()
}

fn notes(trial: &Trial) -> Vec<(String, String)> {
    let mut notes = Vec::new();
    for run in &trial.runs {
        if let Outcome::Built(build) = &run.outcome {
            for (name, note) in &build.notes {
                let what = format!("{}, {}", line(&run.contender), run.scenario.title());
                notes.push((what, format!("{}: {}", line(name), line(note))));
            }
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::report::fixture::trial;

    #[test]
    fn it_asks_for_nothing() {
        let page = html(&trial("now")).unwrap();
        for wrong in ["http:", "https:", "src=", "url(", "@import", "<script", "<link rel=\"stylesheet"] {
            assert!(!page.contains(wrong), "{wrong}");
        }
        assert!(page.contains("default-src &#x27;none&#x27;") || page.contains("default-src 'none'"));
    }

    #[test]
    fn names_are_text() {
        let wild = "<script>alert(1)</script>\"&'\u{1b}\u{0}\u{85}</title></style>";
        let mut trial = trial("now");
        for text in [&mut trial.image, &mut trial.workspace, &mut trial.profile, &mut trial.version, &mut trial.began] {
            wild.clone_into(text);
        }
        for text in [&mut trial.machine.platform, &mut trial.machine.engine, &mut trial.machine.toolchain] {
            wild.clone_into(text);
        }
        wild.clone_into(&mut trial.contenders[1].name);
        wild.clone_into(&mut trial.contenders[1].title);
        for run in &mut trial.runs {
            wild.clone_into(&mut run.change);
            if run.contender == "cargo-chef" {
                wild.clone_into(&mut run.contender);
            }
            match &mut run.outcome {
                Outcome::Built(build) => {
                    build.compiled.push(wild.to_owned());
                    build.layers.iter_mut().for_each(|layer| wild.clone_into(&mut layer.name));
                    build.stages.iter_mut().for_each(|stage| wild.clone_into(&mut stage.name));
                    build.notes.insert(wild.to_owned(), wild.to_owned());
                }
                Outcome::Failed { why } | Outcome::Skipped { why } => wild.clone_into(why),
            }
        }
        let page = html(&trial).unwrap();
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "control characters");
        assert_eq!(page.matches("</title></style>").count(), 0);
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&quot;&amp;&#x27;"), "{page}");
    }

    #[test]
    fn nothing_at_all_is_a_page() {
        let empty = Trial { contenders: Vec::new(), runs: Vec::new(), ..trial("now") };
        assert!(html(&empty).unwrap().contains("</html>"));
    }
}
