//! Lists of what is in images, as files beside what else builds leave: an engine's store has no place for them, and neither has what
//! `docker load` takes.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::attest::Document;
use cargo_dockerize::emit::{self, Change, Removal, State};
use cargo_dockerize::failure::{Failure, Kind, Result};

use crate::ui::Shell;

/// Our folder for them, in the one that is ours in cargo's.
const FOLDER: &str = "sbom";

/// The documents about an image, by platform.
pub type ByPlatform = Vec<(String, Vec<Document>)>;

/// The lists of one build.
#[derive(Default)]
pub struct Lists {
    names: Vec<String>,
    /// Stages, whose older lists are of no image any more.
    stages: BTreeSet<String>,
    files: Vec<(Utf8PathBuf, String)>,
}

impl Lists {
    /// Takes those of an image in, by platform; what is no list is passed over.
    ///
    /// # Errors
    /// [`Kind::Internal`]: a list is no text.
    pub fn add(&mut self, (name, stage): (&str, &str), made: &ByPlatform) -> Result<()> {
        for (platform, documents) in made {
            // A platform is part of the name where there are several of them.
            let of = if made.len() > 1 { format!(".{}", short(platform)) } else { String::new() };
            for (document, format) in documents.iter().filter_map(|document| Some((document, document.ending()?))) {
                let text = String::from_utf8(document.bytes.clone()).map_err(|error| {
                    Failure::new(Kind::Internal, "a list of what is in an image is no text").caused_by(error)
                })?;
                self.files.push((format!("{FOLDER}/{stage}{of}.{format}").into(), text + "\n"));
                if self.stages.insert(stage.to_owned()) {
                    self.names.push(name.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Writes them, in place of those of earlier builds of the same images.
    ///
    /// # Errors
    /// [`Kind::Emit`]: they cannot be written.
    pub fn write(self, scratch: &Utf8Path, root: &Utf8Path, shell: Shell) -> Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let changes: Vec<Change> = self.files.iter().map(|(path, text)| change(scratch, path, text)).collect();
        emit::exchange(scratch, &changes, &self.stale(scratch))?;
        let shown = scratch.strip_prefix(root).unwrap_or(scratch);
        let place = match self.files.as_slice() {
            [(only, _)] => shown.join(only),
            several => shown.join(format!("{FOLDER} ({} files)", several.len())),
        };
        shell.status("Listed", format!("what is in {}: {place}", self.names.join(", ")));
        Ok(())
    }

    /// Those of other formats and platforms that these images were built in before.
    fn stale(&self, scratch: &Utf8Path) -> Vec<Removal> {
        let Ok(entries) = scratch.join(FOLDER).read_dir_utf8() else { return Vec::new() };
        let ours = |name: &str| name.split_once('.').is_some_and(|(stage, _)| self.stages.contains(stage));
        let names = entries.flatten().map(|entry| entry.file_name().to_owned()).filter(|name| ours(name));
        let paths = names.map(|name| Utf8Path::new(FOLDER).join(name));
        let gone = paths.filter(|path| self.files.iter().all(|(kept, _)| kept != path));
        gone.map(|path| Removal { path, save: false }).collect()
    }
}

/// `arm64` of `linux/arm64`, `arm-v7` of `linux/arm/v7`.
fn short(platform: &str) -> String {
    platform.strip_prefix("linux/").unwrap_or(platform).replace('/', "-")
}

fn change(scratch: &Utf8Path, path: &Utf8Path, new: &str) -> Change {
    let (state, old) = match fs_err::read_to_string(scratch.join(path)) {
        Ok(old) if old == new => (State::Current, old),
        Ok(old) => (State::Stale, old),
        Err(_) => (State::Absent, String::new()),
    };
    Change { path: path.to_owned(), state, old, new: new.to_owned() }
}

#[cfg(test)]
mod tests {
    use cargo_dockerize::attest::{CYCLONEDX, IN_TOTO, SPDX};

    use super::*;

    fn document(kind: &'static str) -> Document {
        Document { artifact_type: kind, media_type: kind, predicate: "https://a.example", bytes: b"{}".to_vec() }
    }

    fn made(platforms: &[&str], kinds: &[&'static str]) -> ByPlatform {
        let documents = |_: &&str| kinds.iter().map(|kind| document(kind)).collect();
        platforms.iter().map(|platform| ((*platform).to_owned(), documents(platform))).collect()
    }

    fn write(scratch: &Utf8Path, images: &[(&str, ByPlatform)]) -> Vec<String> {
        let mut lists = Lists::default();
        for (name, made) in images {
            lists.add((name, &name.to_lowercase()), made).unwrap();
        }
        lists.write(scratch, scratch, Shell { quiet: true, verbose: false }).unwrap();
        let entries = scratch.join(FOLDER).read_dir_utf8().unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn each_image_has_its_own_and_older_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Utf8Path::from_path(folder.path()).unwrap();
        let both = made(&["linux/amd64", "linux/arm/v7"], &[SPDX, CYCLONEDX, IN_TOTO]);
        let one = made(&["linux/amd64"], &[SPDX]);
        assert_eq!(
            write(scratch, &[("Api", both), ("api-amd64", one.clone())]),
            [
                "api-amd64.spdx.json",
                "api.amd64.cdx.json",
                "api.amd64.spdx.json",
                "api.arm-v7.cdx.json",
                "api.arm-v7.spdx.json"
            ]
        );
        // Another build of one of them leaves the other's.
        assert_eq!(write(scratch, &[("Api", one)]), ["api-amd64.spdx.json", "api.spdx.json"]);
        assert_eq!(fs_err::read_to_string(scratch.join("sbom/api.spdx.json")).unwrap(), "{}\n");
    }
}
