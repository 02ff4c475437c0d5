//! How an image was made: SLSA provenance 1 (<https://slsa.dev/spec/v1.0/provenance>). What differs between two machines that
//! make the same image is not in it: no time, no name of a machine or a user, no path, no variable's value.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Document, Image, Source, TOOL, TOOL_VERSION, purl, seconds, sha256, state};
use crate::digest::is_sha256;
use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Features, public_address};

const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What the parameters mean: those of this version of this tool's builds.
const BUILD_TYPE: &str = "urn:cargo-dockerize:build:v1";
/// The builder where nobody says which one it is: whoever ran this tool.
const BUILDER: &str = "urn:cargo-dockerize:builder:local";
/// The repository that rustc's commits are in.
const RUST: &str = "git+https://github.com/rust-lang/rust";
/// What stands for an argument that tells of the machine.
const OMITTED: &str = "[omitted]";

/// The compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// `release` of `rustc -vV`: `1.95.0`.
    pub version: String,
    /// `commit-hash`; distributions' compilers have none.
    pub commit: Option<String>,
}

/// The image under this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its name, without tag and digest.
    pub name: String,
    /// Its tag.
    pub tag: Option<String>,
    /// Its manifest's digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// What provenance is made from.
#[derive(Debug, Clone, Copy)]
pub struct ProvenanceInput<'a> {
    /// The image.
    pub image: &'a Image,
    /// The sources; none: they are in no repository.
    pub source: Option<&'a Source>,
    /// The package that has the binary.
    pub package: &'a str,
    /// The binary.
    pub binary: &'a str,
    /// Cargo's profile.
    pub profile: &'a str,
    /// The target that it was compiled for.
    pub triple: &'a str,
    /// Features.
    pub features: &'a Features,
    /// Cargo's command line. Paths of this machine and values of `--config` are left out.
    pub command: &'a [String],
    /// SHA-256 of the lock file, in hexadecimal digits.
    pub lock_sha256: &'a str,
    /// The image under this one; none: `scratch`.
    pub base: Option<&'a Base>,
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// Who built, as a URI: a CI's; none: somebody on their machine.
    pub builder: Option<&'a str>,
    /// `SOURCE_DATE_EPOCH`: a parameter of the build, and not when it ran.
    pub created: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Provenance<'a> {
    build_definition: BuildDefinition<'a>,
    run_details: RunDetails<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    build_type: &'static str,
    external_parameters: ExternalParameters<'a>,
    internal_parameters: InternalParameters<'a>,
    resolved_dependencies: Vec<Value>,
}

#[derive(Serialize)]
struct ExternalParameters<'a> {
    package: &'a str,
    binary: &'a str,
    platform: &'a str,
    profile: &'a str,
    features: Vec<String>,
    command: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InternalParameters<'a> {
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_date_epoch: Option<String>,
}

#[derive(Serialize)]
struct RunDetails<'a> {
    builder: Builder<'a>,
}

#[derive(Serialize)]
struct Builder<'a> {
    id: &'a str,
    version: Value,
}

/// How an image was made, as an in-toto statement about it.
///
/// # Errors
/// [`Kind::Internal`]: a digest is none of SHA-256.
pub fn provenance(input: &ProvenanceInput<'_>) -> Result<Document> {
    let provenance = Provenance {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE,
            external_parameters: ExternalParameters {
                package: input.package,
                binary: input.binary,
                platform: &input.image.platform,
                profile: input.profile,
                features: input.features.flags(),
                command: told(input.command),
            },
            internal_parameters: InternalParameters {
                target: input.triple,
                source_date_epoch: input.created.map(|time| seconds(time).to_string()),
            },
            resolved_dependencies: dependencies(input)?,
        },
        run_details: RunDetails {
            builder: Builder { id: input.builder.unwrap_or(BUILDER), version: json!({ TOOL: TOOL_VERSION }) },
        },
    };
    state(input.image, PREDICATE, &provenance)
}

