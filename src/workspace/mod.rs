//! Facts about a Cargo workspace, without opinions: packages, binaries, the resolved graph of each binary, the toolchain
//! file, the profiles, and what the sources name. Nothing here knows what an image is.

mod addresses;
mod bill;
mod cargo_config;
mod elsewhere;
mod fixtures;
mod graph;
mod guards;
mod lock;
mod metadata;
mod names;
mod origins;
mod profiles;
mod repository;
pub mod scripts;
mod sources;
pub mod submodules;
mod toolchain;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

pub use addresses::public_address;
pub use bill::{Bill, BillEdge, BillPackage, BillSource, EdgeKind, PackageOrigin};
pub use cargo_config::{CargoConfig, Link};
pub use elsewhere::Elsewhere;
pub use graph::{BinaryGraph, GraphPackage, SystemLibrary};
pub use guards::Guard;
pub use lock::update as update_lock;
pub use names::Named;
pub use origins::Origin;
pub use profiles::{CargoProfile, Setting, keeps_debug};
pub use repository::{Commit, branch, commit, last_change, revision};
pub use sources::{Input, Literal, SourceFacts};
pub(crate) use sources::{SIGNALS, normal};
pub use toolchain::{ToolchainFile, read as toolchain_file};

use crate::facts::repository::{Ours, Repository};
use crate::failure::{Failure, Kind, Result};
use crate::pins::Lock;
use crate::threads;

/// Which features are on, as cargo's own flags say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// `--features`: names, or `package/name`.
    pub names: Vec<String>,
    /// `--all-features`.
    pub all: bool,
    /// `--no-default-features`.
    pub no_default: bool,
}

impl Features {
    /// As cargo's command line has them.
    pub fn flags(&self) -> Vec<String> {
        let names = (!self.names.is_empty()).then(|| format!("--features={}", self.names.join(",")));
        let others = [(self.all, "--all-features"), (self.no_default, "--no-default-features")];
        let others = others.into_iter().filter(|(on, _)| *on).map(|(_, flag)| flag.to_owned());
        names.into_iter().chain(others).collect()
    }
}

/// How to find and read the workspace: cargo's own flags.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// `--manifest-path`; none: cargo looks upwards from the current folder.
    pub manifest_path: Option<Utf8PathBuf>,
    /// Features; they decide which optional dependencies are in the graph.
    pub features: Features,
    /// `--offline`.
    pub offline: bool,
    /// Whether a lock file is made where there is none.
    pub generate_lockfile: bool,
}

/// A Cargo workspace, or a package that stands alone.
#[derive(Debug)]
pub struct Workspace {
    /// The folder of the root manifest.
    pub root: Utf8PathBuf,
    /// The root package's name, else `workspace`.
    pub name: String,
    /// The root manifest's text.
    pub manifest: String,
    /// Members, in the order of their paths.
    pub members: Vec<Member>,
    /// Packages that lie in local folders without being members, by their folders.
    pub local: Vec<Utf8PathBuf>,
    /// The toolchain file, where there is one.
    pub toolchain: Option<ToolchainFile>,
    /// `[profile.*]` of the root manifest, cargo's own included.
    pub profiles: BTreeMap<String, CargoProfile>,
    /// The folder that cargo builds into.
    pub target_dir: Utf8PathBuf,
    /// `[alias]` names that run a member, from `.cargo/config.toml`: their packages are tools of the developers.
    pub alias_packages: BTreeMap<String, String>,
    /// What the workspace's `.cargo/config.toml` says of builds.
    pub cargo_config: CargoConfig,
    /// The folder of the repository that it lies in: the nearest with a `.git`.
    pub repository: Option<Utf8PathBuf>,
    /// Where packages come from, other than the public registry.
    pub origins: Vec<Origin>,
    /// Registries that only this user's own configuration names; read where a package comes from one.
    pub home_registries: BTreeMap<String, String>,
    /// Names that several packages of the lock file have.
    pub namesakes: BTreeSet<String>,
    /// What the repository's own files say of its programs.
    pub said: Repository,
    /// What `dockerize.lock` pins images to, where there is one.
    pub pins: Option<Lock>,
    graph: guppy::graph::PackageGraph,
}

