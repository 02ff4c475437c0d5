//! Plans and files over workspaces of different shapes, as snapshots: they are read as output before they are accepted.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use cargo_dockerize::plan::Flags;
use cargo_dockerize::plan::model::{Because, CiSecret, TestRunner};
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
    let plan = plan::plan(&workspace, &settings, &Flags { features, ..Flags::default() }).unwrap();
    (workspace, plan)
}

/// The compose files of a tree with these keys in its table.
fn compose(name: &str, from: &str, inside: &str, keys: &str) {
    let tree = Tree::copy(from);
    let manifest = tree.path().join(inside).join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let owner = if text.contains("[workspace]") { "workspace" } else { "package" };
    fs_err::write(&manifest, format!("{text}\n[{owner}.metadata.dockerize]\n{keys}\n")).unwrap();
    let (_, plan) = planned(&tree, inside, None);
    for file in render::compose_files(&plan).unwrap() {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{name}-{}", file.path), file.contents);
        });
    }
}

#[test]
fn compose_of_the_example() {
    compose("example", "example-workspace", "", "compose = [\"prod\", \"dev\"]");
}

#[test]
fn compose_with_a_database() {
    compose("redis", "tests/corpus/redis", "", "compose = [\"prod\"]");
}

#[test]
fn compose_with_what_the_metadata_says() {
    let keys = "compose = { prod = \"run.yaml\", dev = \"compose.dev.yaml\" }\nservices = [\"postgres\", \"rabbitmq\", \"kafka\"]\n\
        mirrors = { \"docker.io\" = \"mirror.example/hub\" }\nwritable = [\"/data\", \"/var/lib/app\"]\nenv = { GREETING = \"a \\\"b\\\" $HOME: #c\" }\n\
        init = true";
    compose("said", "tests/corpus/redis", "", keys);
}

#[test]
fn compose_above_the_root() {
    compose("outside", "tests/corpus/outside", "app", "compose = [\"prod\", \"dev\"]");
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

/// The plan of a tree on a base.
fn on_base(from: &str, base: &str, more: &str) -> plan::Plan {
    let tree = Tree::copy(from);
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let owner = if text.contains("[workspace]") { "workspace" } else { "package" };
    let said = format!("{text}\n{more}\n[{owner}.metadata.dockerize.images]\nfinal = \"{base}\"\n");
    fs_err::write(&manifest, said).unwrap();
    planned(&tree, "", None).1
}

fn dockerfile(plan: &plan::Plan) -> String {
    render::render(plan).unwrap().remove(0).contents
}

/// What the stages of the images say, of all the Dockerfile.
fn about_images(text: &str) -> String {
    let libraries = text.split_once("# The shared libraries").unwrap().1;
    let (libraries, rest) = libraries.split_once("\n\n").unwrap();
    let images = rest.split_once("# The files of the images").unwrap().1;
    format!("# The shared libraries{libraries}\n\n# The files of the images{images}")
}

#[test]
fn bases_whose_libraries_are_used_and_not() {
    for (name, base) in [
        ("cc", "distroless-cc"),
        ("debian12", "distroless-cc-debian12"),
        ("slim", "debian:trixie-slim"),
        ("chainguard", "chainguard-glibc-dynamic"),
        ("unknown", "registry.example/team/base:1"),
    ] {
        let plan = on_base("tests/corpus/native", base, "");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("base-{name}-Dockerfile"), about_images(&dockerfile(&plan)));
        });
    }
}

#[test]
fn a_base_by_its_name_goes_through_the_mirror() {
    let mirror = "[workspace.metadata.dockerize.mirrors]\n\"gcr.io\" = \"mirror.example/gcr\"\n";
    let plan = on_base("tests/corpus/native", "distroless-cc", mirror);
    assert_eq!(plan.images[0].base, "mirror.example/gcr/distroless/cc-debian13:nonroot");
    assert!(plan.images.iter().all(|image| image.brings.as_ref().unwrap().user));
    // A reference that somebody wrote is taken as it is, and recognised.
    let plan = on_base("tests/corpus/native", "mirror.example/gcr/distroless/cc-debian13:latest", mirror);
    assert_eq!(plan.images[0].base, "mirror.example/gcr/distroless/cc-debian13:latest");
    assert!(plan.images[0].brings.as_ref().unwrap().user);
}

#[test]
fn what_a_base_brings_is_not_copied() {
    let plan = on_base("example-workspace", "distroless-static", "");
    let api = plan.images.iter().find(|image| image.name == "api").unwrap();
    assert!(api.rootfs.ca_certificates.is_some() && !api.adds_ca() && !api.adds_passwd() && !api.adds_home());
    let text = dockerfile(&plan);
    for gone in ["install -D -m 644 -t etc", "/etc/dockerize/passwd", "home/nonroot"] {
        assert!(!text.contains(gone), "{gone}");
    }
    // More authorities than the base's are the base's and more.
    let plan = on_base("example-workspace", "alpine", "");
    assert!(plan.notes.iter().any(|note| note.rule == "base:more"), "{:?}", plan.notes);
    assert_eq!(plan.images[0].env["HOME"], "/home/nonroot");
}

