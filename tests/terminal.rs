//! What somebody at a terminal is asked: through util-linux's `script`, which gives a program one.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use camino::Utf8Path;
use support::Tree;

const DOCKERFILE: &str = "FROM debian:13-slim\nADD app.conf /etc/app/\nUSER 10001\n";

/// A repository in which all is committed.
fn repository() -> Tree {
    let tree = Tree::of(&[("Dockerfile", DOCKERFILE), ("app.conf", "")]);
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(args);
        assert!(command.current_dir(tree.path()).status().unwrap().success());
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "all"]);
    tree
}

/// Runs `lint --fix`, types this once it asks, and gives the exit code and all that was seen.
fn fix(folder: &Utf8Path, typed: &str) -> (Option<i32>, String) {
    let line = format!("{} dockerize lint --no-engine --offline --fix", env!("CARGO_BIN_EXE_cargo-dockerize"));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("util-linux has `script`");
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    let mut piece = [0; 1024];
    let mut asked = false;
    loop {
        let count = output.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        seen.extend(&piece[..count]);
        if !asked && String::from_utf8_lossy(&seen).contains("[y/N]") {
            asked = true;
            input.write_all(typed.as_bytes()).unwrap();
            input.flush().unwrap();
        }
    }
    (child.wait().unwrap().code(), String::from_utf8_lossy(&seen).into_owned())
}

fn dockerfile(folder: &Utf8Path) -> String {
    fs_err::read_to_string(folder.join("Dockerfile")).unwrap()
}

#[test]
fn edits_are_made_after_a_yes_alone() {
    let tree = repository();
    for no in ["n\n", "\n", "what?\n", "\u{4}"] {
        let (code, seen) = fix(tree.path(), no);
        assert_eq!(code, Some(0), "{seen}");
        assert!(seen.contains("+COPY app.conf") && seen.contains("Checked"), "{seen}");
        assert_eq!(dockerfile(tree.path()), DOCKERFILE, "after {no:?}");
    }
    let (code, seen) = fix(tree.path(), "y\n");
    assert_eq!(code, Some(0), "{seen}");
    assert_eq!(dockerfile(tree.path()), DOCKERFILE.replace("ADD", "COPY"), "{seen}");
}

#[test]
fn an_interrupt_is_an_answer_too() {
    let tree = repository();
    let (code, seen) = fix(tree.path(), "\u{3}");
    assert_eq!(code, Some(130), "{seen}");
    assert!(!seen.contains("Checked"), "{seen}");
    assert_eq!(dockerfile(tree.path()), DOCKERFILE);
}

#[test]
fn what_is_not_committed_is_refused_before_anybody_is_asked() {
    let tree = repository();
    fs_err::write(tree.path().join("Dockerfile"), format!("{DOCKERFILE}CMD [\"a\"]\n")).unwrap();
    let (code, seen) = fix(tree.path(), "y\n");
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("`Dockerfile` has changes that are not committed"), "{seen}");
    assert!(!seen.contains("[y/N]"), "{seen}");
    assert!(dockerfile(tree.path()).contains("ADD"));
}
