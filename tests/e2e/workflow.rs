//! Runs what a generated GitHub workflow runs: its jobs' shell, on the real engine, with GitHub's variables made up. What only
//! GitHub can do (`uses:`) is passed over, and each expression has its value here: a new one fails until it gets one.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::support::Tree;
use crate::tool;

#[derive(Deserialize)]
struct Workflow {
    env: BTreeMap<String, String>,
    jobs: BTreeMap<String, Job>,
}

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    run: Option<String>,
    #[serde(rename = "if")]
    condition: Option<String>,
}

/// What happened at the forge, and the machine that it gives to jobs.
struct Event<'a> {
    tree: &'a Utf8Path,
    machine: &'a Utf8Path,
    /// `pull_request` or `push`.
    name: &'a str,
    /// The branch or the tag.
    reference: (&'a str, &'a str),
}

impl Event<'_> {
    fn file(&self, name: &str) -> Utf8PathBuf {
        self.machine.join(name)
    }

    fn written(&self, name: &str) -> String {
        fs_err::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// The value of what stands between `${{` and `}}`.
    fn expression(&self, text: &str) -> String {
        let pushed = self.name == "push";
        match text {
            "github.event_name == 'push' && github.ref_type == 'branch' && 'yes' || ''" if pushed => "yes".to_owned(),
            // Only GitHub has that cache; BuildKit goes without where there is no token.
            "steps.cache.outputs.url"
            | "steps.cache.outputs.token"
            | "github.event_name == 'push' && github.ref_type == 'branch' && 'yes' || ''" => String::new(),
            "github.event.pull_request.number" => "7".to_owned(),
            "github.workflow" => "dockerize".to_owned(),
            "github.token" => "no-token".to_owned(),
            "matrix.arch" => "amd64".to_owned(),
            other => panic!("what is ${{{{ {other} }}}}?"),
        }
    }

    fn value(&self, text: &str) -> String {
        match text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")) {
            Some(expression) => self.expression(expression.trim()),
            None => text.to_owned(),
        }
    }

    fn holds(&self, condition: &str) -> bool {
        match condition {
            "${{ !cancelled() }}" => true,
            "github.event_name == 'push'" => self.name == "push",
            "github.event_name == 'pull_request'" => self.name == "pull_request",
            "steps.tool.outputs.cache-hit != 'true'" | "github.ref_type != 'tag'" => false,
            other => panic!("does `{other}` hold?"),
        }
    }

    /// Runs the steps of a job in a folder; those that install this tool are stood in for by the tool that is tested.
    fn job(&self, workflow: &Workflow, name: &str, folder: &Utf8Path, env: &[(&str, &str)]) {
        for step in &workflow.jobs[name].steps {
            let Some(run) = step.run.as_deref().filter(|_| step.name != "Install cargo-dockerize") else { continue };
            if step.condition.as_deref().is_some_and(|condition| !self.holds(condition)) {
                continue;
            }
            let path = format!("{}:{}", self.file("bin"), std::env::var("PATH").unwrap());
            let mut command = Command::new("bash");
            // As GitHub runs `shell: bash`.
            command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", run]).current_dir(folder);
            command.envs(&workflow.env).envs(step.env.iter().map(|(name, value)| (name, self.value(value))));
            command.env_remove("CARGO_TARGET_DIR").env("PATH", path).env("CI", "true");
            command.env("GITHUB_EVENT_NAME", self.name).env("GITHUB_REF_TYPE", self.reference.0);
            command.env("GITHUB_REF_NAME", self.reference.1).env("GITHUB_REPOSITORY", "E2E-Team/Shop");
            command.env("GITHUB_OUTPUT", self.file("output")).env("GITHUB_STEP_SUMMARY", self.file("summary"));
            command.env("RUNNER_TEMP", self.machine).env("MACHINE", self.machine);
            command.envs(env.iter().copied());
            let output = command.output().unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(
                output.status.success(),
                "{name}: {}:\n{run}\n{}\n{}",
                step.name,
                text(&output.stdout),
                text(&output.stderr)
            );
        }
    }
}

/// `gh`, which says which comment there is and keeps what it is told.
const GH: &str = r#"#!/bin/sh
case "$*" in
  *--paginate*) cat "$MACHINE/comment-id" 2>/dev/null || true ;;
  *) echo "$*" >> "$MACHINE/gh"; cp comment.md "$MACHINE/commented" ;;
esac
"#;

