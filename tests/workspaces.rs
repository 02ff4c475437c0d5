//! Small workspaces, each with one thing that the plan has to see. Dependencies are stubs in the tree, so that no test downloads.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use cargo_dockerize::config;
use cargo_dockerize::failure::Failure;
use cargo_dockerize::plan::{self, Asked, Flags, Plan};
use cargo_dockerize::workspace::{Query, Workspace};
use support::Tree;

fn read(tree: &Tree) -> Workspace {
    let query = Query {
        manifest_path: Some(tree.path().join("Cargo.toml")),
        generate_lockfile: true,
        offline: true,
        ..Query::default()
    };
    Workspace::load(&query).unwrap()
}

fn try_plan(tree: &Tree, flags: &Flags) -> Result<Plan, Failure> {
    let workspace = read(tree);
    plan::plan(&workspace, &config::load(&workspace).unwrap(), flags)
}

fn planned(files: &[(&str, &str)]) -> Plan {
    try_plan(&Tree::of(files), &Flags::default()).unwrap()
}

fn refused(files: &[(&str, &str)]) -> Failure {
    try_plan(&Tree::of(files), &Flags::default()).unwrap_err()
}

fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
}

fn images(plan: &Plan) -> Vec<(&str, &str)> {
    plan.images.iter().map(|image| (image.package.as_str(), image.name.as_str())).collect()
}

/// What the notes of a rule say.
fn notes<'a>(plan: &'a Plan, rule: &str) -> Vec<&'a str> {
    plan.notes.iter().filter(|note| note.rule == rule).map(|note| note.text.as_str()).collect()
}

const MAIN: &str = "fn main() {}\n";

/// One program that is built by default, and two of one name that are not.
fn with_default_members(root: &str) -> Tree {
    let schema = "[[bin]]\nname = \"schema\"\npath = \"src/schema.rs\"\n";
    let root = format!("[workspace]\nresolver = \"3\"\nmembers = [\"cli\", \"config\", \"policy\"]\n{root}\n");
    Tree::of(&[
        ("Cargo.toml", &root),
        ("cli/Cargo.toml", &package("cli", "")),
        ("cli/src/main.rs", MAIN),
        ("config/Cargo.toml", &package("config", schema)),
        ("config/src/lib.rs", ""),
        ("config/src/schema.rs", MAIN),
        ("policy/Cargo.toml", &package("policy", schema)),
        ("policy/src/schema.rs", MAIN),
    ])
}

#[test]
fn default_members_are_what_is_built() {
    let plan = try_plan(&with_default_members("default-members = [\"cli\"]"), &Flags::default()).unwrap();
    assert_eq!(images(&plan), [("cli", "cli")]);
    let said = notes(&plan, "selection");
    assert_eq!(said.len(), 1, "one note for all of them: {said:?}");
    for word in ["schema (config), schema (policy)", "`binaries = [\"NAME\"]`", "`--workspace`"] {
        assert!(said[0].contains(word), "{word}: {said:?}");
    }
    // Without the key all members of a workspace without a root package are built, where two programs have one name.
    let failure = try_plan(&with_default_members(""), &Flags::default()).unwrap_err();
    assert!(failure.to_string().contains("two packages have a binary `schema`"), "{failure}");
}

#[test]
fn the_root_package_is_the_default_member() {
    let root = "[workspace]\nmembers = [\"tools/*\"]\n";
    let files = |metadata: &str| {
        let manifest = package("tally", &format!("{root}{metadata}"));
        planned(&[
            ("Cargo.toml", &manifest),
            ("src/main.rs", MAIN),
            ("tools/audit/Cargo.toml", &package("audit", "")),
            ("tools/audit/src/main.rs", MAIN),
        ])
    };
    assert_eq!(images(&files("")), [("tally", "tally")]);
    let table = "[workspace.metadata.dockerize]\n";
    let both = [("tally", "tally"), ("audit", "audit")];
    assert_eq!(images(&files(&format!("{table}workspace = true\n"))), both);
    assert_eq!(images(&files(&format!("{table}binaries = [\"audit\"]\n"))), [("audit", "audit")]);
}

#[test]
fn a_root_package_without_a_binary_does_not_hide_the_others() {
    let plan = planned(&[
        ("Cargo.toml", &package("core", "[workspace]\nmembers = [\"server\"]\n")),
        ("src/lib.rs", ""),
        ("server/Cargo.toml", &package("server", "")),
        ("server/src/main.rs", MAIN),
    ]);
    assert_eq!(images(&plan), [("server", "server")]);
    assert!(notes(&plan, "selection")[0].contains("the default members have no binary"), "{:?}", plan.notes);
}

