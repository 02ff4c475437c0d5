//! The only place that starts processes. A command is a value first: it can be printed as a shell line (`--dry-run`, error
//! reports) and only then run. Ctrl-C is passed on to the children, and they are waited for.

mod child;
mod interrupts;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::process::{Child, ChildStderr, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use child::{Running, read_lines, read_pieces};
use interrupts::interrupts;

pub use interrupts::{handle_interrupts, interrupted};

use crate::failure::{Failure, Kind, Result};
use crate::secret::Secret;

/// How long a child may take to end after it was asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// The same of a group of processes, whose work is done again elsewhere.
const GROUP_GRACE: Duration = Duration::from_millis(200);

/// How often what waits looks for an interrupt.
pub(crate) const POLL: Duration = Duration::from_millis(50);

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

/// Likewise where only an error of I/O goes through, which has the failure in it.
///
/// # Errors
/// As [`go_on`].
pub(crate) fn go_on_in_io() -> io::Result<()> {
    go_on().map_err(io::Error::other)
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

/// The variable that says how many seconds an engine has for an answer, fractions too.
pub const PATIENCE: &str = "CARGO_DOCKERIZE_ENGINE_TIMEOUT";

/// How long an engine has for an answer: a cold one starts meanwhile.
const ANSWER: Duration = Duration::from_mins(1);

/// How long an answer of an engine is waited for: what the variable says, else a minute.
pub(crate) fn patience() -> Duration {
    seconds(PATIENCE).unwrap_or(ANSWER)
}

/// A variable that says seconds; none: it is not set, or says something else.
pub(crate) fn seconds(name: &str) -> Option<Duration> {
    let seconds: f64 = std::env::var(name).ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|seconds| !seconds.is_zero())
}

/// How a child's standard error is handed over.
type ReadErrors = fn(ChildStderr, Stream, mpsc::Sender<(Stream, String)>);

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
    speaks: bool,
    limit: Option<Duration>,
    /// Whether it leads a group of processes.
    apart: bool,
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
            speaks: false,
            limit: None,
            apart: false,
        }
    }

    /// Cargo: the one that called us, where one did.
    pub fn cargo(why: impl Into<String>) -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), why)
    }

    /// Lets it speak to the user itself: its standard error is ours, so that it shows its progress on a terminal as it always
    /// does. Nobody else hears it then.
    #[must_use]
    pub fn speaks(mut self) -> Self {
        self.speaks = true;
        self
    }

    /// Gives it no more time than this: then it is a failure, and the child is ended with all that it started.
    #[must_use]
    pub fn within(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self.apart = limit.is_some();
        self
    }

    /// Takes it for a question to an engine: an answer is waited for as long as [`PATIENCE`] says, else a minute. A build is none.
    #[must_use]
    pub fn asks(mut self) -> Self {
        // Not in a group of its own: it may ask the user for a password, at the terminal.
        self.limit = Some(patience());
        self
    }

    /// Runs it after an interrupt as well: it clears away what the interrupted left. A second one stops it.
    #[must_use]
    pub fn tidies(mut self) -> Self {
        self.tidies = true;
        self
    }

    fn interrupted(&self) -> bool {
        interrupts() > usize::from(self.tidies)
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
        let mut kept = Kept::default();
        let status = self.stream(|stream, line| kept.push(stream, line))?;
        Ok(kept.output(status))
    }

    /// Runs it to its end and hands over each line as it comes, without its line end.
    ///
    /// # Errors
    /// The program cannot be started, or the user interrupted; then the child was asked to stop and has ended.
    pub fn stream(&self, mut on_line: impl FnMut(Stream, &str)) -> Result<ExitStatus> {
        if self.interrupted() {
            return Err(interruption());
        }
        self.run(Running::new(self.spawn()?, self.apart), &mut on_line, (None, read_lines))
    }

    /// As [`Command::stream`], with its standard error in pieces, as it comes: what shows progress on a terminal ends no line for a
    /// long time.
    ///
    /// # Errors
    /// As [`Command::stream`].
    pub fn stream_as_it_comes(&self, mut on_piece: impl FnMut(Stream, &str)) -> Result<ExitStatus> {
        if self.interrupted() {
            return Err(interruption());
        }
        self.run(Running::new(self.spawn()?, self.apart), &mut on_piece, (None, read_pieces))
    }

    /// Runs it to its end while `write` gives it its standard input, however much that is, and keeps what it printed. A child
    /// that closes its input early is judged by its status alone.
    ///
    /// # Errors
    /// The program cannot be started, the user interrupted, or `write` failed: a [`Failure`] in its error comes out as it was.
    pub fn feed(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send) -> Result<Output> {
        if self.interrupted() {
            return Err(interruption());
        }
        let mut child = Running::new(self.start(Stdio::piped())?, false);
        let stdin = child.child.stdin.take();
        let mut kept = Kept::default();
        let (status, written) = std::thread::scope(|scope| {
            // It ends when the child does, which is waited for or killed below: a pipe that nobody reads takes no more.
            let writer = scope.spawn(move || stdin.map_or(Ok(()), |mut stdin| write(&mut stdin)));
            let status = self.run(child, &mut |stream, line| kept.push(stream, line), (None, read_lines));
            (status, writer.join())
        });
        let status = status?;
        match written {
            Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(match error.downcast::<Failure>() {
                Ok(failure) => failure,
                Err(error) => self.failure("could not be given its input").caused_by(error),
            }),
            Ok(_) => Ok(kept.output(status)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// As [`Command::stream`], in a group of processes of its own: where `stop` says so, it and all that it started are told to
    /// stop, and have ended when this comes back. Its standard error is handed over in pieces, as it comes.
    ///
    /// # Errors
    /// As [`Command::stream`].
    pub fn stream_apart(&self, stop: &AtomicBool, mut on_line: impl FnMut(Stream, &str)) -> Result<ExitStatus> {
        let mut command = self.build(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().map_err(|error| self.failure("could not be started").caused_by(error))?;
        self.run(Running::new(child, true), &mut on_line, (Some(stop), read_pieces))
    }

    fn run(
        &self,
        mut child: Running,
        on_line: &mut dyn FnMut(Stream, &str),
        (stop, read_errors): (Option<&AtomicBool>, ReadErrors),
    ) -> Result<ExitStatus> {
        let stopped = || stop.is_some_and(|stop| stop.load(Ordering::SeqCst));
        let poll = if stop.is_some() { POLL / 10 } else { POLL };
        let (sender, lines) = mpsc::channel();
        if let Some(out) = child.child.stdout.take() {
            read_lines(out, Stream::Out, sender.clone());
        }
        if let Some(err) = child.child.stderr.take() {
            read_errors(err, Stream::Err, sender.clone());
        }
        drop(sender);
        let mut asked: Option<Instant> = None;
        let until = self.limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            if until.is_some_and(|until| Instant::now() > until) {
                child.kill_group();
                let failure = self.failure("does not answer");
                return Err(failure.help(format!(
                    "see whether it hangs: run the line above; `{PATIENCE}=SECONDS` waits longer for engines"
                )));
            }
            match lines.recv_timeout(poll) {
                Ok((stream, line)) => on_line(stream, &line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.interrupted() || stopped() {
                let since = *asked.get_or_insert_with(|| {
                    child.ask_to_stop();
                    Instant::now()
                });
                // Of a group nobody is left behind: rustc, for one, goes on until it is done.
                if stop.is_some() && since.elapsed() > GROUP_GRACE {
                    child.kill_group();
                }
                // A second Ctrl-C means it.
                if since.elapsed() > GRACE || interrupts() > 1 {
                    break;
                }
            }
        }
        if self.interrupted() {
            drop(child);
            return Err(interruption());
        }
        child.child.wait().map_err(|error| self.failure("could not be waited for").caused_by(error))
    }

    fn spawn(&self) -> Result<Child> {
        let mut child = self.start(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })?;
        if let (Some(text), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            // A child that does not want it has closed its end, and says why by its status.
            let _ = stdin.write_all(text.as_bytes());
        }
        Ok(child)
    }

    fn start(&self, stdin: Stdio) -> Result<Child> {
        self.build(stdin).spawn().map_err(|error| self.failure("could not be started").caused_by(error))
    }

    fn build(&self, stdin: Stdio) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        #[cfg(unix)]
        if self.apart {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.envs(self.secret.iter().map(|(name, Secret(value))| (name, value)));
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        command.stdin(stdin).stdout(Stdio::piped()).stderr(if self.speaks { Stdio::inherit() } else { Stdio::piped() });
        command
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(Kind::Engine, format!("`{}` {what}", self.program.to_string_lossy())).detail(format!(
            "to {}:\n{}",
            self.why,
            self.shell_line()
        ))
    }
}

#[derive(Default)]
struct Kept {
    stdout: String,
    stderr: String,
}

impl Kept {
    fn push(&mut self, stream: Stream, line: &str) {
        let kept = if stream == Stream::Out { &mut self.stdout } else { &mut self.stderr };
        kept.push_str(line);
        kept.push('\n');
    }

    fn output(self, status: ExitStatus) -> Output {
        Output { status, stdout: self.stdout, stderr: self.stderr }
    }
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let quoted = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    // A terminal shows no control characters, and who copies the line loses them.
    let hidden = |c: char| c.is_ascii_control() && !"\n\t".contains(c);
    if !word.contains(hidden) {
        return quoted(word);
    }
    let shown = word.chars().fold(String::new(), |text, c| match c {
        '\\' => text + r"\\",
        c if hidden(c) => text + &format!(r"\0{:03o}", u32::from(c)),
        c => text + c.encode_utf8(&mut [0; 4]),
    });
    format!("\"$(printf %b {})\"", quoted(&shown))
}

#[cfg(all(test, unix))]
#[path = "exec_tests.rs"]
mod tests;
