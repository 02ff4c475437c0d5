//! The documents about an image of `example-workspace`, as snapshots, and judged by other people's validators where they are (see
//! `tests/sarif.rs`). Where `ATTEST_OUT` names a folder they are written there, for more of them (`ntia-checker`).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_dockerize::attest::{self, Document, Extra, Format, Image, Program, ProvenanceInput, SbomInput, Source};
use cargo_dockerize::workspace::{Bill, Features, Query, Workspace};
use jiff::Timestamp;
use serde_json::Value;
use support::Tree;

const TRIPLE: &str = "x86_64-unknown-linux-musl";

fn bill(tree: &Tree, member: &str) -> Bill {
    // On a fresh machine the example's crates are downloaded here.
    let query = Query { manifest_path: Some(tree.path().join("Cargo.toml")), ..Query::default() };
    let workspace = Workspace::load(&query).unwrap();
    workspace.bill(workspace.member(member).unwrap(), &Features::default(), TRIPLE).unwrap()
}

fn image(name: &str) -> Image {
    Image {
        name: format!("registry.example/shop/{name}"),
        tag: Some("1.4.0".to_owned()),
        digest: format!("sha256:{}", "0f".repeat(32)),
        platform: "linux/amd64".to_owned(),
    }
}

fn source() -> Source {
    Source {
        repository: Some("git@git.example.org:shop/shop.git".to_owned()),
        commit: "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned(),
        modified: false,
    }
}

fn sbom(bill: &Bill, name: &str, format: Format) -> Document {
    let program = Program { path: format!("/usr/local/bin/{name}"), sha256: Some("cd".repeat(32)) };
    let certificates = Extra {
        name: "ca-certificates".to_owned(),
        version: Some("20250419".to_owned()),
        purl: Some(attest::debian("ca-certificates", "20250419", "all", "debian-13").unwrap()),
        paths: vec!["/etc/ssl/certs/ca-certificates.crt".to_owned()],
    };
    let input = SbomInput {
        image: &image(name),
        bill,
        program: &program,
        extras: &[certificates],
        distribution: Some(&attest::Distribution { id: "debian".to_owned(), version: "13".to_owned() }),
        source: Some(&source()),
        created: Timestamp::from_second(1_700_000_000).ok(),
    };
    attest::sbom(&input, format).unwrap()
}

fn provenance() -> Document {
    let command = "cargo build --locked --release --target x86_64-unknown-linux-musl --package api --bin api";
    let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let toolchain = attest::Toolchain {
        version: "1.95.0".to_owned(),
        commit: Some("59807616e1fa2540724bfbac14d7976d7e4a3860".to_owned()),
    };
    attest::provenance(&ProvenanceInput {
        image: &image("api"),
        source: Some(&source()),
        package: "api",
        binary: "api",
        profile: "release",
        triple: TRIPLE,
        features: &Features::default(),
        command: &command,
        lock_sha256: &"ef".repeat(32),
        base: None,
        toolchain: &toolchain,
        builder: None,
        created: Timestamp::from_second(1_700_000_000).ok(),
    })
    .unwrap()
}

/// The document as people read it, without what changes with each version of this tool.
fn shown(document: &Document) -> String {
    let value: Value = serde_json::from_slice(&document.bytes).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let mut text = serde_json::to_string_pretty(&value).unwrap();
    for key in ["serialNumber", "documentNamespace"] {
        if let Some(id) = value[key].as_str() {
            text = text.replace(id, "urn:uuid:[of the contents]");
        }
    }
    for (own, shown) in [
        (format!("\"cargo-dockerize\": \"{version}\""), "\"cargo-dockerize\": \"[version]\""),
        (format!("Tool: cargo-dockerize-{version}"), "Tool: cargo-dockerize-[version]"),
        (
            format!(
                "\"name\": \"cargo-dockerize\",\n          \"type\": \"application\",\n          \"version\": \"{version}\""
            ),
            "\"name\": \"cargo-dockerize\",\n          \"type\": \"application\",\n          \"version\": \"[version]\"",
        ),
    ] {
        text = text.replace(&own, shown);
    }
    text
}

