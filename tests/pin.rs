//! `cargo dockerize pin` against a registry in this process: what is pinned, what is behind, what a bot changed, and what is left
//! as it was where the registry fails.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code, reason = "the registry can do more than is asked of it here")]
#[path = "registry/answers.rs"]
mod answers;
#[allow(dead_code, reason = "the registry can do more than is asked of it here")]
#[path = "registry/server.rs"]
mod server;
mod support;

use std::process::Command;

use cargo_dockerize::pins::Lock;
use serde_json::{Value, json};
use server::{Door, Fault, Server};
use support::Tree;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct Ground {
    server: Server,
    tree: Tree,
}

/// What a call said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ground {
    /// A workspace whose images are this registry's, set up and not pinned.
    fn new() -> Self {
        let server = Server::start();
        let name = &server.name;
        let manifest = format!(
            "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[package.metadata.dockerize]\nsyntax = \"none\"\n\
             toolchain = \"1.95\"\nimages = {{ chef = \"{name}/chef:1\", final = \"{name}/base:1\" }}\n"
        );
        let lock = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n";
        let files = [("Cargo.toml", manifest.as_str()), ("Cargo.lock", lock), ("src/main.rs", "fn main() {}\n")];
        let tree = Tree::of(&files);
        fs_err::create_dir(tree.path().join("docker")).unwrap();
        let ground = Self { server, tree };
        ground.index("chef", 1, &["amd64", "arm64"]);
        ground.image("base", 1);
        ground.succeeds(&["init"]);
        ground
    }

    /// An index under the tag `1`; another one for each number.
    fn index(&self, repository: &str, number: usize, architectures: &[&str]) -> String {
        let entries: Vec<Value> = architectures
            .iter()
            .map(|architecture| {
                json!({"mediaType": MANIFEST, "digest": format!("sha256:{number:064}"), "size": 1,
                    "platform": {"os": "linux", "architecture": architecture}})
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        self.server.add_manifest(repository, "1", INDEX, index.to_string().as_bytes())
    }

    /// An image without an index.
    fn image(&self, repository: &str, number: usize) -> String {
        let config = json!({"os": "linux", "architecture": "amd64", "number": number}).to_string();
        let digest = self.server.add_blob(repository, config.as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": config.len(), "digest": digest}});
        self.server.add_manifest(repository, "1", MANIFEST, manifest.to_string().as_bytes())
    }

    fn call(&self, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
        command.arg("dockerize").args(args).current_dir(self.tree.path());
        command.env("DOCKER_CONFIG", self.tree.path().join("docker")).env_remove("SOURCE_DATE_EPOCH");
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    fn succeeds(&self, args: &[&str]) -> Said {
        let said = self.call(args);
        assert_eq!(said.code, Some(0), "{args:?}\n{}", said.err);
        said
    }

    #[track_caller]
    fn fails(&self, args: &[&str], code: i32, words: &[&str]) -> Said {
        let said = self.call(args);
        assert_eq!(said.code, Some(code), "{args:?}\n{}", said.err);
        for words in words {
            assert!(said.err.contains(words), "{words} is missing:\n{}", said.err);
        }
        said
    }

    fn text(&self, name: &str) -> String {
        fs_err::read_to_string(self.tree.path().join(name)).unwrap()
    }

    fn set(&self, name: &str, text: &str) {
        fs_err::write(self.tree.path().join(name), text).unwrap();
    }

    /// The digest that the lock file has.
    fn pinned(&self, repository: &str) -> String {
        let lock = Lock::parse(&self.text("dockerize.lock")).unwrap();
        lock.images[&format!("{}/{repository}:1", self.server.name)].digest.clone()
    }

    /// As a bot does it.
    fn bump(&self, from: &str, to: &str) {
        let text = self.text("Dockerfile");
        assert!(text.contains(from));
        self.set("Dockerfile", &text.replace(from, to));
    }
}

#[test]
fn what_is_missing_is_pinned_and_what_is_pinned_stays() {
    let ground = Ground::new();
    let name = ground.server.name.clone();
    let chef = ground.index("chef", 1, &["amd64", "arm64"]);
    ground.fails(&["pin", "--check"], 1, &["2 not pinned", "run `cargo dockerize pin`"]);
    let said = ground.succeeds(&["pin", "--dry-run"]);
    assert!(said.err.contains(&format!("Pinned {name}/chef:1 to {}", &chef[..19])), "{}", said.err);
    assert!(!ground.tree.path().join("dockerize.lock").exists());

    let said = ground.succeeds(&["pin"]);
    assert!(said.err.contains("base:1 has no index"), "{}", said.err);
    assert!(said.err.contains("for linux/amd64, and builds for linux/arm64 fail"), "{}", said.err);
    let lock = Lock::parse(&ground.text("dockerize.lock")).unwrap();
    let pin = &lock.images[&format!("{name}/chef:1")];
    assert_eq!((&pin.digest, pin.platforms.join(" ").as_str(), pin.single), (&chef, "linux/amd64 linux/arm64", false));
    assert!(lock.images[&format!("{name}/base:1")].single);
    let dockerfile = ground.text("Dockerfile");
    assert!(dockerfile.contains(&format!(" {name}/chef:1@{chef} AS toolchain")), "{dockerfile}");
    assert!(dockerfile.contains(&format!("FROM {name}/base:1@{} AS app", ground.pinned("base"))), "{dockerfile}");
    assert!(ground.text(".dockerignore").contains("dockerize.lock"));
    ground.succeeds(&["generate", "--check"]);
    ground.succeeds(&["pin", "--check"]);
    let plan = ground.succeeds(&["plan"]).out;
    assert!(plan.contains("pinned") && plan.contains(&chef), "{plan}");

    // The tag moves on.
    let newer = ground.index("chef", 2, &["amd64", "arm64"]);
    assert!(ground.succeeds(&["pin"]).err.contains("Unchanged"));
    assert_eq!(ground.pinned("chef"), chef);
    let asked = ground.server.asked("GET").len();
    ground.fails(&["pin", "--check"], 1, &["1 behind", &newer[..19], "run `cargo dockerize pin --update`"]);
    let more = ground.server.asked("GET")[asked..].iter().filter(|line| line.contains("manifests")).count();
    assert_eq!(more, 0, "what is counted as a pull is not asked for");
    ground.succeeds(&["pin", "--check", "--offline"]);
    ground.fails(&["pin", "--update", "rust:1"], 2, &["no generated file names the image `rust:1`", "chef:1"]);
    ground.succeeds(&["pin", "--update", &format!("{name}/base:1")]);
    assert_eq!(ground.pinned("chef"), chef);
    let said = ground.succeeds(&["pin", "--update"]);
    assert!(said.err.contains(&format!("from {} to {}", &chef[..19], &newer[..19])), "{}", said.err);
    assert_eq!(ground.pinned("chef"), newer);
    assert!(ground.text("Dockerfile").contains(&newer) && !ground.text("Dockerfile").contains(&chef));
    ground.succeeds(&["generate", "--check"]);
}

#[test]
fn what_no_file_names_any_more_goes() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    let manifest = ground.text("Cargo.toml").replace(&format!(", final = \"{}/base:1\"", ground.server.name), "");
    ground.set("Cargo.toml", &manifest);
    ground.fails(&["pin", "--check"], 1, &["1 not needed"]);
    // Nothing has to be asked for.
    let said = ground.succeeds(&["pin", "--offline"]);
    assert!(said.err.contains("base:1, which no generated file names"), "{}", said.err);
    assert!(!ground.text("dockerize.lock").contains("base:1"));
    ground.set("Cargo.toml", &manifest.replace("syntax = \"none\"", "syntax = \"docker/dockerfile:1\""));
    let said = ground.succeeds(&["generate"]);
    assert!(said.err.contains("not pinned: docker/dockerfile:1; `cargo dockerize pin` does it"), "{}", said.err);
    ground.fails(&["pin", "--offline"], 5, &["--offline forbids it"]);
}

#[test]
fn json_tells_old_and_new() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    let old = ground.pinned("chef");
    let new = ground.index("chef", 2, &["amd64"]);
    let said = ground.call(&["pin", "--check", "--format", "json"]);
    let account: Value = serde_json::from_str(&said.out).unwrap();
    let chef = &account["images"][1];
    assert_eq!(
        (said.code, &chef["verdict"], &chef["before"], &chef["now"]),
        (Some(1), &json!("behind"), &json!(old), &json!(new))
    );
    let said = ground.succeeds(&["pin", "--update", "--format", "json"]);
    let account: Value = serde_json::from_str(&said.out).unwrap();
    let chef = &account["images"][1];
    assert_eq!((&chef["verdict"], &chef["before"], &chef["digest"]), (&json!("updated"), &json!(old), &json!(new)));
}

#[test]
fn a_registry_that_fails_leaves_the_file_as_it_was() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    ground.index("chef", 2, &["amd64"]);
    let before = (ground.text("dockerize.lock"), ground.text("Dockerfile"));
    ground.server.fails("GET", "base/manifests", 9, Fault::Status(403, Vec::new()));
    ground.fails(&["pin", "--update"], 5, &["could not pull 1 from", "status 403"]);
    // Else it is chance which image's failure is told.
    ground.server.state().faults.clear();
    ground.server.state().door = Door::Private("somebody", "secret");
    ground.server.state().forget_tokens();
    ground.fails(&["pin", "--update"], 5, &["status 401", "docker login"]);
    ground.fails(&["pin", "--check"], 5, &["status 401", "docker login"]);
    ground.server.state().door = Door::Open;
    ground.server.state().manifests.clear();
    ground.fails(&["pin", "--update"], 5, &["does not have it", "only an engine's store has cannot be pinned"]);
    assert_eq!(before, (ground.text("dockerize.lock"), ground.text("Dockerfile")));
    // Nobody listens there.
    let name = ground.server.name.clone();
    for file in ["dockerize.lock", "Cargo.toml"] {
        ground.set(file, &ground.text(file).replace(&name, "127.0.0.1:9"));
    }
    let before = ground.text("dockerize.lock");
    ground.fails(&["pin", "--update"], 5, &["127.0.0.1:9"]);
    assert_eq!(before, ground.text("dockerize.lock"));
}

