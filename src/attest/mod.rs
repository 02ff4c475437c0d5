//! Documents about an image: what is in it (SPDX or CycloneDX) and how it was made (SLSA provenance). Pure but for [`gather`], which
//! reads the facts: facts in, JSON out, the same bytes for the same facts. Who attaches them to an image, and where, is not known
//! here.
//!
//! Both formats are there because no reader reads both everywhere: what BuildKit attaches, and what Docker Scout looks for, is
//! SPDX in an in-toto statement ([`statement`]); Trivy finds either as an OCI referrer by its artifact type, and reads either as
//! a file. Libraries that write them model all of a format for the dozen of fields that an image needs.

pub mod auditable;
mod cyclonedx;
pub mod gather;
mod license;
mod provenance;
mod purl;
mod spdx;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

pub use gather::{Facts, Wanted, documents};
pub use provenance::{Base, ProvenanceInput, Toolchain, provenance};
pub use purl::debian;

use crate::digest::{Digester, sha256_digits, sha256_of};
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Bill, Commit, Member};

/// The media type of a CycloneDX document, and the artifact type under which it is attached.
pub const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
/// The media type of an SPDX document, and the artifact type under which it is attached.
pub const SPDX: &str = "application/spdx+json";
/// The media type of an in-toto statement, and the artifact type under which it is attached.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The annotation by which an attached statement says what it states; its value is [`Document::predicate`].
pub const PREDICATE_ANNOTATION: &str = "in-toto.io/predicate-type";

/// This tool, as documents name it.
const TOOL: &str = env!("CARGO_PKG_NAME");
const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A format of lists of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// SPDX 2.3.
    Spdx,
    /// CycloneDX 1.6.
    CycloneDx,
}

/// A document, ready to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `artifactType` of the manifest that refers to the image.
    pub artifact_type: &'static str,
    /// The media type of the blob.
    pub media_type: &'static str,
    /// What a statement with this document says, as a URI; of a statement itself: what it does say.
    pub predicate: &'static str,
    /// The document: JSON without line breaks.
    pub bytes: Vec<u8>,
}

impl Document {
    /// What the name of a file ends with that holds it, where it is a list of components.
    pub fn ending(&self) -> Option<&'static str> {
        match self.artifact_type {
            SPDX => Some("spdx.json"),
            CYCLONEDX => Some("cdx.json"),
            _ => None,
        }
    }
}

/// The image that a document is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name without tag: `api`, `registry.example:5000/shop/api`.
    pub name: String,
    /// Its tag.
    pub tag: Option<String>,
    /// Its manifest's digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// As Docker names it: `linux/amd64`.
    pub platform: String,
}

/// The program in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its path in the image.
    pub path: String,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: Option<String>,
}

impl Program {
    /// The program with these bytes.
    pub fn of(path: &str, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), sha256: sha256_digits(&sha256_of(bytes)).map(str::to_owned) }
    }
}

/// What else is in an image: libraries, authorities, time zones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extra {
    /// Its name: the package's where it is from one.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package's URL, as [`debian`] makes them.
    pub purl: Option<String>,
    /// Its paths in the image.
    pub paths: Vec<String>,
}

/// The distribution that extras are from; scanners match the packages of a distribution only where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// `ID` of its os-release: `debian`.
    pub id: String,
    /// `VERSION_ID`: `13`.
    pub version: String,
}

/// The state of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The repository, as git or the manifest has it; what must not be told is left out.
    pub repository: Option<String>,
    /// The commit.
    pub commit: String,
    /// Whether files differ from the commit's.
    pub modified: bool,
}

impl Source {
    /// What a commit is to the documents about a member's image.
    pub fn of(commit: &Commit, member: &Member) -> Self {
        Self { repository: member.repository.clone(), commit: commit.id.clone(), modified: commit.modified }
    }
}