#[test]
fn the_command_line_chooses_others() {
    let tree =
        with_default_members("default-members = [\"cli\"]\n[workspace.metadata.dockerize]\nexclude = [\"policy\"]");
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let ask = |packages: &[&str], binaries: &[&str], workspace: bool| {
        let asked = Asked { packages: list(packages), binaries: list(binaries), workspace };
        try_plan(&tree, &Flags { asked, ..Flags::default() })
    };
    assert_eq!(images(&ask(&["config"], &[], false).unwrap()), [("config", "schema")]);
    assert_eq!(images(&ask(&["config@0.1.0"], &[], false).unwrap()), [("config", "schema")]);
    assert_eq!(images(&ask(&[], &[], true).unwrap()), [("cli", "cli"), ("config", "schema")]);
    // What the command line names wins over `exclude`.
    assert_eq!(images(&ask(&["policy"], &["schema"], false).unwrap()), [("policy", "schema")]);
    assert!(ask(&[], &["schema"], false).unwrap_err().to_string().contains("two packages"));
    assert_eq!(ask(&[], &["shema"], false).unwrap_err().to_string(), "there is no binary `shema`");
    assert_eq!(ask(&["cli"], &["schema"], false).unwrap_err().to_string(), "there is no binary `schema`");
    assert_eq!(ask(&["polcy"], &[], false).unwrap_err().to_string(), "there is no package `polcy`");
}

#[test]
fn programs_for_no_linux_get_no_image() {
    let root = "[workspace]\nresolver = \"3\"\nmembers = [\"server\", \"device\", \"web\"]\n";
    let files = |metadata: &str| {
        let tree = Tree::of(&[
            ("Cargo.toml", &format!("{root}{metadata}")),
            ("server/Cargo.toml", &package("server", "")),
            ("server/src/main.rs", MAIN),
            ("device/Cargo.toml", &package("device", "")),
            ("device/src/main.rs", "#![no_std]\n#![no_main]\n"),
            ("device/.cargo/config.toml", "[build]\ntarget = \"thumbv7em-none-eabihf\"\n"),
            ("web/Cargo.toml", &package("web", "")),
            ("web/src/main.rs", MAIN),
            ("web/Trunk.toml", "[build]\n"),
        ]);
        try_plan(&tree, &Flags::default()).unwrap()
    };
    let plan = files("");
    assert_eq!(images(&plan), [("server", "server")]);
    let said = notes(&plan, "selection");
    assert!(said[0].starts_with("device gets no image: it is for thumbv7em-none-eabihf"), "{said:?}");
    assert!(said[1].contains("Trunk builds it for a browser, as web/Trunk.toml says"), "{said:?}");
    // A build for Linux does not compile the one, and does compile the other.
    assert_eq!(plan.test.cargo_args, ["--workspace", "--exclude", "device"]);
    // Whoever names one knows better.
    let plan = files("[workspace.metadata.dockerize]\nbinaries = [\"web\", \"server\"]\n");
    assert_eq!(images(&plan).len(), 2);
}

#[test]
fn a_dependency_of_browsers_is_only_noted() {
    let said = |metadata: &str, features: &str| {
        let plan = planned(&[
            (
                "Cargo.toml",
                &package("app", &format!("[workspace]\n[dependencies]\nyew = {{ path = \"yew\" }}\n{metadata}")),
            ),
            ("src/main.rs", MAIN),
            ("yew/Cargo.toml", &package("yew", &format!("[features]\ndefault = [{features}]\ncsr = []\nssr = []\n"))),
            ("yew/src/lib.rs", ""),
        ]);
        assert_eq!(images(&plan), [("app", "app")]);
        notes(&plan, "runtime:yew").join("")
    };
    assert!(said("", "\"csr\"").contains("`exclude = [\"app\"]`"));
    assert_eq!(said("", "\"ssr\""), "");
    assert_eq!(said("[package.metadata.leptos]\nsite-root = \"site\"\n", "\"csr\""), "");
}

