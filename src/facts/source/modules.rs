//! The files of a target: its root, and the modules that it declares, as the compiler finds them.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use proc_macro2::{TokenStream, TokenTree};

use super::Skipped;
use super::conditions::Conditions;
use super::convert::{Items, attributes};
use super::syntax::Source;

/// Larger files are made by programs, and take longer than they tell.
const LARGEST: u64 = 2 * 1024 * 1024;

/// So many tokens may stand around one, or before it in a statement. The parser goes down one level for some of them, and a
/// thread's stack is finite.
const DEEPEST: usize = 12_000;

/// A file that is to be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    pub path: Utf8PathBuf,
    /// Where the files of its modules lie.
    pub folder: Utf8PathBuf,
}

impl File {
    /// The root of a target.
    pub fn root(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), folder: path.parent().unwrap_or(path).to_owned() }
    }
}

/// Reads one file, and tells which files it declares.
pub(super) fn read(file: &File, conditions: &Conditions) -> Result<(Source, Vec<File>), Skipped> {
    let skipped = |why: &str| Skipped { file: file.path.clone(), why: why.to_owned() };
    let metadata = fs_err::metadata(&file.path).map_err(|_| skipped("it cannot be read"))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(skipped("it is larger than 2 MiB"));
    }
    let text = fs_err::read_to_string(&file.path).map_err(|_| skipped("it cannot be read"))?;
    let tokens: TokenStream = text.parse().map_err(|_| skipped("it is not Rust"))?;
    if depth(tokens.clone()) > DEEPEST {
        return Err(skipped("it nests too deeply"));
    }
    let parsed: syn::File = syn::parse2(tokens).map_err(|_| skipped("it is not Rust"))?;
    let mut source = Source { file: file.path.clone(), ..Source::default() };
    let mut declared = Vec::new();
    items(&parsed.items, (&file.path, &file.folder), conditions, &mut source, &mut declared);
    drop(parsed);
    proc_macro2::extra::invalidate_current_thread_spans();
    Ok((source, declared))
}

fn items(
    list: &[syn::Item],
    (path, folder): (&Utf8Path, &Utf8Path),
    conditions: &Conditions,
    source: &mut Source,
    declared: &mut Vec<File>,
) {
    Items { source, conditions, uses: std::collections::BTreeMap::new() }.read(list);
    for item in list {
        let syn::Item::Mod(module) = item else { continue };
        if !conditions.hold(attributes(item)) {
            continue;
        }
        let name = module.ident.to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name);
        match (&module.content, given_path(&module.attrs)) {
            (Some((_, inner)), _) => items(inner, (path, &folder.join(name)), conditions, source, declared),
            (None, Some(given)) => {
                let there = path.parent().unwrap_or(folder).join(given);
                let folder = there.parent().unwrap_or(&there).to_owned();
                declared.push(File { path: there, folder });
            }
            (None, None) => {
                let flat = folder.join(format!("{name}.rs"));
                let path = if flat.is_file() { flat } else { folder.join(name).join("mod.rs") };
                declared.push(File { path, folder: folder.join(name) });
            }
        }
    }
}

/// `#[path = "…"]`
fn given_path(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue {
            path,
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
            ..
        }) if path.is_ident("path") => Some(text.value()),
        _ => None,
    })
}

/// How deep a parser may have to go: of each group the tokens before it in its statement, with those of the groups around it.
fn depth(tokens: TokenStream) -> usize {
    let mut deepest = 0;
    let mut pending = vec![(tokens, 0)];
    while let Some((tokens, around)) = pending.pop() {
        let mut before = 0;
        let mut chain = 0;
        for tree in tokens {
            before += 1;
            deepest = deepest.max(around + before);
            match tree {
                TokenTree::Group(group) => {
                    let body = group.delimiter() == proc_macro2::Delimiter::Brace;
                    pending.push((group.stream(), around + before));
                    if body {
                        (chain, before) = (before, 0);
                    }
                }
                // It goes on with what stands before it.
                TokenTree::Ident(word) if word == "else" => before += chain,
                TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => before = 0,
                _ => {}
            }
        }
    }
    deepest
}

/// Every file of a target, each once.
pub(super) struct Seen(BTreeSet<Utf8PathBuf>);

impl Seen {
    pub fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether a file was not seen before. Links that lead in a circle end here.
    pub fn is_new(&mut self, file: &File) -> bool {
        let real = file.path.canonicalize_utf8().unwrap_or_else(|_| file.path.clone());
        self.0.insert(real)
    }
}
