//! On a real engine: what is generated is built, and what is built is run.
//!
//! `cargo xtask test` finds or makes the engine and sets `DOCKERIZE_E2E`; without it these tests are ignored. The engine
//! and its disk are one, so they run one after the other.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod auditable;
mod bases;
mod cache;
mod caching;
mod chores;
mod compose;
mod core;
mod doctor;
mod embedded;
mod example;
mod git_https;
mod inspecting;
mod measuring;
mod pins;
mod platforms;
mod private;
mod rebuilds;
mod reproducible;
mod room;
mod shapes;
mod shipped;
mod stages;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod tool;
mod workflow;
mod world;

use libtest_mimic::{Arguments, Trial};

/// Long tests whose subject other tests have in a smaller form: `cargo xtask test --all` runs them.
const BEFORE_A_RELEASE: &[&str] = &["reproducible: the example's members, in two folders", "ripgrep", "miniserve"];

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
        ("core: one of two programs, in a tree without files of ours", core::one_program_without_files),
        ("core: one of two programs, with docker alone", core::one_program_with_docker_alone),
        ("core: a member with the name of a registry's package", core::same_name),
        ("cache: a workspace's mounts are shown, and pruned alone", cache::mounts_of_one_workspace),
        ("cache: dependencies are compiled ahead", cache::warm),
        ("cache: layers in a folder", cache::folders),
        ("caching: sources", caching::sources),
        ("caching: sources, in the new layout", caching::sources_in_the_new_layout),
        ("caching: manifests, features and profiles", caching::manifests),
        ("caching: manifests, features and profiles, in the new layout", caching::manifests_in_the_new_layout),
        ("caching: dependencies", caching::dependencies),
        ("caching: dependencies, in the new layout", caching::dependencies_in_the_new_layout),
        ("caching: a layout that is not known", caching::unknown_layout),
        ("caching: dependencies in a registry", caching::registry),
        ("compose: it takes the files of every shape", compose::config),
        ("compose: passwords", compose::passwords),
        ("compose: the example's services run as in production", compose::example),
        ("compose: a program waits for its database and speaks to it", compose::database),
        ("compose: an edited source runs, with a database of its own", compose::edited),
        ("embedded: alike, whoever builds", embedded::alike),
        ("embedded: programs of this machine's cargo run in Docker", embedded::programs),
        ("embedded: two clones write the same bytes", embedded::reproducible),
        ("embedded: skopeo, umoci and runc take what is written", embedded::judges),
        ("embedded: without docker there are layouts", embedded::without_docker),
        ("embedded: on a base, to a registry", shipped::based),
        ("bases: each of the table's, by both engines", bases::each),
        ("embedded: two architectures", shipped::platforms),
        ("pins: what is pinned is what is built on", pins::built_on),
        ("platforms: the example for two at once", platforms::example),
        ("platforms: libraries of another processor", platforms::libraries),
        ("platforms: C and bindings for another processor", platforms::native),
        ("platforms: those that only the metadata adds", platforms::others),
        ("reproducible: a build time is found out, and without it the bytes are the same", reproducible::build_time),
        ("reproducible: the example's members, in two folders", reproducible::example),
        ("xtask: build, check, measure and push, with the tool and without", chores::docker),
        ("doctor: this engine can build, and its own words are told", doctor::healthy),
        ("auditable: a list of crates in the program", auditable::docker),
        ("auditable: by this machine, which has to have it", auditable::embedded),
        ("inspect: every fault of a hand-made image", inspecting::faults),
        ("inspect: what a build pushes goes with the image", inspecting::pushed),
        ("measure: a day's edits, and nothing of it stays", measuring::trial),
        ("the tests' profile fails with the tests' own words", rebuilds::tests_profile),
        ("stages: tests with cargo", stages::cargo_test),
        ("stages: tests with nextest", stages::nextest),
        ("stages: tests with docker alone", stages::plain_docker),
        ("stages: a program that is edited while it runs", stages::dev),
        ("stages: a profile of the user's", stages::profile_of_the_users),
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
        ("ci: the steps of a GitHub workflow do what they say", workflow::steps),
        ("ripgrep", world::ripgrep),
        ("miniserve", world::miniserve),
    ];
    let ignored = std::env::var_os("DOCKERIZE_E2E").is_none();
    let all = std::env::var_os("DOCKERIZE_E2E_ALL").is_some();
    let trials = tests
        .iter()
        .map(|(name, test)| {
            Trial::test(*name, move || {
                room::make();
                test();
                Ok(())
            })
            .with_ignored_flag(ignored || (!all && BEFORE_A_RELEASE.contains(name)))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
