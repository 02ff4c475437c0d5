//! What the build needs besides the crates' native parts: what `.cargo/config.toml` names, what macros and build scripts
//! expect of the place where they run.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::native::Native;
use super::rules::{self, Needs};
use crate::config::Table;
use crate::failure::{Failure, Kind, Place, Result};
use crate::image_paths::CA_BUNDLE;
use crate::plan::model::Because;
use crate::platforms;
use crate::workspace::{BinaryGraph, Member, Named, Workspace, submodules};

/// sqlx's macros that ask a database while the program is compiled.
const SQLX: &[&str] = &[
    "query",
    "query_as",
    "query_scalar",
    "query_file",
    "query_file_as",
    "query_file_scalar",
    "query_unchecked",
    "query_as_unchecked",
    "query_scalar_unchecked",
    "query_file_unchecked",
    "query_file_as_unchecked",
    "query_file_scalar_unchecked",
];

/// What is needed whatever the target is.
pub(super) fn find(workspace: &Workspace, graph: &BinaryGraph, native: &[Native]) -> Result<Vec<Native>> {
    let mut found = Vec::new();
    well_known_messages(workspace, graph, native, &mut found);
    let config = &workspace.cargo_config;
    for (variable, wrapper) in &config.wrappers {
        let why = format!("wraps rustc in {wrapper}, which stays out of the image's build");
        found.push(config_says(workspace, &why, [], [(variable.as_str(), "")]));
    }
    if config.offline && config.vendored.is_empty() {
        found.push(config_says(workspace, "is offline, which the build is not", [], [("CARGO_NET_OFFLINE", "false")]));
    }
    if let (Some(file), None) = (&config.cainfo, workspace.cainfo()) {
        let why = format!("trusts the authorities in {file}, which stays on this machine");
        found.push(config_says(workspace, &why, [], [("CARGO_HTTP_CAINFO", CA_BUNDLE)]));
    }
    if config.git_cli {
        found.push(config_says(workspace, "fetches with git", ["git"], []));
    }
    sqlx(workspace, graph, &mut found)?;
    Ok(found)
}

/// The linkers that `.cargo/config.toml` names for a target.
///
/// # Errors
/// Debian does not have one of them.
pub fn linkers(workspace: &Workspace, triple: &str) -> Result<Vec<Native>> {
    let mut found: Vec<Native> = Vec::new();
    // Build scripts and macros are linked for the host, with the host's linker; the flags are not theirs.
    let host = triple.replace("-musl", "-gnu");
    for link in &workspace.cargo_config.link {
        let linker = link.linker.as_deref().filter(|_| link.applies(triple) || link.applies(&host));
        let fuse = link.fuse_ld().filter(|_| link.applies(triple));
        for name in linker.into_iter().chain(fuse) {
            let Some(row) = rules::linkers()?.iter().find(|row| row.name == name) else {
                return Err(Failure::new(
                    Kind::Workspace,
                    format!("`{}` links with `{name}`, which Debian does not have", workspace.cargo_config.file),
                )
                .help(
                    "name a linker that it has (mold, lld) there; or move the setting into your own \
                     ~/.cargo/config.toml, which stays on this machine",
                ));
            };
            found.push(config_says(workspace, &format!("links with {name}"), row.apt.iter().map(String::as_str), []));
        }
    }
    Ok(found)
}

/// The processor that `target-cpu=native` names is the builder's.
const NATIVE: &str = "target-cpu=native";

