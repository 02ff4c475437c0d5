//! `cargo dockerize doctor` on machines that lack this and that: a fake docker, a fake compiler, and nothing else in `PATH`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use camino::Utf8PathBuf;
use support::Tree;

const RUSTC: &str = "#!/bin/sh\ncase $1 in\n  -vV) printf 'rustc 1.95.0\\nrelease: 1.95.0\\nhost: x86_64-unknown-linux-gnu\\n' ;;\n  *) echo \"${0%/bin/rustc}/rust\" ;;\nesac\n";

/// A machine that has Docker with a builder, Rust with musl, git, and nobody logged in.
struct Machine {
    tree: Tree,
    recording: &'static str,
}

impl Machine {
    fn new() -> Self {
        let tree = Tree::of(&[("work/README.md", ""), ("bin/README.md", ""), ("docker/README.md", "")]);
        let machine = Self { tree, recording: "builder-docker-containerd" };
        for program in ["sh", "cat", "sleep", "grep", "sed"] {
            symlink(which::which(program).unwrap(), machine.path("bin").join(program)).unwrap();
        }
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shims/docker"), machine.path("bin/docker")).unwrap();
        machine.program("git", "#!/bin/sh\necho git version 2.47.3\n");
        machine.program("rustc", RUSTC);
        machine.program("musl-gcc", "");
        for target in ["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"] {
            let folder = machine.path("rust/lib/rustlib").join(target).join("lib");
            fs_err::create_dir_all(&folder).unwrap();
            fs_err::write(folder.join("libstd-0.rlib"), "").unwrap();
        }
        machine
    }

