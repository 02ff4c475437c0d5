//! Taking it away again.

use camino::{Utf8Path, Utf8PathBuf};

use super::add::sources;
use super::home::{self, Home};
use super::program::{self, Docker};
use super::record::Record;
use super::{ALIAS, ALL_BUT_XTASK, DEPENDENCIES, WORKSPACE, Work, XSHELL, read, toml_text};
use crate::emit::{self, Own, Removal, State};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::Workspace;

/// What takes it away, and leaves the tree as it was before. None: there is nothing of ours.
///
/// # Errors
/// [`Kind::Emit`]: a file of ours holds somebody's own work, and `own` respects it.
pub fn remove(workspace: &Workspace, own: Own) -> Result<Option<Work>> {
    let home = Home::find(workspace)?;
    let Some(text) = read(&workspace.root, &home.module())? else { return Ok(None) };
    let state = emit::whose(&text);
    if state == State::Foreign {
        return Ok(None);
    }
    let record = Record::of(&text);
    let mut taking = Taking { workspace, record: &record, own, work: Work::default() };
    taking.file(&home.module(), state == State::Current)?;
    let fresh = taking.came_with_it(&home.manifest())? && taking.came_with_it(&home.main)?;
    if fresh {
        taking.nothing_else(&home)?;
        let new = from_root_manifest(&workspace.manifest, &record);
        taking.put("Cargo.toml".into(), &workspace.manifest, new);
    } else {
        taking.disconnect(&home)?;
        taking.depend_no_more(&home)?;
    }
    taking.alias()?;
    Ok(Some(taking.work))
}

struct Taking<'a> {
    workspace: &'a Workspace,
    record: &'a Record,
    own: Own,
    work: Work,
}

impl Taking<'_> {
    fn put(&mut self, path: &Utf8Path, old: &str, new: String) {
        self.work.put(path, Some(old), new);
    }

    fn file(&mut self, path: &Utf8Path, unedited: bool) -> Result<()> {
        if !unedited && self.own == Own::Respect {
            return Err(Failure::new(Kind::Emit, format!("`{path}` has been edited by hand"))
                .help("take your lines elsewhere first, or pass `--force`: the file is kept beside it as `.orig`"));
        }
        self.work.removals.push(Removal { path: path.to_owned(), save: !unedited });
        Ok(())
    }

    /// Takes a file away that was made with the module.
    fn came_with_it(&mut self, path: &Utf8Path) -> Result<bool> {
        let Some(text) = read(&self.workspace.root, path)? else { return Ok(false) };
        let Some(unedited) = self.record.file(path.as_str(), &text) else { return Ok(false) };
        self.file(path, unedited)?;
        Ok(true)
    }

    /// Files of the user's in a crate of ours would be left behind as no crate at all.
    fn nothing_else(&self, home: &Home) -> Result<()> {
        let ours = |path: &Utf8PathBuf| self.work.removals.iter().any(|removal| removal.path == *path);
        match sources(self.workspace, home).into_iter().find(|(path, _)| !ours(path)) {
            Some((path, _)) if self.own == Own::Respect => {
                Err(Failure::new(Kind::Emit, format!("`{path}` would be left without its crate"))
                    .help("move it away first, or pass `--force`: it stays where it is, and is compiled no more"))
            }
            _ => Ok(()),
        }
    }

    fn disconnect(&mut self, home: &Home) -> Result<()> {
        let text = read(&self.workspace.root, &home.main)?.unwrap_or_default();
        if !self.record.has("main") || program::docker(&text) == Docker::Unknown {
            return Ok(());
        }
        let new = program::disconnect(&text).ok_or_else(|| {
            Failure::new(
                Kind::Emit,
                format!("the lines that call the module `docker` have been edited in {}", home.main),
            )
            .detail(format!("{}\n{}", program::MODULE.join("\n"), program::CALL.join("\n")))
            .help("take them out yourself, then run this again")
        })?;
        self.put(&home.main, &text, new);
        Ok(())
    }

    fn depend_no_more(&mut self, home: &Home) -> Result<()> {
        // Somebody may have come to like it.
        if sources(self.workspace, home).iter().any(|(_, text)| text.contains(XSHELL)) {
            return Ok(());
        }
        let text = read(&self.workspace.root, &home.manifest())?.unwrap_or_default();
        self.put(&home.manifest(), &text, from_crate_manifest(&text, self.record));
        Ok(())
    }

    fn alias(&mut self) -> Result<()> {
        let (path, text) = home::config(&self.workspace.root)?;
        let new = from_config(&text, self.record);
        if self.record.has("config") && new.trim().is_empty() {
            return self.file(&path, true);
        }
        self.put(&path, &text, new);
        Ok(())
    }
}

/// The root manifest without what came. What the user has taken out already is no failure, here and below.
pub(super) fn from_root_manifest(text: &str, record: &Record) -> String {
    let mut text = text.to_owned();
    if record.has("default-members") {
        text = toml_text::take_key(&text, WORKSPACE, "default-members", ALL_BUT_XTASK).unwrap_or(text);
    }
    if record.has("workspace")
        && is_alone(&text)
        && let Some(without) = toml_text::take_table(&text, WORKSPACE, &["members", "exclude"])
    {
        return without;
    }
    if record.has("members") && is_alone(&text) {
        return toml_text::take_key(&text, WORKSPACE, "members", "").unwrap_or(text);
    }
    if ["workspace", "members", "member"].iter().any(|thing| record.has(thing)) {
        return toml_text::take_element(&text, WORKSPACE, "members", home::FOLDER).unwrap_or(text);
    }
    text
}

/// Whether the crate is the only member that is named.
fn is_alone(text: &str) -> bool {
    let manifest = text.parse::<toml::Table>().unwrap_or_default();
    let members = manifest.get("workspace").and_then(|workspace| workspace.get("members")?.as_array());
    members.is_some_and(|members| members.len() == 1)
}

/// The configuration without the alias.
pub(super) fn from_config(text: &str, record: &Record) -> String {
    without(text, (ALIAS, "xtask"), record.has("aliases"), record.has("alias"))
}

/// The xtask's manifest without the dependency.
pub(super) fn from_crate_manifest(text: &str, record: &Record) -> String {
    without(text, (DEPENDENCIES, XSHELL), record.has("dependencies"), record.has("xshell"))
}

/// Without a table that holds this key alone, or else without the key.
fn without(text: &str, (table, key): (&[&str], &str), whole: bool, line: bool) -> String {
    let all = whole.then(|| toml_text::take_table(text, table, &[key])).flatten();
    let one = || (whole || line).then(|| toml_text::take_key(text, table, key, "")).flatten();
    all.or_else(one).unwrap_or_else(|| text.to_owned())
}