/// A workspace member.
#[derive(Debug, Clone)]
pub struct Member {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its folder, absolute.
    pub dir: Utf8PathBuf,
    /// Its manifest's text, for spans.
    pub manifest: String,
    /// `description`.
    pub description: Option<String>,
    /// `license`.
    pub license: Option<String>,
    /// `repository`.
    pub repository: Option<String>,
    /// Whether `publish = false`.
    pub private: bool,
    /// Whether cargo builds it in the workspace's root where nobody names a package.
    pub by_default: bool,
    /// Its binaries.
    pub binaries: Vec<Binary>,
    /// Whether it has a library whose documentation cargo tests.
    pub doctests: bool,
    /// The names of its features.
    pub features: Vec<String>,
    /// Those that `default` turns on, directly or through others.
    pub default_features: Vec<String>,
    /// Whether cargo-leptos builds its binary for the server, and its library for the browser.
    pub serves_leptos: bool,
    /// What its sources name.
    pub sources: SourceFacts,
}

/// A binary target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// The target's name, which can differ from the package's.
    pub name: String,
    /// `required-features`.
    pub required_features: Vec<String>,
    /// Its first source, absolute.
    pub path: Utf8PathBuf,
    /// What says that it runs on no Linux.
    pub elsewhere: Option<Elsewhere>,
}

impl Workspace {
    /// What cargo itself reads before the sources: path dependencies that are no members, vendored packages, configuration
    /// above the root, authorities. Absolute paths of folders and files.
    pub fn read_by_cargo(&self) -> impl Iterator<Item = &Utf8Path> {
        let config = &self.cargo_config;
        let files = self.local.iter().chain(&config.vendored).chain(&config.above);
        files.map(Utf8PathBuf::as_path).chain(self.cainfo())
    }

