//! What was seen in images: one of the same digest holds the same, and is not unpacked again.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Size;
use crate::digest::Digester;
use crate::failure::Result;
use crate::image::verify::Check;
use crate::plan::model::{Image, Linkage};

const FILE: &str = "looked.json";

/// So many images are remembered.
const MOST: usize = 64;

/// What was seen in the images of earlier builds.
#[derive(Debug, Clone)]
pub struct Looked {
    path: Utf8PathBuf,
    seen: BTreeMap<String, Seen>,
    round: u64,
    changed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seen {
    size: Size,
    checks: Vec<Check>,
    round: u64,
}

impl Looked {
    /// Reads it; what cannot be read is as good as not there.
    pub fn read(scratch: &Utf8Path) -> Self {
        let path = scratch.join(FILE);
        let text = fs_err::read(&path).unwrap_or_default();
        let seen: BTreeMap<String, Seen> = serde_json::from_slice(&text).unwrap_or_default();
        let round = seen.values().map(|seen| seen.round).max().unwrap_or_default() + 1;
        Self { path, seen, round, changed: false }
    }

    /// What was seen in the image of this digest when it was held against this plan; `look` looks where nobody has.
    ///
    /// # Errors
    /// What `look` fails with.
    pub fn at(
        &mut self,
        digest: &str,
        (plan, linkage): (&Image, Linkage),
        look: impl FnOnce() -> Result<(Size, Vec<Check>)>,
    ) -> Result<(Size, Vec<Check>)> {
        let mut digester = Digester::default();
        let plan = serde_json::to_string(plan).unwrap_or_default();
        digester.say([env!("CARGO_PKG_VERSION"), digest, linkage.name(), &plan]);
        let key = digester.digits(16);
        if let Some(seen) = self.seen.get(&key) {
            return Ok((seen.size.clone(), seen.checks.clone()));
        }
        let (size, checks) = look()?;
        // What is wrong is looked at again: people change things behind our back.
        if checks.iter().all(|check| check.passed) {
            self.seen.insert(key, Seen { size: size.clone(), checks: checks.clone(), round: self.round });
            self.changed = true;
        }
        Ok((size, checks))
    }

    /// Writes it down. That it could not is no failure of a build that is done.
    pub fn write(mut self) {
        if !self.changed {
            return;
        }
        while self.seen.len() > MOST {
            let oldest = self.seen.iter().min_by_key(|(_, seen)| seen.round).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.seen.remove(&key));
        }
        if let Ok(text) = serde_json::to_vec(&self.seen) {
            drop(fs_err::write(self.path, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Kind};
    use crate::oci::testing::scratch;

    #[test]
    fn an_image_is_looked_at_once_for_a_plan() {
        let folder = scratch();
        let size = Size { compressed: 1, unpacked: 2, metadata: 3, layers: Vec::new() };
        let check = |passed| vec![Check { name: "user".to_owned(), text: "runs as 1".to_owned(), passed }];
        let plan: Image = crate::image::testing::plan();
        let nobody = || Err(Failure::new(Kind::Internal, "looked again"));
        let mut looked = Looked::read(folder.path());
        looked.at("sha256:bad", (&plan, Linkage::StaticMusl), || Ok((size.clone(), check(false)))).unwrap();
        looked.at("sha256:good", (&plan, Linkage::StaticMusl), || Ok((size.clone(), check(true)))).unwrap();
        looked.write();
        let mut looked = Looked::read(folder.path());
        assert_eq!(looked.at("sha256:good", (&plan, Linkage::StaticMusl), nobody).unwrap(), (size, check(true)));
        assert!(looked.at("sha256:good", (&plan, Linkage::DynamicGnu), nobody).is_err());
        assert!(looked.at("sha256:bad", (&plan, Linkage::StaticMusl), nobody).is_err());
        let other = Image { user: 7, ..plan };
        assert!(looked.at("sha256:good", (&other, Linkage::StaticMusl), nobody).is_err());
    }
}
