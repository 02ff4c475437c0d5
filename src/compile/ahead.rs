//! A compile that begins while the workspace is still read: what the last build of the same command line ran is most likely what
//! this one will run. Where nothing changed, cargo has looked at its sources by the time the plan is there.
//!
//! It only counts if the plan then asks for the very same command; else it is stopped, with all that it started. What cargo says is
//! kept until then, and handed over as it comes from then on.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{Compiled, Turn, for_terminal};
use crate::exec::{Command, Stream};

const FILE: &str = "ahead.json";

/// How often it is looked whether cargo has ended, or has said something.
const LOOK: Duration = Duration::from_millis(2);

/// Cargo waits for itself where the workspace is read at the same time: nobody needs to know.
const BLOCKING: &str = "Blocking";

/// What cargo was run with, and for which command line of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Call {
    line: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    root: Utf8PathBuf,
}

/// What has been heard of it.
#[derive(Debug, Default)]
struct Heard {
    compiled: Compiled,
    /// What it said to the user, who has not heard it yet.
    said: String,
}

/// A compile that has begun.
#[derive(Debug)]
pub struct Ahead {
    call: Call,
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
    /// None: it has been waited for.
    thread: Option<JoinHandle<Option<ExitStatus>>>,
    turn: Option<Turn>,
}

impl Ahead {
    /// Begins with what was run for this command line in this folder the last time; nothing where nobody remembers it, or where
    /// another build is under way. Cargo speaks as to a terminal of so many columns, where there is one.
    pub fn begin(folder: &Utf8Path, line: &[String], columns: Option<u16>) -> Option<Self> {
        Self::begin_in(&scratch(folder)?, line, columns)
    }

    fn begin_in(scratch: &Utf8Path, line: &[String], columns: Option<u16>) -> Option<Self> {
        let text = fs_err::read(scratch.join(FILE)).ok()?;
        let call: Call = serde_json::from_slice(&text).ok()?;
        // What is handed on is what counts.
        let mut verbs = call.args.iter().skip_while(|word| *word == "auditable");
        let known = verbs.next().is_some_and(|verb| matches!(verb.as_str(), "build" | "zigbuild"));
        if call.line != line || !known {
            return None;
        }
        let turn = Turn::at_once(scratch)?;
        let mut command = Command::cargo("look ahead").args(call.args.iter().cloned()).cwd(&call.root);
        for (name, value) in &call.env {
            command = command.env(name, value);
        }
        let command = for_terminal(command, columns);
        let (heard, stop) = (Arc::<Mutex<Heard>>::default(), Arc::<AtomicBool>::default());
        let (to, until) = (Arc::clone(&heard), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            let status = command.stream_apart(&until, |stream, line| locked(&to).hear(stream, line));
            locked(&to).compiled.seconds = began.elapsed().as_secs_f64();
            status.ok()
        });
        Some(Self { call, heard, stop, thread: Some(thread), turn: Some(turn) })
    }

    /// What came of it, where this is the command after all; and the turn that it has. `say` gets what cargo has for the user.
    pub fn take(
        mut self,
        command: Option<&Command>,
        mut say: impl FnMut(&str),
    ) -> (Option<(ExitStatus, Compiled)>, Option<Turn>) {
        let same = command.is_some_and(|command| {
            let cwd = command.cwd.as_ref();
            command.args == self.call.args && command.env == self.call.env && cwd == Some(&self.call.root)
        });
        while same && self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            pass_on(&self.heard, &mut say);
            std::thread::sleep(LOOK);
        }
        let status = self.end().filter(|_| same);
        if status.is_some() {
            pass_on(&self.heard, &mut say);
        }
        let compiled = std::mem::take(&mut locked(&self.heard).compiled);
        (status.map(|status| (status, compiled)), self.turn.take())
    }

    /// Stops it where it still runs.
    fn end(&mut self) -> Option<ExitStatus> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().and_then(|thread| thread.join().ok()).flatten()
    }
}

fn pass_on(heard: &Mutex<Heard>, say: &mut impl FnMut(&str)) {
    let said = std::mem::take(&mut locked(heard).said);
    for line in said.split_inclusive('\n').filter(|line| !line.contains(BLOCKING)) {
        say(line);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.end();
    }
}

