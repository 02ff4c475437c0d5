//! `cargo dockerize`: point it at any Cargo workspace and, with no edits, get the smallest, safest image that the
//! workspace can have, and a measured account of it.
//!
//! Data flows one way: [`workspace`] → [`detect`] → [`plan`] → [`render`] → [`emit`], and
//! [`plan`] → [`engine`] → [`image`] → [`measure`]. See `ARCHITECTURE.md`.

pub mod attest;
pub mod bases;
pub mod cache;
pub mod compile;
pub mod config;
pub mod detect;
mod digest;
pub mod doctor;
pub mod emit;
pub mod engine;
pub mod exec;
pub mod explain;
pub mod facts;
pub mod failure;
pub mod host;
pub mod ignore;
pub mod image;
pub mod image_paths;
pub mod inspect;
pub mod limits;
pub mod lint;
pub mod measure;
pub mod oci;
pub mod pins;
pub mod plan;
pub mod platforms;
pub mod registry;
pub mod regular;
pub mod render;
mod secret;
mod secrets;
mod threads;
pub mod trial;
pub mod workspace;
pub mod xtask;
