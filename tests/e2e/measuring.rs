//! A trial as its users take it: what each scenario compiles, and that nothing of it stays behind.

use cargo_dockerize::trial::report;
use cargo_dockerize::trial::{Build, Outcome, Scenario, Trial};

use crate::support::Tree;
use crate::tool;

fn compiled(build: &Build) -> Vec<&str> {
    let mut names: Vec<&str> = build.compiled.iter().filter_map(|krate| krate.split(' ').next()).collect();
    names.sort_unstable();
    names
}

fn built(trial: &Trial, scenario: Scenario, contender: &str) -> Build {
    let run = trial.runs.iter().find(|run| run.scenario == scenario && run.contender == contender);
    match &run.unwrap_or_else(|| panic!("{scenario:?} of {contender} is missing")).outcome {
        Outcome::Built(build) => build.clone(),
        other => panic!("{scenario:?} of {contender}: {other:?}"),
    }
}

pub fn trial() {
    let tree = Tree::copy("tests/corpus/caching");
    tool::init(tree.path());
    tool::git(tree.path(), &["init", "--quiet"]);
    tool::git(tree.path(), &["add", "--all"]);
    let mut args = vec!["measure", "--against", "cargo-chef,cargo", "--bump", "itoa", "--switch", "loud"];
    args.extend(["--scenario", "cold,unchanged,leaf,shared,bump,feature,fresh,fresh-bump"]);
    args.extend(["--write", "trial.json", "--write", "trial.html", "--max-size", "1B"]);
    let cache = std::env::var("DOCKERIZE_REGISTRY").map(|registry| format!("registry={registry}/dockerize-e2e/trial"));
    if let Ok(cache) = &cache {
        args.extend(["--cache", cache.as_str()]);
    }
    let done = tool::dockerize(tree.path(), &args);
    assert_eq!(done.code, Some(7), "{}\n{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("the budget is exceeded"), "{}", done.stderr);

    let trial = report::read(&tree.path().join("trial.json")).unwrap();
    let of = |scenario, contender| built(&trial, scenario, contender);
    let everything = ["app", "embed", "fnv", "itoa", "made", "shared"];
    for contender in ["this", "cargo-chef", "cargo"] {
        assert_eq!(compiled(&of(Scenario::Cold, contender)), everything, "{contender}");
        assert!(compiled(&of(Scenario::Unchanged, contender)).is_empty(), "{contender}");
    }
    for own in ["this", "cargo"] {
        assert_eq!(compiled(&of(Scenario::Leaf, own)), ["app"], "{own}");
        let bumped = compiled(&of(Scenario::Bump, own)).into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert!(bumped.contains(&"itoa".to_owned()) && !bumped.contains(&"fnv".to_owned()), "{own}: {bumped:?}");
    }
    assert!(compiled(&of(Scenario::Bump, "cargo-chef")).contains(&"fnv"));
    assert!(of(Scenario::Cold, "this").size < of(Scenario::Cold, "cargo-chef").size);
    if cache.is_ok() {
        let fresh = of(Scenario::Fresh, "this");
        assert!(compiled(&fresh).iter().all(|name| !["fnv", "itoa"].contains(name)), "{:?}", fresh.compiled);
        let bumped = of(Scenario::FreshBump, "this");
        assert!(compiled(&bumped).contains(&"itoa") && !compiled(&bumped).contains(&"fnv"), "{:?}", bumped.compiled);
    }

    // Nothing of it stays: neither in the tree nor on the engine.
    assert_eq!(tool::git(tree.path(), &["diff", "--stat"]), "");
    assert!(!tree.path().join("target/dockerize/measure").exists());
    for list in [&["volume", "ls"][..], &["image", "ls"], &["buildx", "du", "--verbose"]] {
        let left = tool::docker(list);
        assert!(!left.contains("dockerize-measure"), "{left}");
    }
}
