//! Facts that are read and not judged: what a program's sources say, as its compiler reads them.

pub mod source;
