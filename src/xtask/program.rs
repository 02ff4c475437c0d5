//! The `main.rs` of an xtask that is there already: two pieces go in, and every other byte stays.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::toml_text::newline;

/// The module. The form of a generated file is not its user's to choose.
pub(super) const MODULE: [&str; 2] = ["#[rustfmt::skip]", "mod docker;"];

/// The first statement of `main`.
pub(super) const CALL: [&str; 3] = [
    "if std::env::args().nth(1).as_deref() == Some(\"docker\") {",
    "    std::process::exit(docker::run(std::env::args().skip(2)));",
    "}",
];

/// What a source says of `docker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Docker {
    /// Nothing.
    Unknown,
    /// It calls our module already.
    Called,
    /// It has a module or a command of that name.
    Taken,
}

/// Looks whether a source has a `docker` of its own.
pub(super) fn docker(text: &str) -> Docker {
    let Ok(tokens) = text.parse::<TokenStream>() else { return Docker::Unknown };
    let (module, call, command) = (
        any(&tokens, &mut |rest| word(rest, 0, "mod") && word(rest, 1, "docker")),
        any(&tokens, &mut |rest| {
            word(rest, 0, "docker") && mark(rest, 1, ':') && mark(rest, 2, ':') && word(rest, 3, "run")
        }),
        any(&tokens, &mut names_command),
    );
    match (module, call, command) {
        (true, true, _) => Docker::Called,
        (false, false, false) => Docker::Unknown,
        _ => Docker::Taken,
    }
}

/// `"docker" =>`, `"docker" |`, `== "docker"`, or a variant `Docker`.
fn names_command(rest: &[TokenTree]) -> bool {
    let named = |at: usize| rest.get(at).is_some_and(|token| token.to_string() == "\"docker\"");
    let matched = named(0) && ((mark(rest, 1, '=') && mark(rest, 2, '>')) || mark(rest, 1, '|'));
    let compared = mark(rest, 0, '=') && mark(rest, 1, '=') && named(2);
    let variant = word(rest, 0, "enum")
        && rest.iter().take(8).any(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                group.stream().into_iter().any(|token| matches!(token, TokenTree::Ident(name) if name == "Docker"))
            }
            _ => false,
        });
    matched || compared || variant
}

fn any(tokens: &TokenStream, found: &mut dyn FnMut(&[TokenTree]) -> bool) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    (0..tokens.len())
        .any(|at| found(&tokens[at..]) || matches!(&tokens[at], TokenTree::Group(group) if any(&group.stream(), found)))
}

fn word(tokens: &[TokenTree], at: usize, name: &str) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(word)) if word == name)
}

fn mark(tokens: &[TokenTree], at: usize, what: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == what)
}

/// How many tokens of attributes stand here: `#[…]`, or with `inner` `#![…]`.
fn attributes(tokens: &[TokenTree], inner: bool) -> usize {
    let mut at = 0;
    while mark(tokens, at, '#') && mark(tokens, at + 1, '!') == inner {
        at += if inner { 3 } else { 2 };
    }
    at
}

/// Puts both pieces in. None: there is not one `fn main` that can be found.
pub(super) fn connect(text: &str) -> Option<String> {
    let tokens: Vec<TokenTree> = text.parse::<TokenStream>().ok()?.into_iter().collect();
    let mains: Vec<usize> =
        (0..tokens.len()).filter(|&at| word(&tokens, at, "fn") && word(&tokens, at + 1, "main")).collect();
    let [main] = mains[..] else { return None };
    let body = tokens[main..].iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    })?;
    // From the end to the front, so that places stay what they are.
    let with_call = call(text, body)?;
    module(&with_call, &tokens)
}

fn call(text: &str, body: &proc_macro2::Group) -> Option<String> {
    let inside: Vec<TokenTree> = body.stream().into_iter().collect();
    let mut first = attributes(&inside, true);
    // Items stay before statements.
    while ["use", "const", "static"].iter().any(|item| word(&inside, first, item)) {
        first += inside[first..]
            .iter()
            .position(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ';'))?
            + 1;
    }
    let at = match first {
        0 => body.span_open().byte_range().end,
        _ => inside.get(first - 1)?.span().byte_range().end,
    };
    let rest = text.get(at..)?.lines().next().unwrap_or_default();
    // A comment belongs to the line that it ends.
    let at = if rest.trim_start().starts_with("//") { at + rest.len() } else { at };
    // Of an empty body rustfmt makes `{}`.
    let end = if text[at..].starts_with('}') { "\n" } else { "" };
    let piece = format!("\n    {}{end}", CALL.join("\n    ")).replace('\n', newline(text));
    Some(format!("{}{piece}{}", &text[..at], &text[at..]))
}

fn module(text: &str, tokens: &[TokenTree]) -> Option<String> {
    let nl = newline(text);
    let starts = starts(text);
    let line_of = |at: usize| starts.partition_point(|start| *start <= at) - 1;
    let lines: Vec<&str> = text.lines().collect();
    let is_module = |line: usize| lines.get(line).is_some_and(|line| module_name(line).is_some());
    let first = (0..lines.len()).find(|&line| {
        // Only what the language takes for a module, not one in a string or a comment.
        is_module(line)
            && tokens.iter().any(|token| {
                word(std::slice::from_ref(token), 0, "mod") && line_of(token.span().byte_range().start) == line
            })
    });
    let piece = MODULE.map(|line| format!("{line}{nl}")).concat();
    let hangs = |line: usize| {
        line > 0 && (lines[line - 1].trim_start().starts_with("#[") || lines[line - 1].trim_start().starts_with("//"))
    };
    if let Some(first) = first.filter(|&line| !hangs(line)) {
        let last = (first..lines.len()).take_while(|&line| is_module(line)).last()?;
        let before = (first..=last).find(|&line| module_name(lines[line]).is_some_and(|name| name > "docker"));
        let at = before.map_or(starts.get(last + 1).copied().unwrap_or(text.len()), |line| starts[line]);
        return Some(format!("{}{piece}{}", &text[..at], &text[at..]));
    }
    let item = tokens.get(attributes(tokens, true))?.span().byte_range().start;
    let at = starts[line_of(item)];
    Some(format!("{}{piece}{nl}{}", &text[..at], &text[at..]))
}