    /// Whether packages come from git repositories, which cargo keeps in a folder of their own.
    pub fn has_git_packages(&self) -> bool {
        let git = |package: guppy::graph::PackageMetadata<'_>| {
            matches!(package.source().parse_external(), Some(guppy::graph::ExternalSource::Git { .. }))
        };
        self.graph.packages().any(git)
    }

    /// The file of `[http] cainfo` where it lies in the repository; one of this machine's does not travel.
    pub fn cainfo(&self) -> Option<&Utf8Path> {
        let top = self.repository.as_ref().unwrap_or(&self.root);
        self.cargo_config.cainfo.as_deref().filter(|file| file.starts_with(top))
    }

    /// Reads the workspace.
    ///
    /// # Errors
    /// [`Kind::Workspace`]: no manifest, one that does not parse, a lock file that is
    /// missing or out of date, sources that cannot be read.
    pub fn load(query: &Query) -> Result<Self> {
        let graph = metadata::read(query)?;
        let root = graph.workspace().root().to_owned();
        let manifest = read(&root.join("Cargo.toml"))?;
        let default: BTreeSet<_> = graph.workspace().default_member_ids().collect();
        let mut members = graph
            .workspace()
            .iter_by_path()
            .map(|(_, package)| member(&package, default.contains(package.id())))
            .collect::<Result<Vec<_>>>()?;
        // Each has its own files, of which there can be thousands.
        let scanned =
            threads::each(members.iter().map(|member| member.dir.clone()).collect(), |dir| sources::scan(&dir));
        for (member, sources) in members.iter_mut().zip(scanned) {
            member.sources = sources;
        }
        let mut local: Vec<_> = graph
            .packages()
            .filter(|package| package.source().is_path())
            .filter_map(|package| package.manifest_path().parent().map(Utf8Path::to_owned))
            .collect();
        local.sort();
        local.dedup();
        let repository = root.ancestors().find(|folder| folder.join(".git").exists()).map(Utf8Path::to_owned);
        let origins = origins::read(&graph);
        let private = origins.iter().any(|origin| matches!(origin, Origin::Registry { .. }));
        let name = root_package(&members, &root).map(|member| member.name.clone());
        let said = said(&root, repository.as_deref(), &members);
        Ok(Self {
            said,
            // Not the folder's name: another clone lies in another folder, and its files must be the same.
            name: name.unwrap_or_else(|| "workspace".to_owned()),
            toolchain: toolchain::read(&root)?,
            pins: Lock::read(&root)?,
            namesakes: lock::namesakes(&root),
            profiles: profiles::read(&manifest, &root, repository.as_deref().unwrap_or(&root)),
            target_dir: graph.workspace().target_directory().to_owned(),
            cargo_config: cargo_config::read(&root, repository.as_deref().unwrap_or(&root)),
            repository,
            home_registries: private.then(cargo_config::home_registries).unwrap_or_default(),
            origins,
            alias_packages: metadata::alias_packages(&root),
            manifest,
            members,
            local,
            root,
            graph,
        })
    }

    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The member whose folder is the root.
    pub fn root_package(&self) -> Option<&Member> {
        root_package(&self.members, &self.root)
    }

    /// Whether the root manifest has a `[workspace]` table.
    pub fn has_workspace_table(&self) -> bool {
        toml_edit::Document::parse(self.manifest.as_str()).is_ok_and(|manifest| manifest.contains_key("workspace"))
    }

    /// Whether a package of this name is in the whole resolved graph.
    pub fn has_package(&self, name: &str) -> bool {
        self.graph.packages().any(|package| package.name() == name)
    }

    /// Where a member's sources refuse to be compiled: its build script, its library, and these binaries of it.
    pub fn guards(&self, member: &Member, binaries: &[&str]) -> Vec<Guard> {
        use guppy::graph::BuildTargetId::{Binary, BuildScript, Library};
        let package = self.graph.workspace().member_by_name(&member.name).ok();
        let targets = package.iter().flat_map(guppy::graph::PackageMetadata::build_targets);
        // Few programs have one, and reading all modules takes longer than to know that.
        let has_one = member.sources.macros.contains_key("compile_error");
        let compiled = targets.filter(|target| match target.id() {
            BuildScript => true,
            Library => has_one,
            Binary(name) => has_one && binaries.contains(&name),
            _ => false,
        });
        compiled.flat_map(|target| guards::read(target.path())).collect()
    }

    /// The build scripts of all packages: `name version`, the source, and whether it lies in a local folder.
    pub fn build_scripts(&self) -> impl Iterator<Item = (String, Utf8PathBuf, bool)> {
        self.graph.packages().filter_map(|package| {
            let script = package.build_target(&guppy::graph::BuildTargetId::BuildScript)?;
            let spec = format!("{} {}", package.name(), package.version());
            Some((spec, script.path().to_owned(), package.source().is_local()))
        })
    }

    /// Packages in the whole resolved graph.
    pub fn package_count(&self) -> usize {
        self.graph.package_count()
    }

    /// The graph that a build of this member alone, for this target, compiles: normal and build dependencies, with the
    /// features that it activates.
    ///
    /// # Errors
    /// The target is not one that Rust knows, or the member has no such feature.
    pub fn graph(&self, member: &Member, features: &Features, triple: &str) -> Result<BinaryGraph> {
        graph::resolve(&self.graph, &[member], features, triple)
    }

    /// The graph that one build of all these members compiles together.
    ///
    /// # Errors
    /// As [`Workspace::graph`].
    pub fn graph_of(&self, members: &[&Member], features: &Features, triple: &str) -> Result<BinaryGraph> {
        graph::resolve(&self.graph, members, features, triple)
    }

    /// What a build of this member alone, for this target, is made from: packages with where they come from, and which of
    /// them uses which.
    ///
    /// # Errors
    /// As [`Workspace::graph`], and [`Kind::Workspace`] where the lock file cannot be read.
    pub fn bill(&self, member: &Member, features: &Features, triple: &str) -> Result<Bill> {
        bill::read(&self.graph, &self.root, member, features, triple)
    }

    /// The first source of the library that most members use among those that this one's build compiles; none: it uses none.
    pub fn shared(&self, member: &Member, features: &Features, triple: &str) -> Result<Option<Utf8PathBuf>> {
        let graph = self.graph(member, features, triple)?;
        let own = self.graph.workspace().iter().filter(|package| package.name() != member.name);
        let used = own.filter(|package| !graph.find(package.name()).is_empty());
        let most = used.max_by_key(|package| (package.reverse_direct_links().count(), package.name()));
        let library = most.and_then(|package| package.build_target(&guppy::graph::BuildTargetId::Library));
        Ok(library.map(|target| target.path().to_owned()))
    }

    /// A line of a source, as shown to people: `src/main.rs:14`.
    pub fn place(&self, file: &Utf8Path, line: usize) -> String {
        format!("{}:{line}", self.relative(file))
    }

    /// A path as shown to people and written into files: relative to the root, `/` between its parts.
    pub fn relative(&self, path: &Utf8Path) -> String {
        let relative = relative(&self.root, path);
        if relative.as_str().is_empty() { ".".to_owned() } else { relative.into_string().replace('\\', "/") }
    }
}

