use std::collections::BTreeSet;

use super::*;
use crate::workspace::{BillEdge, BillPackage, BillSource, EdgeKind, Features, PackageOrigin};
use serde_json::Value;

mod embedded;
mod gathered;

fn package(name: &str, origin: PackageOrigin) -> BillPackage {
    BillPackage {
        name: name.to_owned(),
        version: "1.0.0+a".to_owned(),
        origin,
        checksum: None,
        license: Some("MIT/Apache-2.0".to_owned()),
        linked: true,
        proc_macro: false,
    }
}

/// A program with a crate from each kind of place.
fn a_bill() -> Bill {
    let registry = |index: Option<&str>| PackageOrigin::Registry { index: index.map(str::to_owned) };
    let git = |repository: Option<&str>| PackageOrigin::Git {
        repository: repository.map(str::to_owned),
        revision: Some("c0ffee".to_owned()),
    };
    let mut packages = vec![
        package("app", PackageOrigin::Local),
        package("builds", PackageOrigin::PublicRegistry),
        package("derives", PackageOrigin::PublicRegistry),
        package("forked", git(Some("https://git.example/forked"))),
        package("hidden", git(None)),
        package("own", registry(Some("https://registry.example/index"))),
        package("own_", registry(None)),
        package("own-", PackageOrigin::PublicRegistry),
        package("twice", PackageOrigin::PublicRegistry),
        package("twice", git(Some("ssh://git.example/twice"))),
    ];
    packages[1].linked = false;
    packages[2].linked = false;
    packages[2].proc_macro = true;
    packages[5].license = Some("Ask us".to_owned());
    packages[8].checksum = Some("ab".repeat(32));
    packages[9].license = Some("LicenseRef-Ours".to_owned());
    let edge = |to, kind| BillEdge { from: 0, to, kind };
    let edges =
        vec![edge(1, EdgeKind::Build), edge(2, EdgeKind::Macro), edge(3, EdgeKind::Normal), edge(9, EdgeKind::Normal)];
    Bill { source: BillSource::Resolved, root: 0, packages, edges }
}

fn an_image() -> Image {
    Image {
        name: "registry.example:5000/shop/app".to_owned(),
        tag: Some("1.0".to_owned()),
        digest: format!("sha256:{}", "0f".repeat(32)),
        platform: "linux/amd64".to_owned(),
    }
}

fn extras() -> Vec<Extra> {
    vec![
        Extra {
            name: "libssl3".to_owned(),
            version: Some("3.0.1-1+b1".to_owned()),
            purl: Some(debian("libssl3", "3.0.1-1+b1", "amd64", "debian-13").unwrap()),
            paths: vec!["/usr/lib/libssl.so.3".to_owned(), "/usr/lib/libcrypto.so.3".to_owned()],
        },
        Extra {
            name: "ca-certificates.crt".to_owned(),
            version: None,
            purl: None,
            paths: vec!["/etc/ssl/certs/ca-certificates.crt".to_owned()],
        },
    ]
}

fn a_source() -> Source {
    Source {
        repository: Some("https://me:s3cr3t@git.example/shop".to_owned()),
        commit: "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned(),
        modified: false,
    }
}