/// The same in a line for each component: a hundred crates are too many to read otherwise.
fn lines(document: &Document) -> String {
    let value: Value = serde_json::from_slice(&document.bytes).unwrap();
    let mut text = String::new();
    for one in value["components"].as_array().unwrap() {
        let of = |key: &str| one[key].as_str().unwrap_or("-");
        let license = &one["licenses"][0];
        let license = license["expression"].as_str().or(license["license"]["name"].as_str()).unwrap_or("-");
        let hash = one["hashes"][0]["content"].as_str().map_or("-", |digits| &digits[..8]);
        writeln!(text, "{:16} {:8} {hash:8} {} [{license}]", of("type"), of("scope"), of("purl")).unwrap();
    }
    text.push('\n');
    for one in value["dependencies"].as_array().unwrap() {
        let uses = one["dependsOn"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
        writeln!(text, "{}: {}", one["ref"].as_str().unwrap(), uses.collect::<Vec<_>>().join(", ")).unwrap();
    }
    text
}

fn write(name: &str, document: &Document) {
    if let Some(folder) = std::env::var_os("ATTEST_OUT") {
        fs_err::write(Path::new(&folder).join(name), &document.bytes).unwrap();
    }
}

#[test]
fn documents_of_the_example() {
    let tree = Tree::copy("example-workspace");
    let api = bill(&tree, "api");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        for (name, format) in [("spdx", Format::Spdx), ("cdx", Format::CycloneDx)] {
            let document = sbom(&api, "api", format);
            // Another clone lies in another folder; its documents are the same.
            assert_eq!(document, sbom(&bill(&Tree::copy("example-workspace"), "api"), "api", format));
            let text = String::from_utf8(document.bytes.clone()).unwrap();
            assert!(!text.contains(tree.path().as_str()), "a path of this machine is in the document");
            write(&format!("api.{name}.json"), &document);
            write(&format!("api.{name}.intoto.json"), &attest::statement(&document, &image("api")).unwrap());
            if format == Format::CycloneDx {
                insta::assert_snapshot!("attest-api-components", lines(&document));
            }
            // The smallest program's, whole.
            insta::assert_snapshot!(format!("attest-orders.{name}.json"), shown(&sbom(&bill(&tree, "orders-cli").linked(), "orders", format)));
        }
        write("api.provenance.json", &provenance());
        insta::assert_snapshot!("attest-api.provenance.json", shown(&provenance()));
    });
}

/// CycloneDX's schema, as its own library reads it: unknown keys are refused.
const CYCLONEDX: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(error)[:500] if error else 0)
";

/// What the validator of a format says against a document; nothing: it is what the format says.
fn judged(judges: &Path, document: &Value, format: Format) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.spdx.json");
    fs_err::write(&file, document.to_string()).unwrap();
    let mut judge = match format {
        Format::Spdx => Command::new(judges.join("bin/pyspdxtools")),
        Format::CycloneDx => Command::new(judges.join("bin/python")),
    };
    match format {
        Format::Spdx => judge.arg("--infile").arg(&file),
        Format::CycloneDx => judge.args(["-c", CYCLONEDX]).arg(&file),
    };
    let output = judge.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (!output.status.success()).then(|| text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn they_are_what_their_formats_say() {
    let Some(judges) = std::env::var_os("DOCKERIZE_JUDGES").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "DOCKERIZE_JUDGES names no folder: `cargo xtask test` installs them");
        println!("not judged by their formats: `cargo xtask test` installs the validators");
        return;
    };
    let tree = Tree::copy("example-workspace");
    // A part that each format wants, and words that it does not know.
    let faults =
        [(Format::Spdx, "/packages/1/SPDXID", "has spaces"), (Format::CycloneDx, "/components/0/type", "crate")];
    for (format, place, fault) in faults {
        for member in ["api", "orders-cli", "worker"] {
            let whole = bill(&tree, member);
            for bill in [&whole, &whole.clone().linked()] {
                let document = serde_json::from_slice(&sbom(bill, member, format).bytes).unwrap();
                assert_eq!(judged(&judges, &document, format), None, "{member}: {format:?}");
            }
        }
        let mut document: Value = serde_json::from_slice(&sbom(&bill(&tree, "api"), "api", format).bytes).unwrap();
        *document.pointer_mut(place).unwrap() = fault.into();
        let said = judged(&judges, &document, format).expect("the validator takes anything");
        assert!(said.contains(fault), "{said}");
    }
}
