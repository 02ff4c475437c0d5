//! Folders, trees and images for tests.

use std::num::NonZeroUsize;

use assert_fs::TempDir;
use camino::Utf8Path;
use oci_spec::image::MediaType;
use serde_json::{Value, json};

use super::image::{Base, Bundle, RunConfig, bundle, image};
use super::layer::Options;
use super::{Compression, Content, Entry, Layer, Store, Tree, layer};

/// A folder that goes with the test.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }
}

pub fn scratch() -> Scratch {
    Scratch(TempDir::new().unwrap())
}

/// A tree of these files, 0644 and root's.
pub fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, Entry::new(0o644, Content::Bytes((*text).into()))).unwrap();
    }
    tree
}

/// A layer of one file with this text.
pub fn program(store: &Store, text: &str) -> Layer {
    let options = Options { threads: NonZeroUsize::MIN, ..Options::new(0, Compression::Gzip) };
    layer(store, &tree(&[("usr/local/bin/api", text)]), &options).unwrap()
}

/// A base of one layer of Docker's type. Where the configuration says nothing of its layers it is told the truth.
pub fn base(store: &Store, config: &Value) -> Base {
    let layer = program(store, "the base's");
    let mut config = config.clone();
    if config.is_object() && config["rootfs"].is_null() {
        config["rootfs"] = json!({ "type": "layers", "diff_ids": [layer.diff_id] });
    }
    let mut descriptor = layer.descriptor;
    descriptor.set_media_type(MediaType::Other("application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned()));
    Base {
        reference: "example.org/base:1".to_owned(),
        named: format!("sha256:{}", "1".repeat(64)),
        digest: format!("sha256:{}", "2".repeat(64)),
        config: config.to_string().into_bytes(),
        layers: vec![descriptor],
    }
}

/// A bundle of an image of this text for each of these platforms.
pub fn shipped(store: &Store, text: &str, platforms: &[&str]) -> Bundle {
    let run = RunConfig { entrypoint: vec!["/usr/local/bin/api".to_owned()], ..RunConfig::default() };
    let layers = [("program", program(store, text))];
    let images = platforms.iter().map(|platform| image(store, None, &layers, &run, platform, 0).unwrap());
    bundle(store, images.collect()).unwrap()
}
