//! What says that a program runs on no Linux: that it is for a microcontroller, or for a browser. Only what its authors wrote for their
//! own tools counts; a dependency proves nothing, because servers share crates with their front ends.

use camino::{Utf8Path, Utf8PathBuf};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use toml::{Table, Value};

/// Where a program runs instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The end of a sentence about the program: `it is for thumbv7em-none-eabihf`.
    pub why: String,
    /// The file that says so, absolute.
    pub file: Utf8PathBuf,
    /// Whether a build for Linux compiles it all the same, as that of tests does.
    pub compiles: bool,
}

/// Of all programs of a package.
pub(super) fn of_package(dir: &Utf8Path, manifest: &str) -> Option<Elsewhere> {
    let manifest: Table = manifest.parse().unwrap_or_default();
    configured(dir).or_else(|| forced(dir, &manifest))
}

/// Of one program.
pub(super) fn of_binary(dir: &Utf8Path, manifest: &str, name: &str, source: &Utf8Path) -> Option<Elsewhere> {
    bare(source).or_else(|| {
        // cargo-leptos builds the binary for the server.
        if serves_leptos(manifest) { None } else { page(dir, name) }
    })
}

/// `[package.metadata.leptos]`: one program that cargo-leptos builds for the server, and as a library for the browser.
pub(super) fn serves_leptos(manifest: &str) -> bool {
    let manifest: Table = manifest.parse().unwrap_or_default();
    manifest.get("package").and_then(|package| package.get("metadata")?.get("leptos")).is_some()
}

/// `[build] target` in the package's own configuration of cargo.
fn configured(dir: &Utf8Path) -> Option<Elsewhere> {
    let files = [".cargo/config.toml", ".cargo/config"].map(|name| dir.join(name));
    let (file, text) = files.into_iter().find_map(|file| Some((file.clone(), fs_err::read_to_string(file).ok()?)))?;
    let table: Table = text.parse().ok()?;
    let targets = match table.get("build")?.get("target")? {
        Value::String(target) => vec![target.as_str()],
        Value::Array(targets) => targets.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let first = *targets.first()?;
    let foreign = targets.iter().all(|target| is_foreign(target));
    foreign.then(|| Elsewhere { why: format!("it is for {first} (`[build] target`)"), file, compiles: false })
}

/// `forced-target` and `default-target` of a manifest with cargo's feature `per-package-target`.
fn forced(dir: &Utf8Path, manifest: &Table) -> Option<Elsewhere> {
    let package = manifest.get("package")?;
    let (key, target) = ["forced-target", "default-target"]
        .into_iter()
        .find_map(|key| Some((key, package.get(key).and_then(Value::as_str)?)))?;
    let why = format!("it is for {target} (`{key}`)");
    is_foreign(target).then(|| Elsewhere { why, file: dir.join("Cargo.toml"), compiles: false })
}

/// Whether a target, or the file of a target of somebody's own, is none of Linux's. `host-tuple` is wherever cargo runs.
fn is_foreign(target: &str) -> bool {
    !target.contains("linux") && target != "host-tuple"
}

/// `#![no_std]` and `#![no_main]`, also where only tests are spared of them.
fn bare(source: &Utf8Path) -> Option<Elsewhere> {
    let text = fs_err::read_to_string(source).ok()?;
    let attributes = inner_attributes(text.parse().ok()?);
    proc_macro2::extra::invalidate_current_thread_spans();
    let has = |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, tests)| *tests);
    let (no_std, no_main) = (has("no_std")?, has("no_main")?);
    let why = "it has neither std nor `main` (`#![no_std]`, `#![no_main]`)".to_owned();
    Some(Elsewhere { why, file: source.to_owned(), compiles: no_std && no_main })
}

/// The names of attributes that a crate begins with, and whether tests go without them.
fn inner_attributes(tokens: TokenStream) -> Vec<(String, bool)> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for three in trees.chunks(3) {
        let [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(group)] = three else { break };
        if (hash.as_char(), bang.as_char(), group.delimiter()) != ('#', '!', Delimiter::Bracket) {
            break;
        }
        found.extend(names(group));
    }
    found
}

fn names(attribute: &Group) -> Vec<(String, bool)> {
    // Spaces mean nothing between words and signs.
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    match text.strip_prefix("cfg_attr(not(test),").and_then(|rest| rest.strip_suffix(')')) {
        Some(names) => names.split(',').map(|name| (name.to_owned(), true)).collect(),
        None => vec![(text, false)],
    }
}

