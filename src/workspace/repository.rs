//! The revision that a workspace is at, as its own git tells it.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::exec::Command;
use crate::failure::Result;

/// Build arguments, and what git is asked for each.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("GIT_REVISION", &["rev-parse", "HEAD"]),
    ("GIT_DESCRIBE", &["describe", "--always", "--tags", "--dirty"]),
    ("GIT_BRANCH", &["rev-parse", "--abbrev-ref", "HEAD"]),
    ("GIT_COMMIT_TIMESTAMP", &["log", "--max-count=1", "--format=%cI"]),
];

/// Where CI says which branch it builds; it checks out a commit, and no branch.
const BRANCHES: &[&str] = &["GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"];

/// The branch, as CI or git tells it; none where there is no branch.
///
/// # Errors
/// The user interrupted.
pub fn branch(root: &Utf8Path) -> Result<Option<String>> {
    let said = BRANCHES.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if said.is_some() {
        return Ok(said);
    }
    let output = Command::new("git", "read the branch").args(["branch", "--show-current"]).cwd(root).output();
    match output {
        Ok(output) => Ok(Some(output.stdout.trim().to_owned()).filter(|branch| !branch.is_empty())),
        Err(failure) if failure.kind() == crate::failure::Kind::Interrupted => Err(failure),
        Err(_) => Ok(None),
    }
}

/// The build arguments that name the revision; none where there is no repository, no commit or no git.
///
/// # Errors
/// The user interrupted.
pub fn revision(root: &Utf8Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (name, arguments) in ARGUMENTS {
        let command = Command::new("git", "read the revision").args(arguments.iter().copied()).cwd(root);
        let output = match command.output() {
            Ok(output) if output.status.success() => output,
            Err(failure) if failure.kind() == crate::failure::Kind::Interrupted => return Err(failure),
            _ => continue,
        };
        let value = output.stdout.trim();
        if !value.is_empty() && value.chars().all(|c| !c.is_control()) {
            found.insert((*name).to_owned(), value.to_owned());
        }
    }
    Ok(found)
}
