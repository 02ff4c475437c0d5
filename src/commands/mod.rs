//! The commands: each reads the workspace, asks the library's modules in their order, and says what happened.

mod build;
mod builder;
mod cache;
mod ci;
mod completions;
mod compose;
mod doctor;
mod generate;
mod init;
mod inspect;
mod lint;
mod man;
mod measure;
mod pick;
mod pin;
mod plan;
mod verify;
mod xtask;

use cargo_dockerize::config::{self, Settings};
use cargo_dockerize::emit::{Change, State};
use cargo_dockerize::failure::Result;
use cargo_dockerize::host::Host;
use cargo_dockerize::plan::{self as plans, Asked, Flags, HostFlags, Plan};
use cargo_dockerize::render::{self, GeneratedFile};
use cargo_dockerize::workspace::{Features, Query, Workspace};

use crate::cli::{Cli, Command, Common};
use crate::ui::Shell;

/// Runs the command of this command line.
pub fn run(cli: Cli) -> Result<()> {
    let shell = Shell { quiet: cli.common.quiet, verbose: cli.common.verbose };
    match cli.command {
        Command::Init(args) => init::run(&args, &cli.common, shell),
        Command::Plan(args) => plan::run(&args, &cli.common),
        Command::Generate(args) => generate::run(&args, &cli.common, shell),
        Command::Pin(args) => pin::run(&args, &cli.common, shell),
        Command::Compose(args) => compose::run(&args, &cli.common, shell),
        Command::Build(args) => build::run(&args, &cli.common, shell),
        Command::VerifyReproducible(args) => verify::run(&args, &cli.common, shell),
        Command::Measure(args) => measure::run(&args, &cli.common, shell),
        Command::Lint(args) => lint::run(&args, &cli.common, shell),
        Command::Builder(args) => builder::run(&args, shell),
        Command::Cache(args) => cache::run(&args, &cli.common, shell),
        Command::Ci(args) => ci::run(&args, &cli.common, shell),
        Command::Xtask(args) => xtask::run(&args, &cli.common, shell),
        Command::Inspect(args) => inspect::run(&args, &cli.common, shell),
        Command::Doctor(args) => doctor::run(&args, &cli.common),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args, shell),
    }
}

/// A workspace that has been read, and what the user says about it.
pub struct Session {
    pub workspace: Workspace,
    pub settings: Settings,
    pub flags: Flags,
}

impl Session {
    /// Reads the workspace and its metadata.
    pub fn open(common: &Common) -> Result<Self> {
        let flags = Flags { features: features(common), ..Flags::default() };
        let mut query = Query {
            manifest_path: common.manifest_path.clone(),
            features: flags.features.clone().unwrap_or_default(),
            offline: common.offline,
            generate_lockfile: common.generate_lockfile,
        };
        let workspace = Workspace::load(&query)?;
        let settings = config::load(&workspace)?;
        // Features that the metadata turns on change the graph, so cargo is asked again.
        let wanted = flags.features(&settings);
        if wanted == query.features {
            return Ok(Self { workspace, settings, flags });
        }
        query.features = wanted;
        Ok(Self { workspace: Workspace::load(&query)?, settings, flags })
    }

    /// Takes what the command line asks for. Where the files have all of it, they stay what they are, and features unify as they do
    /// without these flags.
    ///
    /// # Errors
    /// Something of it is not there.
    pub fn ask(&mut self, asked: &Asked) -> Result<()> {
        if asked.is_empty() {
            return Ok(());
        }
        let usual = plans::selected(&self.workspace, &self.settings, &self.flags).unwrap_or_default();
        let flags = Flags { asked: asked.clone(), ..self.flags.clone() };
        let wanted = plans::selected(&self.workspace, &self.settings, &flags)?;
        if !wanted.iter().all(|one| usual.contains(one)) {
            self.flags = flags;
        }
        Ok(())
    }

    /// Has this machine's own cargo compile, for these platforms: the plan goes by what the machine has.
    pub fn compile_here(&mut self, platforms: &[String]) -> Result<()> {
        let host = Host::probe(&self.workspace.root)?;
        self.flags.host = Some(HostFlags { host, platforms: platforms.to_vec() });
        Ok(())
    }

    /// Decides with these keys in the metadata table as well. Nothing is written; [`Session::manifest`] has what is to be.
    pub fn note(&mut self, keys: &[(&str, toml_edit::Value)]) -> Result<Plan> {
        self.workspace.manifest = config::edit(&self.workspace.manifest, keys)?;
        self.settings = config::load(&self.workspace)?;
        self.plan()
    }

    /// What becomes of the root manifest, which was this.
    pub fn manifest(&self, old: String) -> Change {
        let new = self.workspace.manifest.clone();
        let state = if new == old { State::Current } else { State::Stale };
        Change { path: "Cargo.toml".into(), state, old, new }
    }

    /// Every file that is generated here.
    pub fn files(&self, plan: &Plan) -> Result<Vec<GeneratedFile>> {
        let mut files = render::render(plan)?;
        files.extend(cargo_dockerize::xtask::generated(&self.workspace, plan)?);
        Ok(files)
    }

    /// Says which images are not pinned, where others are.
    pub fn warn_of_unpinned(&self, plan: &Plan, shell: Shell) {
        if self.workspace.pins.is_some() {
            let missing = plan.pins.iter().filter(|image| image.digest.is_none());
            let names: Vec<&str> = missing.map(|image| image.name.as_str()).collect();
            if !names.is_empty() {
                shell.warn(format!("not pinned: {}; `cargo dockerize pin` does it", names.join(", ")));
            }
        }
    }

    /// Whether the files of a build, which are these, would be others without the flags of the command line.
    pub fn flags_change(&self, files: &[GeneratedFile]) -> Result<bool> {
        // The graph was read with these features.
        if self.flags.features.is_some() || !self.flags.change_files() {
            return Ok(self.flags.features.is_some());
        }
        let without = plans::plan(&self.workspace, &self.settings, &Flags::default())?;
        Ok(render::build_files(&without)? != files)
    }

    /// Decides.
    pub fn plan(&self) -> Result<Plan> {
        plans::plan(&self.workspace, &self.settings, &self.flags)
    }
}

fn features(common: &Common) -> Option<Features> {
    let names: Vec<String> = common
        .features
        .iter()
        .flat_map(|list| list.split([',', ' ']))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let given = !names.is_empty() || common.all_features || common.no_default_features;
    given.then_some(Features { names, all: common.all_features, no_default: common.no_default_features })
}
