//! The book says what the program says: regions of its pages are generated, links lead somewhere, and every page is listed.
//! `SNAPSHOTS=overwrite cargo test --test docs` writes the regions anew.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "docs/lint.rs"]
mod lint;
#[path = "docs/reference.rs"]
mod reference;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of the book, relative to `docs`.
fn pages() -> Vec<PathBuf> {
    let docs = root().join("docs");
    let mut pages: Vec<PathBuf> = walkdir::WalkDir::new(&docs)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .map(|path| path.strip_prefix(&docs).unwrap().to_owned())
        .collect();
    pages.sort();
    pages
}

#[test]
fn generated_regions_are_what_the_program_says() {
    let region = regex::Regex::new(r"(?s)(<!-- generated: ([^\n]*?) -->\n).*?(<!-- end -->)").unwrap();
    let mut commands = BTreeSet::new();
    for page in pages() {
        let path = root().join("docs").join(&page);
        let old = fs_err::read_to_string(&path).unwrap();
        let new = region.replace_all(&old, |found: &regex::Captures<'_>| {
            if let Some(command) = found[2].strip_prefix("help ") {
                commands.insert(command.to_owned());
            }
            format!("{}{}\n{}", &found[1], reference::text(&found[2]).trim_end(), &found[3])
        });
        // A page without a region is not written: another test may be reading it.
        if new != old {
            hold(&path, &new);
        }
    }
    let missing: Vec<String> =
        reference::commands().into_iter().filter(|command| !commands.contains(command)).collect();
    assert!(missing.is_empty(), "commands without a page: {missing:?}");
}

/// What a file should hold: written, or compared.
fn hold(path: &Path, new: &str) {
    if std::env::var_os("SNAPSHOTS").is_some_and(|how| how == "overwrite") {
        fs_err::write(path, new).unwrap();
    } else {
        let old = fs_err::read_to_string(path).unwrap_or_default();
        snapbox::assert_data_eq!(old.as_str(), snapbox::Data::text(new).raw());
    }
}

#[test]
fn every_rule_of_the_lint_has_its_page() {
    let docs = root().join("docs");
    for row in cargo_dockerize::lint::rows() {
        hold(&docs.join(format!("lint/{}.md", row.name)), &lint::page(row));
    }
    let summary = fs_err::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let (before, rest) = summary.split_once("](lint/index.md)\n").unwrap();
    let after: String = rest.split_inclusive('\n').skip_while(|line| line.starts_with("  - [")).collect();
    hold(&docs.join("SUMMARY.md"), &format!("{before}](lint/index.md)\n{}{after}", lint::summary()));
    let names: Vec<PathBuf> = pages().into_iter().filter(|page| page.starts_with("lint")).collect();
    assert_eq!(names.len(), cargo_dockerize::lint::rows().len() + 1, "a page is no rule's: {names:?}");
}

#[test]
fn links_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let others = ["../README.md", "../ARCHITECTURE.md", "../CONTRIBUTING.md"].map(PathBuf::from);
    for page in pages().into_iter().chain(others) {
        let path = root().join("docs").join(&page);
        let text = fs_err::read_to_string(&path).unwrap();
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: `{target}` is not there", page.display());
            if !anchor.is_empty() {
                let there = anchors(&fs_err::read_to_string(&file).unwrap());
                assert!(there.contains(anchor), "{}: `{target}` has no such heading", page.display());
            }
        }
    }
}

/// The ids that headings get.
fn anchors(text: &str) -> BTreeSet<String> {
    let id = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    };
    text.lines().filter(|line| line.starts_with('#')).map(id).collect()
}

#[test]
fn every_page_is_listed_once() {
    let summary = fs_err::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for page in pages() {
        let page = page.to_str().unwrap();
        if page != "SUMMARY.md" {
            assert_eq!(summary.matches(&format!("]({page})")).count(), 1, "{page}");
        }
    }
}
