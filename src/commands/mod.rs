//! The commands: each reads the workspace, asks the library's modules in their order, and says what happened.

mod build;
mod builder;
mod cache;
mod completions;
mod generate;
mod init;
mod measure;
mod pick;
mod plan;

use cargo_dockerize::config::{self, Settings};
use cargo_dockerize::failure::Result;
use cargo_dockerize::plan::{Flags, Plan};
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
        Command::Build(args) => build::run(&args, &cli.common, shell),
        Command::Measure(args) => measure::run(&args, &cli.common, shell),
        Command::Builder(args) => builder::run(&args, shell),
        Command::Cache(args) => cache::run(&args, &cli.common, shell),
        Command::Completions(args) => completions::run(&args),
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
        let flags = Flags { features: features(common) };
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

    /// Decides.
    pub fn plan(&self) -> Result<Plan> {
        cargo_dockerize::plan::plan(&self.workspace, &self.settings, &self.flags)
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