#[test]
fn what_a_bot_changed_in_the_dockerfile_is_adopted() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    let (old, new) = (ground.pinned("chef"), ground.index("chef", 2, &["amd64", "arm64"]));
    ground.bump(&old, &new);
    let advice = "run `cargo dockerize pin --adopt`";
    ground.fails(&["generate", "--check"], 1, &["digests of images that are not the pinned ones", advice]);
    ground.fails(&["generate"], 4, &[advice]);
    let said = ground.succeeds(&["pin"]);
    assert!(said.err.contains("`Dockerfile` has other digests (`--adopt` takes them)"), "{}", said.err);
    assert_eq!(ground.pinned("chef"), old, "nobody said that it may");
    assert!(ground.text("Dockerfile").contains(&new), "an edit is lost");
    ground.succeeds(&["pin", "--adopt"]);
    assert_eq!(ground.pinned("chef"), new);
    ground.succeeds(&["generate", "--check"]);
    assert!(ground.succeeds(&["generate"]).err.contains("Unchanged"), "its checksum is right as well");
    // And on it goes.
    let newest = ground.index("chef", 3, &["amd64", "arm64"]);
    ground.succeeds(&["pin", "--update"]);
    assert!(ground.text("Dockerfile").contains(&newest));
}

#[test]
fn a_digest_that_no_registry_has_is_not_adopted() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    let old = ground.pinned("chef");
    ground.bump(&old, &format!("sha256:{}", "0".repeat(64)));
    ground.fails(&["pin", "--adopt"], 5, &["does not have it"]);
    assert_eq!(ground.pinned("chef"), old);
    ground.succeeds(&["generate", "--force"]);
    assert!(ground.text("Dockerfile").contains(&old));
}

