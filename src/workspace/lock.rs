//! The lock file: which names are not enough in it, and how it follows a manifest of ours.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};

/// Names that several packages have, other versions of one package included. A file that is not there has none.
pub(super) fn namesakes(root: &Utf8Path) -> BTreeSet<String> {
    let text = fs_err::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let (mut once, mut twice) = (BTreeSet::new(), BTreeSet::new());
    let names = text.lines().filter_map(|line| line.strip_prefix("name = \"")?.trim_end().strip_suffix('"'));
    for name in names {
        if !once.insert(name) {
            twice.insert(name.to_owned());
        }
    }
    twice
}

/// Has cargo bring it up to date: what is new gets in, what nobody needs goes, and everything else stays. The network is
/// asked only where this machine does not know enough.
///
/// # Errors
/// [`Kind::Workspace`]: cargo cannot, and the file is as it was. [`Kind::Interrupted`].
pub fn update(root: &Utf8Path, offline: bool) -> Result<()> {
    let command = Command::cargo("bring the lock file up to date").args(["update", "--workspace", "--color", "never"]);
    let command = command.cwd(root);
    let alone = command.clone().arg("--offline").output()?;
    if alone.status.success() {
        return Ok(());
    }
    let output = if offline { alone } else { command.output()? };
    if output.status.success() {
        return Ok(());
    }
    let failure = Failure::new(Kind::Workspace, "cargo cannot bring Cargo.lock up to date; nothing has been changed")
        .detail(output.stderr.trim());
    Err(if offline {
        failure.help("run it once without `--offline`: cargo has to look a dependency up")
    } else {
        failure.help(
            "where there is no network, run `cargo fetch` for the workspace once while there is one, then this again",
        )
    })
}
