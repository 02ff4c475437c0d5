//! cargo-dockerize