    fn with(recording: &'static str) -> Self {
        Self { recording, ..Self::new() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        self.tree.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs_err::write(&path, text).unwrap();
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn without(self, name: &str) -> Self {
        let path = self.path(name);
        if path.is_dir() {
            fs_err::remove_dir_all(path).unwrap();
        } else {
            fs_err::remove_file(path).unwrap();
        }
        self
    }

    fn run(&self, folder: &str, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
        command.env_clear().args(["dockerize", "doctor"]).args(args).current_dir(self.path(folder));
        command.env("PATH", self.path("bin")).env("HOME", self.path("home")).env("DOCKER_CONFIG", self.path("docker"));
        command.env("CARGO", env!("CARGO")).env("RUSTC", self.path("bin/rustc"));
        command.env(
            "FAKE_DOCKER",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shims/recordings").join(self.recording),
        );
        let Output { status, stdout, stderr } = command.envs(env.iter().copied()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// What is said, without what differs from one machine to the next.
    fn said(&self) -> String {
        let (code, stdout, stderr) = self.run("work", &[], &[]);
        let mut lines: Vec<String> = Vec::new();
        let mut skipping = false;
        for line in stdout.lines() {
            let finding = line.get(..8).is_some_and(|start| !start.trim().is_empty());
            skipping = if finding || line.is_empty() {
                line.contains("  emulation ") || line.contains("  room to ")
            } else {
                skipping
            };
            if !skipping {
                lines.push(line.replace(self.tree.path().as_str(), "[ROOT]"));
            }
        }
        format!("exit code {code}\n{}\n{stderr}", lines.join("\n"))
    }
}

#[test]
fn a_machine_that_has_all() {
    insta::assert_snapshot!(Machine::new().said());
}

#[test]
fn no_docker() {
    insta::assert_snapshot!(Machine::new().without("bin/docker").said());
}

#[test]
fn neither_docker_nor_rust() {
    insta::assert_snapshot!(Machine::with("no-permission").without("bin/rustc").said());
}

/// It is waited for, but not for ever.
#[test]
fn a_docker_that_does_not_answer() {
    let machine = Machine::new().without("bin/docker");
    machine.program("docker", "#!/bin/sh\nsleep 600\n");
    let said = machine.said();
    assert!(said.starts_with("exit code 0") && said.contains("does not answer"), "{said}");
    assert!(said.contains("can build here without Docker"), "{said}");
}

#[test]
fn a_docker_whose_builders_do_not_answer() {
    let machine = Machine::new().without("bin/docker");
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shims/docker");
    machine.program(
        "docker",
        &format!("#!/bin/sh\n[ \"$1 $2\" != 'buildx ls' ] || sleep 600\nexec {} \"$@\"\n", shim.display()),
    );
    let said = machine.said();
    assert!(said.contains("builders") && said.contains("`docker buildx ls` shows them"), "{said}");
}

#[test]
fn docker_in_worse_states() {
    for (recording, signs) in [
        ("no-engine", &["no Docker engine answers", "start Docker"][..]),
        ("no-buildx", &["Docker has no buildx plugin", "docker-buildx-plugin"]),
        ("old-buildx", &["is too old: 0.13.0 or newer", "update the buildx plugin"]),
        ("builder-context-down", &["the nodes answer"]),
    ] {
        let said = Machine::with(recording).said();
        // This machine's own cargo can.
        assert!(
            said.starts_with("exit code 0") && said.contains("can build here without Docker"),
            "{recording}: {said}"
        );
        assert!(signs.iter().all(|sign| said.contains(sign)), "{recording}: {said}");
    }
    insta::assert_snapshot!(Machine::with("doctor-old-engine").said());
}

#[test]
fn a_machine_without_musl() {
    let machine = Machine::new().without("rust/lib/rustlib/x86_64-unknown-linux-musl").without("bin/musl-gcc");
    machine.program("rustup", "");
    let said = machine.said();
    assert!(said.contains("`rustup target add x86_64-unknown-linux-musl`"), "{said}");
    let said = Machine::new().without("bin/musl-gcc").said();
    assert!(said.contains("crates with C code have no compiler") && said.contains("musl-tools"), "{said}");
}

/// Helpers are asked what they have, and nothing that they say of it is shown.
#[test]
fn logins_and_proxies() {
    let machine = Machine::new();
    machine.program(
        "docker-credential-good",
        "#!/bin/sh\n[ $1 = list ] || exit 9\necho '{\"https://index.docker.io/v1/\":\"hunter2\"}'\n",
    );
    machine.program("docker-credential-bad", "#!/bin/sh\necho hunter2; echo hunter2 >&2; exit 1\n");
    machine.program("docker-credential-mute", "#!/bin/sh\nsleep 600\n");
    let config = r#"{"auths": {"ghcr.io": {"auth": "bWU6aHVudGVyMg=="}}, "credsStore": "good",
        "credHelpers": {"ecr.example": "bad", "gcr.io": "gone", "slow.example": "mute", "ghcr.io": ""}}"#;
    fs_err::write(machine.path("docker/config.json"), config).unwrap();
    let (code, stdout, stderr) = machine.run("work", &[], &[("https_proxy", "http://me:hunter2@proxy.example:3128")]);
    assert_eq!(code, 0);
    assert!(!stdout.contains("hunter2") && !stderr.contains("hunter2") && !stdout.contains("bWU6"), "{stdout}");
    let registries = stdout.split("Registries\n").nth(1).unwrap().split("\n\n").next().unwrap();
    insta::assert_snapshot!(registries);
}

#[test]
fn for_programs() {
    let (code, stdout, _) = Machine::with("no-engine").run("work", &["--format", "json"], &[]);
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&json["schema"], &json["buildx"], &json["embedded"]), (&1.into(), &false.into(), &true.into()));
    let engine = &json["sections"][0]["findings"][0];
    assert_eq!((engine["name"].as_str(), engine["state"].as_str()), (Some("engine"), Some("fail")));
    assert!(!engine["todo"].as_array().unwrap().is_empty());
}

/// In a workspace, with the machine's own Rust: what is said of it follows its state.
#[test]
fn a_workspace() {
    let tree = Tree::copy("tests/corpus/single");
    let call = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
        command.args(args).current_dir(tree.path()).env("CARGO", env!("CARGO")).env_remove("CARGO_TARGET_DIR");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let files = || {
        let said = call(&["doctor"]);
        said.split("generated files").nth(1).unwrap_or(&said).lines().take(2).collect::<Vec<_>>().join("\n")
    };
    assert!(files().contains("`cargo dockerize init`"), "{}", files());
    call(&["init"]);
    assert!(files().contains("up to date"), "{}", files());
    let dockerfile = tree.path().join("Dockerfile");
    let text = fs_err::read_to_string(&dockerfile).unwrap();
    fs_err::write(&dockerfile, text + "USER 0\n").unwrap();
    assert!(files().contains("Dockerfile: edited by hand"), "{}", files());
    fs_err::remove_file(&dockerfile).unwrap();
    assert!(files().contains("Dockerfile: missing"), "{}", files());
    fs_err::remove_file(tree.path().join("Cargo.lock")).unwrap();
    let said = call(&["doctor"]);
    assert!(said.contains("the workspace has no Cargo.lock") && said.contains("cargo generate-lockfile"), "{said}");
}
