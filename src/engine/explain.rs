//! A build that failed, as a failure that helps: which step, where in the Dockerfile, its own last lines, what to try.

use camino::Utf8Path;
use serde::Deserialize;

use super::rawjson::Recorder;
use crate::failure::{Failure, Kind, Place, printable};

/// How many of the failed step's lines are shown.
const SHOWN: usize = 25;

#[derive(Deserialize)]
struct Table {
    row: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    signs: Vec<String>,
    help: String,
}

/// Makes the failure of a build that ended with a status that is not zero.
pub(super) fn explain(
    recorder: &Recorder,
    status: std::process::ExitStatus,
    root: &Utf8Path,
    command: &str,
) -> Failure {
    let text = recorder.text().join("\n");
    let Some(step) = recorder.failed() else { return without_step(recorder, status, &text, command) };
    let error = step.error.clone().unwrap_or_default();
    let code = error.rsplit_once("exit code: ").map(|(_, code)| format!(" with exit code {code}")).unwrap_or_default();
    // What the engine does with a result is no step of the Dockerfile's: a registry refuses it, a disk is full.
    let own = ["exporting ", "pushing "].iter().any(|sign| step.name.starts_with(sign));
    let kind = if own { Kind::Engine } else { Kind::Build };
    let mut failure = Failure::new(kind, format!("the step `{}` failed{code}", short(&step.name)));
    let lines = excerpt(&step.tail);
    if lines.is_empty() {
        failure = failure.detail(error.clone());
    } else {
        failure = failure.detail(lines.join("\n"));
    }
    if let Some(place) = place(recorder.text(), root) {
        failure = failure.at(place);
    }
    match advice(&format!("{}\n{error}\n{text}", step.tail.join("\n"))) {
        Some(help) => failure.help(help),
        None => failure.help("`cargo dockerize build --verbose` shows what each step prints"),
    }
}

/// The last lines; of tests all that those said that failed, which stands before a list of their names.
fn excerpt(tail: &[String]) -> &[String] {
    let end = &tail[tail.len().saturating_sub(SHOWN)..];
    match tail.iter().position(|line| line == "failures:") {
        Some(from) if tail.iter().any(|line| line.starts_with("test result: FAILED")) => {
            &tail[from..tail.len().min(from + 3 * SHOWN)]
        }
        _ => end,
    }
}

fn without_step(recorder: &Recorder, status: std::process::ExitStatus, text: &str, command: &str) -> Failure {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    let help = advice(text);
    let failure = if recorder.heard() {
        Failure::new(Kind::Engine, format!("the engine broke off the build ({status})"))
    } else {
        Failure::new(Kind::Engine, format!("buildx did not start the build ({status})"))
    };
    let failure = failure.detail(end).detail(command.to_owned());
    match help {
        Some(help) => failure.help(help),
        None => failure.help("see whether the engine is still there: `docker info`"),
    }
}

/// What to try, by what was printed.
fn advice(text: &str) -> Option<String> {
    // A table that does not parse gives no advice; a test sees to it that it does.
    let table: Table = toml::from_str(include_str!("advice.toml")).ok()?;
    table.row.into_iter().find(|row| row.signs.iter().any(|sign| text.contains(sign.as_str()))).map(|row| row.help)
}

/// BuildKit's `Dockerfile:31` above its excerpt, as a place in the file.
fn place(text: &[String], root: &Utf8Path) -> Option<Place> {
    let (file, number) = text.windows(2).find_map(|pair| {
        let (file, line) = pair[0].trim().rsplit_once(':')?;
        (pair[1].starts_with("-----")).then_some((file.to_owned(), line.parse::<usize>().ok()?))
    })?;
    let source = fs_err::read_to_string(root.join(&file)).ok()?;
    let start: usize = source.split_inclusive('\n').take(number.checked_sub(1)?).map(str::len).sum();
    let length = source.get(start..)?.lines().next()?.len();
    Some(Place { file, text: source, span: start..start + length, label: "this step".to_owned() })
}

/// A step's name on one line, without its mounts and without what only prepares cargo's last command.
pub(super) fn short(name: &str) -> String {
    // `[builder 2/3] RUN …`
    let command = name.split_once("] ").map_or(name, |(_, command)| command);
    let stage = &name[..name.len() - command.len()];
    let last = [" sh /dockerize/tests.sh ", " cargo "].iter().find_map(|word| command.rfind(word));
    let name = match (command.starts_with("RUN"), last) {
        (true, Some(at)) => format!("{stage}RUN{}", &command[at..]),
        _ => name.to_owned(),
    };
    let words: Vec<&str> =
        name.split_whitespace().filter(|word| !word.starts_with("--mount=") && *word != "\\").collect();
    let line = printable(&words.join(" "));
    let cut: String = line.chars().take(100).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_tests_the_failures_are_shown() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let noise = "noise\n".repeat(60);
        let tail = lines(&format!(
            "{noise}failures:\n\n---- a stdout ----\nwhy\n\nfailures:\n    a\n\ntest result: FAILED. 1\n{noise}"
        ));
        assert_eq!(excerpt(&tail)[0], "failures:");
        assert!(excerpt(&tail).contains(&"why".to_owned()));
        assert_eq!(excerpt(&lines(&noise)).len(), SHOWN);
    }

    #[test]
    fn every_advice_is_found_by_each_of_its_signs() {
        let table: Table = toml::from_str(include_str!("advice.toml")).unwrap();
        assert!(table.row.len() >= 12);
        for row in &table.row {
            for sign in &row.signs {
                assert_eq!(
                    advice(&format!("error: {sign} …")).as_ref(),
                    Some(&row.help),
                    "{sign} is hidden by a row above"
                );
            }
        }
    }
}
