//! Builds with a fake docker that replays recordings: what is said when things go wrong, and what is left behind.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::Tree;

struct Fake {
    tree: Tree,
    log: PathBuf,
}

impl Fake {
    fn new() -> Self {
        let tree = Tree::copy("tests/corpus/single");
        let log = tree.path().join("fake.log").into_std_path_buf();
        let fake = Self { tree, log };
        assert!(fake.command("success", &["init", "--syntax", "none"]).output().unwrap().status.success());
        fake
    }

    fn command(&self, recording: &str, args: &[&str]) -> Command {
        let shims = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shims");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
        command.arg("dockerize").args(args).current_dir(self.tree.path());
        command.env("PATH", format!("{}:{}", shims.display(), std::env::var("PATH").unwrap()));
        command.env("FAKE_DOCKER", shims.join("recordings").join(recording)).env("FAKE_DOCKER_LOG", &self.log);
        command.env_remove("CARGO_TARGET_DIR").env("CI", "true");
        command
    }

    /// Builds, and expects this exit code and these words on stderr.
    fn fails(&self, recording: &str, code: i32, words: &[&str]) -> String {
        let Output { status, stderr, .. } = self.command(recording, &["build", "--engine", "buildx"]).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{said}");
        for word in words {
            assert!(said.contains(word), "{word} is missing in:\n{said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        assert!(!self.tree.path().join("target/dockerize/images").exists(), "half an image is left");
        said
    }
}

#[test]
fn no_engine_that_answers() {
    Fake::new().fails("no-engine", 5, &["no Docker engine answers", "Cannot connect", "start Docker"]);
}

#[test]
fn an_engine_that_may_not_be_used() {
    Fake::new().fails("no-permission", 5, &["no Docker engine answers", "group `docker`"]);
}

#[test]
fn no_buildx() {
    Fake::new().fails("no-buildx", 5, &["Docker has no buildx plugin", "docker-buildx"]);
}

#[test]
fn an_old_buildx() {
    Fake::new().fails("old-buildx", 5, &["buildx 0.11.2 is too old", "update the buildx plugin"]);
}

/// Builds with whoever can, and expects that this machine does, for this reason, and that the image gets to the place, and the list
/// of what is in it beside it.
fn falls_back(mut command: Command, why: &str, place: &str) {
    let folder = command.get_current_dir().unwrap().to_owned();
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    let line = format!("    Building Single_App for prod with this machine's cargo, because {why}\n");
    assert_eq!(said.matches(&line).count(), 1, "{line} is missing in:\n{said}");
    assert!(said.contains(place), "{place} is missing in:\n{said}");
    assert_eq!(said.matches(why).count(), 1, "once is enough:\n{said}");
    let list = "target/dockerize/sbom/single_app.spdx.json";
    assert!(said.contains(&format!("      Listed what is in Single_App: {list}\n")), "{said}");
    let list: serde_json::Value = serde_json::from_slice(&fs_err::read(folder.join(list)).unwrap()).unwrap();
    assert!(list["packages"].to_string().contains("\"Single_App\""), "{list:#}");
    let table = String::from_utf8(stdout).unwrap();
    assert!(table.starts_with("single_app:latest linux/"), "{table}");
    assert!(!table.contains("of context"), "{table}");
}

/// Who asked for no engine gets an image all the same, and one line that says why it is this machine's.
#[test]
fn this_machine_builds_where_no_engine_does() {
    let fake = Fake::new();
    let layout =
        "target/dockerize/images/single_app, an OCI layout\n        Note nothing that runs containers answers here";
    for recording in ["no-engine", "no-permission"] {
        // Podman or containerd may be here, and would be given the image.
        let mut command = fake.command(recording, &["build"]);
        let shims = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shims");
        let bin = support::path_without_runtimes(fake.tree.path());
        command.env("PATH", format!("{}:{}", shims.display(), bin.display()));
        falls_back(command, "no Docker engine answers", layout);
    }
    let mut command = fake.command("no-engine", &["build"]);
    command.env("PATH", support::path_without_runtimes(fake.tree.path()));
    falls_back(command, "there is no `docker` in PATH", layout);
}

#[test]
fn this_machine_builds_for_an_engine_without_buildx() {
    let fake = Fake::new();
    let loaded = fake.log.with_extension("log.loaded");
    for (recording, why) in [
        ("no-buildx", "Docker has no buildx plugin"),
        ("old-buildx", "buildx 0.11.2 is too old: 0.13.0 or newer is needed"),
    ] {
        falls_back(fake.command(recording, &["build"]), why, "Loaded single_app:latest in docker");
        let archive = fs_err::read(&loaded).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        assert!(names.collect::<Vec<_>>().contains(&"manifest.json".to_owned()));
        fs_err::remove_file(&loaded).unwrap();
    }
}

#[test]
fn an_image_store_that_cannot_export() {
    Fake::new().fails("no-oci-export", 5, &["cannot give an image out as a file", "containerd image store"]);
}

#[test]
fn an_engine_that_dies() {
    let words = ["the engine broke off the build", "error reading from server: EOF", "docker info"];
    Fake::new().fails("dying-engine", 5, &words);
}

#[test]
fn garbage_instead_of_an_account() {
    let said = Fake::new().fails("garbage", 5, &["buildx did not start the build", "502 Bad Gateway"]);
    assert!(!said.contains('\u{1}'), "control characters reach the terminal: {said:?}");
}

/// What lists are made with is looked at before anything is compiled, as without Docker.
#[test]
fn a_time_that_is_none() {
    let fake = Fake::new();
    let mut command = fake.command("success", &["build", "--engine", "buildx"]);
    let done = command.env("SOURCE_DATE_EPOCH", "yesterday").output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("SOURCE_DATE_EPOCH is `yesterday`"), "{said}");
    // Who was asked to build nothing has logged nothing.
    let log = fs_err::read_to_string(&fake.log).unwrap_or_default();
    assert!(!log.contains("bake"), "{log}");
}

#[test]
fn a_step_that_fails() {
    let words = [
        "the step `[builder 2/2] RUN",
        "with exit code 101",
        "error[E0308]: mismatched types",
        "Dockerfile:",
        "the code does not compile for this target",
    ];
    Fake::new().fails("failing-step", 6, &words);
}

#[test]
fn a_scanner_that_cannot_be_had() {
    let words = ["docker/buildkit-syft-scanner:stable-1` failed", "caused by: BuildKit's scanner cannot be had"];
    let fake = Fake::new();
    // The recording is of a build with the flag.
    fake.fails("no-scanner", 6, &words);
    let asked = |args: &[&str]| {
        let output = fake.command("success", &[&["build", "--dry-run"], args].concat()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    assert!(asked(&["--scan"]).1.contains("\"type=sbom\""));
    let (code, script) = asked(&["--push", "--scan=a.example/scanner:1"]);
    assert_eq!(code, Some(0), "{script}");
    let attest = ["type=provenance,mode=max", "type=sbom,generator=a.example/scanner:1"];
    assert!(attest.iter().all(|one| script.contains(&format!("\"{one}\""))), "{script}");
    // A scanner writes down when it ran, and none of them can be had without an engine.
    for other in [["--scan", "--reproducible"], ["--scan", "--engine=oci"]] {
        assert_eq!(asked(&other).0, Some(2), "{other:?}");
    }
}

/// What matters is shown, however much stands after it, and the report of the tests is fetched from where the step left it.
#[test]
fn tests_that_fail() {
    let fake = Fake::new();
    let Output { status, stdout, stderr } =
        fake.command("failing-tests", &["build", "--profile", "test", "--format", "json"]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(6), "{said}");
    for word in [
        "error: 1 of 3 tests failed: money::rounds\n",
        "---- Single_App money::rounds ----",
        "assertion `left == right` failed",
        "lines after",
        "Results target/dockerize/test/junit.xml",
    ] {
        assert!(said.contains(word), "{word} is missing in:\n{said}");
    }
    let fetched = fs_err::read_to_string(fake.tree.path().join("target/dockerize/bake.json")).unwrap();
    assert!(fetched.contains("\"TEST_RUN\": \"0e6f8f9c-6a0e-4a53-9e52-000000000001\""), "{fetched}");
    let report: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!((&report["tests"]["count"], &report["tests"]["failed"]), (&3.into(), &1.into()));
}

/// A Dockerfile of another make has no results to give: the end of the step says what it says.
#[test]
fn tests_that_fail_in_an_edited_dockerfile() {
    let fake = Fake::new();
    let init = fake.command("failing-tests", &["init", "--stages", "test"]).output().unwrap();
    assert_eq!(init.status.code(), Some(0));
    let dockerfile = fake.tree.path().join("Dockerfile");
    let text = fs_err::read_to_string(&dockerfile).unwrap();
    fs_err::write(&dockerfile, text.replace("# One image:", "# Our image:")).unwrap();
    let Output { status, stderr, .. } =
        fake.command("failing-tests", &["build", "--profile", "test"]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(6), "{said}");
    assert!(
        said.contains("the step `[test 1/1] RUN sh /dockerize/tests.sh /app cargo no --workspace` failed"),
        "{said}"
    );
    assert!(said.contains("test result: FAILED"), "{said}");
}

/// The classic image store exports nothing while it builds: the image is saved from it, measured and checked all the same.
#[test]
fn a_classic_image_store() {
    let fake = Fake::new();
    let Output { status, stdout, stderr } = fake.command("classic-store", &["build"]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(7), "{said}");
    assert!(said.contains("program: the entrypoint"), "{said}");
    assert!(String::from_utf8(stdout).unwrap().contains("Single_App"));
    let pushed = fake.command("classic-store", &["build", "--push"]).output().unwrap();
    assert_eq!(pushed.status.code(), Some(5), "what cannot be checked is not pushed");
}

#[test]
fn a_layer_that_the_engine_cleared_away() {
    let fake = Fake::new();
    let Output { status, stdout, stderr } = fake.command("cleared-away", &["build"]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(said.contains("Retrying the engine cleared a layer away"), "{said}");
    assert!(!said.contains("parent snapshot"), "{said}");
    // The image of the second run is looked at; this one is not what was promised.
    assert_eq!(status.code(), Some(7), "{said}");
    assert!(String::from_utf8(stdout).unwrap().contains("compressed"));

    let said = fake.fails("cleared-away-again", 5, &["Retrying", "exporting to image", "parent snapshot"]);
    assert_eq!(said.matches("Retrying").count(), 1, "{said}");
}

/// The recording says that all went well, and the image is not what was promised: that is a failure.
#[test]
fn an_image_that_is_not_what_was_promised() {
    let fake = Fake::new();
    let Output { status, stdout, stderr } = fake.command("wrong-image", &["build"]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(7), "{said}");
    for word in ["is not what the plan promised", "user: ", "program: the entrypoint"] {
        assert!(said.contains(word), "{word} is missing in:\n{said}");
    }
    assert!(String::from_utf8(stdout).unwrap().contains("compressed"), "it is measured all the same");
}

#[test]
fn an_interrupt_ends_the_children_and_leaves_nothing() {
    let fake = Fake::new();
    let mut child = fake.command("sleeping", &["build"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let docker = wait_for_pid(&fake.log, &mut child);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    let alive = Command::new("kill").args(["-0", &docker]).stderr(Stdio::null()).status().unwrap();
    assert!(!alive.success(), "docker still runs");
    assert!(!fake.tree.path().join("target/dockerize/images").exists());
    let temporary = walkdir::WalkDir::new(fake.tree.path()).into_iter().flatten();
    let left: Vec<_> =
        temporary.filter(|entry| entry.file_name().to_string_lossy().starts_with(".dockerize-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn wait_for_pid(log: &Path, child: &mut Child) -> String {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if let Ok(text) = std::fs::read_to_string(log)
            && text.trim().parse::<u32>().is_ok()
        {
            return text.trim().to_owned();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("docker was not started");
}
