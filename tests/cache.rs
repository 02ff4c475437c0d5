//! Caches with a fake docker that replays what buildx says of one: what is shown, and that nothing of others is pruned.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use support::Tree;

/// The recorded id of this workspace's target folders. What they are called now is the plan's to say.
const RECORDED: &str = "Single_App-36004e2b-";

struct Fake {
    tree: Tree,
    recording: Utf8PathBuf,
}

impl Fake {
    fn new() -> Self {
        let tree = Tree::copy("tests/corpus/single");
        let recording = tree.path().join("target/recording");
        let fake = Self { tree, recording };
        let recorded = Tree::copy("tests/shims/recordings/cache-mounts");
        fs_err::create_dir_all(fake.recording.join("imagetools")).unwrap();
        for entry in walkdir::WalkDir::new(recorded.path()).into_iter().flatten().filter(|one| one.path().is_file()) {
            let path = Utf8Path::from_path(entry.path()).unwrap();
            fs_err::copy(path, fake.recording.join(path.strip_prefix(recorded.path()).unwrap())).unwrap();
        }
        assert_eq!(fake.run(&["init", "--syntax", "none"]).0, 0);
        let plan: serde_json::Value = serde_json::from_str(&fake.run(&["plan", "--format", "json"]).1).unwrap();
        let id = plan["groups"][0]["target-cache"]["id"].as_str().unwrap();
        fake.replace(RECORDED, id.strip_suffix("$CARGO_BUILD_TARGET-$CARGO_PROFILE").unwrap());
        fake
    }

    /// In what the builder says.
    fn replace(&self, from: &str, to: &str) {
        let du = self.recording.join("buildx-du");
        let text = fs_err::read_to_string(&du).unwrap();
        assert!(text.contains(from), "{from} is not recorded");
        fs_err::write(&du, text.replace(from, to)).unwrap();
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let shims = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shims");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
        command.arg("dockerize").args(args).current_dir(self.tree.path());
        command.env("PATH", format!("{shims}:{}", std::env::var("PATH").unwrap()));
        command.env("FAKE_DOCKER", &self.recording).env("FAKE_DOCKER_LOG", self.tree.path().join("target/fake.log"));
        command.env_remove("CARGO_TARGET_DIR").env("CI", "true");
        let Output { status, stdout, stderr } = command.output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        (status.code().unwrap(), String::from_utf8(stdout).unwrap(), stderr)
    }

    fn good(&self, args: &[&str]) -> (String, String) {
        let (code, stdout, stderr) = self.run(&[&["cache"], args].concat());
        assert_eq!(code, 0, "{stdout}{stderr}");
        (stdout, stderr)
    }

    /// The records that were pruned.
    fn pruned(&self) -> Vec<String> {
        let log = fs_err::read_to_string(self.tree.path().join("target/fake.log")).unwrap_or_default();
        let prunes = log.lines().filter(|line| line.starts_with("buildx prune"));
        let id = |line: &str| {
            assert!(line.contains("--all --force --filter id="), "without an id it takes everything: {line}");
            line.split("id=").nth(1).unwrap().split(' ').next().unwrap().to_owned()
        };
        prunes.map(id).collect()
    }

    /// The record of the mount whose id ends so.
    fn record(&self, id: &str) -> String {
        let du = fs_err::read_to_string(self.recording.join("buildx-du")).unwrap();
        let ending = format!("{id}\"");
        let records = du.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let record = records.into_iter().find(|one| one["Description"].as_str().unwrap().ends_with(&ending)).unwrap();
        record["ID"].as_str().unwrap().to_owned()
    }

    fn own_release(&self) -> String {
        let dockerfile = fs_err::read_to_string(self.tree.path().join("Dockerfile")).unwrap();
        let id = dockerfile.split("id=").find(|rest| rest.contains(",target=/app,")).unwrap();
        let ours = id.split("$CARGO").next().unwrap();
        self.record(&format!("{ours}x86_64-unknown-linux-musl-release"))
    }
}

#[test]
fn what_a_builder_and_a_registry_have() {
    let fake = Fake::new();
    let (stdout, _) = fake.good(&["show", "--cache", "registry=localhost:5000/team/app"]);
    let names = regex::Regex::new("deps-(latest-)?[0-9a-f]{8,16}").unwrap();
    insta::assert_snapshot!(names.replace_all(&stdout, "deps-${1}[KEY]"));
}

