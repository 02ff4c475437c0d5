//! What the code of a package names besides files: macros that it calls, crates whose paths it uses, and variables that it takes the value
//! of while it is compiled. Code of tests is told from the program's.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::SourceFacts;
use super::sources::{is_cfg_test, string_value};

/// By name, each with the file and the line of its first use.
pub type Named = BTreeMap<String, (Utf8PathBuf, usize)>;

/// Adds what one file names; `program` is false for tests, examples and benchmarks.
pub(super) fn find(facts: &mut SourceFacts, path: &Utf8Path, program: bool, tokens: TokenStream) {
    // A build script is neither a test nor the program.
    if path.file_name() == Some("build.rs") {
        return;
    }
    let mut pending = vec![(tokens, !program)];
    while let Some((tokens, test)) = pending.pop() {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut test_item = false;
        for (i, tree) in trees.iter().enumerate() {
            let before = &trees[..i];
            let line = || tree.span().start().line;
            match tree {
                TokenTree::Ident(name) if !test && is_crate(before, &trees[i + 1..]) => {
                    add(&mut facts.crates, &name.to_string(), path, line());
                }
                TokenTree::Group(group) => {
                    if let [.., TokenTree::Ident(name), TokenTree::Punct(bang)] = before
                        && bang.as_char() == '!'
                    {
                        let list = if test { &mut facts.test_macros } else { &mut facts.macros };
                        add(list, &name.to_string(), path, line());
                        let variable = (name == "env").then(|| first_string(group.stream())).flatten();
                        if let Some(variable) = variable.filter(|_| !test) {
                            add(&mut facts.variables, &variable, path, line());
                        }
                    }
                    let is_attribute = group.delimiter() == Delimiter::Bracket
                        && matches!(before.last(), Some(TokenTree::Punct(hash)) if hash.as_char() == '#');
                    test_item |= is_attribute && is_cfg_test(group);
                    let body = group.delimiter() == Delimiter::Brace;
                    pending.push((group.stream(), test || (test_item && body)));
                    test_item &= !body;
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => test_item = false,
                _ => {}
            }
        }
    }
}

/// The earliest line of the first file.
fn add(list: &mut Named, name: &str, path: &Utf8Path, line: usize) {
    let (file, first) = list.entry(name.to_owned()).or_insert_with(|| (path.to_owned(), line));
    if file == path {
        *first = line.min(*first);
    }
}

fn first_string(tokens: TokenStream) -> Option<String> {
    match tokens.into_iter().next() {
        Some(TokenTree::Literal(literal)) => string_value(&literal),
        _ => None,
    }
}

/// Whether a word is where the name of a crate stands: the first of a path, or all that is imported.
fn is_crate(before: &[TokenTree], after: &[TokenTree]) -> bool {
    let is =
        |tree: Option<&TokenTree>, sign: char| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    let word = |tree: Option<&TokenTree>, word: &str| matches!(tree, Some(TokenTree::Ident(ident)) if ident == word);
    let at = |back: usize| before.len().checked_sub(back).and_then(|at| before.get(at));
    if word(at(1), "use") || (word(at(1), "crate") && word(at(2), "extern")) {
        return true;
    }
    let leads = is(after.first(), ':') && is(after.get(1), ':');
    // `::name::…` is the crate of this name; in `module::name::…` it is something in a module.
    let follows = is(at(1), ':') && is(at(2), ':');
    let inside = matches!(at(3), Some(TokenTree::Ident(ident)) if ident != "use") || is(at(3), '>');
    leads && !(follows && inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(path: &str, program: bool, text: &str) -> SourceFacts {
        let mut facts = SourceFacts::default();
        find(&mut facts, Utf8Path::new(path), program, text.parse().unwrap());
        facts
    }

    fn names(list: &Named) -> Vec<&str> {
        list.keys().map(String::as_str).collect()
    }

    #[test]
    fn tests_are_told_from_the_program() {
        let text = "fn main() { query!(\"a\"); }\n\
                    #[cfg(test)] mod tests { fn f() { query_as!(\"b\"); env!(\"TEST\"); libloading::open(); } }\n\
                    #[tokio::test] async fn g() { query_file!(\"c\"); }\n\
                    #[cfg(test)] use helper;\n\
                    fn h() { other!(\"d\") }\n";
        let found = facts("src/main.rs", true, text);
        assert_eq!(names(&found.macros), ["other", "query"]);
        assert_eq!(names(&found.test_macros), ["env", "query_as", "query_file"]);
        assert!(found.variables.is_empty() && !found.crates.contains_key("libloading"));
        let found = facts("tests/api.rs", false, text);
        assert!(found.macros.is_empty() && found.test_macros.len() == 5);
        let found = facts("build.rs", false, text);
        assert!(found.macros.is_empty() && found.test_macros.is_empty());
    }

    #[test]
    fn crates_whose_paths_are_used() {
        let uses = |text: &str| facts("src/main.rs", true, text).crates.contains_key("libloading");
        for text in [
            "use libloading::Library;",
            "use {std::fs, libloading::{Library, Symbol}};",
            "use ::libloading::Library;",
            "use libloading as l;",
            "extern crate libloading;",
            "fn f() { let l = unsafe { libloading::Library::new(\"x\") }; }",
            "fn f(l: &::libloading::Library) {}",
        ] {
            assert!(uses(text), "{text}");
        }
        for text in ["use crate::libloading::Library;", "mod libloading;", "// libloading::x", "let libloading = 1;"] {
            assert!(!uses(text), "{text}");
        }
    }

    #[test]
    fn variables_that_are_compiled_in() {
        let text = "const A: &str = env!(\"API_BASE\");\n\nconst B: &str = env!(\"API_BASE\", \"why\");\n\
                    const C: Option<&str> = option_env!(\"MAYBE\");\nconst D: &str = std::env!(\"OTHER\");\n";
        let found = facts("src/main.rs", true, text);
        assert_eq!(names(&found.variables), ["API_BASE", "OTHER"]);
        assert_eq!(found.variables["API_BASE"].1, 1);
    }
}
