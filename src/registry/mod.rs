//! Registries: bases are pulled from them, images are pushed to them, and whatever goes wrong on the way is told.
//!
//! The protocol is the OCI distribution specification (v1.1), with Docker's media types beside OCI's and Docker's token
//! service. Data flows one way: [`Reference`] → `host` (who answers, what it wants to see) → `wire` (one request) → `retry`
//! (whether to ask again) → `resolve`, `fetch`, `push`. What is said about a failure is in `words`.
//!
//! - Nothing is believed: manifests, configurations and blobs are compared with their digests before anybody uses them.
//! - Nothing is held: layers go from file to socket and back. Manifests of up to 8 MiB are.
//! - Nothing is half done: a file is renamed into place when it is right, a tag is set when all it names is there.

// A number from outside can have any value, and arithmetic that overflows panics. Tests use their own numbers.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod authorities;
mod challenge;
mod credentials;
mod each;
mod fetch;
mod host;
mod logins;
mod pace;
mod platform;
mod push;
mod reference;
mod referrers;
mod resolve;
mod retry;
mod upload;
mod wire;
mod words;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use camino::Utf8PathBuf;

pub(crate) use each::each;
pub use logins::{Login, logins};
pub use pace::Pace;
pub(crate) use platform::platform_name;
pub use push::{Blob, Manifest, Outcome, Progress, Push, Pushed};
pub use reference::Reference;
pub use resolve::Resolved;
pub(crate) use resolve::{Shelf, offline, resolve};
pub use retry::Policy;

use crate::exec;
use crate::failure::Result;
use authorities::Authorities;
use credentials::DockerConfig;
use host::Host;
use wire::Wire;

/// What a client is made from; the defaults are Docker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The folder of Docker's `config.json` and `certs.d`; none: `DOCKER_CONFIG`, else `~/.docker`.
    pub docker: Option<Utf8PathBuf>,
    /// PEM files of authorities that are believed besides the machine's.
    pub authorities: Vec<Utf8PathBuf>,
    /// When a request is made again.
    pub retry: Policy,
    /// A connection on which nothing comes or goes for so long counts as broken.
    pub silence: Duration,
    /// One on which less comes or goes does as well.
    pub pace: Pace,
}

impl Default for Options {
    fn default() -> Self {
        // Registries take their time to put a large blob together.
        let silence = Duration::from_mins(2);
        Self { docker: None, authorities: Vec::new(), retry: Policy::default(), silence, pace: Pace::default() }
    }
}

/// A client of registries. It keeps connections and tokens, and may be used by several threads.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    docker: DockerConfig,
    policy: Policy,
    hosts: Mutex<BTreeMap<String, Arc<Host>>>,
    /// A repository that has it, by host and blob.
    brought: Mutex<BTreeMap<(String, String), String>>,
    _watch: Watch,
}

impl Client {
    /// A client; nobody is spoken to yet.
    ///
    /// # Errors
    /// [`Kind::Engine`](crate::failure::Kind::Engine): Docker's `config.json` cannot be read.
    pub fn new(options: Options) -> Result<Self> {
        let folder = options.docker.or_else(docker_folder).unwrap_or_default();
        let wire = Wire::new(Authorities::new(options.authorities, &folder), options.silence, options.pace);
        Ok(Self {
            docker: DockerConfig::read(&folder)?,
            policy: options.retry,
            hosts: Mutex::default(),
            brought: Mutex::default(),
            _watch: Watch::start(wire.hang_up()),
            wire,
        })
    }
}

/// Where Docker keeps its configuration.
pub(crate) fn docker_folder() -> Option<Utf8PathBuf> {
    let path = match std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
        Some(folder) => folder.into(),
        None => std::env::home_dir()?.join(".docker"),
    };
    Utf8PathBuf::from_path_buf(path).ok()
}

/// Ends requests at Ctrl-C: a thread that waits for a registry does not look.
#[derive(Debug)]
struct Watch {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(hang_up: impl FnOnce() + Send + 'static) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let ended = done.clone();
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                if exec::interrupted() {
                    return hang_up();
                }
                std::thread::park_timeout(exec::POLL);
            }
        });
        Self { done, thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}
