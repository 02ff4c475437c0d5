//! The table of causes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use regex::{Regex, RegexSet};
use serde::Deserialize;

use super::listener::failed_script;
use super::{By, Places};
use crate::detect;
use crate::workspace::scripts;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    beginnings: Vec<String>,
    present: BTreeSet<String>,
    row: Vec<Row>,
}

/// A cause, what shows it, and what helps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub signs: Vec<String>,
    shape: Option<String>,
    finds: Option<Finds>,
    cause: String,
    help: String,
    here: Option<String>,
    absent: Option<String>,
    #[serde(default)]
    lacks: bool,
    #[serde(default)]
    #[cfg_attr(not(test), allow(dead_code, reason = "what tests and readers go by"))]
    pub examples: Vec<String>,
}

/// What has to be found for a row to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Finds {
    Program,
    KnownProgram,
    File,
    Header,
    Library,
    Probed,
}

/// Packages of Debian's by what they have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Packages {
    headers: BTreeMap<String, String>,
    libraries: BTreeMap<String, String>,
    programs: BTreeMap<String, String>,
}

/// What is wrong, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// A sentence, as a lowercase fragment.
    pub cause: String,
    /// An imperative.
    pub help: String,
    /// Whether what compiles lacks something.
    pub lacks: bool,
}

type Words = BTreeMap<&'static str, String>;

fn table() -> Option<&'static Table> {
    // A table that does not parse gives no advice; a test sees to it that it does.
    static TABLE: OnceLock<Option<Table>> = OnceLock::new();
    TABLE.get_or_init(|| toml::from_str(include_str!("advice.toml")).ok()).as_ref()
}

fn packages() -> Option<&'static Packages> {
    static TABLE: OnceLock<Option<Packages>> = OnceLock::new();
    TABLE.get_or_init(|| toml::from_str(include_str!("packages.toml")).ok()).as_ref()
}

pub(super) fn rows() -> &'static [Row] {
    table().map(|table| table.row.as_slice()).unwrap_or_default()
}

/// Whether an error of another program's begins with this line.
pub(super) fn begins(line: &str) -> bool {
    static SET: OnceLock<Option<RegexSet>> = OnceLock::new();
    let set = SET.get_or_init(|| RegexSet::new(&table()?.beginnings).ok());
    set.as_ref().is_some_and(|set| set.is_match(line))
}

/// The first row that applies to this text, filled with what is known.
pub(super) fn advice(text: &str, places: &Places, by: By) -> Option<Advice> {
    rows().iter().find_map(|row| row.applied(text, places, by))
}

impl Row {
    /// Whether a sign alone is enough.
    #[cfg(test)]
    pub fn is_plain(&self) -> bool {
        self.shape.is_none() && self.finds.is_none()
    }

    #[cfg(test)]
    pub fn finds_package_or_program(&self) -> bool {
        matches!(self.finds, Some(Finds::Program | Finds::KnownProgram))
    }

    pub fn applied(&self, text: &str, places: &Places, by: By) -> Option<Advice> {
        if !self.signs.iter().any(|sign| text.contains(sign.as_str())) {
            return None;
        }
        let failed = text.lines().find_map(failed_script);
        let mut words = Words::from([("crate", failed.map_or("CRATE", |(name, _)| name).to_owned())]);
        if let Some(shape) = &self.shape {
            let shape = Regex::new(shape).ok()?;
            let found = shape.captures(text)?;
            for name in ["edition", "file", "header", "library", "module", "package", "program", "variable", "version"]
            {
                words.extend(found.name(name).map(|value| (name, value.as_str().to_owned())));
            }
        }
        let mut help = match by {
            By::Engine => &self.help,
            By::Machine => self.here.as_ref().unwrap_or(&self.help),
        };
        if let Some(finds) = self.finds {
            let there = finds.find(&mut words, (text, failed), places, by)?;
            if !there && let (By::Engine, Some(absent)) = (by, &self.absent) {
                help = absent;
            }
        }
        // A crate that is not known makes no sentence.
        let cause = self.cause.replace("{crate}", failed.map_or("a crate", |(name, _)| name));
        Some(Advice { cause: filled(&cause, &words), help: filled(help, &words), lacks: self.lacks })
    }
}

impl Finds {
    /// Puts what is found into the words. Whether it is in the user's tree; none: nothing is found.
    fn find(
        self,
        words: &mut Words,
        (text, failed): (&str, Option<(&str, &str)>),
        places: &Places,
        by: By,
    ) -> Option<bool> {
        let word = |name: &str| words.get(name).cloned().unwrap_or_default();
        match self {
            Self::Program | Self::KnownProgram => {
                let (name, version) = failed?;
                let script = places.script(&format!("{name} {version}"))?;
                let mut programs = scripts::read(&script.path).programs;
                // For the user's own build scripts these are installed.
                programs.retain(|program| {
                    by == By::Machine || !script.local || detect::package_of_program(program).is_none()
                });
                let programs = missing(&programs, text, by);
                let package = match programs.as_slice() {
                    [one] => debian_program(one),
                    _ => None,
                };
                if programs.is_empty() || (self == Self::KnownProgram && package.is_none()) {
                    return None;
                }
                words.extend(package.map(|package| ("package", package)));
                words.insert("program", programs.join("` or `"));
                // A package's own sources lie somewhere in cargo's folder: their name is enough.
                let file = script.path.file_name().unwrap_or_default().to_owned();
                words.insert("script", if script.local { places.name(&script.path) } else { file });
            }
            Self::File => {
                let file = places.here(&word("file"))?;
                let name = places.name(&file);
                let there = file.exists();
                words.insert("file", if name.is_empty() { file.into_string() } else { name });
                return Some(there);
            }
            Self::Header => {
                let header = word("header");
                let known = packages()?.headers.iter().find(|(begin, _)| header.starts_with(begin.as_str()));
                words.insert("package", known?.1.clone());
            }
            Self::Library => {
                let package = packages()?.libraries.get(&word("library"))?.clone();
                words.insert("package", package);
            }
            Self::Probed => {
                let package = detect::package_of_library(&word("library"))?.to_owned();
                words.insert("package", package);
            }
        }
        Some(true)
    }
}

/// Which of the programs that a build script starts could be the one that is missing.
fn missing(programs: &BTreeSet<String>, text: &str, by: By) -> Vec<String> {
    let present = |program: &str| table().is_some_and(|table| table.present.contains(program));
    let named = |program: &&String| text.contains(program.as_str());
    let mut candidates: Vec<&String> = programs
        .iter()
        .filter(|program| match by {
            By::Engine => !present(program),
            By::Machine => which::which(program).is_err(),
        })
        .collect();
    if candidates.iter().any(named) {
        candidates.retain(named);
    }
    candidates.into_iter().cloned().collect()
}

/// Debian's package of a program.
fn debian_program(program: &str) -> Option<String> {
    let known = packages().and_then(|packages| packages.programs.get(program)).map(String::as_str);
    known.or_else(|| detect::package_of_program(program)).map(str::to_owned)
}

fn filled(sentence: &str, words: &Words) -> String {
    words.iter().fold(sentence.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}
