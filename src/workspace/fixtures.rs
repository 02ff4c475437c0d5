//! Files that tests read. Which of a test's words is a path and of what is known at run time only; that a file lies in a folder
//! for tests, and that a test names it or its folder, is evidence enough to send it along.

use camino::{Utf8Path, Utf8PathBuf};

use super::sources::{Input, Literal, is_made};

/// Folders that hold tests, and what those read.
const FOLDERS: &[&str] = &["tests", "test", "fixtures", "testdata", "test-data", "test_data", "testfixtures"];

/// The files of a package that its tests name, each with the first literal that does.
pub(super) fn find(package: &Utf8Path, literals: &[Literal]) -> Vec<Input> {
    // Many literals are held against many files.
    let literals: Vec<(Vec<&str>, &Literal)> =
        literals.iter().map(|literal| (parts(&literal.value), literal)).filter(|(parts, _)| is_name(parts)).collect();
    if literals.is_empty() {
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
            let inside = parts(inside.as_str());
            let (_, literal) = literals.iter().find(|(literal, _)| names(literal, &inside))?;
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

/// Whether a literal is the end of a path, or some folders of it in a row: one word alone has to be a folder of fixtures, or one
/// in a folder for tests.
fn names(literal: &[&str], path: &[&str]) -> bool {
    let is_folder = |part: &str| FOLDERS.contains(&part);
    path.windows(literal.len()).enumerate().any(|(at, part)| {
        let last = at + literal.len() == path.len();
        let near = is_folder(part[0]) || (at > 0 && is_folder(path[at - 1]));
        part == literal && (last || near || literal.len() > 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(literal: &str, path: &Utf8Path) -> bool {
        let literal = parts(literal);
        is_name(&literal) && super::names(&literal, &parts(path.as_str()))
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
