//! A trial as people and machines read it, and two of them beside each other.

mod budget;
mod changes;
mod chart;
mod compare;
mod facts;
mod figures;
mod file;
mod html;
mod markdown;
mod table;
mod words;

pub use budget::{Budget, parse_percent, parse_size};
pub use compare::{Comparison, LayerChange, Origin, ScenarioChange, Side, compare};
pub use file::{json, read};
#[cfg(test)]
pub(crate) use html::TEMPLATE;
pub use html::html;
pub use markdown::markdown;
pub use table::table;

#[cfg(test)]
mod fixture {
    use camino::Utf8Path;

    use crate::trial::Trial;

    /// A trial of `tests/trial`: `now`, or `base`.
    pub fn trial(name: &str) -> Trial {
        let path = format!("{}/tests/trial/{name}.json", env!("CARGO_MANIFEST_DIR"));
        super::read(Utf8Path::new(&path)).unwrap()
    }

    /// Without ANSI colours, as a snapshot has it.
    pub fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    /// A snapshot beside the trials, where no package carries it.
    pub fn snapshot(name: &str, text: &str) {
        insta::with_settings!({
            snapshot_path => "../../../tests/trial", omit_expression => true, prepend_module_to_snapshot => false
        }, {
            insta::assert_snapshot!(name, text);
        });
    }
}
