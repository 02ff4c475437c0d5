//! On a real engine: what is generated is built, and what is built is run.
//!
//! `cargo xtask test` finds or makes the engine and sets `DOCKERIZE_E2E`; without it these tests are ignored. The engine
//! and its disk are one, so they run one after the other.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod cache;
mod caching;
mod example;
mod git_https;
mod measuring;
mod private;
mod rebuilds;
mod shapes;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod tool;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests: &[(&str, fn())] = &[
        ("example: images are built, checked and small", example::images),
        ("example: the programs run as an unprivileged user on a read-only root", example::programs),
        ("example: TLS is verified against an authority in the image", example::verified_tls),
        ("example: an edited line compiles no dependency", rebuilds::edited_line),
        ("example: a new dependency is noticed where it needs more", rebuilds::new_dependency),
        ("a placeholder never ships", rebuilds::placeholder),
        ("cache: a workspace's mounts are shown, and pruned alone", cache::mounts_of_one_workspace),
        ("cache: dependencies are compiled ahead", cache::warm),
        ("cache: layers in a folder", cache::folders),
        ("caching: sources", caching::sources),
        ("caching: manifests, features and profiles", caching::manifests),
        ("caching: dependencies", caching::dependencies),
        ("caching: dependencies in a registry", caching::registry),
        ("measure: a day's edits, and nothing of it stays", measuring::trial),
        ("the tests' profile fails with the tests' own words", rebuilds::tests_profile),
        ("a step that fails is explained", world::failing_step),
        ("glibc and musl side by side", world::glibc_and_musl),
        ("a path dependency above the root", world::path_dependency),
        ("secrets and ballast stay out of the context, and what is compiled in stays in", world::context),
        ("plain docker build, without this tool", world::plain_docker),
        ("every generated Dockerfile passes the engine's own check", world::call_check),
        ("a C++ dependency", shapes::cxx),
        ("bindgen", shapes::bindgen),
        ("protoc, with the well-known messages", shapes::protoc),
        ("sqlx, with saved answers", shapes::sqlx),
        ("a build script that asks git, below the repository's root", shapes::git),
        ("a revision as build arguments", shapes::revision),
        ("a linker and a wrapper in .cargo/config.toml", shapes::mold),
        ("vendored sources", shapes::vendored),
        ("a registry that wants a token", private::registry),
        ("a git server over SSH", private::git_over_ssh),
        ("a git server over HTTPS that wants a password", git_https::git_over_https),
        ("ripgrep", world::ripgrep),
        ("miniserve", world::miniserve),
    ];
    let ignored = std::env::var_os("DOCKERIZE_E2E").is_none();
    let trials = tests
        .iter()
        .map(|(name, test)| {
            Trial::test(*name, move || {
                test();
                Ok(())
            })
            .with_ignored_flag(ignored)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
