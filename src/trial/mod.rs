//! A trial: what a team's days are made of (a cold build, an edited line, a bumped dependency), built by one Dockerfile or
//! several on the same engine in one run, with an account of each.

pub mod model;

pub use model::{Build, Contender, Layer, Machine, Outcome, Run, SCHEMA, Scenario, Stage, Trial};
