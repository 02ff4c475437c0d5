//! Platforms that are not the builder's: compiled by it, and run here by qemu as their users would run them.

use std::collections::BTreeSet;
use std::path::Path;

use camino::Utf8Path;
use cargo_dockerize::platforms::{self, Platform};

use crate::support::Tree;
use crate::tool;

const BOTH: &str = "linux/amd64,linux/arm64";

/// The one of the two that this machine is not.
fn foreign() -> &'static Platform {
    let other = |platform: &&Platform| platform.always && platform.machine != std::env::consts::ARCH;
    platforms::all().unwrap().iter().find(other).unwrap()
}

/// An engine that would run another processor's programs proves nothing, and only containerd's store holds several platforms.
fn proves(platform: &Platform) -> bool {
    let emulates = Path::new("/proc/sys/fs/binfmt_misc").join(format!("qemu-{}", platform.qemu)).exists();
    let containerd = tool::docker(&["info", "--format", "{{json .DriverStatus}}"]).contains("io.containerd");
    let proves = !emulates && containerd && emulator(platform).is_some();
    if !proves {
        assert!(!tool::is_lab(), "emulation {emulates}, store {containerd}");
        eprintln!(
            "this engine has no store for several platforms, or this machine emulates them itself: nothing to see"
        );
    }
    proves
}

fn emulator(platform: &Platform) -> Option<String> {
    let names = [format!("qemu-{}-static", platform.qemu), format!("qemu-{}", platform.qemu)];
    names.into_iter().find(|name| tool::is_there(name))
}