#[test]
fn tests_with_fixtures_and_a_runner_of_their_own() {
    files("tested", &Tree::copy("tests/corpus/tested"), "");
}

/// The evidence that there is, and what the metadata says against it.
#[test]
fn who_runs_the_tests() {
    let runner = |files: &[(&str, &str)], said: &str| {
        let tree = Tree::copy("tests/corpus/single");
        for (file, text) in files {
            fs_err::create_dir_all(tree.path().join(file).parent().unwrap()).unwrap();
            fs_err::write(tree.path().join(file), text).unwrap();
        }
        let manifest = tree.path().join("Cargo.toml");
        let text = fs_err::read_to_string(&manifest).unwrap();
        fs_err::write(manifest, format!("{text}\n[package.metadata.dockerize]\n{said}\n")).unwrap();
        let (_, plan) = planned(&tree, "", None);
        (plan.test.runner, plan.test.because.text)
    };
    let justfile = ("justfile", "test:\n    cargo nextest run --workspace\n");
    assert_eq!(runner(&[justfile], ""), (TestRunner::Nextest, "justfile calls cargo nextest".to_owned()));
    let workflow = (".github/workflows/ci.yml", "  - run: cargo nextest run\n");
    assert_eq!(runner(&[workflow], "").1, ".github/workflows/ci.yml calls cargo nextest");
    assert_eq!(runner(&[], "").0, TestRunner::Cargo);
    assert_eq!(runner(&[justfile], "test-runner = \"cargo\"").0, TestRunner::Cargo);
    let (runner, why) = runner(&[justfile], "toolchain = \"1.70\"");
    assert_eq!(runner, TestRunner::Cargo, "{why}");
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
        Tera::new("templates/**/*.html");
        config::File::with_name("config/default");
        config::File::with_name(&format!("config/{name}"));
        config::File::with_name("settings");
        std::fs::read("log.yaml");
        std::fs::read("Cargo.toml");
        std::fs::read("README");
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

/// The workflows of a tree whose metadata has these keys, after a change to the plan.
fn workflows(name: &str, tree: &Tree, keys: &[(&str, toml_edit::Value)], change: impl FnOnce(&mut plan::Plan)) {
    let manifest = tree.path().join("Cargo.toml");
    let edited = config::edit(&fs_err::read_to_string(&manifest).unwrap(), keys).unwrap();
    fs_err::write(&manifest, edited).unwrap();
    let (_, mut plan) = planned(tree, "", None);
    change(&mut plan);
    for file in render::render(&plan).unwrap().into_iter().filter(|file| file.path.extension() == Some("yml")) {
        let forge = file.path.as_str().split(['/', '.']).find(|part| !part.is_empty()).unwrap();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{name}-ci-{forge}"), file.contents);
        });
    }
}

fn forges(names: &[&str]) -> toml_edit::Value {
    names.iter().copied().collect::<toml_edit::Array>().into()
}

#[test]
fn workflows_of_every_forge() {
    let tree = Tree::copy("example-workspace");
    workflows("example", &tree, &[("ci", forges(&["github", "gitlab", "forgejo"]))], |_| ());
}

#[test]
fn workflows_with_secrets_and_a_cache_in_a_registry() {
    let keys = [
        ("ci", forges(&["github", "gitlab", "forgejo"])),
        ("cache", "registry=ghcr.io/team/cache".into()),
        ("cache-write", forges(&["trunk"])),
    ];
    workflows("private", &Tree::copy("tests/corpus/single"), &keys, |plan| {
        let because = |text: &str| Because {
            text: format!("shop 0.1.0 {text}"),
            krate: Some("shop 0.1.0".to_owned()),
            rule: "lock-file".to_owned(),
            file: Some("Cargo.lock".to_owned()),
        };
        plan.ci.as_mut().unwrap().secrets = vec![
            CiSecret::RegistryToken {
                variable: "CARGO_REGISTRIES_COMPANY_TOKEN".to_owned(),
                because: because("comes from the registry company"),
            },
            CiSecret::SshKey {
                variable: "SSH_PRIVATE_KEY".to_owned(),
                because: because("is fetched with git over SSH from git.example"),
            },
            CiSecret::GitCredential {
                variable: "GIT_TOKEN_GIT_EXAMPLE_8443".to_owned(),
                host: "git.example:8443".to_owned(),
                because: because("is fetched with git from git.example:8443"),
            },
        ];
    });
}

