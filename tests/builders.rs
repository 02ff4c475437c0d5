//! Builders with a fake docker that replays what buildx says: what is made, and what is told of each driver.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::Tree;

struct Fake {
    folder: Tree,
}

impl Fake {
    fn new() -> Self {
        // It needs no workspace: any folder does.
        Self { folder: Tree::copy("tests/shims/recordings/no-engine") }
    }

    fn run(&self, recording: &str, args: &[&str]) -> (i32, String, String) {
        let shims = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shims");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
        command.args(["dockerize", "builder"]).args(args).current_dir(self.folder.path());
        command.env("PATH", format!("{}:{}", shims.display(), std::env::var("PATH").unwrap()));
        command.env("FAKE_DOCKER", shims.join("recordings").join(recording));
        command.env("FAKE_DOCKER_LOG", self.folder.path().join("fake.log")).env_remove("BUILDX_BUILDER");
        let Output { status, stdout, stderr } = command.output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        (status.code().unwrap(), String::from_utf8(stdout).unwrap(), stderr)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("fake.log")).unwrap_or_default()
    }
}

fn check(recording: &str, args: &[&str]) -> String {
    let (code, stdout, stderr) = Fake::new().run(recording, &[&["check"], args].concat());
    format!("exit code {code}\n{stdout}{stderr}")
}

#[test]
fn docker_with_the_containerd_store() {
    insta::assert_snapshot!(check("builder-docker-containerd", &["--platform", "linux/amd64"]));
}

#[test]
fn docker_with_the_classic_store() {
    insta::assert_snapshot!(check("builder-docker-classic", &[]));
}

/// The image can be built and measured; for two platforms it cannot.
#[test]
fn two_platforms_for_the_classic_store() {
    let said = check("builder-docker-classic", &["--platform", "linux/amd64,linux/386"]);
    assert!(said.starts_with("exit code 5"), "{said}");
    assert!(said.contains("needs: several platforms in one build"), "{said}");
}

#[test]
fn docker_container_with_two_nodes() {
    insta::assert_snapshot!(check("builder-docker-container", &["--platform", "linux/amd64,linux/arm64"]));
}

#[test]
fn kubernetes() {
    insta::assert_snapshot!(check("builder-kubernetes", &["--platform", "linux/amd64,linux/arm64"]));
}

#[test]
fn remote_with_a_node_that_is_not_trusted() {
    insta::assert_snapshot!(check("builder-remote", &[]));
}

#[test]
fn builders_that_nobody_has_started() {
    let said = check("builder-registered", &["team"]);
    assert!(said.starts_with("exit code 0") && said.contains("the first build starts it"), "{said}");
    let said = check("builder-registered", &["kube", "--platform", "linux/arm64"]);
    assert!(said.starts_with("exit code 0"), "{said}");
    let said = check("builder-registered", &["far"]);
    assert!(said.starts_with("exit code 5") && said.contains("nothing answers at amd, arm"), "{said}");
    let said = check("builder-registered", &["team", "--platform", "linux/arm64"]);
    assert!(said.starts_with("exit code 5") && said.contains("inspect --bootstrap team"), "{said}");
}

#[test]
fn a_builder_whose_engine_is_down() {
    insta::assert_snapshot!(check("builder-context-down", &[]));
}

#[test]
fn a_builder_that_is_not_there() {
    insta::assert_snapshot!(check("builder-registered", &["taem"]));
    let said = check("builder-registered", &["elsewhere"]);
    assert!(said.starts_with("exit code 2") && said.contains("builder create elsewhere"), "{said}");
}

#[test]
fn no_engine() {
    let said = check("no-engine", &[]);
    assert!(said.starts_with("exit code 5") && said.contains("no Docker engine answers"), "{said}");
}

#[test]
fn for_programs() {
    let (code, stdout, _) = Fake::new().run("builder-kubernetes", &["check", "--format", "json"]);
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((json["driver"].as_str(), json["usable"].as_bool()), (Some("kubernetes"), Some(true)));
    assert_eq!((json["nodes"].as_array().unwrap().len(), json["nodes"][0]["pods"].as_u64()), (2, Some(2)));
    let mounts = json["capabilities"].as_array().unwrap().iter().find(|row| row["id"] == "mounts").unwrap();
    assert_eq!(mounts["works"], "partly");
}

#[test]
fn a_builder_is_made_node_by_node() {
    let fake = Fake::new();
    let nodes = ["--node", "amd=default,linux/amd64", "--node", "arm=ssh://build@arm.example,linux/arm64"];
    let (code, _, stderr) = fake.run("success", &[&["create", "team", "--use"], &nodes[..]].concat());
    assert_eq!(code, 0, "{stderr}");
    let log = fake.log();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].starts_with("buildx create --name team --driver docker-container --node amd"), "{log}");
    assert!(lines[1].starts_with("buildx create --name team --append"), "{log}");
    assert!(!lines[0].contains("--use") && lines[1].contains("--use"), "{log}");
    // The configuration was there when buildx read it, and is not left behind.
    let file = lines[0].split(' ').find(|word| word.ends_with("buildkitd.toml")).unwrap();
    assert!(!Path::new(file).exists());
}

#[test]
fn a_builder_that_is_there_already() {
    let (code, _, stderr) = Fake::new().run("builder-create-refused", &["create", "team"]);
    assert_eq!(code, 5);
    assert!(stderr.contains("existing instance") && stderr.contains("docker buildx rm team"), "{stderr}");
}

#[test]
fn an_option_that_this_buildx_does_not_have() {
    let fake = Fake::new();
    let (code, _, stderr) = fake.run("success", &["create", "--driver", "kubernetes", "--storage", "50GB"]);
    assert_eq!(code, 5);
    assert!(stderr.contains("buildx 0.29.1 has no `--storage`"), "{stderr}");
    assert_eq!(fake.log(), "", "nothing was made");
}
