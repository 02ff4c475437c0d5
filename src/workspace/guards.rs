//! Guards of the sources: `compile_error!` under a `cfg`, by which a crate refuses sets of features.
//!
//! Modules are followed from a target's first source, so that a file that is not compiled says nothing. Macros are not expanded, and a
//! condition of which anything is not known holds for nobody: a guard that is found to fire does fire.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::sources::{normal, string_value};

/// Larger files are generated.
const LARGEST: u64 = 2 * 1024 * 1024;

/// How many files of one target are read, and how deep conditions may nest.
const FILES: usize = 4000;
const DEEP: usize = 32;

/// What conditions other than features mean in every build of an image. What is not here is not known: `debug_assertions` differs between
/// profiles, processors and C libraries between platforms.
const KNOWN: [(&str, Option<&str>, bool); 15] = [
    ("true", None, true),
    ("false", None, false),
    ("unix", None, true),
    ("windows", None, false),
    ("test", None, false),
    ("doctest", None, false),
    ("doc", None, false),
    ("miri", None, false),
    ("target_os", Some("linux"), true),
    ("target_family", Some("unix"), true),
    ("target_family", Some("windows"), false),
    ("target_family", Some("wasm"), false),
    ("target_arch", Some("wasm32"), false),
    ("target_arch", Some("wasm64"), false),
    ("target_vendor", Some("apple"), false),
];

/// A condition as `cfg` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Feature(String),
    Is(bool),
    /// Not known before the build.
    Open,
}

/// A `compile_error!` and when it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Its message.
    pub message: String,
    /// The file that holds it, absolute.
    pub file: Utf8PathBuf,
    /// Its line, from 1.
    pub line: usize,
    condition: Condition,
}

impl Guard {
    /// Whether it fires where features are on as this says, which may not know of one; none: it is not known.
    pub fn fires(&self, is_on: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
        self.condition.holds(is_on)
    }

    /// The features that it speaks of.
    pub fn features(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut pending = vec![&self.condition];
        while let Some(condition) = pending.pop() {
            match condition {
                Condition::All(several) | Condition::Any(several) => pending.extend(several),
                Condition::Not(one) => pending.push(one),
                Condition::Feature(name) => {
                    found.insert(name.as_str());
                }
                Condition::Is(_) | Condition::Open => {}
            }
        }
        found
    }
}

impl Condition {
    fn holds(&self, is_on: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
        // Of several one that decides is enough, whatever is not known of the others.
        let decided = |several: &[Self], by: bool| {
            let each: Vec<Option<bool>> = several.iter().map(|one| one.holds(is_on)).collect();
            if each.contains(&Some(by)) { Some(by) } else { each.iter().all(Option::is_some).then_some(!by) }
        };
        match self {
            Self::All(several) => decided(several, false),
            Self::Any(several) => decided(several, true),
            Self::Not(one) => one.holds(is_on).map(|holds| !holds),
            Self::Feature(name) => is_on(name),
            Self::Is(so) => Some(*so),
            Self::Open => None,
        }
    }

    /// What stands between the parentheses of `cfg(…)`.
    fn read(tokens: TokenStream, depth: usize) -> Self {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let listed = |group: &Group| -> Vec<Self> {
            let trees: Vec<TokenTree> = group.stream().into_iter().collect();
            let parts = trees.split(|tree| matches!(tree, TokenTree::Punct(comma) if comma.as_char() == ','));
            parts
                .filter(|part| !part.is_empty())
                .map(|part| Self::read(part.iter().cloned().collect(), depth + 1))
                .collect()
        };
        match trees.as_slice() {
            _ if depth > DEEP => Self::Open,
            [TokenTree::Ident(name)] => known(&name.to_string(), None),
            [TokenTree::Ident(name), TokenTree::Punct(equals), TokenTree::Literal(value)]
                if equals.as_char() == '=' =>
            {
                match (name.to_string().as_str(), string_value(value)) {
                    ("feature", Some(feature)) => Self::Feature(feature),
                    (name, value) => known(name, value.as_deref()),
                }
            }
            [TokenTree::Ident(name), TokenTree::Group(group)] => match (name.to_string().as_str(), listed(group)) {
                ("all", several) => Self::All(several),
                ("any", several) => Self::Any(several),
                ("not", mut one) if one.len() == 1 => Self::Not(Box::new(one.remove(0))),
                _ => Self::Open,
            },
            _ => Self::Open,
        }
    }
}

fn known(name: &str, value: Option<&str>) -> Condition {
    let same = KNOWN.iter().find(|(known, of, _)| *known == name && *of == value);
    match same {
        Some((_, _, so)) => Condition::Is(*so),
        // Images run Linux.
        None if name == "target_os" => Condition::Is(false),
        None => Condition::Open,
    }
}

