//! What comes from the network.

use super::runs;
use crate::lint::call::{Call, Joint};
use crate::lint::model::What;
use crate::lint::{Context, Found};

/// `ADD` of an address whose contents nobody looks at.
pub(super) fn unchecked(context: &Context<'_>, found: &mut Vec<Found>) {
    for instruction in context.file.stages.iter().flat_map(|stage| &stage.instructions) {
        let What::Add(add) = &instruction.what else { continue };
        if instruction.flag("checksum").is_some() {
            continue;
        }
        let is_file = |address: &str| {
            address.starts_with("http://") || (address.starts_with("https://") && !is_repository(address))
        };
        for source in add.sources.iter().filter(|source| is_file(&source.text)) {
            let one = Found::at(source.span.clone(), "what comes from this address is taken as it is");
            found.push(one.help("say what it must be: `ADD --checksum=sha256:…`"));
        }
    }
}

fn is_repository(address: &str) -> bool {
    let path = address.split(['#', '?']).next().unwrap_or(address);
    camino::Utf8Path::new(path).extension() == Some("git")
}

const FETCHERS: &[&str] = &["curl", "wget", "aria2c", "fetch"];

/// Programs that run what they read.
const INTERPRETERS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "python", "python3", "perl", "ruby", "node", "php"];

/// A script from the network that is run at once.
pub(super) fn piped_script(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, _, run) in runs(context.file) {
        for (at, call) in run.calls.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| run.calls.get(before));
            let piped = call.joint == Joint::Pipe && before.is_some_and(|before| FETCHERS.contains(&before.program()));
            let reads =
                call.args().next().is_none_or(|arg| arg.starts_with('-') && !arg.contains('c') || arg == "/dev/stdin");
            let substituted = call
                .args()
                .any(|arg| ["$(curl ", "$(wget ", "`curl ", "`wget "].iter().any(|sign| arg.starts_with(sign)));
            if !INTERPRETERS.contains(&call.program()) || !((piped && reads) || substituted) {
                continue;
            }
            let start =
                if piped { before.map_or(call.span.start, |before| before.span.start) } else { call.span.start };
            let one = Found::at(start..call.span.end.max(start), "a script from the network is run as it comes");
            let one = one.label("another one tomorrow; half of one, where the connection breaks");
            found.push(one.help("fetch it with `ADD --checksum=sha256:…`, and run it then; or take a package or an image that has the program"));
        }
    }
}

/// Programs that fail for reasons which do not lie in the Dockerfile.
const FAIL: &[&str] =
    &["curl", "wget", "cargo", "git", "gpg", "make", "tar", "apt-get", "aws", "gh", "npm", "pip", "rustup"];

/// A pipe whose first part may fail without anybody noticing.
pub(super) fn lost_failure(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, _, run) in runs(context.file).filter(|(_, _, _, run)| !run.pipefail) {
        for (at, call) in run.calls.iter().enumerate() {
            let Some(before) = at.checked_sub(1).and_then(|before| run.calls.get(before)) else { continue };
            let pipe = call.joint == Joint::Pipe && !call.nested && !before.nested;
            let expected = run.calls.get(at + 1).is_some_and(|next| next.joint == Joint::Or);
            // A script that is piped into a shell has a rule of its own, and what checks what it reads notices.
            let notices = INTERPRETERS.contains(&call.program()) || checks(call);
            if !pipe || expected || notices || !FAIL.contains(&before.program()) {
                continue;
            }
            let one = Found::at(before.span.clone(), format!("where `{}` fails, the step goes on", before.program()));
            let one = one.label("a pipe is what its last part says").also(call.span.clone(), "the last part");
            found.push(one.help(
                "`SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]` before it, or two steps instead of a pipe",
            ));
        }
    }
}

/// Programs that fail where they are given nothing, or half of it.
fn checks(call: &Call) -> bool {
    matches!(call.program(), "sha256sum" | "sha512sum" | "shasum" | "gpg" | "gpgv" | "tar" | "bsdtar" | "gunzip" | "unzip" | "jq" | "zstd" | "xz" | "apt-key" | "cpio" | "patch")
        // An empty input is a valid archive to none of these; grep without a match fails as well.
        || call.program() == "grep"
}