#[test]
fn a_bot_that_changes_both_files_needs_nobody() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    let (old, new) = (ground.pinned("chef"), ground.index("chef", 2, &["amd64", "arm64"]));
    ground.bump(&old, &new);
    ground.set("dockerize.lock", &ground.text("dockerize.lock").replace(&old, &new));
    ground.succeeds(&["generate", "--check"]);
    ground.succeeds(&["pin", "--check"]);
    let newest = ground.index("chef", 3, &["amd64", "arm64"]);
    ground.succeeds(&["pin", "--update"]);
    assert!(ground.text("Dockerfile").contains(&newest), "an older checksum is in its way");
    ground.succeeds(&["generate", "--check"]);
}

#[test]
fn a_bot_that_changes_the_tag_is_told_where_it_comes_from() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    let old = ground.pinned("chef");
    ground.bump(&format!("chef:1@{old}"), &format!("chef:2@sha256:{}", "2".repeat(64)));
    ground.fails(&["generate", "--check"], 1, &["edited", "--force"]);
    ground.fails(
        &["pin", "--adopt"],
        4,
        &["chef:2, and the plan", "for the toolchain", "a tag is not pinned but decided"],
    );
}

#[test]
fn an_edit_beside_the_digest_stays_an_edit() {
    let ground = Ground::new();
    ground.succeeds(&["pin"]);
    let (old, new) = (ground.pinned("chef"), ground.index("chef", 2, &["amd64", "arm64"]));
    ground.bump(&old, &new);
    ground.set("Dockerfile", &(ground.text("Dockerfile") + "USER root\n"));
    let said = ground.succeeds(&["pin", "--adopt"]);
    assert!(said.err.contains("`Dockerfile` has been edited by hand, and stays as it is"), "{}", said.err);
    assert_eq!(ground.pinned("chef"), new);
    assert!(ground.text("Dockerfile").ends_with("USER root\n"));
}

