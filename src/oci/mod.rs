//! Writes images: no engine, no daemon. A [`Tree`] of files is what becomes a layer, and a [`Store`] keeps what was written, by
//! digest. Layers, manifests and what takes them to a runtime are still to come; no command uses this yet.
//!
//! What goes in is all that the bytes depend on: not the clock, not the machine, not the number of threads.

mod fault;
pub mod store;
pub mod tree;

pub use store::Store;
pub use tree::{Content, Entry, Tree};

#[cfg(test)]
#[cfg(unix)]
mod tests;
