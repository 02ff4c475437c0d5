//! Debian's packages: those that the machine lacks, and those that the lab unpacks for itself.

use std::fs;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Lab;
use super::folder::admin;
use super::report::{logged, step};

/// The suite of the engine and of the images. Stable's Docker lags years behind what Dockerfiles ask of an engine.
pub const SUITE: &str = "sid";

/// Installed on the machine when missing: none of them is a service. runc is the machine's own because the suite's asks
/// for a newer libc than a stable machine has, other than the engine's parts in Go.
const TOOLS: [&str; 4] = ["debootstrap", "iproute2", "iptables", "runc"];

/// Unpacked into the lab rather than installed: an installed package would start its service on the machine.
const ENGINE: [&str; 6] = ["containerd", "docker-buildx", "docker-cli", "docker-registry", "docker.io", "tini-static"];

/// What the lab takes from those packages, and its place.
const FILES: [(&str, &str); 8] = [
    ("usr/bin/containerd", "bin/containerd"),
    ("usr/bin/containerd-shim-runc-v2", "bin/containerd-shim-runc-v2"),
    ("usr/bin/docker", "bin/docker"),
    ("usr/bin/docker-registry", "bin/docker-registry"),
    ("usr/bin/tini-static", "bin/docker-init"),
    ("usr/sbin/docker-proxy", "bin/docker-proxy"),
    ("usr/libexec/docker/cli-plugins/docker-buildx", "docker-config/cli-plugins/docker-buildx"),
    // The last one, because its presence says that all are there.
    ("usr/sbin/dockerd", "bin/dockerd"),
];

/// Compose, which came later than the engine: a lab that is there already gets it all the same.
const COMPOSE: (&str, &str) =
    ("usr/libexec/docker/cli-plugins/docker-compose", "docker-config/cli-plugins/docker-compose");

/// Installs what the machine lacks, and unpacks the engine into the lab.
pub fn install(lab: &Lab) -> Result<()> {
    let sh = admin()?;
    require(lab, &sh, &TOOLS)?;
    if !fs::exists(lab.path("bin/dockerd"))? {
        step("unpacking Docker, buildx and a registry", || take(lab, &sh, &ENGINE, &FILES))?;
    }
    if !fs::exists(lab.path(COMPOSE.1))? {
        step("unpacking compose", || take(lab, &sh, &["docker-compose"], &[COMPOSE]))?;
    }
    Ok(())
}

