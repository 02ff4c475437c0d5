//! The `cargo-dockerize` binary.
fn main() {}