impl Heard {
    fn hear(&mut self, stream: Stream, text: &str) {
        match stream {
            Stream::Out => self.compiled.hear(text),
            Stream::Err => {
                self.compiled.errors.hear_piece(text);
                self.said.push_str(text);
            }
        }
    }
}

/// Remembers what was run for this command line. That it could not is no failure of a build that is done.
pub fn remember(scratch: &Utf8Path, line: &[String], command: &Command) {
    let Some(root) = command.cwd.clone() else { return };
    let call = Call { line: line.to_vec(), args: command.args.clone(), env: command.env.clone(), root };
    let text = serde_json::to_vec(&call).unwrap_or_default();
    let path = scratch.join(FILE);
    if fs_err::read(&path).is_ok_and(|old| old == text) {
        return;
    }
    drop(fs_err::write(path, text));
}

/// Where a build from this folder left what it remembers. The workspace is not known yet: its own folder of targets is looked
/// for upwards, or is where the environment says.
fn scratch(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let said = std::env::var("CARGO_TARGET_DIR").ok().filter(|said| !said.is_empty());
    let places: Vec<Utf8PathBuf> = match said {
        Some(said) => vec![folder.join(said)],
        None => folder.ancestors().map(|above| above.join("target")).collect(),
    };
    places.into_iter().map(|target| target.join("dockerize")).find(|scratch| scratch.join(FILE).is_file())
}

fn locked(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::scratch as folder;

    fn package(main: &str) -> crate::oci::testing::Scratch {
        let folder = folder();
        let manifest = "[package]\nname = \"ahead\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        fs_err::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        fs_err::create_dir(folder.path().join("src")).unwrap();
        fs_err::write(folder.path().join("src/main.rs"), main).unwrap();
        folder
    }

    #[test]
    fn the_same_command_counts_and_no_other() {
        let folder = package("fn main() {}\n");
        let root = folder.path();
        let scratch = root.join("target/dockerize");
        let target = root.join("target");
        let args =
            ["build", "--offline", "--message-format", "json-render-diagnostics", "--target-dir", target.as_str()];
        let command = Command::cargo("compile").args(args).cwd(root);
        let line = vec!["build".to_owned()];
        assert!(command.output().unwrap().status.success());
        fs_err::create_dir(&scratch).unwrap();
        remember(&scratch, &line, &command);
        let begin = || Ahead::begin_in(&scratch, &line, None);
        let take = |command: &Command| {
            let mut said = String::new();
            let (done, turn) = begin().unwrap().take(Some(command), |text| said.push_str(text));
            assert!(turn.is_some());
            (done.map(|(status, compiled)| (status.success(), compiled)), said)
        };

        let (done, said) = take(&command);
        let (good, compiled) = done.unwrap();
        assert!(good && compiled.crates.is_empty(), "{compiled:?}");
        assert_eq!(compiled.programs["ahead"], target.join("debug/ahead"));
        assert!(said.contains("Finished"), "{said:?}");

        let under_way = begin().unwrap();
        assert!(begin().is_none(), "one at a time");
        drop(under_way);
        assert_eq!(take(&command.clone().arg("--release")), (None, String::new()), "it is another command");
        assert!(Ahead::begin_in(&scratch, &["plan".to_owned()], None).is_none());

        fs_err::write(root.join("src/main.rs"), "fn main() { println!(\"other\"); }\n").unwrap();
        let (done, said) = take(&command);
        assert_eq!(done.unwrap().1.crates, ["ahead 0.1.0"]);
        assert!(said.contains("Compiling ahead"), "{said:?}");
        fs_err::write(root.join("src/main.rs"), "fn main() { wrong }\n").unwrap();
        let (done, said) = take(&command);
        assert!(!done.unwrap().0 && said.contains("cannot find value"), "{said:?}");

        for (args, begins) in [(["auditable", "build"], true), (["auditable", "run"], false)] {
            remember(&scratch, &line, &Command::cargo("compile").args(args).cwd(root));
            assert_eq!(begin().is_some(), begins, "{args:?}");
        }
    }
}
