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
const BRANCHES: &[&str] = &["GITHUB_REF_NAME", "CI_COMMIT_BRANCH"];

/// Where CI says that it builds what somebody asks to be merged. Its branch has the name that they gave it, in a fork also `main`.
const REQUESTS: &[&str] = &["GITHUB_HEAD_REF", "CI_MERGE_REQUEST_IID"];

/// The workspace's own branch that is built, as CI or git tells it; none where there is none.
///
/// # Errors
/// The user interrupted.
pub fn branch(root: &Utf8Path) -> Result<Option<String>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if is_request(variable) {
        return Ok(None);
    }
    if let Some(said) = BRANCHES.iter().find_map(|name| variable(name)) {
        return Ok(Some(said));
    }
    ask(root, &["branch", "--show-current"])
}

fn is_request(variable: impl Fn(&str) -> Option<String>) -> bool {
    REQUESTS.iter().any(|name| variable(name).is_some())
}

/// The build arguments that name the revision; none where there is no repository, no commit or no git.
///
/// # Errors
/// The user interrupted.
pub fn revision(root: &Utf8Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (name, arguments) in ARGUMENTS {
        if let Some(value) = ask(root, arguments)?.filter(|value| !value.chars().any(char::is_control)) {
            found.insert((*name).to_owned(), value);
        }
    }
    Ok(found)
}

/// The commit that is checked out, and what else there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub time: u64,
    /// Whether files that git knows differ from it.
    pub modified: bool,
}

/// The commit that is checked out; none where there is no repository, no commit or no git.
///
/// # Errors
/// The user interrupted.
pub fn commit(root: &Utf8Path) -> Result<Option<Commit>> {
    let Some(said) = ask(root, &["log", "--max-count=1", "--format=%H %ct"])? else { return Ok(None) };
    let Some((id, time)) = said.split_once(' ') else { return Ok(None) };
    let Ok(time) = time.parse() else { return Ok(None) };
    let modified = ask(root, &["status", "--porcelain", "--untracked-files=no", "--", "."])?;
    Ok(Some(Commit { id: id.to_owned(), time, modified: modified.is_some() }))
}

/// When one of these paths was last changed by a commit, in seconds since 1970; none where git knows nothing of them.
///
/// # Errors
/// The user interrupted.
pub fn last_change(root: &Utf8Path, paths: &[String]) -> Result<Option<u64>> {
    let mut arguments = vec!["log", "--max-count=1", "--format=%ct", "--"];
    arguments.extend(paths.iter().map(String::as_str));
    Ok(ask(root, &arguments)?.and_then(|time| time.parse().ok()))
}

/// What git prints, without its end; nothing where it has nothing to say.
fn ask(root: &Utf8Path, arguments: &[&str]) -> Result<Option<String>> {
    // Paths are the user's, and none is a pattern.
    let command = Command::new("git", "read the revision").args(["--literal-pathspecs", "--no-optional-locks"]);
    match command.args(arguments.iter().copied()).cwd(root).output() {
        Ok(output) if output.status.success() => {
            Ok(Some(output.stdout.trim().to_owned()).filter(|said| !said.is_empty()))
        }
        Err(failure) if failure.kind() == crate::failure::Kind::Interrupted => Err(failure),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_merge_is_of_no_branch() {
        let request = |set: &[(&str, &str)]| {
            is_request(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        assert!(!request(&[]));
        assert!(!request(&[("GITHUB_REF_NAME", "main")]));
        assert!(request(&[("GITHUB_REF_NAME", "7/merge"), ("GITHUB_HEAD_REF", "main")]));
        assert!(request(&[("CI_MERGE_REQUEST_IID", "7"), ("CI_COMMIT_REF_NAME", "main")]));
    }
}