/// The guards of a target, from its first source on.
pub(super) fn read(first: &Utf8Path) -> Vec<Guard> {
    let folder = first.parent().unwrap_or(Utf8Path::new("")).to_owned();
    let mut reader =
        Reader { found: Vec::new(), files: vec![Source { path: first.to_owned(), folder, under: Vec::new() }] };
    let mut count = 0;
    while let Some(source) = reader.files.pop() {
        count += 1;
        if count > FILES {
            break;
        }
        reader.file(&source);
    }
    reader.found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    reader.found
}

/// A file to be read.
struct Source {
    path: Utf8PathBuf,
    /// Where its modules' files lie.
    folder: Utf8PathBuf,
    /// The conditions under which it is compiled.
    under: Vec<Condition>,
}

struct Reader {
    found: Vec<Guard>,
    files: Vec<Source>,
}

/// Tokens to be walked.
struct Piece {
    tokens: TokenStream,
    folder: Utf8PathBuf,
    under: Vec<Condition>,
}

impl Reader {
    /// Iterative: sources can nest deeper than a stack is long.
    fn file(&mut self, source: &Source) {
        let fits = fs_err::metadata(&source.path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST);
        let text = if fits { fs_err::read_to_string(&source.path).ok() } else { None };
        // What cannot be read or lexed is for the compiler to complain about.
        let Some(tokens) = text.and_then(|text| text.parse::<TokenStream>().ok()) else { return };
        let mut pending = vec![Piece { tokens, folder: source.folder.clone(), under: source.under.clone() }];
        while let Some(piece) = pending.pop() {
            self.walk(&source.path, piece, &mut pending);
        }
        proc_macro2::extra::invalidate_current_thread_spans();
    }

    fn walk(&mut self, file: &Utf8Path, piece: Piece, pending: &mut Vec<Piece>) {
        let Piece { tokens, folder, mut under } = piece;
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        // Of the item, statement or expression that the attributes before it are for.
        let mut own: Vec<Condition> = Vec::new();
        let mut path = None;
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            let rest = &trees[at + 1..];
            at += 1;
            let all = |own: &[Condition]| [under.as_slice(), own].concat();
            match (tree, rest) {
                (TokenTree::Punct(hash), [TokenTree::Group(attribute), ..]) if is_attribute(hash, attribute) => {
                    at += 1;
                    own.extend(condition_of(attribute));
                    path = path_of(attribute).or(path);
                }
                (TokenTree::Punct(hash), [TokenTree::Punct(bang), TokenTree::Group(attribute), ..])
                    if bang.as_char() == '!' && is_attribute(hash, attribute) =>
                {
                    at += 2;
                    under.extend(condition_of(attribute));
                }
                // What a macro makes is not known before it is called.
                (TokenTree::Ident(word), [TokenTree::Punct(bang), TokenTree::Ident(_), TokenTree::Group(_), ..])
                    if word == "macro_rules" && bang.as_char() == '!' =>
                {
                    at += 3;
                    own.clear();
                }
                (TokenTree::Ident(name), [TokenTree::Punct(bang), TokenTree::Group(body), ..])
                    if bang.as_char() == '!' =>
                {
                    at += 2;
                    if name == "compile_error" {
                        let line = name.span().start().line;
                        let guard = Guard {
                            message: message(body),
                            file: file.to_owned(),
                            line,
                            condition: Condition::All(all(&own)),
                        };
                        self.found.push(guard);
                    } else if name == "cfg_if" {
                        branches(body, &all(&own), &folder, pending);
                    }
                    if body.delimiter() == Delimiter::Brace {
                        own.clear();
                    }
                }
                (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Punct(end), ..])
                    if word == "mod" && end.as_char() == ';' =>
                {
                    at += 2;
                    self.module(file, &folder, (&name.to_string(), path.take()), all(&own));
                    own.clear();
                }
                (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Group(body), ..]) if word == "mod" => {
                    at += 2;
                    let folder = folder.join(path.take().unwrap_or_else(|| plain(&name.to_string())));
                    pending.push(Piece { tokens: body.stream(), folder, under: all(&own) });
                    own.clear();
                }
                (TokenTree::Group(group), _) => {
                    pending.push(Piece { tokens: group.stream(), folder: folder.clone(), under: all(&own) });
                    // What goes on behind a body is still what the attributes are for.
                    let goes_on = match rest.first() {
                        Some(TokenTree::Ident(next)) => next == "else",
                        Some(TokenTree::Punct(next)) => !matches!(next.as_char(), ';' | '#'),
                        Some(TokenTree::Group(_) | TokenTree::Literal(_)) => true,
                        None => false,
                    };
                    if group.delimiter() == Delimiter::Brace && !goes_on {
                        own.clear();
                    }
                }
                (TokenTree::Punct(end), _) if end.as_char() == ';' => {
                    own.clear();
                    path = None;
                }
                _ => {}
            }
        }
    }

    /// The file of `mod name;`, in either of its places.
    fn module(
        &mut self,
        file: &Utf8Path,
        folder: &Utf8Path,
        (name, path): (&str, Option<String>),
        under: Vec<Condition>,
    ) {
        let name = plain(name);
        let beside = file.parent().unwrap_or(Utf8Path::new(""));
        let places = if let Some(path) = path {
            let path = normal(&beside.join(path));
            let folder = path.parent().unwrap_or(Utf8Path::new("")).to_owned();
            vec![(path, folder)]
        } else {
            let inside = folder.join(&name);
            vec![(folder.join(format!("{name}.rs")), inside.clone()), (inside.join("mod.rs"), inside)]
        };
        if let Some((path, folder)) = places.into_iter().find(|(path, _)| path.is_file()) {
            self.files.push(Source { path, folder, under });
        }
    }
}

