//! Which shell reads the lines of a `RUN`, and what it does with pipes.

use super::model::{Command, Dockerfile, Run, Span, What};

/// What each `RUN`'s shell does with pipes, and that another shell's lines are none of ours.
pub(super) fn judge(file: &mut Dockerfile, text: &str) {
    for index in 0..file.stages.len() {
        let mut shell = inherited(file, index);
        let Some(stage) = file.stages.get_mut(index) else { continue };
        for instruction in &mut stage.instructions {
            match &mut instruction.what {
                What::Shell(words) => shell = words.iter().map(|word| word.text.clone()).collect(),
                What::Run(run) => judge_shell(run, &shell, text),
                _ => {}
            }
        }
    }
}

/// The shell that a stage begins with, where its bases set one.
fn inherited(file: &Dockerfile, stage: usize) -> Vec<String> {
    let below = file.line(stage).into_iter().skip(1);
    let shells = below.flat_map(|stage| stage.instructions.iter().rev());
    let mut shells = shells.filter_map(|one| if let What::Shell(words) = &one.what { Some(words) } else { None });
    shells.next().map(|words| words.iter().map(|word| word.text.clone()).collect()).unwrap_or_default()
}

fn judge_shell(run: &mut Run, shell: &[String], text: &str) {
    let program = shell.first().map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
    if matches!(run.command, Command::Shell(_)) && program.is_some_and(|program| !is_shell(&program)) {
        run.calls.clear();
    }
    let sets = run.calls.iter().any(|call| {
        (call.program() == "set" || is_shell(call.program()))
            && call.args().any(|arg| arg == "pipefail" || arg == "-opipefail")
    });
    let first = |body: &Span| {
        text[body.clone()].lines().next().is_some_and(|line| line.starts_with("#!") && line.contains("pipefail"))
    };
    run.pipefail = sets
        || run.scripts.iter().any(first)
        || (matches!(run.command, Command::Shell(_)) && shell.iter().any(|word| word.contains("pipefail")));
}

/// Whether a program is a shell that reads a POSIX one's lines.
pub(super) fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh")
}

/// Whether a script is one for such a shell, by its first line.
pub(super) fn is_posix(script: &str) -> bool {
    let Some(program) = script.trim_start().strip_prefix("#!") else { return true };
    let line = program.lines().next().unwrap_or_default();
    line.split_whitespace().any(|word| is_shell(word.rsplit('/').next().unwrap_or(word)))
}
