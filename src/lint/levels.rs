//! Which rule means how much: the table's word, the metadata's over it, the command line's over that.

use std::collections::BTreeMap;

use super::{Level, row, rows};
use crate::config::nearest;
use crate::failure::{Failure, Kind, Result};

/// What each rule means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    own: BTreeMap<String, Level>,
    warnings: Option<Level>,
}

/// The name that stands for all rules of level `warn`, as rustc has it.
const WARNINGS: &str = "warnings";

impl Levels {
    /// What the table says, and over it these.
    pub fn new(own: BTreeMap<String, Level>) -> Self {
        Self { own, warnings: None }
    }

    /// Says it of one rule, or of all warnings. What is said last holds.
    ///
    /// # Errors
    /// [`Kind::Usage`]: there is no such rule.
    pub fn set(&mut self, name: &str, level: Level) -> Result<()> {
        if name == WARNINGS {
            self.warnings = Some(level);
            return Ok(());
        }
        known(name).map_err(|help| Failure::new(Kind::Usage, format!("no rule is called `{name}`")).help(help))?;
        self.own.insert(name.to_owned(), level);
        Ok(())
    }

    /// What a rule means; BuildKit's own are warnings.
    pub fn of(&self, name: &str) -> Level {
        let said = self.own.get(name).copied();
        let level = said.or_else(|| row(name).map(|row| row.level)).unwrap_or(Level::Warn);
        match self.warnings {
            Some(warnings) if level == Level::Warn => warnings,
            _ => level,
        }
    }

    /// Whether a rule that is looked for needs the workspace's facts.
    pub fn want_facts(&self) -> bool {
        rows().iter().any(|row| row.facts && self.of(&row.name) > Level::Allow)
    }
}

/// Nothing where there is such a rule, else what to say.
pub(crate) fn known(name: &str) -> std::result::Result<(), String> {
    if name.starts_with("buildkit/") || row(name).is_some() {
        return Ok(());
    }
    Err(match nearest(name, rows().iter().map(|row| row.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "the rules are in docs/lint/index.md, and `cargo dockerize lint --list` names them".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_last_holds() {
        let mut levels = Levels::new(BTreeMap::from([("unnamed-stage".to_owned(), Level::Note)]));
        assert_eq!(levels.of("unnamed-stage"), Level::Note);
        assert_eq!(levels.of("syntax"), Level::Deny);
        levels.set("unnamed-stage", Level::Warn).unwrap();
        levels.set("warnings", Level::Deny).unwrap();
        assert_eq!(levels.of("unnamed-stage"), Level::Deny);
        assert_eq!(levels.of("buildkit/Anything"), Level::Deny);
        let failure = levels.set("unamed-stage", Level::Warn).unwrap_err();
        assert_eq!(failure.remedies(), ["did you mean `unnamed-stage`?"]);
    }
}
