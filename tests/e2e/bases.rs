//! Each base of the table that this engine has, under a static program and one with shared libraries, by both engines.

use std::collections::BTreeSet;
use std::process::Command;

use camino::Utf8Path;
use cargo_dockerize::bases::{self, Base};
use cargo_dockerize::image::{Image, Layout};

use crate::support::Tree;
use crate::tool;

/// Where they are under their public names: what is not there is not fetched for this.
fn there(base: &Base) -> bool {
    let reference = base.reference.as_deref().unwrap();
    let inspected = Command::new("docker").args(["image", "inspect", reference]).output().unwrap();
    reference != "scratch" && inspected.status.success()
}

/// The table's name of a registry's images, behind a mirror in the registry of the test.
fn mirrored(reference: &str, mirror: &str) -> String {
    match reference.split_once('/') {
        Some((host, path)) if host.contains('.') => format!("{mirror}/{host}/{path}"),
        _ => format!("{mirror}/docker.io/library/{reference}"),
    }
}

fn one(folder: &Utf8Path) -> Image {
    Layout::new(folder).images().unwrap().remove(0)
}

pub fn each() {
    let Some(registry) = tool::registry() else { return };
    let all: Vec<&Base> = bases::named().unwrap().filter(|base| there(base)).collect();
    if tool::is_lab() {
        let names: BTreeSet<&str> = all.iter().filter_map(|base| base.name.as_deref()).collect();
        let expected = ["distroless-static", "distroless-base", "distroless-cc", "debian-slim"];
        assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
    }
    for base in all {
        on(base, &registry);
    }
}

fn on(base: &Base, registry: &str) {
    let (name, reference) = (base.name.as_deref().unwrap(), base.reference.as_deref().unwrap());
    eprintln!("on {name}");
    let run = format!("{registry}/dockerize-e2e/bases-{}", std::process::id());
    let public = mirrored(reference, &run);
    tool::docker(&["tag", reference, &public]);
    tool::docker(&["push", "--quiet", &public]);
    let tree = Tree::copy("tests/corpus/native");
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let chef = "lukemathwalker/cargo-chef:latest-rust-1.95-slim-trixie";
    let said = format!(
        "{text}\n[workspace.metadata.dockerize.images]\nfinal = \"{name}\"\nchef = \"{chef}\"\n\n\
         [workspace.metadata.dockerize.mirrors]\n\"gcr.io\" = \"{run}/gcr.io\"\n\"docker.io\" = \"{run}/docker.io\"\n"
    );
    fs_err::write(&manifest, said).unwrap();
    tool::init(tree.path());

    // By the engine: checked by the build itself, and run.
    let tag = format!("bases-{name}");
    let report = tool::build(tree.path(), &["--tag", &tag]);
    for image in &report.images {
        assert!(image.checks.iter().all(|check| check.passed), "{name}: {:?}", image.checks);
        assert!(image.size.layers.iter().any(|layer| layer.name == "program"), "{name}: {:?}", image.size.layers);
        let known = base.users.values().any(|id| *id == 65532);
        assert_eq!(image.checks.iter().any(|check| check.name == "passwd"), known, "{name}");
    }
    run_both(name, |program| format!("{program}:{tag}"));

    // By ours, in a container with the same toolchain.
    let inside = "dockerize-e2e-bases:1";
    tool::program(tree.path(), "docker", &["build", "--quiet", "--target", "chef-gnu", "--tag", inside, "."]);
    let prefix = format!("{run}/ours/");
    tool::dockerize_inside(
        tree.path(),
        inside,
        "/work",
        &["--engine", "oci", "--tag", &tag, "--push", "--prefix", &prefix],
    );
    run_both(name, |program| {
        let image = format!("{prefix}{program}:{tag}");
        tool::docker(&["pull", "--quiet", &image]);
        image
    });

    // Both have the same files and the same configuration.
    let ours = "type=oci,tar=false,dest=/work/target/ours";
    tool::dockerize_inside(tree.path(), inside, "/work", &["--engine", "oci", "--bin", "tool", "--output", ours]);
    let theirs = tree.path().join("target/theirs");
    tool::build(tree.path(), &["--bin", "tool", "--output", &format!("type=oci,tar=false,dest={theirs}")]);
    let (ours, theirs) = (one(&tree.path().join("target/ours")), one(&theirs));
    let paths = |image: &Image| image.files.keys().map(ToString::to_string).collect::<BTreeSet<String>>();
    assert_eq!(paths(&ours), paths(&theirs), "{name}");
    for (path, file) in &ours.files {
        let other = &theirs.files[path];
        let seen = (&file.kind, file.size, file.mode, file.uid, file.gid);
        assert_eq!(seen, (&other.kind, other.size, other.mode, other.uid, other.gid), "{name} {path}");
    }
    assert_eq!(ours.config, theirs.config, "{name}");
    for program in ["tool", "web"] {
        let images = [format!("{program}:{tag}"), format!("{prefix}{program}:{tag}")];
        drop(Command::new("docker").args(["image", "rm", "--force", &images[0], &images[1]]).output());
    }
    drop(Command::new("docker").args(["image", "rm", "--force", &public]).output());
}

fn run_both(name: &str, image: impl Fn(&str) -> String) {
    let alone = ["--network", "none", "--read-only", "--cap-drop", "ALL"];
    assert_eq!(tool::run_image(&image("tool"), &alone, &[]), "tool\n", "{name}");
    let told = tool::run_image(&image("web"), &alone, &[]);
    assert!(told.starts_with("openssl 3"), "{name}: {told}");
}
