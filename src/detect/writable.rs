//! Folders that a program writes to, by the calls that make files, by what its crates keep in files, and by paths of state that its
//! sources name.

use crate::plan::model::Because;
use crate::workspace::{Member, Workspace};

use super::assets::AssetFinding;
use crate::facts::source::{Base, ProgramFacts};
use crate::image_paths::WORKDIR;

/// Folders that only programs write to, wherever they are named.
const STATE: &[&str] = &["/var/lib/", "/var/cache/", "/var/log/", "/var/db/"];

/// Folders of the system's: nothing is kept there.
const SYSTEM: &[&str] = &["bin", "dev", "etc", "lib", "proc", "root", "run", "sbin", "sys", "tmp", "usr"];

/// Endings of databases. A file of such a name without a folder is in the working folder.
const DATABASES: &[&str] = &["db", "db3", "duckdb", "mdb", "redb", "sqlite", "sqlite3"];

/// Folders that count when a crate keeps files: `/data` alone could as well be a route of a web service. A bare word could
/// be anything, so that a relative one has to be more of a path than its name.
const DATA: &[&str] = &["/data", "/db", "/state", "/storage", "data", "db", "storage"];

pub(super) fn find(
    workspace: &Workspace,
    member: &Member,
    facts: &ProgramFacts,
    assets: &[AssetFinding],
    keeps_files: Option<Because>,
) -> Vec<(String, Because)> {
    let mut found = written(workspace, member, facts);
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

/// The folders of files that calls make.
fn written(workspace: &Workspace, member: &Member, facts: &ProgramFacts) -> Vec<(String, Because)> {
    let mut found: Vec<(String, Because)> = Vec::new();
    for write in &facts.writes {
        let absolute = write.path.strip_prefix('/');
        let system = absolute.is_some_and(|path| SYSTEM.contains(&path.split('/').next().unwrap_or_default()));
        if write.base != Base::Working || system || write.path.split('/').any(|part| part == "..") {
            continue;
        }
        let is_folder = write.is_folder || write.is_pattern;
        let folder =
            if is_folder { Some(write.path.as_str()) } else { write.path.rsplit_once('/').map(|(folder, _)| folder) };
        let folder = folder.unwrap_or(WORKDIR).trim_end_matches('/');
        // The root itself is nobody's.
        if folder.is_empty() || found.iter().any(|(other, _)| other == folder) {
            continue;
        }
        let file = workspace.place(&write.place.file, write.place.line);
        let because = Because {
            text: format!("{} writes `{}` ({file})", member.name, write.path),
            krate: Some(format!("{} {}", member.name, member.version)),
            rule: "writable-call".to_owned(),
            file: Some(file),
        };
        found.push((folder.to_owned(), because));
    }
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