fn starts(text: &str) -> Vec<usize> {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len());
    std::iter::once(0).chain(ends).collect()
}

/// The name in `mod name;`.
fn module_name(line: &str) -> Option<&str> {
    line.trim_end().strip_prefix("mod ")?.strip_suffix(';')
}

/// Takes both pieces out. None: they are not there as they were put in.
pub(super) fn disconnect(text: &str) -> Option<String> {
    take_module(&take_call(text)?)
}

fn take_call(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts = starts(text);
    let is_call = |at: usize| {
        let same = |i: usize| lines.get(at + i).is_some_and(|line| line.trim() == CALL[i].trim());
        at > 0 && same(0) && same(1) && lines.get(at + 2).is_some_and(|line| line.trim_start().starts_with(CALL[2]))
    };
    let at = (0..lines.len()).find(|&at| is_call(at))?;
    let last = starts.get(at + 2)?;
    let end = last + lines[at + 2].find('}')? + 1;
    let before = text[..starts[at]].strip_suffix('\n')?;
    let before = before.strip_suffix('\r').unwrap_or(before);
    let after = &text[end..];
    let empty = after.trim_start_matches(['\r', '\n']);
    Some(format!("{before}{}", if before.ends_with('{') && empty.starts_with('}') { empty } else { after }))
}

fn take_module(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = (1..lines.len()).find(|&at| lines[at].trim_end() == MODULE[1] && lines[at - 1].trim_end() == MODULE[0])?;
    let beside = |line: Option<&&str>| line.is_some_and(|line| module_name(line).is_some());
    let listed = beside(lines.get(at + 1)) || (at > 1 && beside(lines.get(at - 2)));
    let blank = lines.get(at + 1).is_some_and(|line| line.trim().is_empty());
    let after = if blank && !listed { at + 2 } else { at + 1 };
    Some([&lines[..at - 1], lines.get(after..).unwrap_or_default()].concat().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "//! Chores.\n\nuse std::env;\n\nfn main() {\n    println!(\"{:?}\", env::args());\n}\n";

    #[test]
    fn both_pieces_go_in_and_out() {
        for text in [
            PLAIN.to_owned(),
            PLAIN.replace('\n', "\r\n"),
            "mod check;\nmod test;\n\nfn main() -> Result<(), Box<dyn std::error::Error>> {\n    test::run()\n}\n".to_owned(),
            "mod check;\n\nfn main() {}\n".to_owned(),
            "#![allow(missing_docs)]\n#[cfg(unix)]\nmod a;\n\n#[tokio::main]\nasync fn main() -> anyhow::Result<()> { app::run().await }\n"
                .to_owned(),
            "use clap::Parser;\n\n/// Chores.\n#[derive(Parser)]\nstruct Cli {}\n\nfn main() { // here\n    use std::io;\n    const N: [u8; 2] = [1, 2];\n\n    Cli::parse();\n}\n".to_owned(),
            "fn main() {\n    #![allow(unused)]\n    let x = 1;\n}".to_owned(),
        ] {
            assert_eq!(docker(&text), Docker::Unknown, "{text}");
            let new = connect(&text).unwrap();
            assert_eq!(docker(&new), Docker::Called, "{new}");
            assert_eq!(new.matches("docker::run").count(), 1);
            assert_eq!(text.contains("\r\n"), !new.replace("\r\n", "").contains('\n') && new.contains("\r\n"), "{new:?}");
            assert_eq!(disconnect(&new).as_deref(), Some(&*text), "{new}");
        }
    }

    #[test]
    fn pieces_stand_where_people_would_put_them() {
        insta::assert_snapshot!(connect(&PLAIN.replace("fn main() {\n", "fn main() {\n    use std::io;\n\n")).unwrap());
        insta::assert_snapshot!(connect("mod check;\nmod test;\n\nfn main() {\n    test::run();\n}\n").unwrap());
    }

    #[test]
    fn no_main_or_two_are_left_alone() {
        assert_eq!(connect("xflags::main!();\n"), None);
        assert_eq!(connect("#[cfg(unix)]\nfn main() {}\n#[cfg(windows)]\nfn main() {}\n"), None);
        assert_eq!(connect("mod x { fn main() {} }\n"), None);
        assert_eq!(connect("not rust \" at all"), None);
    }

    #[test]
    fn a_docker_of_their_own_is_seen() {
        for text in [
            "mod docker;\nfn main() {}",
            "fn main() { match x { \"docker\" => {} _ => {} } }",
            "fn main() { if x == \"docker\" {} }",
            "#[derive(Subcommand)]\nenum Command { Test, Docker { tag: String } }",
        ] {
            assert_eq!(docker(text), Docker::Taken, "{text}");
        }
        assert_eq!(docker("fn main() { Command::new(\"docker\"); }"), Docker::Unknown);
    }
}