fn is_attribute(hash: &proc_macro2::Punct, attribute: &Group) -> bool {
    hash.as_char() == '#' && attribute.delimiter() == Delimiter::Bracket
}

/// The name of `r#mod`'s file is `mod`.
fn plain(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_owned()
}

/// `cfg(…)`; a test is compiled for tests alone, and what `cfg_attr` makes is not known.
fn condition_of(attribute: &Group) -> Option<Condition> {
    let trees: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match trees.as_slice() {
        [TokenTree::Ident(name), TokenTree::Group(group)] if name == "cfg" => Some(Condition::read(group.stream(), 0)),
        [TokenTree::Ident(name), TokenTree::Group(group)] if name == "cfg_attr" => {
            let makes = group.stream().into_iter().any(|tree| matches!(tree, TokenTree::Ident(word) if word == "cfg"));
            makes.then_some(Condition::Open)
        }
        [.., TokenTree::Ident(name)] if name == "test" => Some(Condition::Is(false)),
        _ => None,
    }
}

/// `path = "…"`
fn path_of(attribute: &Group) -> Option<String> {
    let trees: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match trees.as_slice() {
        [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(value)] if name == "path" => {
            string_value(value)
        }
        _ => None,
    }
}

/// The literals of a message, `concat!`'s too.
fn message(body: &Group) -> String {
    let mut text = String::new();
    let mut pending = vec![body.stream()];
    while let Some(tokens) = pending.pop() {
        for tree in tokens {
            match tree {
                TokenTree::Literal(literal) => {
                    text.push_str(&string_value(&literal).unwrap_or_else(|| literal.to_string()));
                }
                TokenTree::Group(group) => pending.push(group.stream()),
                _ => {}
            }
        }
    }
    text
}

