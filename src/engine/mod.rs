//! Executes a plan: drives the user's Docker through buildx, and records what happened.

pub mod record;
