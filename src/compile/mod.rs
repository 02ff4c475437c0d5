//! Compiles with this machine's own cargo, as the plan's `compile` has it: the second way beside the Dockerfile.
//!
//! What cargo says on standard error is passed on to the user as it comes, and heard, so that a failure can be explained; what it made is
//! read from its messages. Flags are the user's own and ours
//! together, because cargo takes them from one source only.

mod ahead;
mod turn;

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

pub use ahead::{Ahead, remember};
pub use turn::Turn;

use crate::exec::{Command, Stream};
use crate::explain::{self, By, Listener, Places};
use crate::failure::{Failure, Kind, Result};
use crate::host;
use crate::plan::Plan;
use crate::plan::model::{Compile, Group, Profile, TestRunner};
use crate::workspace::Workspace;

/// The variable that cargo reads before all others, and what stands between its flags.
const ENCODED: (&str, &str) = ("CARGO_ENCODED_RUSTFLAGS", "\x1f");

/// Where cargo's folder of packages lies in the build stages of a Dockerfile.
const CARGO_HOME: &str = "/usr/local/cargo";

/// What is compiled, and how much is said of it.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// What is promised.
    pub plan: &'a Plan,
    /// Whose binaries.
    pub group: &'a Group,
    /// Which of them: the others are not linked.
    pub binaries: Vec<&'a str>,
    /// For one platform.
    pub compile: &'a Compile,
    /// With cargo's profile.
    pub profile: &'a Profile,
    /// The workspace's root.
    pub root: &'a Utf8Path,
    /// The workspace: where a failure is explained, the build scripts of its packages are read.
    pub workspace: &'a Workspace,
    /// Cargo's own flags that were asked for: `--offline`, `--quiet`, `--color`.
    pub flags: &'a [String],
}

/// What was compiled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Compiled {
    /// Programs by the binaries' names.
    pub programs: BTreeMap<String, Utf8PathBuf>,
    /// Crates that were compiled, as `name version`; the others were as they should be.
    pub crates: Vec<String>,
    /// How long it took.
    pub seconds: f64,
    /// What was said of errors.
    pub errors: Listener,
}

/// What cargo says of something that it made.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<Made>,
    executable: Option<Utf8PathBuf>,
    #[serde(default)]
    fresh: bool,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    kind: Vec<String>,
}

