//! `cargo dockerize measure`

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use camino::Utf8Path;
use cargo_dockerize::cache::Cache;
use cargo_dockerize::engine;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::plan::model::Image;
use cargo_dockerize::plan::{Asked, Plan};
use cargo_dockerize::trial::report::{self, Budget, Comparison};
use cargo_dockerize::trial::{self, Changes, Choice, Entrant, Outcome, Progress, Run, Scenario, Setup, Trial};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{Session, pick};
use crate::cli::Common;
use crate::cli::measure::{Form, Judgement, Measure};
use crate::ui::{self, Shell};

pub fn run(args: &Measure, common: &Common, shell: Shell) -> Result<()> {
    // Before minutes go into what could not be written down.
    let files = args.write.iter().map(|path| Ok((path.as_path(), form(path)?))).collect::<Result<Vec<_>>>()?;
    let base = args.judgement.compare.as_deref().map(report::read).transpose()?;
    let mut session = Session::open(common)?;
    session.ask(&Asked { binaries: args.bin.iter().cloned().collect(), ..Asked::default() })?;
    let plan = session.plan()?;
    let profile = pick::profile(&plan, &args.profile)?;
    if profile.runs_tests {
        return Err(Failure::new(Kind::Usage, format!("the profile `{}` makes no image to measure", profile.name)));
    }
    let image = image(&plan, args.bin.as_deref(), shell)?;
    let engine = engine::probe()?;
    let began = Timestamp::now();
    let features = session.flags.features(&session.settings);
    let cache = args.cache.as_ref().map_or(Ok(Cache::None), |text| text.parse::<Cache>())?;
    let setup = Setup {
        engine: &engine,
        builder: args.builder.as_deref(),
        network: args.network.as_deref(),
        workspace: &session.workspace,
        plan: &plan,
        image,
        profile,
        features: &features,
        features_said: session.flags.features.is_some(),
        program: std::env::current_exe()
            .map_err(|error| Failure::new(Kind::Internal, "this program cannot find itself").caused_by(error))?,
        run: format!("dockerize-measure-{:x}", began.as_millisecond()),
        scratch: session.workspace.target_dir.join("dockerize/measure"),
        cache: cache.resolved(&session.workspace.root)?,
    };
    let _scratch = Scratch(&setup.scratch);
    let entrants = trial::enter(&setup, &args.against)?;
    let choice = Choice { bump: args.bump.clone(), feature: args.switch.clone() };
    let changes = trial::changes((&session.workspace, &features), image, &choice, (&entrants[0].tree, &setup.run))?;
    let wanted: Vec<Scenario> = Scenario::ALL
        .into_iter()
        .filter(|scenario| args.scenario.is_empty() || args.scenario.iter().any(|name| name == scenario.name()))
        .collect();
    if args.dry_run {
        return ui::print(&intention(&changes, &wanted, &entrants));
    }
    let seen = Seen::new(shell);
    let runs = trial::run(&setup, &entrants, &changes, &wanted, &mut |progress| seen.on(&progress));
    seen.clear();
    let trial = Trial {
        schema: trial::SCHEMA,
        version: plan.version.clone(),
        began: began.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        machine: trial::machine(&setup)?,
        workspace: plan.workspace.name.clone(),
        image: image.name.clone(),
        profile: profile.name.clone(),
        packages: plan.groups[image.group].crates,
        contenders: entrants.iter().map(|entrant| entrant.contender.clone()).collect(),
        runs: runs?,
    };
    show(&trial, base.as_ref(), args.format, &files)?;
    judge(&trial, base.as_ref(), &args.judgement)
}

fn image<'a>(plan: &'a Plan, name: Option<&str>, shell: Shell) -> Result<&'a Image> {
    if let Some(name) = name {
        return pick::image(plan, name);
    }
    let Some(first) = plan.images.first() else { return Err(Failure::new(Kind::Workspace, "there is no image")) };
    if plan.images.len() > 1 {
        shell.warn(format!("only {} is measured; `--bin NAME` chooses another image", first.name));
    }
    Ok(first)
}

/// What `--dry-run` says.
fn intention(changes: &Changes, wanted: &[Scenario], entrants: &[Entrant]) -> String {
    let names: Vec<&str> = entrants.iter().map(|entrant| entrant.contender.name.as_str()).collect();
    let mut text = format!("each of {} would build:\n", names.join(", "));
    for (scenario, change) in changes.changes.iter().filter(|(scenario, _)| wanted.contains(scenario)) {
        let what = match change {
            Ok(change) => change.what.clone(),
            Err(why) => format!("left out: {why}"),
        };
        let _ = writeln!(text, "  {:<28} {what}", scenario.title());
    }
    text
}

