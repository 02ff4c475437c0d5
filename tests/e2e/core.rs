//! What a build does in a tree as it is: without generated files, for one program of several, with names that meet.

use crate::support::Tree;
use crate::tool;

/// A workspace of two programs. Each writes a file and a folder beside itself.
fn two_programs() -> Tree {
    let package = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n")
    };
    let main = "fn main() {\n    std::fs::write(\"state.txt\", \"kept\").unwrap();\n    std::fs::create_dir(\"data\").unwrap();\n    \
                println!(\"{}\", std::fs::read_to_string(\"state.txt\").unwrap());\n}\n";
    let entry = |name: &str| format!("\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\n");
    let (one, two, lock) = (package("one"), package("two"), format!("version = 4\n{}{}", entry("one"), entry("two")));
    Tree::of(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\"]\n\n[workspace.metadata.dockerize]\nsyntax = \"none\"\n",
        ),
        ("Cargo.lock", &lock),
        ("one/Cargo.toml", &one),
        ("one/src/main.rs", main),
        ("two/Cargo.toml", &two),
        ("two/src/main.rs", main),
    ])
}

/// Nothing is generated into the tree. Of two programs the one that is asked for is compiled, and it can write where it starts.
pub fn one_program_without_files() {
    let tree = two_programs();
    let report = tool::build(tree.path(), &["--bin", "one", "--tag", "dockerize-e2e-one:1"]);
    assert!(!tree.path().join("Dockerfile").exists() && !tree.path().join(".dockerize").exists());
    let compiled: Vec<&String> = report.build.stage("builder").flat_map(|step| &step.compiled).collect();
    assert!(compiled.iter().all(|krate| krate.starts_with("one ")), "{compiled:?}");
    assert_eq!(tool::docker(&["run", "--rm", "dockerize-e2e-one:1"]), "kept\n");
    let plan = tool::dockerize(tree.path(), &["plan"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
}

/// The same by Docker alone: all programs are compiled, or those of the argument.
pub fn one_program_with_docker_alone() {
    let tree = two_programs();
    tool::init(tree.path());
    let salt = format!("// {}\nfn main() {{}}\n", tree.path());
    fs_err::write(tree.path().join("two/src/main.rs"), format!("{salt}does not compile\n")).unwrap();
    let build = ["build", "--quiet", "--target", "one", "--build-arg", "BINS=one", "--tag", "dockerize-e2e-one:2", "."];
    tool::program(tree.path(), "docker", &build);
    assert_eq!(tool::docker(&["run", "--rm", "dockerize-e2e-one:2"]), "kept\n");
}

/// A member with the name of a registry's package: cargo-chef's placeholders do not match the lock file.
pub fn same_name() {
    let tree = Tree::copy("tests/corpus/same-name");
    tool::init(tree.path());
    tool::build(tree.path(), &["--tag", "dockerize-e2e-same:1"]);
    assert_eq!(tool::run_image("dockerize-e2e-same:1", &[], &[]), "42 {\"ok\":true}\n");
}
