//! The lint's SARIF as other programs read it: types made of the published schema, and the schema itself where `check-jsonschema` is
//! (see `tests/workflows.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_sarif::sarif::Sarif;

/// What the lint says of all examples of its rules.
fn said() -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
    command.args(["dockerize", "lint", "tests/lint", "--no-engine", "--offline", "--format", "sarif"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    // Examples of what is denied are among them.
    assert_eq!(output.status.code(), Some(8), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The schema, in the sources of the crate whose types are made of it.
fn schema() -> PathBuf {
    let metadata = cargo_metadata::MetadataCommand::new().exec().unwrap();
    let package = metadata.packages.iter().find(|package| package.name.as_str() == "serde-sarif").unwrap();
    package.manifest_path.with_file_name("src/schema.json").into()
}

#[test]
fn it_is_what_the_schema_says() {
    let text = said();
    let sarif: Sarif = serde_json::from_slice(&text).unwrap();
    let run = &sarif.runs[0];
    let rules: BTreeSet<&str> = run.results.iter().flatten().filter_map(|result| result.rule_id.as_deref()).collect();
    assert!(rules.len() > 60, "{rules:?}");

    let Some(judges) = std::env::var_os("DOCKERIZE_JUDGES").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "DOCKERIZE_JUDGES names no folder: `cargo xtask test` installs them");
        println!("not judged by the schema: `cargo xtask test` installs check-jsonschema");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lint.sarif");
    fs_err::write(&file, &text).unwrap();
    let mut judge = Command::new(judges.join("bin/check-jsonschema"));
    // One of the schema's own patterns has a bracket too many, which only Python's dialect takes.
    judge.args(["--regex-variant", "python", "--schemafile"]).arg(schema()).arg(&file);
    let output = judge.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}
