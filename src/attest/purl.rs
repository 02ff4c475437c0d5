//! Package URLs: names of components that scanners look up.

use packageurl::PackageUrl;

use super::{Image, Source};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{BillPackage, PackageOrigin, public_address};

/// A crate's; none where it would be another's: one without a place is looked up in the public registry. Local packages have
/// the place that their sources are from, or none, as cargo's own tools write them.
pub(super) fn package(package: &BillPackage, source: Option<&Source>) -> Result<Option<String>> {
    let qualifier = match &package.origin {
        PackageOrigin::PublicRegistry => None,
        PackageOrigin::Registry { index: Some(index) } => Some(("repository_url", index.clone())),
        PackageOrigin::Git { .. } => match place(&package.origin, source) {
            Some(place) => Some(("vcs_url", place)),
            None => return Ok(None),
        },
        PackageOrigin::Registry { index: None } => return Ok(None),
        PackageOrigin::Local => place(&package.origin, source).map(|place| ("vcs_url", place)),
    };
    build("cargo", None, &package.name, Some(&package.version), qualifier.as_slice()).map(Some)
}

/// Where the sources of a package are in git: `git+https://git.example/lib@COMMIT`.
pub(super) fn place(origin: &PackageOrigin, source: Option<&Source>) -> Option<String> {
    let (repository, revision) = match origin {
        PackageOrigin::Git { repository, revision } => (repository.clone()?, revision.clone()),
        PackageOrigin::Local => {
            let source = source?;
            // A commit that the sources differ from is not where they are.
            (public_address(source.repository.as_deref()?)?, (!source.modified).then(|| source.commit.clone()))
        }
        PackageOrigin::PublicRegistry | PackageOrigin::Registry { .. } => return None,
    };
    let address = if repository.starts_with("git://") { repository } else { format!("git+{repository}") };
    Some(revision.map_or_else(|| address.clone(), |revision| format!("{address}@{revision}")))
}

/// An image's.
pub(super) fn image(image: &Image) -> Result<String> {
    let architecture = Some(image.architecture()).filter(|name| !name.is_empty());
    let tag = image.tag.clone().map(|tag| ("tag", tag));
    let mut qualifiers: Vec<(&str, String)> =
        architecture.map(|name| ("arch", name.to_owned())).into_iter().chain(tag).collect();
    let name = image.name.rsplit('/').next().unwrap_or_default();
    if name != image.name {
        qualifiers.push(("repository_url", image.name.clone()));
    }
    build("oci", None, &name.to_lowercase(), Some(&image.digest), &qualifiers)
}

/// A package of Debian or one of its kin: `distribution` as `debian-13`.
///
/// # Errors
/// [`Kind::Internal`]: it has no name.
pub fn debian(name: &str, version: &str, architecture: &str, distribution: &str) -> Result<String> {
    let vendor = distribution.split('-').next().unwrap_or("debian");
    let qualifiers = [("arch", architecture.to_owned()), ("distro", distribution.to_owned())];
    build("deb", Some(vendor), name, Some(version), &qualifiers)
}

/// Holds a text against the specification.
pub(super) fn check(text: &str) -> Result<()> {
    text.parse::<PackageUrl<'_>>().map(|_| ()).map_err(|error| wrong(text, error))
}

fn build(
    kind: &'static str,
    namespace: Option<&str>,
    name: &str,
    version: Option<&str>,
    qualifiers: &[(&'static str, String)],
) -> Result<String> {
    let make = || -> packageurl::Result<String> {
        let mut url = PackageUrl::new(kind, name)?;
        if let Some(namespace) = namespace {
            url.with_namespace(namespace)?;
        }
        if let Some(version) = version {
            url.with_version(version)?;
        }
        for (key, value) in qualifiers {
            url.add_qualifier(*key, value.as_str())?;
        }
        Ok(url.to_string())
    };
    make().map_err(|error| wrong(name, error))
}

fn wrong(text: &str, error: packageurl::Error) -> Failure {
    Failure::new(Kind::Internal, format!("`{text}` cannot be named by a package URL")).caused_by(error)
}
