//! A build that failed, as a failure that helps: which step, where in the Dockerfile, its first error, what to try.

use camino::Utf8Path;

use super::bake::Request;
use super::rawjson::Recorder;
use crate::explain::{self, Advice, By, Explained, Listener};
use crate::failure::{Failure, Kind, Place, printable};

/// How many of the failed step's lines are shown, where no error among them is known.
const SHOWN: usize = 25;

/// Makes the failure of a build that ended with a status that is not zero.
pub(super) fn explain(
    recorder: &Recorder,
    status: std::process::ExitStatus,
    request: &Request,
    command: &str,
) -> Failure {
    let text = recorder.text().join("\n");
    let Some(step) = recorder.failed() else { return without_step(recorder, status, request, command) };
    let error = step.error.clone().unwrap_or_default();
    let code = error.rsplit_once("exit code: ").map(|(_, code)| format!(" with exit code {code}")).unwrap_or_default();
    // What the engine does with a result is no step of the Dockerfile's: a registry refuses it, a disk is full.
    let own = ["exporting ", "pushing "].iter().any(|sign| step.name.starts_with(sign));
    let kind = if own { Kind::Engine } else { Kind::Build };
    let mut failure = Failure::new(kind, format!("the step `{}` failed{code}", short(&step.name)));
    let all = format!("{}\n{error}\n{text}", step.tail.join("\n"));
    let nothing = Listener::default();
    // That a test fails is told by the tests, and not by cargo, which says so in the end.
    let failures = failures(&step.tail);
    let heard = recorder.errors(step).filter(|_| failures.is_none()).unwrap_or(&nothing);
    let explained = explain::explain(heard, &all, &request.places, By::Engine);
    let lines = failures.unwrap_or(&step.tail[step.tail.len().saturating_sub(SHOWN)..]);
    failure = failure.detail(match (explained.lines.is_empty(), lines.is_empty()) {
        (false, _) => explained.detail(),
        (true, false) => lines.join("\n"),
        (true, true) => error,
    });
    if let Some(place) = place(recorder.text(), &request.root) {
        failure = failure.at(place);
    }
    let more = explained.is_cut || explained.more > 0 || explained.advice.is_none();
    failure = advised(failure, explained.advice);
    if more { failure.help("`cargo dockerize build --verbose` shows all that each step prints") } else { failure }
}

fn advised(failure: Failure, advice: Option<Advice>) -> Failure {
    match advice {
        Some(advice) => failure.caused_by(advice.cause).help(advice.help),
        None => failure,
    }
}

/// Of tests all that those said that failed, which stands before a list of their names; none: no tests failed.
fn failures(tail: &[String]) -> Option<&[String]> {
    let from = tail.iter().position(|line| line == "failures:")?;
    let failed = tail.iter().any(|line| line.starts_with("test result: FAILED"));
    failed.then(|| &tail[from..tail.len().min(from + 3 * SHOWN)])
}

fn without_step(recorder: &Recorder, status: std::process::ExitStatus, request: &Request, command: &str) -> Failure {
    let lines = recorder.text();
    let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    let Explained { advice, .. } =
        explain::explain(&Listener::default(), &lines.join("\n"), &request.places, By::Engine);
    let failure = if recorder.heard() {
        Failure::new(Kind::Engine, format!("the engine broke off the build ({status})"))
    } else {
        Failure::new(Kind::Engine, format!("buildx did not start the build ({status})"))
    };
    let failure = failure.detail(end).detail(command.to_owned());
    match advice {
        Some(_) => advised(failure, advice),
        None => failure.help("see whether the engine is still there: `docker info`"),
    }
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
    use base64::Engine as _;

    use super::*;

    #[test]
    fn of_tests_the_failures_are_shown() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let noise = "noise\n".repeat(60);
        let tail = lines(&format!(
            "{noise}failures:\n\n---- a stdout ----\nwhy\n\nfailures:\n    a\n\ntest result: FAILED. 1\n{noise}"
        ));
        assert_eq!(failures(&tail).unwrap()[0], "failures:");
        assert!(failures(&tail).unwrap().contains(&"why".to_owned()));
        assert_eq!(failures(&lines(&noise)), None);
    }

    /// What a step of a build said, as a failure.
    fn explained(output: &str) -> String {
        let mut recorder = Recorder::default();
        let name = "[builder 2/2] RUN cargo build --locked";
        let mut feed = |line: serde_json::Value| recorder.feed(&line.to_string(), |_, _| {});
        feed(serde_json::json!({"vertexes": [{"digest": "d", "name": name, "started": "2026-01-01T00:00:00Z"}]}));
        // As an engine sends it: in pieces that end anywhere.
        for piece in output.as_bytes().chunks(1000) {
            let data = base64::engine::general_purpose::STANDARD.encode(piece);
            feed(serde_json::json!({"logs": [{"vertex": "d", "stream": 2, "data": data}]}));
        }
        feed(serde_json::json!({"vertexes": [{
            "digest": "d", "name": name, "started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:00:09Z",
            "error": "process \"/bin/sh -c cargo build\" did not complete successfully: exit code: 101",
        }]}));
        let request = Request {
            root: "/home/me/work".into(),
            file: "docker-bake.hcl".into(),
            scratch: "/tmp".into(),
            targets: std::collections::BTreeMap::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            builder: None,
            secret_env: Vec::new(),
            places: crate::explain::Places::default(),
        };
        let failure = explain(&recorder, std::process::ExitStatus::default(), &request, "docker");
        assert_eq!(failure.kind(), Kind::Build);
        anstream::adapter::strip_str(&failure.report()).to_string()
    }

    #[test]
    fn the_first_error_is_shown_however_much_comes_after_it() {
        let report = explained(include_str!("../explain/outputs/types.txt"));
        for part in [
            "error: the step `[builder 2/2] RUN cargo build --locked` failed with exit code 101",
            "caused by: the code does not compile for this target",
            "error[E0308]: mismatched types",
            "--> shared/src/lib.rs:12:18",
            "… and 2 more errors after it",
            "help: see whether it does on this machine",
        ] {
            assert!(report.contains(part), "{part} is missing in:\n{report}");
        }
        assert!(!report.contains("tokio") && !report.contains("E0425"), "{report}");
    }

    #[test]
    fn without_an_error_the_end_is_shown() {
        let report = explained(&("one line\n".repeat(200) + "the end"));
        assert!(report.contains("the end") && report.contains("--verbose"), "{report}");
    }

    #[test]
    fn no_output_is_a_command_to_the_terminal() {
        let report = explained("error: \u{1b}[2Jone\u{7}\r\n \u{9b}2J --> /app/\u{1b}]0;x\u{7}src/main.rs:1:1\n");
        assert!(!report.contains(|c: char| c.is_control() && c != '\n'), "{report:?}");
    }
}
