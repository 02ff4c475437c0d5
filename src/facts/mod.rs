//! Facts without opinions, besides those that cargo tells ([`crate::workspace`]): what a program's sources say, and what the other
//! files of its repository say.

pub mod repository;
pub mod source;
