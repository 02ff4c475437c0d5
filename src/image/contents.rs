//! Digests of all files of a layer.

use std::collections::BTreeMap;

use super::layer::{self, Hashing};
use super::layout::Layout;
use super::name::Name;
use super::{FileKind, Layer};
use crate::failure::Result;

/// The digest of each file, by its path.
pub(super) fn sums(layout: &Layout, layer: &Layer) -> Result<BTreeMap<Name, String>> {
    let mut sums = BTreeMap::new();
    layer::each(layout, layer, &mut |entry, contents| {
        if entry.file.kind == FileKind::Regular {
            sums.insert(entry.path, Hashing::new(contents).digest()?);
        }
        Ok(())
    })?;
    Ok(sums)
}
