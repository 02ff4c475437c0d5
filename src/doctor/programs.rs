//! Programs beside Docker and Rust, and the room that cargo has.

use camino::Utf8Path;

use super::needs::Needs;
use super::{ANSWER, Finding, State};
use crate::exec::Command;
use crate::oci::load::{Runtime, runtimes};

pub(super) fn look(target: &Utf8Path, needs: &Needs) -> Vec<Finding> {
    let mut findings = vec![runtime(), git(needs), cosign()];
    findings.extend(emulation());
    findings.extend(needs.room("room to compile", target, "`cargo clean` frees what this workspace takes"));
    findings
}

/// What an image without Docker is given to.
fn runtime() -> Finding {
    let names: Vec<&str> = runtimes().iter().map(Runtime::name).collect();
    if names.is_empty() {
        return Finding::new(
            "runtimes",
            State::Warn,
            "nothing here runs containers: images go to registries and into files",
        )
        .todo("install Docker, Podman or nerdctl to run them here");
    }
    Finding::ok("runtimes", names.join(", "))
}

fn git(needs: &Needs) -> Finding {
    let command = Command::new("git", "see which git is there").arg("--version").within(Some(ANSWER));
    match command.output() {
        Ok(output) if output.status.success() => needs.git.judge("git", &output.stdout, ""),
        _ => Finding::new("git", State::Warn, "not there").todo(&needs.git.todo),
    }
}

fn cosign() -> Finding {
    match which::which("cosign") {
        Ok(_) => Finding::ok("cosign", "there, to sign what is pushed"),
        Err(_) => Finding::new("cosign", State::Absent, "not there; only who signs images needs it"),
    }
}

/// Processors that this kernel emulates.
fn emulation() -> Option<Finding> {
    let folder = Utf8Path::new("/proc/sys/fs/binfmt_misc");
    if !cfg!(target_os = "linux") || !folder.exists() {
        return None;
    }
    let entries = folder.read_dir_utf8().map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let mut names: Vec<String> =
        entries.iter().filter_map(|entry| entry.file_name().strip_prefix("qemu-").map(str::to_owned)).collect();
    names.sort();
    if names.is_empty() {
        let finding = Finding::new("emulation", State::Absent, "this kernel runs its own processor's programs alone");
        return Some(finding.todo("to run or build for others: `docker run --privileged --rm tonistiigi/binfmt --install all`, or the package qemu-user-static"));
    }
    Some(Finding::ok("emulation", names.join(", ")))
}