/// An image's files for another platform.
struct Root(assert_fs::TempDir, &'static Platform);

impl Root {
    fn of(image: &str, platform: &'static Platform) -> Self {
        let folder = assert_fs::TempDir::new().unwrap();
        let container = tool::docker(&["create", "--platform", &platform.name(), image]);
        let archive = folder.path().join("root.tar");
        tool::docker(&["export", "--output", archive.to_str().unwrap(), container.trim()]);
        tool::docker(&["rm", container.trim()]);
        tool::program(folder.path(), "tar", &["--extract", "--file", "root.tar"]);
        Self(folder, platform)
    }

    /// Runs its program, which finds its libraries there and nowhere else.
    fn run(&self, program: &str, env: &[&str], args: &[&str]) -> String {
        let root = self.0.path().to_str().unwrap();
        let program = format!("{root}/usr/local/bin/{program}");
        let emulator = [emulator(self.1).unwrap(), "-L".to_owned(), root.to_owned(), program];
        let emulator: Vec<&str> = emulator.iter().map(String::as_str).collect();
        tool::program(root, "env", &[env, &emulator, args].concat())
    }
}

/// C in it and all: what does not depend on the platform is done once, and the programs of both run.
pub fn example() {
    if !proves(foreign()) {
        return;
    }
    let tree = Tree::copy("example-workspace");
    tool::init(tree.path());
    let report = tool::build(tree.path(), &["--platform", BOTH, "--tag", "platforms"]);
    assert_eq!(report.images.len(), 6);
    assert!(report.images.iter().all(|image| image.checks.iter().all(|check| check.passed)), "{:?}", report.images);

    let steps = |stage: &str| {
        let own = report.build.steps.iter().filter(|step| step.stage.as_deref() == Some(stage));
        own.filter(|step| step.name.contains("] RUN")).collect::<Vec<_>>()
    };
    // Images that are built at once may each name a step that is done once; for whom it is done is the same in all of them.
    let platforms =
        |stage: &str| steps(stage).iter().filter_map(|step| step.platform.clone()).collect::<BTreeSet<String>>();
    for shared in ["toolchain", "planner", "rootfs"] {
        // BuildKit names the platform of a step where it is asked for several of it.
        let all = steps(shared);
        assert!(!all.is_empty() && platforms(shared).len() <= 1, "{shared}: {all:?}");
    }
    for own in ["deps", "builder"] {
        assert_eq!(platforms(own).into_iter().collect::<Vec<_>>(), ["amd64", "arm64"], "{own}");
    }

    let price = ["price", "tea", "3"];
    assert_eq!(tool::run_image("orders:platforms", &["--network", "none"], &price), "€26.97\n");
    assert_eq!(Root::of("orders:platforms", foreign()).run("orders", &[], &price), "€26.97\n");
    let said = Root::of("worker:platforms", foreign()).run("worker", &["DATA_DIR=."], &["--once"]);
    assert_eq!(said, "processed 3 orders, total €63.49\n", "its SQLite is C");
    assert!(Root::of("api:platforms", foreign()).run("api", &[], &["--version"]).starts_with("api "));
    tool::docker(&["image", "rm", "--force", "api:platforms", "orders:platforms", "worker:platforms"]);
}

/// Libraries of Debian's, with all that they need.
pub fn libraries() {
    if !proves(foreign()) {
        return;
    }
    let tree = Tree::copy("tests/corpus/native");
    tool::init(tree.path());
    let report = tool::build(tree.path(), &["--bin", "web", "--platform", &foreign().name(), "--tag", "platforms"]);
    let text = &report.images[0].checks[0].text;
    assert_eq!(text, &format!("every shared library for {}", foreign().arch));
    assert!(
        Root::of("web:platforms", foreign()).run("web", &[], &[]).starts_with("openssl 3"),
        "its libraries are there"
    );
    tool::docker(&["image", "rm", "--force", "web:platforms"]);
}

/// What only the metadata adds: 32 bits, and a target that Rust does not link statically by itself.
pub fn others() {
    let others: Vec<&Platform> = platforms::all().unwrap().iter().filter(|platform| !platform.always).collect();
    if !others.iter().all(|platform| proves(platform)) {
        return;
    }
    let names: Vec<String> = others.iter().map(|platform| platform.name()).collect();
    let manifest = format!(
        "[package]\nname = \"others\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nzstd = \"0.13\"\n\n\
         [workspace]\n\n[workspace.metadata.dockerize]\nplatforms = {names:?}\n"
    );
    let main = "fn main() {\n    let packed = zstd::encode_all(&[7; 99_000][..], 3).unwrap();\n    \
                let bytes = zstd::decode_all(&packed[..]).unwrap().len();\n    \
                println!(\"{bytes} bytes, {} bits\", usize::BITS);\n}\n";
    let tree = Tree::of(&[("Cargo.toml", manifest.as_str()), ("src/main.rs", main)]);
    tool::program(tree.path(), "cargo", &["generate-lockfile", "--quiet"]);
    tool::init(tree.path());
    let report = tool::build(tree.path(), &["--platform", &names.join(","), "--tag", "others"]);
    let built: BTreeSet<&String> = report.images.iter().map(|image| &image.platform).collect();
    assert_eq!(built, names.iter().collect());
    assert!(report.images.iter().all(|image| image.checks.iter().all(|check| check.passed)), "{:?}", report.images);
    for (platform, bits) in others.into_iter().zip([32, 64]) {
        let said = Root::of("others:others", platform).run("others", &[], &[]);
        assert_eq!(said, format!("99000 bytes, {bits} bits\n"), "{}: its zstd is C", platform.name());
    }
    tool::docker(&["image", "rm", "--force", "others:others"]);
}

/// Bindings from headers, zstd and AWS-LC, whose assembly is of its processor.
pub fn native() {
    if !proves(foreign()) {
        return;
    }
    let tree = Tree::copy("tests/corpus/bindgen");
    add(tree.path());
    tool::init(tree.path());
    tool::build(tree.path(), &["--platform", &foreign().name(), "--tag", "platforms"]);
    let said = Root::of("bound:platforms", foreign()).run("bound", &[], &[]);
    assert_eq!(said, "zstd: platforms, aws-lc: 32 bytes\narea in C, on musl: 42\n");
    tool::docker(&["image", "rm", "--force", "bound:platforms"]);
}

fn add(folder: &Utf8Path) {
    let manifest = folder.join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let ours = "[dependencies]\nzstd = \"0.13\"\naws-lc-rs = \"1\"\n\n[build-dependencies]";
    fs_err::write(&manifest, text.replace("[build-dependencies]", ours)).unwrap();
    let main = folder.join("src/main.rs");
    let text = fs_err::read_to_string(&main).unwrap();
    let ours = "fn main() {\n    let packed = zstd::encode_all(&b\"platforms\"[..], 3).unwrap();\n    \
                let text = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();\n    \
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());\n    \
                println!(\"zstd: {text}, aws-lc: {} bytes\", digest.as_ref().len());\n";
    fs_err::write(&main, text.replace("fn main() {\n", ours)).unwrap();
    tool::program(folder, "cargo", &["generate-lockfile", "--quiet"]);
}
