//! Plans and files over workspaces of different shapes, as snapshots: they are read as output before they are accepted.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use cargo_dockerize::plan::Flags;
use cargo_dockerize::workspace::{Features, Query, Workspace};
use cargo_dockerize::{config, plan, render};
use support::Tree;

fn planned(tree: &Tree, inside: &str, features: Option<Features>) -> (Workspace, plan::Plan) {
    let query = Query {
        manifest_path: Some(tree.path().join(inside).join("Cargo.toml")),
        features: features.clone().unwrap_or_default(),
        // On a fresh machine the example's crates are downloaded here.
        offline: false,
        generate_lockfile: false,
    };
    let workspace = Workspace::load(&query).unwrap();
    let settings = config::load(&workspace).unwrap();
    let plan = plan::plan(&workspace, &settings, &Flags { features }).unwrap();
    (workspace, plan)
}

/// The plan of a tree without a lock file, whose dependencies it holds.
fn planned_alone(tree: &Tree) -> plan::Plan {
    let query = Query {
        manifest_path: Some(tree.path().join("Cargo.toml")),
        generate_lockfile: true,
        offline: true,
        ..Query::default()
    };
    let workspace = Workspace::load(&query).unwrap();
    plan::plan(&workspace, &config::load(&workspace).unwrap(), &Flags::default()).unwrap()
}

fn files(name: &str, tree: &Tree, inside: &str) {
    let (_, plan) = planned(tree, inside, None);
    for file in render::render(&plan).unwrap() {
        let snapshot = format!("{name}-{}", file.path.file_name().unwrap().trim_start_matches('.'));
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(snapshot, file.contents);
        });
    }
}

#[test]
fn example_workspace() {
    let tree = Tree::copy("example-workspace");
    files("example", &tree, "");
    let (_, plan) = planned(&tree, "", None);
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("example-plan.json", serde_json::to_string_pretty(&plan).unwrap());
    });
}

#[test]
fn single_package_with_capitals_and_the_old_toolchain_file() {
    files("single", &Tree::copy("tests/corpus/single"), "");
}

#[test]
fn virtual_workspace_with_nested_members_and_a_reserved_name() {
    files("virtual", &Tree::copy("tests/corpus/virtual"), "");
}

#[test]
fn path_dependency_outside_of_the_root() {
    files("outside", &Tree::copy("tests/corpus/outside"), "app");
}

#[test]
fn glibc_and_musl_side_by_side() {
    files("native", &Tree::copy("tests/corpus/native"), "");
}

#[test]
fn shapes_of_other_people() {
    let tree = Tree::copy("tests/corpus/native");
    let (_, plan) = planned(&tree, "", None);
    let image = plan.images.iter().find(|image| !plan.groups[image.group].packages.is_empty()).unwrap();
    let features = Features { names: vec!["a/b".to_owned()], no_default: true, ..Features::default() };
    let shape = |peer: &render::Peer| peer.dockerfile(&plan, image, plan.profile("prod").unwrap(), &features).unwrap();
    let all: Vec<String> = render::PEERS.iter().map(shape).collect();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("peers", all.join("\n"));
    });
}

#[test]
fn the_plan_is_deterministic_and_reads_its_own_json() {
    let tree = Tree::copy("example-workspace");
    let (_, one) = planned(&tree, "", None);
    // Another clone, in another folder.
    let (_, two) = planned(&Tree::copy("example-workspace"), "", None);
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(json, serde_json::to_string(&two).unwrap());
    assert_eq!(serde_json::from_str::<plan::Plan>(&json).unwrap(), one);
}

#[test]
fn features_that_are_on_take_a_binary_in() {
    let tree = Tree::copy("tests/corpus/single");
    let (_, without) = planned(&tree, "", None);
    let on = Features { names: vec!["extra".to_owned()], ..Features::default() };
    let (_, with) = planned(&tree, "", Some(on));
    assert_eq!(without.images.len(), 1);
    assert_eq!(with.images.len(), 2);
    assert!(with.groups[0].cargo_args.ends_with(&["--features".to_owned(), "extra".to_owned()]));
}

#[test]
fn the_graph_is_that_of_the_binary_alone() {
    let tree = Tree::copy("example-workspace");
    let (workspace, _) = planned(&tree, "", None);
    let graph = |name: &str| {
        workspace.graph(workspace.member(name).unwrap(), &Features::default(), "x86_64-unknown-linux-musl").unwrap()
    };
    let (api, cli, worker) = (graph("api"), graph("orders-cli"), graph("worker"));
    assert!(!api.find("ring").is_empty() && cli.find("ring").is_empty());
    assert!(!worker.find("libsqlite3-sys").is_empty() && api.find("libsqlite3-sys").is_empty());
    assert!(worker.find("tempfile").is_empty(), "a dev-dependency is not in the image");
    assert!(cli.find("windows-sys").is_empty(), "nor is what another system needs");
}

