//! The base images that a Rust Dockerfile names, made from Debian's packages under their public names.
//!
//! They are stand-ins: Debian unstable under trixie's name, a `rust` without rustup (it brings the targets of
//! each processor along), and no Alpine. But no image holds a package that the public one lacks, so that a Dockerfile
//! which forgets to install one fails here as it fails in the world.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::report::{logged, note, step};
use super::{Lab, distroless, image_names, root};

const CHEF: &str = "lukemathwalker/cargo-chef";
const DEBIAN: &str = "debian:trixie-slim";
/// What is in the stand-ins of Debian and rust, as their label says: another number makes those of an earlier lab anew.
const LABEL: (&str, &str) = ("cargo-dockerize.lab.rust", "6");
/// A registry of crates that lets a connection stall does not end a day's tests. Nothing of `http` is set here: with any of it cargo
/// fetches from git servers in another way, which knows no passwords.
const PATIENCE: &str = "ENV CARGO_NET_RETRY=10";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes the images that are missing.
pub fn up(lab: &Lab) -> Result<()> {
    let sh = lab.shell()?;
    let images = Images { lab, names: image_names(&sh)?, sh };
    images.debian()?;
    for name in distroless::NAMES {
        images.distroless(name)?;
    }
    images.rust()
}

/// Gives the stand-ins of rust and cargo-chef another version.
pub fn tag(lab: &Lab, version: &str) -> Result<()> {
    let plain = version.split('.').all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    ensure!(plain, "`{version}` is not a version of Rust");
    let sh = lab.shell()?;
    for (from, to) in [(rust("1"), rust(version)), (chef("1"), chef(version))] {
        if from != to {
            cmd!(sh, "docker tag {from} {to}").quiet().run()?;
            note(&format!("{to} is {from}"));
        }
    }
    Ok(())
}

/// The engine's images, as lines for people.
pub fn list(sh: &Shell) -> Result<Vec<String>> {
    let format = "{{.Repository}}:{{.Tag}} {{.Size}}";
    let list = cmd!(sh, "docker images --format {format}").quiet().read()?;
    let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

fn label() -> String {
    format!("LABEL {}={}", LABEL.0, LABEL.1)
}

fn rust(version: &str) -> String {
    format!("rust:{version}-slim-trixie")
}

fn chef(version: &str) -> String {
    format!("{CHEF}:latest-rust-{version}-slim-trixie")
}

struct Images<'a> {
    lab: &'a Lab,
    sh: Shell,
    names: BTreeSet<String>,
}

impl Images<'_> {
    fn have(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether it is there with what it is to have today; what is made from it has its label.
    fn current(&self, name: &str) -> bool {
        let (label, value) = LABEL;
        let format = format!("{{{{index .Config.Labels \"{label}\"}}}}");
        let said = cmd!(self.sh, "docker image inspect --format {format} {name}").quiet().ignore_stderr().read();
        self.have(name) && said.is_ok_and(|said| said == value)
    }

    fn debian(&self) -> Result<()> {
        if self.current(DEBIAN) {
            return Ok(());
        }
        let root = root::debian(self.lab)?;
        root::configure(&self.sh, &root)?;
        self.import(&root, DEBIAN, &[&label(), r#"CMD ["bash"]"#])
    }

    fn distroless(&self, name: &str) -> Result<()> {
        let image = format!("gcr.io/distroless/{name}-debian13");
        let (latest, nonroot) = (format!("{image}:latest"), format!("{image}:nonroot"));
        if self.have(&latest) && self.have(&nonroot) {
            return Ok(());
        }
        let root = distroless::root(self.lab, name)?;
        let path = format!("ENV PATH={PATH}");
        let all = [path.as_str(), "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"];
        self.import(&root, &latest, &[&all[..], &["USER 0", "WORKDIR /"]].concat())?;
        self.import(&root, &nonroot, &[&all[..], &["USER 65532", "WORKDIR /home/nonroot"]].concat())
    }

    fn rust(&self) -> Result<()> {
        // The shortest alias comes last, below.
        if self.current(&rust("1")) && self.current(&chef("1")) {
            return Ok(());
        }
        let root = root::rust(self.lab)?;
        let version = root::rust_version(&root)?;
        let version = version.as_str();
        if !self.current(&rust(version)) {
            let path = format!("ENV PATH=/usr/local/cargo/bin:{PATH}");
            let number = format!("ENV RUST_VERSION={version}");
            let label = label();
            root::configure(&self.sh, &root)?;
            let changes =
                [path.as_str(), "ENV CARGO_HOME=/usr/local/cargo", &number, PATIENCE, &label, r#"CMD ["bash"]"#];
            self.import(&root, &rust(version), &changes)?;
        }
        if !self.current(&chef(version)) {
            step(&format!("building {}", chef(version)), || self.cargo_chef(version))?;
        }
        let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
        for alias in [minor, "1"] {
            for (from, to) in [(rust(version), rust(alias)), (chef(version), chef(alias))] {
                let sh = &self.sh;
                cmd!(sh, "docker tag {from} {to}").quiet().run()?;
            }
        }
        Ok(())
    }

    /// As the public one is made, out of the public one's base.
    fn cargo_chef(&self, version: &str) -> Result<()> {
        let sh = &self.sh;
        let (context, base, name) = (self.lab.path("chef"), rust(version), chef(version));
        sh.remove_path(&context)?;
        sh.create_dir(&context)?;
        let install = "cargo install cargo-chef --locked && rm -rf \"$CARGO_HOME/registry\"";
        sh.write_file(format!("{context}/Dockerfile"), format!("FROM {base}\nRUN {install}\n"))?;
        // Of the machine's network, because it works wherever the machine's does.
        let options = ["--network=host", "--provenance=false", "--progress=plain"];
        logged(self.lab, "chef", cmd!(sh, "docker buildx build {options...} --tag {name} {context}"))
    }

    fn import(&self, root: &str, name: &str, changes: &[&str]) -> Result<()> {
        step(&format!("importing {name}"), || {
            let sh = &self.sh;
            // A container has devices and the kernel's files of its own.
            let exclude = ["--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*"];
            let mut tar = Command::from(cmd!(sh, "tar --create --numeric-owner --directory {root} {exclude...} ."))
                .stdout(Stdio::piped())
                .spawn()?;
            let changes = changes.iter().flat_map(|change| ["--change", change]);
            let import = Command::from(cmd!(sh, "docker import {changes...} - {name}"))
                .stdin(tar.stdout.take().context("tar has no output")?)
                .stdout(Stdio::null())
                .status()?;
            ensure!(tar.wait()?.success() && import.success(), "the import failed");
            Ok(())
        })
    }
}
