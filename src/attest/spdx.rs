//! SPDX 2.3 (<https://spdx.github.io/spdx-spec/v2.3/>): the few of its fields that an image needs.

#![allow(clippy::struct_field_names, reason = "the names are the format's")]

use std::collections::BTreeSet;

use serde::Serialize;

use super::cyclonedx::source;
use super::{Extra, SbomInput, TOOL, TOOL_VERSION, license, purl, seconds, unwritable, uuid};
use crate::digest::is_sha256;
use crate::failure::Result;
use crate::workspace::{BillPackage, EdgeKind};

/// What a statement with such a document says.
pub(super) const PREDICATE: &str = "https://spdx.dev/Document";

/// What is not known, in SPDX's own words.
const UNKNOWN: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spdx {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    comment: String,
    packages: Vec<Package>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<String>,
    primary_package_purpose: &'static str,
    supplier: &'static str,
    download_location: String,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    license_concluded: &'static str,
    license_declared: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_comments: Option<String>,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

impl Default for Package {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            version_info: None,
            primary_package_purpose: "LIBRARY",
            supplier: UNKNOWN,
            download_location: UNKNOWN.to_owned(),
            files_analyzed: false,
            checksums: Vec::new(),
            source_info: None,
            license_concluded: UNKNOWN,
            license_declared: UNKNOWN.to_owned(),
            license_comments: None,
            copyright_text: UNKNOWN,
            external_refs: Vec::new(),
            comment: None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

pub(super) fn write(input: &SbomInput<'_>) -> Result<Vec<u8>> {
    let mut packages = Vec::new();
    for package in &input.bill.packages {
        packages.push(crate_package(package, input)?);
    }
    if let Some(root) = packages.get_mut(input.bill.root) {
        root.primary_package_purpose = "APPLICATION";
        root.checksums = checksums(input.program.sha256.as_deref());
        root.source_info = Some(format!("in the image as {}", input.program.path));
    }
    packages.extend(input.extras.iter().map(extra));
    packages.extend(input.distribution.map(|distribution| Package {
        name: distribution.id.clone(),
        version_info: Some(distribution.version.clone()),
        primary_package_purpose: "OPERATING_SYSTEM",
        ..Package::default()
    }));
    let mut taken = BTreeSet::from([DOCUMENT.to_owned(), IMAGE.to_owned()]);
    for package in &mut packages {
        package.id = id(package, &mut taken);
    }
    let relationships = relationships(input, &packages);
    packages.insert(0, image(input)?);
    let mut document = Spdx {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: format!("{}@{}", input.image.name, input.image.digest),
        document_namespace: String::new(),
        creation_info: CreationInfo {
            created: seconds(input.created.unwrap_or_default()).to_string(),
            creators: [format!("Tool: {TOOL}-{TOOL_VERSION}")],
        },
        comment: format!("crates are from {}", source(input.bill.source)),
        packages,
        relationships,
    };
    document.document_namespace = uuid(&document)?;
    serde_json::to_vec(&document).map_err(unwritable)
}

fn image(input: &SbomInput<'_>) -> Result<Package> {
    Ok(Package {
        id: IMAGE.to_owned(),
        name: input.image.name.clone(),
        version_info: Some(input.image.digest.clone()),
        primary_package_purpose: "CONTAINER",
        checksums: checksums(Some(input.image.sha256()?)),
        external_refs: external(Some(purl::image(input.image)?)),
        ..Package::default()
    })
}

fn crate_package(package: &BillPackage, input: &SbomInput<'_>) -> Result<Package> {
    let declared = package.license.as_deref().and_then(license::expression);
    let declared = declared.filter(|expression| !license::has_own_text(expression));
    let comments = package.license.as_ref().filter(|_| declared.is_none());
    Ok(Package {
        name: package.name.clone(),
        version_info: Some(package.version.clone()),
        download_location: purl::place(&package.origin, input.source).unwrap_or_else(|| UNKNOWN.to_owned()),
        checksums: checksums(package.checksum.as_deref()),
        license_comments: comments.map(|text| format!("the manifest says: {text}")),
        license_declared: declared.unwrap_or_else(|| UNKNOWN.to_owned()),
        external_refs: external(purl::package(package, input.source)?),
        comment: match (package.linked, package.proc_macro) {
            (true, _) => None,
            (false, true) => Some("a procedural macro: not in the image"),
            (false, false) => Some("used by the build only: not in the image"),
        },
        ..Package::default()
    })
}

fn extra(extra: &Extra) -> Package {
    let library = extra.purl.is_some() || extra.paths.iter().any(|path| path.contains(".so"));
    Package {
        name: extra.name.clone(),
        version_info: extra.version.clone(),
        primary_package_purpose: if library { "LIBRARY" } else { "FILE" },
        source_info: (!extra.paths.is_empty()).then(|| format!("in the image as {}", extra.paths.join(", "))),
        external_refs: external(extra.purl.clone()),
        ..Package::default()
    }
}

/// What begins an identifier: Trivy knows by it, and not by its purpose, what a package is.
const PREFIXES: &[(&str, &str)] = &[("APPLICATION", "Application"), ("OPERATING_SYSTEM", "OperatingSystem")];

/// Letters, digits, `.` and `-` only; a number where two would be the same.
fn id(package: &Package, taken: &mut BTreeSet<String>) -> String {
    let version = package.version_info.as_deref().unwrap_or_default();
    let text = format!("{}-{version}", package.name);
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let prefix = PREFIXES.iter().find(|(purpose, _)| *purpose == package.primary_package_purpose);
    let prefix = prefix.map_or("Package", |(_, prefix)| prefix);
    let plain = format!("SPDXRef-{prefix}-{}", plain.trim_end_matches('-'));
    let mut name = plain.clone();
    let mut count = 1;
    while !taken.insert(name.clone()) {
        count += 1;
        name = format!("{plain}-{count}");
    }
    name
}

fn relationships(input: &SbomInput<'_>, packages: &[Package]) -> Vec<Relationship> {
    let relation = |from: &str, kind: &'static str, to: &str| Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    };
    let id = |index: usize| packages.get(index).map(|package| package.id.as_str());
    let own = input.bill.packages.len()..packages.len();
    let direct = std::iter::once(input.bill.root).chain(own).filter_map(id);
    let mut found = vec![relation(DOCUMENT, "DESCRIBES", IMAGE)];
    found.extend(direct.map(|id| relation(IMAGE, "CONTAINS", id)));
    let used = input.bill.edges.iter().filter_map(|edge| {
        let (from, to) = (id(edge.from)?, id(edge.to)?);
        Some(match edge.kind {
            EdgeKind::Normal => relation(from, "DEPENDS_ON", to),
            EdgeKind::Build | EdgeKind::Macro => relation(to, "BUILD_DEPENDENCY_OF", from),
        })
    });
    let mut used: Vec<Relationship> = used.collect();
    used.sort();
    // A build script and a macro can both use one package.
    used.dedup();
    found.extend(used);
    found
}

fn checksums(sha256: Option<&str>) -> Vec<Checksum> {
    let digits = sha256.filter(|digits| is_sha256(digits));
    digits.map(|digits| Checksum { algorithm: "SHA256", checksum_value: digits.to_owned() }).into_iter().collect()
}

fn external(purl: Option<String>) -> Vec<ExternalRef> {
    let reference = |locator| ExternalRef {
        reference_category: "PACKAGE-MANAGER",
        reference_type: "purl",
        reference_locator: locator,
    };
    purl.map(reference).into_iter().collect()
}