#[test]
fn what_cargo_itself_reads_comes_before_the_sources() {
    let tree = Tree::copy("tests/corpus/outside");
    let write = |path: &str, text: &str| {
        fs_err::create_dir_all(tree.path().join(path).parent().unwrap()).unwrap();
        fs_err::write(tree.path().join(path), text).unwrap();
    };
    write(".git/HEAD", "ref: refs/heads/main\n");
    write("ca/company.pem", "");
    write(".cargo/config.toml", "[http]\ncainfo = \"ca/company.pem\"\n");
    let (_, plan) = planned(&tree, "app", None);
    for file in [".cargo/config.toml", "ca/company.pem"] {
        assert!(plan.context.local.iter().any(|local| local == file), "{file}: {:?}", plan.context.local);
    }
    let kept: Vec<&str> = plan.ignore.iter().map(|rule| rule.pattern.as_str()).collect();
    assert!(
        kept.iter().rposition(|rule| *rule == "!ca/company.pem") > kept.iter().rposition(|rule| *rule == "**/*.pem")
    );

    // A file of this machine's is no part of a build elsewhere.
    write(".cargo/config.toml", "[http]\ncainfo = \"/opt/company.pem\"\n");
    let (_, plan) = planned(&tree, "app", None);
    assert!(plan.context.local.iter().all(|local| !local.contains("company.pem")));
    assert_eq!(plan.groups[0].env["CARGO_HTTP_CAINFO"], "/etc/ssl/certs/ca-certificates.crt");
}

fn manifest(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
}

#[test]
fn features_add_packages() {
    let app =
        manifest("app", "[workspace]\n[dependencies]\nx11 = { path = \"x11\", features = [\"xlib\", \"xtst\"] }\n");
    let x11 = manifest("x11", "[features]\nxlib = []\nxtst = []\nxft = []\n");
    let sources = [("src/main.rs", "fn main() {}"), ("x11/src/lib.rs", "")];
    let packages = |app: &str| {
        let tree = Tree::of(&[&sources[..], &[("Cargo.toml", app), ("x11/Cargo.toml", &x11)]].concat());
        let group = planned_alone(&tree).groups.remove(0);
        group.packages.into_iter().map(|package| package.name).collect::<Vec<_>>()
    };
    assert_eq!(packages(&app), ["libx11-dev", "libxtst-dev", "pkg-config"]);
    assert_eq!(packages(&app.replace("\"xlib\", ", "")), ["libxtst-dev", "pkg-config"]);
    assert!(packages(&app.replace("\"xlib\", \"xtst\"", "")).is_empty());
}

#[test]
fn settings_and_patterns_are_assets() {
    let main = r#"fn main() {
        read("templates/**/*.html");
        read("config/default");
        read(&format!("config/{name}"));
        read("settings");
        read("log.yaml");
        read("Cargo.toml");
        read("README");
    }"#;
    let app = "[workspace]\n[dependencies]\nconfig = { path = \"libs/config\" }\nrocket = { path = \"libs/rocket\" }\n";
    let mut files = vec![
        ("Cargo.toml", manifest("app", app)),
        ("src/main.rs", main.to_owned()),
        ("libs/config/Cargo.toml", manifest("config", "")),
        ("libs/rocket/Cargo.toml", manifest("rocket", "")),
    ];
    let empty = ["libs/config/src/lib.rs", "libs/rocket/src/lib.rs", "templates/a.html", "config/default.toml"];
    let more = ["config/production.toml", "settings.json", "log.yaml", "README.md", "Rocket.toml"];
    files.extend(empty.into_iter().chain(more).map(|path| (path, String::new())));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let tree = Tree::of(&files);
    let plan = planned_alone(&tree);
    let assets: Vec<(&str, &str)> =
        plan.images[0].assets.iter().map(|asset| (asset.from.as_str(), asset.to.as_str())).collect();
    let expected = ["Rocket.toml", "config", "log.yaml", "settings.json", "templates"];
    assert_eq!(assets.iter().map(|(from, _)| *from).collect::<Vec<_>>(), expected);
    assert!(assets.iter().all(|(from, to)| *to == format!("/app/{from}")), "{assets:?}");
}
