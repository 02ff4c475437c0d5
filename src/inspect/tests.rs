//! Images made by hand, with a fault of each kind.

use camino::Utf8Path;
use serde_json::{Value, json};

use super::source::{Asked, Watch, open};
use super::*;
use crate::image::testing::{Made, Row, archive, layout};
use crate::registry::Progress;

struct Nobody;

impl Watch for Nobody {
    fn begins(&self, _: &str) {}
    fn comes(&self, _: Progress<'_>) {}
}

/// Tokens are put together here: whole ones in our sources would be found by others who look for them.
fn token() -> String {
    format!("ghp_{}", "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8x".repeat(2).get(..36).unwrap())
}

fn look_at(name: &str, platform: Option<&str>) -> Result<Report> {
    inspect(open(Asked { name, platform, offline: true }, &Nobody)?, 5)
}

fn look(made: &Made) -> Report {
    look_at(made.folder().as_str(), None).unwrap()
}

/// The smallest ELF program, for x86-64.
fn program() -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0];
    bytes.resize(64, 0);
    bytes[52] = 64;
    bytes
}

fn faulty() -> Made {
    let secret = token();
    let program = program();
    let below: Vec<Row<'_>> = vec![
        ("etc/", 0o755, 0, b""),
        ("etc/passwd", 0o644, 0, b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/false\n"),
        ("bin/sh", 0o755, 0, &program),
        ("usr/bin/apt", 0o4755, 0, &program),
        ("root/token", 0o600, 0, secret.as_bytes()),
        ("data/large", 0o666, 0, &[1; 5000]),
        ("tmp/", 0o1777, 0, b""),
        ("open/", 0o777, 0, b""),
        ("cache/a", 0o644, 0, &[2; 3000]),
        ("cache/b", 0o644, 0, &[3; 2000]),
    ];
    let above: Vec<Row<'_>> = vec![
        ("root/.wh.token", 0o600, 0, b""),
        ("data/large", 0o644, 0, &[1; 5000]),
        ("cache/.wh..wh..opq", 0o644, 0, b""),
    ];
    layout(
        &json!({
            "User": "app", "Entrypoint": ["sh"], "Env": ["PATH=/bin", format!("API_TOKEN=hunter2-{}", 7)],
            "Labels": {"org.opencontainers.image.base.name": "debian:13", "a.example.password": "let-me-in"},
        }),
        &[("", archive(&below)), ("", archive(&above))],
    )
}

#[test]
fn every_fault_is_found() {
    let report = look(&faulty());
    assert_eq!((report.from.as_str(), report.platform.as_str(), report.layers.len()), ("layout", "linux/amd64", 2));
    assert_eq!(report.base.as_ref().unwrap().name, "debian:13");
    let waste = &report.waste;
    assert_eq!((waste.bytes, waste.files), (5000 + 3000 + 2000 + 40, 4));
    let told: Vec<_> =
        waste.largest.iter().map(|one| (one.path.as_str(), one.deleted, one.layer, one.hidden_by)).collect();
    assert_eq!(
        told,
        [("/data/large", false, 1, 2), ("/cache/a", true, 1, 2), ("/cache/b", true, 1, 2), ("/root/token", true, 1, 2)]
    );
    assert_eq!(report.largest[0], Sized { path: "/data/large".into(), bytes: 5000, layer: 2 });
    assert_eq!(
        report.setuid.iter().map(|one| (one.path.as_str(), one.mode.as_str())).collect::<Vec<_>>(),
        [("/usr/bin/apt", "4755")]
    );
    assert_eq!(report.writable.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["/open"]);
    assert_eq!((report.shells, report.managers), (vec!["/bin/sh".to_owned()], vec!["/usr/bin/apt".to_owned()]));
    assert_eq!(report.users.len(), 2);
    let started = report.programs.entrypoint.unwrap();
    assert_eq!((started.path.as_str(), started.architecture.as_deref()), ("/bin/sh", Some("amd64")));
    assert_eq!((report.programs.count, report.programs.r#static), (2, 2));
    let secrets: Vec<_> =
        report.secrets.iter().map(|one| (one.place.as_str(), one.name.as_str(), one.layer, one.hidden)).collect();
    assert_eq!(
        secrets,
        [
            ("file", "/root/token", Some(1), true),
            ("env", "API_TOKEN", None, false),
            ("label", "a.example.password", None, false)
        ]
    );
}

#[test]
fn a_secret_that_is_found_is_never_shown() {
    let report = look(&faulty());
    for shown in [serde_json::to_string(&report).unwrap(), text(&report)] {
        for secret in [token().as_str(), "hunter2-7", "let-me-in"] {
            assert!(!shown.contains(secret), "{secret} is in:\n{shown}");
        }
        assert!(shown.contains("API_TOKEN=…"), "{shown}");
    }
}

#[test]
fn what_is_denied_is_a_failure() {
    let report = look(&faulty());
    let denied = |what: &str| report.failure(&[what.parse().unwrap()]);
    for what in ["secrets", "setuid", "waste=10kB"] {
        assert_eq!(denied(what).unwrap().kind(), Kind::Verify, "{what}");
    }
    assert!(denied("waste=11kB").is_none() && denied("missing-libraries").is_none());
    for wrong in ["secret", "waste", "waste=much", ""] {
        assert!(wrong.parse::<Deny>().is_err(), "{wrong}");
    }
}

#[test]
fn lines_are_no_wider_than_eighty_columns() {
    let report = look(&faulty());
    let plain = anstream::adapter::strip_str(&text(&report)).to_string();
    // A name may be longer than that, and the folder of a test is.
    let wide: Vec<_> = plain.lines().skip(1).filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn an_archive_is_what_the_folder_is() {
    let made = faulty();
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all("", made.folder()).unwrap();
    let bytes = builder.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &bytes).unwrap();
    let known = look(&made);
    for (name, bytes) in [("plain.tar", &bytes), ("small.tgz", &gzip.finish().unwrap())] {
        let path = folder.join(name);
        fs_err::write(&path, bytes).unwrap();
        let report = look_at(path.as_str(), None).unwrap();
        assert_eq!((report.from.as_str(), &report.digest, report.unpacked), ("archive", &known.digest, known.unpacked));
        assert_eq!(report.secrets, known.secrets);
    }
}

#[test]
fn dockers_older_archives_are_read() {
    let layer = archive(&[("a", 0o644, 0, b"hello")]);
    let digest = crate::digest::sha256_of(&layer);
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}}).to_string();
    let list = json!([{"Config": "c.json", "RepoTags": ["api:1"], "Layers": ["x/layer.tar"]}]).to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |layer: &[u8]| {
        let rows: [Row<'_>; 3] = [
            ("manifest.json", 0o644, 0, list.as_bytes()),
            ("c.json", 0o644, 0, config.as_bytes()),
            ("x/layer.tar", 0o644, 0, layer),
        ];
        fs_err::write(file.path(), archive(&rows)).unwrap();
        look_at(file.path().to_str().unwrap(), None)
    };
    let report = write(&layer).unwrap();
    assert_eq!((report.digest, report.layers[0].compressed, report.unpacked), (None, None, 5));
    let broken = write(&archive(&[("a", 0o644, 0, b"other")])).unwrap_err();
    assert_eq!(broken.kind(), Kind::Verify);
    assert!(broken.report().contains("is not what its digest says"), "{}", broken.report());
}

