//! What is decided where this machine's own cargo compiles, on machines that are made up.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use cargo_dockerize::failure::{Kind, Result};
use cargo_dockerize::host::{Glibc, Host, Rustc};
use cargo_dockerize::plan::model::{Compile, CompileTool, Group, Linkage};
use cargo_dockerize::plan::{self, Flags, HostFlags, Plan};
use cargo_dockerize::workspace::{Query, Workspace};
use cargo_dockerize::{config, render};
use support::Tree;

const MUSL: &str = "x86_64-unknown-linux-musl";
const GNU: &str = "x86_64-unknown-linux-gnu";
const MUSL_ARM: &str = "aarch64-unknown-linux-musl";

/// A machine with its own target, these more, and nothing else.
fn host(own: &str, more: &[&str]) -> Host {
    Host {
        rustc: Rustc { version: "1.95.0".to_owned(), commit: None, host: own.to_owned(), sysroot: "/toolchain".into() },
        targets: more.iter().chain([&own]).map(|triple| (*triple).to_owned()).collect(),
        rustup: true,
        zigbuild: false,
        auditable: false,
        compilers: std::collections::BTreeMap::default(),
        glibc: own.ends_with("-gnu").then_some(Glibc(2, 41)),
        static_glibc: own.ends_with("-gnu"),
        lld: None,
    }
}

fn with(mut host: Host, compiler: (&str, &str)) -> Host {
    host.compilers.insert(compiler.0.to_owned(), compiler.1.to_owned());
    host
}

