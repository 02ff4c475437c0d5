//! Writes images: no engine, no daemon. A [`Tree`] of files becomes a layer in a [`Store`], which keeps what was written by its
//! digest. Manifests and what takes an image to a runtime are still to come; no command uses this yet.
//!
//! What goes in is all that the bytes depend on: not the clock, not the machine, not the number of threads. What has not
//! changed is not read again, let alone compressed.

pub mod compress;
mod fault;
pub mod layer;
mod memo;
pub mod store;
pub mod tree;

pub use compress::Compression;
pub use layer::{Layer, layer};
pub use store::Store;
pub use tree::{Content, Entry, Tree};

#[cfg(test)]
pub(crate) mod testing;