fn show(trial: &Trial, base: Option<&Trial>, format: Form, files: &[(&Utf8Path, Form)]) -> Result<()> {
    for (path, form) in files {
        write(path, &text(trial, base, *form)?)?;
    }
    ui::print(&text(trial, base, format)?)
}

/// In which form a file is written, by its ending.
fn form(path: &Utf8Path) -> Result<Form> {
    match path.extension() {
        Some("json") => Ok(Form::Json),
        Some("md") => Ok(Form::Markdown),
        Some("html" | "htm") => Ok(Form::Html),
        _ => Err(Failure::new(Kind::Usage, format!("`{path}` has no ending that says what it is"))
            .help("end it with .json, .md or .html")),
    }
}

fn write(path: &Utf8Path, text: &str) -> Result<()> {
    fs_err::write(path, text)
        .map_err(|error| Failure::new(Kind::Emit, "the account cannot be written").caused_by(error))
}

fn text(trial: &Trial, base: Option<&Trial>, form: Form) -> Result<String> {
    match form {
        Form::Text => {
            let compared = base.map(|base| report::compare(trial, base).table()).unwrap_or_default();
            Ok(report::table(trial) + &compared)
        }
        Form::Json => report::json(trial),
        Form::Markdown => Ok(report::markdown(trial, base)),
        Form::Html => report::html(trial),
    }
}

/// Whether it is as good as it has to be.
fn judge(trial: &Trial, base: Option<&Trial>, judgement: &Judgement) -> Result<()> {
    let own = trial.contenders.first().map(|contender| contender.name.as_str());
    for run in trial.runs.iter().filter(|run| Some(run.contender.as_str()) == own) {
        if let Outcome::Failed { why } = &run.outcome {
            return Err(Failure::new(Kind::Build, format!("{}: the build failed", run.scenario.title()))
                .detail(why.clone())
                .help("`cargo dockerize build` says more of it"));
        }
    }
    let budget = Budget { max_size: judgement.max_size, max_regression: judgement.max_regression };
    let compared: Comparison = report::compare(trial, base.unwrap_or(trial));
    let broken = compared.broken(&budget);
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Kind::Verify, "the budget is exceeded").detail(broken.join("\n")))
}

/// Copies of the tree, and what was built from them: gone in the end, whichever it is.
struct Scratch<'a>(&'a Utf8Path);

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        drop(fs_err::remove_dir_all(self.0));
    }
}

/// What is seen while it runs.
struct Seen {
    shell: Shell,
    live: Option<ProgressBar>,
}

impl Seen {
    fn new(shell: Shell) -> Self {
        let live = !shell.quiet && std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        Self { shell, live: live.then(spinner) }
    }

    fn on(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Begins { contender, scenario, done: (done, all), left } => {
                let left = left.map(|left| format!(", about {} left", about(left))).unwrap_or_default();
                let what = format!("{} of {all}: {}, {contender}{left}", done + 1, scenario.title());
                match &self.live {
                    Some(live) => {
                        live.set_message(what);
                        live.reset_elapsed();
                    }
                    None => self.shell.status("Measuring", what),
                }
            }
            Progress::Ended(run) => match &self.live {
                Some(live) => live.suspend(|| self.ended(run)),
                None => self.ended(run),
            },
        }
    }

    fn ended(&self, run: &Run) {
        let what = format!("{}, {}", run.scenario.title(), run.contender);
        match &run.outcome {
            Outcome::Built(build) => {
                let crates = build.compiled.len();
                let crates = format!("{crates} crate{}", if crates == 1 { "" } else { "s" });
                self.shell.status("Measured", format!("{what}: {:.1} s, {crates} compiled", build.seconds));
            }
            Outcome::Failed { why } => self.shell.warn(format!("{what}: failed: {why}")),
            Outcome::Skipped { why } => self.shell.status("Skipped", format!("{what}: {why}")),
        }
    }

    fn clear(&self) {
        if let Some(live) = &self.live {
            live.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    // A template that is a constant and right cannot fail; the default would do.
    let look = ProgressStyle::with_template("{prefix:>12.cyan.bold} {wide_msg} {elapsed:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    bar.set_style(look);
    bar.set_prefix("Measuring");
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A length of time as one speaks of what is to come.
fn about(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{:.0} s", (seconds / 10.0).ceil() * 10.0)
    } else {
        format!("{:.0} min", seconds / 60.0)
    }
}