#[test]
fn std_is_compiled_from_its_sources() {
    let dockerfile = |toolchain: (&str, &str), config: &str| {
        let manifest = package("app", "[workspace]\n");
        let plan = planned(&[
            ("Cargo.toml", &manifest),
            ("src/main.rs", MAIN),
            (".cargo/config.toml", config),
            // It is for the image: what runs the tests reads the workspace.
            toolchain,
        ]);
        let components = plan.toolchain.components.clone();
        (components, cargo_dockerize::render::build_files(&plan).unwrap().remove(0).contents)
    };
    let config =
        "[unstable]\nbuild-std = [\"std\", \"panic_abort\"]\n[build]\ntarget = \"x86_64-unknown-linux-musl\"\n";
    let (components, text) = dockerfile(("rust-toolchain", "nightly-2026-01-15\n"), config);
    assert_eq!(components, ["rust-src"]);
    assert!(
        text.contains("rustup toolchain install nightly-2026-01-15 --profile minimal --component rust-src"),
        "{text}"
    );
    // The variable wins over the target of the file.
    assert!(text.contains("ENV CARGO_BUILD_TARGET="), "{text}");
    let listed = "[toolchain]\nchannel = \"nightly-2026-01-15\"\ncomponents = [\"rust-src\", \"clippy\"]\n";
    assert_eq!(dockerfile(("rust-toolchain.toml", listed), config).0, ["rust-src"]);
    assert!(dockerfile(("rust-toolchain", "nightly-2026-01-15\n"), "[build]\njobs = 2\n").0.is_empty());
}

/// A package that uses sqlx of a version, with these other files.
fn with_sqlx(version: &str, features: &str, files: &[(&str, &str)]) -> Vec<(String, String)> {
    let sqlx = format!(
        "[package]\nname = \"sqlx-macros\"\nversion = \"{version}\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n[features]\noffline = []\n"
    );
    let app = format!("[workspace]\n[dependencies]\nsqlx-macros = {{ path = \"sqlx\", features = [{features}] }}\n");
    let all = [("Cargo.toml", package("store", &app)), ("sqlx/Cargo.toml", sqlx), ("sqlx/src/lib.rs", String::new())];
    let all = all.into_iter().map(|(path, text)| (path.to_owned(), text));
    all.chain(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))).collect()
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

const ASKS: &str = "fn main() { sqlx::query!(\"SELECT 1\"); }\n";

#[test]
fn a_database_that_tests_ask_stops_no_plan() {
    let in_tests = [("src/main.rs", MAIN), ("tests/api.rs", "#[test]\nfn rows() { sqlx::query!(\"SELECT 1\"); }\n")];
    let in_module =
        [("src/main.rs", "fn main() {}\n#[cfg(test)]\nmod tests { fn f() { sqlx::query!(\"SELECT 1\"); } }\n")];
    for (files, place) in [(&in_tests[..], "tests/api.rs:2"), (&in_module[..], "src/main.rs:3")] {
        let plan = planned(&borrowed(&with_sqlx("0.8.6", "", files)));
        assert!(notes(&plan, "sqlx-tests")[0].contains(&format!("(`query!` in {place})")), "{:?}", plan.notes);
        assert!(!plan.groups[0].env.contains_key("SQLX_OFFLINE"));
        let saved = [files, &[(".sqlx/query-1.json", "{}")]].concat();
        assert!(notes(&planned(&borrowed(&with_sqlx("0.8.6", "", &saved))), "sqlx-tests").is_empty());
    }
    let failure = refused(&borrowed(&with_sqlx("0.8.6", "", &[("src/main.rs", ASKS)])));
    assert!(failure.to_string().contains("`query!` in src/main.rs:1"), "{failure}");
}

#[test]
fn answers_of_an_older_sqlx() {
    let files = [("src/main.rs", ASKS), ("sqlx-data.json", "{}")];
    let plan = planned(&borrowed(&with_sqlx("0.6.3", "\"offline\"", &files)));
    assert_eq!(plan.groups[0].env["SQLX_OFFLINE"], "true");
    let failure = refused(&borrowed(&with_sqlx("0.6.3", "", &files)));
    assert!(failure.to_string().contains("no feature `offline`"), "{failure}");
    let failure = refused(&borrowed(&with_sqlx("0.6.3", "\"offline\"", &files[..1])));
    assert!(failure.report().contains("sqlx-data.json"), "{}", failure.report());
}