#[test]
fn a_layer_that_was_changed_is_not_believed() {
    let made = faulty();
    let blobs = made.folder().join("blobs/sha256");
    let largest = blobs.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
    let largest = largest.max_by_key(|path| fs_err::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs_err::read(&largest).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs_err::write(&largest, bytes).unwrap();
    let broken = look_at(made.folder().as_str(), None).unwrap_err();
    assert_eq!(broken.kind(), Kind::Verify, "{}", broken.report());
}

/// An index with images for two platforms, one of which is not here, as an engine gives it out.
#[test]
fn the_platform_is_chosen() {
    let made = faulty();
    let text = fs_err::read_to_string(made.folder().join("index.json")).unwrap();
    let outer: Value = serde_json::from_str(&text).unwrap();
    let inner = made
        .folder()
        .join("blobs/sha256")
        .join(outer["manifests"][0]["digest"].as_str().unwrap().replace("sha256:", ""));
    let mut index: Value = serde_json::from_slice(&fs_err::read(inner).unwrap()).unwrap();
    let platform = |architecture: &str| json!({"os": "linux", "architecture": architecture});
    index["manifests"][0]["platform"] = platform("amd64");
    let mut absent = index["manifests"][0].clone();
    absent["digest"] = format!("sha256:{}", "0".repeat(64)).into();
    absent["platform"] = platform("arm64");
    index["manifests"].as_array_mut().unwrap().push(absent);
    let bytes = index.to_string();
    let entry = json!({"mediaType": index["mediaType"], "digest": made.blob(bytes.as_bytes()), "size": bytes.len()});
    fs_err::write(made.folder().join("index.json"), json!({"schemaVersion": 2, "manifests": [entry]}).to_string())
        .unwrap();
    let report = look_at(made.folder().as_str(), Some("linux/amd64")).unwrap();
    assert_eq!(
        (report.platforms, report.index),
        (vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()], entry["digest"].as_str().map(str::to_owned))
    );
    let missing = look_at(made.folder().as_str(), Some("linux/arm64")).unwrap_err();
    assert_eq!(missing.kind(), Kind::Usage);
    assert!(missing.report().contains(" for linux/amd64"), "{}", missing.report());
}

#[test]
fn what_is_attached_is_told() {
    let statement = json!({"predicateType": "https://spdx.dev/Document", "predicate": {"packages": [
        {"externalRefs": [{"referenceLocator": "pkg:cargo/serde@1.0.0"}]}, {"name": "x"}]}});
    let bytes = statement.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": crate::digest::sha256_of(b"{}")},
        "layers": [
            {"mediaType": "application/vnd.in-toto+json", "size": bytes.len(), "digest": crate::digest::sha256_of(&bytes),
                "annotations": {"in-toto.io/predicate-type": "https://spdx.dev/Document"}},
            {"mediaType": "application/vnd.in-toto+json", "size": 2, "digest": crate::digest::sha256_of(b"{}"),
                "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}},
        ],
    });
    let read = |digest: &str| Ok((digest == crate::digest::sha256_of(&bytes)).then(|| bytes.clone()));
    let one = attached::of("sha256:1", manifest.to_string().as_bytes(), &read).unwrap();
    assert_eq!((one.kind.as_str(), one.by.as_str(), one.crates), ("provenance+sbom", "index", Some(1)));
}