/// What a list of components is made from.
#[derive(Debug, Clone, Copy)]
pub struct SbomInput<'a> {
    /// The image.
    pub image: &'a Image,
    /// The packages of its program. What only took part in the build is marked as such; scanners look for its defects all the
    /// same, and [`Bill::linked`] leaves it out.
    pub bill: &'a Bill,
    /// Its program.
    pub program: &'a Program,
    /// What else is in it.
    pub extras: &'a [Extra],
    /// The distribution that the extras are from.
    pub distribution: Option<&'a Distribution>,
    /// The sources of local packages.
    pub source: Option<&'a Source>,
    /// `SOURCE_DATE_EPOCH`. SPDX must have a time: the epoch's start where there is none.
    pub created: Option<Timestamp>,
}

/// The list of an image's components.
///
/// # Errors
/// [`Kind::Internal`]: the image has no digest of SHA-256, or an extra's package URL is none.
pub fn sbom(input: &SbomInput<'_>, format: Format) -> Result<Document> {
    let sorted = sorted(input.extras)?;
    let input = SbomInput { extras: &sorted, ..*input };
    Ok(match format {
        Format::Spdx => {
            Document { artifact_type: SPDX, media_type: SPDX, predicate: spdx::PREDICATE, bytes: spdx::write(&input)? }
        }
        Format::CycloneDx => Document {
            artifact_type: CYCLONEDX,
            media_type: CYCLONEDX,
            predicate: cyclonedx::PREDICATE,
            bytes: cyclonedx::write(&input)?,
        },
    })
}

/// A list of components as an in-toto statement about the image, which is how BuildKit attaches its own.
///
/// # Errors
/// [`Kind::Internal`]: the document is no JSON, or the image has no digest of SHA-256.
pub fn statement(document: &Document, image: &Image) -> Result<Document> {
    let predicate: Value = serde_json::from_slice(&document.bytes).map_err(unwritable)?;
    state(image, document.predicate, &predicate)
}

fn state(image: &Image, predicate_type: &'static str, predicate: &impl Serialize) -> Result<Document> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement<'a, P> {
        #[serde(rename = "_type")]
        kind: &'static str,
        subject: [Value; 1],
        predicate_type: &'a str,
        predicate: &'a P,
    }
    let subject = [json!({ "name": image.name, "digest": { "sha256": image.sha256()? } })];
    let statement = Statement { kind: "https://in-toto.io/Statement/v1", subject, predicate_type, predicate };
    let bytes = serde_json::to_vec(&statement).map_err(unwritable)?;
    Ok(Document { artifact_type: IN_TOTO, media_type: IN_TOTO, predicate: predicate_type, bytes })
}

impl Image {
    /// The digits of its digest.
    fn sha256(&self) -> Result<&str> {
        sha256(&self.digest)
    }

    /// `amd64` of `linux/amd64`.
    fn architecture(&self) -> &str {
        self.platform.split('/').nth(1).unwrap_or_default()
    }
}

fn sha256(digest: &str) -> Result<&str> {
    let digits = sha256_digits(digest);
    digits.ok_or_else(|| Failure::new(Kind::Internal, format!("`{digest}` is not a digest of SHA-256")))
}

fn sorted(extras: &[Extra]) -> Result<Vec<Extra>> {
    for extra in extras {
        if let Some(text) = extra.purl.as_deref() {
            purl::check(text)?;
        }
    }
    let mut sorted = extras.to_vec();
    for extra in &mut sorted {
        extra.paths.sort();
    }
    sorted.sort();
    Ok(sorted)
}

/// A UUID of what a document says: the same facts have the same one on every machine. Version 8 is the one for such schemes.
fn uuid(content: &impl Serialize) -> Result<String> {
    let mut digester = Digester::default();
    digester.say([serde_json::to_string(content).map_err(unwritable)?.as_str()]);
    let digits = digester.digits(16);
    let variant = match &digits[16..17] {
        "0" | "4" | "8" | "c" => '8',
        "1" | "5" | "9" | "d" => '9',
        "2" | "6" | "a" | "e" => 'a',
        _ => 'b',
    };
    let parts = [&digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..]];
    let [first, second, third, fourth, last] = parts;
    Ok(format!("urn:uuid:{first}-{second}-8{third}-{variant}{fourth}-{last}"))
}

/// To the second: SPDX allows no fractions.
fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or_default()
}

fn unwritable(error: serde_json::Error) -> Failure {
    Failure::new(Kind::Internal, "a document about the image could not be written").caused_by(error)
}

#[cfg(test)]
mod tests;
