//! Adds keys to the metadata table with `toml_edit`: comments, order and spacing of everything else stay.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::failure::{Failure, Kind, Result};

/// Sets these keys in the workspace's table, or in the package's where there is no `[workspace]`. A table that is already
/// there keeps its form, and an equal value its spelling.
///
/// ```
/// let text = "[workspace]\nmembers = [] # none yet\n";
/// let edited = cargo_dockerize::config::edit(text, &[("syntax", "none".into())])?;
/// assert_eq!(edited, "[workspace]\nmembers = [] # none yet\n\n[workspace.metadata.dockerize]\nsyntax = \"none\"\n");
/// # Ok::<(), cargo_dockerize::failure::Failure>(())
/// ```
///
/// # Errors
/// [`Kind::Workspace`]: the manifest does not parse, or `metadata` is not a table there.
pub fn edit(manifest: &str, changes: &[(&str, Value)]) -> Result<String> {
    let document = parse(manifest)?;
    let keys =
        |owner: &str| document.get(owner)?.get("metadata")?.get("dockerize")?.as_table_like().map(TableLike::iter);
    // A package that became a workspace's root may speak for all of it already.
    let own = keys("workspace").is_none()
        && keys("package").is_some_and(|mut keys| keys.any(|(key, _)| !super::Table::IMAGE_KEYS.contains(&key)));
    let owner = if document.contains_key("workspace") && !own { Owner::Workspace } else { Owner::Package };
    edit_of(manifest, owner, changes)
}

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// `[workspace.metadata.dockerize]`
    Workspace,
    /// `[package.metadata.dockerize]`
    Package,
}

/// Likewise, in the table that is named.
///
/// # Errors
/// As [`edit`].
pub fn edit_of(manifest: &str, owner: Owner, changes: &[(&str, Value)]) -> Result<String> {
    let crlf = manifest.contains("\r\n");
    let mut document = parse(manifest)?;
    let owner = match owner {
        Owner::Workspace => "workspace",
        Owner::Package => "package",
    };
    let table = descend(document.as_table_mut(), &[owner, "metadata", "dockerize"])?;
    for (key, value) in changes {
        let same = table.get(key).and_then(Item::as_value).is_some_and(|old| same(old, value));
        if !same {
            table.insert(key, Item::Value(value.clone()));
        }
    }
    let text = document.to_string();
    Ok(if crlf { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text })
}

fn parse(manifest: &str) -> Result<DocumentMut> {
    manifest.parse().map_err(|error: toml_edit::TomlError| {
        Failure::new(Kind::Workspace, "Cargo.toml does not parse").detail(error.to_string())
    })
}

/// Whether two values mean the same, however they are spelt.
fn same(one: &Value, other: &Value) -> bool {
    let meaning = |value: &Value| format!("it = {}", value.clone().decorated("", "")).parse::<toml::Table>().ok();
    meaning(one).is_some_and(|meant| Some(meant) == meaning(other))
}

fn descend<'a>(root: &'a mut Table, path: &[&str]) -> Result<&'a mut dyn toml_edit::TableLike> {
    let mut at: &mut dyn TableLike = root;
    let last = path.len() - 1;
    for (depth, name) in path.iter().enumerate() {
        if !at.contains_key(name) {
            let mut new = Table::new();
            // Only the last one is to be seen: `[workspace.metadata.dockerize]`.
            new.set_implicit(depth != last);
            at.insert(name, Item::Table(new));
        }
        at = at.get_mut(name).and_then(Item::as_table_like_mut).ok_or_else(|| {
            Failure::new(Kind::Workspace, format!("`{}` in Cargo.toml is not a table", path[..=depth].join(".")))
        })?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(manifest: &str) -> String {
        edit(manifest, &[("syntax", "none".into()), ("toolchain", "1.95".into())]).unwrap()
    }

    #[test]
    fn comments_and_order_stay() {
        let before = "# ours\n[package]  # odd  spacing\nname='x'\n\n[dependencies]\n# why\nserde = \"1\"\n";
        let after = set(before);
        let added = "\n[package.metadata.dockerize]\nsyntax = \"none\"\ntoolchain = \"1.95\"\n";
        assert_eq!(after.replace(added, ""), before);
        assert!(after.contains(added));
        assert_eq!(set(&after), after, "a second time changes nothing");
    }

    #[test]
    fn a_table_that_is_there_is_used_in_its_form() {
        let inline = "[workspace]\nmetadata = { dockerize = { expose = [80] } }\n";
        let after = set(inline);
        assert!(after.contains("metadata = { dockerize = { expose = [80]"), "{after}");
        let value: toml::Table = after.parse().unwrap();
        assert_eq!(value["workspace"]["metadata"]["dockerize"]["syntax"].as_str(), Some("none"));
        let dotted = "[workspace]\nmetadata.dockerize.syntax = 'none' # as it is\n";
        assert!(set(dotted).contains("metadata.dockerize.syntax = 'none' # as it is"));
    }

    #[test]
    fn a_package_that_became_a_root_keeps_its_table() {
        let root = "[package.metadata.dockerize]\ntoolchain = \"1.95\"\n\n[workspace]\nmembers = [\"xtask\"]\n";
        assert!(!set(root).contains("[workspace.metadata"));
        let image = "[package.metadata.dockerize]\nexpose = [80]\n\n[workspace]\n";
        assert!(set(image).contains("[workspace.metadata.dockerize]"));
    }

    #[test]
    fn line_ends_stay() {
        let after = set("[workspace]\r\nmembers = []\r\n");
        assert!(!after.replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn a_value_in_the_way_is_an_error() {
        assert!(edit("[workspace]\nmetadata = 3\n", &[]).is_err());
    }
}
