//! Layouts made by hand, for tests.

use std::collections::BTreeMap;

use assert_fs::TempDir;
use camino::Utf8Path;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Image, Layout};
use crate::digest::hex;
use crate::plan::model::{self, Because, Rootfs, Writable};

/// An entry: path (a folder's ends in `/`), mode, owner, contents; or with ` -> ` a link.
pub type Row<'a> = (&'a str, u32, u64, &'a [u8]);

pub fn archive(rows: &[Row<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, mode, owner, contents) in rows {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_uid(*owner);
        header.set_gid(*owner);
        header.set_size(contents.len() as u64);
        if let Some((from, to)) = path.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, from, to).unwrap();
            continue;
        }
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        builder.append_data(&mut header, path, *contents).unwrap();
    }
    builder.into_inner().unwrap()
}

pub struct Made(pub TempDir);

impl Made {
    pub fn folder(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    pub fn blob(&self, bytes: &[u8]) -> String {
        let digest = hex(&Sha256::digest(bytes));
        let folder = self.folder().join("blobs/sha256");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join(&digest), bytes).unwrap();
        format!("sha256:{digest}")
    }

    fn descriptor(&self, media: &str, bytes: &[u8]) -> Value {
        json!({ "mediaType": media, "digest": self.blob(bytes), "size": bytes.len() })
    }

    pub fn images(&self) -> crate::failure::Result<Vec<Image>> {
        Layout::new(self.folder()).images()
    }
}

/// A layout with one image, its layers given as media type and blob.
pub fn layout(config: &Value, layers: &[(&str, Vec<u8>)]) -> Made {
    let made = Made(TempDir::new().unwrap());
    let config = json!({ "architecture": "amd64", "os": "linux", "config": config, "rootfs": { "type": "layers", "diff_ids": [] } });
    let layers: Vec<Value> = layers
        .iter()
        .map(|(kind, bytes)| made.descriptor(&format!("application/vnd.oci.image.layer.v1.tar{kind}"), bytes))
        .collect();
    let config = made.descriptor("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers });
    let manifest = made.descriptor("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
    let mut attestation = manifest.clone();
    attestation["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    let inner = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest, attestation] });
    let inner = made.descriptor("application/vnd.oci.image.index.v1+json", inner.to_string().as_bytes());
    let empty = made.descriptor("application/vnd.oci.empty.v1+json", b"{}");
    let document = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "application/spdx+json", "config": empty, "layers": [empty] });
    let document = made.descriptor("application/vnd.oci.image.manifest.v1+json", document.to_string().as_bytes());
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [inner, document] });
    fs_err::write(made.folder().join("index.json"), index.to_string()).unwrap();
    made
}

/// What is promised of an image.
pub fn plan() -> model::Image {
    model::Image {
        name: "app".into(),
        stage: "app".into(),
        repository: "app".into(),
        package: "app".into(),
        version: "1.0.0".into(),
        group: 0,
        base: "scratch".into(),
        because: vec![],
        brings: None,
        binary: "/usr/local/bin/app".into(),
        user: 65532,
        workdir: "/".into(),
        rootfs: Rootfs {
            ca_certificates: Some(because()),
            writable: vec![Writable { path: "/data".into(), because: because() }],
            ..Rootfs::default()
        },
        assets: vec![],
        env: BTreeMap::new(),
        expose_because: Vec::new(),
        auditable: false,
        healthcheck: Vec::new(),
        arguments: Vec::new(),
        stop_signal: None,
        expose: vec![],
        labels: BTreeMap::new(),
        release_labels: BTreeMap::new(),
        layers: vec![],
    }
}

pub fn because() -> Because {
    Because { text: "a test".into(), krate: None, rule: "test".into(), file: None }
}
