//! The table of rules.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Level;

/// One rule, as `rules.toml` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRow {
    /// Its name, which stays what it is.
    pub name: String,
    /// Unless somebody says otherwise.
    pub level: Level,
    /// What it finds, in a line.
    pub title: String,
    /// What it is about; its function is in the module of this name.
    pub topic: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Whether it looks at the workspace's facts, and says nothing without them.
    #[serde(default)]
    pub facts: bool,
    /// Rules of BuildKit's own that find the same, which are then not told a second time.
    #[serde(default)]
    pub buildkit: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rule: Vec<RuleRow>,
}

static ROWS: LazyLock<Vec<RuleRow>> = LazyLock::new(|| {
    // A table that cannot be read would be a table without rules, which tests would notice.
    toml::from_str::<Table>(include_str!("rules.toml")).map(|table| table.rule).unwrap_or_default()
});

/// Every rule.
pub fn rows() -> &'static [RuleRow] {
    &ROWS
}

/// The rule of a name.
pub fn row(name: &str) -> Option<&'static RuleRow> {
    ROWS.iter().find(|row| row.name == name)
}

/// Where a rule is explained: BuildKit's are by BuildKit, ours where the repository has an address.
pub fn url(name: &str) -> Option<String> {
    let repository = env!("CARGO_PKG_REPOSITORY");
    match name.strip_prefix("buildkit/") {
        Some(own) => Some(format!("https://docs.docker.com/go/dockerfile/rule/{}/", kebab(own))),
        None if repository.is_empty() => None,
        None => Some(format!("{repository}/blob/main/docs/lint/{name}.md")),
    }
}

fn kebab(name: &str) -> String {
    name.chars().enumerate().fold(String::new(), |done, (at, c)| {
        let dash = if at > 0 && c.is_ascii_uppercase() { "-" } else { "" };
        format!("{done}{dash}{}", c.to_ascii_lowercase())
    })
}
