//! What a build script does, read from its text: which crates it calls, which programs it runs, which libraries it asks
//! pkg-config for. Nothing is executed and no condition is evaluated: it is evidence for crates that no table knows.

use std::collections::BTreeSet;

use camino::Utf8Path;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::sources::string_value;

/// What one build script names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptFacts {
    /// Crates that it calls: the first words of paths such as `cc::Build`.
    pub crates: BTreeSet<String>,
    /// Programs that it starts: what `Command::new` is given.
    pub programs: BTreeSet<String>,
    /// Libraries that it asks pkg-config for.
    pub libraries: BTreeSet<String>,
    /// Whether it compiles C++: `.cpp(true)`, or a text with the name of C++'s library.
    pub cpp: bool,
    /// Whether it tells cargo to link something, or has parts in other files, which may.
    pub links: bool,
}

/// Calls whose first argument is a library's name, as pkg-config knows it.
const PROBES: &[&str] = &["probe", "probe_library", "find_library"];

/// Reads a build script; of one that cannot be read or lexed only this is known, that it may link something.
pub fn read(path: &Utf8Path) -> ScriptFacts {
    let unread = ScriptFacts { links: true, ..ScriptFacts::default() };
    fs_err::read_to_string(path).ok().and_then(|text| text.parse().ok()).map_or(unread, facts)
}

fn facts(tokens: TokenStream) -> ScriptFacts {
    let mut facts = ScriptFacts::default();
    let mut pending = vec![tokens];
    while let Some(tokens) = pending.pop() {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        for (i, tree) in trees.iter().enumerate() {
            match tree {
                TokenTree::Group(group) => {
                    if let (Delimiter::Parenthesis, Some(TokenTree::Ident(name))) =
                        (group.delimiter(), i.checked_sub(1).and_then(|before| trees.get(before)))
                    {
                        let name = name.to_string();
                        let owner = owner(&trees[..i - 1]);
                        call(&mut facts, &name, owner.as_deref(), group.stream());
                    }
                    pending.push(group.stream());
                }
                TokenTree::Literal(literal) => {
                    let text = string_value(literal).unwrap_or_default();
                    facts.links |= text.contains("rustc-link-");
                    facts.cpp |= text.contains("stdc++");
                }
                TokenTree::Ident(word) if word == "mod" => {
                    facts.links |= matches!(trees.get(i + 2), Some(TokenTree::Punct(end)) if end.as_char() == ';');
                }
                TokenTree::Ident(word) if word == "include" => facts.links = true,
                TokenTree::Ident(name) if is_path(&trees[i + 1..]) && owner(&trees[..i]).is_none() => {
                    facts.crates.insert(name.to_string());
                }
                _ => {}
            }
        }
    }
    proc_macro2::extra::invalidate_current_thread_spans();
    facts
}

fn call(facts: &mut ScriptFacts, name: &str, owner: Option<&str>, arguments: TokenStream) {
    let first = arguments.into_iter().next();
    let text = match &first {
        Some(TokenTree::Literal(literal)) => string_value(literal),
        _ => None,
    };
    match (name, owner, text) {
        ("new", Some("Command"), Some(program)) => {
            facts.programs.insert(program);
        }
        (probe, _, Some(library)) if PROBES.contains(&probe) => {
            facts.libraries.insert(library);
        }
        ("cpp", _, _) => {
            facts.cpp |= matches!(&first, Some(TokenTree::Ident(value)) if value == "true");
        }
        _ => {}
    }
}

/// Whether `::` follows.
fn is_path(after: &[TokenTree]) -> bool {
    matches!(after, [TokenTree::Punct(one), TokenTree::Punct(two), ..] if one.as_char() == ':' && two.as_char() == ':')
}

/// The word before a `::`.
fn owner(before: &[TokenTree]) -> Option<String> {
    match before {
        [.., TokenTree::Ident(owner), TokenTree::Punct(one), TokenTree::Punct(two)]
            if one.as_char() == ':' && two.as_char() == ':' =>
        {
            Some(owner.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_script_names() {
        let text = r#"
            use std::process::Command;
            fn main() {
                // cmake::build("comment")
                let library = pkg_config::Config::new().atleast_version("1").probe("libfoo").unwrap();
                cc::Build::new().cpp(true).file("a.cc").compile("a");
                if let Ok(git) = Command::new("git").arg("rev-parse").output() {}
            }
        "#;
        let facts = facts(text.parse().unwrap());
        let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        assert!(facts.crates.contains("cc") && facts.crates.contains("pkg_config") && !facts.crates.contains("cmake"));
        assert_eq!(names(&facts.programs), ["git"]);
        assert_eq!(names(&facts.libraries), ["libfoo"]);
        assert!(facts.cpp && !facts.links);
    }

    #[test]
    fn what_may_link_something() {
        let links = |text: &str| facts(text.parse().unwrap()).links;
        assert!(links("fn main() { println!(\"cargo::rustc-link-lib=foo\"); }"));
        assert!(links("mod find; fn main() { find::all() }"));
        assert!(!links("mod words { pub fn out() {} } fn main() { println!(\"cargo::rerun-if-changed=build.rs\"); }"));
    }
}