/// A program that depends on these crates, as far as their names go.
fn program(dependencies: &[&str], metadata: &str) -> Tree {
    let manifest = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
    };
    let named: Vec<String> = dependencies.iter().map(|name| format!("{name} = {{ path = \"{name}\" }}")).collect();
    let more =
        format!("[workspace]\n[workspace.metadata.dockerize]\n{metadata}\n[dependencies]\n{}\n", named.join("\n"));
    let mut files = vec![
        ("Cargo.toml".to_owned(), manifest("app", &more)),
        ("src/main.rs".to_owned(), "fn main() {}\n".to_owned()),
    ];
    for name in dependencies {
        files.push((format!("{name}/Cargo.toml"), manifest(name, "")));
        files.push((format!("{name}/src/lib.rs"), String::new()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Tree::of(&files)
}

fn planned(tree: &Tree, host: Option<HostFlags>) -> Result<Plan> {
    let query = Query {
        manifest_path: Some(tree.path().join("Cargo.toml")),
        generate_lockfile: true,
        offline: true,
        ..Query::default()
    };
    let workspace = Workspace::load(&query)?;
    plan::plan(&workspace, &config::load(&workspace)?, &Flags { host, ..Flags::default() })
}

fn on(tree: &Tree, host: &Host, platforms: &[&str]) -> Result<Group> {
    let platforms = platforms.iter().map(|name| (*name).to_owned()).collect();
    planned(tree, Some(HostFlags { host: host.clone(), platforms })).map(|mut plan| plan.groups.remove(0))
}

/// The linkage, why it is not a better one, and what would make it one.
fn chosen(tree: &Tree, host: &Host) -> (Linkage, String) {
    let group = on(tree, host, &[]).unwrap();
    let reasons = group.because.iter().filter(|because| because.rule == "host").map(|because| &because.text);
    (group.linkage, reasons.chain(&group.better).map(String::as_str).collect::<Vec<_>>().join("\n"))
}

fn only(tree: &Tree, host: &Host, platforms: &[&str]) -> Compile {
    let mut compile = on(tree, host, platforms).unwrap().compile;
    assert_eq!(compile.len(), 1);
    compile.remove(0)
}

fn failure(tree: &Tree, host: &Host, platforms: &[&str]) -> String {
    let failure = on(tree, host, platforms).unwrap_err();
    assert_eq!(failure.kind(), Kind::Engine);
    anstream::adapter::strip_str(&failure.report()).to_string()
}

#[test]
fn pure_rust_goes_down_the_ladder() {
    let tree = program(&[], "");
    assert_eq!(chosen(&tree, &host(GNU, &[MUSL])), (Linkage::StaticMusl, String::new()));

    let mut machine = host(GNU, &[]);
    let (linkage, why) = chosen(&tree, &machine);
    assert_eq!(linkage, Linkage::StaticGnu);
    assert!(why.contains("rustup target add x86_64-unknown-linux-musl"), "{why}");
    let compile = only(&tree, &machine, &[]);
    assert_eq!(compile.rustflags, ["-C", "target-feature=+crt-static"]);
    assert_eq!((compile.triple.as_str(), compile.platform.as_str()), (GNU, "linux/amd64"));
    assert!(compile.env.is_empty());

    machine.static_glibc = false;
    let (linkage, why) = chosen(&tree, &machine);
    assert_eq!(linkage, Linkage::DynamicGnu);
    assert!(why.contains("libc6-dev") && why.contains("rustup target add"), "{why}");
    let compile = only(&tree, &machine, &[]);
    assert!(compile.rustflags.is_empty() && compile.opened.is_empty());

    machine.glibc = Some(Glibc(2, 31));
    assert_eq!(only(&tree, &machine, &[]).opened, ["libnss_dns.so.2", "libnss_files.so.2"]);

    machine.glibc = None;
    let report = failure(&tree, &machine, &[]);
    for part in
        ["not static-musl here", "not static-gnu here", "not dynamic-gnu here", "rustup target add", "--engine buildx"]
    {
        assert!(report.contains(part), "{part} in {report}");
    }
    machine.rustup = false;
    assert!(failure(&tree, &machine, &[]).contains("a Rust that rustup installs"));
}

#[test]
fn c_needs_a_compiler_for_musl() {
    let tree = program(&["ring"], "");
    let (linkage, why) = chosen(&tree, &host(GNU, &[MUSL]));
    assert_eq!(linkage, Linkage::StaticGnu);
    assert!(why.ends_with("\n`apt-get install musl-tools`"), "{why}");
    assert!(!why.contains("zigbuild"), "one way is enough: {why}");

    let compile = only(&tree, &with(host(GNU, &[MUSL]), (MUSL, "musl-gcc")), &[]);
    assert_eq!(compile.tool, CompileTool::Cargo);
    assert_eq!(
        compile.env.into_iter().collect::<Vec<_>>(),
        [("CC_x86_64_unknown_linux_musl".to_owned(), "musl-gcc".to_owned())]
    );

    let zig = Host { zigbuild: true, ..host(GNU, &[MUSL]) };
    let compile = only(&tree, &zig, &[]);
    assert_eq!((compile.tool, compile.triple.as_str()), (CompileTool::CargoZigbuild, MUSL));
    assert!(compile.env.is_empty(), "zigbuild sets its own");

    // What the metadata says goes for every target.
    let own = program(&["ring"], "build-env = { CC = \"clang\" }");
    let compile = only(&own, &with(host(GNU, &[MUSL]), (MUSL, "musl-gcc")), &[]);
    assert_eq!(compile.env["CC"], "clang");
    assert!(!compile.env.contains_key("CC_x86_64_unknown_linux_musl"));
}

#[test]
fn what_asks_for_names_is_not_linked_statically_with_an_old_glibc() {
    let tree = program(&["ureq"], "");
    let old = Host { glibc: Some(Glibc(2, 31)), ..host(GNU, &[]) };
    let (linkage, why) = chosen(&tree, &old);
    assert_eq!(linkage, Linkage::DynamicGnu);
    assert!(why.contains("app: not static-gnu here: ureq"), "{why}");
    assert!(why.contains("rustup target add"), "{why}");
    assert!(!why.contains("libc6-dev"), "no help where what stays in the way is the program: {why}");

    // Newer ones have the resolver in the archive.
    let (linkage, why) = chosen(&tree, &host(GNU, &[]));
    assert_eq!(linkage, Linkage::StaticGnu);
    assert!(!why.contains("ureq"), "{why}");
}

#[test]
fn libraries_of_the_system_are_those_of_this_machine() {
    let tree = program(&["openssl-sys"], "");
    let group = on(&tree, &host(GNU, &[MUSL]), &[]).unwrap();
    assert_eq!(group.linkage, Linkage::DynamicGnu);
    assert!(group.packages.iter().any(|package| package.name == "libssl-dev"), "for the help of a failed compile");
    let report = failure(&tree, &host(GNU, &[MUSL, MUSL_ARM]), &["linux/arm64"]);
    assert!(report.contains("no linux/arm64 with glibc"), "{report}");
}

#[test]
fn what_is_forced_is_not_exchanged() {
    let tree = program(&[], "linkage = \"static-musl\"");
    let report = failure(&tree, &host(GNU, &[]), &[]);
    assert!(report.contains("as the metadata says (static-musl)"), "{report}");
    assert!(report.contains("for static-musl: `rustup target add x86_64-unknown-linux-musl`"), "{report}");
    assert!(!report.contains("static-gnu"), "{report}");
    let tree = program(&[], "linkage = \"static-gnu\"");
    assert_eq!(on(&tree, &host(GNU, &[MUSL]), &[]).unwrap().linkage, Linkage::StaticGnu);
}

#[test]
fn two_platforms_share_a_linkage() {
    let tree = program(&[], "");
    let both = ["linux/amd64", "linux/arm64"];
    let machine = with(host(GNU, &[MUSL, MUSL_ARM]), (MUSL_ARM, "aarch64-linux-musl-gcc"));
    let group = on(&tree, &machine, &both).unwrap();
    assert_eq!(group.linkage, Linkage::StaticMusl);
    let of: Vec<(&str, &str)> = group.compile.iter().map(|one| (one.platform.as_str(), one.triple.as_str())).collect();
    assert_eq!(of, [("linux/amd64", MUSL), ("linux/arm64", MUSL_ARM)]);
    assert!(group.compile[0].env.is_empty());
    assert_eq!(group.compile[1].env["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"], "aarch64-linux-musl-gcc");

    // The linker that Rust brings serves for what is Rust alone.
    let lld = Host { lld: Some("/toolchain/bin/rust-lld".into()), ..host(GNU, &[MUSL, MUSL_ARM]) };
    let compile = only(&tree, &lld, &["linux/arm64"]);
    assert_eq!(compile.env["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"], "/toolchain/bin/rust-lld");
    let report = failure(&program(&["ring"], ""), &lld, &both);
    assert!(report.contains("no C compiler for aarch64-unknown-linux-musl"), "{report}");
    assert!(report.contains("`cargo install cargo-zigbuild"), "{report}");

    // One that can be made for one of them alone is none.
    let report = failure(&tree, &host(GNU, &[MUSL]), &both);
    assert!(report.contains("rustup target add aarch64-unknown-linux-musl"), "{report}");
    assert!(!report.contains("rustup target add x86_64-unknown-linux-musl"), "{report}");
}

#[test]
fn cargos_own_configuration_names_the_linker() {
    let tree = program(&[], "");
    fs_err::create_dir(tree.path().join(".cargo")).unwrap();
    let config =
        "[build]\nrustc-wrapper = \"sccache\"\n[target.aarch64-unknown-linux-musl]\nlinker = \"a-linker-of-my-own\"\n";
    fs_err::write(tree.path().join(".cargo/config.toml"), config).unwrap();
    let compile = only(&tree, &host(GNU, &[MUSL_ARM]), &["linux/arm64"]);
    assert!(compile.env.is_empty(), "nor is the wrapper taken away, which is on this machine: {:?}", compile.env);
}

#[test]
fn other_machines_than_linux_with_glibc() {
    let tree = program(&[], "");
    let mac = Host { lld: Some("/toolchain/bin/rust-lld".into()), ..host("aarch64-apple-darwin", &[MUSL, MUSL_ARM]) };
    let compile = only(&tree, &mac, &[]);
    assert_eq!((compile.platform.as_str(), compile.triple.as_str()), ("linux/arm64", MUSL_ARM));
    assert!(compile.env.contains_key("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"), "its own linker knows no ELF");
    assert_eq!(only(&tree, &mac, &["linux/amd64"]).triple, MUSL);
    let report = failure(&tree, &host("aarch64-apple-darwin", &[]), &[]);
    assert!(report.contains("rustup target add aarch64-unknown-linux-musl"), "{report}");

    let alpine = with(host(MUSL, &[]), (MUSL, "cc"));
    assert_eq!(chosen(&tree, &alpine), (Linkage::StaticMusl, String::new()));
    assert_eq!(only(&program(&["ring"], ""), &alpine, &[]).env["CC_x86_64_unknown_linux_musl"], "cc");
    let report = failure(&program(&["openssl-sys"], ""), &alpine, &[]);
    assert!(report.contains("not dynamic-gnu here"), "{report}");

    let failure = on(&tree, &host(GNU, &[MUSL]), &["linux/s390x"]).unwrap_err();
    assert_eq!(failure.kind(), Kind::Usage);
}

#[test]
fn the_decisions_as_json() {
    let tree = program(&["ring"], "build-env = { GREETING = \"hello\" }");
    let machine = Host { zigbuild: true, ..with(host(GNU, &[MUSL, MUSL_ARM]), (MUSL, "musl-gcc")) };
    let group = on(&tree, &machine, &["linux/amd64", "linux/arm64"]).unwrap();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("machine-compile.json", serde_json::to_string_pretty(&group.compile).unwrap());
    });
}

