//! Programs that list the crates that they consist of, for scanners that have the program alone.

use camino::Utf8Path;
use serde_json::Value;

use crate::support::Tree;
use crate::tool;

const IMAGE: &str = "listed:auditable";

/// A program with a dependency, and the key.
fn tree() -> Tree {
    let manifest = "[package]\nname = \"listed\"\nversion = \"1.2.3\"\nedition = \"2021\"\n\n[dependencies]\nsemver = \"1\"\n\n\
                    [profile.release]\nlto = true\nstrip = true\npanic = \"abort\"\n\n\
                    [workspace]\n\n[workspace.metadata.dockerize]\nauditable = true\n";
    let main = "fn main() {\n    println!(\"{}\", semver::Version::new(1, 2, 3));\n}\n";
    let tree = Tree::of(&[("Cargo.toml", manifest), ("src/main.rs", main)]);
    tool::program(tree.path(), "cargo", &["generate-lockfile", "--quiet"]);
    tree
}

/// The crates that a program says it consists of.
fn crates(folder: &Utf8Path) -> Vec<String> {
    let done = tool::dockerize(folder, &["inspect", IMAGE, "--format", "json"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let crates = report["crates"][0]["crates"].as_array().unwrap_or_else(|| panic!("{report:#}")).iter();
    crates.map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn are_there(crates: &[String]) {
    assert_eq!(crates.iter().map(|name| name.split(' ').next().unwrap()).collect::<Vec<_>>(), ["listed", "semver"]);
    assert!(crates[0] == "listed 1.2.3" && crates[1].starts_with("semver 1."), "{crates:?}");
}

/// Dependencies are compiled without it and are not compiled again for it, before an edit and after it.
pub fn docker() {
    let tree = tree();
    tool::init(tree.path());
    let main = tree.path().join("src/main.rs");
    for edit in ["", "// An edit.\n"] {
        let text = fs_err::read_to_string(&main).unwrap();
        fs_err::write(&main, format!("{text}{edit}// {}\n", tree.path().file_name().unwrap())).unwrap();
        let report = tool::build(tree.path(), &["--tag", "auditable"]);
        let check = report.images[0].checks.iter().find(|check| check.name == "auditable").unwrap();
        assert!(check.passed, "{}", check.text);
        let compiled: Vec<&String> = report.build.stage("builder").flat_map(|step| &step.compiled).collect();
        assert!(compiled.len() == 1 && compiled[0].starts_with("listed "), "{compiled:?}");
        are_there(&crates(tree.path()));
        assert_eq!(tool::run_image(IMAGE, &["--network", "none"], &[]), "1.2.3\n");
    }
    // The list is an object file of the target's, not of the compiler's own processor.
    let output = format!("type=oci,dest={}", tree.path().join("target/both.tar"));
    let both = ["--tag", "auditable", "--platform", "linux/amd64,linux/arm64", "--output", &output];
    let report = tool::build(tree.path(), &both);
    let listed = report.images.iter().flat_map(|image| &image.checks).filter(|check| check.name == "auditable");
    assert_eq!(listed.map(|check| check.passed).collect::<Vec<_>>(), [true, true]);
    tool::docker(&["image", "rm", "--force", IMAGE]);
}

/// This machine's own, which has to have it.
pub fn embedded() {
    let tree = tree();
    let args = ["build", "--engine", "oci", "--load", "--tag", "auditable"];
    let home = tool::Home::without("cargo-auditable");
    let cargo_home = home.cargo.to_str().unwrap();
    let lacks = tool::dockerize_with(tree.path(), &[("PATH", &home.path), ("CARGO_HOME", cargo_home)], &args);
    assert_eq!(lacks.code, Some(5), "{}", lacks.stderr);
    assert!(lacks.stderr.contains("`cargo install --locked cargo-auditable`"), "{}", lacks.stderr);

    let tools = assert_fs::TempDir::new().unwrap();
    let root = tools.path().to_str().unwrap();
    let install =
        ["install", "--locked", "--quiet", "--debug", "--root", root, "cargo-auditable", "--version", "0.7.7"];
    tool::program(tree.path(), "cargo", &install);
    let path = format!("{root}/bin:{}", std::env::var("PATH").unwrap());
    let done = tool::dockerize_with(tree.path(), &[("PATH", &path)], &args);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    are_there(&crates(tree.path()));
    tool::docker(&["image", "rm", "--force", IMAGE]);
}