fn machine(folder: &Utf8Path) {
    use std::os::unix::fs::PermissionsExt;
    let bin = folder.join("bin");
    fs_err::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cargo-dockerize"), bin.join("cargo-dockerize")).unwrap();
    fs_err::write(bin.join("gh"), GH).unwrap();
    fs_err::set_permissions(bin.join("gh"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn commit(tree: &Utf8Path) {
    let git = ["git", "-c", "user.name=e2e", "-c", "user.email=e2e@example.com"];
    tool::program(tree, "git", &["add", "--all"]);
    tool::program(tree, git[0], &[&git[1..], &["commit", "--quiet", "--message", "a change"]].concat());
}

pub fn steps() {
    let Some(registry) = tool::registry() else { return };
    let tree = Tree::copy("tests/corpus/single");
    let temporary = assert_fs::TempDir::new().unwrap();
    let machine_folder = Utf8Path::from_path(temporary.path()).unwrap();
    machine(machine_folder);
    let tree = tree.path();
    tool::program(tree, "git", &["init", "--quiet", "."]);
    fs_err::write(tree.join(".gitignore"), "target\n").unwrap();
    let manifest = fs_err::read_to_string(tree.join("Cargo.toml")).unwrap();
    fs_err::write(
        tree.join("Cargo.toml"),
        manifest + "\n[package.metadata.dockerize]\nfeatures = [\"extra\"]\ncache-write = [\"trunk\"]\n",
    )
    .unwrap();
    tool::init(tree);
    assert_eq!(tool::dockerize(tree, &["ci", "github"]).code, Some(0));
    commit(tree);
    let text = fs_err::read_to_string(tree.join(".github/workflows/dockerize.yml")).unwrap();
    let workflow: Workflow = serde_saphyr::from_str(&text).unwrap();

    let event = |name, reference| Event { tree, machine: machine_folder, name, reference };
    let pushed = event("push", ("branch", "trunk"));
    for job in ["check", "test", "build"] {
        pushed.job(&workflow, job, tree, &[]);
    }
    assert!(tree.join("target/dockerize/base.json").is_file(), "there is nothing to hold a change against");
    assert!(pushed.written("summary").contains("| `Single_App` | linux/amd64 |"), "{}", pushed.written("summary"));

    pull_request(&workflow, &event("pull_request", ("branch", "7/merge")));
    release(&workflow, &registry, &event("push", ("tag", "v1.2.0+build.5")));
    let rc = event("push", ("tag", "v1.3.0-rc.1"));
    let environment = [("REGISTRY", registry.as_str()), ("ARCHITECTURES", "amd64")];
    rc.job(&workflow, "push", tree, &environment);
    rc.job(&workflow, "release", machine_folder, &environment);
    let digest = |tag: &str| {
        let name = format!("{registry}/e2e-team/shop/extra:{tag}");
        tool::docker(&["buildx", "imagetools", "inspect", &name, "--format", "{{print .Manifest.Digest}}"])
    };
    assert_eq!(digest("latest"), digest("1.2.0-build.5"), "a version to try is not the latest");
    assert_ne!(digest("latest"), digest("1.3.0-rc.1"));
}

/// Says what a change costs, in a comment that is made once.
fn pull_request(workflow: &Workflow, event: &Event<'_>) {
    let main = event.tree.join("src/main.rs");
    let longer = fs_err::read_to_string(&main).unwrap().replacen(
        "fn main() {",
        "fn main() {\n    eprintln!(\"{:?}\", std::net::TcpStream::connect(\"localhost:1\"));\n",
        1,
    );
    fs_err::write(main, longer).unwrap();
    commit(event.tree);
    event.job(workflow, "build", event.tree, &[]);
    let sizes = fs_err::read_to_string(event.tree.join("target/dockerize/sizes.md")).unwrap();
    let row =
        |name: &str| sizes.lines().find(|line| line.contains(&format!("| `{name}` | linux/amd64"))).unwrap().to_owned();
    assert!(row("Single_App").contains("| +"), "{sizes}");
    assert!(row("extra").contains("| none |"), "{sizes}");

    let folder = event.file("artifact");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("sizes.md"), &sizes).unwrap();
    event.job(workflow, "comment", &folder, &[]);
    assert!(
        event.written("gh").contains("--method POST repos/E2E-Team/Shop/issues/7/comments"),
        "{}",
        event.written("gh")
    );
    assert!(
        event.written("commented").starts_with("<!-- sizes: dockerize -->\n\n| image"),
        "{}",
        event.written("commented")
    );
    fs_err::write(event.file("comment-id"), "11\n").unwrap();
    event.job(workflow, "comment", &folder, &[]);
    let said = event.written("gh");
    assert!(said.lines().last().unwrap().contains("--method PATCH repos/E2E-Team/Shop/issues/comments/11"), "{said}");
}

/// Pushes, joins, and tells digests under which the images are there, with what was said about them.
fn release(workflow: &Workflow, registry: &str, event: &Event<'_>) {
    let environment = [("REGISTRY", registry), ("ARCHITECTURES", "amd64")];
    event.job(workflow, "push", event.tree, &environment);
    event.job(workflow, "release", event.machine, &environment);
    let output = event.written("output");
    let reference = |name: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        assert!(line.starts_with(&format!("{registry}/e2e-team/shop/{name}@sha256:")), "{line}");
        line.to_owned()
    };
    let (summary, row) =
        (event.written("summary"), format!("| `{registry}/e2e-team/shop/extra:1.2.0-build.5` | `sha256:"));
    assert!(summary.contains(&row), "{row}:\n{summary}");
    for name in ["single_app", "extra"] {
        let inspect =
            |format: &str| tool::docker(&["buildx", "imagetools", "inspect", &reference(name), "--format", format]);
        let provenance = inspect("{{json .Provenance}}");
        // Only the whole account (`mode=max`) has the build's steps.
        assert!(provenance.contains("GIT_REVISION") || provenance.contains("digestMapping"), "{provenance}");
        let index: serde_json::Value = serde_json::from_str(&inspect("{{json .Manifest}}")).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        assert_eq!(manifests.len(), 2, "the image and what the engine says of it: {index}");
        let digest = manifests[0]["digest"].as_str().unwrap();
        // A registry without an API for it has the list of what refers to an image under a tag.
        let list = format!("{registry}/e2e-team/shop/{name}:{}", digest.replace(':', "-"));
        let refers = tool::docker(&["buildx", "imagetools", "inspect", "--raw", &list]);
        assert!(refers.contains("application/spdx+json"), "{refers}");
    }
    assert_eq!(
        tool::run_image(&reference("extra"), &[], &[]),
        tool::run_image(&format!("{registry}/e2e-team/shop/extra:latest"), &[], &[])
    );
}
