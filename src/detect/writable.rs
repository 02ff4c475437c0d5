//! Folders that a program writes to, by what its crates keep in files and the paths that its sources name.

use crate::plan::model::Because;
use crate::workspace::{Member, Workspace};

use super::assets::AssetFinding;
use crate::image_paths::WORKDIR;

/// Folders that only programs write to, wherever they are named.
const STATE: &[&str] = &["/var/lib/", "/var/cache/", "/var/log/", "/var/db/"];

/// Endings of databases. A file of such a name without a folder is in the working folder.
const DATABASES: &[&str] = &["db", "db3", "duckdb", "mdb", "redb", "sqlite", "sqlite3"];

/// Folders that count when a crate keeps files: `/data` alone could as well be a route of a web service. A bare word could
/// be anything, so that a relative one has to be more of a path than its name.
const DATA: &[&str] = &["/data", "/db", "/state", "/storage", "data", "db", "storage"];

pub(super) fn find(
    workspace: &Workspace,
    member: &Member,
    assets: &[AssetFinding],
    keeps_files: Option<Because>,
) -> Vec<(String, Because)> {
    let mut found: Vec<(String, Because)> = Vec::new();
    for literal in &member.sources.literals {
        let value = literal.value.trim_start_matches("./");
        let state = STATE.iter().any(|prefix| value.len() > prefix.len() && value.starts_with(prefix));
        let data = keeps_files.is_some()
            && literal.value.contains('/')
            && DATA
                .iter()
                .any(|name| value.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
        let database = keeps_files.is_some() && is_database(value);
        let is_asset = assets.iter().any(|asset| asset.literal == value);
        if !(state || data || database) || is_asset || value.split('/').any(|part| part == "..") {
            continue;
        }
        let folder = if database { WORKDIR.to_owned() } else { folder(value) };
        if found.iter().any(|(other, _)| *other == folder) {
            continue;
        }
        let file = workspace.place(&literal.file, literal.line);
        let text = match &keeps_files {
            Some(why) => format!("{}, and {} names `{value}` ({file})", why.text, member.name),
            None => format!("{} names `{value}` ({file})", member.name),
        };
        let krate = keeps_files.as_ref().and_then(|why| why.krate.clone());
        found.push((folder, Because { text, krate, rule: "writable-literal".to_owned(), file: Some(file) }));
    }
    if let (true, Some(why)) = (found.is_empty(), keeps_files) {
        let text = format!("{}; its path is not in the sources, so mount a volume here", why.text);
        found.push(("/data".to_owned(), Because { text, ..why }));
    }
    found.sort();
    found
}

/// Whether this names a database in the working folder: `todos.redb`, `sqlite:todos.db?mode=rwc`.
fn is_database(value: &str) -> bool {
    let path = value.strip_prefix("sqlite:").unwrap_or(value);
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or_default().trim_start_matches("./");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    path.rsplit_once('.')
        .is_some_and(|(name, ending)| !name.is_empty() && name.chars().all(plain) && DATABASES.contains(&ending))
}

/// The folder of a path that ends in a file's name.
fn folder(value: &str) -> String {
    let value = value.trim_end_matches('/');
    match value.rsplit_once('/') {
        Some((folder, name)) if name.contains('.') && !folder.is_empty() => folder.to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_without_a_folder_is_in_the_working_folder() {
        for database in ["todos.redb", "./a.db", "sqlite:a.db", "sqlite://a.sqlite3?mode=rwc"] {
            assert!(is_database(database), "{database}");
        }
        for other in ["a.rs", ".db", "data/a.db", "sqlite::memory:", "https://example.com/a.db", "a b.db"] {
            assert!(!is_database(other), "{other}");
        }
    }

    #[test]
    fn a_files_folder_is_what_is_written_to() {
        assert_eq!(folder("/data/app.db"), "/data");
        assert_eq!(folder("/var/lib/app/"), "/var/lib/app");
        assert_eq!(folder("data"), "data");
    }
}
