//! What this machine's own cargo can make.

use camino::Utf8Path;

use super::needs::Needs;
use super::{Finding, Looked, State};
use crate::host::Host;
use crate::platforms::{self, Platform, Triples};

pub(super) fn look(root: &Utf8Path, needs: &Needs) -> Looked {
    let host = match Host::probe(root) {
        Ok(host) => host,
        Err(failure) => {
            return Looked { findings: vec![Finding::failed("Rust", State::Fail, &failure)], builds: false };
        }
    };
    let rustup = if host.rustup { ", with rustup" } else { ", without rustup" };
    let mut findings =
        vec![needs.rust.judge("Rust", &host.rustc.version, &format!(" for {}{rustup}", host.rustc.host))];
    let mut builds = false;
    for platform in platforms::all().unwrap_or_default().iter().filter(|platform| platform.always) {
        let own = host.rustc.host.starts_with(platform.processor());
        let (finding, can) = linkage(&host, platform, own);
        builds |= can;
        findings.push(finding);
    }
    findings.push(if host.zigbuild {
        Finding::ok("zig", "cargo-zigbuild and a zig: C code for every target")
    } else {
        Finding::new("zig", State::Absent, "not there; it would compile C code for targets that have no compiler here")
    });
    let broken = findings[0].state == State::Fail;
    Looked { findings, builds: builds && !broken }
}

fn standard_library(host: &Host, triple: &str) -> String {
    if host.rustup {
        format!("`rustup target add {triple}`")
    } else {
        format!("install the standard library for {triple}, as your system packages it")
    }
}

fn c_compiler(own: bool) -> &'static str {
    if own {
        "install a C compiler for musl: the package musl-tools of Debian and its kin has musl-gcc"
    } else {
        "install cargo-zigbuild and zig (`pip install ziglang`), or a cross compiler"
    }
}

/// The best linkage that can be had for a processor. Whether a workspace can have it, its plan says.
fn linkage(host: &Host, platform: &Platform, own: bool) -> (Finding, bool) {
    let Triples { musl, gnu } = &platform.rust;
    let platform = &platform.name();
    let compiler = |triple: &str| host.zigbuild || host.compilers.contains_key(triple);
    let add = |triple: &str| standard_library(host, triple);
    if host.targets.contains(musl) && compiler(musl) {
        return (Finding::ok(platform, "linked statically, with musl, C code included"), true);
    }
    if host.targets.contains(musl) {
        let finding = Finding::new(
            platform,
            State::Warn,
            "linked statically, with musl; crates with C code have no compiler for it",
        );
        return (finding.todo(c_compiler(own)), true);
    }
    let glibc = own && host.targets.contains(gnu) && host.rustc.host == *gnu;
    if glibc {
        let how = if host.static_glibc { "linked statically, with glibc" } else { "linked with this machine's glibc" };
        return (
            Finding::new(platform, State::Warn, format!("{how}; musl makes it smaller, and asks nothing of a machine"))
                .todo(add(musl)),
            true,
        );
    }
    if host.targets.contains(gnu) && compiler(gnu) {
        return (Finding::new(platform, State::Warn, "linked with a cross compiler's glibc").todo(add(musl)), true);
    }
    let state = if own { State::Fail } else { State::Absent };
    (Finding::new(platform, state, "no target for it is installed").todo(add(musl)), false)
}