fn document(format: Format, change: impl FnOnce(&mut SbomInput<'_>)) -> Value {
    document_of(&a_bill(), format, change)
}

fn document_of(bill: &Bill, format: Format, change: impl FnOnce(&mut SbomInput<'_>)) -> Value {
    let (image, extras, source) = (an_image(), extras(), a_source());
    let program = Program { path: "/usr/local/bin/app".to_owned(), sha256: Some("cd".repeat(32)) };
    let distribution = Distribution { id: "debian".to_owned(), version: "13".to_owned() };
    let mut input = SbomInput {
        image: &image,
        bill,
        program: &program,
        extras: &extras,
        distribution: Some(&distribution),
        source: Some(&source),
        created: Timestamp::from_millisecond(1_700_000_000_500).ok(),
    };
    change(&mut input);
    serde_json::from_slice(&sbom(&input, format).unwrap().bytes).unwrap()
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap_or("-")).collect()
}

#[test]
fn crates_are_named_so_that_nobody_takes_them_for_others() {
    let document = document(Format::CycloneDx, |_| {});
    assert_eq!(
        texts(&document["components"], "purl"),
        [
            "pkg:cargo/app@1.0.0%2Ba?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fshop%40da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "pkg:cargo/builds@1.0.0%2Ba",
            "pkg:cargo/derives@1.0.0%2Ba",
            "pkg:cargo/forked@1.0.0%2Ba?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fforked%40c0ffee",
            "-",
            "pkg:cargo/own@1.0.0%2Ba?repository_url=https:%2F%2Fregistry.example%2Findex",
            "-",
            "pkg:cargo/own-@1.0.0%2Ba",
            "pkg:cargo/twice@1.0.0%2Ba",
            "pkg:cargo/twice@1.0.0%2Ba?vcs_url=git%2Bssh:%2F%2Fgit.example%2Ftwice%40c0ffee",
            "-",
            "pkg:deb/debian/libssl3@3.0.1-1%2Bb1?arch=amd64&distro=debian-13",
            "-",
        ]
    );
    let image = &document["metadata"]["component"];
    assert_eq!(
        image["purl"],
        format!(
            "pkg:oci/app@sha256:{}?arch=amd64&repository_url=registry.example:5000%2Fshop%2Fapp&tag=1.0",
            "0f".repeat(32)
        )
    );
    assert!(!document.to_string().contains("s3cr3t"));
}

#[test]
fn what_only_builds_is_no_part_of_the_image() {
    let cyclonedx = document(Format::CycloneDx, |_| {});
    let scopes = texts(&cyclonedx["components"], "scope");
    assert_eq!(&scopes[..4], ["required", "excluded", "excluded", "required"]);
    let spdx = document(Format::Spdx, |_| {});
    let relations: Vec<String> = spdx["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap().trim_start_matches("SPDXRef-").to_owned();
            format!("{} {} {}", text("spdxElementId"), text("relationshipType"), text("relatedSpdxElement"))
        })
        .collect();
    assert_eq!(
        relations,
        [
            "DOCUMENT DESCRIBES Image",
            "Image CONTAINS Application-app-1.0.0-a",
            "Image CONTAINS Package-ca-certificates.crt",
            "Image CONTAINS Package-libssl3-3.0.1-1-b1",
            "Image CONTAINS OperatingSystem-debian-13",
            "Application-app-1.0.0-a DEPENDS_ON Package-forked-1.0.0-a",
            "Application-app-1.0.0-a DEPENDS_ON Package-twice-1.0.0-a-2",
            "Package-builds-1.0.0-a BUILD_DEPENDENCY_OF Application-app-1.0.0-a",
            "Package-derives-1.0.0-a BUILD_DEPENDENCY_OF Application-app-1.0.0-a",
        ]
    );
}

#[test]
fn every_name_is_one_component_and_every_reference_is_to_one() {
    let unique = |names: &[&str]| {
        let set: BTreeSet<String> = names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(set.len(), names.len(), "{names:?}");
        set
    };
    let cyclonedx = document(Format::CycloneDx, |_| {});
    let mut names = unique(&texts(&cyclonedx["components"], "bom-ref"));
    names.insert("image".to_owned());
    assert_eq!(names, unique(&texts(&cyclonedx["dependencies"], "ref")));
    for entry in cyclonedx["dependencies"].as_array().unwrap() {
        for on in entry["dependsOn"].as_array().into_iter().flatten() {
            assert!(names.contains(on.as_str().unwrap()), "{on}");
        }
    }
    let spdx = document(Format::Spdx, |_| {});
    let mut names = unique(&texts(&spdx["packages"], "SPDXID"));
    names.insert("SPDXRef-DOCUMENT".to_owned());
    for key in ["spdxElementId", "relatedSpdxElement"] {
        assert!(texts(&spdx["relationships"], key).iter().all(|name| names.contains(*name)));
    }
}

