//! Files that somebody has broken: an answer or one clear error, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use cargo_dockerize::failure::Kind;
use cargo_dockerize::plan::Flags;
use cargo_dockerize::workspace::{Query, Workspace};
use cargo_dockerize::{config, plan, render};
use proptest::prelude::*;
use support::Tree;

/// Replaces a part of a text; a place that is given as a share of its length is there in every version of it.
fn broken(text: &str, at: f64, length: usize, with: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let from = (chars.len() as f64 * at) as usize;
    let to = chars.len().min(from + length);
    chars.splice(from..to, with.chars());
    chars.into_iter().collect()
}

/// Words that a lock file is made of, and what does not belong there.
fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "",
        "\n[[package]]\n",
        "name = \"proc-macro2\"\n",
        "version = \"0.0.0\"\n",
        "source = \"git+https://user@host\"\n",
        "source = \"sparse+https://\"\n",
        "source = \"registry+file:///\"\n",
        "dependencies = [\"anyhow\"]\n",
        "\u{1b}[31m",
        "${HOME}",
    ]);
    prop_oneof![words.prop_map(str::to_owned), "\\PC{0,12}"]
}

/// A package with one binary of this name.
fn with_binary(name: &str) -> Tree {
    let binary = format!("[[bin]]\nname = {}\npath = \"main.rs\"\n", serde_json::Value::from(name));
    let manifest = format!("[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{binary}");
    let lock = "version = 4\n\n[[package]]\nname = \"one\"\nversion = \"0.1.0\"\n";
    Tree::of(&[("Cargo.toml", &manifest), ("Cargo.lock", lock), ("main.rs", "fn main() {}\n")])
}

#[test]
fn names_of_binaries_that_rustc_refuses() {
    let load = |name: &str| {
        let tree = with_binary(name);
        Workspace::load(&Query { manifest_path: Some(tree.path().join("Cargo.toml")), ..Query::default() })
    };
    for name in ["a\u{1b}[31mb", "a\nb", "a b", "a.b", "a\u{202e}b"] {
        let failure = load(name).unwrap_err();
        assert_eq!(failure.kind(), Kind::Workspace);
        let text = failure.to_string();
        let shown = format!("`{}`", name.escape_debug());
        assert!(text.contains(&shown) && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
    for name in ["_hidden", "7z", "größe", "My-Tool_"] {
        assert_eq!(load(name).unwrap().members[0].binaries[0].name, name);
    }
}

proptest! {
    // Each case asks cargo.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_lock_file_is_too_bad(at in 0.0..1.0f64, length in 0usize..200, with in piece()) {
        let tree = Tree::copy("tests/corpus/vergen");
        let path = tree.path().join("Cargo.lock");
        fs_err::write(&path, broken(&fs_err::read_to_string(&path).unwrap(), at, length, &with)).unwrap();
        let query = Query { manifest_path: Some(tree.path().join("Cargo.toml")), ..Query::default() };
        let answer = Workspace::load(&query).and_then(|workspace| {
            let settings = config::load(&workspace)?;
            render::render(&plan::plan(&workspace, &settings, &Flags::default())?)
        });
        if let Err(failure) = answer {
            prop_assert_eq!(failure.kind(), Kind::Workspace);
        }
    }
}