#[test]
fn programs_list_their_crates_where_the_machine_can() {
    let tree = program(&["ring"], "auditable = true");
    let machine = with(host(GNU, &[MUSL]), (MUSL, "musl-gcc"));
    let report = failure(&tree, &machine, &[]);
    assert!(report.contains("`cargo install --locked cargo-auditable`"), "{report}");
    on(&tree, &Host { auditable: true, ..machine }, &[]).unwrap();

    // In a container it is the engine's affair, and Rust's that compiles it.
    let plan = planned(&tree, None).unwrap();
    assert!(plan.auditable.is_some_and(|found| found.tool.package == "cargo-auditable"));
    assert!(plan.images.iter().all(|image| image.auditable));
    let old = program(&["ring"], "auditable = true\ntoolchain = \"1.72\"");
    assert_eq!(planned(&old, None).unwrap_err().kind(), Kind::Workspace);
}

#[test]
fn an_engine_links_glibc_statically_and_keeps_the_flags_of_the_user() {
    let dockerfile = |metadata: &str, config: &str| {
        let tree = program(&["ureq"], metadata);
        fs_err::create_dir(tree.path().join(".cargo")).unwrap();
        fs_err::write(tree.path().join(".cargo/config.toml"), config).unwrap();
        let plan = planned(&tree, None).unwrap();
        assert_eq!(plan.groups[0].linkage, Linkage::StaticGnu);
        assert!(plan.groups[0].compile.is_empty());
        assert!(plan.groups[0].because.iter().all(|because| !because.text.contains("static linking will break")));
        render::render(&plan).unwrap().remove(0).contents
    };
    let forced = "linkage = \"static-gnu\"";
    let text = dockerfile(forced, "[build]\nrustflags = [\"--cfg\", \"mine\"]\n");
    assert!(text.contains("# Linked statically, with glibc: app."), "{text}");
    assert!(text.contains("CARGO_BUILD_TARGET=${PROCESSOR/arm64/aarch64}-unknown-linux-gnu \\\n    CARGO_BUILD_RUSTFLAGS=\"-C target-feature=+crt-static\""), "{text}");
    assert!(!text.contains("/out/lib/"), "no library is copied");
    let text = dockerfile(forced, "[target.'cfg(target_os = \"linux\")']\nrustflags = [\"--cfg\", \"mine\"]\n");
    assert!(
        text.contains("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS=\"-C target-feature=+crt-static\""),
        "{text}"
    );
    let text = dockerfile(&format!("{forced}\nbuild-env = {{ RUSTFLAGS = \"--cfg mine\" }}"), "");
    assert!(text.contains("    RUSTFLAGS=\"--cfg mine -C target-feature=+crt-static\""), "{text}");
}
