//! Reads the metadata tables, so that an error points at its place in the manifest.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Table, validate};
use crate::failure::{Failure, Kind, Place, Result};
use crate::plan::model::Because;
use crate::workspace::{Member, Workspace};

/// The tables of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The workspace's.
    pub workspace: Table,
    /// The members', by the package's name.
    pub packages: BTreeMap<String, Table>,
    /// Whether the workspace's table is there at all.
    pub present: bool,
    /// The keys that the tables have, by the package's name; the workspace's under an empty one.
    pub said: BTreeMap<String, BTreeSet<String>>,
    /// Where values come from that no table has: by package and key, each with the value as it is shown.
    pub evidence: BTreeMap<(String, String), Vec<(String, Because)>>,
}

impl Settings {
    /// What holds for one package's image.
    pub fn of(&self, package: &str) -> Table {
        self.packages.get(package).cloned().unwrap_or_default().over(&self.workspace)
    }

    /// Whether a table that holds for a package has a key, be its value empty. An empty name is the workspace.
    pub fn says(&self, package: &str, key: &str) -> bool {
        [package, ""].iter().any(|owner| self.said.get(*owner).is_some_and(|keys| keys.contains(key)))
    }

    /// Why a key of a package has a value: the file that it was taken from, else the metadata.
    pub fn because(&self, package: &str, key: &str, value: &str) -> Because {
        let found = self.evidence.get(&(package.to_owned(), key.to_owned()));
        let exact = found.and_then(|all| all.iter().find(|(own, _)| own == value).or(all.first()));
        exact.map_or_else(
            || Because::new("metadata", format!("`{key}` in the metadata says so")),
            |(_, because)| because.clone(),
        )
    }

    /// Whether a key of a package has what a file of the repository says.
    pub fn is_evidence(&self, package: &str, key: &str) -> bool {
        self.evidence.contains_key(&(package.to_owned(), key.to_owned()))
    }
}

#[derive(Deserialize, Default)]
struct Manifest {
    workspace: Option<Section>,
    package: Option<Section>,
}

#[derive(Deserialize, Default)]
struct Section {
    metadata: Option<Metadata>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    dockerize: Option<Table>,
}

/// Reads every table of a workspace.
///
/// # Errors
/// [`Kind::Workspace`] with the place: an unknown key, a wrong type, a value that must not get into a Dockerfile.
pub fn load(workspace: &Workspace) -> Result<Settings> {
    let manifest = parse("Cargo.toml", &workspace.manifest)?;
    let own = manifest.workspace.and_then(dockerize);
    let of_package = manifest.package.and_then(dockerize);
    let mut settings = Settings { present: own.is_some() || of_package.is_some(), ..Settings::default() };
    // A package without a `[workspace]` table says everything in its own. When it becomes a workspace's root it goes on to,
    // where there is no table of the workspace's.
    let alone = !workspace.has_workspace_table();
    let for_all = own.is_none() && of_package.as_ref().is_some_and(|table| table.of_workspace() != Table::default());
    settings.workspace = match (own, of_package) {
        (_, of_package) if alone => of_package.unwrap_or_default(),
        (None, Some(of_package)) => of_package.of_workspace(),
        (own, _) => own.unwrap_or_default(),
    };
    validate::table("Cargo.toml", &workspace.manifest, &settings.workspace)?;
    let mut for_workspace = keys(&workspace.manifest, "workspace");
    if for_workspace.is_empty() {
        for_workspace = keys(&workspace.manifest, "package");
        for_workspace.retain(|key| alone || !Table::IMAGE_KEYS.contains(&key.as_str()));
    }
    settings.said.insert(String::new(), for_workspace);
    for member in &workspace.members {
        settings.said.insert(member.name.clone(), keys(&member.manifest, "package"));
    }
    for member in &workspace.members {
        let is_root = member.dir == workspace.root;
        if is_root && alone {
            continue;
        }
        if let Some(table) = member_table(workspace, member, is_root && for_all)? {
            settings.packages.insert(member.name.clone(), table);
        }
    }
    Ok(settings)
}

/// The levels of rules in a manifest, of which nothing else is looked at: a Dockerfile can be judged where cargo cannot read
/// the workspace.
///
/// # Errors
/// [`Kind::Workspace`] with the place: no rule has the name, or it is no level.
pub fn lint(file: &str, text: &str) -> Result<Judging> {
    let manifest = parse(file, text)?;
    let tables = manifest.workspace.and_then(dockerize).or_else(|| manifest.package.and_then(dockerize));
    let Table { lint: levels, mirrors, .. } = tables.unwrap_or_default();
    levels.keys().try_for_each(|name| validate::rule(file, text, name))?;
    Ok(Judging { levels, mirrors })
}

/// What a manifest says to a lint.
#[derive(Debug, Clone, Default)]
pub struct Judging {
    /// What rules mean.
    pub levels: BTreeMap<String, crate::lint::Level>,
    /// Prefixes in the place of registries.
    pub mirrors: BTreeMap<String, String>,
}

