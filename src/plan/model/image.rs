//! What each image holds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Because, Package};

/// One binary's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Image {
    /// The binary's name, and the image's unless a tag says otherwise.
    pub name: String,
    /// The final stage's name and the bake target's: the binary's in the characters that Docker takes.
    pub stage: String,
    /// The package that it comes from.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The index of its build group in [`Plan::groups`](super::Plan::groups).
    pub group: usize,
    /// `scratch`, or a reference with mirrors applied.
    pub base: String,
    /// Why that base.
    pub because: Vec<Because>,
    /// Where the binary lies in the image: the entrypoint.
    pub binary: String,
    /// The numeric user and group.
    pub user: u32,
    /// The working folder.
    pub workdir: String,
    /// What `rootfs` puts into the first layer.
    pub rootfs: Rootfs,
    /// Files and folders that the program reads at run time, in the layer after `rootfs`'s.
    pub assets: Vec<Asset>,
    /// Run-time environment.
    pub env: BTreeMap<String, String>,
    /// Ports for `EXPOSE`.
    pub expose: Vec<u16>,
    /// How they are known.
    pub expose_because: Vec<Because>,
    /// The program that tells whether it is well, with its arguments; only on request.
    pub healthcheck: Vec<String>,
    /// `STOPSIGNAL`; only on request.
    pub stop_signal: Option<String>,
    /// OCI labels from the manifest.
    pub labels: BTreeMap<String, String>,
    /// What each layer holds, in order, as the report names them.
    pub layers: Vec<String>,
}

/// What the first layer holds besides `/etc/passwd`, `/etc/group` and `/tmp`, which are always there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Rootfs {
    /// The certificate authorities' bundle, and who reads it.
    pub ca_certificates: Option<Because>,
    /// More authorities, as files in the context, appended to the bundle.
    pub extra_ca: Vec<String>,
    /// `/usr/share/zoneinfo`, and who reads it.
    pub zoneinfo: Option<Because>,
    /// The init that is process 1, and who asks for it; only on request.
    pub init: Option<Because>,
    /// Folders that the user can write to.
    pub writable: Vec<Writable>,
    /// Packages whose shared libraries are opened by name at run time.
    pub packages: Vec<Package>,
}

/// A folder that the user owns in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Writable {
    /// An absolute path in the image.
    pub path: String,
    /// Who writes there.
    pub because: Because,
}

/// Files that the program reads at run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Asset {
    /// In the context.
    pub from: String,
    /// An absolute path in the image.
    pub to: String,
    /// Who reads it.
    pub because: Because,
}
