//! Digests of all files of a layer.

use std::collections::BTreeMap;
use std::io::BufReader;

use super::Layer;
use super::layer::{Hashing, absolute, decoder};
use super::layout::{Layout, broken};
use crate::failure::Result;

/// The digest of each file, by its path.
pub(super) fn sums(layout: &Layout, layer: &Layer) -> Result<BTreeMap<String, String>> {
    let failed =
        |error: std::io::Error| broken(format!("the layer {} cannot be unpacked", layer.digest)).caused_by(error);
    let source = fs_err::File::open(layout.blob(&layer.digest)?).map_err(failed)?;
    let mut archive = tar::Archive::new(decoder(&layer.media_type, BufReader::new(source)).map_err(failed)?);
    let mut sums = BTreeMap::new();
    for entry in archive.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.header().entry_type().is_file() {
            let path = absolute(&String::from_utf8_lossy(&entry.path_bytes()));
            sums.insert(path, Hashing::new(entry).digest().map_err(failed)?);
        }
    }
    Ok(sums)
}