#[test]
fn a_member_with_the_name_of_a_package_is_named_by_its_place() {
    let files = |name: &str| {
        let root = "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"tools/count it\"]\nexclude = [\"number\"]\n\
                    [workspace.metadata.dockerize]\nworkspace = true\nstages = [\"dev\"]\n";
        let member = "[dependencies]\nnumber = { package = \"itoa\", path = \"../../number\" }\n";
        let number = package("itoa", "").replace("0.1.0", "1.0.0");
        let plan = planned(&[
            ("Cargo.toml", root),
            ("app/Cargo.toml", &package("app", "")),
            ("app/src/main.rs", MAIN),
            ("tools/count it/Cargo.toml", &package(name, member)),
            ("tools/count it/src/main.rs", MAIN),
            ("number/Cargo.toml", &number),
            ("number/src/lib.rs", ""),
        ]);
        let files = cargo_dockerize::render::build_files(&plan).unwrap();
        let text = |name: &str| files.iter().find(|file| file.path.ends_with(name)).unwrap().contents.clone();
        (text("Dockerfile"), text("dev.sh"), plan)
    };
    let (dockerfile, dev, plan) = files("itoa");
    let place = "--package \"file://$PWD\"'/tools/count%20it#itoa'";
    assert_eq!(dockerfile.matches(&format!("--package app {place} ")).count(), 2, "cook and build: {dockerfile}");
    assert!(dev.contains(&format!("set -- {place} --bin itoa")), "{dev}");
    let here = plan.groups[0].args_in("/home/me/my code", ["itoa"]);
    assert_eq!(here[3], "file:///home/me/my%20code/tools/count%20it#itoa");
    let (dockerfile, ..) = files("count");
    assert!(dockerfile.contains("--package app --package count ") && !dockerfile.contains("$PWD"), "{dockerfile}");
}

#[test]
fn the_builders_processor_is_not_everybodys() {
    let files = |config: &str, metadata: &str| {
        let manifest = package("app", &format!("[workspace]\n[package.metadata.dockerize]\n{metadata}\n"));
        let tree = Tree::of(&[("Cargo.toml", &manifest), ("src/main.rs", MAIN), (".cargo/config.toml", config)]);
        try_plan(&tree, &Flags::default())
    };
    for config in [
        "[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\n",
        "[build]\nrustflags = \"-Copt-level=3 -Ctarget-cpu=native\"\n",
        "[target.'cfg(target_os = \"linux\")']\nrustflags = [\"-Ctarget-cpu=native\"]\n",
        "[target.aarch64-unknown-linux-musl]\nrustflags = [\"--codegen\", \"target-cpu=native\"]\n",
    ] {
        let failure = files(config, "").unwrap_err();
        assert_eq!(failure.kind(), cargo_dockerize::failure::Kind::Workspace);
        let place = failure.place().unwrap();
        assert_eq!((place.file.as_str(), &place.text[place.span.clone()]), (".cargo/config.toml", "target-cpu=native"));
        for word in ["target-cpu=x86-64-v3", "allow-native-cpu = true"] {
            assert!(failure.report().contains(word), "{}", failure.report());
        }
        let plan = files(config, "allow-native-cpu = true").unwrap();
        assert!(notes(&plan, "native-cpu")[0].contains("illegal instruction"), "{:?}", plan.notes);
    }
    for config in [
        "[build]\nrustflags = [\"-C\", \"target-cpu=x86-64-v3\"]\n",
        "[target.x86_64-pc-windows-msvc]\nrustflags = [\"-Ctarget-cpu=native\"]\n",
        // Flags of a target are all that cargo takes.
        "[build]\nrustflags = [\"-Ctarget-cpu=native\"]\n[target.'cfg(unix)']\nrustflags = [\"-Copt-level=3\"]\n",
    ] {
        assert!(files(config, "").is_ok(), "{config}");
    }
    assert!(files("[build]\njobs = 1\n", "build-env = { RUSTFLAGS = \"-C target-cpu=native\" }").is_err());
}

#[test]
fn the_local_offset_needs_time_zones() {
    let zones = |features: &str| {
        let time = format!("[workspace]\n[dependencies]\ntime = {{ path = \"time\", features = [{features}] }}\n");
        let plan = planned(&[
            ("Cargo.toml", &package("app", &time)),
            ("src/main.rs", MAIN),
            ("time/Cargo.toml", &package("time", "[features]\nlocal-offset = []\nformatting = []\n")),
            ("time/src/lib.rs", ""),
        ]);
        plan.images[0].rootfs.zoneinfo.clone().map(|because| because.text)
    };
    let why = "time 0.1.0 reads the local time zone (feature local-offset)";
    assert_eq!(zones("\"local-offset\"").as_deref(), Some(why));
    assert_eq!(zones("\"formatting\""), None);
}

