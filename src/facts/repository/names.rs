//! The table of names: which files are looked for, and which words in them mean what.

use std::sync::OnceLock;

use serde::Deserialize;

/// The table.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub folders: Folders,
    pub cargo: Cargo,
    pub manager: Vec<Manager>,
    pub starter: Vec<Starter>,
    pub front: Front,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Folders {
    pub passed_over: Vec<String>,
    pub hidden: Vec<String>,
    pub beside: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Cargo {
    pub programs: Vec<String>,
    pub through: Vec<String>,
    pub build: Vec<String>,
    pub valued: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manager {
    pub programs: Vec<String>,
    pub verbs: Vec<String>,
    pub valued: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Starter {
    pub name: String,
    #[serde(default)]
    pub init: bool,
    #[serde(default)]
    pub valued: Vec<String>,
    #[serde(default)]
    pub words: usize,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Front {
    pub programs: Vec<String>,
    pub images: Vec<String>,
}

/// The table, read once. That it can be read, a test says; without it nothing would be found.
pub(super) fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| toml::from_str(TABLE).unwrap_or_default())
}

const TABLE: &str = include_str!("names.toml");

/// Whether a list has a word.
pub(super) fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|one| one == word)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_can_be_read() {
        toml::from_str::<super::Names>(super::TABLE).unwrap();
    }
}
