//! What a program is made from: the packages of one build, where they come from, under which licences, and which of them uses
//! which.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use guppy::PackageId;
use guppy::graph::{DependencyDirection, ExternalSource, PackageGraph, PackageLink, PackageMetadata};

use super::addresses::public_address;
use super::{Features, Member, graph};
use crate::failure::{Failure, Kind, Result};

/// The packages of one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// How it is known.
    pub source: BillSource,
    /// The index of the package that has the binary.
    pub root: usize,
    /// By name, then by version, then by where they come from.
    pub packages: Vec<BillPackage>,
    /// Which package uses which, by their indices; sorted.
    pub edges: Vec<BillEdge>,
}

/// How a bill is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillSource {
    /// From the lock file, resolved as cargo does it for one binary and one target.
    Resolved,
    /// From the list that cargo-auditable left in the binary.
    Embedded,
}

/// A package of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub origin: PackageOrigin,
    /// SHA-256 of its archive as the lock file has it, in hexadecimal digits; only registries' packages have one.
    pub checksum: Option<String>,
    /// `license`, as its manifest has it.
    pub license: Option<String>,
    /// Whether its code is in the binary; else it only took part in the build.
    pub linked: bool,
    /// Whether it is a procedural macro.
    pub proc_macro: bool,
}

/// Where a package comes from. Addresses are without whoever logs in; none: it is not one that others can fetch from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageOrigin {
    /// The public registry.
    PublicRegistry,
    /// Another registry.
    Registry {
        /// Its index.
        index: Option<String>,
    },
    /// A git repository.
    Git {
        /// The repository.
        repository: Option<String>,
        /// The commit.
        revision: Option<String>,
    },
    /// A folder of this machine: a member, or a path dependency.
    Local,
}

/// One package uses another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BillEdge {
    /// The index of the one that uses.
    pub from: usize,
    /// The index of the one that is used.
    pub to: usize,
    /// What for.
    pub kind: EdgeKind,
}

/// What a package uses another for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// Its code becomes part of the package's.
    Normal,
    /// Its build script runs it, or it is used by what only the build runs.
    Build,
    /// It is a macro that the compiler runs.
    Macro,
}

impl Bill {
    /// Without what only took part in the build.
    #[must_use]
    pub fn linked(&self) -> Self {
        let kept: BTreeMap<usize, usize> =
            (0..self.packages.len()).filter(|index| self.packages[*index].linked).zip(0..).collect();
        let edge = |edge: &BillEdge| {
            Some(BillEdge { from: *kept.get(&edge.from)?, to: *kept.get(&edge.to)?, kind: edge.kind })
        };
        Self {
            source: self.source,
            root: kept.get(&self.root).copied().unwrap_or_default(),
            packages: self.packages.iter().filter(|package| package.linked).cloned().collect(),
            edges: self.edges.iter().filter_map(edge).collect(),
        }
    }
}

