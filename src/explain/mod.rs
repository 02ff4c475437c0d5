//! Why a build failed, out of what it printed: its first error, whole and with its own place, and advice by its cause. What BuildKit
//! tells of a step and what this machine's cargo prints are heard in the same way.

mod condense;
mod listener;
mod places;
mod table;

pub use listener::{Listener, clean};
pub use places::Places;
pub use table::Advice;

/// What compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// An engine, in an image that the metadata table can give packages to.
    Engine,
    /// This machine's own cargo.
    Machine,
}

/// The first error of an output.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explained {
    /// Its lines, bounded, with the user's own paths.
    pub lines: Vec<String>,
    /// Whether it has more lines than are shown.
    pub is_cut: bool,
    /// How many errors came after it.
    pub more: usize,
    /// What it means, where that is known.
    pub advice: Option<Advice>,
}

/// Looks at what was heard. Where there was no error among it, `rest` is searched for a cause.
pub fn explain(heard: &Listener, rest: &str, places: &Places, by: By) -> Explained {
    let Some(first) = heard.first() else {
        return Explained { advice: table::advice(rest, places, by), ..Explained::default() };
    };
    let shown = condense::condensed(&first);
    let advice = table::advice(&first.join("\n"), places, by);
    // An error of rustc's without a code.
    let has_place = first.iter().any(|line| line.trim_start().starts_with("--> "));
    Explained {
        is_cut: first.len() > condense::SHOWN,
        advice: advice.or_else(|| table::advice("could not compile", places, by).filter(|_| has_place)),
        lines: shown.iter().map(|line| places.shown(line)).collect(),
        more: heard.more(),
    }
}

impl Explained {
    /// The error as a detail of a failure: its lines, and how many others there were.
    pub fn detail(&self) -> String {
        let mut text = self.lines.join("\n");
        match self.more {
            0 => {}
            1 => text.push_str("\n\n… and 1 more error after it"),
            more => text.push_str(&format!("\n\n… and {more} more errors after it")),
        }
        text
    }
}

#[cfg(test)]
mod tests;
