//! `cargo xtask docker` for the user's workspace: a crate of its own, or a module in the xtask that is there. What goes in can be
//! taken out again: every edit has an inverse, and the module says which of them were made.

mod add;
mod home;
mod members;
mod program;
mod record;
mod remove;
mod toml_text;

use camino::{Utf8Path, Utf8PathBuf};

pub use add::add;
pub use home::Home;
pub use remove::remove;

use crate::emit::{Change, Removal, State};
use crate::failure::{Failure, Kind, Result};
use crate::plan::Plan;
use crate::render::{self, GeneratedFile};
use crate::workspace::Workspace;

/// Names of the alias's table and of ours in it.
const ALIAS: &[&str] = &["alias"];
const DEPENDENCIES: &[&str] = &["dependencies"];
const WORKSPACE: &[&str] = &["workspace"];

/// The one dependency.
const XSHELL: &str = "xshell";

/// The comment on `default-members`.
const ALL_BUT_XTASK: &str = "# What cargo takes where nothing is named: all but xtask.";

/// What becomes of the tree.
#[derive(Debug, Default)]
pub struct Work {
    /// Texts without a header of ours.
    pub changes: Vec<Change>,
    /// Files that go.
    pub removals: Vec<Removal>,
    /// The module, where it is wanted.
    pub module: Option<GeneratedFile>,
}

impl Work {
    fn put(&mut self, path: &Utf8Path, old: Option<&str>, new: String) {
        let state = match old {
            None => State::Absent,
            Some(old) if old == new => return,
            Some(_) => State::Stale,
        };
        self.changes.push(Change { path: path.to_owned(), state, old: old.unwrap_or_default().to_owned(), new });
    }
}

/// The module as it should be now, where the workspace has one of ours: `generate` keeps it up to date.
///
/// # Errors
/// [`Kind::Internal`]: the template does not fit.
pub fn generated(workspace: &Workspace, plan: &Plan) -> Result<Option<GeneratedFile>> {
    // A broken alias is no business of who generates a Dockerfile.
    let Ok(home) = Home::find(workspace) else { return Ok(None) };
    let Some(text) = read(&workspace.root, &home.module())? else { return Ok(None) };
    if crate::emit::whose(&text) == State::Foreign {
        return Ok(None);
    }
    module(plan, &home, &record::Record::of(&text)).map(Some)
}

fn module(plan: &Plan, home: &Home, record: &record::Record) -> Result<GeneratedFile> {
    // The manifest's folder is what the compiler tells; the root is so many above it.
    let up = "/..".repeat(home.folder.components().count());
    Ok(GeneratedFile { path: home.module(), contents: render::xtask_module(plan, &record.line(), &up)? })
}

fn read(root: &Utf8Path, path: &Utf8Path) -> Result<Option<String>> {
    let path: Utf8PathBuf = root.join(path);
    if !path.exists() {
        return Ok(None);
    }
    fs_err::read_to_string(path)
        .map(Some)
        .map_err(|error| Failure::new(Kind::Workspace, "a file of the workspace cannot be read").caused_by(error))
}
