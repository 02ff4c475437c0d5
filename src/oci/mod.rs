//! Writes images: no engine, no daemon. A [`Tree`] of files becomes a layer in a [`Store`], which keeps what was written by its
//! digest; layers and a base become an [`mod@image`], and images of several platforms a [`Bundle`], which is written as a
//! [`layout`] or an [`archive`], or given to a runtime ([`mod@load`]).
//!
//! What goes in is all that the bytes depend on: not the clock, not the machine, not the number of threads. What has not
//! changed is not read again, let alone compressed.

// A number from outside can have any value, and arithmetic that overflows panics. Tests use their own numbers.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod archive;
pub mod attach;
pub mod base;
pub mod compress;
mod config;
mod contents;
mod fault;
pub mod image;
pub mod layer;
pub mod layout;
pub mod libraries;
pub mod load;
mod memo;
pub mod publish;
pub mod rootfs;
pub mod store;
pub mod times;
pub mod tree;

pub use attach::attach;
pub use base::{pull, pulled};
pub use compress::Compression;
pub use contents::Named;
pub use image::{Attached, Base, Bundle, Image, RunConfig, bundle, image};
pub use layer::{Layer, layer};
pub use memo::file_sha256;
pub use publish::{Published, publish, publish_attached};
pub use store::Store;
pub use tree::{Content, Entry, Tree};

#[cfg(test)]
pub(crate) mod testing;
