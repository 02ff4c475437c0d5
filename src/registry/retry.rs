//! When a request is made again, and how long is waited before.

use std::time::{Duration, Instant, SystemTime};

use crate::exec;
use crate::failure::Result;

/// Statuses that pass: a timeout, too many requests, and what a server or a proxy before it says when it is not well. Not 501,
/// 505 and 507: not implemented stays so, and a full disk does not empty itself.
const PASSING: &[u16] = &[408, 425, 429, 500, 502, 503, 504, 520, 522, 523, 524];

/// A connection that carried so much before it broke was no failed attempt.
pub(super) const PROGRESS: u64 = 1024 * 1024;

/// Whether an answer with this status may be another one next time.
pub(super) fn passes(status: u16) -> bool {
    PASSING.contains(&status)
}

/// How often, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Requests in all, the first one too.
    pub attempts: u32,
    /// The wait before the second; each further one is twice as long.
    pub first: Duration,
    /// No wait of our own is longer.
    pub longest: Duration,
    /// A registry that asks for a longer wait (`Retry-After`) is not waited for: the user is told.
    pub patience: Duration,
    /// No further request is made where nothing was achieved for so long.
    pub total: Duration,
}

impl Default for Policy {
    /// Five requests in some eight seconds, more where the registry asks for it.
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(15),
            patience: Duration::from_mins(1),
            total: Duration::from_mins(3),
        }
    }
}

impl Policy {
    /// How long before the attempt after so many; none: there is none.
    fn wait(&self, made: u32, asked: Option<Duration>) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        match asked {
            Some(asked) => (asked <= self.patience).then_some(asked),
            None => Some(self.first.saturating_mul(2_u32.saturating_pow(made.saturating_sub(1))).min(self.longest)),
        }
    }

    pub(super) fn tries(&self) -> Tries<'_> {
        Tries { policy: self, made: 0, since: Instant::now() }
    }
}

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Tries<'p> {
    policy: &'p Policy,
    made: u32,
    since: Instant,
}

impl Tries<'_> {
    /// Takes an attempt as failed and waits; false: it was the last one.
    ///
    /// # Errors
    /// [`Kind::Interrupted`](crate::failure::Kind::Interrupted).
    pub fn again(&mut self, asked: Option<Duration>) -> Result<bool> {
        self.made = self.made.saturating_add(1);
        if self.since.elapsed() >= self.policy.total {
            return Ok(false);
        }
        match self.policy.wait(self.made, asked) {
            Some(wait) => exec::sleep(wait).map(|()| true),
            None => Ok(false),
        }
    }

    /// Something was achieved: the count starts anew.
    pub fn forget(&mut self) {
        self.made = 0;
        self.since = Instant::now();
    }

    /// Attempts that have failed.
    pub fn made(&self) -> u32 {
        self.made
    }
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn asked(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: SystemTime = jiff::fmt::rfc2822::parse(header).ok()?.timestamp().into();
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_cap_and_end() {
        let policy = Policy { attempts: 5, longest: Duration::from_secs(3), ..Policy::default() };
        let waits: Vec<_> = (1..=5).map(|made| policy.wait(made, None).map(|wait| wait.as_millis())).collect();
        assert_eq!(waits, [Some(500), Some(1000), Some(2000), Some(3000), None]);
    }

    #[test]
    fn a_registry_that_asks_for_time_gets_it_up_to_a_cap() {
        let policy = Policy::default();
        assert_eq!(policy.wait(1, Some(Duration::from_secs(20))), Some(Duration::from_secs(20)));
        assert_eq!(policy.wait(1, Some(Duration::from_hours(1))), None);
        assert_eq!(policy.wait(5, Some(Duration::ZERO)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480 - 30);
        assert_eq!(asked("120", now), Some(Duration::from_mins(2)));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(asked("Wed, 21 Oct 2015 07:27:00 GMT", now), Some(Duration::ZERO), "a date that has passed");
        assert_eq!(asked("soon", now), None);
    }

    #[test]
    fn a_full_disk_and_a_refusal_do_not_pass() {
        assert!(passes(429) && passes(500) && passes(503) && passes(408));
        assert!(!passes(507) && !passes(401) && !passes(404) && !passes(413) && !passes(501));
    }
}