pub(super) fn read(
    graph: &PackageGraph,
    root: &Utf8Path,
    member: &Member,
    features: &Features,
    triple: &str,
) -> Result<Bill> {
    let set = graph::simulate(graph, &[member], features, triple)?;
    let checksums = checksums(root)?;
    let mut packages: BTreeMap<&PackageId, BillPackage> = BTreeMap::new();
    for (target, features) in [(true, set.target_features()), (false, set.host_features())] {
        for package in features.to_package_set().packages(DependencyDirection::Forward) {
            let entry = packages.entry(package.id()).or_insert_with(|| describe(&package, &checksums));
            entry.linked |= target && !package.is_proc_macro();
        }
    }
    let mut sorted: Vec<(&PackageId, BillPackage)> = packages.into_iter().collect();
    sorted.sort_by(|(one_id, one), (two_id, two)| order(one).cmp(&order(two)).then_with(|| one_id.cmp(two_id)));
    let places: BTreeMap<&PackageId, usize> = sorted.iter().zip(0..).map(|((id, _), place)| (*id, place)).collect();
    let packages: Vec<BillPackage> = sorted.iter().map(|(_, package)| package.clone()).collect();

    let ends = |link: &PackageLink<'_>| Some((*places.get(link.from().id())?, *places.get(link.to().id())?));
    let mut edges: BTreeSet<BillEdge> = BTreeSet::new();
    edges.extend(set.target_links().filter_map(|link| ends(&link)).map(|(from, to)| edge(from, to, EdgeKind::Normal)));
    edges.extend(
        set.proc_macro_links().filter_map(|link| ends(&link)).map(|(from, to)| edge(from, to, EdgeKind::Macro)),
    );
    edges
        .extend(set.build_dep_links().filter_map(|link| ends(&link)).map(|(from, to)| edge(from, to, EdgeKind::Build)));
    let known: BTreeSet<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    for (from, to) in set.host_links().filter_map(|link| ends(&link)).filter(|ends| !known.contains(ends)) {
        // A package on both sides can use more on the host than in the binary.
        let kind = if packages[from].linked { EdgeKind::Build } else { EdgeKind::Normal };
        edges.insert(edge(from, to, kind));
    }

    let is_root = |(id, _): &(&PackageId, BillPackage)| {
        graph.metadata(id).is_ok_and(|package| package.in_workspace() && package.name() == member.name)
    };
    let root = sorted.iter().position(is_root).ok_or_else(|| {
        Failure::new(Kind::Internal, format!("the member {} is not in its own dependency graph", member.name))
    })?;
    Ok(Bill { source: BillSource::Resolved, root, packages, edges: edges.into_iter().collect() })
}

fn edge(from: usize, to: usize, kind: EdgeKind) -> BillEdge {
    BillEdge { from, to, kind }
}

fn order(package: &BillPackage) -> (&str, &str, &PackageOrigin) {
    (&package.name, &package.version, &package.origin)
}

fn describe(package: &PackageMetadata<'_>, checksums: &Checksums) -> BillPackage {
    let source = package.source().external_source().unwrap_or_default();
    let version = package.version().to_string();
    let key = (package.name().to_owned(), version.clone(), source.to_owned());
    BillPackage {
        name: package.name().to_owned(),
        version,
        origin: origin(package),
        checksum: checksums.get(&key).cloned(),
        license: package.license().map(str::to_owned),
        linked: false,
        proc_macro: package.is_proc_macro(),
    }
}

fn origin(package: &PackageMetadata<'_>) -> PackageOrigin {
    let source = package.source();
    if source.is_local() {
        return PackageOrigin::Local;
    }
    if source.is_crates_io() {
        return PackageOrigin::PublicRegistry;
    }
    match source.parse_external() {
        Some(ExternalSource::Git { repository, resolved, .. }) => {
            PackageOrigin::Git { repository: public_address(repository), revision: Some(resolved.to_owned()) }
        }
        Some(ExternalSource::Registry(index) | ExternalSource::Sparse(index)) => {
            PackageOrigin::Registry { index: public_address(index) }
        }
        // A kind of source that cargo got later: not the public registry, and nothing that can be told.
        _ => PackageOrigin::Registry { index: None },
    }
}

/// By name, version and source.
type Checksums = BTreeMap<(String, String, String), String>;

