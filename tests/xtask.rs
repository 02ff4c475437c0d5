//! `cargo dockerize xtask` on workspaces of all shapes: what it adds works, and goes without a trace.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use camino::Utf8Path;
use support::Tree;

const LIBRARY: &str = "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
const HELLO: &str = "fn main() {\n    println!(\"hello\");\n}\n";

/// A package that stands alone, with another one below it that does so as well.
const SINGLE: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\nrust-version = \"1.91\"\n\n[package.metadata.dockerize]\ntoolchain = \"1.95\"\nexpose = [80]\n\n[dependencies]\nshared = { path = \"shared\" }",
    ),
    ("src/main.rs", HELLO),
    ("shared/Cargo.toml", LIBRARY),
    ("shared/src/lib.rs", ""),
    ("fuzz/Cargo.toml", "[package]\nname = \"fuzz\"\nversion = \"0.0.0\"\nedition = \"2021\"\n"),
    ("fuzz/src/main.rs", HELLO),
];

/// A virtual one with one program, whose members take all they can from it, and with clippy's strictest lints.
const INHERITING: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\n    \"app\", # the program\n]\n\n[workspace.package]\nedition = \"2024\"\nrust-version = \"1.91\"\nlicense = \"MIT\"\n\n[workspace.dependencies]\nxshell = \"0.2\"\n\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"warn\"\nunreachable_pub = \"warn\"\n\n[workspace.lints.clippy]\npedantic = { level = \"warn\", priority = -1 }\nunwrap_used = \"warn\"\nexpect_used = \"warn\"\n",
    ),
    (
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\n[lints]\nworkspace = true\n",
    ),
    ("app/src/main.rs", "//! Hello.\n\nfn main() {\n    println!(\"hello\");\n}\n"),
    (".cargo/config.toml", "# Ours.\n[alias] # short\nb = \"build\" # see above\n\n[build]\n# all of them\njobs = 2\n"),
    ("rustfmt.toml", "hard_tabs = true\nmax_width = 60\n"),
];

/// One whose xtask has commands of its own.
const PLAIN: &[(&str, &str)] = &[
    ("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"app\", \"tools/*\"]\n"),
    ("app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
    ("app/src/main.rs", HELLO),
    (
        "tools/chores/Cargo.toml",
        "[package]\nname = \"chores\"\nversion = \"0.1.0\"\nedition = \"2021\"\npublish = false",
    ),
    (
        "tools/chores/src/main.rs",
        "//! Our chores.\n\nmod check;\nmod tidy;\n\nfn main() -> Result<(), Box<dyn std::error::Error>> {\n    // Nothing else yet.\n    check::run()?;\n    tidy::run();\n    Ok(())\n}\n",
    ),
    (
        "tools/chores/src/check.rs",
        "pub fn run() -> Result<(), std::fmt::Error> {\n    println!(\"checked\");\n    Ok(())\n}\n",
    ),
    ("tools/chores/src/tidy.rs", "pub fn run() {}\n"),
    (".cargo/config", "[alias]\nxtask = [\"run\", \"-q\", \"-p\", \"chores\", \"--\"]\n"),
];

/// One whose xtask is clap's, without an alias.
const CLAP: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\nmembers = [\"xtask\"]\n",
    ),
    ("src/main.rs", HELLO),
    (
        "xtask/Cargo.toml",
        "[package]\nname = \"xtask\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nclap = { version = \"4\", features = [\"derive\"] }\n\n# Nothing more.\n[features]\n",
    ),
    (
        "xtask/src/main.rs",
        "use clap::{Parser, Subcommand};\n\n#[derive(Parser)]\nstruct Cli {\n    #[command(subcommand)]\n    command: Chore,\n}\n\n#[derive(Subcommand)]\nenum Chore {\n    Test,\n}\n\nfn main() {\n    match Cli::parse().command {\n        Chore::Test => println!(\"tested\"),\n    }\n}\n",
    ),
];

