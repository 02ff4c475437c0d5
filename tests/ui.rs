//! The command line as a user meets it: `tests/ui/<command>/<case>` holds the call (`case.toml`), the tree that it starts
//! from (`in/`, or one of the corpus), what it prints (`*.term.svg`) and what it writes (`out/`).
//!
//! `SNAPSHOTS=overwrite cargo test --test ui` accepts what it does now; look at the pictures before you commit them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use snapbox::{Assert, Data, Redactions};
use support::Tree;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Arguments after `cargo dockerize`.
    args: Vec<String>,
    /// A folder of this repository to start from, where there is no `in/`.
    from: Option<String>,
    /// The folder in it to run in.
    #[serde(default)]
    inside: String,
    /// Environment of the call.
    #[serde(default)]
    env: std::collections::BTreeMap<String, String>,
    /// Calls before it that must succeed.
    #[serde(default)]
    before: Vec<Vec<String>>,
    /// Files to append to before it, and what.
    #[serde(default)]
    append: std::collections::BTreeMap<String, String>,
    /// Files whose lines end in CR LF before it, as on Windows.
    #[serde(default)]
    crlf: Vec<String>,
    /// Folders that are taken away before it.
    #[serde(default)]
    remove: Vec<String>,
    /// Files whose contents afterwards are kept under `out/`.
    #[serde(default)]
    files: Vec<String>,
    /// Folders that are made unwritable before it.
    #[serde(default)]
    locked: Vec<String>,
    /// The exit code.
    #[serde(default)]
    status: i32,
}

fn main() {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut trials = Vec::new();
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().flatten() {
        if entry.file_name() == "case.toml" {
            let folder = entry.path().parent().unwrap().to_owned();
            let name = folder.strip_prefix(&root).unwrap().display().to_string().replace('\\', "/");
            trials.push(Trial::test(name, move || run(&folder)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn run(folder: &Path) -> Result<(), Failed> {
    let case: Case = toml::from_str(&fs_err::read_to_string(folder.join("case.toml"))?)?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = folder.strip_prefix(repository)?.join("in");
    let tree = Tree::copy(case.from.as_deref().unwrap_or(own.to_str().unwrap()));
    let inside = tree.path().join(&case.inside);
    for call in &case.before {
        let output = command(call, inside.as_std_path()).output()?;
        if !output.status.success() {
            return Err(format!("{call:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    for (file, text) in &case.append {
        let path = inside.join(file);
        let old = fs_err::read_to_string(&path).unwrap_or_default();
        fs_err::create_dir_all(path.parent().unwrap())?;
        fs_err::write(path, old + text)?;
    }
    for file in &case.crlf {
        let path = inside.join(file);
        fs_err::write(&path, fs_err::read_to_string(&path)?.replace('\n', "\r\n"))?;
    }
    for name in &case.remove {
        fs_err::remove_dir_all(inside.join(name))?;
    }
    for name in &case.locked {
        // A file in the folder's place: root may write anywhere, but not there.
        fs_err::write(inside.join(name), "")?;
    }
    let output = command(&case.args, inside.as_std_path()).envs(&case.env).output()?;
    let stderr = String::from_utf8(output.stderr)?;
    if output.status.code() != Some(case.status) {
        return Err(format!("exit code {:?}, not {}:\n{stderr}", output.status.code(), case.status).into());
    }
    let assert = Assert::new().action_env("SNAPSHOTS").redact_with(redactions(&tree)?);
    let expected = |name: &str| Data::read_from(&folder.join(name), None);
    let compare = |actual: Data, name: &str| assert.try_eq(Some(&name), actual, expected(name));
    compare(Data::text(String::from_utf8(output.stdout)?), "stdout.term.svg")?;
    compare(Data::text(stderr), "stderr.term.svg")?;
    for file in &case.files {
        let name = PathBuf::from("out").join(file.trim_start_matches('.'));
        let text = fs_err::read_to_string(inside.join(file))?;
        compare(Data::text(text), name.to_str().unwrap())?;
    }
    Ok(())
}

fn command(args: &[String], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
    command.arg("dockerize").args(args).arg("--color=always").current_dir(folder);
    // No engine must be found, and nothing of this machine's taste.
    command.env("PATH", std::env::var_os("DOCKERIZE_UI_PATH").unwrap_or_default());
    command.env_remove("CARGO_TARGET_DIR").env_remove("RUST_BACKTRACE").env_remove("SOURCE_DATE_EPOCH");
    command.env("CI", "true").env("COLUMNS", "100");
    command.env("CARGO", env!("CARGO"));
    command.env(
        "RUSTC",
        std::env::var_os("RUSTC").unwrap_or_else(|| Path::new(env!("CARGO")).with_file_name("rustc").into()),
    );
    command
}

fn redactions(tree: &Tree) -> Result<Redactions, Failed> {
    let mut redactions = Redactions::new();
    redactions.insert("[ROOT]", tree.path().to_string())?;
    redactions.insert("[CHECKSUM]", regex::Regex::new("sha256:(?<redacted>[0-9a-f]{64})")?)?;
    redactions.insert("[VERSION]", env!("CARGO_PKG_VERSION"))?;
    redactions.insert("[TEMPORARY]", regex::Regex::new("\\.dockerize-(?<redacted>[A-Za-z0-9]+)")?)?;
    Ok(redactions)
}