/// Flags that compile for the processor that builds, where images are for others too; a note where the metadata allows it.
///
/// # Errors
/// The metadata does not allow it.
pub fn processor(workspace: &Workspace, table: &Table) -> Result<Option<Because>> {
    // These win over all files.
    let said =
        ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"].iter().find_map(|name| Some((*name, table.build_env.get(*name)?)));
    let links = &workspace.cargo_config.link;
    let is_native = |triple: &str| {
        // cargo reads `[build]` only where no `[target]` has flags.
        let of_target = links.iter().filter(|link| link.target.is_some() && link.applies(triple));
        let of_target: Vec<&String> = of_target.flat_map(|link| &link.rustflags).collect();
        let of_build = links.iter().filter(|link| link.target.is_none()).flat_map(|link| &link.rustflags);
        let flags = if of_target.is_empty() { of_build.collect() } else { of_target };
        flags.iter().any(|flag| flag.ends_with(NATIVE))
    };
    let file = match said {
        Some((name, flags)) if flags.contains(NATIVE) => format!("`{name}` in `build-env`"),
        Some(_) => return Ok(None),
        None => {
            let mut all = platforms::all()?.iter().flat_map(|platform| [&platform.rust.musl, &platform.rust.gnu]);
            if !all.any(|triple| is_native(triple)) {
                return Ok(None);
            }
            format!("`{}`", workspace.cargo_config.file)
        }
    };
    let text = format!("{file} compiles for the processor that builds (`{NATIVE}`)");
    if table.allow_native_cpu {
        let text = format!("{text}: an older one stops the program with an illegal instruction");
        return Ok(Some(Because::new("native-cpu", text)));
    }
    let failure = Failure::new(Kind::Workspace, format!("{text}, and an image runs on others too")).help(
        "write what all of them have, such as `target-cpu=x86-64-v3`; or `allow-native-cpu = true` in \
         [workspace.metadata.dockerize] for images that run where they are built",
    );
    let name = workspace.cargo_config.file.clone();
    let text = fs_err::read_to_string(workspace.root.join(&name)).unwrap_or_default();
    Err(match text.find(NATIVE) {
        Some(start) if said.is_none() => {
            let span = start..start + NATIVE.len();
            failure.at(Place { file: name, text, span, label: "whichever machine builds".to_owned() })
        }
        _ => failure,
    })
}

fn config_says<'a>(
    workspace: &Workspace,
    why: &str,
    apt: impl IntoIterator<Item = &'a str>,
    env: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Native {
    let file = &workspace.cargo_config.file;
    let apt: Vec<String> = apt.into_iter().map(str::to_owned).collect();
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let needs = Needs { apt, env, why: why.to_owned(), ..Needs::default() };
    let because = Because {
        text: format!("{file} {why}"),
        krate: None,
        rule: "cargo-config".to_owned(),
        file: Some(file.clone()),
    };
    Native { needs, because, builds: true }
}

/// protoc without the messages that it calls well known, which Debian packs apart, is enough for most.
fn well_known_messages(workspace: &Workspace, graph: &BinaryGraph, native: &[Native], found: &mut Vec<Native>) {
    let Some(protoc) = native.iter().find(|native| native.needs.apt.iter().any(|name| name == "protobuf-compiler"))
    else {
        return;
    };
    let Some(file) = members(workspace, graph).find_map(|member| member.sources.well_known_messages.first()) else {
        return;
    };
    let file = workspace.relative(file);
    let because = Because {
        text: format!("{file} imports google/protobuf"),
        krate: protoc.because.krate.clone(),
        rule: "well-known-messages".to_owned(),
        file: Some(file),
    };
    let needs =
        Needs { apt: vec!["libprotobuf-dev".to_owned()], apk: vec!["protobuf-dev".to_owned()], ..Needs::default() };
    found.push(Native { needs, because, builds: true });
}