fn crlf(files: &[(&'static str, &'static str)]) -> Vec<(&'static str, String)> {
    files.iter().map(|(path, text)| (*path, text.replace('\n', "\r\n"))).collect()
}

fn call(folder: &Utf8Path, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env_remove("CARGO_TARGET_DIR").env("CARGO_NET_OFFLINE", "true");
    // As a child of cargo's, with this folder's toolchain.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn good(folder: &Utf8Path, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
    let (code, stdout, stderr) = call(folder, program, args);
    assert_eq!(code, 0, "{args:?}\n{stdout}\n{stderr}");
    stdout
}

fn dockerize(tree: &Tree, args: &[&str]) -> (i32, String, String) {
    call(tree.path(), env!("CARGO_BIN_EXE_cargo-dockerize"), args)
}

fn dockerize_well(tree: &Tree, args: &[&str]) {
    good(tree.path(), env!("CARGO_BIN_EXE_cargo-dockerize"), args);
}

/// A workspace with its lock file and its generated files.
fn workspace(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::of(files);
    good(tree.path(), env!("CARGO"), &["generate-lockfile", "--offline"]);
    dockerize_well(&tree, &["init", "--toolchain", "1.95", "--syntax", "none"]);
    tree
}

/// Every file, and every folder as one without contents.
fn contents(tree: &Tree) -> BTreeMap<String, Vec<u8>> {
    let target = tree.path().join("target");
    let entries = walkdir::WalkDir::new(tree.path()).min_depth(1).into_iter().flatten();
    entries
        .filter(|entry| !entry.path().starts_with(&target))
        .map(|entry| {
            let path = entry.path().strip_prefix(tree.path()).unwrap().display().to_string();
            (path, fs_err::read(entry.path()).unwrap_or_default())
        })
        .collect()
}

fn edit(tree: &Tree, file: &str, change: impl Fn(String) -> String) {
    let path = tree.path().join(file);
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(path, change(text)).unwrap();
}

fn assert_same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for (name, was) in one {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(was), text(&other[name]), "{name}");
    }
}

/// In and out again; in twice is in once; and the Dockerfile is none the wiser.
fn round_trip(tree: &Tree) {
    let before = contents(tree);
    dockerize_well(tree, &["xtask"]);
    let with = contents(tree);
    dockerize_well(tree, &["generate", "--check"]);
    dockerize_well(tree, &["xtask"]);
    assert_same(&with, &contents(tree));
    dockerize_well(tree, &["xtask", "--locked"]);
    dockerize_well(tree, &["xtask", "--remove"]);
    assert_same(&before, &contents(tree));
    dockerize_well(tree, &["xtask", "--remove"]);
    dockerize_well(tree, &["xtask"]);
    assert_same(&with, &contents(tree));
}

#[test]
fn every_shape_goes_there_and_back() {
    for files in [SINGLE, INHERITING, PLAIN, CLAP] {
        round_trip(&workspace(files));
        let files = crlf(files);
        round_trip(&workspace(&files.iter().map(|(path, text)| (*path, &**text)).collect::<Vec<_>>()));
    }
    for corpus in ["tests/corpus/virtual", "tests/corpus/single", "example-workspace"] {
        let tree = Tree::copy(corpus);
        dockerize_well(&tree, &["init", "--toolchain", "1.95", "--syntax", "none"]);
        round_trip(&tree);
    }
}

/// What is added is as its owner would want it: it compiles without a warning, and formatters have nothing to say.
fn is_clean(tree: &Tree, package: &str) {
    let folder = tree.path();
    good(
        folder,
        env!("CARGO"),
        &["clippy", "--quiet", "--offline", "--locked", "--package", package, "--", "-D", "warnings"],
    );
    good(folder, env!("CARGO"), &["fmt", "--package", package, "--check"]);
    let usage = good(folder, env!("CARGO"), &["xtask", "docker", "--help"]);
    assert!(usage.contains("usage: cargo xtask docker <command>"), "{usage}");
}

