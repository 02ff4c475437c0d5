//! `cargo xtask docker` on the engine, with this tool installed and without.

use std::process::Command;

use camino::Utf8Path;

use crate::support::Tree;
use crate::tool;

/// The chore's exit code and what it printed. `installed` puts this tool into `PATH`; the machine's own is out of sight.
fn chore(folder: &Utf8Path, installed: bool, args: &[&str]) -> (i32, String) {
    let home = tool::Home::without("cargo-dockerize");
    if installed {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cargo-dockerize"), home.cargo.join("bin/cargo-dockerize"))
            .unwrap();
    }
    let mut command = Command::new("cargo");
    command.args(["xtask", "docker"]).args(args).current_dir(folder.join("crates"));
    command.env("PATH", &home.path).env("CARGO_HOME", &home.cargo).env_remove("CARGO_TARGET_DIR").env("CI", "true");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

fn good(folder: &Utf8Path, installed: bool, args: &[&str]) -> String {
    let (code, text) = chore(folder, installed, args);
    assert_eq!(code, 0, "{args:?}:\n{text}");
    text
}

pub fn docker() {
    let tree = Tree::copy("example-workspace");
    let folder = tree.path();
    tool::init(folder);
    let before = fs_err::read_to_string(folder.join("Dockerfile")).unwrap();
    assert_eq!(tool::dockerize(folder, &["xtask"]).code, Some(0));
    assert_eq!(tool::dockerize(folder, &["generate", "--check"]).code, Some(0));
    assert_eq!(fs_err::read_to_string(folder.join("Dockerfile")).unwrap(), before);

    let registry = std::env::var("DOCKERIZE_REGISTRY").unwrap_or_else(|_| "localhost:5000".to_owned());
    for (installed, tag) in [(false, "chore-1"), (true, "chore-2")] {
        let prefix = format!("{registry}/dockerize-e2e/");
        let args = ["--bin", "orders", "--tag", tag, "--prefix", &prefix];
        let said = good(folder, installed, &[&["build"], &args[..]].concat());
        let line = if installed {
            "$ cargo dockerize build --bin orders"
        } else {
            "$ docker buildx bake --file docker-bake.hcl"
        };
        assert!(said.contains(line), "{said}");
        let name = format!("{prefix}orders:{tag}");
        assert_eq!(tool::run_image(&name, &["--network", "none"], &["price", "tea", "3"]), "€26.97\n");
        let said = good(folder, installed, &[&["measure"], &args[..]].concat());
        assert!(said.contains(if installed { "compressed" } else { "orders: " }) && said.contains(" MB"), "{said}");
        good(folder, installed, &["check"]);
        good(folder, installed, &[&["push"], &args[..]].concat());
        tool::docker(&["buildx", "imagetools", "inspect", &name]);
        tool::docker(&["image", "rm", "--force", &name]);
    }
    // What the tool would say of the files comes out, and so does the exit code.
    let dockerfile = folder.join("Dockerfile");
    fs_err::write(&dockerfile, before.replace("USER", "user")).unwrap();
    assert_eq!(chore(folder, true, &["check"]).0, 1);
    fs_err::write(&dockerfile, before.replace("COPY", "KOPY")).unwrap();
    assert_ne!(chore(folder, false, &["build"]).0, 0);
}
