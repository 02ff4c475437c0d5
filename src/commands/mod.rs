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

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::config::{self, Settings};
use cargo_dockerize::emit::{Change, State};
use cargo_dockerize::failure::Result;
use cargo_dockerize::host::Host;
use cargo_dockerize::plan::model::{Answer, Question};
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
        let settings = settled(&workspace)?;
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
        self.settle()
    }

    /// Decides anew, by the manifests as they are here.
    fn settle(&mut self) -> Result<Plan> {
        let root = self.workspace.root.clone();
        for member in self.workspace.members.iter_mut().filter(|member| member.dir == root) {
            member.manifest.clone_from(&self.workspace.manifest);
        }
        self.settings = settled(&self.workspace)?;
        self.plan()
    }

    /// Decides with these answers in the tables of their packages as well.
    pub fn answer(&mut self, plan: &Plan, answers: &[Question]) -> Result<Plan> {
        for (package, keys) in answered(&self.workspace, plan, answers) {
            self.edit(Some(&package), &keys.into_iter().collect::<Vec<_>>())?;
        }
        self.settle()
    }

    /// Decides with all that a plan has taken from files of the repository in the metadata tables as well, so that nothing depends
    /// on those files any more. Nothing is written; [`Session::manifests`] has what is to be.
    pub fn record(&mut self, plan: &Plan) -> Result<Plan> {
        for plans::Keys { package, keys } in plans::taken_keys(&self.workspace, &self.settings, plan) {
            self.edit(package.as_deref(), &keys)?;
        }
        self.settle()
    }

    /// Sets keys in the table of a package, or in the workspace's. A manifest at the root is changed there; the package's own copy of it
    /// follows when things are settled.
    fn edit(&mut self, package: Option<&str>, keys: &[(&str, toml_edit::Value)]) -> Result<()> {
        let Workspace { members, manifest, root, .. } = &mut self.workspace;
        let member = package.and_then(|name| members.iter_mut().find(|member| member.name == name));
        match member {
            Some(member) if member.dir != *root => {
                member.manifest = config::edit_of(&member.manifest, config::Owner::Package, keys)?;
            }
            Some(_) => *manifest = config::edit_of(manifest, config::Owner::Package, keys)?,
            None => *manifest = config::edit(manifest, keys)?,
        }
        Ok(())
    }

    /// The manifests as they are here, the root's first.
    pub fn texts(&self) -> Vec<(Utf8PathBuf, String)> {
        let root = (Utf8PathBuf::from("Cargo.toml"), self.workspace.manifest.clone());
        let members = self.workspace.members.iter().filter(|member| member.dir != self.workspace.root);
        let path = |folder: &Utf8Path| Utf8PathBuf::from(self.workspace.relative(&folder.join("Cargo.toml")));
        let members = members.map(|member| (path(&member.dir), member.manifest.clone()));
        std::iter::once(root).chain(members).collect()
    }

    /// What becomes of the manifests, which were these; those of members only where they change.
    pub fn manifests(&self, old: Vec<(Utf8PathBuf, String)>) -> Vec<Change> {
        let change = |((path, old), (_, new)): ((Utf8PathBuf, String), (Utf8PathBuf, String))| {
            let state = if new == old { State::Current } else { State::Stale };
            Change { path, state, old, new }
        };
        let both = old.into_iter().zip(self.texts()).enumerate();
        let told = both.filter(|(at, ((_, old), (_, new)))| *at == 0 || old != new);
        told.map(|(_, both)| change(both)).collect()
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

/// The keys that answers add, by package. A list in the metadata is the whole list, so that it has what was found as well.
fn answered(
    workspace: &Workspace,
    plan: &Plan,
    answers: &[Question],
) -> BTreeMap<String, BTreeMap<&'static str, toml_edit::Value>> {
    let mut tables: BTreeMap<String, BTreeMap<&'static str, toml_edit::Value>> = BTreeMap::new();
    for Question { package, answer, .. } in answers {
        let table = tables.entry(package.clone()).or_default();
        let (key, value): (_, toml_edit::Value) = match answer {
            Answer::Assets(path) => ("assets", path.as_str().into()),
            Answer::Expose(port) => ("expose", i64::from(*port).into()),
        };
        let list = table.entry(key).or_insert_with(|| match answer {
            Answer::Assets(_) => plans::found_assets(workspace, plan, package).into(),
            Answer::Expose(_) => toml_edit::Array::new().into(),
        });
        if let Some(list) = list.as_array_mut() {
            list.push(value);
        }
    }
    tables
}

/// What the tables say, and below that what files of the repository say.
fn settled(workspace: &Workspace) -> Result<Settings> {
    Ok(cargo_dockerize::plan::evidence(workspace, &config::load(workspace)?)?.settings)
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
