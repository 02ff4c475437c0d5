//! What commands in Dockerfiles are about: what starts, what cargo builds, which packages are installed.

use super::dockerfile::Start;
use super::facts::last;
use super::shell;
use super::words::Variables;

/// Programs that start another one.
const STARTERS: &[&str] = &["tini", "dumb-init", "catatonit", "gosu", "su-exec", "exec", "env", "bash", "sh"];

/// The words that a container starts with.
pub fn started(entrypoint: Option<Start>, cmd: Option<Start>, variables: &Variables) -> Vec<String> {
    let words = |start: Start| {
        let line = if start.shell {
            start.words.join(" ")
        } else if let [shell, flag, line, ..] = start.words.as_slice()
            && ["sh", "bash"].contains(&last(shell))
            && flag.starts_with('-')
            && flag.ends_with('c')
        {
            line.clone()
        } else {
            return start.words;
        };
        shell::commands(&line, variables).pop().unwrap_or_default()
    };
    match entrypoint {
        Some(start) if start.shell => words(start),
        Some(start) => words(start).into_iter().chain(cmd.map(words).unwrap_or_default()).collect(),
        None => cmd.map(words).unwrap_or_default(),
    }
}

/// Without programs that only start another one.
pub fn unwrapped(words: &[String]) -> &[String] {
    let mut words = words;
    while let [first, rest @ ..] = words
        && (STARTERS.contains(&last(first)) || shell::setting(first).is_some())
        && !rest.is_empty()
    {
        let flags = rest.iter().take_while(|word| word.starts_with('-')).count();
        let user = usize::from(["gosu", "su-exec"].contains(&last(first)));
        words = rest.get(flags + user..).unwrap_or_default();
    }
    words
}

/// The packages that a command installs for good.
pub fn packages(words: &[String]) -> Vec<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).skip_while(|word| shell::setting(word).is_some()).collect();
    let Some((tool, rest)) = words.split_first() else { return vec![] };
    let verb = match last(tool) {
        "apt" | "apt-get" | "dnf" | "yum" | "microdnf" | "zypper" => "install",
        "apk" => "add",
        _ => return vec![],
    };
    let Some(at) = rest.iter().position(|word| *word == verb) else { return vec![] };
    if rest.contains(&"--virtual") || rest.contains(&"-t") {
        return vec![];
    }
    let names =
        rest[at + 1..].iter().filter(|word| !word.starts_with('-') && !word.contains("$(") && !word.contains("::"));
    names.map(|name| name.split('=').next().unwrap_or(name).to_owned()).collect()
}

/// What a command of cargo's does that makes a program, and its arguments.
pub fn cargo(words: &[String]) -> Option<(&'static str, &[String])> {
    let start = words.iter().position(|word| shell::setting(word).is_none())?;
    let (tool, mut rest) = words.get(start..)?.split_first()?;
    if !["cargo", "xx-cargo", "cross"].contains(&last(tool)) {
        return None;
    }
    while let Some((word, after)) = rest.split_first() {
        let verb = match word.as_str() {
            "build" | "b" | "rustc" | "zigbuild" => "build",
            "cook" => "cook",
            "install" if rest.iter().any(|word| word.starts_with("--path") || word.starts_with("--git")) => "install",
            "auditable" | "chef" => "",
            toolchain if toolchain.starts_with(['+', '-']) => "",
            _ => return None,
        };
        if !verb.is_empty() {
            return Some((verb, after));
        }
        rest = after;
    }
    None
}
