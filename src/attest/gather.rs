//! The documents about an image of a workspace, from what is known when it was built. What the other parts of this module are told,
//! this one reads: the program, the lock file, the resolved graph.

use camino::Utf8Path;
use jiff::Timestamp;

use super::{
    Base, Distribution, Document, Extra, Format, Image, Program, ProvenanceInput, SbomInput, Source, Toolchain,
    auditable, provenance, sbom,
};
use crate::digest::{sha256_digits, sha256_of};
use crate::failure::{Failure, Kind, Result};
use crate::plan::model;
use crate::workspace::{Bill, Features, Workspace};

/// What is known of an image for one platform.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The workspace.
    pub workspace: &'a Workspace,
    /// The image as it is planned: the package, the binary, and where it lies.
    pub planned: &'a model::Image,
    /// The image as it became.
    pub image: &'a Image,
    /// Its program, as it was compiled.
    pub program: &'a Utf8Path,
    /// The program's SHA-256, in hexadecimal digits: whoever wrote the image knows it.
    pub program_sha256: &'a str,
    /// Features that were on.
    pub features: &'a Features,
    /// The target that it was compiled for.
    pub triple: &'a str,
    /// Cargo's profile.
    pub profile: &'a str,
    /// Cargo's command line; what tells of this machine is left out of documents.
    pub command: &'a [String],
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// The state of the sources; none: they are in no repository.
    pub source: Option<&'a Source>,
    /// The image under this one; none: `scratch`.
    pub base: Option<&'a Base>,
    /// What else was put into it: libraries, authorities, time zones.
    pub extras: &'a [Extra],
    /// The distribution that those are from.
    pub distribution: Option<&'a Distribution>,
    /// Who built, as a URI; none: somebody on their machine.
    pub builder: Option<&'a str>,
    /// `SOURCE_DATE_EPOCH`.
    pub created: Option<Timestamp>,
}

/// Which documents are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Formats of lists of components; none: no list.
    pub sboms: &'a [Format],
    /// Whether there is one on how it was made.
    pub provenance: bool,
}

/// Writes the documents that are wanted: lists of components as they are, under their own artifact types, then the provenance as a
/// statement. A list has the crates that are in the program: those of the list that cargo-auditable left in it, else of the graph.
///
/// # Errors
/// [`Kind::Verify`]: the program is none, or its own list is broken; [`Kind::Workspace`]: the lock file or the program cannot be read;
/// [`Kind::Usage`]: there is no such target; [`Kind::Internal`]: the plan is not of this workspace, or a digest is none.
pub fn documents(facts: &Facts<'_>, wanted: Wanted<'_>) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    if !wanted.sboms.is_empty() {
        let bill = bill(facts)?;
        let sha256 = Some(facts.program_sha256.to_owned());
        let input = SbomInput {
            image: facts.image,
            bill: &bill,
            program: &Program { path: facts.planned.binary.clone(), sha256 },
            extras: facts.extras,
            distribution: facts.distribution,
            source: facts.source,
            created: facts.created,
        };
        for format in wanted.sboms {
            documents.push(sbom(&input, *format)?);
        }
    }
    if wanted.provenance {
        let lock = fs_err::read(facts.workspace.root.join("Cargo.lock"));
        let lock = lock.map_err(|error| Failure::new(Kind::Workspace, "Cargo.lock cannot be read").caused_by(error))?;
        let lock = sha256_of(&lock);
        documents.push(provenance(&ProvenanceInput {
            image: facts.image,
            source: facts.source,
            package: &facts.planned.package,
            binary: &facts.planned.name,
            profile: facts.profile,
            triple: facts.triple,
            features: facts.features,
            command: facts.command,
            lock_sha256: sha256_digits(&lock).unwrap_or_default(),
            base: facts.base,
            toolchain: facts.toolchain,
            builder: facts.builder,
            created: facts.created,
        })?);
    }
    Ok(documents)
}

fn bill(facts: &Facts<'_>) -> Result<Bill> {
    let name = &facts.planned.package;
    let member = facts.workspace.member(name);
    let member =
        member.ok_or_else(|| Failure::new(Kind::Internal, format!("the workspace has no package `{name}`")))?;
    let resolved = facts.workspace.bill(member, facts.features, facts.triple)?;
    Ok(auditable::bill_of(facts.program, &resolved)?.unwrap_or(resolved).linked())
}
