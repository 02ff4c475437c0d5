//! What the sources name: files that they include at compile time, and paths that they may open at run time.
//!
//! The language's own lexer reads them, so that a path in a comment is no path and an escape is an escape. Macros are not
//! expanded and constants not followed: what is found is evidence, and each piece carries its place.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::fixtures;
use super::names::{self, Named};

/// Larger files are generated, and would take longer than they tell.
const LARGEST: u64 = 2 * 1024 * 1024;

/// Macros whose argument is a file that the compiler reads.
const INCLUDES: &[&str] = &["include_str", "include_bytes", "include"];

/// Macros that take a folder or file into the program at compile time: what they name is not read at run time.
const EMBEDS: &[&str] =
    &["include_dir", "migrate", "embed_migrations", "i18n", "static_loader", "include_str", "include_bytes", "include"];

/// Names of what waits for signals: tokio's, async-std's and signal-hook's, the C library's, the crate ctrlc's.
pub(crate) const SIGNALS: &[&str] = &["SIGTERM", "SignalKind", "Signals", "ctrl_c", "set_handler"];

/// What one package's sources name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// Files and folders that the build reads besides `.rs` files in the usual places: `include_str!`,
    /// `include_bytes!`, `include!`, `#[path]`, `rerun-if-changed`.
    pub inputs: Vec<Input>,
    /// String literals of the program (not of tests, nor of the build script) that could be paths.
    pub literals: Vec<Literal>,
    /// The same of tests.
    pub test_literals: Vec<Literal>,
    /// Files that tests read: those in folders for them (`tests`, `fixtures`, `testdata`) that a literal of a test names, or a
    /// folder of theirs.
    pub fixtures: Vec<Input>,
    /// Macros that the program calls.
    pub macros: Named,
    /// Macros that tests call.
    pub test_macros: Named,
    /// Crates whose paths the program uses; words that could be a crate's name are among them.
    pub crates: Named,
    /// Variables whose values are compiled in: `env!`.
    pub variables: Named,
    /// Names by which the program waits for signals (`SignalKind`, `ctrl_c`), each with the file and the line of its first use.
    pub signals: BTreeMap<String, (Utf8PathBuf, usize)>,
    /// `.proto` files that import the messages which protoc itself brings (`google/protobuf/…`).
    pub well_known_messages: Vec<Utf8PathBuf>,
}

/// A file or folder that the build reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    /// Absolute, `..` resolved.
    pub path: Utf8PathBuf,
    /// How it is named: `include_str!`, `#[path]`, `rerun-if-changed`.
    pub how: String,
    /// The file that names it, absolute.
    pub file: Utf8PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

/// A string literal that could be a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Literal {
    /// Its value.
    pub value: String,
    /// The file that holds it, absolute.
    pub file: Utf8PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

/// Whether tools fill a folder: packages of others, and what a tag says is a cache, as each target folder of cargo's has
/// wherever it lies (<https://bford.info/cachedir/>).
pub(super) fn is_made(entry: &walkdir::DirEntry) -> bool {
    let name = entry.file_name();
    entry.file_type().is_dir()
        && (name == "node_modules"
            || (entry.depth() == 1 && name == "target")
            || entry.path().join("CACHEDIR.TAG").is_file())
}

