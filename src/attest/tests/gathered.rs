//! Documents from a workspace, its plan and a program.

use assert_fs::TempDir;
use assert_fs::prelude::*;
use camino::{Utf8Path, Utf8PathBuf};

use super::embedded::binary;
use super::*;
use crate::attest::gather::{Facts, Wanted, documents};
use crate::plan::{self, Flags, Plan};
use crate::workspace::{Query, Workspace};

/// `app` uses `lib`; its build script uses `tool`.
fn tree() -> TempDir {
    let tree = TempDir::new().unwrap();
    tree.child("Cargo.toml").write_str("[workspace]\nresolver = '2'\nmembers = ['*/']\n").unwrap();
    let uses = "[dependencies]\nlib = { path = '../lib' }\n[build-dependencies]\ntool = { path = '../tool' }";
    for (name, source, rest) in [("lib", "lib", ""), ("tool", "lib", ""), ("app", "main", uses)] {
        let manifest = format!("[package]\nname = '{name}'\nversion = '1.0.0'\nedition = '2021'\n{rest}");
        tree.child(format!("{name}/Cargo.toml")).write_str(&manifest).unwrap();
        tree.child(format!("{name}/src/{source}.rs")).write_str("fn main() {}").unwrap();
    }
    tree.child("app/build.rs").write_str("fn main() {}").unwrap();
    tree
}

fn planned(tree: &TempDir) -> (Workspace, Plan) {
    let path = Utf8PathBuf::from_path_buf(tree.path().join("Cargo.toml")).unwrap();
    let query = Query { manifest_path: Some(path), generate_lockfile: true, offline: true, ..Query::default() };
    let workspace = Workspace::load(&query).unwrap();
    let settings = crate::config::load(&workspace).unwrap();
    let plan = plan::plan(&workspace, &settings, &Flags::default()).unwrap();
    (workspace, plan)
}

fn gathered(workspace: &Workspace, plan: &Plan, program: &Utf8Path, wanted: Wanted<'_>) -> Result<Vec<Document>> {
    let (image, source) = (an_image(), a_source());
    let command = ["/home/me/.cargo/bin/cargo", "build", "--locked"].map(str::to_owned);
    documents(
        &Facts {
            workspace,
            planned: &plan.images[0],
            image: &image,
            program,
            program_sha256: SHA256,
            features: &Features::default(),
            triple: "x86_64-unknown-linux-musl",
            profile: "release",
            command: &command,
            toolchain: &Toolchain { version: "1.95.0".to_owned(), commit: None },
            source: Some(&source),
            base: None,
            extras: &[],
            distribution: None,
            builder: None,
            created: None,
        },
        wanted,
    )
}

fn values(documents: &[Document]) -> Vec<Value> {
    documents.iter().map(|document| serde_json::from_slice(&document.bytes).unwrap()).collect()
}

const SHA256: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

const ALL: Wanted<'_> = Wanted { sboms: &[Format::Spdx, Format::CycloneDx], provenance: true };

#[test]
fn what_is_wanted_is_written_from_what_is_there() {
    let tree = tree();
    let (workspace, plan) = planned(&tree);
    let program = workspace.root.join("program");
    fs_err::write(&program, binary(".text", b"code")).unwrap();
    let found = gathered(&workspace, &plan, &program, ALL).unwrap();
    let kinds: Vec<_> = found.iter().map(|document| document.artifact_type).collect();
    assert_eq!(kinds, [SPDX, CYCLONEDX, IN_TOTO]);
    assert_eq!(found, gathered(&workspace, &plan, &program, ALL).unwrap());
    let [spdx, cyclonedx, provenance] = values(&found).try_into().unwrap();
    assert_eq!(texts(&spdx["packages"], "name")[1..], ["app", "lib"], "what only builds is left out");
    assert_eq!(texts(&cyclonedx["components"], "name"), ["app", "lib"]);
    assert!(cyclonedx.to_string().contains(SHA256), "{cyclonedx}");
    let definition = &provenance["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["command"], json!(["cargo", "build", "--locked"]));
    let lock = crate::digest::sha256_of(&fs_err::read(workspace.root.join("Cargo.lock")).unwrap());
    assert_eq!(definition["resolvedDependencies"][1]["digest"]["sha256"], lock[7..]);

    let only = |sboms, provenance| {
        let found = gathered(&workspace, &plan, &program, Wanted { sboms, provenance }).unwrap();
        found.iter().map(|document| document.artifact_type).collect::<Vec<_>>()
    };
    assert_eq!(only(&[Format::CycloneDx], false), [CYCLONEDX]);
    assert_eq!(only(&[], true), [IN_TOTO]);
    assert_eq!(only(&[], false), [""; 0]);
}

#[test]
fn the_programs_own_list_wins() {
    let tree = tree();
    let (workspace, plan) = planned(&tree);
    let program = workspace.root.join("program");
    let list = br#"{"packages":[{"name":"app","version":"1.0.0","source":"local","root":true,"dependencies":[1]},
        {"name":"patched","version":"2.0.0","source":"git"}]}"#;
    fs_err::write(&program, binary(".dep-v0", list)).unwrap();
    let found = gathered(&workspace, &plan, &program, ALL).unwrap();
    assert_eq!(texts(&values(&found)[0]["packages"], "name")[1..], ["app", "patched"]);
}

#[test]
fn what_cannot_be_read_is_told() {
    let tree = tree();
    let (workspace, plan) = planned(&tree);
    let program = workspace.root.join("program");
    let failure = gathered(&workspace, &plan, &program, ALL).unwrap_err();
    assert_eq!(failure.kind(), Kind::Workspace);
    assert!(failure.report().contains(program.as_str()), "{}", failure.report());
    fs_err::write(&program, "#!/bin/sh").unwrap();
    assert_eq!(gathered(&workspace, &plan, &program, ALL).unwrap_err().kind(), Kind::Verify);
}
