//! CycloneDX 1.6 (<https://cyclonedx.org/docs/1.6/json/>): the few of its fields that an image needs. The libraries that write it
//! model all of the format, and bring eleven crates or a code generator with them.

#![allow(clippy::struct_field_names, reason = "the names are the format's")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Extra, SbomInput, TOOL, TOOL_VERSION, license, purl, seconds, unwritable, uuid};
use crate::digest::is_sha256;
use crate::failure::Result;
use crate::workspace::{BillPackage, BillSource};

/// What a statement with such a document says.
pub(super) const PREDICATE: &str = "https://cyclonedx.org/bom";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    lifecycles: [Lifecycle; 1],
    tools: Tools,
    component: Component,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools {
    components: [Component; 1],
}

#[derive(Serialize, Default)]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum License {
    Expression(String),
    License { name: String },
}

#[derive(Serialize)]
struct Evidence {
    occurrences: Vec<Occurrence>,
}

#[derive(Serialize)]
struct Occurrence {
    location: String,
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    depends_on: BTreeSet<String>,
}

pub(super) fn write(input: &SbomInput<'_>) -> Result<Vec<u8>> {
    let image = image(input)?;
    let mut taken = BTreeSet::from([IMAGE.to_owned()]);
    let mut components = Vec::new();
    for package in &input.bill.packages {
        components.push(crate_component(package, input)?);
    }
    if let Some(root) = components.get_mut(input.bill.root) {
        root.kind = "application";
        root.hashes = hashes(input.program.sha256.as_deref());
        root.evidence = Some(occurrences(std::slice::from_ref(&input.program.path)));
    }
    components.extend(input.extras.iter().map(extra));
    components.extend(input.distribution.map(|distribution| Component {
        kind: "operating-system",
        name: distribution.id.clone(),
        version: Some(distribution.version.clone()),
        ..Component::default()
    }));
    for component in &mut components {
        component.reference = Some(reference(component, &mut taken));
    }
    let dependencies = dependencies(input, &components);
    let mut bom = Bom {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: None,
        version: 1,
        metadata: Metadata {
            timestamp: input.created.map(|time| seconds(time).to_string()),
            lifecycles: [Lifecycle { phase: "build" }],
            tools: Tools {
                components: [Component {
                    kind: "application",
                    name: TOOL.to_owned(),
                    version: Some(TOOL_VERSION.to_owned()),
                    ..Component::default()
                }],
            },
            component: image,
            properties: vec![property("components", source(input.bill.source))],
        },
        components,
        dependencies,
    };
    bom.serial_number = Some(uuid(&bom)?);
    serde_json::to_vec(&bom).map_err(unwritable)
}

/// The image's reference.
const IMAGE: &str = "image";

/// Where the list of crates is from.
pub(super) fn source(source: BillSource) -> &'static str {
    match source {
        BillSource::Resolved => "Cargo.lock, resolved for this binary and target",
        BillSource::Embedded => "cargo-auditable's list in the binary",
    }
}

fn image(input: &SbomInput<'_>) -> Result<Component> {
    Ok(Component {
        kind: "container",
        reference: Some(IMAGE.to_owned()),
        name: input.image.name.clone(),
        version: Some(input.image.digest.clone()),
        hashes: hashes(Some(input.image.sha256()?)),
        purl: Some(purl::image(input.image)?),
        properties: vec![property("platform", &input.image.platform)],
        ..Component::default()
    })
}

fn crate_component(package: &BillPackage, input: &SbomInput<'_>) -> Result<Component> {
    let role = match (package.linked, package.proc_macro) {
        (true, _) => None,
        (false, true) => Some(property("role", "procedural macro")),
        (false, false) => Some(property("role", "build")),
    };
    let licenses = package.license.as_deref().map(|text| match license::expression(text) {
        Some(expression) => License::Expression(expression),
        None => License::License { name: text.to_owned() },
    });
    Ok(Component {
        kind: "library",
        name: package.name.clone(),
        version: Some(package.version.clone()),
        scope: Some(if package.linked { "required" } else { "excluded" }),
        hashes: hashes(package.checksum.as_deref()),
        licenses: licenses.into_iter().collect(),
        purl: purl::package(package, input.source)?,
        properties: role.into_iter().collect(),
        ..Component::default()
    })
}

/// What is from a package is a library to scanners; they do not look at files.
fn extra(extra: &Extra) -> Component {
    let library = extra.purl.is_some() || extra.paths.iter().any(|path| path.contains(".so"));
    Component {
        kind: if library { "library" } else { "file" },
        name: extra.name.clone(),
        version: extra.version.clone(),
        scope: Some("required"),
        purl: extra.purl.clone(),
        evidence: (!extra.paths.is_empty()).then(|| occurrences(&extra.paths)),
        ..Component::default()
    }
}

/// `serde 1.0.0`, and with a number where there are several.
fn reference(component: &Component, taken: &mut BTreeSet<String>) -> String {
    let version = component.version.as_deref().unwrap_or_default();
    let plain = format!("{} {version}", component.name).trim_end().to_owned();
    let mut name = plain.clone();
    let mut count = 1;
    while !taken.insert(name.clone()) {
        count += 1;
        name = format!("{plain} ({count})");
    }
    name
}

fn dependencies(input: &SbomInput<'_>, components: &[Component]) -> Vec<Dependency> {
    let name = |index: usize| components.get(index).and_then(|component| component.reference.clone());
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for index in 0..components.len() {
        used.extend(name(index).map(|name| (name, BTreeSet::new())));
    }
    let own = input.bill.packages.len()..components.len();
    let direct = std::iter::once(input.bill.root).chain(own).filter_map(name).collect();
    used.insert(IMAGE.to_owned(), direct);
    for edge in &input.bill.edges {
        if let (Some(from), Some(to)) = (name(edge.from), name(edge.to)) {
            used.entry(from).or_default().insert(to);
        }
    }
    used.into_iter().map(|(reference, depends_on)| Dependency { reference, depends_on }).collect()
}

fn hashes(sha256: Option<&str>) -> Vec<Hash> {
    let digits = sha256.filter(|digits| is_sha256(digits));
    digits.map(|digits| Hash { alg: "SHA-256", content: digits.to_owned() }).into_iter().collect()
}

fn occurrences(paths: &[String]) -> Evidence {
    Evidence { occurrences: paths.iter().map(|path| Occurrence { location: path.clone() }).collect() }
}

fn property(name: &str, value: &str) -> Property {
    Property { name: format!("{TOOL}:{name}"), value: value.to_owned() }
}