pub(super) fn scan(package: &Utf8Path) -> SourceFacts {
    let mut facts = SourceFacts::default();
    let walk = walkdir::WalkDir::new(package).sort_by_file_name().into_iter().filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        let nested = || entry.file_type().is_dir() && entry.path().join("Cargo.toml").is_file();
        entry.depth() == 0 || !(name.starts_with('.') || is_made(entry) || nested())
    });
    for entry in walk.flatten() {
        let Some(path) = Utf8Path::from_path(entry.path()) else { continue };
        let fits = entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST);
        if !entry.file_type().is_file() || !matches!(path.extension(), Some("rs" | "proto")) || !fits {
            continue;
        }
        // What cannot be read or lexed is for the compiler to complain about.
        let Ok(text) = fs_err::read_to_string(path) else { continue };
        if path.extension() == Some("proto") {
            if text.contains("\"google/protobuf/") {
                facts.well_known_messages.push(path.to_owned());
            }
            continue;
        }
        let Ok(tokens) = text.parse::<TokenStream>() else { continue };
        let program = is_program(package, path);
        names::find(&mut facts, path, program, tokens.clone());
        let mut file = File { package, path, program, facts: &mut facts };
        file.walk(tokens);
        proc_macro2::extra::invalidate_current_thread_spans();
    }
    facts.inputs.sort();
    facts.inputs.dedup();
    facts.literals.sort();
    facts.test_literals.sort();
    facts.fixtures = fixtures::find(package, &facts.test_literals);
    facts
}

/// Tests, examples and benchmarks do not run in the image.
fn is_program(package: &Utf8Path, path: &Utf8Path) -> bool {
    // A module of tests is switched off where it is declared, which its own file does not show.
    if matches!(path.file_stem(), Some("test" | "tests" | "testing" | "test_utils" | "test_util" | "test_helpers")) {
        return false;
    }
    let first = path.strip_prefix(package).ok().and_then(|inside| inside.components().next());
    !matches!(first.map(|part| part.as_str()), Some("tests" | "examples" | "benches" | "build.rs" | "build"))
}

struct File<'a> {
    package: &'a Utf8Path,
    path: &'a Utf8Path,
    program: bool,
    facts: &'a mut SourceFacts,
}