#[test]
fn for_programs() {
    let fake = Fake::new();
    let (stdout, _) = fake.good(&["show", "--cache", "registry=localhost:5000/team/app", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let own = json["mounts"]["own"].as_array().unwrap();
    assert_eq!(own.len(), 2, "{stdout}");
    let of = |profile: &str| own.iter().find(|one| one["serves"]["cargo-profile"] == profile).unwrap();
    assert_eq!(of("release")["size"], 1_372_000);
    assert_eq!(of("release")["serves"]["profiles"], serde_json::json!(["prod"]));
    assert_eq!(of("dev")["serves"]["profiles"], serde_json::json!(["dev"]));
    assert_eq!(json["mounts"]["downloads"].as_array().unwrap().len(), 2);
    assert_eq!(json["mounts"]["nameless"]["count"], 1);
    let entries = json["remote"]["entries"].as_array().unwrap();
    let held = |what: &str| entries.iter().find(|one| one["what"] == what).unwrap()["held"]["size"].as_u64();
    assert_eq!(held("layers"), Some(1_500_500));
    assert_eq!(held("dependencies"), None);
    assert_eq!(held("earlier-dependencies"), Some(47_000), "an index of one manifest");
    assert_eq!(json["complete"], false);
}

/// A namespace has mounts of its own.
#[test]
fn another_namespace() {
    let fake = Fake::new();
    let du = fs_err::read_to_string(fake.recording.join("buildx-du")).unwrap();
    let mut ids = du.split("with id \\\"").filter_map(|rest| rest.split_once("/cargo-git"));
    let (namespace, _) = ids.find(|(namespace, _)| !namespace.is_empty() && namespace.len() < 60).unwrap();
    let (stdout, _) = fake.good(&["show", "--namespace", namespace]);
    assert!(stdout.contains("no target folder of this workspace"), "{stdout}");
    assert!(stdout.contains("cargo-git"), "{stdout}");
}

#[test]
fn only_own_mounts_are_pruned() {
    let fake = Fake::new();
    let (stdout, _) = fake.good(&["prune", "--dry-run"]);
    assert_eq!(fake.pruned(), Vec::<String>::new(), "a dry run removes nothing");
    assert!(
        stdout.contains("would remove target folder of Single_App for prod") && stdout.contains("1.4 MB"),
        "{stdout}"
    );

    let (_, stderr) = fake.good(&["prune"]);
    let mut pruned = fake.pruned();
    pruned.sort();
    let mut own = vec![fake.record("musl-dev"), fake.own_release()];
    own.sort();
    assert_eq!(pruned, own, "{stderr}");
    assert!(stderr.contains("Freed 4.7 MB"), "{stderr}");
    assert!(stderr.contains("those without one stay"), "{stderr}");
    let (stdout, _) = fake.good(&["show"]);
    assert!(stdout.contains("no target folder of this workspace"), "{stdout}");
}

#[test]
fn what_is_old_or_of_one_profile() {
    let fake = Fake::new();
    fake.good(&["prune", "--older-than", "7d"]);
    assert_eq!(fake.pruned(), [fake.record("musl-dev")]);
    let log = fs_err::read_to_string(fake.tree.path().join("target/fake.log")).unwrap();
    assert!(log.contains("until=604800s"), "BuildKit has the last word on time: {log}");

    let fake = Fake::new();
    fake.good(&["prune", "--profile", "prod"]);
    assert_eq!(fake.pruned(), [fake.own_release()]);
}

#[test]
fn what_is_shared_is_named() {
    let fake = Fake::new();
    let (_, stderr) = fake.good(&["prune", "--older-than", "1m", "--downloads", "--namesakes"]);
    assert!(stderr.contains("other projects will download again"), "{stderr}");
    let pruned = fake.pruned();
    for id in ["/cargo-git", "/cargo-registry", "/Single_App-dc9c8c07-x86_64-unknown-linux-musl-release"] {
        assert!(pruned.contains(&fake.record(&format!("\"{id}"))), "{id}");
    }
    assert_eq!(pruned.len(), 5, "two of its own, two downloads, a namesake");
}

#[test]
fn folders_of_layers() {
    let fake = Fake::new();
    let cache = fake.tree.path().join("target/cache");
    for name in ["single_app/blobs", "own/blobs"] {
        fs_err::create_dir_all(cache.join(name)).unwrap();
    }
    for file in ["single_app/index.json", "single_app/oci-layout", "own/index.json", "own/oci-layout", "note.txt"] {
        fs_err::write(cache.join(file), "{}").unwrap();
    }
    let (stdout, _) = fake.good(&["show", "--cache", "local=target/cache"]);
    assert!(stdout.contains("layers of single_app"), "{stdout}");
    fake.good(&["prune", "--cache", "local=target/cache", "--older-than", "1h"]);
    assert!(cache.join("single_app").exists(), "it was written just now");
    let (stdout, _) = fake.good(&["prune", "--cache", "local=target/cache", "--dry-run"]);
    assert!(stdout.contains("target/cache/single_app, 4 B"), "{stdout}");
    fake.good(&["prune", "--cache", "local=target/cache"]);
    assert!(!cache.join("single_app").exists());
    assert!(cache.join("own/index.json").exists() && cache.join("note.txt").exists(), "no image of ours");
}

#[test]
fn tags_of_a_registry_stay() {
    let (_, stderr) = Fake::new().good(&["prune", "--cache", "registry=localhost:5000/team/app"]);
    assert!(
        stderr.contains("stay: localhost:5000/team/app:cache-single_app, localhost:5000/team/app:deps-latest-"),
        "{stderr}"
    );
}

#[test]
fn what_is_compiled_ahead() {
    let (stdout, stderr) = Fake::new().good(&["warm", "--dry-run", "--cache", "local=target/cache", "--cache-write"]);
    assert!(stdout.contains(r#""target": "deps""#) && stdout.contains("type=cacheonly"), "{stdout}");
    assert!(stdout.contains("target/cache/single_app,mode=max"), "{stdout}");
    assert!(stdout.trim_end().ends_with("--progress rawjson deps"), "{stdout}");
    assert_eq!(stderr, "", "a folder that the context leaves out is no cause for a warning");
    let (_, stderr) = Fake::new().good(&["warm", "--dry-run", "--cache", "local=layers"]);
    assert!(stderr.contains("the cache `layers` is sent to the engine"), "{stderr}");
}

#[test]
fn a_registry_gets_what_it_has_not() {
    let fake = Fake::new();
    let (_, stderr) = fake.good(&["warm", "--cache", "registry=localhost:5000/team/app", "--cache-write"]);
    assert!(stderr.contains("deps-image for prod"), "{stderr}");
    let request = fs_err::read_to_string(fake.tree.path().join("target/dockerize/bake.json")).unwrap();
    for name in ["localhost:5000/team/app:deps-", "localhost:5000/team/app:deps-latest-", "push=true"] {
        assert!(request.contains(name), "{request}");
    }
    let earlier = format!("@sha256:{}", "2".repeat(64));
    assert!(request.contains("\"earlier\": \"docker-image://") && request.contains(&earlier), "{request}");
}
