//! What is built again, and what is not.

use crate::example;
use crate::support::Tree;
use crate::tool;

pub fn edited_line() {
    let (tree, _) = example::built();
    let main = tree.path().join("crates/cli/src/main.rs");
    let text = fs_err::read_to_string(&main).unwrap();
    // Another edit every time: an engine that has run this test before would have its step cached.
    let edit = format!("edit {}", tree.path().file_name().unwrap());
    fs_err::write(&main, text.replace("println!(\"{amount}\")", &format!("println!(\"{edit}: {{amount}}\")"))).unwrap();
    let report = tool::build(tree.path(), &["--bin", "orders"]);
    // Seen twice on an engine with three images to build at once: the step that cooks ran again although its recipe was the same.
    // Whether an engine finds a step is its own affair (shapes.rs asks it of a workspace with one image); that nothing of a
    // dependency is compiled again is ours.
    let mut compiled = report.build.steps.iter().flat_map(|step| &step.compiled);
    assert!(compiled.all(|krate| krate.ends_with(" *")), "{:?}", report.build.steps);
    let compile = report.build.stage("builder").find(|step| step.name.contains("cargo build")).unwrap();
    assert!(!compile.cached && !compile.compiled.is_empty(), "{compile:?}");
    assert_eq!(tool::run_image("orders", &[], &["price", "tea", "1"]), format!("{edit}: €8.99\n"));
    assert!(report.images[0].before.is_some());

    let again = tool::build(tree.path(), &["--bin", "orders"]);
    assert!(
        again.build.steps.iter().all(|step| step.compiled.is_empty()),
        "nothing changed, and something was compiled"
    );
}

pub fn new_dependency() {
    let tree = Tree::copy("example-workspace");
    tool::init(tree.path());
    let files =
        || ["Dockerfile", ".dockerignore", "docker-bake.hcl"].map(|name| fs_err::read(tree.path().join(name)).unwrap());
    let before = files();
    let cli = tree.path().join("crates/cli");
    tool::program(&cli, "cargo", &["add", "--quiet", "itoa"]);
    tool::program(tree.path(), "cargo", &["metadata", "--format-version", "1"]);
    assert_eq!(tool::dockerize(tree.path(), &["generate", "--check"]).code, Some(0));
    assert_eq!(tool::dockerize(tree.path(), &["generate"]).code, Some(0));
    assert_eq!(files(), before);

    tool::program(&cli, "cargo", &["add", "--quiet", "--build", "prost-build"]);
    // Without a build script cargo compiles no build-dependency.
    fs_err::write(cli.join("build.rs"), "fn main() {}\n").unwrap();
    tool::program(tree.path(), "cargo", &["metadata", "--format-version", "1"]);
    let check = tool::dockerize(tree.path(), &["generate", "--check"]);
    assert_eq!(check.code, Some(1));
    assert!(check.stdout.contains("+# protobuf-compiler: prost-build"), "{}", check.stdout);
    assert!(check.stderr.contains("cargo dockerize generate"), "{}", check.stderr);
}

/// A version that cargo-chef's placeholders have as well, and sources older than they are.
pub fn placeholder() {
    let tree = Tree::copy("tests/corpus/single");
    let manifest = tree.path().join("Cargo.toml");
    let lock = tree.path().join("Cargo.lock");
    for file in [&manifest, &lock] {
        let text = fs_err::read_to_string(file).unwrap();
        fs_err::write(file, text.replace("0.3.0", "0.0.1")).unwrap();
    }
    let main = tree.path().join("src/main.rs");
    fs_err::write(&main, "fn main() {\n    println!(\"the real one\");\n}\n").unwrap();
    for file in [&main, &manifest, &lock] {
        tool::program(tree.path(), "touch", &["--date", "2001-01-01", file.as_str()]);
    }
    tool::init(tree.path());
    tool::build(tree.path(), &[]);
    assert_eq!(tool::run_image("single_app", &[], &[]), "the real one\n");
}

pub fn tests_profile() {
    let tree = Tree::copy("tests/corpus/single");
    tool::init(tree.path());
    let main = tree.path().join("src/main.rs");
    let with = |outcome: &str| {
        let test =
            format!("fn main() {{}}\n\n#[test]\nfn truth() {{\n    assert!({outcome}, \"so much for that\");\n}}\n");
        fs_err::write(&main, test).unwrap();
        tool::dockerize(tree.path(), &["build", "--profile", "test"])
    };
    let passed = with("2 > 1");
    assert_eq!(passed.code, Some(0), "{}", passed.stderr);
    let failed = with("2 < 1");
    assert_eq!(failed.code, Some(6), "{}", failed.stderr);
    for said in ["so much for that", "1 of 1 test failed: truth", "outside of the container"] {
        assert!(failed.stderr.contains(said), "{said} is missing:\n{}", failed.stderr);
    }
}