/// The folder that a file lies in; of a bare name it is the current one.
pub fn folder_of(file: &Utf8Path) -> &Utf8Path {
    file.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// The way from one absolute folder to a path, with `..` where it has to climb.
pub fn relative(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    let mut base = from;
    let mut climbed = Utf8PathBuf::new();
    loop {
        if let Ok(rest) = to.strip_prefix(base) {
            return if rest.as_str().is_empty() { climbed } else { climbed.join(rest) };
        }
        let Some(parent) = base.parent() else { return to.to_owned() };
        climbed.push("..");
        base = parent;
    }
}

fn said(root: &Utf8Path, repository: Option<&Utf8Path>, members: &[Member]) -> Repository {
    let binaries = members.iter().flat_map(|member| &member.binaries).map(|binary| binary.name.clone()).collect();
    let folders: Vec<&Utf8Path> = members.iter().map(|member| member.dir.as_path()).collect();
    crate::facts::repository::read(&Ours { root, repository, members: &folders, binaries: &binaries })
}

fn root_package<'a>(members: &'a [Member], root: &Utf8Path) -> Option<&'a Member> {
    members.iter().find(|member| member.dir == root)
}

fn member(package: &guppy::graph::PackageMetadata<'_>, by_default: bool) -> Result<Member> {
    let dir = package.manifest_path().parent().unwrap_or(Utf8Path::new("/")).to_owned();
    let manifest = read(package.manifest_path())?;
    let elsewhere = elsewhere::of_package(&dir, &manifest);
    let binaries: Vec<Binary> = package
        .build_targets()
        .filter_map(|target| match target.id() {
            guppy::graph::BuildTargetId::Binary(name) => Some(Binary {
                name: name.to_owned(),
                required_features: target.required_features().to_vec(),
                path: target.path().to_owned(),
                elsewhere: elsewhere.clone().or_else(|| elsewhere::of_binary(&dir, &manifest, name, target.path())),
            }),
            _ => None,
        })
        .collect();
    binaries.iter().try_for_each(|binary| name_is_legal(package.name(), &binary.name))?;
    let library = package.build_target(&guppy::graph::BuildTargetId::Library);
    Ok(Member {
        doctests: library.is_some_and(|library| library.doctest_by_default()),
        name: package.name().to_owned(),
        version: package.version().to_string(),
        description: package.description().map(str::to_owned),
        license: package.license().map(str::to_owned),
        repository: package.repository().map(str::to_owned),
        private: package.publish().is_never(),
        features: package.named_features().map(str::to_owned).collect(),
        default_features: graph::default_features(package)?,
        sources: SourceFacts::default(),
        serves_leptos: elsewhere::serves_leptos(&manifest),
        manifest,
        by_default,
        binaries,
        dir,
    })
}

/// cargo takes other names in a manifest, and rustc refuses them after minutes.
fn name_is_legal(package: &str, binary: &str) -> Result<()> {
    let is_legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let Some(wrong) = binary.chars().find(|c| !is_legal(*c)) else { return Ok(()) };
    // Marks that turn the order of a text around are no control characters to Rust.
    let shown = binary.escape_debug();
    Err(Failure::new(
        Kind::Workspace,
        format!("the package {package} has a binary `{shown}`, which no program can be called"),
    )
    .detail(format!("rustc refuses the character {wrong:?} in it"))
    .help("use letters, digits, `_` and `-` in the `name` of its [[bin]], or for its file in `src/bin`"))
}

fn read(path: &Utf8Path) -> Result<String> {
    fs_err::read_to_string(path).map_err(metadata::unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_between_folders() {
        let way = |from: &str, to: &str| relative(from.into(), to.into()).into_string();
        assert_eq!(way("/a/b", "/a/b/c/d"), "c/d");
        assert_eq!(way("/a/b", "/a/c"), "../c");
        assert_eq!(way("/a/b/c", "/a"), "../..");
        assert_eq!(way("/a/b", "/a/b"), "");
    }
}
