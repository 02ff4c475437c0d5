//! Which of an index's images runs on a platform.

use oci_spec::image::{Descriptor, ImageIndex, Platform};

use crate::failure::{Failure, Kind, Result};
use crate::platforms;

/// `linux/arm64/v8` in its parts; the variant may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    os: String,
    architecture: String,
    variant: String,
}

/// Variants of an architecture, newest first: one runs what is made for it, and for those after it.
const VARIANTS: &[(&str, &[&str])] =
    &[("amd64", &["v4", "v3", "v2", "v1"]), ("arm64", &["v9", "v8"]), ("arm", &["v8", "v7", "v6", "v5"])];

fn variant(architecture: &str, said: &str) -> String {
    if said.is_empty() { platforms::meant(architecture) } else { said }.to_owned()
}

impl Wanted {
    /// # Errors
    /// [`Kind::Usage`]: it is no platform.
    pub fn read(text: &str) -> Result<Self> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), said, None) if !os.is_empty() && !architecture.is_empty() => Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
                variant: variant(architecture, said.unwrap_or_default()),
            }),
            _ => Err(Failure::new(Kind::Usage, format!("`{text}` is not a platform"))
                .help("write it as OS/ARCHITECTURE, such as linux/amd64 or linux/arm64")),
        }
    }

    /// Whether an image that says so of itself may be meant.
    pub fn is(&self, os: &str, architecture: &str) -> bool {
        self.os == os && self.architecture == architecture
    }

    /// How well an image of this platform fits; none: it does not run.
    fn fit(&self, os: &str, architecture: &str, said: &str) -> Option<usize> {
        if !self.is(os, architecture) {
            return None;
        }
        let has = variant(architecture, said);
        if has == self.variant {
            return Some(0);
        }
        let (_, order) = VARIANTS.iter().find(|(name, _)| *name == architecture)?;
        let place = |name: &str| order.iter().position(|known| *known == name);
        place(&has)?.checked_sub(place(&self.variant)?)
    }

    /// The image to take; the first of those that fit best.
    pub fn choose<'i>(&self, index: &'i ImageIndex) -> Option<&'i Descriptor> {
        let fitting = index.manifests().iter().filter_map(|descriptor| {
            let platform = descriptor.platform().as_ref()?;
            let said = platform.variant().as_deref().unwrap_or_default();
            let fit = self.fit(&platform.os().to_string(), &platform.architecture().to_string(), said)?;
            Some((fit, descriptor))
        });
        if let Some((_, best)) = fitting.min_by_key(|(fit, _)| *fit) {
            return Some(best);
        }
        // An index of one image that does not say: the image's own configuration is looked at later.
        match index.manifests().as_slice() {
            [only] if only.platform().is_none() => Some(only),
            _ => None,
        }
    }
}

/// A platform as Docker writes it: `linux/arm/v7`.
pub(crate) fn platform_name(platform: &Platform) -> String {
    let variant = platform.variant().as_deref().unwrap_or_default();
    platforms::written(&platform.os().to_string(), &platform.architecture().to_string(), variant)
}

/// The platforms of an index, sorted; what goes with an image is for none.
pub(super) fn platforms(index: &ImageIndex) -> Vec<String> {
    let mut names: Vec<String> = index
        .manifests()
        .iter()
        .filter_map(|descriptor| descriptor.platform().as_ref())
        .filter(|platform| platform.os().to_string() != "unknown")
        .map(platform_name)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[&str]) -> ImageIndex {
        let manifests: Vec<_> = platforms
            .iter()
            .enumerate()
            .map(|(at, platform)| {
                let mut parts = platform.split('/');
                let mut said = serde_json::json!({"os": parts.next(), "architecture": parts.next()});
                if let Some(variant) = parts.next() {
                    said["variant"] = variant.into();
                }
                serde_json::json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": at,
                    "digest": format!("sha256:{at:064}"), "platform": said})
            })
            .collect();
        serde_json::from_value(serde_json::json!({"schemaVersion": 2, "manifests": manifests})).unwrap()
    }

    fn chosen(wanted: &str, platforms: &[&str]) -> Option<usize> {
        let index = index(platforms);
        Wanted::read(wanted).unwrap().choose(&index).map(|descriptor| usize::try_from(descriptor.size()).unwrap())
    }

    #[test]
    fn variants_that_are_not_said_are_the_common_ones() {
        let debian = ["linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "unknown/unknown"];
        assert_eq!(chosen("linux/amd64", &debian), Some(0));
        assert_eq!(chosen("linux/arm64", &debian), Some(3));
        assert_eq!(chosen("linux/arm64/v8", &["linux/arm64"]), Some(0));
        assert_eq!(chosen("linux/arm", &debian), Some(2));
        assert_eq!(chosen("linux/riscv64", &debian), None);
        assert_eq!(chosen("linux/s390x", &["linux/s390x"]), Some(0));
    }

    #[test]
    fn an_older_variant_runs_and_a_newer_one_does_not() {
        assert_eq!(chosen("linux/arm/v6", &["linux/arm/v7", "linux/arm/v5"]), Some(1));
        assert_eq!(chosen("linux/arm/v7", &["linux/arm/v5", "linux/arm/v6"]), Some(1));
        assert_eq!(chosen("linux/amd64", &["linux/amd64/v3"]), None);
        assert_eq!(chosen("linux/amd64/v3", &["linux/amd64", "linux/amd64/v2"]), Some(1));
    }

    #[test]
    fn a_platform_is_read_whole_or_refused() {
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x"] {
            assert_eq!(Wanted::read(text).unwrap_err().kind(), Kind::Usage, "{text}");
        }
        assert_eq!(
            platforms(&index(&["linux/arm/v7", "linux/amd64", "unknown/unknown"])),
            ["linux/amd64", "linux/arm/v7"]
        );
    }
}