/// Installs a browser where there is none: tests look at pages.
pub fn browser(lab: &Lab) -> Result<()> {
    let sh = admin()?;
    let there = |name: &&str| cmd!(sh, "{name} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok();
    if ["chromium", "chromium-browser", "google-chrome"].iter().any(there) {
        return Ok(());
    }
    require(lab, &sh, &["chromium"])
}

/// Installs programs that read what others write, and run it: the tests ask them what they think of our images.
pub fn judges(lab: &Lab) -> Result<()> {
    require(lab, &admin()?, &["qemu-user-static", "shellcheck", "skopeo", "umoci"])
}

fn require(lab: &Lab, sh: &Shell, packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(sh, package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    step(&format!("installing {}", missing.join(", ")), || {
        sh.set_var("DEBIAN_FRONTEND", "noninteractive");
        // Somebody else's apt may be at work.
        let lock = ["-o", "DPkg::Lock::Timeout=300"];
        logged(lab, "apt-update", cmd!(sh, "apt-get update {lock...}"))?;
        let install = cmd!(sh, "apt-get install {lock...} --yes --no-install-recommends {missing...}");
        logged(lab, "apt-install", install)
    })
}

/// Unpacks packages, and takes these files of theirs to their places in the lab.
fn take(lab: &Lab, sh: &Shell, packages: &[&str], files: &[(&str, &str)]) -> Result<()> {
    let root = lab.path("engine.part");
    sh.remove_path(&root)?;
    unpack(lab, packages, &root)?;
    for folder in ["bin", "docker-config/cli-plugins"] {
        sh.create_dir(lab.path(folder))?;
    }
    for (from, to) in files {
        sh.copy_file(format!("{root}/{from}"), lab.path(&format!("{to}.part")))?;
        fs::rename(lab.path(&format!("{to}.part")), lab.path(to))?;
    }
    sh.remove_path(&root)?;
    Ok(())
}

fn installed(sh: &Shell, package: &str) -> bool {
    // Not `dpkg -s`, which is content with the configuration that a removed package left.
    let format = "${db:Status-Status}";
    let status = cmd!(sh, "dpkg-query --show --showformat {format} {package}").quiet().ignore_stderr().read();
    status.is_ok_and(|status| status == "installed")
}

/// Unpacks packages of [`SUITE`] into a folder.
pub fn unpack(lab: &Lab, packages: &[&str], into: &str) -> Result<()> {
    let sh = admin()?;
    let debs = lab.path("apt/debs");
    sh.remove_path(&debs)?;
    for folder in ["apt/lists/partial", "apt/archives/partial", "apt/debs"] {
        sh.create_dir(lab.path(folder))?;
    }
    let keyrings = ["/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg"];
    let keyring = keyrings.into_iter().find(|path| fs::exists(path).unwrap_or(false));
    let keyring = keyring.context("the package debian-archive-keyring is missing")?;
    let source = lab.path("apt/suite.sources");
    let uri = mirror()?;
    sh.write_file(
        &source,
        format!("Types: deb\nURIs: {uri}\nSuites: {SUITE}\nComponents: main\nSigned-By: {keyring}\n"),
    )?;
    // The machine's apt with another suite, its lists and downloads in the lab: the machine's own sources stay as they are.
    let options: Vec<String> = [
        format!("Dir::Etc::sourcelist={source}"),
        "Dir::Etc::sourceparts=/dev/null".to_owned(),
        // What the machine has installed does not count.
        "Dir::State::status=/dev/null".to_owned(),
        format!("Dir::State::lists={}", lab.path("apt/lists")),
        format!("Dir::Cache::archives={}", lab.path("apt/archives")),
        "Dir::Cache::pkgcache=".to_owned(),
        "Dir::Cache::srcpkgcache=".to_owned(),
        // A mirror may be a snapshot, and one that moves changes under our feet: hence the update before every download.
        "Acquire::Check-Valid-Until=false".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
    ]
    .into_iter()
    .flat_map(|option| ["-o".to_owned(), option])
    .collect();
    let options = &options;
    logged(lab, "apt-suite", cmd!(sh, "apt-get {options...} update"))?;
    sh.change_dir(&debs);
    logged(lab, "apt-download", cmd!(sh, "apt-get {options...} download {packages...}"))?;
    for deb in sh.read_dir(&debs)? {
        logged(lab, "unpack", cmd!(sh, "dpkg-deb --extract {deb} {into}"))?;
    }
    sh.remove_path(&debs)?;
    Ok(())
}

/// The mirror of Debian that the machine's own apt uses.
pub fn mirror() -> Result<String> {
    let sh = admin()?;
    let format = "$(COMPONENT) $(REPO_URI) $(LABEL)";
    let by = "Created-By: Packages";
    let targets = cmd!(sh, "apt-get indextargets --format {format} {by}").quiet().ignore_stderr().read()?;
    let mirror = targets.lines().find_map(|line| {
        let mut words = line.splitn(3, ' ');
        let (component, uri, label) = (words.next()?, words.next()?.trim_end_matches('/'), words.next()?);
        // The label comes from lists that a fresh machine has not yet got. Updates of security have another.
        (component == "main" && (label == "Debian" || uri.ends_with("/debian"))).then(|| uri.to_owned())
    });
    let mirror = mirror.context("apt knows no mirror of Debian with the component main; see `apt-get indextargets`")?;
    ensure!(!mirror.contains(char::is_whitespace), "apt's mirror is not a plain URI: {mirror}");
    Ok(mirror)
}
