//! Git's submodules: folders of a repository that a clone without them leaves empty.

use camino::{Utf8Path, Utf8PathBuf};

/// What fetches them.
pub const FETCH: &str = "run `git submodule update --init --recursive`";

/// The submodules of the repository in this folder, relative to it.
pub fn paths(top: &Utf8Path) -> Vec<String> {
    let text = fs_err::read_to_string(top.join(".gitmodules")).unwrap_or_default();
    let paths = text.lines().filter_map(|line| line.trim().strip_prefix("path")?.trim_start().strip_prefix('='));
    paths
        .map(|path| path.trim().trim_matches('"').trim_end_matches('/').to_owned())
        .filter(|path| !path.is_empty())
        .collect()
}

/// Whether nothing is in a folder, or it is not there.
pub fn is_empty(folder: &Utf8Path) -> bool {
    fs_err::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

/// The empty submodule that a missing file or folder is a part of: as its repository names it. Submodules may be inside of each other.
pub(super) fn that_lacks(missing: &Utf8Path) -> Option<String> {
    missing.ancestors().skip(1).find_map(|top| {
        let of = |path: String| {
            let folder: Utf8PathBuf = top.join(&path);
            (missing.starts_with(&folder) && is_empty(&folder)).then_some(path)
        };
        paths(top).into_iter().find_map(of)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_submodule_of_a_missing_file() {
        let dir = assert_fs::TempDir::new().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let modules = "[submodule \"one\"]\n\tpath = vendor/one\n\turl = https://example.invalid/one\n[submodule \"two\"]\n\tpath=two/\n";
        fs_err::write(root.join(".gitmodules"), modules).unwrap();
        assert_eq!(paths(root), ["vendor/one", "two"]);
        let lacks = |path: &str| that_lacks(&root.join(path));
        assert_eq!(lacks("vendor/one/Cargo.toml").as_deref(), Some("vendor/one"));
        assert_eq!(lacks("two/crates/a/Cargo.toml").as_deref(), Some("two"));
        assert_eq!(lacks("vendor/onefold/Cargo.toml"), None);
        assert_eq!(lacks("three/Cargo.toml"), None);
        // One that is there lacks something else, and git cannot bring it.
        fs_err::create_dir_all(root.join("two/src")).unwrap();
        assert_eq!(lacks("two/Cargo.toml"), None);
        // In a submodule that is there another one is not.
        fs_err::write(root.join("two/.gitmodules"), "[submodule \"deep\"]\npath = deep\n").unwrap();
        assert_eq!(lacks("two/deep/Cargo.toml").as_deref(), Some("deep"));
    }
}