impl File<'_> {
    /// Iterative: sources can nest deeper than a stack is long.
    fn walk(&mut self, tokens: TokenStream) {
        // With each stream: whether its literals are none of the running program's, because of a test or an embedding.
        let mut pending = vec![(tokens, false)];
        while let Some((tokens, test)) = pending.pop() {
            let trees: Vec<TokenTree> = tokens.into_iter().collect();
            let mut test_item = false;
            for (i, tree) in trees.iter().enumerate() {
                match tree {
                    TokenTree::Literal(literal) => self.literal(literal, test),
                    TokenTree::Ident(name) if self.program && !test => self.signal(name),
                    TokenTree::Group(group) => {
                        let name = macro_name(&trees[..i]);
                        let embeds =
                            name.as_deref().is_some_and(|name| EMBEDS.contains(&name)) || is_folder_attribute(group);
                        if embeds && !name.as_deref().is_some_and(|name| INCLUDES.contains(&name)) {
                            self.embedded(name.as_deref(), group);
                        }
                        if let Some(name) = name {
                            self.include(&name, group);
                        }
                        let attribute = group.delimiter() == Delimiter::Bracket && ends_with(&trees[..i], '#');
                        if attribute {
                            self.path_attribute(group);
                            test_item |= is_cfg_test(group);
                        }
                        let body = group.delimiter() == Delimiter::Brace;
                        pending.push((group.stream(), test || embeds || (test_item && body)));
                        if body {
                            test_item = false;
                        }
                    }
                    TokenTree::Punct(punct) if punct.as_char() == ';' => test_item = false,
                    _ => {}
                }
            }
        }
    }

    fn signal(&mut self, name: &proc_macro2::Ident) {
        if let Some(known) = SIGNALS.iter().find(|known| name == *known) {
            let place = || (self.path.to_owned(), name.span().start().line);
            self.facts.signals.entry((*known).to_owned()).or_insert_with(place);
        }
    }

    fn literal(&mut self, literal: &proc_macro2::Literal, test: bool) {
        let Some(value) = string_value(literal) else { return };
        for prefix in ["cargo:rerun-if-changed=", "cargo::rerun-if-changed="] {
            if let Some(path) = value.strip_prefix(prefix) {
                // With a placeholder in it the value is known at run time only.
                if !path.contains('{') {
                    self.input(&self.package.join(path), "rerun-if-changed", literal.span().start().line);
                }
                return;
            }
        }
        // Of a pattern (`templates/**/*.html`, `config/{}`) the part counts that is known.
        let known = match value.find(['*', '?', '{']) {
            Some(pattern) => value[..pattern].rfind('/').map_or("", |end| &value[..end]),
            None => value.as_str(),
        };
        let path_like = !known.is_empty()
            && known.len() < 200
            && known.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
            && known.chars().any(|c| c.is_ascii_alphabetic());
        if path_like {
            let found =
                Literal { value: known.to_owned(), file: self.path.to_owned(), line: literal.span().start().line };
            let of_program = self.program && !test;
            let list = if of_program { &mut self.facts.literals } else { &mut self.facts.test_literals };
            list.push(found);
        }
    }

    fn include(&mut self, name: &str, group: &Group) {
        if !INCLUDES.contains(&name) {
            return;
        }
        let line = group.span().start().line;
        let beside = self.path.parent().unwrap_or(self.package).to_owned();
        let how = format!("{name}!");
        let trees: Vec<TokenTree> = group.stream().into_iter().collect();
        match trees.as_slice() {
            [TokenTree::Literal(literal)] | [TokenTree::Literal(literal), TokenTree::Punct(_)] => {
                if let Some(value) = string_value(literal) {
                    self.input(&beside.join(value), &how, line);
                }
            }
            // concat!(env!("CARGO_MANIFEST_DIR"), "/…"); one with OUT_DIR names what the build makes itself.
            [TokenTree::Ident(concat), TokenTree::Punct(_), TokenTree::Group(parts), ..] if concat == "concat" => {
                let mut strings = Vec::new();
                let mut pending = vec![parts.stream()];
                while let Some(stream) = pending.pop() {
                    for tree in stream {
                        match tree {
                            TokenTree::Literal(literal) => strings.extend(string_value(&literal)),
                            TokenTree::Group(inner) => {
                                let inner: Vec<_> = inner.stream().into_iter().collect();
                                strings.extend(inner.iter().find_map(|tree| match tree {
                                    TokenTree::Literal(literal) => string_value(literal),
                                    _ => None,
                                }));
                            }
                            _ => {}
                        }
                    }
                }
                if let [first, rest @ ..] = strings.as_slice()
                    && first == "CARGO_MANIFEST_DIR"
                {
                    let rest = rest.concat();
                    self.input(&self.package.join(rest.trim_start_matches('/')), &how, line);
                }
            }
            _ => {}
        }
    }

    /// A folder that is compiled in: `include_dir!("$CARGO_MANIFEST_DIR/static")`, rust-embed's `#[folder = "static/"]`.
    fn embedded(&mut self, name: Option<&str>, group: &Group) {
        let literal = group.stream().into_iter().find_map(|tree| match tree {
            TokenTree::Literal(literal) => Some(literal),
            _ => None,
        });
        let Some(value) = literal.as_ref().and_then(string_value) else { return };
        let inside = value.strip_prefix("$CARGO_MANIFEST_DIR").unwrap_or(&value);
        // Of another variable the value is not known here.
        if !inside.contains('$') {
            let how = name.map_or_else(|| "#[folder]".to_owned(), |name| format!("{name}!"));
            self.input(&self.package.join(inside.trim_start_matches('/')), &how, group.span().start().line);
        }
    }

    /// `#[path = "…"]`
    fn path_attribute(&mut self, group: &Group) {
        let trees: Vec<TokenTree> = group.stream().into_iter().collect();
        if let [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(literal)] = trees.as_slice()
            && name == "path"
            && let Some(value) = string_value(literal)
        {
            let beside = self.path.parent().unwrap_or(self.package).to_owned();
            self.input(&beside.join(value), "#[path]", group.span().start().line);
        }
    }

    fn input(&mut self, path: &Utf8Path, how: &str, line: usize) {
        let path = normal(path);
        self.facts.inputs.push(Input { path, how: how.to_owned(), file: self.path.to_owned(), line });
    }
}

