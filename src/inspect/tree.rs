//! What the layers make together: sizes, waste, users, modes.

use std::collections::BTreeMap;

use super::{Layer, Mode, Sized, User, Waste, Wasted};
use crate::failure::Result;
use crate::image::layer::{Gone, merge_with};
use crate::image::verify::Rules;
use crate::image::{self, File, FileKind, Name};

/// How many of each kind are named at most: a broken image could have millions.
const NAMED: usize = 1000;

/// The file system of a container.
pub(super) struct Tree {
    pub files: BTreeMap<Name, File>,
    pub waste: Waste,
}

impl Tree {
    pub fn of(layers: &[image::Layer], top: usize) -> Result<Self> {
        let mut waste = Vec::new();
        let files = merge_with(layers, &mut |gone| {
            let Gone { path, old, by, deleted } = gone;
            // What a layer writes twice itself was never in the layers below.
            if old.kind == FileKind::Regular && old.size > 0 && old.layer != by {
                waste.push(Wasted {
                    path: path.to_owned(),
                    bytes: old.size,
                    layer: old.layer.saturating_add(1),
                    hidden_by: by.saturating_add(1),
                    deleted,
                });
            }
        })?;
        let (bytes, count) = (waste.iter().fold(0, |sum: u64, one| sum.saturating_add(one.bytes)), waste.len());
        waste.sort_by(|one, two| two.bytes.cmp(&one.bytes).then(one.path.cmp(&two.path)));
        waste.truncate(top);
        Ok(Self { files, waste: Waste { bytes, files: count, largest: waste } })
    }

    /// The largest files.
    pub fn largest(&self, top: usize) -> Vec<Sized> {
        let regular = self.files.iter().filter(|(_, file)| file.kind == FileKind::Regular && file.size > 0);
        let mut all: Vec<(&Name, &File)> = regular.collect();
        all.sort_by(|(one_path, one), (two_path, two)| two.size.cmp(&one.size).then(one_path.cmp(two_path)));
        all.truncate(top);
        let sized = |(path, file): (&Name, &File)| Sized {
            path: path.to_string(),
            bytes: file.size,
            layer: file.layer.saturating_add(1),
        };
        all.into_iter().map(sized).collect()
    }

    /// Files, folders not counted.
    pub fn count(&self) -> usize {
        self.files.values().filter(|file| file.kind != FileKind::Folder).count()
    }

    /// What runs as its owner or group.
    pub fn setuid(&self) -> Vec<Mode> {
        self.modes(|file| file.kind == FileKind::Regular && file.mode & 0o6000 != 0)
    }

    /// What everybody can write; links and devices are open to all by nature.
    pub fn writable(&self) -> Vec<Mode> {
        self.modes(|file| match file.kind {
            FileKind::Folder => file.mode & 0o002 != 0 && file.mode & 0o1000 == 0,
            FileKind::Regular | FileKind::HardLink(_) => file.mode & 0o002 != 0,
            _ => false,
        })
    }

    fn modes(&self, test: impl Fn(&File) -> bool) -> Vec<Mode> {
        let found = self.files.iter().filter(|(_, file)| test(file));
        let mode = |(path, file): (&Name, &File)| Mode {
            path: path.to_string(),
            mode: format!("{:04o}", file.mode & 0o7777),
            uid: file.uid,
        };
        found.map(mode).take(NAMED).collect()
    }

    /// Which of these programs there are, in the folders where programs lie. Folders that are links are looked at once.
    pub fn programs(&self, names: &[String], rules: &Rules) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for folder in &rules.programs {
            let Some(real) = image::resolve(&self.files, folder) else { continue };
            for name in names {
                let path = format!("{real}/{name}");
                if image::resolve(&self.files, &path).is_some() && !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// Layers as they are told.
pub(super) fn layers(layers: &[image::Layer], compressed: &[bool], made_by: &[String]) -> Vec<Layer> {
    let known = made_by.len() == layers.len();
    let told = layers.iter().enumerate().map(|(at, layer)| Layer {
        digest: layer.digest.clone(),
        compressed: compressed[at].then_some(layer.compressed),
        unpacked: layer.unpacked,
        files: layer
            .entries
            .iter()
            .filter(|entry| !matches!(entry.file.kind, FileKind::Folder | FileKind::Whiteout | FileKind::Opaque))
            .count(),
        made_by: known.then(|| made_by[at].clone()),
    });
    told.collect()
}

/// The lines of a passwd.
pub(super) fn users(passwd: &str) -> Vec<User> {
    let user = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let &[name, _, uid, _, _, _, shell] = fields.as_slice() else { return None };
        Some(User { name: name.to_owned(), uid: uid.to_owned(), shell: shell.to_owned() })
    };
    passwd.lines().filter_map(user).take(NAMED).collect()
}
