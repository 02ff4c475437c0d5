//! A trial: what a team's days are made of (a cold build, an edited line, a bumped dependency), built by one Dockerfile or
//! several on the same engine in one run, with an account of each.

mod change;
mod contender;
mod floor;
mod machine;
pub mod model;
mod records;
pub mod report;
mod run;
mod tree;

pub use change::{Change, Changes, Choice, changes};
pub use contender::{Entrant, Setup, enter};
pub use machine::machine;
pub use run::{Progress, run};
pub use tree::Tree;

pub use model::{Build, Contender, Layer, Machine, Outcome, Run, SCHEMA, Scenario, Stage, Trial};
