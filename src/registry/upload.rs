//! One blob goes to a registry: not at all where it is there, by a word where another repository has it, else by its bytes, and from
//! where it stopped where a connection broke.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::Method;

use super::Client;
use super::host::Session;
use super::pace::Clock;
use super::push::{Blob, Outcome, Progress};
use super::resolve::known;
use super::retry;
use super::wire::{Answer, Call, Payload, Trouble, located};
use super::words::{self, Deed, short};
use crate::digest;
use crate::exec;
use crate::failure::{Failure, Kind, Result};

/// Up to here a blob is sent by the request that ends the upload. A larger one is sent by one before, so that what came is not lost
/// with the connection. In one, as Docker does: registries differ in what chunks they take.
const WHOLE: u64 = 16 * 1024 * 1024;

/// A blob that is to be there.
pub(super) struct Upload<'u> {
    client: &'u Client,
    session: &'u Session,
    blob: &'u Blob,
    deed: Deed<'u>,
    tell: &'u (dyn Fn(Progress<'_>) + Sync),
    stop: &'u AtomicBool,
}

/// An upload that the registry has begun.
#[derive(Debug, Clone)]
struct Begun {
    /// Where the next request goes.
    url: String,
    /// Bytes that are there.
    at: u64,
}

/// Why an attempt to send ended early.
enum Stop {
    /// The connection broke.
    Broken(String),
    /// The registry is not well, and says so; what came may be there.
    Unwell(Box<Answer>),
    /// It wants to see another token, which we have by now.
    Stale,
    /// What the registry had is of no use any more.
    Lost(Box<Answer>),
    /// Another attempt would be no better.
    Final(Failure),
}