fn member_table(workspace: &Workspace, member: &Member, for_all: bool) -> Result<Option<Table>> {
    let file = workspace.relative(&member.dir.join("Cargo.toml"));
    let Some(table) = parse(&file, &member.manifest)?.package.and_then(dockerize) else { return Ok(None) };
    validate::table(&file, &member.manifest, &table)?;
    let document = toml_edit::Document::parse(member.manifest.as_str()).map_err(|error| unparsable(&file, &error))?;
    let keys = document.get("package").and_then(|package| package.get("metadata")?.get("dockerize")?.as_table_like());
    for (key, item) in keys.into_iter().flat_map(toml_edit::TableLike::iter) {
        if !for_all && !Table::IMAGE_KEYS.contains(&key) {
            let span = item.span().unwrap_or(0..0);
            return Err(Failure::new(Kind::Workspace, format!("`{key}` belongs to the workspace's table"))
                .at(Place { file, text: member.manifest.clone(), span, label: "not for one package".to_owned() })
                .help("move it to `[workspace.metadata.dockerize]` in the root manifest"));
        }
    }
    Ok(Some(table))
}

/// The keys of a table in a manifest that has been read.
fn keys(manifest: &str, owner: &str) -> BTreeSet<String> {
    let Ok(document) = toml_edit::Document::parse(manifest) else { return BTreeSet::new() };
    let table = document.get(owner).and_then(|owner| owner.get("metadata")?.get("dockerize")?.as_table_like());
    table.into_iter().flat_map(toml_edit::TableLike::iter).map(|(key, _)| key.to_owned()).collect()
}

fn dockerize(section: Section) -> Option<Table> {
    section.metadata.and_then(|metadata| metadata.dockerize)
}

fn parse(file: &str, text: &str) -> Result<Manifest> {
    toml::from_str(text).map_err(|error| {
        let said = error.message();
        let place = Place {
            file: file.to_owned(),
            text: text.to_owned(),
            span: error.span().unwrap_or(0..0),
            label: short(said),
        };
        let failure = Failure::new(Kind::Workspace, headline(said)).at(place);
        match unknown_key(said) {
            Some((key, known)) => failure.help(suggestion(key, &known)),
            None => failure,
        }
    })
}

fn unparsable(file: &str, error: &toml_edit::TomlError) -> Failure {
    Failure::new(Kind::Workspace, format!("`{file}` does not parse")).detail(error.to_string())
}

fn headline(said: &str) -> String {
    match unknown_key(said) {
        Some((key, _)) => format!("unknown key `{key}` in the metadata of dockerize"),
        None => "the metadata of dockerize cannot be read".to_owned(),
    }
}

fn short(said: &str) -> String {
    match unknown_key(said) {
        Some(_) => "not a key".to_owned(),
        None => said.lines().next().unwrap_or_default().to_owned(),
    }
}

/// serde's own words: ``unknown field `x`, expected one of `a`, `b` ``.
fn unknown_key(said: &str) -> Option<(&str, Vec<&str>)> {
    let rest = said.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((key, known))
}

fn suggestion(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? The keys are: {}", known.join(", ")),
        None => format!("the keys are: {}", known.join(", ")),
    }
}

/// The known name that is closest to a mistyped one, if any is close.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_shown_in_its_place() {
        let text = "[workspace.metadata.dockerize]\nsintax = \"none\"\n";
        let failure = parse("Cargo.toml", text).err().unwrap();
        assert_eq!(failure.to_string(), "unknown key `sintax` in the metadata of dockerize");
        assert_eq!(&text[failure.place().unwrap().span.clone()], "sintax");
        assert!(anstream::adapter::strip_str(&failure.report()).to_string().contains("did you mean `syntax`?"));
    }

    #[test]
    fn no_key_of_an_image_is_the_workspaces() {
        let text = "[workspace.metadata.dockerize]\nlinkage = 'static-musl'\nassets = ['a']\nwritable = ['/a']\nexpose = [80]\n\
                    services = ['redis']\nenv = { A = 'b' }\nca-certificates = true\nextra-ca = ['a']\nzoneinfo = true\n\
                    init = true\nhealthcheck = ['a']\narguments = ['a']\nstop-signal = 'SIGINT'\nlabels = { a = 'b' }\n";
        let said = text.parse::<toml::Table>().unwrap();
        let said = said["workspace"]["metadata"]["dockerize"].as_table().unwrap().clone();
        assert!(Table::IMAGE_KEYS.iter().all(|key| said.contains_key(*key)), "each of them is here");
        let table: Table = said.try_into().unwrap();
        assert_eq!(table.of_workspace(), Table::default());
    }

    #[test]
    fn a_wrong_type_is_shown_in_its_place() {
        let failure = parse("Cargo.toml", "[package.metadata.dockerize]\nexpose = \"80\"\n").err().unwrap();
        assert!(failure.place().unwrap().label.contains("invalid type"), "{failure:?}");
    }

    proptest::proptest! {
        /// Whatever stands in the table is read, or refused with its place.
        #[test]
        fn no_table_is_too_bad(
            key in proptest::sample::select(vec![
                "toolchain", "packages", "native", "assets", "env", "expose", "mirrors", "profile", "linkage", "labels",
                "writable", "images", "sintax",
            ]),
            value in "[0-9]{1,6}|true|\"\\PC{0,12}\"|\\[\"\\PC{0,12}\"\\]|\\{ [a-z]{1,6} = \"\\PC{0,12}\" \\}\
                |\\[\\{ crate = \"\\PC{0,5}\", musl = \"c\" \\}\\]",
        ) {
            let text = format!("[package]\nname = \"x\"\n\n[package.metadata.dockerize]\n{key} = {value}\n");
            let read = parse("Cargo.toml", &text).and_then(|manifest| {
                let table = manifest.package.and_then(dockerize).unwrap_or_default();
                validate::table("Cargo.toml", &text, &table)
            });
            if let Err(failure) = read {
                proptest::prop_assert_eq!(failure.kind(), Kind::Workspace);
                proptest::prop_assert!(failure.report().contains("error"));
            }
        }
    }
}
