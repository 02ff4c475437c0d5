//! What the build gets of the repository: its revision as build arguments, after the dependencies; the folder `.git` only
//! where nothing else serves.

use super::Candidate;
use super::model::{Because, Git};
use crate::detect;
use crate::workspace::Workspace;

pub(super) fn decide(workspace: &Workspace, candidates: &[Candidate<'_>], notes: &mut Vec<Because>) -> Git {
    let wants = |wanted: detect::Git| {
        let mut natives = candidates.iter().flat_map(|candidate| &candidate.findings.native);
        natives.find(|native| native.needs.git == Some(wanted)).map(|native| native.because.clone())
    };
    let folder = wants(detect::Git::Folder);
    // A worktree and a submodule have a file there, which leads out of every context; a download has nothing.
    let there = workspace.repository.as_ref().is_some_and(|top| top.join(".git").is_dir());
    if let (Some(because), false) = (&folder, there) {
        let text = format!("{}, and there is no .git folder to send: the build goes without", because.text);
        notes.push(Because { text, rule: "git-folder".to_owned(), ..because.clone() });
    }
    Git { revision: wants(detect::Git::Revision), folder: folder.filter(|_| there) }
}
