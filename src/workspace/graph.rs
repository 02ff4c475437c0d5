//! The graph of one build: which packages cargo compiles for these members and this target, on which side, with which
//! features. `cargo metadata` alone cannot say: it unifies features over the whole workspace and over dev-dependencies.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use guppy::graph::cargo::{BuildPlatform, CargoOptions, CargoResolverVersion, CargoSet};
use guppy::graph::feature::{FeatureSet, StandardFeatures, named_feature_filter};
use guppy::graph::{BuildTargetId, DependencyDirection, PackageGraph};
use guppy::platform::{Platform, PlatformSpec, TargetFeatures};

use super::{Features, Member};
use crate::failure::{Failure, Kind, Result};

/// A package in the graph of one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphPackage {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its `links` key.
    pub links: Option<String>,
    /// Its build script, absolute.
    pub build_script: Option<Utf8PathBuf>,
    /// The names of its normal dependencies that are compiled for the target.
    pub dependencies: BTreeSet<String>,
    /// The first source of its library, absolute.
    pub library: Option<Utf8PathBuf>,
    /// The names of its build-dependencies in this graph.
    pub build_dependencies: BTreeSet<String>,
    /// `[package.metadata.system-deps]`: names of libraries as pkg-config knows them, each with the feature that it hangs on.
    pub system_libraries: Vec<SystemLibrary>,
    /// Whether it is a member of the workspace or lies in another local folder.
    pub local: bool,
    /// Features that are on where it is compiled for the target; none: it is not.
    pub target: Option<BTreeSet<String>>,
    /// Features that are on where it is compiled for the host (build scripts and macros); none: it is not.
    pub host: Option<BTreeSet<String>>,
}

impl GraphPackage {
    /// As people know it: `ring 0.17.14`.
    pub fn spec(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Whether a feature is on, on either side.
    pub fn has_feature(&self, feature: &str) -> bool {
        [&self.target, &self.host].into_iter().flatten().any(|features| features.contains(feature))
    }
}

/// A library of the system's that a package's manifest names, as the crate system-deps reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SystemLibrary {
    /// As pkg-config knows it: `glib-2.0`.
    pub name: String,
    /// The feature that it hangs on.
    pub feature: Option<String>,
}

/// The packages of one build, by name and then by version.
#[derive(Debug, Clone, Default)]
pub struct BinaryGraph {
    packages: BTreeMap<String, Vec<GraphPackage>>,
}

impl BinaryGraph {
    /// Every package, in the order of names.
    pub fn packages(&self) -> impl Iterator<Item = &GraphPackage> {
        self.packages.values().flatten()
    }

    /// The packages of this name; several when several versions are in the graph.
    pub fn find(&self, name: &str) -> &[GraphPackage] {
        self.packages.get(name).map_or(&[], Vec::as_slice)
    }

    /// How many packages are compiled.
    pub fn len(&self) -> usize {
        self.packages.values().map(Vec::len).sum()
    }

    /// Whether nothing is compiled, which no build is.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }
}

/// What cargo would compile for these members and this target.
pub(super) fn simulate<'g>(
    graph: &'g PackageGraph,
    members: &[&Member],
    features: &Features,
    triple: &str,
) -> Result<CargoSet<'g>> {
    // The host side is a Linux container's with glibc, whatever this machine is. An edition 2018 workspace has resolver 1,
    // whose unification only ever adds packages; what differs is too little to read the manifest for it.
    let mut options = CargoOptions::new();
    options
        .set_resolver(CargoResolverVersion::V2)
        .set_target_platform(platform(triple)?)
        .set_host_platform(platform(&triple.replace("-musl", "-gnu"))?);

    let feature_graph = graph.feature_graph();
    let mut initials = feature_graph.resolve_none();
    for member in members {
        initials = initials.union(&initial(graph, member, features)?);
    }
    CargoSet::new(initials, feature_graph.resolve_none(), &options).map_err(internal)
}

