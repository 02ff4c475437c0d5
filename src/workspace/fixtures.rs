//! Files that tests read. Which of a test's words is a path and of what is known at run time only; that a file lies in a folder
//! for tests, and that a test names it or its folder, is evidence enough to send it along.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::sources::{Input, Literal, is_made};

/// Folders that hold tests, and what those read.
const FOLDERS: &[&str] = &["tests", "test", "fixtures", "testdata", "test-data", "test_data", "testfixtures"];

/// The files of a package that its tests name, each with the first literal that does.
pub(super) fn find(package: &Utf8Path, literals: &[Literal]) -> Vec<Input> {
    let index = Index::new(literals);
    if index.0.is_empty() {
        return Vec::new();
    }
    let walk = walkdir::WalkDir::new(package)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !(entry.file_name() == ".git" || is_made(entry)));
    let files = walk.flatten().filter(|entry| entry.file_type().is_file());
    files
        .filter_map(|entry| {
            let path = Utf8PathBuf::from_path_buf(entry.into_path()).ok()?;
            let inside = path.strip_prefix(package).ok()?;
            let folder = inside.parent()?;
            // Rust's own sources are never left out.
            if path.extension() == Some("rs") || !folder.iter().any(|part| FOLDERS.contains(&part)) {
                return None;
            }
            let literal = literals.get(index.names(&parts(inside.as_str()))?)?;
            let (how, file, line) = (format!("`{}`", literal.value), literal.file.clone(), literal.line);
            Some(Input { path, how, file, line })
        })
        .collect()
}

/// The words of a path.
fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect()
}

/// Whether a literal can name something: `tests` itself is no more than a word.
fn is_name(literal: &[&str]) -> bool {
    !matches!(literal, [] | ["tests" | "test"])
}

/// Literals by their words, each with its number: of many literals and many files, not every one is held against every other.
struct Index<'l>(HashMap<Vec<&'l str>, usize>);

impl<'l> Index<'l> {
    fn new(literals: &'l [Literal]) -> Self {
        let mut index = HashMap::new();
        for (number, literal) in literals.iter().enumerate() {
            let words = parts(&literal.value);
            if is_name(&words) {
                index.entry(words).or_insert(number);
            }
        }
        Self(index)
    }

    /// The first literal that is the end of a path, or some folders of it in a row: one word alone has to be a folder of fixtures, or
    /// one in a folder for tests.
    fn names(&self, path: &[&str]) -> Option<usize> {
        let is_folder = |part: &str| FOLDERS.contains(&part);
        let rows = (0..path.len()).flat_map(|at| (at + 1..=path.len()).map(move |end| (at, end)));
        let found = rows.filter_map(|(at, end)| {
            let row = &path[at..end];
            let near = is_folder(row[0]) || (at > 0 && is_folder(path[at - 1]));
            let fits = end == path.len() || near || row.len() > 1;
            self.0.get(row).filter(|_| fits)
        });
        found.min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(literal: &str, path: &Utf8Path) -> bool {
        let literals = [Literal { value: literal.to_owned(), file: "x.rs".into(), line: 1 }];
        Index::new(&literals).names(&parts(path.as_str())).is_some()
    }

    #[test]
    fn a_literal_names_a_file_or_its_folder() {
        let path = Utf8Path::new("tests/fixtures/certs/server.pem");
        for literal in
            ["tests/fixtures/certs/server.pem", "/tests/fixtures", "../fixtures/certs", "server.pem", "certs/"]
        {
            assert!(names(literal, path), "{literal}");
        }
        let deep = Utf8Path::new("tests/cases/app/server.pem");
        assert!(names("cases", deep) && names("cases/app", deep) && !names("/app", deep) && !names("tests", deep));
        for literal in ["server", "fixtures/server.pem", "/", "pem", "other.pem"] {
            assert!(!names(literal, path), "{literal}");
        }
    }

    #[test]
    fn what_no_test_names_is_no_fixture() {
        let folder = tempfile::tempdir().unwrap();
        let package = Utf8Path::from_path(folder.path()).unwrap();
        for file in [
            "tests/data/.env",
            "tests/key.pem",
            "config/key.pem",
            "target/tests/key.pem",
            "tests/app/out/tests/key.pem",
        ] {
            fs_err::create_dir_all(package.join(file).parent().unwrap()).unwrap();
            fs_err::write(package.join(file), "").unwrap();
        }
        // Where a test has compiled something.
        fs_err::write(package.join("tests/app/out/CACHEDIR.TAG"), "").unwrap();
        let found = |value: &str| {
            let literal = Literal { value: value.to_owned(), file: "x.rs".into(), line: 1 };
            let found = find(package, &[literal]);
            found.iter().map(|input| input.path.strip_prefix(package).unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("key.pem"), ["tests/key.pem"]);
        assert_eq!(found("tests/data"), ["tests/data/.env"]);
        assert!(found("nothing").is_empty());
    }
}
