//! `cargo dockerize cache` on a real engine, which other projects use as well.

use camino::Utf8Path;

use crate::support::Tree;
use crate::tool;

/// A workspace whose mounts and dependencies are no other run's.
fn workspace(from: &str, manifest: &str) -> (Tree, String) {
    let tree = Tree::copy(from);
    let name = tree.path().file_name().unwrap().replace(|c: char| !c.is_ascii_alphanumeric(), "").to_lowercase();
    let manifest = tree.path().join(manifest);
    let text = fs_err::read_to_string(&manifest).unwrap();
    let text = text.replacen("[package]", &format!("[package]\nrepository = \"https://example.com/{name}\""), 1);
    fs_err::write(&manifest, text.replace("loud = []", &format!("loud = []\nrun-{name} = []"))).unwrap();
    tool::init(tree.path());
    (tree, name)
}

fn cache(folder: &Utf8Path, args: &[&str]) -> (String, String) {
    let done = tool::dockerize(folder, &[&["cache"], args].concat());
    assert_eq!(done.code, Some(0), "{args:?}:\n{}{}", done.stdout, done.stderr);
    (done.stdout, done.stderr)
}

fn show(folder: &Utf8Path, args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&cache(folder, &[&["show", "--format", "json"], args].concat()).0).unwrap()
}

/// The target folders of a workspace. While BuildKit's collector runs, it does not list what it thinks of removing.
fn own(folder: &Utf8Path, count: usize) -> serde_json::Value {
    let mut shown = show(folder, &[]);
    for _ in 0..20 {
        if shown["mounts"]["own"].as_array().unwrap().len() == count {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        shown = show(folder, &[]);
    }
    assert_eq!(shown["mounts"]["own"].as_array().unwrap().len(), count, "{shown:#}");
    shown
}

/// What a build leaves is shown, and goes alone. Mounts of anybody else are no control: an engine collects them at any time.
pub fn mounts_of_one_workspace() {
    let (tree, _) = workspace("tests/corpus/caching", "app/Cargo.toml");
    let (other, _) = workspace("tests/corpus/caching", "app/Cargo.toml");
    let folder = tree.path();
    own(folder, 0);
    tool::build(folder, &[]);
    tool::build(other.path(), &[]);
    let shown = own(folder, 1);
    let mount = &shown["mounts"]["own"][0];
    assert_eq!(mount["serves"]["profiles"], serde_json::json!(["prod"]));
    assert_eq!(mount["serves"]["binaries"], serde_json::json!(["app"]));
    assert!(mount["size"].as_u64().unwrap() > 100_000, "{shown:#}");
    let others = own(other.path(), 1)["mounts"]["own"][0]["record"].clone();
    assert_ne!(mount["record"], others);

    cache(folder, &["prune", "--older-than", "1h"]);
    let (said, _) = cache(folder, &["prune", "--dry-run"]);
    assert!(said.contains(mount["record"].as_str().unwrap()), "{said}");
    own(folder, 1);
    let (_, said) = cache(folder, &["prune"]);
    assert_eq!(said.matches("Removing").count(), 1, "{said}");
    own(folder, 0);
    assert_eq!(own(other.path(), 1)["mounts"]["own"][0]["record"], others, "nothing of another project");
    assert!(!show(folder, &[])["mounts"]["downloads"].as_array().unwrap().is_empty());
    cache(other.path(), &["prune"]);
}

/// A machine compiles ahead what others then find.
pub fn warm() {
    let Some(registry) = tool::registry() else { return };
    let (tree, name) = workspace("tests/corpus/caching", "app/Cargo.toml");
    let folder = tree.path();
    let place = format!("registry={registry}/dockerize-e2e/cache-{name}");
    assert_eq!(show(folder, &["--cache", &place])["complete"], false);
    let (_, said) = cache(folder, &["warm", "--cache", &place, "--cache-write"]);
    assert!(said.contains("Compiled dependencies of app: 2 crates") && said.contains("Kept compiled"), "{said}");
    let shown = show(folder, &["--cache", &place]);
    assert_eq!(shown["complete"], true);
    let entries = shown["remote"]["entries"].as_array().unwrap();
    let held = |what: &str| entries.iter().find(|one| one["what"] == what).unwrap()["held"]["size"].as_u64();
    assert!(held("dependencies").unwrap() > 10_000, "{shown:#}");
    assert_eq!(held("dependencies"), held("earlier-dependencies"), "one image under two names");
    assert_eq!(held("layers"), None, "no image was built");

    let (_, said) = cache(folder, &["warm", "--cache", &place, "--cache-write"]);
    assert!(said.contains("Found compiled dependencies") && !said.contains("Compiled"), "{said}");

    // Another machine: neither this mount nor these layers.
    cache(folder, &["prune"]);
    let report = tool::build(folder, &["--cache", &place, "--build-arg", &format!("SALT={name}")]);
    let compiled: Vec<&str> = report.build.steps.iter().flat_map(|step| &step.compiled).map(String::as_str).collect();
    assert!(!compiled.is_empty(), "the workspace's own are compiled");
    assert!(!compiled.iter().any(|krate| krate.starts_with("fnv") || krate.starts_with("itoa")), "{compiled:?}");
    assert_eq!(
        tool::run_image(&report.images[0].name, &[], &[]).trim_end(),
        "quiet shared-0 one.txt+two.txt noted app-0 none"
    );
}

/// Layers in a folder, within and outside of the workspace.
pub fn folders() {
    let (tree, name) = workspace("tests/corpus/single", "Cargo.toml");
    let app = tree.path().to_owned();
    let beside = format!("local=../{name}-layers");
    for place in ["local=target/layers", &beside] {
        let done = tool::dockerize(&app, &["build", "--cache", place, "--cache-write"]);
        assert_eq!(done.code, Some(0), "{place}: {}", done.stderr);
        assert!(!done.stderr.contains("is sent to the engine"), "{}", done.stderr);
        let held = show(&app, &["--cache", place])["remote"]["entries"][0]["held"]["size"].as_u64();
        assert!(held.unwrap() > 100_000, "{place}");
        let report = tool::build(&app, &["--cache", place]);
        assert!(report.build.context_bytes < 1_000_000, "{place}: the cache is no part of the context");
        let read = report.build.steps.iter().any(|step| step.name.contains("importing cache manifest from local"));
        assert!(read, "{place}: {:?}", report.build.steps.iter().map(|step| &step.name).collect::<Vec<_>>());
        let (_, said) = cache(&app, &["prune", "--cache", place]);
        assert!(said.contains("layers/single_app, "), "{said}");
        assert_eq!(show(&app, &["--cache", place])["remote"]["entries"][0]["held"], serde_json::Value::Null);
    }
    fs_err::remove_dir_all(tree.path().parent().unwrap().join(format!("{name}-layers"))).unwrap();
}