#[test]
fn who_opens_libraries_is_linked_dynamically() {
    let plan = |main: &str, dependency: &str| {
        let manifest = format!("[workspace]\n[dependencies]\n{dependency} = {{ path = \"libs/{dependency}\" }}\n");
        planned(&[
            ("Cargo.toml", &package("host", &manifest)),
            ("src/main.rs", main),
            ("libs/libloading/Cargo.toml", &package("libloading", "")),
            ("libs/libloading/src/lib.rs", ""),
            ("libs/ash/Cargo.toml", &package("ash", "[dependencies]\nlibloading = { path = \"../libloading\" }\n")),
            // A stub is a member, whose own code must not speak for the program.
            ("libs/ash/src/lib.rs", ""),
        ])
    };
    let dynamic = plan("use libloading::Library;\nfn main() {}\n", "libloading");
    assert_eq!(dynamic.groups[0].linkage.name(), "dynamic-gnu");
    let why = &dynamic.groups[0].because[0].text;
    assert_eq!(
        why,
        "host opens libraries with libloading while it runs (src/main.rs:1), which a static program cannot"
    );
    assert!(notes(&dynamic, "dlopen")[0].contains("`assets`"), "{:?}", dynamic.notes);
    let other = plan(MAIN, "ash");
    assert_eq!(other.groups[0].linkage.name(), "static-musl");
    assert!(notes(&other, "dlopen")[0].contains("libloading 0.1.0 opens libraries, for ash"), "{:?}", other.notes);
    assert!(notes(&other, "dlopen")[0].contains("`linkage = \"dynamic-gnu\"`"));
}

#[test]
fn an_embedded_folder_has_to_be_there() {
    let app = "[workspace]\nexclude = [\"libs\"]\n[dependencies]\nrust-embed = { path = \"libs/embed\" }\n";
    let manifest = package("app", app);
    let embed = package("rust-embed", "");
    let source = "#[derive(RustEmbed)]\n#[folder = \"web/dist\"]\nstruct Web;\n";
    let main = format!("{source}fn main() {{}}\n");
    let tree = |files: &[(&str, &str)]| {
        let all = [("Cargo.toml", manifest.as_str()), ("libs/embed/Cargo.toml", &embed), ("libs/embed/src/lib.rs", "")];
        try_plan(&Tree::of(&[&all[..], files].concat()), &Flags::default())
    };
    let alone = [("src/main.rs", main.as_str())];
    let failure = tree(&alone).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "app embeds the folder `web/dist` (#[folder] in src/main.rs:2), which is not there"
    );
    let front = [alone[0], ("web/package.json", "{}"), ("web/pnpm-lock.yaml", "")];
    let report = tree(&front).unwrap_err().report();
    assert!(report.contains("pnpm run build` in `web`"), "{report}");
    let built = [alone[0], ("web/dist/index.html", "")];
    assert!(notes(&tree(&built).unwrap(), "embedded-folder").is_empty());
    // Who could see to it gets the benefit of the doubt.
    let scripted = [alone[0], ("build.rs", "fn main() {}\n")];
    let conditional =
        [("src/main.rs", "#[cfg(feature = \"ui\")]\npub(crate) mod web;\nfn main() {}\n"), ("src/web.rs", source)];
    for (files, why) in [(&scripted[..], "build script"), (&conditional[..], "feature")] {
        let plan = tree(files).unwrap();
        assert!(notes(&plan, "embedded-folder")[0].contains(why), "{:?}", plan.notes);
    }
    for files in [
        [("src/main.rs", format!("#[allow_missing = true]\n{main}")), ("README.md", String::new())],
        [("src/main.rs", MAIN.to_owned()), ("tests/web.rs", source.to_owned())],
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        assert!(tree(&files).is_ok());
    }
}

