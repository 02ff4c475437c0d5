//! `cargo dockerize cache` on a real engine, which other projects use as well.

use camino::Utf8Path;

use crate::support::Tree;
use crate::tool;

/// A workspace whose mounts and dependencies are no other run's.
fn workspace() -> (Tree, String) {
    let tree = Tree::copy("tests/corpus/caching");
    let name = tree.path().file_name().unwrap().replace(|c: char| !c.is_ascii_alphanumeric(), "").to_lowercase();
    let manifest = tree.path().join("app/Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let text = text.replace("[package]", &format!("[package]\nrepository = \"https://example.com/{name}\""));
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

/// The ids of all cache mounts.
fn mounts() -> Vec<String> {
    let du = tool::docker(&["buildx", "du", "--format", "json", "--filter", "type=exec.cachemount"]);
    let records = du.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut ids: Vec<String> = records.map(|record| record["ID"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// What a build leaves is shown, and goes alone.
pub fn mounts_of_one_workspace() {
    let (tree, _) = workspace();
    let folder = tree.path();
    assert_eq!(show(folder, &[])["mounts"]["own"], serde_json::json!([]), "nothing has been built");
    let before = mounts();
    tool::build(folder, &[]);
    let shown = show(folder, &[]);
    let own = &shown["mounts"]["own"];
    assert_eq!(own.as_array().unwrap().len(), 1, "{shown:#}");
    assert_eq!(own[0]["serves"]["profiles"], serde_json::json!(["prod"]));
    assert_eq!(own[0]["serves"]["binaries"], serde_json::json!(["app"]));
    assert!(own[0]["size"].as_u64().unwrap() > 100_000, "{shown:#}");
    assert!(shown["mounts"]["downloads"].as_array().unwrap().len() >= 2);
    let record = own[0]["record"].as_str().unwrap().to_owned();

    let all = mounts();
    cache(folder, &["prune", "--older-than", "1h"]);
    cache(folder, &["prune", "--dry-run"]);
    assert!(mounts().contains(&record), "it is young, and a dry run removes nothing");
    cache(folder, &["prune"]);
    let left = mounts();
    assert!(!left.contains(&record));
    // Others may build beside this test; what was there before it is there still.
    assert!(before.iter().filter(|id| all.contains(id)).all(|id| left.contains(id)), "{before:?}\n{left:?}");
    assert_eq!(show(folder, &[])["mounts"]["own"], serde_json::json!([]));
}

/// A machine compiles ahead what others then find.
pub fn warm() {
    let Ok(registry) = std::env::var("DOCKERIZE_REGISTRY") else {
        assert_ne!(std::env::var("DOCKERIZE_E2E").as_deref(), Ok("lab"), "DOCKERIZE_REGISTRY is not set");
        return;
    };
    let (tree, name) = workspace();
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
    let tree = Tree::copy("tests/corpus/single");
    let app = tree.path().join("app");
    fs_err::create_dir_all(&app).unwrap();
    for entry in fs_err::read_dir(tree.path()).unwrap().flatten().filter(|entry| entry.file_name() != "app") {
        fs_err::rename(entry.path(), app.join(entry.file_name().to_str().unwrap())).unwrap();
    }
    tool::init(&app);
    for place in ["local=target/layers", "local=../layers"] {
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
}
