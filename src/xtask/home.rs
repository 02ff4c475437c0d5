//! Where a workspace's xtask is, or would be.

use camino::{Utf8Path, Utf8PathBuf};

use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Member, Workspace};

/// The folder of an xtask that is new.
pub(super) const FOLDER: &str = "xtask";

/// Where the xtask is. Paths are relative to the workspace's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The package's name.
    pub package: String,
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// Its first source.
    pub main: Utf8PathBuf,
    /// The binary, where the package has several.
    pub bin: Option<String>,
    /// Whether it is there already.
    pub there: bool,
    /// Whether the alias `xtask` is there already.
    pub alias: bool,
}

impl Home {
    /// Finds it: what the alias `xtask` runs, else a member of that name, else a new one.
    ///
    /// # Errors
    /// [`Kind::Workspace`]: the alias runs something else than a member, or the member has no binary of its own.
    pub fn find(workspace: &Workspace) -> Result<Self> {
        let (file, text) = config(&workspace.root)?;
        let alias = alias(&text);
        let member = match &alias {
            Some(line) => Some(aliased(workspace, line, &file)?),
            None => workspace.member(FOLDER).map(|member| (member, None)),
        };
        let alias = alias.is_some();
        let Some((member, bin)) = member else {
            return Ok(Self {
                package: FOLDER.to_owned(),
                folder: FOLDER.into(),
                main: Utf8Path::new(FOLDER).join("src/main.rs"),
                bin: None,
                there: false,
                alias,
            });
        };
        let own = bin.as_deref().unwrap_or(&member.name);
        let binary = match &member.binaries[..] {
            [only] => Some(only),
            several => several.iter().find(|binary| binary.name == own),
        };
        let binary = binary.ok_or_else(|| {
            Failure::new(Kind::Workspace, format!("the package {} has no binary that is its xtask", member.name)).help(
                format!(
                    "give it a `src/main.rs`, or name the binary in the alias: `run --package {0} --bin {0} --`",
                    member.name
                ),
            )
        })?;
        Ok(Self {
            package: member.name.clone(),
            folder: workspace.relative(&member.dir).into(),
            main: workspace.relative(&binary.path).into(),
            bin: (member.binaries.len() > 1).then(|| binary.name.clone()),
            there: true,
            alias,
        })
    }

    /// What the alias says.
    pub(super) fn alias_line(&self) -> String {
        let bin = self.bin.as_ref().map(|name| format!(" --bin {name}")).unwrap_or_default();
        format!("xtask = \"run --quiet --package {}{bin} --\"", self.package)
    }

    /// The generated module.
    pub fn module(&self) -> Utf8PathBuf {
        self.main.with_file_name("docker.rs")
    }

    /// Its manifest.
    pub fn manifest(&self) -> Utf8PathBuf {
        self.folder.join("Cargo.toml")
    }
}

/// The configuration in the root, and its text: cargo prefers the name without an ending where both are there.
pub(super) fn config(root: &Utf8Path) -> Result<(Utf8PathBuf, String)> {
    let names = [".cargo/config", ".cargo/config.toml"];
    let name = names.iter().find(|name| root.join(name).is_file());
    let text = name
        .map_or(Ok(String::new()), |name| fs_err::read_to_string(root.join(name)))
        .map_err(|error| Failure::new(Kind::Workspace, "cargo's configuration cannot be read").caused_by(error))?;
    Ok((Utf8PathBuf::from(*name.unwrap_or(&names[1])), text))
}

/// The words of the alias `xtask`.
fn alias(text: &str) -> Option<Vec<String>> {
    let table = text.parse::<toml::Table>().ok()?;
    match table.get("alias")?.get("xtask")? {
        toml::Value::String(line) => Some(line.split_whitespace().map(str::to_owned).collect()),
        toml::Value::Array(words) => Some(words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()),
        _ => None,
    }
}

fn aliased<'a>(workspace: &'a Workspace, words: &[String], file: &Utf8Path) -> Result<(&'a Member, Option<String>)> {
    let value = |names: &[&str]| {
        words.iter().enumerate().find_map(|(i, word)| match word.split_once('=') {
            Some((name, value)) if names.contains(&name) => Some(value.to_owned()),
            _ if names.contains(&word.as_str()) => words.get(i + 1).cloned(),
            _ => None,
        })
    };
    let (package, bin) = (value(&["-p", "--package"]), value(&["--bin"]));
    let of_bin = |member: &&Member| member.binaries.iter().any(|binary| Some(&binary.name) == bin.as_ref());
    let member = match &package {
        Some(name) => workspace.member(name),
        None => workspace.members.iter().find(of_bin),
    };
    member.map(|member| (member, bin)).ok_or_else(|| {
        Failure::new(Kind::Workspace, format!("the alias `xtask` in {file} runs no member of this workspace"))
            .detail(format!("xtask = \"{}\"", words.join(" ")))
            .help("make that package a member of the workspace and have the alias run it: `run --package NAME --`; or give the alias another name")
    })
}