/// sqlx's macros ask the database, or the answers that were saved in `.sqlx`.
fn sqlx(workspace: &Workspace, graph: &BinaryGraph, found: &mut Vec<Native>) -> Result<()> {
    let Some(package) = graph.find("sqlx-macros").first() else { return Ok(()) };
    let asked = members(workspace, graph).find_map(|member| {
        let (name, place) = asks(&member.sources.macros)?;
        Some((member, name, workspace.place(&place.0, place.1)))
    });
    let Some((member, name, place)) = asked else { return Ok(()) };
    let saved = saved(workspace, member);
    // Up to 0.6 it reads them only with a feature, and the tool for them has no `--workspace`.
    let old = semver::Version::parse(&package.version).is_ok_and(|version| version < semver::Version::new(0, 7, 0));
    if let (true, Some(saved), false) = (old, &saved, package.has_feature("offline")) {
        return Err(Failure::new(
            Kind::Workspace,
            format!(
                "{} has no feature `offline`, and reads nothing from {}",
                package.spec(),
                workspace.relative(saved)
            ),
        )
        .help("add `offline` to the features of sqlx: there is no database in a build"));
    }
    let Some(saved) = saved else {
        return Err(Failure::new(
            Kind::Workspace,
            format!(
                "{} asks a database while it is compiled (`{name}!` in {place}), and there is none in a build",
                member.name
            ),
        )
        .help(if old {
            "run `cargo sqlx prepare -- --bins` in the package's folder with your database at hand, turn on sqlx's feature \
             `offline`, and commit sqlx-data.json"
        } else {
            "run `cargo sqlx prepare --workspace` with your database at hand, and commit the folder .sqlx"
        }));
    };
    let file = workspace.relative(&saved);
    let because = Because {
        text: format!("{} compiles `{name}!` with the answers in {file} ({place})", member.name),
        krate: Some(package.spec()),
        rule: "sqlx-offline".to_owned(),
        file: Some(file),
    };
    let env = BTreeMap::from([("SQLX_OFFLINE".to_owned(), "true".to_owned())]);
    let needs = Needs { env, ..Needs::default() };
    found.push(Native { needs, because, builds: true });
    Ok(())
}

/// The call that asks a database, with its place.
fn asks(macros: &Named) -> Option<(&String, &(Utf8PathBuf, usize))> {
    macros.iter().find(|(name, _)| SQLX.contains(&name.as_str()))
}

/// Where the answers are: in the workspace's root or beside the package's manifest.
fn saved(workspace: &Workspace, member: &Member) -> Option<Utf8PathBuf> {
    let names = [".sqlx", "sqlx-data.json"];
    let places = [&workspace.root, &member.dir].into_iter().flat_map(|folder| names.map(|name| folder.join(name)));
    places.into_iter().find(|place| place.exists())
}

/// Tests that ask a database while they are compiled, where no answers are saved.
pub fn tests_that_ask(workspace: &Workspace) -> Option<Because> {
    if !workspace.has_package("sqlx-macros") {
        return None;
    }
    let mut unsaved = workspace.members.iter().filter(|member| saved(workspace, member).is_none());
    let (member, (name, (file, line))) =
        unsaved.find_map(|member| Some((member, asks(&member.sources.test_macros)?)))?;
    let file = workspace.place(file, *line);
    Some(Because {
        text: format!(
            "the tests of {} ask a database while they are compiled (`{name}!` in {file}): the stage `test` needs a \
             `DATABASE_URL` in `build-env`, or the answers that `cargo sqlx prepare --workspace -- --all-targets` saves",
            member.name
        ),
        krate: None,
        rule: "sqlx-tests".to_owned(),
        file: Some(file),
    })
}

/// The members that a graph compiles.
pub(super) fn members<'a>(workspace: &'a Workspace, graph: &'a BinaryGraph) -> impl Iterator<Item = &'a Member> {
    let is_in = |member: &&Member| graph.find(&member.name).iter().any(|package| package.local);
    workspace.members.iter().filter(is_in)
}

/// Submodules that were not fetched: a member's, whose build needs what is in them.
pub(super) fn submodules(workspace: &Workspace, member: &Member) -> Result<()> {
    let Some(top) = &workspace.repository else { return Ok(()) };
    for path in submodules::paths(top) {
        let folder = top.join(&path);
        let named = || member.sources.inputs.iter().any(|input| input.path.starts_with(&folder));
        if submodules::is_empty(&folder) && (folder.starts_with(&member.dir) || named()) {
            return Err(Failure::new(
                Kind::Workspace,
                format!("the submodule `{path}` is empty, and it is a part of {}", member.name),
            )
            .help(submodules::FETCH));
        }
    }
    Ok(())
}
