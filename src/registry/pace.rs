//! How fast a body has to come or go: one byte now and then keeps a connection alive, and a program waiting.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::exec;

/// The variable that says how many bytes a second have to come; 0 takes any.
const LEAST: &str = "CARGO_DOCKERIZE_LEAST_SPEED";

/// The least throughput of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a second; 0: any.
    pub least: u64,
    /// It is measured over so long.
    pub window: Duration,
}

impl Default for Pace {
    /// A kibibyte a second, over half a minute; the variable `CARGO_DOCKERIZE_LEAST_SPEED` says another number of bytes.
    fn default() -> Self {
        let least = std::env::var(LEAST).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024);
        Self { least, window: Duration::from_secs(30) }
    }
}

/// A body under way.
#[derive(Debug)]
pub(super) struct Clock<'p> {
    pace: &'p Pace,
    since: Instant,
    bytes: u64,
}

impl<'p> Clock<'p> {
    pub fn start(pace: &'p Pace) -> Self {
        Self { pace, since: Instant::now(), bytes: 0 }
    }

    /// Takes note of bytes that came or went.
    ///
    /// # Errors
    /// They are too few for the time that they took.
    pub fn tick(&mut self, bytes: u64) -> io::Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        let passed = self.since.elapsed();
        if passed < self.pace.window {
            return Ok(());
        }
        let least = u128::from(self.pace.least).saturating_mul(passed.as_millis()) / 1000;
        if u128::from(self.bytes) < least {
            let words = format!(
                "{} bytes in {} s are less than {} a second ({LEAST} changes it)",
                self.bytes,
                passed.as_secs(),
                self.pace.least
            );
            return Err(io::Error::new(io::ErrorKind::TimedOut, words));
        }
        *self = Self::start(self.pace);
        Ok(())
    }
}

/// Reads what keeps the pace.
pub(super) struct Paced<'p, R> {
    pub inner: R,
    pub clock: Clock<'p>,
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        exec::go_on_in_io()?;
        let count = self.inner.read(buffer)?;
        // The end is no delay.
        if count > 0 {
            self.clock.tick(count as u64)?;
        }
        Ok(count)
    }
}