pub(super) fn resolve(
    graph: &PackageGraph,
    members: &[&Member],
    features: &Features,
    triple: &str,
) -> Result<BinaryGraph> {
    let set = simulate(graph, members, features, triple)?;
    let names = |features: &FeatureSet<'_>| -> BTreeSet<String> {
        let lists = features.packages_with_features(DependencyDirection::Forward);
        lists.map(|list| list.package().name().to_owned()).collect()
    };
    let (on_target, on_host) = (names(set.target_features()), names(set.host_features()));
    let mut found: BTreeMap<String, BTreeMap<String, GraphPackage>> = BTreeMap::new();
    for (side, features) in set.all_features() {
        for list in features.packages_with_features(DependencyDirection::Forward) {
            let package = list.package();
            let entry = found
                .entry(package.name().to_owned())
                .or_default()
                .entry(package.id().repr().to_owned())
                .or_insert_with(|| GraphPackage {
                    name: package.name().to_owned(),
                    version: package.version().to_string(),
                    links: package.links().map(str::to_owned),
                    build_script: package
                        .build_target(&BuildTargetId::BuildScript)
                        .map(|target| target.path().to_owned()),
                    dependencies: package
                        .direct_links()
                        .filter(|link| link.normal().is_present() && on_target.contains(link.to().name()))
                        .map(|link| link.to().name().to_owned())
                        .collect(),
                    library: package.build_target(&BuildTargetId::Library).map(|target| target.path().to_owned()),
                    build_dependencies: package
                        .direct_links()
                        .filter(|link| link.build().is_present() && on_host.contains(link.to().name()))
                        .map(|link| link.to().name().to_owned())
                        .collect(),
                    system_libraries: system_libraries(package.metadata_table()),
                    local: package.source().is_local(),
                    target: None,
                    host: None,
                });
            let names = Some(list.named_features().chain(list.optional_deps()).map(str::to_owned).collect());
            match side {
                BuildPlatform::Target => entry.target = names,
                BuildPlatform::Host => entry.host = names,
            }
        }
    }
    let packages = found.into_iter().map(|(name, versions)| (name, versions.into_values().collect())).collect();
    Ok(BinaryGraph { packages })
}

/// The tables of `[package.metadata.system-deps]`: `glib = "2.56"`, or `glib = { name = "glib-2.0", feature = "v2" }`; a key
/// without a `name` has the library's, with `-` for what a key cannot hold as `_`.
fn system_libraries(metadata: &serde_json::Value) -> Vec<SystemLibrary> {
    let tables = metadata.get("system-deps").and_then(serde_json::Value::as_object).into_iter().flatten();
    let mut found: Vec<SystemLibrary> = tables
        // Conditions such as `cfg(target_os = "windows")` hold tables of their own; Linux's is read as well.
        .flat_map(|(key, value)| match value.as_object() {
            Some(inner) if key.starts_with("cfg(") && key.contains("linux") => inner.iter().collect::<Vec<_>>(),
            Some(_) if key.starts_with("cfg(") => Vec::new(),
            _ => vec![(key, value)],
        })
        .filter(|(_, value)| value["optional"] != true)
        .map(|(key, value)| SystemLibrary {
            name: value["name"].as_str().unwrap_or(key).to_owned(),
            feature: value["feature"].as_str().map(str::to_owned),
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn platform(triple: &str) -> Result<PlatformSpec> {
    let platform = Platform::new(triple.to_owned(), TargetFeatures::Unknown)
        .map_err(|error| Failure::new(Kind::Usage, format!("`{triple}` is not a target of Rust's")).caused_by(error))?;
    Ok(PlatformSpec::platforms([platform]))
}

/// The member with the features that cargo's flags turn on in it.
fn initial<'g>(graph: &'g PackageGraph, member: &Member, features: &Features) -> Result<FeatureSet<'g>> {
    let package = graph.workspace().member_by_name(&member.name).map_err(internal)?;
    let base = match features {
        Features { all: true, .. } => StandardFeatures::All,
        Features { no_default: true, .. } => StandardFeatures::None,
        _ => StandardFeatures::Default,
    };
    let mut named = Vec::new();
    for feature in &features.names {
        let name = match feature.split_once('/') {
            Some((owner, name)) if owner == member.name => name,
            Some(_) => continue,
            None => feature,
        };
        if member.features.iter().any(|known| known == name) {
            named.push(name);
        }
    }
    Ok(package.to_feature_set(named_feature_filter(base, named)))
}

/// The features of a package that its default turns on.
pub(super) fn default_features(package: &guppy::graph::PackageMetadata<'_>) -> Result<Vec<String>> {
    let set = package.to_feature_set(StandardFeatures::Default);
    let resolved = set.to_feature_query(DependencyDirection::Forward).resolve();
    let list = resolved.features_for(package.id()).map_err(internal)?;
    Ok(list.map(|list| list.named_features().map(str::to_owned).collect()).unwrap_or_default())
}

fn internal(error: guppy::Error) -> Failure {
    Failure::new(Kind::Internal, "the dependency graph could not be resolved").caused_by(error)
}