impl Job<'_> {
    /// The command.
    ///
    /// # Errors
    /// [`Kind::Workspace`]: the user's own configuration of cargo cannot be read.
    pub fn command(&self) -> Result<Command> {
        let Self { group, compile, profile, .. } = *self;
        let [_, verb] = compile.tool.command();
        let auditable = self.plan.auditable.as_ref().map(|_| "auditable");
        let mut command = Command::cargo(format!("compile {}", self.binaries.join(", ")))
            .args(auditable)
            .args([verb, "--locked", "--target", &compile.triple, "--profile", &profile.cargo])
            .args(["--message-format", "json-render-diagnostics"])
            .args(group.args_in(self.folder().as_str(), self.binaries.iter().copied()))
            .args(self.flags.iter().cloned())
            .cwd(self.root);
        for (name, value) in compile.env.iter().chain(&profile.env) {
            command = command.env(name, value);
        }
        let flags = self.rustflags()?;
        if !flags.is_empty() {
            let (variable, separator) = source(&flags, compile.env.keys().map(String::as_str));
            command = command.env(variable, flags.join(separator));
        }
        Ok(command)
    }

    /// The workspace's root as cargo itself sees it from there.
    fn folder(&self) -> Utf8PathBuf {
        self.root.canonicalize_utf8().unwrap_or_else(|_| self.root.to_owned())
    }

    /// The user's, the plan's, and those that write into the program what a Dockerfile's build would: where sources lay is
    /// another place on each machine, and nobody's affair.
    fn rustflags(&self) -> Result<Vec<String>> {
        let mut flags = host::user_rustflags(self.root, &self.compile.triple, &self.compile.env)?;
        flags.extend(self.compile.rustflags.iter().cloned());
        let mut remap = |from: &Utf8Path, to: &str| flags.push(format!("--remap-path-prefix={from}={to}"));
        // The last one that fits counts: cargo's folder may lie in the workspace, and the other way round.
        let home = cargo_home();
        let context =
            self.root.join(&self.plan.context.path).canonicalize_utf8().unwrap_or_else(|_| self.root.to_owned());
        let mut folders = vec![(context, self.plan.context.workdir.as_str())];
        folders.extend(home.map(|home| (home, CARGO_HOME)));
        folders.sort_by_key(|(folder, _)| folder.as_str().len());
        for (folder, place) in &folders {
            remap(folder, place);
        }
        Ok(flags)
    }

    /// Compiles, with this command of its own. `say` gets what cargo has for the user, as for a terminal of so many columns, where there
    /// is one.
    ///
    /// # Errors
    /// [`Kind::Build`]: it does not compile, and cargo has said why; [`Kind::Engine`]: there is no cargo, or no cargo-zigbuild;
    /// [`Kind::Interrupted`].
    pub fn run(&self, command: &Command, columns: Option<u16>, mut say: impl FnMut(&str)) -> Result<Compiled> {
        let began = Instant::now();
        let mut compiled = Compiled::default();
        let status = for_terminal(command.clone(), columns).stream_as_it_comes(|stream, text| match stream {
            Stream::Out => compiled.hear(text),
            Stream::Err => {
                compiled.errors.hear_piece(text);
                say(text);
            }
        })?;
        compiled.seconds = began.elapsed().as_secs_f64();
        self.done(command, status, compiled)
    }

    /// What came of the command.
    ///
    /// # Errors
    /// As [`Job::run`].
    pub fn done(&self, command: &Command, status: ExitStatus, compiled: Compiled) -> Result<Compiled> {
        if !status.success() {
            return Err(self.failure(command, status, &compiled.errors));
        }
        match self.binaries.iter().find(|name| !compiled.programs.contains_key(**name)) {
            None => Ok(compiled),
            Some(name) => Err(Failure::new(Kind::Internal, format!("cargo compiled no program for `{name}`"))
                .detail(command.shell_line())),
        }
    }

    fn failure(&self, command: &Command, status: ExitStatus, heard: &Listener) -> Failure {
        let places = Places::of(self.workspace, self.plan);
        let explained = explain::explain(heard, "", &places, By::Machine);
        let mut failure = Failure::new(Kind::Build, format!("cargo could not {} ({status})", command.why));
        // An error that cargo has said last and whole stands right above.
        if explained.more > 0 || explained.is_cut {
            failure = failure.detail(explained.detail());
        }
        failure = failure.detail(command.shell_line());
        let lacks = explained.advice.as_ref().is_none_or(|advice| advice.lacks);
        if let Some(advice) = explained.advice {
            failure = failure.caused_by(advice.cause).help(advice.help);
        }
        if !lacks {
            return failure;
        }
        if !self.group.packages.is_empty() {
            let package = |package: &crate::plan::model::Package| {
                let who =
                    package.because.iter().filter_map(|because| because.krate_name()).collect::<Vec<_>>().join(", ");
                if who.is_empty() { package.name.clone() } else { format!("{} ({who})", package.name) }
            };
            let packages = self.group.packages.iter().map(package).collect::<Vec<_>>().join(", ");
            failure = failure.help(format!("besides cargo this build needs, by Debian's names: {packages}"));
        }
        failure.help("where this machine lacks something: `--engine buildx` compiles in a container that has it")
    }
}

/// Cargo's progress and colours as on a terminal, though we hear it first: so many columns wide; none: there is no terminal.
fn for_terminal(command: Command, columns: Option<u16>) -> Command {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let Some(columns) = columns.filter(|_| !dumb) else { return command };
    let colours = !set("NO_COLOR") && !set("CARGO_TERM_COLOR");
    let progress = !set("CI") && !set("CARGO_TERM_PROGRESS_WHEN");
    let command = if colours { command.env("CARGO_TERM_COLOR", "always") } else { command };
    if progress {
        command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", columns.to_string())
    } else {
        command
    }
}

/// The commands that run the tests, as the Dockerfile's stage `test` does.
pub fn test_commands(plan: &Plan, profile: &Profile, root: &Utf8Path, flags: &[String]) -> Vec<Command> {
    let command = |why: &str, words: &[&str]| {
        Command::cargo(why)
            .args(words.iter().copied())
            .args(["--locked", "--no-fail-fast"])
            .args(plan.test.cargo_args.iter().cloned())
            .args(flags.iter().cloned())
            .cwd(root)
            .speaks()
    };
    let cargo = &*profile.cargo;
    match plan.test.runner {
        TestRunner::Cargo => vec![command("run the tests", &["test", "--profile", cargo])],
        TestRunner::Nextest => {
            let run = ["nextest", "run", "--no-tests", "pass", "--cargo-profile", cargo];
            let doc = ["test", "--doc", "--profile", cargo];
            let doc = plan.test.doc.then(|| command("test the documentation", &doc));
            [command("run the tests", &run)].into_iter().chain(doc).collect()
        }
    }
}