fn macro_name(before: &[TokenTree]) -> Option<String> {
    match before {
        [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if bang.as_char() == '!' => Some(name.to_string()),
        _ => None,
    }
}

fn ends_with(before: &[TokenTree], sign: char) -> bool {
    matches!(before.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// rust-embed's `#[folder = "…"]`
fn is_folder_attribute(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "folder")
}

pub(super) fn is_cfg_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text == "test" || text.ends_with("::test")
}

pub(super) fn string_value(literal: &proc_macro2::Literal) -> Option<String> {
    let text = literal.to_string();
    if !text.contains('"') || text.starts_with('b') {
        return None;
    }
    match syn::Lit::new(literal.clone()) {
        syn::Lit::Str(value) => Some(value.value()),
        _ => None,
    }
}

/// `..` taken away by the path's words alone: an input need not exist, and links are the user's business.
pub(crate) fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            camino::Utf8Component::ParentDir => {
                normal.pop();
            }
            camino::Utf8Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(main: &str, build: &str) -> (Vec<(String, String)>, Vec<String>) {
        let dir = assert_fs::TempDir::new().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        fs_err::create_dir(root.join("src")).unwrap();
        fs_err::write(root.join("src/main.rs"), main).unwrap();
        fs_err::write(root.join("build.rs"), build).unwrap();
        let facts = scan(root);
        let mut inputs: Vec<_> = facts
            .inputs
            .iter()
            .map(|input| (super::super::relative(root, &input.path).into_string(), input.how.clone()))
            .collect();
        inputs.sort();
        (inputs, facts.literals.into_iter().map(|literal| literal.value).collect())
    }

    #[test]
    fn what_the_compiler_reads() {
        let (inputs, _) = facts(
            r#"
            const A: &str = include_str!("../../data/a.json");
            const B: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/keys/", "b.pem"));
            include!(concat!(env!("OUT_DIR"), "/made.rs"));
            #[path = "elsewhere/m.rs"] mod m;
            // include_str!("comment")
            "#,
            r#"fn main() { println!("cargo:rerun-if-changed=proto/x.proto"); println!("cargo:rerun-if-changed={x}"); }"#,
        );
        let expected = [
            ("../data/a.json", "include_str!"),
            ("keys/b.pem", "include_bytes!"),
            ("proto/x.proto", "rerun-if-changed"),
            ("src/elsewhere/m.rs", "#[path]"),
        ];
        assert_eq!(inputs, expected.map(|(path, how)| (path.to_owned(), how.to_owned())));
    }

    #[test]
    fn of_a_pattern_the_known_part_counts() {
        let text =
            r#"fn main() { read("templates/**/*.html"); read("config/{name}"); read("{}/static"); read("a b"); }"#;
        assert_eq!(facts(text, "").1, ["config", "templates"]);
    }

    #[test]
    fn literals_of_tests_are_not_the_programs() {
        let (_, literals) = facts(
            r#"fn main() { open("static"); let s = "two words"; }
               #[cfg(test)] mod tests { fn f() { open("fixtures"); } }
               #[test] fn g() { open("golden"); }
               #[derive(Embed)] #[folder = "embedded"] struct E;
               static D: Dir = include_dir!("also-embedded");
               fn h() { open("/var/lib/app"); }"#,
            r#"fn main() { open("native") }"#,
        );
        assert_eq!(literals, ["/var/lib/app", "static"]);
    }

    #[test]
    fn deep_nesting_is_survived() {
        let deep = format!("fn main() {{ {}{} }}", "(".repeat(3000), ")".repeat(3000));
        assert_eq!(facts(&deep, "").1.len(), 0);
    }
}
