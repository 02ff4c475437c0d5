//! Small workspaces, each the smallest form of something that a public repository did: what the plan says of them.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::process::Command;

use camino::Utf8Path;
use serde_json::Value;
use support::Tree;

/// The plan of a case, as JSON.
fn plan(case: &str) -> Value {
    let tree = Tree::copy(&format!("tests/cases/{case}"));
    plan_in(tree.path())
}

fn plan_in(folder: &Utf8Path) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
    let output = command.args(["dockerize", "plan", "--format", "json"]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts(list: &Value, key: &str) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one[key].as_str()).map(str::to_owned).collect()
}

/// Where the assets of an image go.
fn assets(plan: &Value, image: usize) -> Vec<String> {
    texts(&plan["images"][image]["assets"], "to")
}

/// The folders that an image's program can write to.
fn writable(plan: &Value, image: usize) -> Vec<String> {
    texts(&plan["images"][image]["rootfs"]["writable"], "path")
}

fn ports(plan: &Value, image: usize) -> Vec<u64> {
    plan["images"][image]["expose"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// Whether a note has all of these words.
fn notes(plan: &Value, words: &[&str]) -> bool {
    texts(&plan["notes"], "text").iter().any(|note| words.iter().all(|word| note.contains(word)))
}

#[test]
fn what_a_call_opens_is_in_the_image() {
    assert_eq!(assets(&plan("plain-files"), 0), ["/app/config.toml", "/app/data/words.txt"]);
}

#[test]
fn a_folder_beside_the_program_is_in_the_image_without_local_settings() {
    let plan = plan("settings-folder");
    assert_eq!(assets(&plan, 0), ["/app/configuration/base.yaml", "/app/configuration/production.yaml"]);
}

#[test]
fn a_file_in_a_folder_of_the_users_is_no_asset() {
    let plan = plan("repository-file");
    assert!(assets(&plan, 0).is_empty());
    assert_eq!(plan["questions"][0]["answer"]["assets"], "config");
}

#[test]
fn the_path_of_a_macro_is_the_callers() {
    assert_eq!(assets(&plan("manifest-macro"), 0), ["/app/site/static/index.html"]);
}

#[test]
fn what_is_written_beside_the_program_is_named() {
    assert_eq!(writable(&plan("relative-database"), 0), ["/app"]);
}

#[test]
fn a_port_is_that_of_the_binary_that_binds_it() {
    let plan = plan("ports");
    let names = texts(&plan["images"], "name");
    let of = |name: &str| ports(&plan, names.iter().position(|own| own == name).unwrap());
    assert_eq!(of("pooler"), [6432]);
    assert!(of("crdgen").is_empty());
    assert!(notes(&plan, &["IN_CONTAINER"]), "{}", plan["notes"]);
}

#[test]
fn an_address_of_the_container_alone_is_noted() {
    assert!(notes(&plan("loopback-constant"), &["src/main.rs:5", "only the container itself"]));
}

#[test]
fn a_framework_that_listens_on_loopback_is_told_otherwise() {
    let plan = plan("rocket-static");
    assert_eq!(plan["images"][0]["env"]["ROCKET_ADDRESS"], "0.0.0.0");
    assert_eq!(assets(&plan, 0), ["/app/crates/site/static"]);
}

#[test]
fn programs_that_the_image_does_not_have_are_named() {
    assert!(notes(&plan("spawned-program"), &["`git`", "`ffmpeg`", "src/main.rs:4"]));
}

#[test]
fn what_a_build_script_watches_beside_the_workspace_is_in_the_context() {
    let tree = Tree::copy("tests/cases/protos-beside");
    let plan = plan_in(&tree.path().join("server"));
    assert_eq!(plan["context"]["path"], "..");
}

#[cfg(unix)]
#[test]
fn what_links_of_an_asset_lead_to_is_in_their_place() {
    let tree = Tree::copy("tests/cases/linked-assets");
    // A copy follows links.
    let link = |to: &str, at: &str| {
        let at = tree.path().join(at);
        let _ = fs_err::remove_dir_all(&at).or_else(|_| fs_err::remove_file(&at));
        std::os::unix::fs::symlink(to, at).unwrap();
    };
    link("../shared/templates", "app/templates");
    link("../../brand/logo.svg", "app/static/logo.svg");
    link("../../../brand", "app/static/icons/brand");
    let plan = plan_in(tree.path());
    let assets: Vec<(String, String)> = plan["images"][0]["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asset| (asset["from"].as_str().unwrap().to_owned(), asset["to"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        ("app/static", "/app/static"),
        ("shared/templates", "/app/templates"),
        ("brand", "/app/static/icons/brand"),
        ("brand/logo.svg", "/app/static/logo.svg"),
    ];
    assert_eq!(assets, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));
    assert!(plan["questions"].is_null(), "{}", plan["questions"]);
}

#[test]
fn a_program_of_a_build_script_that_nothing_installs_is_named() {
    assert!(notes(&plan("unknown-tool"), &["`tailwindcss`", "build.rs", "`packages`"]));
}