fn checksums(root: &Utf8Path) -> Result<Checksums> {
    let unusable = |error: String| Failure::new(Kind::Workspace, "Cargo.lock cannot be read").detail(error);
    let text = fs_err::read_to_string(root.join("Cargo.lock")).map_err(|error| unusable(error.to_string()))?;
    let lock: toml::Table = text.parse().map_err(|error: toml::de::Error| unusable(error.to_string()))?;
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let entry = |package: &toml::Value| {
        let of = |key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let checksum = of("checksum").filter(|text| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()))?;
        Some(((of("name")?, of("version")?, of("source")?), checksum.to_ascii_lowercase()))
    };
    Ok(packages.filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use assert_fs::TempDir;
    use assert_fs::prelude::*;

    use super::*;
    use crate::workspace::{Query, Workspace};

    const TRIPLE: &str = "x86_64-unknown-linux-musl";

    fn bill(tree: &TempDir, member: &str) -> Bill {
        let path = camino::Utf8PathBuf::from_path_buf(tree.path().join("Cargo.toml")).unwrap();
        let query = Query { manifest_path: Some(path), generate_lockfile: true, offline: true, ..Query::default() };
        let workspace = Workspace::load(&query).unwrap();
        workspace.bill(workspace.member(member).unwrap(), &Features::default(), TRIPLE).unwrap()
    }

    /// `app` uses `lib`; its build script `tool`, which uses `lib` and `deep`; and `derive`, a macro, which uses `deep`.
    fn tree() -> TempDir {
        let tree = TempDir::new().unwrap();
        tree.child("Cargo.toml").write_str("[workspace]\nresolver = '2'\nmembers = ['*/']\n").unwrap();
        let package = |name: &str, rest: &str| {
            let manifest =
                format!("[package]\nname = '{name}'\nversion = '1.0.0'\nedition = '2021'\nlicense = 'MIT'\n{rest}");
            tree.child(format!("{name}/Cargo.toml")).write_str(&manifest).unwrap();
            tree.child(format!("{name}/src/lib.rs")).touch().unwrap();
        };
        package("lib", "");
        package("deep", "");
        package("unused", "");
        package("derive", "[lib]\nproc-macro = true\n[dependencies]\ndeep = { path = '../deep' }");
        package("tool", "[dependencies]\nlib = { path = '../lib' }\ndeep = { path = '../deep' }");
        package(
            "app",
            "[dependencies]\nlib = { path = '../lib' }\nderive = { path = '../derive' }\n\
             [target.'cfg(windows)'.dependencies]\nunused = { path = '../unused' }\n\
             [build-dependencies]\ntool = { path = '../tool' }\n[dev-dependencies]\nunused = { path = '../unused' }",
        );
        tree.child("app/build.rs").write_str("fn main() {}").unwrap();
        tree.child("app/src/main.rs").write_str("fn main() {}").unwrap();
        tree
    }

    fn shown(bill: &Bill) -> Vec<String> {
        let name = |index: usize| bill.packages[index].name.as_str();
        bill.edges.iter().map(|edge| format!("{} {:?} {}", name(edge.from), edge.kind, name(edge.to))).collect()
    }

    #[test]
    fn what_is_linked_and_what_only_builds() {
        let bill = bill(&tree(), "app");
        let packages: Vec<(&str, bool, bool)> =
            bill.packages.iter().map(|one| (one.name.as_str(), one.linked, one.proc_macro)).collect();
        assert_eq!(
            packages,
            [
                ("app", true, false),
                ("deep", false, false),
                ("derive", false, true),
                ("lib", true, false),
                ("tool", false, false)
            ]
        );
        assert_eq!(
            shown(&bill),
            [
                "app Macro derive",
                "app Normal lib",
                "app Build tool",
                "derive Normal deep",
                "tool Normal deep",
                "tool Normal lib"
            ]
        );
        assert_eq!(bill.packages[bill.root].name, "app");
        let linked = bill.linked();
        assert_eq!(shown(&linked), ["app Normal lib"]);
        assert_eq!(linked.packages[linked.root].name, "app");
    }

    #[test]
    fn checksums_by_name_version_and_source() {
        let tree = TempDir::new().unwrap();
        let sum = "AB".repeat(32);
        let entry = |source: &str, sum: &str| {
            format!("[[package]]\nname = 'a'\nversion = '1.0.0'\nsource = '{source}'\nchecksum = '{sum}'\n")
        };
        let lock = entry("registry+https://one.example", &sum) + &entry("sparse+https://two.example/", "no digest");
        tree.child("Cargo.lock").write_str(&lock).unwrap();
        let found = checksums(Utf8Path::from_path(tree.path()).unwrap()).unwrap();
        let key = |source: &str| ("a".to_owned(), "1.0.0".to_owned(), source.to_owned());
        assert_eq!(found.get(&key("registry+https://one.example")), Some(&sum.to_lowercase()));
        assert_eq!(found.get(&key("sparse+https://two.example/")), None);
        tree.child("Cargo.lock").write_str("package = nothing").unwrap();
        assert_eq!(checksums(Utf8Path::from_path(tree.path()).unwrap()).unwrap_err().kind(), Kind::Workspace);
    }
}
