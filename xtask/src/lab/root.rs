//! The root folders of the images.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::folder::admin;
use super::report::{logged, step};
use super::{Lab, apt};

/// Certificate authorities of this machine's own, as of a company's proxy: without them nothing can be fetched from
/// within its containers.
pub const AUTHORITIES: &str = "/usr/local/share/ca-certificates";

/// What the public images have apt and dpkg do: no packages kept, no translations fetched, nothing flushed to the disk that is a
/// layer's in a moment. Without it layers are larger than the world's, and steps slower. And a mirror's snapshot is as good as the
/// mirror, also when it is days old or stalls.
const CONFIGURATION: [(&str, &str); 2] = [
    (
        "etc/apt/apt.conf.d/90lab",
        r#"Acquire::Check-Valid-Until "false";
Acquire::Retries "5";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
"#,
    ),
    ("etc/dpkg/dpkg.cfg.d/90lab", "force-unsafe-io\n"),
];

const STANDARD_LIBRARIES: &str = include_str!("standard-libraries.sh");

/// The platforms that images are made for, as the tool itself has them.
const PLATFORMS: &str = include_str!("../../../src/platforms.toml");

#[derive(Deserialize)]
struct Platforms {
    platform: Vec<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    always: bool,
    rust: Triples,
    debian: String,
    gnu: String,
    musl: String,
}

#[derive(Deserialize)]
struct Triples {
    musl: String,
    gnu: String,
}

/// The root of `debian:trixie-slim`: as there, without certificates.
pub fn debian(lab: &Lab) -> Result<String> {
    made(lab, "debian", |sh, root| step("bootstrapping Debian", || bootstrap(lab, sh, root, &[])))
}

/// The root of `rust:…-slim-trixie`: what that one adds to Debian, and Debian's own Rust with targets for each processor.
pub fn rust(lab: &Lab) -> Result<String> {
    // One that has fewer targets.
    let earlier = lab.path("roots/rust-targets");
    let made = made(lab, "rust-platforms", |sh, root| {
        if fs::exists(&earlier)? {
            logged(lab, "copy", cmd!(sh, "cp --archive {earlier}/. {root}"))?;
        } else {
            step("bootstrapping Debian with Rust", || with_rust(lab, sh, root))?;
        }
        let missing = missing(root)?;
        step("building standard libraries for other targets", || {
            inside(lab, sh, root, "standard-libraries", STANDARD_LIBRARIES, &missing)
        })
    });
    // Its copy serves; or Debian has gone on to another version, and the next `up` makes one from nothing.
    admin()?.remove_path(earlier)?;
    made
}

/// The platforms of which a root has no standard library, in the words of the script that builds them. That for glibc is for those
/// that are always there: it is as large as all others together.
fn missing(root: &str) -> Result<Vec<String>> {
    let Platforms { platform } = toml::from_str(PLATFORMS)?;
    let lacks = |platform: &&Platform| !Path::new(&format!("{root}/usr/lib/rustlib/{}", platform.rust.musl)).exists();
    let row = |platform: &Platform| {
        let Platform { rust: Triples { musl: target, gnu: glibc }, debian, gnu, musl, .. } = platform;
        let glibc = if platform.always { glibc } else { "" };
        format!("{target}:{glibc}:{debian}:{musl}:{gnu}")
    };
    Ok(platform.iter().filter(lacks).map(row).collect())
}

fn with_rust(lab: &Lab, sh: &Shell, root: &str) -> Result<()> {
    bootstrap(lab, sh, root, &["ca-certificates", "gcc", "libc6-dev", "rustc", "cargo"])?;
    for file in sh.read_dir(AUTHORITIES).unwrap_or_default() {
        sh.copy_file(file, format!("{root}{AUTHORITIES}"))?;
    }
    logged(lab, "authorities", cmd!(sh, "chroot {root} update-ca-certificates"))
}

/// The version of the Rust in there.
pub fn rust_version(root: &str) -> Result<String> {
    let sh = admin()?;
    let line = cmd!(sh, "chroot {root} /usr/bin/rustc --version").quiet().read()?;
    line.split(' ').nth(1).map(str::to_owned).with_context(|| format!("no version of Rust: {line}"))
}

/// Has apt and dpkg do what they do in the public images; also in a root that an earlier lab made.
pub fn configure(sh: &Shell, root: &str) -> Result<()> {
    for (path, text) in CONFIGURATION {
        sh.write_file(format!("{root}/{path}"), text)?;
    }
    Ok(())
}

/// Takes away what slim images do without.
pub fn slim(sh: &Shell, root: &str) -> Result<()> {
    for path in ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian"] {
        sh.remove_path(format!("{root}/{path}"))?;
    }
    Ok(())
}

/// The root of that name, made unless it is there. Its name comes last, so that one with it is complete.
pub fn made(lab: &Lab, name: &str, fill: impl FnOnce(&Shell, &str) -> Result<()>) -> Result<String> {
    let root = lab.path(&format!("roots/{name}"));
    if !fs::exists(&root)? {
        let sh = admin()?;
        let part = format!("{root}.part");
        sh.remove_path(&part)?;
        sh.create_dir(&part)?;
        fill(&sh, &part)?;
        fs::rename(part, &root)?;
    }
    Ok(root)
}

fn bootstrap(lab: &Lab, sh: &Shell, root: &str, packages: &[&str]) -> Result<()> {
    let (suite, mirror) = (apt::SUITE, apt::mirror()?);
    let mut options = vec!["--variant=minbase".to_owned()];
    if !packages.is_empty() {
        options.push(format!("--include={}", packages.join(",")));
    }
    // In a mount namespace of its own: what it mounts goes with it, also when it is interrupted.
    logged(lab, "debootstrap", cmd!(sh, "unshare --mount debootstrap {options...} {suite} {root} {mirror}"))?;
    configure(sh, root)?;
    // Copies of this machine's.
    for file in ["etc/hostname", "etc/resolv.conf"] {
        sh.remove_path(format!("{root}/{file}"))?;
    }
    logged(lab, "clean", cmd!(sh, "chroot {root} apt-get clean"))?;
    for list in sh.read_dir(format!("{root}/var/lib/apt/lists"))? {
        sh.remove_path(list)?;
    }
    slim(sh, root)
}

/// Runs a script inside a root, with the kernel's files and this machine's resolver, and nothing of its environment.
fn inside(lab: &Lab, sh: &Shell, root: &str, name: &str, script: &str, words: &[String]) -> Result<()> {
    let (copy, resolver) = (format!("{root}/tmp/{name}.sh"), format!("{root}/etc/resolv.conf"));
    sh.write_file(&copy, script)?;
    sh.copy_file("/etc/resolv.conf", &resolver)?;
    let namespaces = ["--mount", "--pid", "--fork", "--kill-child"];
    let environment = ["HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
    let command = cmd!(
        sh,
        "unshare {namespaces...} --mount-proc={root}/proc chroot {root} env -i {environment...} bash /tmp/{name}.sh {words...}"
    );
    logged(lab, name, command)?;
    sh.remove_path(copy)?;
    sh.remove_path(resolver)?;
    Ok(())
}
