//! The stages that no image is made of: `test` and `dev`; and profiles of the user's.

use std::process::Command;

use camino::Utf8Path;
use cargo_dockerize::measure::{Report, Tests};

use crate::support::Tree;
use crate::tool::{self, Container, Volume};

/// The workspace of tests, with this runner. Nothing of it was seen by the engine before.
fn tested(runner: &str) -> Tree {
    let tree = Tree::copy("tests/corpus/tested");
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    fs_err::write(&manifest, format!("{text}\n[workspace.metadata.dockerize]\ntest-runner = \"{runner}\"\n")).unwrap();
    replace(&tree.path().join("app/tests/reads.rs"), "//! Files", &format!("//! {} files", tree.path()));
    tool::init(tree.path());
    tree
}

fn replace(file: &Utf8Path, from: &str, to: &str) {
    let text = fs_err::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {file}");
    fs_err::write(file, text.replace(from, to)).unwrap();
}

/// The tests' profile: its exit code, its report and what it says.
fn run(folder: &Utf8Path) -> (Option<i32>, Report, String) {
    let done = tool::dockerize(folder, &["build", "--profile", "test", "--format", "json"]);
    let report = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}\n{}", done.stdout, done.stderr));
    (done.code, report, done.stderr)
}

/// The report that is left in the tree, which must be what was said.
fn left(folder: &Utf8Path, report: &Report) -> Tests {
    let tests = report.tests.clone().unwrap();
    assert_eq!(Tests::read(&folder.join("target/dockerize/test")).unwrap().unwrap().failures, tests.failures);
    tests
}

/// The name of the run in the tests' own step, and what it compiled.
fn step(report: &Report) -> (Option<String>, Vec<String>) {
    let step = report.build.stage("test").find(|step| step.name.contains("] RUN")).unwrap();
    (step.tests.clone(), step.compiled.clone())
}

fn both_ways(runner: &str, count: usize, ignored: usize) {
    let tree = tested(runner);
    let root = tree.path();
    let (code, report, said) = run(root);
    assert_eq!(code, Some(0), "{said}");
    let tests = left(root, &report);
    assert_eq!((tests.count, tests.failed, tests.skipped), (count, 0, ignored));

    // What passed is cached, and its results are there all the same.
    let (code, report, said) = run(root);
    assert_eq!((code, step(&report).0), (Some(0), None), "{said}");
    assert_eq!(left(root, &report).count, count);

    // Only the member that was edited is compiled; all tests run, and the one that failed is named with its own words.
    replace(&root.join("app/tests/reads.rs"), "BOOKS=3", "BOOKS=4");
    let (code, report, said) = run(root);
    assert_eq!(code, Some(6), "{said}");
    let tests = left(root, &report);
    assert_eq!((tests.count, tests.failed), (count, 1));
    assert_eq!((&*tests.failures[0].name, tests.failures[0].output.contains("BOOKS=4")), ("settings", true));
    for word in [&*format!("1 of {count} tests failed: settings"), "right: \"BOOKS=4\\n\"", "junit.xml"] {
        assert!(said.contains(word), "{word} is missing in:\n{said}");
    }
    let (first, compiled) = step(&report);
    assert_eq!(compiled, ["app 0.1.0 *"]);
    assert!(report.build.stage("test-deps").all(|step| step.compiled.is_empty()));

    // A failure is never cached.
    let (code, report, said) = run(root);
    assert_eq!(code, Some(6), "{said}");
    let (second, compiled) = step(&report);
    assert!(second.is_some() && second != first && compiled.is_empty(), "{second:?} {compiled:?}");
    assert_eq!(left(root, &report).failed, 1);
}

pub fn cargo_test() {
    both_ways("cargo", 7, 1);
}

pub fn nextest() {
    both_ways("nextest", 6, 0);
}

/// Who has not this tool sees the same.
pub fn plain_docker() {
    let tree = tested("cargo");
    tool::good_init(tree.path(), &["--stages", "test"]);
    tool::program(tree.path(), "docker", &["buildx", "bake", "test-results"]);
    let folder = tree.path().join("target/dockerize/test");
    assert_eq!(Tests::read(&folder).unwrap().unwrap().failed, 0);
    replace(&tree.path().join("app/tests/reads.rs"), "BOOKS=3", "BOOKS=4");
    let build = ["build", "--progress", "plain", "--target", "test", "."];
    let failed = Command::new("docker").args(build).current_dir(tree.path()).output().unwrap();
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success(), "{said}");
    assert!(said.contains("test settings ... FAILED"), "{said}");
}

pub fn profile_of_the_users() {
    let tree = Tree::copy("tests/corpus/single");
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let said = "[package.metadata.dockerize.profile.staging]\ninherits = \"prod\"\n";
    fs_err::write(&manifest, format!("{text}\n{said}")).unwrap();
    tool::init(tree.path());
    let report = tool::build(tree.path(), &["--profile", "staging", "--tag", "dockerize-e2e-staging:1"]);
    assert_eq!((&*report.profile, report.images.len()), ("staging", 1));
    tool::run_image("dockerize-e2e-staging:1", &[], &[]);
}

/// A program is edited where it is mounted, and answers anew; it ends when it is told to.
pub fn dev() {
    let tree = Tree::copy("example-workspace");
    let root = tree.path();
    tool::good_init(root, &["--stages", "dev"]);
    let tag = "dev.tags=dockerize-e2e-dev:2";
    tool::program(root, "docker", &["buildx", "bake", "--set", tag, "--set", "dev.output=type=docker", "dev"]);
    let lock = fs_err::read(root.join("Cargo.lock")).unwrap();
    let (target, registry, port) = (Volume::new(), Volume::new(), tool::free_port());
    let mounts = [
        format!("{root}:/app"),
        format!("{}:/app/target", target.0),
        format!("{}:/usr/local/cargo/registry", registry.0),
    ];
    let publish = format!("127.0.0.1:{port}:8080");
    let mut options = vec!["--publish", &publish, "--env", "DOCKERIZE_BIN=api"];
    for mount in &mounts {
        options.extend(["--volume", mount]);
    }
    let container = Container::open("dockerize-e2e-dev:2", &options);
    container.until(port, "/health", "ok");
    assert!(container.get(port, "/static/shop.css").0 == 200, "its assets are where it looks for them");
    assert!(container.log().contains("Compiling tokio"), "the volume was empty");

    replace(&root.join("crates/api/src/main.rs"), "{ \"ok\" }", "{ \"edited\" }");
    container.until(port, "/health", "edited");

    tool::docker(&["stop", "--time", "10", &container.0]);
    // Who has to be killed ends with 137.
    let code = tool::docker(&["inspect", "--format", "{{.State.ExitCode}}", &container.0]);
    assert_eq!(code.trim(), "0", "{}", container.log());
    assert_eq!(fs_err::read(root.join("Cargo.lock")).unwrap(), lock);
    assert_eq!(fs_err::read_dir(root.join("target")).unwrap().count(), 0, "the target folder is the volume's");
}