/// The files of a build, by name.
fn build_files(tree: &Tree) -> std::collections::BTreeMap<String, String> {
    let (_, plan) = planned(tree, "", None);
    render::build_files(&plan).unwrap().into_iter().map(|file| (file.path.into_string(), file.contents)).collect()
}

/// What changes in a repository from day to day changes no file that people commit.
#[test]
fn a_release_and_a_member_that_is_not_built_change_no_file() {
    let tree = Tree::copy("example-workspace");
    let before = build_files(&tree);
    let edit = |path: &str, from: &str, to: &str| {
        let path = tree.path().join(path);
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {path}");
        fs_err::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    let version = |text: &str| text.lines().find(|line| line.starts_with("version")).unwrap().to_owned();
    let manifest = fs_err::read_to_string(tree.path().join("Cargo.toml")).unwrap();
    let old = version(&manifest);
    edit("Cargo.toml", &old, "version = \"7.8.9\"");
    fs_err::create_dir_all(tree.path().join("crates/unused/src")).unwrap();
    let unused = "[package]\nname = \"unused\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs_err::write(tree.path().join("crates/unused/Cargo.toml"), unused).unwrap();
    fs_err::write(tree.path().join("crates/unused/src/lib.rs"), "").unwrap();
    // The lock file follows, and takes no other package.
    let mut cargo = std::process::Command::new("cargo");
    assert!(
        cargo.args(["metadata", "--format-version", "1"]).current_dir(tree.path()).output().unwrap().status.success()
    );
    for (name, text) in build_files(&tree) {
        assert_eq!(text, before[&name], "{name}");
    }
}

/// Budgets of the design: what reviewers read.
#[test]
fn the_files_are_short() {
    let lines = |tree: &Tree, name: &str| build_files(tree).get(name).map_or(0, |text| text.lines().count());
    let example = Tree::copy("example-workspace");
    let single = Tree::copy("tests/corpus/caching");
    // `emit` adds three lines.
    let prod = lines(&example, "Dockerfile") + 3;
    assert!(lines(&single, "Dockerfile") + 3 <= 90 && prod <= 140, "{prod}");
    let manifest = fs_err::read_to_string(example.path().join("Cargo.toml")).unwrap();
    let stages = format!("{manifest}\n[workspace.metadata.dockerize]\nstages = [\"test\", \"dev\"]\n");
    fs_err::write(example.path().join("Cargo.toml"), stages).unwrap();
    let all = lines(&example, "Dockerfile") + 3;
    assert!(all <= prod + 40, "{prod} and {all}");
    for (name, text) in build_files(&example) {
        assert!(!text.contains("awk"), "{name}");
    }
}

/// A variable that one group needs must not make another group's units others, nor reach its compiler.
#[test]
fn the_environment_of_a_group_is_its_own() {
    let tree = Tree::copy("tests/corpus/native");
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let key = "native = [{ crate = \"openssl-sys\", musl = \"system\", env = { CXXFLAGS = \"-DGROUP\" } }]";
    fs_err::write(&manifest, format!("{text}{key}\n")).unwrap();
    let text = dockerfile(&planned(&tree, "", None).1);
    let stage = |name: &str| text.split("\nFROM ").find(|stage| stage.lines().next().unwrap().ends_with(name)).unwrap();
    assert!(stage("AS chef-gnu").contains("CXXFLAGS=-DGROUP"), "{text}");
    assert_eq!(text.matches("CXXFLAGS").count(), 1, "{text}");
}

/// An embedded folder is compiled in whole: `include_dir!`, rust-embed.
#[test]
fn an_embedded_folder_keeps_files_with_names_of_secrets() {
    let main = "static DIR: Dir = include_dir!(\"$CARGO_MANIFEST_DIR/scaffold\");\nstatic ALL: Dir = include_dir!(\"$CARGO_MANIFEST_DIR\");\n#[derive(RustEmbed)]\n#[folder = \"web\"]\nstruct Web;\nfn main() {}\n";
    let tree = Tree::of(&[
        ("Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n"),
        ("src/main.rs", main),
        ("scaffold/.env", "A=1"),
        ("scaffold/server.pem", ""),
        ("web/index.html", ""),
        ("other/.env", "A=1"),
    ]);
    let ignored = &build_files(&tree)[".dockerignore"];
    assert!(
        ignored.contains("\n!scaffold/**\n") && !ignored.contains("!web") && !ignored.contains("!other"),
        "{ignored}"
    );
}

/// `members = ["*"]` takes each folder at the root for a member.
#[test]
fn scripts_are_no_member() {
    let tree = Tree::of(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n"),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n"),
        ("app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        ("app/src/main.rs", "fn main() {}\n"),
    ]);
    let files = build_files(&tree);
    assert!(files.contains_key("app/.dockerize/target.sh"), "{:?}", files.keys());
    assert!(files["Dockerfile"].contains("\nCOPY app/.dockerize /\n"), "{}", files["Dockerfile"]);
}
