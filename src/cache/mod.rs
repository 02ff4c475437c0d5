//! Caches that outgrow one machine: where layers are kept between builds, and compiled dependencies under a name that is made
//! from what they are.

mod dependencies;
mod key;
pub mod mounts;
pub mod remote;
mod spec;

pub use dependencies::{Dependencies, Kept, digest, look_up};
pub use key::{Inputs, Key, key};
pub use spec::{Cache, FORMS};