#[test]
fn compose_files_and_workflows_name_what_is_pinned() {
    let ground = Ground::new();
    let keys = "services = [\"redis\"]\ncompose = [\"prod\"]\nci = [\"gitlab\"]\n";
    ground.set("Cargo.toml", &ground.text("Cargo.toml").replace("syntax = \"none\"\n", keys));
    let plan: Value = serde_json::from_str(&ground.succeeds(&["plan", "--format", "json"]).out).unwrap();
    let names = plan["pins"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap().to_owned());
    let pin = |name: &String| cargo_dockerize::pins::Pin {
        digest: server::digest(name.as_bytes()),
        platforms: Vec::new(),
        single: false,
    };
    let images: std::collections::BTreeMap<_, _> = names.map(|name| (name.clone(), pin(&name))).collect();
    ground.set("dockerize.lock", &Lock { images: images.clone() }.text());
    let said = ground.succeeds(&["generate"]);
    assert!(!said.err.contains("not pinned"), "{}", said.err);
    let text = ["Dockerfile", "compose.yaml", ".gitlab/dockerize.yml"].map(|file| ground.text(file)).concat();
    for (name, pin) in &images {
        let all = text.matches(&format!("{name}\n")).count() + text.matches(&format!("{name} AS")).count();
        assert_eq!(all, 0, "{name} is named without its digest");
        assert!(text.contains(&format!("{name}@{}", pin.digest)), "{name}");
    }
    for named in ["redis:", "docker:28-dind", "rust:1-alpine", "docker/dockerfile:1", "/chef:1", "/base:1"] {
        assert!(images.keys().any(|name| name.contains(named)), "{named}: {images:?}");
    }
    ground.succeeds(&["generate", "--check"]);
    ground.succeeds(&["pin", "--check", "--offline"]);
}

/// The pattern that the book has for Renovate, on a lock file of ours.
#[test]
fn renovate_reads_the_lock_file() {
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands/pin.md")).unwrap();
    let block = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let config: Value = serde_json::from_str(block).unwrap();
    let pattern = config["customManagers"][0]["matchStrings"][0].as_str().unwrap();
    let digest = format!("sha256:{}", "a".repeat(64));
    let pin = |single| cargo_dockerize::pins::Pin { digest: digest.clone(), platforms: Vec::new(), single };
    let names = ["localhost:5000/a/b:1-slim", "rust:1.95", "gcr.io/x/y:nonroot"];
    let images = names.iter().map(|name| ((*name).to_owned(), pin(false))).collect();
    let text = Lock { images }.text();
    let found: Vec<(String, String, String)> = regex::Regex::new(pattern)
        .unwrap()
        .captures_iter(&text)
        .map(|found| (found["depName"].to_owned(), found["currentValue"].to_owned(), found["currentDigest"].to_owned()))
        .collect();
    let expected = [("gcr.io/x/y", "nonroot"), ("localhost:5000/a/b", "1-slim"), ("rust", "1.95")];
    assert_eq!(found, expected.map(|(name, tag)| (name.to_owned(), tag.to_owned(), digest.clone())));
}