/// Sources, lock file, compiler, base: as in-toto's resource descriptors.
fn dependencies(input: &ProvenanceInput<'_>) -> Result<Vec<Value>> {
    if !is_sha256(input.lock_sha256) {
        return Err(Failure::new(Kind::Internal, "the lock file's digest is not one of SHA-256"));
    }
    let mut found = Vec::new();
    if let Some(source) = input.source {
        let mut entry = json!({ "name": "source", "digest": { "gitCommit": source.commit } });
        if let Some(address) = source.repository.as_deref().and_then(public_address) {
            entry["uri"] = format!("git+{address}").into();
        }
        if source.modified {
            entry["annotations"] = json!({ "modified": true });
        }
        found.push(entry);
    }
    found.push(json!({ "name": "Cargo.lock", "digest": { "sha256": input.lock_sha256 } }));
    let Toolchain { version, commit } = input.toolchain;
    let mut toolchain = json!({ "name": "rustc", "uri": RUST, "annotations": { "version": version } });
    if let Some(commit) = commit {
        toolchain["uri"] = format!("{RUST}@{commit}").into();
        toolchain["digest"] = json!({ "gitCommit": commit });
    }
    found.push(toolchain);
    if let Some(base) = input.base {
        let digits = sha256(&base.digest)?;
        let image = Image {
            name: base.name.clone(),
            tag: base.tag.clone(),
            digest: base.digest.clone(),
            platform: input.image.platform.clone(),
        };
        found.push(json!({ "name": "base", "uri": purl::image(&image)?, "digest": { "sha256": digits } }));
    }
    Ok(found)
}

/// A command line without what tells of the machine or may be secret.
fn told(command: &[String]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let mut hidden = false;
    for (index, argument) in command.iter().enumerate() {
        let value_follows = argument == "--config";
        told.push(match (index, argument.split_once('=')) {
            // The program: which one, not where it is.
            (0, None) => argument.rsplit(['/', '\\']).next().unwrap_or_default().to_owned(),
            _ if hidden => OMITTED.to_owned(),
            (_, Some((name, value))) if name == "--config" || is_variable(name) || is_local(value) => {
                format!("{name}={OMITTED}")
            }
            _ if is_local(argument) => OMITTED.to_owned(),
            _ => argument.clone(),
        });
        hidden = value_follows;
    }
    told
}

/// `RUSTFLAGS` of `RUSTFLAGS=…`.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether it has an absolute path, a home folder or an address, wherever in the argument it begins.
fn is_local(argument: &str) -> bool {
    let drive = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/')
    };
    let starts = argument.split(['=', ',', ';', ':', ' ', '"', '\'']);
    let rooted = starts.clone().any(|part| part.starts_with(['/', '\\', '~']) || part.starts_with("-L/"));
    rooted || argument.contains("://") || drive(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        told(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn a_command_line_tells_nothing_of_the_machine() {
        let plain = "cargo build --locked --profile=release --features=tls,api/json -p api --bin api";
        assert_eq!(shown(plain), plain);
        assert_eq!(
            shown("/home/me/.cargo/bin/cargo build --manifest-path /home/me/shop/Cargo.toml --target-dir=/tmp/me"),
            "cargo build --manifest-path [omitted] --target-dir=[omitted]"
        );
        assert_eq!(
            shown("cargo --config env.TOKEN='s3cr3t' build --config=registry.token='s3cr3t'"),
            "cargo --config [omitted] build --config=[omitted]"
        );
        assert_eq!(shown("RUSTFLAGS=-Csecret cargo build"), "RUSTFLAGS=[omitted] cargo build");
        assert_eq!(
            shown("cargo build C:\\me ~/me https://me:s@host x=a:/b"),
            "cargo build [omitted] [omitted] [omitted] x=[omitted]"
        );
        assert_eq!(shown("cargo build --target-dir ../out"), "cargo build --target-dir ../out");
    }
}
