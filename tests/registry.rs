//! Pulls from and pushes to registries that fail in every way that is known: a clear error, no half-written file, and the next run
//! succeeds. The registry is one in this process; where `DOCKERIZE_REGISTRY` names a real one, that one as well.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "registry/answers.rs"]
mod answers;
#[path = "registry/base.rs"]
mod base;
#[path = "registry/inspect.rs"]
mod inspect;
#[path = "registry/publish.rs"]
mod publish;
#[path = "registry/pull.rs"]
mod pull;
#[path = "registry/push.rs"]
mod push;
#[path = "registry/real.rs"]
mod real;
#[path = "registry/server.rs"]
mod server;
#[path = "registry/support.rs"]
mod support;
#[path = "registry/who.rs"]
mod who;