#[test]
fn a_new_crate_is_clean() {
    let tree = workspace(SINGLE);
    dockerize_well(&tree, &["xtask"]);
    is_clean(&tree, "xtask");
    // cargo goes on to mean the user's own.
    assert_eq!(good(tree.path(), env!("CARGO"), &["run", "--quiet", "--offline"]), "hello\n");
    good(&tree.path().join("fuzz"), env!("CARGO"), &["metadata", "--offline", "--format-version", "1"]);
    let (code, _, stderr) = call(tree.path(), env!("CARGO"), &["xtask", "docker", "fly"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("there is no command `fly`"), "{stderr}");
    // The form of the module is rustfmt's own where nothing else is asked for.
    good(tree.path(), rustfmt(), &["--check", "--edition", "2021", "--config-path", "/dev/null", "xtask/src/main.rs"]);
}

fn rustfmt() -> std::path::PathBuf {
    Path::new(env!("CARGO")).with_file_name("rustfmt")
}

#[test]
fn a_crate_that_inherits_is_clean() {
    let tree = workspace(INHERITING);
    dockerize_well(&tree, &["xtask"]);
    good(tree.path(), env!("CARGO"), &["fmt", "--package", "xtask"]);
    is_clean(&tree, "xtask");
    assert_eq!(good(tree.path(), env!("CARGO"), &["run", "--quiet", "--offline"]), "hello\n");
    let manifest = fs_err::read_to_string(tree.path().join("xtask/Cargo.toml")).unwrap();
    insta::assert_snapshot!(manifest);
    // What rustfmt made of it is no edit.
    dockerize_well(&tree, &["generate", "--check"]);
    dockerize_well(&tree, &["xtask", "--remove"]);
    assert!(!tree.path().join("xtask").exists());
}

#[test]
fn an_xtask_that_is_there_keeps_its_commands() {
    let tree = workspace(PLAIN);
    dockerize_well(&tree, &["xtask"]);
    is_clean(&tree, "chores");
    assert_eq!(good(tree.path(), env!("CARGO"), &["xtask"]), "checked\n");
    insta::assert_snapshot!(fs_err::read_to_string(tree.path().join("tools/chores/src/main.rs")).unwrap());
    let tree = workspace(CLAP);
    dockerize_well(&tree, &["xtask"]);
    is_clean(&tree, "xtask");
    assert_eq!(good(tree.path(), env!("CARGO"), &["xtask", "test"]), "tested\n");
}

#[test]
fn what_the_user_wrote_meanwhile_stays() {
    let tree = workspace(SINGLE);
    dockerize_well(&tree, &["xtask"]);
    edit(&tree, "Cargo.toml", |text| {
        text.replace("[\"xtask\"]", "[\"xtask\", \"shared\"]").replace("[\"fuzz\", \"shared\"]", "[\"fuzz\"]")
            + "\n[profile.release]\nlto = true\n"
    });
    edit(&tree, ".cargo/config.toml", |text| text.replace("[alias]\n", "[alias]\nb = \"build\"\n"));
    fs_err::write(tree.path().join("note.txt"), "mine").unwrap();
    good(tree.path(), env!("CARGO"), &["update", "--workspace", "--offline"]);
    dockerize_well(&tree, &["xtask", "--remove"]);
    let manifest = fs_err::read_to_string(tree.path().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("members = [\"shared\"]") && manifest.contains("lto = true"), "{manifest}");
    assert_eq!(fs_err::read_to_string(tree.path().join(".cargo/config.toml")).unwrap(), "[alias]\nb = \"build\"\n");
    assert!(tree.path().join("note.txt").exists() && !tree.path().join("xtask").exists());
    good(tree.path(), env!("CARGO"), &["metadata", "--offline", "--locked", "--format-version", "1"]);
}

#[test]
fn edited_files_of_ours_are_respected() {
    for file in ["xtask/src/docker.rs", "xtask/src/main.rs", "xtask/Cargo.toml"] {
        let tree = workspace(SINGLE);
        let before = contents(&tree);
        dockerize_well(&tree, &["xtask"]);
        edit(&tree, file, |text| text + if file.contains("/src/") { "// mine\n" } else { "# mine\n" });
        let with = contents(&tree);
        let (code, _, stderr) = dockerize(&tree, &["xtask", "--remove"]);
        assert_eq!(code, 4, "{stderr}");
        assert!(stderr.contains(&format!("`{file}` has been edited by hand")), "{stderr}");
        assert_same(&with, &contents(&tree));
        dockerize_well(&tree, &["xtask", "--remove", "--force"]);
        let mut after = contents(&tree);
        let kept = after.remove(&format!("{file}.orig")).unwrap();
        assert_eq!(kept, with[file]);
        after.retain(|name, _| !name.starts_with("xtask"));
        assert_same(&before, &after);
    }
}

#[test]
fn kept_lines_survive_in_the_module() {
    let tree = workspace(SINGLE);
    dockerize_well(&tree, &["xtask"]);
    edit(&tree, "xtask/src/docker.rs", |text| text + "// dockerize:keep\n// mine\n// dockerize:end\n");
    dockerize_well(&tree, &["generate", "--check"]);
    // Another program: the module names it.
    edit(&tree, "Cargo.toml", |text| text + "\n[[bin]]\nname = \"two\"\npath = \"src/main.rs\"\n");
    let (code, stdout, _) = dockerize(&tree, &["generate", "--check"]);
    assert!(code == 1 && stdout.contains("docker.rs"), "{stdout}");
    dockerize_well(&tree, &["generate"]);
    let module = fs_err::read_to_string(tree.path().join("xtask/src/docker.rs")).unwrap();
    assert!(
        module.ends_with("// mine\n// dockerize:end\n") && module.contains("[\"two\", \"two\", \"two\"]"),
        "{module}"
    );
}

fn refused(files: &[(&str, &str)], change: (&str, &str)) -> String {
    let tree = workspace(files);
    let path = tree.path().join(change.0);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, change.1).unwrap();
    let before = contents(&tree);
    let (code, _, stderr) = dockerize(&tree, &["xtask"]);
    assert!(code == 3 || code == 4, "{code}: {stderr}");
    assert_same(&before, &contents(&tree));
    stderr
}

