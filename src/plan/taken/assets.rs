//! Files that a Dockerfile copies into the image besides the program.

use camino::{Utf8Path, Utf8PathBuf};

use super::image::here;
use super::rules::Rules;
use super::{Account, Source};
use crate::config::{AssetTable, Table, permits};
use crate::facts::repository::{Built, Copied, CopiedSource, Origin, Said};
use crate::failure::Result;
use crate::ignore::Matcher;
use crate::image_paths::WORKDIR;
use crate::lint::call::base;
use crate::plan::ignore;
use crate::workspace::{Workspace, normal, relative};

pub(super) fn take(
    workspace: &Workspace,
    source: Source<'_>,
    table: &mut Table,
    account: &mut Account<'_>,
) -> Result<()> {
    let image = source.shipping.image;
    if !account.is_open(&source.member.name, "assets") {
        return Ok(());
    }
    let (rules, left_out) = (Rules::known()?, ignore::always()?);
    let look = Look { workspace, source, rules, left_out: &left_out };
    for copied in &image.copies {
        for file in &copied.value.sources {
            match look.asset(copied, file) {
                Ok((from, to)) => {
                    let asset = if from == to {
                        AssetTable::Same(from.clone())
                    } else {
                        AssetTable::Moved { from: from.clone(), to }
                    };
                    if !table.assets.contains(&asset) {
                        table.assets.push(asset);
                        account.take(&source.member.name, "assets", (format!("files `{from}`"), &from), &copied.place);
                    }
                }
                Err(why) => account.leave(format!("COPY {}", file.path), why, &copied.place),
            }
        }
    }
    Ok(())
}

struct Look<'a> {
    workspace: &'a Workspace,
    source: Source<'a>,
    rules: &'a Rules,
    left_out: &'a Matcher,
}

impl Look<'_> {
    /// Where it is in the workspace and where it goes, as the metadata names both; or why it is not taken.
    fn asset(&self, copied: &Said<Copied>, file: &CopiedSource) -> Result<(String, String), String> {
        if file.context.iter().any(|path| path == ".") {
            return Err("it is the whole context; `assets` names what is read".to_owned());
        }
        if file.path.contains(['*', '?', '[']) {
            return Err("it is a pattern; `assets` names what is read".to_owned());
        }
        let image = self.source.shipping.image;
        let name = base(file.path.trim_end_matches('/'));
        let script = image.start.as_ref().and_then(|start| start.script.as_ref());
        if name.rsplit_once('.').is_some_and(|(_, ending)| ending == "sh")
            || script.is_some_and(|script| script.value == name)
        {
            return Err("it is a script, and the image has no shell".to_owned());
        }
        if let Some(why) = self.rules.path(&file.path) {
            return Err(why.to_owned());
        }
        let path = self.find(file).ok_or_else(|| match &copied.value.from {
            Origin::Context => "it is not in the workspace".to_owned(),
            Origin::Stage(stage) => format!("the stage {stage} makes it, and no source of it is known"),
            Origin::Image(image) => format!("it is from the image {image}"),
        })?;
        if self.left_out.matches(relative(&self.workspace.root, &path)) {
            return Err("by its name it is a secret, or what a build makes".to_owned());
        }
        let to = Self::target(image, &copied.value, &path)?;
        let from = self.from(&path)?;
        if permits("from", &from) && permits("to", &to) {
            Ok((from, to))
        } else {
            Err("`assets` takes no such path".to_owned())
        }
    }

    /// The file or folder of the workspace.
    fn find(&self, file: &CopiedSource) -> Option<Utf8PathBuf> {
        let root = &self.workspace.root;
        let folders = [&self.source.shipping.dockerfile.context, root];
        let paths = folders.into_iter().flat_map(|folder| file.context.iter().map(|path| normal(&folder.join(path))));
        let inside = |path: &Utf8PathBuf| path.starts_with(root) && path != root && path.exists();
        paths.into_iter().find(inside)
    }

    /// As `assets` names it: from the package's folder, else from the root.
    fn from(&self, path: &Utf8Path) -> Result<String, String> {
        let dir = &self.source.member.dir;
        if let Ok(inside) = path.strip_prefix(dir) {
            return Ok(inside.to_string());
        }
        let from = relative(&self.workspace.root, path);
        if dir.join(&from).exists() {
            return Err("the package has a file of the same path".to_owned());
        }
        Ok(from.into_string())
    }

    /// Where it goes; from the working folder, where it lies there.
    fn target(image: &Built, copied: &Copied, path: &Utf8Path) -> Result<String, String> {
        let name = path.file_name().unwrap_or_default();
        let is_file = path.is_file();
        let to = if is_file && copied.folder {
            format!("{}/{name}", copied.to.trim_end_matches('/'))
        } else {
            copied.to.clone()
        };
        let to = here(image, &to, copied.relative);
        if to == "/" || to == WORKDIR {
            return Err(format!("it fills {to}; `assets` names what is read in it"));
        }
        Ok(to.strip_prefix(&format!("{WORKDIR}/")).map(str::to_owned).unwrap_or(to))
    }
}
