//! Images without Docker that stand on another one, go to a registry, or are for two architectures.

use std::io::{Read, Write};
use std::net::TcpStream;

use camino::Utf8Path;
use cargo_dockerize::image::Layout;
use cargo_dockerize::measure::Report;
use serde_json::Value;

use crate::support::Tree;
use crate::tool;

/// Says whose system it runs on.
const TELLS: &str = "fn main() {\n    let system = std::fs::read_to_string(\"/etc/os-release\").unwrap_or_default();\n    \
                     println!(\"{}, {}\", std::env::consts::ARCH, system.lines().next().unwrap_or(\"nobody's\"));\n}\n";

fn single(metadata: &str) -> Tree {
    let tree = Tree::copy("tests/corpus/single");
    fs_err::write(tree.path().join("src/main.rs"), TELLS).unwrap();
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    fs_err::write(manifest, format!("{text}\n{metadata}")).unwrap();
    tree
}

/// A request to a registry that speaks plain http: the head in lower case, and the body.
fn ask(registry: &str, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(registry).unwrap();
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    write!(stream, "{method} /v2/{path} HTTP/1.0\r\nHost: {registry}\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

fn build(folder: &Utf8Path, args: &[&str]) -> (Report, String) {
    let done = tool::dockerize(folder, &[&["build", "--engine", "oci", "--format", "json"], args].concat());
    assert_eq!(done.code, Some(0), "{args:?}: {}", done.stderr);
    (serde_json::from_str(&done.stdout).unwrap(), done.stderr)
}

/// On somebody else's image, from a registry and to it.
pub fn based() {
    let Some(registry) = tool::registry() else { return };
    let distroless = "gcr.io/distroless/cc-debian13:nonroot";
    if !tool::is_lab() {
        tool::docker(&["pull", "--quiet", distroless]);
    }
    let run = format!("dockerize-e2e/run-{}", std::process::id());
    let (plain, base) = (format!("{registry}/{run}/base:plain"), format!("{registry}/{run}/base:1"));
    tool::docker(&["tag", distroless, &plain]);
    tool::docker(&["push", "--quiet", &plain]);
    // An index, as public bases are: it has to be kept as well for a build that asks nobody.
    tool::docker(&["buildx", "imagetools", "create", "--tag", &base, &plain]);
    let tree = single(&format!("[workspace.metadata.dockerize.images]\nfinal = \"{base}\"\n"));
    let prefix = format!("{registry}/{run}/");
    let push = ["--push", "--prefix", &prefix];
    let (first, said) = build(tree.path(), &push);
    assert!(said.contains("Pushed") && !said.contains("(0 B sent"), "{said}");
    assert!(first.images[0].checks.iter().all(|check| check.passed), "{:?}", first.images[0].checks);

    // Docker pulls it, and the base's files lie below ours.
    let name = format!("{prefix}single_app:latest");
    let told = tool::run_image(&name, &["--pull", "always", "--network", "none"], &[]);
    assert!(told.starts_with(std::env::consts::ARCH) && told.contains("Debian"), "{told}");

    // What is in it, and how it was made: by the registry's own list, or by the tag that stands in for it.
    let digest = &first.images[0].digest;
    let (head, body) = ask(&registry, "GET", &format!("{run}/single_app/referrers/{digest}"));
    let tag = format!("{run}/single_app/manifests/{}", digest.replace(':', "-"));
    let known = head.lines().next().is_some_and(|line| line.contains(" 200 "));
    let body = if known { body } else { ask(&registry, "GET", &tag).1 };
    let list: Value = serde_json::from_str(&body).unwrap();
    let mut kinds = Vec::new();
    for document in list["manifests"].as_array().unwrap() {
        let path = format!("{run}/single_app/manifests/{}", document["digest"].as_str().unwrap());
        let manifest: Value = serde_json::from_str(&ask(&registry, "GET", &path).1).unwrap();
        assert_eq!(manifest["subject"]["digest"].as_str(), Some(digest.as_str()));
        let blob = manifest["layers"][0]["digest"].as_str().unwrap();
        let (_, body) = ask(&registry, "GET", &format!("{run}/single_app/blobs/{blob}"));
        let text: Value = serde_json::from_str(&body).unwrap();
        let says = |key: &str| text[key].as_str().map(str::to_owned);
        kinds.extend(says("spdxVersion").or_else(|| says("predicateType")));
    }
    kinds.sort();
    assert_eq!(kinds, ["SPDX-2.3", "https://slsa.dev/provenance/v1"]);

    let (second, said) = build(tree.path(), &push);
    assert_eq!(&second.images[0].digest, digest);
    assert!(said.contains("(0 B sent"), "{said}");

    // A base that was pulled is asked for no more where nobody is to be asked: not even when it is gone.
    let head = ask(&registry, "HEAD", &format!("{run}/base/manifests/1")).0;
    let line = head.lines().find_map(|line| line.strip_prefix("docker-content-digest: ")).unwrap();
    ask(&registry, "DELETE", &format!("{run}/base/manifests/{line}"));
    let layout = ["--output", "type=oci,tar=false,dest=target/layout"];
    let offline = build(tree.path(), &[&["--offline"][..], &layout].concat()).0;
    assert_eq!(&offline.images[0].digest, digest);
    for image in [&plain, &name] {
        tool::docker(&["image", "rm", "--force", image]);
    }
}

/// A toolchain with the standard library and the linker for both architectures. The lab's is Debian's, whose library for the
/// other one is a package of that architecture: unpacked, because it asks for a compiler that runs there.
const TOOLCHAIN: &str = "\
FROM rust:1-slim-trixie
RUN <<script
set -eu
if ! command -v rustup; then dpkg --add-architecture arm64; fi
apt-get -qq update
apt-get -qq install --yes --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross
if command -v rustup; then
  rustup target add aarch64-unknown-linux-gnu
else
  cd /tmp
  apt-get -qq download libstd-rust-dev:arm64=$(dpkg-query --show --showformat '${Version}' rustc)
  dpkg-deb --extract libstd-rust-dev_*.deb /
  rm libstd-rust-dev_*.deb
fi
script
";

/// For two architectures at once: an index, and each program runs.
pub fn platforms() {
    let tree = single("[workspace.metadata.dockerize]\nlinkage = \"static-gnu\"\n");
    let image = "dockerize-e2e-arm64:1";
    let context = assert_fs::TempDir::new().unwrap();
    fs_err::write(context.path().join("Dockerfile"), TOOLCHAIN).unwrap();
    tool::program(context.path(), "docker", &["build", "--quiet", "--tag", image, "."]);
    let output = "type=oci,tar=false,dest=/app/layout";
    let platforms = ["--platform", "linux/amd64,linux/arm64", "--output", output];
    tool::dockerize_inside(tree.path(), image, "/app", &[&["--engine", "oci"][..], &platforms].concat());

    let layout = Layout::new(tree.path().join("layout"));
    let index: Value = serde_json::from_slice(&fs_err::read(layout.folder().join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["mediaType"], "application/vnd.oci.image.index.v1+json");
    let images = layout.images().unwrap();
    let architectures: Vec<&str> = images.iter().map(|image| image.config.architecture.as_str()).collect();
    assert_eq!(architectures, ["amd64", "arm64"]);
    for (image, architecture) in images.iter().zip(["x86_64", "aarch64"]) {
        let program = tree.path().join(architecture);
        let bytes = image.read("/usr/local/bin/Single_App").unwrap().unwrap();
        fs_err::write(&program, bytes).unwrap();
        tool::program(tree.path(), "chmod", &["+x", program.as_str()]);
        let emulator = [format!("qemu-{architecture}-static"), format!("qemu-{architecture}")];
        if let Some(emulator) = emulator.iter().find(|name| tool::is_there(name)) {
            let told = tool::program(tree.path(), emulator, &[program.as_str()]);
            assert!(told.starts_with(architecture), "{told}");
        } else {
            assert!(!tool::is_lab(), "{} is missing", emulator[0]);
            eprintln!("{} is missing: the program for {architecture} is not run", emulator[0]);
        }
    }
}
