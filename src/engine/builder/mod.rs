//! Builders of buildx: makes them, with the options that builds of Rust want, and says what one can do.

mod check;
mod create;
mod drivers;
mod nodes;

pub use check::{Answer, Capability, Check, check, judge};
pub use create::{Creation, Node, Request, create};
pub use nodes::{Builder, BuilderNode, all, find};