#[test]
fn licences_that_are_no_expressions_are_told_as_words() {
    let cyclonedx = document(Format::CycloneDx, |_| {});
    let licenses = |index: usize| cyclonedx["components"][index]["licenses"].to_string();
    assert_eq!(licenses(0), r#"[{"expression":"MIT OR Apache-2.0"}]"#);
    assert_eq!(licenses(5), r#"[{"license":{"name":"Ask us"}}]"#);
    let spdx = document(Format::Spdx, |_| {});
    let declared = texts(&spdx["packages"], "licenseDeclared");
    assert_eq!((declared[1], declared[6], declared[10]), ("MIT OR Apache-2.0", "NOASSERTION", "NOASSERTION"));
    // A document that names such a licence would have to hold its text.
    assert_eq!(spdx["packages"][10]["licenseComments"], "the manifest says: LicenseRef-Ours");
}

#[test]
fn the_same_facts_are_the_same_bytes_and_others_are_not() {
    for format in [Format::Spdx, Format::CycloneDx] {
        let key = if format == Format::Spdx { "documentNamespace" } else { "serialNumber" };
        let first = document(format, |_| {});
        let mut turned = extras();
        turned.reverse();
        for extra in &mut turned {
            extra.paths.reverse();
        }
        // Not the order in which they were found, and no fraction of a second.
        assert_eq!(first, document(format, |input| input.created = Timestamp::from_second(1_700_000_000).ok()));
        let (image, bill, source) = (an_image(), a_bill(), a_source());
        let program = Program { path: "/usr/local/bin/app".to_owned(), sha256: Some("cd".repeat(32)) };
        let distribution = Distribution { id: "debian".to_owned(), version: "13".to_owned() };
        let again = SbomInput {
            image: &image,
            bill: &bill,
            program: &program,
            extras: &turned,
            distribution: Some(&distribution),
            source: Some(&source),
            created: Timestamp::from_second(1_700_000_000).ok(),
        };
        let again: Value = serde_json::from_slice(&sbom(&again, format).unwrap().bytes).unwrap();
        assert_eq!(first, again);
        let id = first[key].as_str().unwrap();
        assert_eq!(id.len(), "urn:uuid:".len() + 36);
        assert_eq!(&id["urn:uuid:".len() + 14..][..1], "8");
        assert_ne!(first[key], document(format, |input| input.extras = &[])[key]);
    }
}

#[test]
fn times_are_the_epochs() {
    assert_eq!(document(Format::Spdx, |_| {})["creationInfo"]["created"], "2023-11-14T22:13:20Z");
    assert_eq!(document(Format::CycloneDx, |_| {})["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let timeless = |format| document(format, |input| input.created = None);
    assert_eq!(timeless(Format::Spdx)["creationInfo"]["created"], "1970-01-01T00:00:00Z");
    assert_eq!(timeless(Format::CycloneDx)["metadata"]["timestamp"], Value::Null);
}

#[test]
fn changed_sources_are_not_the_commits() {
    let (image, bill) = (an_image(), a_bill());
    let source = Source { modified: true, ..a_source() };
    let program = Program { path: "/app".to_owned(), sha256: None };
    let input = SbomInput {
        image: &image,
        bill: &bill,
        program: &program,
        extras: &[],
        distribution: None,
        source: Some(&source),
        created: None,
    };
    let spdx: Value = serde_json::from_slice(&sbom(&input, Format::Spdx).unwrap().bytes).unwrap();
    assert_eq!(spdx["packages"][1]["downloadLocation"], "git+https://git.example/shop");
}

#[test]
fn what_is_no_digest_or_package_url_is_refused() {
    let (mut image, bill) = (an_image(), a_bill());
    let program = Program { path: "/app".to_owned(), sha256: None };
    let bad = [Extra { name: "x".to_owned(), version: None, purl: Some("deb/x".to_owned()), paths: Vec::new() }];
    let write = |image: &Image, extras: &[Extra]| {
        let input = SbomInput {
            image,
            bill: &bill,
            program: &program,
            extras,
            distribution: None,
            source: None,
            created: None,
        };
        sbom(&input, Format::Spdx).map_err(|failure| failure.to_string())
    };
    assert_eq!(write(&image, &bad).unwrap_err(), "`deb/x` cannot be named by a package URL");
    image.digest = "sha256:ABC".to_owned();
    assert_eq!(write(&image, &[]).unwrap_err(), "`sha256:ABC` is not a digest of SHA-256");
}

#[test]
fn a_list_can_be_a_statement() {
    let image = an_image();
    let list = Document {
        artifact_type: SPDX,
        media_type: SPDX,
        predicate: "https://spdx.dev/Document",
        bytes: b"{\"a\":1}".to_vec(),
    };
    let statement = statement(&list, &image).unwrap();
    assert_eq!(statement.media_type, "application/vnd.in-toto+json");
    let value: Value = serde_json::from_slice(&statement.bytes).unwrap();
    assert_eq!(value["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(value["predicateType"], "https://spdx.dev/Document");
    assert_eq!(value["subject"][0]["digest"]["sha256"], "0f".repeat(32));
    assert_eq!(value["predicate"]["a"], 1);
}

fn a_provenance(source: Option<&Source>, lock: &str) -> Result<Value> {
    let command: Vec<String> =
        ["/home/me/cargo", "build", "--locked", "--target-dir=/home/me/x"].map(str::to_owned).into();
    let image = an_image();
    let base = Base { name: "registry.example/base".to_owned(), tag: None, digest: image.digest.clone() };
    let document = provenance(&ProvenanceInput {
        image: &image,
        source,
        package: "app",
        binary: "app",
        profile: "release",
        triple: "x86_64-unknown-linux-musl",
        features: &Features { names: vec!["tls".to_owned()], ..Features::default() },
        command: &command,
        lock_sha256: lock,
        base: Some(&base),
        toolchain: &Toolchain { version: "1.95.0".to_owned(), commit: None },
        builder: None,
        created: None,
    })?;
    Ok(serde_json::from_slice(&document.bytes).unwrap())
}

#[test]
fn provenance_tells_of_no_machine_and_no_secret() {
    let lock = "ef".repeat(32);
    let value = a_provenance(Some(&a_source()), &lock).unwrap();
    let definition = &value["predicate"]["buildDefinition"];
    let command = json!(["cargo", "build", "--locked", "--target-dir=[omitted]"]);
    assert_eq!(definition["externalParameters"]["command"], command);
    assert_eq!(definition["externalParameters"]["features"], json!(["--features=tls"]));
    let dependencies = &definition["resolvedDependencies"];
    assert_eq!(texts(dependencies, "name"), ["source", "Cargo.lock", "rustc", "base"]);
    assert_eq!(dependencies[0]["uri"], "git+https://git.example/shop");
    assert_eq!(dependencies[1]["digest"]["sha256"], lock);
    let all = value.to_string();
    assert!(!all.contains("s3cr3t") && !all.contains("/home"), "{all}");
    let local = Source { repository: Some("/home/me/shop".to_owned()), modified: true, ..a_source() };
    let value = a_provenance(Some(&local), &lock).unwrap();
    let source = &value["predicate"]["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!((&source["uri"], &source["annotations"]["modified"]), (&Value::Null, &Value::Bool(true)));
    assert_eq!(a_provenance(None, "none").unwrap_err().kind(), Kind::Internal);
}
