//! Images by digest: what `dockerize.lock` says, what registries say now, and what somebody changed in a generated file.
//!
//! The lock file is a fact of the workspace, as Cargo.lock is; `plan` reads it and names images accordingly. Nothing here writes.

mod adopt;
mod ask;
mod lock;

/// An image's name without its digest.
pub fn undigested(image: &str) -> &str {
    image.split('@').next().unwrap_or(image)
}

pub use adopt::{Changed, changed};
pub use ask::{Asked, look, now};
pub use lock::{FILE, Lock, Pin};
