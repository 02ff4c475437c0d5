//! Which engine builds: buildx where one answers, else our own.

use std::thread::JoinHandle;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::compile::Ahead;
use cargo_dockerize::engine::{self, Engine};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::host::Host;

use crate::cli::{Build, Common, EngineArg};

/// What was chosen.
pub enum Chosen {
    /// Docker's buildx, which is asked who it is when it is needed.
    Buildx(Box<dyn FnOnce() -> Result<Engine>>),
    /// Our own.
    Embedded(Box<Here>),
}

/// This machine as the engine.
pub struct Here {
    pub host: Host,
    /// The compile, where it has begun.
    pub ahead: Option<Ahead>,
    /// What kept buildx from it, where nobody asked for this engine.
    pub why: Option<Failure>,
}

/// A choice that is under way: who can be asked meanwhile is asked.
pub enum Choice {
    /// Whoever answers.
    Auto(JoinHandle<Result<Engine>>),
    /// buildx; none asks it yet.
    Buildx(Option<JoinHandle<Result<Engine>>>),
    /// Our own, and why, where nobody asked for it.
    Embedded(Asked, Option<Ahead>, Option<Failure>),
}

/// This machine, as seen from a folder.
pub struct Asked {
    folder: Option<Utf8PathBuf>,
    answer: JoinHandle<Result<Host>>,
}

impl Choice {
    /// Begins to ask.
    ///
    /// # Errors
    /// [`Kind::Usage`]: the engine does not know a flag that was given.
    pub fn begin(args: &Build, common: &Common) -> Result<Self> {
        let theirs = buildx_alone(args);
        let ours = ours_alone(args);
        match (args.engine, theirs, ours) {
            (EngineArg::Oci, Some(flag), _) => Err(Failure::new(
                Kind::Usage,
                format!("`{flag}` is for Docker's buildx, and `--engine oci` builds without it"),
            )
            .help("leave one of the two out")),
            (EngineArg::Buildx, _, Some(flag)) => Err(Failure::new(
                Kind::Usage,
                format!("`{flag}` is for the embedded engine, and `--engine buildx` builds with Docker's"),
            )
            .help("leave one of the two out")),
            (EngineArg::Auto, Some(theirs), Some(ours)) => Err(Failure::new(
                Kind::Usage,
                format!("`{theirs}` is for Docker's buildx, and `{ours}` for the embedded engine"),
            )
            .help("leave one of the two out")),
            (EngineArg::Oci, None, _) | (EngineArg::Auto, None, Some(_)) => Ok(Self::ours(args, common, None)),
            // A script is for a current engine, and asks none.
            (EngineArg::Buildx | EngineArg::Auto, _, _) if args.dry_run => Ok(Self::Buildx(None)),
            (EngineArg::Buildx, _, None) | (EngineArg::Auto, Some(_), None) => {
                Ok(Self::Buildx(Some(std::thread::spawn(engine::probe))))
            }
            (EngineArg::Auto, None, None) => Ok(match engine::docker() {
                Ok(_) => Self::Auto(std::thread::spawn(engine::probe)),
                // Nobody is there to be waited for.
                Err(why) => Self::ours(args, common, Some(why)),
            }),
        }
    }

    fn ours(args: &Build, common: &Common, why: Option<Failure>) -> Self {
        Self::Embedded(Asked::begin(), ahead(args, common), why)
    }

    /// Decides.
    ///
    /// # Errors
    /// Nobody can build: neither an engine nor this machine.
    pub fn decide(self, root: &Utf8Path) -> Result<Chosen> {
        match self {
            Self::Buildx(asked) => Ok(Chosen::Buildx(Box::new(|| asked.map_or_else(engine::probe, answer)))),
            Self::Embedded(asked, ahead, why) => Here::of(asked.of(root), ahead, why),
            Self::Auto(asked) => match answer(asked) {
                Ok(engine) => Ok(Chosen::Buildx(Box::new(|| Ok(engine)))),
                Err(why) if why.kind() == Kind::Engine => Here::of(Host::probe(root), None, Some(why)),
                Err(failure) => Err(failure),
            },
        }
    }
}

impl Here {
    fn of(host: Result<Host>, ahead: Option<Ahead>, why: Option<Failure>) -> Result<Chosen> {
        let host = host.map_err(|failure| match &why {
            Some(why) => in_place_of(failure, why),
            None => failure,
        })?;
        Ok(Chosen::Embedded(Box::new(Self { host, ahead, why })))
    }
}

/// A failure of this machine's, which nobody asked to build: what kept buildx from it is as good a thing to mend.
pub fn in_place_of(failure: Failure, why: &Failure) -> Failure {
    failure.detail(format!("this machine was to compile because {why}"))
}

impl Asked {
    fn begin() -> Self {
        let folder = std::env::current_dir().ok().and_then(|folder| Utf8PathBuf::from_path_buf(folder).ok());
        let from = folder.clone().unwrap_or_else(|| ".".into());
        Self { folder, answer: std::thread::spawn(move || Host::probe(&from)) }
    }

    /// Another folder may have another toolchain.
    fn of(self, root: &Utf8Path) -> Result<Host> {
        let asked = answer(self.answer);
        if self.folder.as_deref() == Some(root) { asked } else { Host::probe(root) }
    }
}

/// What the last build of this command line compiled with begins at once.
fn ahead(args: &Build, common: &Common) -> Option<Ahead> {
    let here = std::env::current_dir().ok().and_then(|folder| Utf8PathBuf::from_path_buf(folder).ok())?;
    let folder =
        common.manifest_path.as_deref().and_then(Utf8Path::parent).map_or(here.clone(), |path| here.join(path));
    if args.dry_run { None } else { Ahead::begin(&folder, &line(), columns()) }
}

/// How wide the terminal is that cargo speaks to, where it is one.
pub fn columns() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| width.0)
}

/// Our own command line, as a build is known by it.
pub fn line() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

fn answer<T>(asked: JoinHandle<Result<T>>) -> Result<T> {
    asked.join().unwrap_or_else(|_| Err(Failure::new(Kind::Internal, "asking for an engine broke off")))
}

/// A flag that was given and that only buildx knows.
fn buildx_alone(args: &Build) -> Option<&'static str> {
    let running = &args.running;
    let given = [
        ("--builder", running.builder.is_some()),
        ("--build-arg", !running.arguments.is_empty()),
        ("--network", running.network.is_some()),
        ("--no-cache", running.no_cache),
        ("--cache", args.caching.cache.is_some()),
        ("--cache-write", args.caching.cache_write),
        ("--scan", args.documents.scan.is_some()),
    ];
    given.into_iter().find_map(|(flag, given)| given.then_some(flag))
}

/// A flag that was given and that only our own engine knows.
fn ours_alone(args: &Build) -> Option<&'static str> {
    args.embedded.compression.is_some().then_some("--compression")
}