#[test]
fn variables_that_are_compiled_in() {
    let plan = |files: &[(&str, &str)], metadata: &str| {
        let manifest = package("client", &format!("{metadata}\n[workspace]\nexclude = [\"libs\"]\n"));
        let main = "fn main() { println!(\"{} {}\", env!(\"API_BASE\"), env!(\"CARGO_PKG_VERSION\")); }\n";
        planned(&[&[("Cargo.toml", manifest.as_str()), ("src/main.rs", main)], files].concat())
    };
    let unset = plan(&[], "");
    let said = notes(&unset, "env-macro");
    assert_eq!(said.len(), 1, "{said:?}");
    for word in ["`API_BASE`", "src/main.rs:1", "`build-env = { API_BASE = \"…\" }`", "--build-arg API_BASE=…"] {
        assert!(said[0].contains(word), "{word}: {said:?}");
    }
    let dockerfile = |plan: &Plan| cargo_dockerize::render::build_files(plan).unwrap().remove(0).contents;
    let text = dockerfile(&unset);
    let builder = text.split("\nFROM ").find(|stage| stage.lines().next().unwrap().ends_with(" AS builder")).unwrap();
    assert!(builder.contains("(`env!` in src/main.rs): --build-arg API_BASE=…\nARG API_BASE\n"), "{builder}");
    assert_eq!(text.matches("ARG API_BASE").count(), 1, "{text}");

    let helper = package("built", "");
    let built = [("build.rs", MAIN), ("libs/built/Cargo.toml", helper.as_str()), ("libs/built/src/lib.rs", "")];
    for (files, metadata) in [
        (&[(".cargo/config.toml", "[env]\nAPI_BASE = { value = \"a\", relative = true }\n")][..], ""),
        (&[][..], "[package.metadata.dockerize]\nbuild-env = { API_BASE = \"https://api.example\" }"),
        (&[("build.rs", "fn main() { println!(\"cargo::rustc-env=API_BASE=a\"); }\n")][..], ""),
        (&[("build.rs", "fn main() { println!(\"cargo:rustc-env={name}={value}\"); }\n")][..], ""),
        (&built[..], "[build-dependencies]\nbuilt = { path = \"libs/built\" }"),
    ] {
        let plan = plan(files, metadata);
        assert!(notes(&plan, "env-macro").is_empty(), "{files:?}: {:?}", plan.notes);
        assert!(!dockerfile(&plan).contains("ARG API_BASE"));
    }
    let other = plan(&[("build.rs", "fn main() { println!(\"cargo::rustc-env=OTHER=a\"); }\n")], "");
    assert_eq!(notes(&other, "env-macro").len(), 1);
    // An engine warns of an argument with such a name.
    let secret = plan(&[("src/keys.rs", "const KEY: &str = env!(\"API_KEY\");\n")], "");
    assert!(!dockerfile(&secret).contains("API_KEY") && notes(&secret, "env-macro").len() == 2);
}

/// How a program is linked with one native crate, and why.
fn with_native(name: &str, links: &str, script: &str) -> (&'static str, Vec<String>) {
    let app = package("app", &format!("[dependencies]\n{name} = {{ path = \"{name}\" }}\n\n[workspace]\n"));
    let stub = format!("links = \"{links}\"\n\n[build-dependencies]\ncmake = {{ path = \"../cmake\" }}\n");
    let plan = planned(&[
        ("Cargo.toml", &app),
        ("src/main.rs", MAIN),
        (&format!("{name}/Cargo.toml"), &package(name, &stub)),
        (&format!("{name}/src/lib.rs"), ""),
        (&format!("{name}/build.rs"), script),
        ("cmake/Cargo.toml", &package("cmake", "")),
        ("cmake/src/lib.rs", "pub fn build() {}\n"),
    ]);
    let because = plan.groups[0].because.iter().map(|because| because.text.clone());
    (plan.groups[0].linkage.name(), because.collect())
}

#[test]
fn a_fork_of_a_native_crate_is_known_by_what_it_links() {
    let (linkage, because) = with_native("another-boring-sys", "boringssl", "fn main() {}\n");
    assert_eq!(linkage, "dynamic-gnu", "{because:?}");
}

#[test]
fn a_build_script_that_names_the_library_of_cpp_compiles_it() {
    let script = |library: &str| {
        format!("fn main() {{ cmake::build(); println!(\"cargo::rustc-link-lib={{}}\", \"{library}\"); }}\n")
    };
    assert_eq!(with_native("speech-sys", "speech", &script("stdc++")).0, "dynamic-gnu");
    assert_eq!(with_native("speech-sys", "speech", &script("m")).0, "static-musl");
}

#[test]
fn of_many_ports_that_one_call_can_have_none_is_open() {
    let with = |arms: &str| {
        let main = format!(
            "fn main() {{ let port = match std::env::args().count() {{ {arms} _ => 8000 }};\n    \
             std::net::TcpListener::bind((\"0.0.0.0\", port)).unwrap(); }}\n"
        );
        planned(&[("Cargo.toml", &package("node", "")), ("src/main.rs", &main)])
    };
    let plan = with("1 => 8001, 2 => 8002,");
    assert!(plan.images[0].expose.is_empty(), "{:?}", plan.images[0].expose);
    assert_eq!(plan.questions.len(), 3, "{:?}", plan.questions);
    assert_eq!(with("1 => 8443,").images[0].expose, [8000, 8443]);
}