/// Trunk's page beside the manifest: it names the program with `data-bin`, or means the only one.
fn page(dir: &Utf8Path, name: &str) -> Option<Elsewhere> {
    let (settings, page) = (dir.join("Trunk.toml"), dir.join("index.html"));
    let text = fs_err::read_to_string(&page).unwrap_or_default();
    let file = if settings.is_file() { settings } else { page };
    if file.file_name() == Some("index.html") && !text.contains("data-trunk") {
        return None;
    }
    let named: Vec<&str> = text.split("data-bin").skip(1).filter_map(|rest| rest.split(['"', '\'']).nth(1)).collect();
    let means_it = named.is_empty() || named.contains(&name);
    means_it.then(|| Elsewhere { why: "Trunk builds it for a browser".to_owned(), file, compiles: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (assert_fs::TempDir, Utf8PathBuf) {
        let dir = assert_fs::TempDir::new().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        for (path, text) in files {
            fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs_err::write(root.join(path), text).unwrap();
        }
        (dir, root)
    }

    #[test]
    fn targets_of_a_package() {
        let why = |config: &str| {
            let (_dir, root) = tree(&[(".cargo/config.toml", config)]);
            of_package(&root, "").map(|found| found.why)
        };
        let embedded = "[build]\ntarget = \"thumbv7em-none-eabihf\"\n";
        assert_eq!(why(embedded).as_deref(), Some("it is for thumbv7em-none-eabihf (`[build] target`)"));
        assert!(why("[build]\ntarget = [\"wasm32-unknown-unknown\"]\n").is_some());
        assert!(why("[build]\ntarget = \"targets/kernel.json\"\n").is_some());
        for linux in
            ["\"x86_64-unknown-linux-musl\"", "[\"wasm32-wasip2\", \"aarch64-unknown-linux-gnu\"]", "\"host-tuple\""]
        {
            assert_eq!(why(&format!("[build]\ntarget = {linux}\n")), None);
        }
        assert_eq!(why("[build]\njobs = 1\n"), None);
        assert_eq!(why("[build\n"), None);
        let manifest = "[package]\nforced-target = \"wasm32-unknown-unknown\"\n";
        let found = of_package(Utf8Path::new("/nowhere"), manifest).unwrap();
        assert_eq!(found.why, "it is for wasm32-unknown-unknown (`forced-target`)");
    }

    #[test]
    fn programs_without_a_system() {
        let found = |text: &str| {
            let (_dir, root) = tree(&[("main.rs", text)]);
            of_binary(&root, "", "app", &root.join("main.rs")).map(|found| found.compiles)
        };
        assert_eq!(found("//! Firmware\n#![no_std]\n#![no_main]\nuse core::panic;\n"), Some(false));
        assert_eq!(found("#![cfg_attr(not(test), no_std)]\n#![cfg_attr(not(test), no_main)]\n"), Some(true));
        assert_eq!(found("#![cfg_attr(not(test), no_std, no_main)]\n"), Some(true));
        // A program of Linux's may leave out one of them, or both for another system.
        assert_eq!(found("#![no_std]\nfn main() {}\n"), None);
        assert_eq!(found("#![no_main]\nfn main() {}\n"), None);
        let other =
            "#![cfg_attr(target_os = \"none\", no_std)]\n#![cfg_attr(target_os = \"none\", no_main)]\nfn main() {}\n";
        assert_eq!(found(other), None);
        assert_eq!(found("fn main() { let text = \"#![no_std] #![no_main]\"; }\n"), None);
    }

    #[test]
    fn pages_of_trunk() {
        let found = |files: &[(&str, &str)], manifest: &str, name: &str| {
            let (_dir, root) = tree(files);
            of_binary(&root, manifest, name, &root.join("main.rs")).is_some()
        };
        assert!(found(&[("Trunk.toml", "")], "", "app"));
        assert!(found(&[("index.html", "<link data-trunk rel=\"rust\"/>")], "", "app"));
        assert!(!found(&[("index.html", "<html></html>")], "", "app"), "a server may have a page of its own");
        let named = [("index.html", "<link data-trunk rel=\"rust\" data-bin=\"app\"/>")];
        assert!(found(&named, "", "app") && !found(&named, "", "server"));
        let leptos = "[package.metadata.leptos]\nsite-addr = \"127.0.0.1:3000\"\n";
        assert!(!found(&[("Trunk.toml", "")], leptos, "app"), "cargo-leptos builds the server's");
    }
}