#[test]
fn what_is_in_the_way_is_named() {
    let said = [
        refused(SINGLE, ("xtask/notes.txt", "mine")),
        refused(SINGLE, (".cargo/config.toml", "[alias]\nxtask = \"run --manifest-path tools/Cargo.toml --\"\n")),
        refused(SINGLE, (".cargo/config.toml", "alias.b = \"build\"\n")),
        refused(PLAIN, ("tools/chores/src/docker.rs", "pub fn run() {}\n")),
        refused(
            PLAIN,
            (
                "tools/chores/src/main.rs",
                "fn main() {\n    match x {\n        \"docker\" => {}\n        _ => {}\n    }\n}\n",
            ),
        ),
        refused(CLAP, ("xtask/src/main.rs", "xflags::main!();\n")),
        refused(
            CLAP,
            (
                "xtask/Cargo.toml",
                "dependencies.clap = { version = \"4\", features = [\"derive\"] }\n\n[package]\nname = \"xtask\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
        ),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

/// cargo cannot know the dependency: nothing is left half done.
#[test]
fn without_a_network_nothing_is_half_done() {
    let tree = workspace(SINGLE);
    let before = contents(&tree);
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
    command.args(["xtask", "--offline"]).current_dir(tree.path());
    let output = command.env("CARGO_HOME", home.path()).env("CARGO", env!("CARGO")).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("nothing has been changed") && stderr.contains("--offline"), "{stderr}");
    assert_same(&before, &contents(&tree));
}