impl Stop {
    /// How long is waited before the next attempt; none: that is ours to say.
    fn wait(&self) -> Option<Duration> {
        match self {
            Self::Unwell(answer) => answer.retry_after(),
            Self::Stale => Some(Duration::ZERO),
            _ => None,
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

impl<'u> Upload<'u> {
    pub fn new(
        client: &'u Client,
        session: &'u Session,
        blob: &'u Blob,
        tell: &'u (dyn Fn(Progress<'_>) + Sync),
        stop: &'u AtomicBool,
    ) -> Result<Self> {
        let size = bytesize::ByteSize(blob.size);
        let deed = session.deed(format!("push the blob {} ({size})", short(&blob.digest)), true);
        known(&deed, &blob.digest)?;
        Ok(Self { client, session, blob, deed, tell, stop })
    }

    /// Brings it there.
    pub fn run(&self) -> Result<Outcome> {
        let outcome = self.bring()?;
        self.told(self.blob.size);
        Ok(outcome)
    }

    fn bring(&self) -> Result<Outcome> {
        let url = self.session.url(&format!("blobs/{}", self.blob.digest));
        let answer = self.client.send(self.session, &self.deed, || Call::new(Method::HEAD, url.as_str()))?;
        match answer.status {
            200 => return Ok(Outcome::There),
            404 => answer.finish(),
            _ => return Err(self.session.refused(&self.deed, answer)),
        }
        let mut begun = None;
        if let Some(from) = self.blob.mount_from.as_deref().filter(|from| *from != self.session.repository) {
            let answer = self.post(&format!("?mount={}&from={from}", self.blob.digest))?;
            match answer.status {
                201 => {
                    answer.finish();
                    return Ok(Outcome::Mounted);
                }
                202 => begun = Some(self.begun(answer)?),
                // It cannot, or will not from there: then it is uploaded.
                _ => answer.finish(),
            }
        }
        self.upload(begun)
    }

    fn post(&self, query: &str) -> Result<Answer> {
        let url = self.session.url(&format!("blobs/uploads/{query}"));
        let call = || Call::new(Method::POST, url.as_str()).body(Payload::Bytes(&[]));
        self.client.send(self.session, &self.deed, call)
    }

    fn begun(&self, answer: Answer) -> Result<Begun> {
        let location = answer.header("location").map(|to| located(&self.session.url("blobs/uploads/"), to));
        answer.finish();
        match location {
            Some(url) => Ok(Begun { url, at: 0 }),
            None => Err(words::failure(&self.deed, &format!("{} does not say where to", self.session.registry()))),
        }
    }

    fn begin(&self) -> Result<Begun> {
        let answer = self.post("")?;
        if answer.status == 202 { self.begun(answer) } else { Err(self.session.refused(&self.deed, answer)) }
    }

    fn upload(&self, begun: Option<Begun>) -> Result<Outcome> {
        let mut file = self.open()?;
        let mut begun = match begun {
            Some(begun) => begun,
            None => self.begin()?,
        };
        let mut tries = self.client.policy.tries();
        let mut sent = 0;
        loop {
            let before = begun.at;
            let stop = match self.attempt(&mut file, &mut begun, &mut sent) {
                Ok(()) => return Ok(Outcome::Uploaded(sent)),
                Err(Stop::Final(failure)) => return Err(failure),
                Err(stop) => stop,
            };
            if self.stopped() {
                return Err(words::failure(&self.deed, "another blob failed"));
            }
            if !tries.again(stop.wait())? {
                return Err(self.given_up(stop, tries.made()));
            }
            let stands = if matches!(stop, Stop::Lost(_)) { None } else { self.stands(&begun)? };
            begun = match stands {
                Some(begun) => begun,
                None => self.begin()?,
            };
            if begun.at >= before.saturating_add(retry::PROGRESS) {
                tries.forget();
            }
            self.told(begun.at);
        }
    }

    fn given_up(&self, stop: Stop, attempts: u32) -> Failure {
        match stop {
            Stop::Final(failure) => failure,
            Stop::Unwell(answer) | Stop::Lost(answer) => self.session.refused(&self.deed, *answer),
            Stop::Broken(why) => words::unheard(&self.deed, Trouble::Broken(why), attempts),
            Stop::Stale => words::unauthorised(&self.deed, true),
        }
    }

    /// Sends what is missing, and ends the upload.
    fn attempt(&self, file: &mut File, begun: &mut Begun, sent: &mut u64) -> Result<(), Stop> {
        let resumed = begun.at > 0;
        let large = begun.at > 0 || self.blob.size > WHOLE;
        if large && begun.at < self.blob.size {
            let answer = self.transfer(file, begun, &Method::PATCH, sent)?;
            let answer = self.taken(file, answer, resumed)?;
            if let Some(to) = answer.header("location") {
                begun.url = located(&begun.url, to);
            }
            begun.at = self.blob.size;
            answer.finish();
        }
        let answer = self.transfer(file, begun, &Method::PUT, sent)?;
        self.taken(file, answer, resumed)?.finish();
        Ok(())
    }

    /// One request with the rest of the blob, which may be nothing.
    fn transfer(
        &self,
        file: &mut File,
        begun: &Begun,
        method: &Method,
        sent: &mut u64,
    ) -> Result<(Answer, bool), Stop> {
        let total = self.blob.size;
        file.seek(SeekFrom::Start(begun.at)).map_err(|error| self.unread(error))?;
        let mut url = begun.url.clone();
        if method == Method::PUT {
            let joint = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{joint}digest={}", self.blob.digest);
        }
        let mut call = Call::new(method.clone(), url).header("content-type", "application/octet-stream");
        if method == Method::PATCH && begun.at > 0 {
            call = call.header("content-range", format!("{}-{}", begun.at, total.saturating_sub(1)));
        }
        let mut rest =
            Rest { upload: self, file, at: begun.at, fault: None, clock: Clock::start(self.client.wire.pace()) };
        let call = call.body(Payload::Stream(&mut rest, total.saturating_sub(begun.at)));
        let outcome = self.client.exchange(self.session, &self.deed, call);
        *sent = sent.saturating_add(rest.at.saturating_sub(begun.at));
        match (rest.fault, outcome) {
            (Some(error), _) => Err(self.unread(error).into()),
            (None, Ok(answer)) => Ok(answer),
            (None, Err(Trouble::Broken(why))) => Err(Stop::Broken(why)),
            (None, Err(trouble)) => Err(words::unheard(&self.deed, trouble, 1).into()),
        }
    }

    /// What an answer says of the bytes that were sent with the question.
    fn taken(&self, file: &mut File, (answer, better): (Answer, bool), resumed: bool) -> Result<Answer, Stop> {
        match answer.status {
            200..=204 => Ok(answer),
            401 if better => Err(Stop::Stale),
            404 | 416 => Err(Stop::Lost(answer.into())),
            // The digest is another one: what it had before was something else, or the file is, or the way is bad.
            400 if resumed => Err(Stop::Lost(answer.into())),
            400 => {
                self.check(file)?;
                Err(self.session.refused(&self.deed, answer).into())
            }
            status if retry::passes(status) => Err(Stop::Unwell(answer.into())),
            _ => Err(self.session.refused(&self.deed, answer).into()),
        }
    }

    /// How much the registry has; none: it must be begun anew.
    fn stands(&self, begun: &Begun) -> Result<Option<Begun>> {
        let call = || Call::new(Method::GET, begun.url.as_str());
        let answer = self.client.send(self.session, &self.deed, call)?;
        // `0-0` is one byte or none: nothing is lost by beginning anew.
        let end = answer.header("range").map(|range| range.trim_start_matches("bytes="));
        let end: Option<u64> = end.and_then(|range| range.strip_prefix("0-")?.parse().ok());
        let found = match end {
            Some(end) if matches!(answer.status, 200 | 202 | 204) && end > 0 && end < self.blob.size => {
                let url = answer.header("location").map_or(begun.url.clone(), |to| located(&begun.url, to));
                Some(Begun { url, at: end.saturating_add(1) })
            }
            _ => None,
        };
        answer.finish();
        Ok(found)
    }

    fn open(&self) -> Result<File> {
        let file = File::open(&self.blob.path).map_err(|error| self.unread(error))?;
        let size = file.metadata().map_err(|error| self.unread(error))?.len();
        if size != self.blob.size {
            return Err(self.changed().detail(format!("it has {size} bytes")));
        }
        Ok(file)
    }

    /// Whether the file is what its digest says.
    fn check(&self, file: &mut File) -> Result<()> {
        file.rewind().map_err(|error| self.unread(error))?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            exec::go_on()?;
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) => return Err(self.unread(error)),
            }
        }
        let found = digest::sha256(hasher);
        if found == self.blob.digest { Ok(()) } else { Err(self.changed().detail(format!("it is {found}"))) }
    }

    fn changed(&self) -> Failure {
        let reason = format!("could not {}: `{}` is not what its digest says", self.deed, self.blob.path);
        Failure::new(Kind::Verify, reason).help("something changed it after it was written: build again")
    }

    fn unread(&self, error: io::Error) -> Failure {
        Failure::new(Kind::Engine, format!("could not {}: `{}` cannot be read", self.deed, self.blob.path))
            .caused_by(error)
    }

    fn told(&self, done: u64) {
        (self.tell)(Progress { digest: &self.blob.digest, done, total: self.blob.size });
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What is left of the file.
struct Rest<'r, 'u> {
    upload: &'r Upload<'u>,
    file: &'r mut File,
    at: u64,
    fault: Option<io::Error>,
    clock: Clock<'r>,
}

impl Read for Rest<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let upload = self.upload;
        let left = upload.blob.size.saturating_sub(self.at);
        if left == 0 {
            return Ok(0);
        }
        if upload.stopped() || exec::interrupted() {
            return Err(io::Error::other("no longer wanted"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        match self.file.read(&mut buffer[..most]) {
            Ok(0) => self.fault = Some(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter")),
            Ok(count) => {
                self.at = self.at.saturating_add(count as u64);
                self.clock.tick(count as u64)?;
                upload.told(self.at);
                return Ok(count);
            }
            Err(error) => self.fault = Some(error),
        }
        Err(io::Error::other("the file cannot be read"))
    }
}