/// `if #[cfg(…)] { … } else if #[cfg(…)] { … } else { … }` of the crate cfg-if.
fn branches(body: &Group, under: &[Condition], folder: &Utf8Path, pending: &mut Vec<Piece>) {
    let mut before = under.to_vec();
    let mut condition = None;
    for tree in body.stream() {
        let TokenTree::Group(group) = tree else { continue };
        if group.delimiter() == Delimiter::Bracket {
            condition = condition_of(&group);
            continue;
        }
        let own = condition.take();
        let under = [before.as_slice(), own.as_slice()].concat();
        pending.push(Piece { tokens: group.stream(), folder: folder.to_owned(), under });
        before.extend(own.map(|own| Condition::Not(Box::new(own))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fires with these features, of a target with these files.
    fn fired(files: &[(&str, &str)], on: &[&str]) -> Vec<String> {
        let dir = assert_fs::TempDir::new().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let guards = read(&root.join(files[0].0));
        let is_on = |name: &str| Some(on.contains(&name));
        let found = guards.iter().filter(|guard| guard.fires(&is_on) == Some(true));
        found
            .map(|guard| format!("{}:{}: {}", guard.file.strip_prefix(root).unwrap(), guard.line, guard.message))
            .collect()
    }

    fn one(text: &str, on: &[&str]) -> bool {
        !fired(&[("lib.rs", text)], on).is_empty()
    }

    #[test]
    fn one_of_several() {
        let text = "#[cfg(not(any(feature = \"a\", feature = \"b\")))]\ncompile_error!(\"choose\");\nfn main() {}\n";
        assert_eq!(fired(&[("lib.rs", text)], &[]), ["lib.rs:2: choose"]);
        assert!(!one(text, &["a"]) && !one(text, &["b"]) && one(text, &["c"]));
        let all = text
            .replace("not(any(feature = \"a\", feature = \"b\"))", "all(not(feature = \"a\"), not(feature = \"b\"),)");
        assert!(one(&all, &[]) && !one(&all, &["a"]));
    }

    #[test]
    fn two_that_exclude_each_other() {
        let text = "#[cfg(all(feature = \"a\", feature = \"b\"))] std::compile_error!(concat!(\"not \", \"both\"));";
        assert_eq!(fired(&[("lib.rs", text)], &["a", "b"]), ["lib.rs:1: not both"]);
        assert!(!one(text, &["a"]));
    }

    #[test]
    fn wherever_an_attribute_stands() {
        for text in [
            "fn main() { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); }",
            "fn main() { #[cfg(not(feature = \"a\"))] { compile_error!(\"x\") } }",
            "#[cfg(not(feature = \"a\"))] mod guard { compile_error! { \"x\" } }",
            "#[cfg(not(feature = \"a\"))] const _: () = { compile_error!(\"x\") };",
            "#[cfg(not(feature = \"a\"))] #[allow(dead_code)] fn f<A, B>(a: A) -> B { compile_error!(\"x\") }",
            "cfg_if::cfg_if! { if #[cfg(feature = \"a\")] { mod a; } else { compile_error!(\"x\"); } }",
            "cfg_if! { if #[cfg(windows)] {} else if #[cfg(not(feature = \"a\"))] { compile_error!(\"x\"); } }",
            "#![cfg(not(feature = \"a\"))] fn main() { compile_error!(\"x\"); }",
            "#[cfg(all(unix, target_os = \"linux\", not(windows), not(test), not(feature = \"a\")))] compile_error!(\"x\");",
        ] {
            assert!(one(text, &[]), "{text}");
            assert!(!one(text, &["a"]), "{text}");
        }
    }

    #[test]
    fn what_is_not_certain_does_not_fire() {
        for text in [
            "#[cfg(windows)] compile_error!(\"x\");",
            "#[cfg(target_os = \"macos\")] mod mac { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); }",
            "#[cfg(all(target_arch = \"aarch64\", not(feature = \"a\")))] compile_error!(\"x\");",
            "#[cfg(all(my_own, not(feature = \"a\")))] compile_error!(\"x\");",
            "#[cfg(all(not(debug_assertions), not(feature = \"a\")))] compile_error!(\"x\");",
            "#[cfg(test)] mod tests { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); }",
            "#[test] fn t() { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); }",
            "macro_rules! m { () => { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); } }",
            "other! { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); }",
            "#[cfg_attr(docsrs, cfg(x))] fn f() { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); }",
            "#[cfg(windows)] fn f() { if x { } else { #[cfg(not(feature = \"a\"))] compile_error!(\"x\"); } }",
            "fn f() { #[cfg(windows)] if x {} else { #[cfg(not(feature = \"a\"))] compile_error!(\"x\") } }",
            "// #[cfg(not(feature = \"a\"))] compile_error!(\"x\");",
            "const TEXT: &str = \"compile_error!(x)\";",
        ] {
            assert!(!one(text, &[]), "{text}");
        }
    }

    #[test]
    fn modules_are_followed_from_the_first_source() {
        let guard = "#[cfg(not(feature = \"a\"))]\ncompile_error!(\"x\");\n";
        let files =
            |main: &'static str, other: &'static str| fired(&[("src/main.rs", main), (other, guard)], &[]).len();
        assert_eq!(files("mod a;", "src/a.rs"), 1);
        assert_eq!(files("mod a;", "src/a/mod.rs"), 1);
        assert_eq!(files("mod a { mod b; }", "src/a/b.rs"), 1);
        assert_eq!(files("#[path = \"elsewhere/m.rs\"] mod a;", "src/elsewhere/m.rs"), 1);
        assert_eq!(files("#[cfg(windows)] mod a;", "src/a.rs"), 0);
        assert_eq!(files("fn main() {}", "src/a.rs"), 0);
        let deep = [("src/main.rs", "mod a;"), ("src/a.rs", "mod b;"), ("src/a/b.rs", guard)];
        assert_eq!(fired(&deep, &[]), ["src/a/b.rs:2: x"]);
        // A circle ends.
        assert!(fired(&[("src/main.rs", "#[path = \"main.rs\"] mod a;")], &[]).is_empty());
    }

    #[test]
    fn deep_nesting_is_survived() {
        assert!(!one(&format!("fn main() {{ {}{} }}", "(".repeat(3000), ")".repeat(3000)), &[]));
        let not = format!("#[cfg({}feature = \"a\"{})] compile_error!(\"x\");", "not(".repeat(1000), ")".repeat(1000));
        assert!(!one(&not, &[]));
    }

    #[test]
    fn features_of_a_guard() {
        let guard = Guard {
            message: String::new(),
            file: Utf8PathBuf::new(),
            line: 1,
            condition: Condition::read("not(any(feature = \"a\", all(unix, feature = \"b\")))".parse().unwrap(), 0),
        };
        assert_eq!(guard.features().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
