//! The only place that starts processes. A command is a value first: it can be printed as a shell line (`--dry-run`, error
//! reports) and only then run. Ctrl-C is passed on to the children, and they are waited for.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::failure::{Failure, Kind, Result};
use crate::secret::Secret;

/// How long a child may take to end after it was asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How often what waits looks for an interrupt.
pub(crate) const POLL: Duration = Duration::from_millis(50);

static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

/// Takes over Ctrl-C (SIGINT, SIGTERM, SIGHUP) for the whole process. Call it once, early; later calls do nothing.
pub fn handle_interrupts() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // Where no handler can be set the system's default ends us: not as tidy, and no reason to refuse to work.
        drop(ctrlc::set_handler(|| {
            INTERRUPTS.fetch_add(1, Ordering::SeqCst);
        }));
    });
}

/// Whether the user asked to stop. Long loops of our own look here.
pub fn interrupted() -> bool {
    INTERRUPTS.load(Ordering::SeqCst) > 0
}

/// The failure that an interrupt is.
pub fn interruption() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted")
}

/// Nothing, unless the user asked to stop: what a long loop of ours asks each time round.
///
/// # Errors
/// [`Kind::Interrupted`].
pub fn go_on() -> Result<()> {
    if interrupted() { Err(interruption()) } else { Ok(()) }
}

/// Waits, but not beyond an interrupt.
///
/// # Errors
/// [`Kind::Interrupted`].
pub(crate) fn sleep(wait: Duration) -> Result<()> {
    let until = Instant::now() + wait;
    loop {
        go_on()?;
        match until.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => std::thread::sleep(left.min(POLL)),
            _ => return Ok(()),
        }
    }
}

/// A command as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// A name that is looked up in `PATH`, or a path.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment added to ours.
    pub env: Vec<(String, String)>,
    /// Environment that nobody may see: it is in no line that is shown, nor in what `Debug` prints.
    secret: Vec<(String, Secret)>,
    /// What it reads on standard input; none: nothing.
    input: Option<String>,
    /// The folder that it runs in; none: ours.
    pub cwd: Option<Utf8PathBuf>,
    /// What it is for, a lowercase fragment: `read the workspace's metadata`.
    pub why: String,
    tidies: bool,
}

/// Which of the child's two outputs a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a child that ran to its end left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Command {
    /// A command and what it is for.
    pub fn new(program: impl Into<OsString>, why: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            secret: Vec::new(),
            input: None,
            cwd: None,
            why: why.into(),
            tidies: false,
        }
    }

    /// Runs it after an interrupt as well: it clears away what the interrupted left. A second one stops it.
    #[must_use]
    pub fn tidies(mut self) -> Self {
        self.tidies = true;
        self
    }

    fn interrupted(&self) -> bool {
        INTERRUPTS.load(Ordering::SeqCst) > usize::from(self.tidies)
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Adds a variable that is not shown with the command.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.secret.push((name.into(), Secret(value.into())));
        self
    }

    /// Gives it a few lines on standard input. Not for more than fits into a pipe: nobody reads its output meanwhile.
    #[must_use]
    pub fn input(mut self, text: impl Into<String>) -> Self {
        self.input = Some(text.into());
        self
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn cwd(mut self, folder: impl AsRef<Utf8Path>) -> Self {
        self.cwd = Some(folder.as_ref().to_owned());
        self
    }

    /// The command as a line that a POSIX shell understands.
    ///
    /// ```
    /// use cargo_dockerize::exec::Command;
    /// let command = Command::new("docker", "say hello").args(["run", "it's"]).env("A", "b c");
    /// assert_eq!(command.shell_line(), r"A='b c' docker run 'it'\''s'");
    /// ```
    pub fn shell_line(&self) -> String {
        let mut words: Vec<String> =
            self.env.iter().map(|(name, value)| format!("{name}={}", shell_word(value))).collect();
        words.push(shell_word(&self.program.to_string_lossy()));
        words.extend(self.args.iter().map(|arg| shell_word(arg)));
        words.join(" ")
    }

    /// Runs it to its end and keeps what it printed. A non-zero status is not a failure here: the caller knows what it means.
    ///
    /// # Errors
    /// The program cannot be started, or the user interrupted.
    pub fn output(&self) -> Result<Output> {
        let mut stdout = String::new();
        let mut stderr = String::new();
        let status = self.stream(|stream, line| {
            let kept = if stream == Stream::Out { &mut stdout } else { &mut stderr };
            kept.push_str(line);
            kept.push('\n');
        })?;
        Ok(Output { status, stdout, stderr })
    }

    /// Runs it to its end and hands over each line as it comes, without its line end.
    ///
    /// # Errors
    /// The program cannot be started, or the user interrupted; then the child was asked to stop and has ended.
    pub fn stream(&self, mut on_line: impl FnMut(Stream, &str)) -> Result<ExitStatus> {
        if self.interrupted() {
            return Err(interruption());
        }
        let mut child = Running(self.spawn()?);
        let (sender, lines) = mpsc::channel();
        if let Some(out) = child.0.stdout.take() {
            read_lines(out, Stream::Out, sender.clone());
        }
        if let Some(err) = child.0.stderr.take() {
            read_lines(err, Stream::Err, sender.clone());
        }
        drop(sender);
        let mut asked: Option<Instant> = None;
        loop {
            match lines.recv_timeout(POLL) {
                Ok((stream, line)) => on_line(stream, &line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.interrupted() {
                let since = *asked.get_or_insert_with(|| {
                    child.ask_to_stop();
                    Instant::now()
                });
                // A second Ctrl-C means it.
                if since.elapsed() > GRACE || INTERRUPTS.load(Ordering::SeqCst) > 1 {
                    break;
                }
            }
        }
        if self.interrupted() {
            drop(child);
            return Err(interruption());
        }
        child.0.wait().map_err(|error| self.failure("could not be waited for").caused_by(error))
    }

    fn spawn(&self) -> Result<Child> {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.envs(self.secret.iter().map(|(name, Secret(value))| (name, value)));
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.failure("could not be started").caused_by(error))?;
        if let (Some(text), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            // A child that does not want it has closed its end, and says why by its status.
            let _ = stdin.write_all(text.as_bytes());
        }
        Ok(child)
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(Kind::Engine, format!("`{}` {what}", self.program.to_string_lossy())).detail(format!(
            "to {}:\n{}",
            self.why,
            self.shell_line()
        ))
    }
}

/// A child that does not outlive us, however we leave.
struct Running(Child);

impl Running {
    fn ask_to_stop(&self) {
        #[cfg(unix)]
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // It may have ended already, which is what we want.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let since = Instant::now();
            while interrupted() && since.elapsed() < Duration::from_secs(1) {
                if matches!(self.0.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(POLL);
            }
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}

fn read_lines(from: impl Read + Send + 'static, stream: Stream, to: mpsc::Sender<(Stream, String)>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            if to.send((stream, String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
            line.clear();
        }
    });
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_child_gets_what_it_is_given_and_nothing_else() {
        let given = Command::new("cat", "repeat").input("a\nb").output().unwrap();
        assert_eq!(given.stdout, "a\nb\n");
        assert_eq!(Command::new("cat", "repeat").output().unwrap().stdout, "");
        // One that does not want it is judged by its status.
        assert!(Command::new("true", "ignore").input("a").output().unwrap().status.success());
    }
}
