//! What each image holds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Because, Package};
use crate::bases;
use crate::image_paths::CA_BUNDLE;

/// One binary's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Image {
    /// The binary's name.
    pub name: String,
    /// The final stage's name, the bake target's and the service's in compose files: the binary's in the characters that they take,
    /// and no other stage's.
    pub stage: String,
    /// The image's name before the tag, unless the command line gives a whole name: the binary's in the form that registries take, and
    /// no other image's.
    pub repository: String,
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
    /// What it brings, so that it is not copied over it; none: there is nothing under ours.
    pub brings: Option<Brings>,
    /// Where the binary lies in the image: the entrypoint.
    pub binary: String,
    /// Whether the program lists the crates that it consists of.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub auditable: bool,
    /// The numeric user and group.
    pub user: u32,
    /// The working folder, which belongs to the user.
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
    /// Arguments of the program where nobody gives others: `CMD`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub arguments: Vec<String>,
    /// `STOPSIGNAL`; only on request.
    pub stop_signal: Option<String>,
    /// OCI labels from the manifest.
    pub labels: BTreeMap<String, String>,
    /// Labels that change with a release. They are set when the image is built and are in no file.
    pub release_labels: BTreeMap<String, String>,
    /// What each layer holds, in order, as the report names them.
    pub layers: Vec<String>,
}

/// What the image under ours has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Brings {
    /// Its short name in the table of bases.
    pub name: Option<String>,
    /// Its bundle of certificate authorities, where that is enough.
    pub ca_bundle: Option<String>,
    /// Its time zones.
    pub zoneinfo: Option<String>,
    /// Whether its passwd has the image's user. Another passwd than the base's own is never put there.
    pub user: bool,
    /// Shared libraries that the program finds in it, as the loader calls them; `*` is anything. Empty: the program brings all.
    pub libraries: Vec<String>,
    /// Where other shared libraries go; none: where they are in the builder.
    pub libraries_at: Option<String>,
    /// Whether `/lib` and its kin are links into `/usr`, so that nothing can be copied over them.
    pub merged_usr: bool,
    /// Its shell; none: it has none, or nobody knows.
    pub shell: Option<String>,
    /// Its package manager; none: it has none, or nobody knows.
    pub package_manager: Option<String>,
    /// What it is known not to have, and is looked for: `shell`, `package-manager`, `setuid`.
    pub lacks: Vec<String>,
}

/// What the first layer holds besides `/tmp`, and `/etc/passwd` and `/etc/group` where the base has none.
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

impl Rootfs {
    /// Why it holds more than that of every image.
    pub fn because(&self) -> Vec<String> {
        let parts = [&self.ca_certificates, &self.zoneinfo, &self.init].into_iter().flatten();
        let folders = self.writable.iter().map(|folder| &folder.because);
        let mut all: Vec<String> = parts.chain(folders).map(Because::lasting).collect();
        all.dedup();
        all
    }
}

impl Image {
    /// The bundle of authorities that the program reads, where it reads one.
    pub fn ca_bundle(&self) -> Option<&str> {
        let brought = self.brings.as_ref().and_then(|brings| brings.ca_bundle.as_deref());
        self.rootfs.ca_certificates.as_ref().map(|_| brought.unwrap_or(CA_BUNDLE))
    }

    /// The user's folders that hold assets. A layer of assets has them once more, and must not change their owner.
    pub fn owned_above_assets(&self) -> Vec<&str> {
        let folders = self.rootfs.writable.iter().map(|folder| folder.path.as_str());
        let holds = |folder: &&str| {
            self.assets.iter().any(|asset| asset.to.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
        };
        std::iter::once(self.workdir.as_str()).chain(folders).filter(holds).collect()
    }

    /// Whether a bundle of authorities is put into the first layer.
    pub fn adds_ca(&self) -> bool {
        self.rootfs.ca_certificates.is_some() && self.brings.as_ref().is_none_or(|brings| brings.ca_bundle.is_none())
    }

    /// Whether the time zones are put into the first layer.
    pub fn adds_zoneinfo(&self) -> bool {
        self.rootfs.zoneinfo.is_some() && self.brings.as_ref().is_none_or(|brings| brings.zoneinfo.is_none())
    }

    /// Packages of the distribution that files of its first layer and libraries come from.
    pub fn installs(&self) -> Vec<&str> {
        let libraries = self.rootfs.packages.iter().map(|package| package.name.as_str());
        let init = self.rootfs.init.is_some().then_some("catatonit");
        libraries.chain(init).chain(self.adds_zoneinfo().then_some("tzdata")).collect()
    }

    /// Whether the first layer holds no more than that of every image: the user, `/tmp` and folders of the user's.
    pub fn is_plain(&self) -> bool {
        let adds = [self.adds_ca(), self.adds_zoneinfo(), self.rootfs.init.is_some()];
        !adds.contains(&true) && self.rootfs.writable.is_empty() && self.rootfs.extra_ca.is_empty()
    }

    /// Whether the first layer of another image holds the same. Reasons may differ.
    pub fn has_rootfs_of(&self, other: &Self) -> bool {
        fn holds(image: &Image) -> impl PartialEq {
            let writable: Vec<String> = image.rootfs.writable.iter().map(|folder| folder.path.clone()).collect();
            let adds = [image.adds_passwd(), image.adds_home(), image.adds_ca(), image.adds_zoneinfo()];
            (
                adds,
                image.rootfs.init.is_some(),
                image.rootfs.extra_ca.clone(),
                writable,
                image.user,
                image.workdir.clone(),
            )
        }
        holds(self) == holds(other)
    }

    /// Whether the user's home is put into the first layer.
    pub fn adds_home(&self) -> bool {
        self.brings.as_ref().is_none_or(|brings| !brings.user)
    }

    /// Whether a layer of [`layers`](Self::layers) may hold files, and not folders alone.
    pub fn fills(&self, layer: &str) -> bool {
        let files = [self.adds_passwd(), self.adds_ca(), self.adds_zoneinfo(), self.rootfs.init.is_some()];
        layer != "base" || files.contains(&true)
    }

    /// Whether the first layer has a passwd.
    pub fn adds_passwd(&self) -> bool {
        self.brings.is_none()
    }
}

impl Brings {
    /// Whether the program finds this library in the base.
    pub fn library(&self, name: &str) -> bool {
        self.libraries.iter().any(|pattern| bases::like(pattern, name))
    }
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
    /// Whether a link to it lies there, in the folder of another asset: the link would lead nowhere in the image.
    #[serde(default)]
    pub replaces_link: bool,
    /// Who reads it.
    pub because: Because,
}
