//! An image is looked at where it lies: for one of its platforms, with what goes with it.

use cargo_dockerize::failure::Kind;
use cargo_dockerize::inspect::{Asked, Watch, inspect, open};
use cargo_dockerize::registry::Progress;
use serde_json::{Value, json};

use super::server::{Server, digest};
use super::support::{INDEX, MANIFEST};

struct Nobody;

impl Watch for Nobody {
    fn begins(&self, _: &str) {}
    fn comes(&self, progress: Progress<'_>) {
        assert!(progress.done <= progress.total);
    }
}

fn layer(contents: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(contents.len() as u64);
    builder.append_data(&mut header, "etc/motd", contents).unwrap();
    builder.into_inner().unwrap()
}

fn add(server: &Server, tag: &str, config: (&str, &Value), layers: &[(&str, &[u8], Value)]) -> Value {
    let config_text = config.1.to_string();
    let entry = |media: &str, bytes: &[u8], annotations: &Value| json!({"mediaType": media, "size": bytes.len(), "digest": server.add_blob("shop", bytes), "annotations": annotations});
    let layers: Vec<Value> =
        layers.iter().map(|(media, bytes, annotations)| entry(media, bytes, annotations)).collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
        "config": entry(config.0, config_text.as_bytes(), &json!({}))});
    let bytes = manifest.to_string();
    json!({"mediaType": MANIFEST, "size": bytes.len(), "digest": server.add_manifest("shop", tag, MANIFEST, bytes.as_bytes())})
}

/// An index of two platforms, with BuildKit's attestations of one; cosign's signature of it under a tag.
fn shop(server: &Server) -> String {
    let config = "application/vnd.oci.image.config.v1+json";
    let image = |architecture: &str| {
        let made = json!({"os": "linux", "architecture": architecture, "config": {"Entrypoint": ["/app"], "User": "65532"},
            "history": [{"created_by": "COPY motd /etc/motd"}], "rootfs": {"type": "layers", "diff_ids": []}});
        let layer = layer(architecture.as_bytes());
        let tar = "application/vnd.oci.image.layer.v1.tar";
        let mut entry = add(server, architecture, (config, &made), &[(tar, &layer, json!({}))]);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entry
    };
    let images = [image("amd64"), image("arm64")];
    let about = images[1]["digest"].clone();
    let stated = |predicate: &str| json!({"in-toto.io/predicate-type": predicate});
    let in_toto = "application/vnd.in-toto+json";
    let list = json!({"predicate": {"packages": [{"externalRefs": [{"referenceLocator": "pkg:cargo/serde@1.0.0"}]}]}});
    let mut attestation = add(
        server,
        "attestation",
        (config, &json!({})),
        &[
            (in_toto, list.to_string().as_bytes(), stated("https://spdx.dev/Document")),
            (in_toto, b"{}", stated("https://slsa.dev/provenance/v1")),
        ],
    );
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["annotations"] =
        json!({"vnd.docker.reference.digest": about, "vnd.docker.reference.type": "attestation-manifest"});
    let [amd64, arm64] = images;
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [amd64, arm64, attestation]}).to_string();
    let named = server.add_manifest("shop", "1", INDEX, index.as_bytes());
    let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
    add(server, &format!("{}.sig", named.replace(':', "-")), (config, &json!({})), &[(signature, b"{}", json!({}))]);
    about.as_str().unwrap().to_owned()
}

#[test]
fn an_image_is_looked_at_with_all_that_goes_with_it() {
    for api in [true, false] {
        let server = Server::start();
        server.state().referrers = api;
        let digest = shop(&server);
        let name = format!("registry:{}/shop:1", server.name);
        let asked = Asked { name: &name, platform: Some("linux/arm64"), offline: false };
        let report = inspect(open(asked, &Nobody).unwrap(), 3).unwrap();
        assert_eq!((report.digest.as_deref(), report.platform.as_str()), (Some(digest.as_str()), "linux/arm64"));
        assert_eq!(report.platforms, ["linux/amd64", "linux/arm64"]);
        assert_eq!(report.layers[0].made_by.as_deref(), Some("COPY motd /etc/motd"));
        assert_eq!((report.files, report.unpacked, report.run.user.as_str()), (1, 5, "65532"));
        let attached: Vec<_> =
            report.attached.iter().map(|one| (one.kind.as_str(), one.by.as_str(), one.crates)).collect();
        assert_eq!(attached, [("provenance+sbom", "index", Some(1)), ("signature", "tag", None)]);
        // Layers of other platforms stay where they are.
        let other = server.asked(&format!("GET /v2/shop/blobs/{}", self::digest(&layer(b"amd64"))));
        assert!(other.is_empty(), "{other:?}");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let server = Server::start();
    shop(&server);
    let fails = |name: &str, platform, offline| {
        let name = format!("registry:{}/{name}", server.name);
        open(Asked { name: &name, platform, offline }, &Nobody).unwrap_err()
    };
    let missing = fails("shop:2", None, false);
    assert_eq!(missing.kind(), Kind::Usage, "{}", missing.report());
    let platform = fails("shop:1", Some("linux/riscv64"), false);
    assert!(platform.report().contains("--platform`: linux/amd64, linux/arm64"), "{}", platform.report());
    let document = fails("shop:attestation", None, false);
    assert_eq!(document.kind(), Kind::Usage, "{}", document.report());
    assert_eq!(fails("shop:1", None, true).kind(), Kind::Usage);
}
