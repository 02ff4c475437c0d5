//! The same sources, the same bytes: whatever folder, clone and day.

use camino::Utf8Path;
use serde_json::Value;

use crate::support::Tree;
use crate::tool;

/// Images that only this engine has cannot be pinned.
fn verified(folder: &Utf8Path, args: &[&str]) -> (Option<i32>, Value, String) {
    let args = [&["verify-reproducible", "--allow-unpinned", "--format", "json"], args].concat();
    let done = tool::dockerize(folder, &args);
    let account = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr));
    (done.code, account, done.stderr)
}

fn committed(tree: &Tree) {
    tool::git(tree.path(), &["init", "--quiet"]);
    tool::git(tree.path(), &["add", "--all"]);
    tool::git(tree.path(), &["commit", "--quiet", "--message", "all"]);
}

/// Nothing of the two builds is left.
fn tidy(folder: &Utf8Path) {
    let left = folder.join("target/dockerize").read_dir_utf8().unwrap().flatten();
    let left: Vec<String> = left.map(|entry| entry.file_name().to_owned()).collect();
    assert!(left.iter().all(|name| !name.starts_with("verify-")), "{left:?}");
}

/// All three members of the shop.
pub fn example() {
    let tree = Tree::copy("example-workspace");
    tool::init(tree.path());
    committed(&tree);
    let (code, account, said) = verified(tree.path(), &["--engine", "buildx"]);
    assert_eq!(code, Some(0), "{said}\n{account:#}");
    let images = account["images"].as_array().unwrap();
    let names: Vec<&str> = images.iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["api", "orders", "worker"]);
    for image in images {
        assert_eq!(image["digests"][0], image["digests"][1]);
        assert_eq!(image["identical"], true);
    }
    tidy(tree.path());
}

/// A program that knows when it was built is found out, with the place; without that it is the same, and can be loaded.
pub fn build_time() {
    let tree = Tree::copy("tests/corpus/single");
    let build = "fn main() {\n    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();\n    \
                 println!(\"cargo:rustc-env=BUILT=built at {}\", now.as_nanos());\n}\n";
    fs_err::write(tree.path().join("build.rs"), build).unwrap();
    fs_err::write(tree.path().join("src/main.rs"), "fn main() {\n    println!(\"{}\", env!(\"BUILT\"));\n}\n").unwrap();
    // An asset has a checkout's time and permissions.
    fs_err::write(tree.path().join("page.html"), "<p>").unwrap();
    let manifest = tree.path().join("Cargo.toml");
    tool::init(tree.path());
    let text = fs_err::read_to_string(&manifest).unwrap();
    let text = text.replace("syntax = \"none\"", "syntax = \"none\"\nassets = [\"page.html\"]");
    fs_err::write(&manifest, text).unwrap();
    committed(&tree);

    let refused = tool::dockerize(tree.path(), &["build", "--reproducible"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    for words in ["not pinned, so another image tomorrow", "cargo dockerize pin", "--allow-unpinned"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    for engine in ["buildx", "oci"] {
        let (code, account, said) = verified(tree.path(), &["--engine", engine]);
        assert_eq!(code, Some(7), "{said}");
        let image = &account["images"][0];
        let differences = image["differences"].as_array().unwrap();
        let all = |place: &str| differences.iter().all(|one| one["place"] == place);
        assert!(all("/usr/local/bin/Single_App"), "{engine}: {account:#}");
        let told = differences.iter().find(|one| one["what"].as_str().unwrap().contains(".rodata"));
        let told = told.unwrap_or_else(|| panic!("{account:#}"));
        assert!(told["first"].as_str().unwrap().contains("built at "), "{account:#}");
        tidy(tree.path());
    }

    fs_err::write(tree.path().join("build.rs"), "fn main() {\n    println!(\"cargo:rustc-env=BUILT=once\");\n}\n")
        .unwrap();
    tool::git(tree.path(), &["commit", "--quiet", "--all", "--message", "once"]);
    for engine in ["buildx", "oci"] {
        let (code, account, said) = verified(tree.path(), &["--engine", engine]);
        assert_eq!(code, Some(0), "{said}\n{account:#}");
    }
    // Loaded, with its own time, and the same as what was verified.
    let args = ["--engine", "buildx", "--reproducible", "--allow-unpinned", "--tag", "dockerize-e2e-reproducible:1"];
    let report = tool::build(tree.path(), &args);
    assert!(report.images[0].size.layers.iter().any(|layer| layer.name == "assets"), "{:?}", report.images[0].size);
    let (_, account, _) = verified(tree.path(), &["--engine", "buildx"]);
    assert_eq!(account["images"][0]["digests"][0].as_str(), Some(report.images[0].digest.as_str()));
    assert_eq!(tool::run_image("dockerize-e2e-reproducible:1", &[], &[]), "once\n");
    let created = tool::docker(&["image", "inspect", "--format", "{{.Created}}", "dockerize-e2e-reproducible:1"]);
    let seconds: i64 = tool::git(tree.path(), &["log", "-1", "--format=%ct"]).trim().parse().unwrap();
    let committed = jiff::Timestamp::from_second(seconds).unwrap().to_string();
    assert_eq!(created.trim(), committed);
}
