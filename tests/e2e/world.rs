//! Workspaces of other shapes, and applications that no one here wrote.

use assert_fs::TempDir;
use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::measure::Report;

use crate::support::Tree;
use crate::tool::{self, Container};

pub fn failing_step() {
    let tree = Tree::copy("tests/corpus/single");
    tool::init(tree.path());
    fs_err::write(tree.path().join("src/main.rs"), "fn main() {\n    let wrong: u8 = \"text\";\n}\n").unwrap();
    let done = tool::dockerize(tree.path(), &["build"]);
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    for said in ["error[E0308]", "Dockerfile:", "with exit code 101", "the code does not compile for this target"] {
        assert!(done.stderr.contains(said), "{said} is missing:\n{}", done.stderr);
    }
    assert!(!tree.path().join("target/dockerize/images").exists(), "half an image is left");
}

pub fn glibc_and_musl() {
    let tree = Tree::copy("tests/corpus/native");
    tool::init(tree.path());
    let report = tool::build(tree.path(), &[]);
    assert_eq!(report.images.len(), 2);
    let checks = |name: &str| report.images.iter().find(|image| image.name == name).unwrap().checks[0].text.clone();
    assert!(checks("tool").starts_with("static for "), "{}", checks("tool"));
    assert!(checks("web").starts_with("every shared library for "), "{}", checks("web"));
    assert_eq!(tool::run_image("tool", &[], &[]), "tool\n");
    assert!(tool::run_image("web", &[], &[]).starts_with("openssl 3"), "its libraries are there");
}

pub fn path_dependency() {
    let tree = Tree::copy("tests/corpus/outside");
    let app = tree.path().join("app");
    tool::init(&app);
    tool::build(&app, &[]);
    assert_eq!(tool::run_image("app", &[], &[]), "hello\n");
}

pub fn plain_docker() {
    let tree = Tree::copy("tests/corpus/single");
    tool::init(tree.path());
    tool::program(
        tree.path(),
        "docker",
        &["build", "--quiet", "--tag", "dockerize-e2e-plain:1", "--target", "single_app", "."],
    );
    tool::run_image("dockerize-e2e-plain:1", &[], &[]);
    tool::program(tree.path(), "docker", &["buildx", "bake", "single_app"]);
    tool::good_init(tree.path(), &["--stages", "dev"]);
    let dev = ["docker", "build", "--quiet", "--target", "dev", "--tag", "dockerize-e2e-dev:1", "."];
    tool::program(tree.path(), dev[0], &dev[1..]);
    tool::docker(&[
        "run",
        "--rm",
        "--network",
        "none",
        "--volume",
        &format!("{}:/app", tree.path()),
        "dockerize-e2e-dev:1",
        "cargo",
        "run",
        "--offline",
        "--bin",
        "Single_App",
    ]);
}

pub fn call_check() {
    for (from, inside, context) in [
        ("example-workspace", "", "."),
        ("tests/corpus/single", "", "."),
        ("tests/corpus/native", "", "."),
        ("tests/corpus/outside", "app", ".."),
    ] {
        let tree = Tree::copy(from);
        let folder = tree.path().join(inside);
        tool::init(&folder);
        let said =
            tool::program(&folder, "docker", &["buildx", "build", "--call=check", "--file", "Dockerfile", context]);
        assert!(said.contains("no warnings found"), "{from}: {said}");
    }
}

/// The build itself looks for what must not be sent, and finds what must.
pub fn context() {
    let tree = Tree::copy("tests/corpus/single");
    for file in [".env", "id_rsa", "certs/private.key", ".git/config", "target/debug/old"] {
        let path = tree.path().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "a secret, or ballast").unwrap();
    }
    fs_err::create_dir_all(tree.path().join("src/target")).unwrap();
    fs_err::write(tree.path().join("src/target/mod.rs"), "pub fn here() {}\n").unwrap();
    fs_err::write(tree.path().join("public.pem"), "public").unwrap();
    let main =
        "mod target;\n\nfn main() {\n    target::here();\n    print!(\"{}\", include_str!(\"../public.pem\"));\n}\n";
    fs_err::write(tree.path().join("src/main.rs"), main).unwrap();
    let build = "fn main() {\n    for file in [\".env\", \"id_rsa\", \"certs/private.key\", \".git\", \"target/debug/old\"] {\n        \
                 assert!(!std::path::Path::new(file).exists(), \"{file} was sent\");\n    }\n}\n";
    fs_err::write(tree.path().join("build.rs"), build).unwrap();
    tool::init(tree.path());
    tool::build(tree.path(), &["--tag", "dockerize-e2e-context:1"]);
    assert_eq!(tool::run_image("dockerize-e2e-context:1", &[], &[]), "public");
}

/// A published package, as cargo unpacks it, set up and built.
fn published(name: &str) -> (TempDir, Utf8PathBuf, Report) {
    let dir = TempDir::new().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let probe = root.join("probe");
    fs_err::create_dir_all(probe.join("src")).unwrap();
    fs_err::write(probe.join("src/lib.rs"), "").unwrap();
    let manifest = format!(
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{name} = \"*\"\n"
    );
    fs_err::write(probe.join("Cargo.toml"), manifest).unwrap();
    tool::program(&probe, "cargo", &["fetch"]);
    let lock: toml::Table = fs_err::read_to_string(probe.join("Cargo.lock")).unwrap().parse().unwrap();
    let package =
        lock["package"].as_array().unwrap().iter().find(|package| package["name"].as_str() == Some(name)).unwrap();
    // A package without a library is in the lock file and not in cargo's metadata, so its folder is looked for.
    let folder = format!("{name}-{}", package["version"].as_str().unwrap());
    let home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
    let registries = fs_err::read_dir(Utf8PathBuf::from(home).join("registry/src")).unwrap().flatten();
    let source = registries.map(|registry| registry.path().join(&folder)).find(|path| path.is_dir()).unwrap();
    let source = Utf8PathBuf::from_path_buf(source).unwrap();
    tool::program(root, "cp", &["--recursive", source.as_str(), "app"]);
    let app = root.join("app");
    tool::init(&app);
    let report = tool::build(&app, &[]);
    (dir, app, report)
}

pub fn ripgrep() {
    let (_dir, app, report) = published("ripgrep");
    assert!(report.images[0].checks.iter().all(|check| check.passed));
    let mount = format!("{app}:/work:ro");
    let found = tool::run_image("rg", &["--volume", &mount], &["--count", "^name = \"ripgrep\"", "/work/Cargo.toml"]);
    assert_eq!(found.trim(), "1");
}

pub fn miniserve() {
    let (_dir, app, report) = published("miniserve");
    assert!(report.images[0].checks.iter().all(|check| check.passed));
    let port = tool::free_port();
    let (mount, publish) = (format!("{app}:/work:ro"), format!("127.0.0.1:{port}:8080"));
    let options = ["--volume", &mount, "--publish", &publish, "--workdir", "/work"];
    // Without a terminal it wants to be told what to serve.
    let server = Container::start("miniserve", &options, &["."]);
    assert!(server.get(port, "/Cargo.toml").1.contains("name = \"miniserve\""));
}
