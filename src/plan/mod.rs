//! The only place that decides: facts and findings in, a [`Plan`] out.

pub mod model;

pub use model::Plan;
