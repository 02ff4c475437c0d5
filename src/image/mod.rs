//! Reads what was built, from its OCI image layout: layers, files, users, what its programs need.
//!
//! An image is input from outside like any other: digests are checked, paths are made harmless, sizes are counted and
//! not believed.

// A number from outside can have any value, and arithmetic that overflows panics. Tests use their own numbers.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub(crate) mod archive;
mod contents;
mod difference;
pub mod elf;
pub(crate) mod layer;
mod layout;
mod name;
pub(crate) mod needs;
pub mod verify;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::platforms;

pub use difference::{Difference, differences};
pub(crate) use layout::LARGEST_JSON;
pub use layout::Layout;
pub use name::Name;

/// An image: its configuration, its layers, and the file system that they make.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest's digest.
    pub digest: String,
    /// Bytes of manifest and configuration.
    pub metadata_bytes: u64,
    /// What a container runs with.
    pub config: Config,
    /// Layers, lowest first.
    pub layers: Vec<Layer>,
    /// The merged file system, by absolute path.
    pub files: BTreeMap<Name, File>,
    /// The contents of what the entrypoint names, and the layer that they are from.
    program: Option<(usize, Vec<u8>)>,
    layout: Layout,
}

/// What a container runs with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Docker's name of the architecture: `amd64`.
    pub architecture: String,
    /// Its kind, where one has to be said: `v7`.
    pub variant: String,
    /// `linux`.
    pub os: String,
    /// `USER`, as it is written.
    pub user: String,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `ENV`, as `NAME=value`.
    pub env: Vec<String>,
    /// `WORKDIR`.
    pub workdir: String,
    /// `LABEL`.
    pub labels: BTreeMap<String, String>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its blob.
    pub digest: String,
    /// `application/vnd.oci.image.layer.v1.tar+gzip` and its kin.
    pub media_type: String,
    /// Bytes of the blob, as it is pushed and pulled; of one that lies uncompressed, what gzip makes of it.
    pub compressed: u64,
    /// The sum of its files' bytes.
    pub unpacked: u64,
    /// Its entries, in the order of the archive.
    pub entries: Vec<Entry>,
}

/// An entry of a layer's archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Absolute, `..` resolved; of a whiteout the name of what it takes away.
    pub path: Name,
    /// What it is.
    pub file: File,
}

/// A file of the merged file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Permissions, with setuid, setgid and the sticky bit.
    pub mode: u32,
    /// The owner.
    pub uid: u64,
    /// The group.
    pub gid: u64,
    /// When it was changed, in seconds since 1970.
    pub time: u64,
    /// The layer that it comes from, by its place in [`Image::layers`].
    pub layer: usize,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// Bytes.
    Regular,
    /// A folder.
    Folder,
    /// A symbolic link, and where to.
    Link(String),
    /// Another name of a file, absolute.
    HardLink(String),
    /// A device, a pipe: nothing that we write.
    Special,
    /// Takes a path of the layers below away.
    Whiteout,
    /// Takes all that lies in a folder of the layers below away.
    Opaque,
}

impl Image {
    /// The platform that it is for, as Docker names it: `linux/amd64`.
    pub fn platform(&self) -> String {
        platforms::written(&self.config.os, &self.config.architecture, &self.config.variant)
    }

    /// Its manifest, as who refers to it names it.
    ///
    /// # Errors
    /// Its digest is none.
    pub fn manifest(&self) -> crate::failure::Result<oci_spec::image::Descriptor> {
        self.layout.manifest(&self.digest)
    }

    /// Its manifest and its configuration, as they are.
    fn documents(&self) -> crate::failure::Result<(serde_json::Value, serde_json::Value)> {
        self.layout.documents(&self.digest)
    }

    /// The contents of a file, links followed; none: there is no such file.
    ///
    /// # Errors
    /// The layer cannot be read any more.
    pub fn read(&self, path: &str) -> crate::failure::Result<Option<Vec<u8>>> {
        let Some(real) = self.resolve(path) else { return Ok(None) };
        let Some(file) = self.files.get(real.as_str()) else { return Ok(None) };
        let (real, file) = match &file.kind {
            FileKind::HardLink(to) => match self.files.get(to.as_str()) {
                Some(target) => (to.clone(), target),
                None => return Ok(None),
            },
            _ => (real, file),
        };
        match &self.program {
            Some((layer, bytes)) if *layer == file.layer && self.config.entrypoint.last() == Some(&real) => {
                Ok(Some(bytes.clone()))
            }
            _ => layer::contents(&self.layout, &self.layers[file.layer], &real),
        }
    }

    /// The path with every link in it followed, as the kernel would; none: it leads nowhere.
    pub fn resolve(&self, path: &str) -> Option<String> {
        resolve(&self.files, path)
    }
}

/// The path with every link in it followed, as the kernel would; none: it leads nowhere.
pub(crate) fn resolve(files: &BTreeMap<Name, File>, path: &str) -> Option<String> {
    let mut done = String::new();
    let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut links: u32 = 0;
    while let Some(part) = rest.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                done.truncate(done.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let next = format!("{done}/{part}");
        match files.get(next.as_str()).map(|file| &file.kind) {
            Some(FileKind::Link(to)) => {
                links = links.saturating_add(1);
                // As many as Linux follows.
                if links > 40 {
                    return None;
                }
                if to.starts_with('/') {
                    done.clear();
                }
                rest.extend(to.split('/').rev().map(str::to_owned));
            }
            Some(_) => done = next,
            None => return None,
        }
    }
    Some(if done.is_empty() { "/".to_owned() } else { done })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
