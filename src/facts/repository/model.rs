//! What files of the repository say, each with its place.

use std::fmt;

use camino::Utf8PathBuf;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, relative to the workspace's root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Something that is said, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T> {
    /// What.
    pub value: T,
    /// Where.
    pub place: Place,
}

impl<T> Said<T> {
    /// Another value of the same place.
    pub fn with<U>(&self, value: U) -> Said<U> {
        Said { value, place: self.place.clone() }
    }
}

/// What the files of a repository say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// Its Dockerfiles, without those that this tool generated: the workspace's own first, then by depth and name.
    pub dockerfiles: Vec<Dockerfile>,
    /// Processes of a Procfile and of `fly.toml`.
    pub processes: Vec<Said<Process>>,
    /// What `fly.toml` says of the machine.
    pub fly: Fly,
    /// Services of compose files that build a Dockerfile.
    pub services: Vec<Said<Service>>,
    /// Builds in the workflows of a forge: weak, since CI also builds what is not shipped.
    pub ci: Vec<Said<CargoBuild>>,
    /// Packages that `Cross.toml` installs before it builds.
    pub cross: Vec<Said<String>>,
}

/// A Dockerfile that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// Relative to the workspace's root.
    pub file: String,
    /// The folder that it is built in, absolute.
    pub context: Utf8PathBuf,
    /// Its stages that become images.
    pub images: Vec<Built>,
}

/// A stage that becomes an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its name.
    pub stage: Option<String>,
    /// What it stands on in the end.
    pub base: Said<String>,
    /// Cargo's builds in it and in the stages that it needs, in their order.
    pub builds: Vec<Said<CargoBuild>>,
    /// Binaries of the workspace that are copied into it, by their names.
    pub programs: Vec<Said<String>>,
    /// What it starts.
    pub start: Option<Start>,
    /// `EXPOSE`, as `8080/tcp`.
    pub ports: Vec<Said<String>>,
    /// `VOLUME`.
    pub volumes: Vec<Said<String>>,
    /// `ENV`; no value: it has variables whose values are not known.
    pub env: Vec<Said<(String, Option<String>)>>,
    /// `STOPSIGNAL`.
    pub stop_signal: Option<Said<String>>,
    /// `HEALTHCHECK`: the words of its program, or what stands in their way.
    pub healthcheck: Option<Said<Words>>,
    /// `WORKDIR`, as it is in the end.
    pub workdir: Option<Said<String>>,
    /// `USER`.
    pub user: Option<Said<String>>,
    /// Files that are copied into it, without programs of the workspace and without sources for cargo.
    pub copies: Vec<Said<Copied>>,
    /// Packages that it installs.
    pub packages: Vec<Said<String>>,
    /// Stages that compile nothing with cargo, and that it or the compiling stage copies from.
    pub others: Vec<Said<Other>>,
}

/// An invocation of cargo that compiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoBuild {
    /// Whether it compiles dependencies alone (`cargo chef cook`).
    pub cook: bool,
    /// `--features`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// `--package`.
    pub packages: Vec<String>,
    /// `--bin`.
    pub bins: Vec<String>,
    /// `--workspace`.
    pub workspace: bool,
    /// `--profile`, or `release`.
    pub profile: Option<String>,
    /// The folder of `--path` or `--manifest-path`, as it is written.
    pub path: Option<String>,
    /// Whether a word of it is a variable whose value is not known.
    pub unknown: bool,
}

/// Words of a program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// They are plain.
    Plain(Vec<String>),
    /// A shell has to read them: variables, pipes, several commands.
    Shell,
}

/// What an image starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The binary of the workspace; none: it is another program.
    pub program: Option<String>,
    /// The first word, where it is none of the workspace's binaries: a script.
    pub script: Option<Said<String>>,
    /// Arguments of the binary, where they can be told.
    pub arguments: Vec<String>,
    /// The init that stands before it.
    pub init: Option<Said<String>>,
    /// Whether a shell has to read it.
    pub shell: bool,
    /// Whether it is `cargo run`, which compiles when the container starts.
    pub by_cargo: bool,
    /// Where it stands.
    pub place: Place,
}

/// A `COPY` or `ADD` of other files than programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// What is copied.
    pub sources: Vec<CopiedSource>,
    /// Where to: an absolute path in the image.
    pub to: String,
    /// Whether that is written as a path from the working folder.
    pub relative: bool,
    /// Whether that is a folder that files keep their names in.
    pub folder: bool,
    /// Where from.
    pub from: Origin,
}

/// A file or a folder that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedSource {
    /// As it is written.
    pub path: String,
    /// Paths in the build context that it can be, the likeliest first; `.` is the context.
    pub context: Vec<String>,
}

/// Where a `COPY` takes files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The build context.
    Context,
    /// A stage of the file, by its name or number.
    Stage(String),
    /// Another image.
    Image(String),
}

/// A stage that is there for something else than cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its name or number.
    pub stage: String,
    /// What it stands on.
    pub base: String,
    /// Whether it makes a front end.
    pub front: bool,
    /// Whether the compiling stage copies from it, and not the image.
    pub compiled_in: bool,
}

/// A process of a Procfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its name: `web`.
    pub name: String,
    /// The binary of the workspace that it runs.
    pub program: String,
    /// Its arguments; none: a shell has to read them.
    pub arguments: Option<Vec<String>>,
}

/// What `fly.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fly {
    /// The port of its services.
    pub ports: Vec<Said<String>>,
    /// Where volumes are mounted.
    pub volumes: Vec<Said<String>>,
    /// `kill_signal`.
    pub stop_signal: Option<Said<String>>,
}

/// A service of a compose file that is built from a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The Dockerfile, relative to the workspace's root.
    pub dockerfile: String,
    /// The stage that is built; none: the last.
    pub stage: Option<String>,
    /// Ports inside of the container.
    pub ports: Vec<String>,
    /// Where named volumes are mounted.
    pub volumes: Vec<String>,
    /// `stop_signal`.
    pub stop_signal: Option<String>,
}
