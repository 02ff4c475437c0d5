//! Images without Docker, where things go wrong: a clear error and its exit code, nothing half-written, and the next run succeeds.
//! No engine is needed; this machine's cargo compiles packages without dependencies.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code, reason = "the registry can do more than is asked of it here")]
#[path = "registry/answers.rs"]
mod answers;
#[path = "embedded/assets.rs"]
mod assets;
#[path = "embedded/damage.rs"]
mod damage;
#[path = "embedded/disk.rs"]
mod disk;
#[path = "embedded/errors.rs"]
mod errors;
#[path = "embedded/machine.rs"]
mod machine;
#[path = "embedded/publish.rs"]
mod publish;
#[allow(dead_code, reason = "the registry can do more than is asked of it here")]
#[path = "registry/server.rs"]
mod server;
#[path = "embedded/stop.rs"]
mod stop;
mod support;
#[path = "embedded/work.rs"]
mod work;
