//! Workflows as other people's judges see them: the published schemas of GitHub's and GitLab's files, and zizmor, which looks for
//! what makes a workflow unsafe. `cargo xtask test` installs them from `PyPI`; `DOCKERIZE_JUDGES` names their folder. In CI they must
//! be there.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::PathBuf;
use std::process::Command;

/// The judges' folder; none on a machine that has none, which is said.
fn judges() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKERIZE_JUDGES").map(PathBuf::from);
    if folder.is_none() {
        assert!(std::env::var_os("CI").is_none(), "DOCKERIZE_JUDGES names no folder: `cargo xtask test` installs them");
        println!("not judged: `cargo xtask test` installs check-jsonschema and zizmor");
    }
    folder
}

/// The workflows of the snapshots, which are what users get, as files in a repository.
fn workflows() -> (tempfile::TempDir, Vec<(PathBuf, &'static str)>) {
    let repository = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for name in ["example", "private"] {
        for (forge, folder) in
            [("github", ".github/workflows"), ("forgejo", ".forgejo/workflows"), ("gitlab", ".gitlab")]
        {
            let snapshot = format!("{}/tests/snapshots/{name}-ci-{forge}.snap", env!("CARGO_MANIFEST_DIR"));
            let text = fs_err::read_to_string(snapshot).unwrap();
            let (_, contents) = text.trim_start_matches("---\n").split_once("---\n").unwrap();
            let folder = repository.path().join(folder);
            fs_err::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("{name}.yml"));
            fs_err::write(&path, contents).unwrap();
            files.push((path, forge));
        }
    }
    (repository, files)
}

fn judge(command: &mut Command) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn they_are_what_the_schemas_say() {
    let Some(judges) = judges() else { return };
    let (_repository, files) = workflows();
    for (path, forge) in files {
        // Forgejo's are GitHub's, and have no schema of their own.
        let schema = if forge == "gitlab" { "vendor.gitlab-ci" } else { "vendor.github-workflows" };
        judge(Command::new(judges.join("bin/check-jsonschema")).args(["--builtin-schema", schema]).arg(path));
    }
}

#[test]
fn they_are_as_safe_as_zizmor_wants_them() {
    let Some(judges) = judges() else { return };
    let (repository, _) = workflows();
    judge(
        Command::new(judges.join("bin/zizmor"))
            .args(["--offline", "--persona=pedantic", "."])
            .current_dir(repository.path()),
    );
}

#[test]
fn every_shell_script_in_them_can_be_read() {
    for (path, _) in workflows().1 {
        let document: serde_json::Value = serde_saphyr::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
        let mut scripts = Vec::new();
        collect(&document, &mut scripts);
        assert!(scripts.len() > 3, "{}", path.display());
        for script in scripts {
            judge(Command::new("bash").args(["-n", "-c", &script]));
        }
    }
}

/// `run` of GitHub's steps, and the lines of GitLab's scripts.
fn collect(value: &serde_json::Value, scripts: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("run", serde_json::Value::String(script)) => scripts.push(script.clone()),
                    ("script" | "before_script", serde_json::Value::Array(lines)) => {
                        scripts.extend(lines.iter().map(|line| line.as_str().unwrap().to_owned()));
                    }
                    _ => collect(value, scripts),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, scripts)),
        _ => {}
    }
}

/// The scripts in `.dockerize/`, as shellcheck sees them. Debian has it; the lab installs it.
#[test]
fn scripts_are_as_shellcheck_wants_them() {
    if Command::new("shellcheck").arg("--version").output().is_err() {
        assert!(std::env::var("DOCKERIZE_E2E").map_or(true, |engine| engine != "lab"), "the lab has no shellcheck");
        println!("not judged: shellcheck is not installed");
        return;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/helpers");
    let scripts = ["target.sh", "libraries.sh", "tests.sh"].map(|name| format!("{folder}/{name}"));
    judge(Command::new("shellcheck").args(["--shell", "sh"]).args(&scripts));
    for script in scripts {
        assert!(!fs_err::read_to_string(&script).unwrap().contains("awk"), "{script}");
    }
}
