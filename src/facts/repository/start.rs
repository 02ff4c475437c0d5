//! What an image starts: `ENTRYPOINT` and `CMD`, through an init or another program that starts one.

use super::model::{Said, Start, Words};
use super::names::{has, names};
use crate::lint::call::base;
use crate::lint::model::Command;
use crate::lint::shell;

/// Characters that only a shell understands.
const OF_A_SHELL: &[char] = &['$', '`', '*', '?', '~'];

/// The words of an instruction's command.
pub(super) fn words(text: &str, command: &Command) -> Words {
    match command {
        Command::Exec(list, _) => of_list(list.iter().map(|word| word.text.clone()).collect()),
        Command::Shell(line) => plain(&shell::calls(text, line.span.clone(), Some('\\'))),
    }
}

/// The words of a line that a shell reads, where it is plain enough to do without one.
pub(super) fn line(text: &str) -> Words {
    plain(&shell::calls(text, 0..text.len(), None))
}

fn plain(calls: &[crate::lint::call::Call]) -> Words {
    match calls {
        [call]
            if call.assigned.is_empty()
                && call.written.is_empty()
                && call.words.iter().all(|word| !word.text.contains(OF_A_SHELL)) =>
        {
            of_list(call.words.iter().map(|word| word.text.clone()).collect())
        }
        _ => Words::Shell,
    }
}

/// A list whose program is a shell says in one word what is started.
fn of_list(list: Vec<String>) -> Words {
    let is_shell = |program: &str| matches!(base(program), "sh" | "bash" | "ash" | "dash");
    if !list.first().is_some_and(|program| is_shell(program)) {
        return Words::Plain(list);
    }
    let mut rest = list.into_iter().skip(1).skip_while(|word| word.starts_with('-') && !word.ends_with('c'));
    match rest.next() {
        // `sh script.sh` starts the script.
        Some(script) if !script.starts_with('-') => Words::Plain(std::iter::once(script).chain(rest).collect()),
        Some(_) => match rest.next().map(|text| shell::calls(&text, 0..text.len(), None)) {
            Some(calls) if matches!(calls.first(), Some(call) if !is_shell(call.program())) => plain(&calls),
            _ => Words::Shell,
        },
        None => Words::Shell,
    }
}

/// An image's command as it is written, and whether it is a list.
pub(super) struct Written {
    pub words: Said<Words>,
    pub list: bool,
}

/// What is started in the end.
///
/// `binary` has the binary of the workspace that a program of a name is.
pub(super) fn start(
    entry: Option<&Written>,
    cmd: Option<&Written>,
    binary: &dyn Fn(&str) -> Option<String>,
) -> Option<Start> {
    let first = entry.or(cmd)?;
    // A shell's line takes no arguments.
    let more = entry.and(cmd).filter(|_| entry.is_some_and(|entry| entry.list));
    let place = first.words.place.clone();
    let mut start =
        Start { program: None, script: None, arguments: Vec::new(), init: None, shell: false, by_cargo: false, place };
    let Words::Plain(words) = &first.words.value else {
        start.shell = true;
        return Some(start);
    };
    let (init, words) = started(words);
    start.init = init.map(|name| first.words.with(name.to_owned()));
    let more: &[String] = match more {
        Some(Written { words: Said { value: Words::Plain(words), place }, list: true }) => {
            start.place = place.clone();
            words
        }
        Some(_) => {
            start.shell = true;
            &[]
        }
        None => &[],
    };
    if let Some((name, arguments)) = run_by_cargo(words) {
        start.by_cargo = true;
        start.program = binary(name);
        start.script = Some(first.words.with("cargo".to_owned()));
        start.arguments = [arguments, more].concat();
        return Some(start);
    }
    if let Some((program, arguments)) = words.split_first() {
        start.program = binary(base(program));
        if start.program.is_some() {
            start.arguments = [arguments, more].concat();
            return Some(start);
        }
        start.script = Some(first.words.with(base(program).to_owned()));
    }
    // A script that starts what follows it, or an init alone.
    if let Some((program, arguments)) = more.split_first() {
        start.program = binary(base(program));
        if start.program.is_some() {
            start.arguments = arguments.to_vec();
        }
    }
    Some(start)
}

/// The binary that `cargo run` starts, empty where it is the only one, and its arguments.
fn run_by_cargo(words: &[String]) -> Option<(&str, &[String])> {
    let [program, subcommand, rest @ ..] = words else { return None };
    if base(program) != "cargo" || !matches!(subcommand.as_str(), "run" | "r") {
        return None;
    }
    let end = rest.iter().position(|word| word == "--");
    let (options, arguments) = rest.split_at(end.unwrap_or(rest.len()));
    let named = options.iter().position(|word| matches!(word.as_str(), "--bin" | "-p" | "--package"));
    let name = named.and_then(|at| options.get(at + 1)).map_or("", String::as_str);
    Some((name, arguments.get(1..).unwrap_or_default()))
}

/// What is started through others: the init among them, and the words that are left.
pub(super) fn started(mut words: &[String]) -> (Option<&'static str>, &[String]) {
    let mut init = None;
    while let Some((first, mut rest)) = words.split_first() {
        let Some(starter) = names().starter.iter().find(|starter| starter.name == base(first)) else { break };
        init = init.or_else(|| starter.init.then_some(starter.name.as_str()));
        while let Some((option, after)) = rest.split_first().filter(|(option, _)| option.starts_with('-')) {
            rest = after;
            if option == "--" {
                break;
            }
            if has(&starter.valued, option) {
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        words = rest.get(starter.words..).unwrap_or_default();
    }
    (init, words)
}
