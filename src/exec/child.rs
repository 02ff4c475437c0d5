//! A child process that runs.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{POLL, Stream, interrupted};

/// Children that have not been waited for.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// A child that does not outlive us, however we leave.
pub(super) struct Running {
    pub child: Child,
    /// Whether it leads a group of processes of its own, all of which are meant.
    apart: bool,
}

impl Running {
    pub fn new(child: Child, apart: bool) -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Self { child, apart }
    }

    pub fn ask_to_stop(&self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::INT);
    }

    /// Ends it and all that it started at once.
    pub fn kill_group(&self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        use rustix::process::{Pid, kill_process, kill_process_group};
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended already, which is what we want.
            let _ = if self.apart { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
        }
    }

    fn end(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let since = Instant::now();
            while interrupted() && since.elapsed() < Duration::from_secs(1) {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(POLL);
            }
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// How many children there are.
pub(super) fn running() -> usize {
    RUNNING.load(Ordering::SeqCst)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn read_lines(from: impl Read + Send + 'static, stream: Stream, to: mpsc::Sender<(Stream, String)>) {
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

/// As it comes: what shows progress on a terminal ends no line for a long time.
pub(super) fn read_pieces(mut from: impl Read + Send + 'static, stream: Stream, to: mpsc::Sender<(Stream, String)>) {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        let mut held = 0;
        while let Ok(read @ 1..) = from.read(&mut piece[held..]) {
            let end = held + read;
            // A letter whose end has not come yet waits for it.
            let whole = match std::str::from_utf8(&piece[..end]) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => end,
            };
            if to.send((stream, String::from_utf8_lossy(&piece[..whole]).into_owned())).is_err() {
                return;
            }
            piece.copy_within(whole..end, 0);
            held = end - whole;
        }
    });
}