/// Runs the tests, all of them; what they print is handed over line by line.
///
/// # Errors
/// [`Kind::Build`]: a test failed, or does not compile.
pub fn test(commands: &[Command], mut on_line: impl FnMut(&str)) -> Result<()> {
    let mut failed = None;
    for command in commands {
        let status = command.stream(|stream, line| {
            if stream == Stream::Out {
                on_line(line);
            }
        })?;
        if !status.success() {
            failed.get_or_insert((command, status));
        }
    }
    let Some((command, status)) = failed else { return Ok(()) };
    let failure = Failure::new(Kind::Build, format!("the tests failed ({status})")).detail(command.shell_line());
    if command.args.first().is_some_and(|word| word == "nextest") {
        let help = "where cargo has no `nextest`: `cargo install --locked cargo-nextest`, or `test-runner = \"cargo\"` in the metadata";
        return Err(failure.help(help));
    }
    Err(failure)
}

impl Compiled {
    pub(crate) fn hear(&mut self, line: &str) {
        // What a build script prints is no message of cargo's.
        let Ok(message) = serde_json::from_str::<Message>(line) else { return };
        if message.reason != "compiler-artifact" {
            return;
        }
        let Some(target) = message.target else { return };
        let is = |kind: &str| target.kind.iter().any(|known| known == kind);
        if let Some(path) = message.executable.filter(|_| is("bin")) {
            self.programs.insert(target.name.clone(), path);
        }
        if let Some(package) = message.package_id.filter(|_| !message.fresh && !is("custom-build")) {
            let name = package_name(&package);
            if !self.crates.contains(&name) {
                self.crates.push(name);
            }
        }
    }
}

/// `ring 0.17.14` of `registry+https://…#ring@0.17.14`, `app 1.0.0` of `path+file:///…/app#1.0.0`.
fn package_name(id: &str) -> String {
    let (source, fragment) = id.rsplit_once('#').unwrap_or(("", id));
    if let Some((name, version)) = fragment.rsplit_once('@') {
        return format!("{name} {version}");
    }
    let folder = source.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    format!("{folder} {fragment}")
}

/// The variable for these flags: the one that people can read, unless a flag has a space in it, or the other is set already and
/// would win.
fn source<'e>(flags: &[String], mut own: impl Iterator<Item = &'e str>) -> (&'static str, &'static str) {
    let set = std::env::var_os(ENCODED.0).is_some() || own.any(|name| name == ENCODED.0);
    if set || flags.iter().any(|flag| flag.contains(char::is_whitespace)) { ENCODED } else { ("RUSTFLAGS", " ") }
}

fn cargo_home() -> Option<Utf8PathBuf> {
    let said = std::env::var("CARGO_HOME").ok().filter(|home| !home.is_empty()).map(Utf8PathBuf::from);
    said.or_else(|| Some(Utf8PathBuf::from_path_buf(std::env::home_dir()?).ok()?.join(".cargo")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_people_can_read() {
        let flags = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(source(&flags("-C|opt-level=1"), [].into_iter()).0, "RUSTFLAGS");
        assert_eq!(source(&flags("--remap-path-prefix=/my files=/app"), [].into_iter()), ENCODED);
        assert_eq!(source(&flags("-C"), ["CARGO_ENCODED_RUSTFLAGS"].into_iter()), ENCODED);
    }

    #[test]
    fn what_cargo_made() {
        let mut compiled = Compiled::default();
        for line in [
            r#"{"reason":"compiler-artifact","package_id":"registry+https://x/#ring@0.17.14","target":{"name":"ring","kind":["lib"]},"executable":null,"fresh":false}"#,
            r#"{"reason":"compiler-artifact","package_id":"registry+https://x/#ring@0.17.14","target":{"name":"build-script-build","kind":["custom-build"]},"executable":"/t/b","fresh":false}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/app#1.0.0","target":{"name":"app","kind":["bin"]},"executable":"/t/app","fresh":false}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/lib#x@1.0.0","target":{"name":"x","kind":["lib"]},"executable":null,"fresh":true}"#,
            "not json",
            r#"{"reason":"build-finished","success":true}"#,
        ] {
            compiled.hear(line);
        }
        assert_eq!(compiled.programs, BTreeMap::from([("app".to_owned(), Utf8PathBuf::from("/t/app"))]));
        assert_eq!(compiled.crates, ["ring 0.17.14", "app 1.0.0"]);
    }
}
