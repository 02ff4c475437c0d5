//! Files of the store that are not what they were.

use std::io::Write;

use camino::Utf8Path;
use serde_json::json;

use crate::server::{Server, digest};
use crate::work::{LAYOUT, Work, said};

/// In place, so that links to it are damaged as well; its length stays, or does not.
fn damage(path: &Utf8Path, keep_length: bool) {
    use std::os::unix::fs::PermissionsExt;
    let mut bytes = fs_err::read(path).unwrap();
    let half = bytes.len() / 2;
    if keep_length {
        bytes[half] ^= 0x55;
    } else {
        bytes.truncate(half);
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    let mut file = fs_err::OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    file.write_all(&bytes).unwrap();
}

/// Builds until it succeeds: a build that finds damage may say so, and mends it.
#[track_caller]
fn builds_in_two(work: &Work, args: &[&str], which: &str) {
    let first = work.command(args).output().unwrap();
    match first.status.code() {
        Some(0) => {}
        Some(7) => {
            let words = said(&first);
            assert!(words.contains("run it again") || words.contains("build again"), "{which}: {words}");
            work.builds(args);
        }
        _ => panic!("{which}: {}", said(&first)),
    }
    work.nothing_half_written();
}

#[test]
fn what_is_damaged_in_the_store_gets_into_no_layout() {
    let work = Work::with_asset(100_000);
    work.builds(&LAYOUT);
    let right = work.image("out").digest;
    for blob in work.blobs() {
        for keep_length in [true, false] {
            damage(&blob, keep_length);
            builds_in_two(&work, &LAYOUT, blob.as_str());
            assert_eq!(work.image("out").digest, right);
            for entry in work.path("out/blobs/sha256").read_dir_utf8().unwrap() {
                let entry = entry.unwrap();
                let found = digest(&fs_err::read(entry.path()).unwrap());
                assert_eq!(found, format!("sha256:{}", entry.file_name()), "{blob} was damaged");
            }
        }
    }
}

#[test]
fn what_is_damaged_in_the_store_gets_into_no_registry() {
    let work = Work::with_asset(100_000);
    let server = Server::start();
    let push = ["--push", "--prefix", &format!("{}/", server.name)];
    work.builds(&push);
    for blob in work.blobs() {
        for keep_length in [true, false] {
            {
                // One of the same name that has nothing yet.
                let mut state = server.state();
                state.blobs.clear();
                state.manifests.clear();
            }
            damage(&blob, keep_length);
            builds_in_two(&work, &push, blob.as_str());
            let state = server.state();
            let whole = |manifest: &[u8]| {
                let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
                // The list of documents is an index.
                let Some(layers) = manifest["layers"].as_array() else { return };
                for part in layers.iter().chain([&manifest["config"]]) {
                    let key = ("app".to_owned(), part["digest"].as_str().unwrap().to_owned());
                    assert!(state.blobs.contains_key(&key), "{blob}: {} is not there", key.1);
                }
            };
            assert!(state.manifests.contains_key(&("app".to_owned(), "latest".to_owned())));
            state.manifests.values().for_each(|(_, manifest)| whole(manifest));
            assert!(state.blobs.iter().all(|((_, name), bytes)| digest(bytes) == *name), "{blob} was damaged");
        }
    }
}

/// An image of one file, for this machine's processor.
fn base(server: &Server) -> String {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(11);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, "etc/motto", &b"as it was\n\n"[..]).unwrap();
    let layer = archive.into_inner().unwrap();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({"os": "linux", "architecture": architecture,
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}})
    .to_string();
    let media = "application/vnd.oci.image";
    let manifest = json!({"schemaVersion": 2, "mediaType": format!("{media}.manifest.v1+json"),
        "config": {"mediaType": format!("{media}.config.v1+json"), "size": config.len(),
            "digest": server.add_blob("base", config.as_bytes())},
        "layers": [{"mediaType": format!("{media}.layer.v1.tar"), "size": layer.len(),
            "digest": server.add_blob("base", &layer)}]});
    server.add_manifest("base", "1", &format!("{media}.manifest.v1+json"), manifest.to_string().as_bytes());
    format!("{}/base:1", server.name)
}

#[test]
fn what_is_damaged_of_a_base_is_pulled_again() {
    let server = Server::start();
    let work = Work::new(&format!("[workspace.metadata.dockerize]\nimages = {{ final = \"{}\" }}", base(&server)), &[]);
    work.builds(&LAYOUT);
    let image = work.image("out");
    assert_eq!(image.read("/etc/motto").unwrap().unwrap(), b"as it was\n\n");
    let of_base: Vec<_> = server.state().blobs.keys().map(|(_, digest)| digest.clone()).collect();
    for name in of_base {
        for keep_length in [true, false] {
            damage(&work.store().join("blobs/sha256").join(&name["sha256:".len()..]), keep_length);
            let said = work.fails(&[&LAYOUT[..], &["--offline"]].concat(), 5, &["was not pulled before"]);
            assert!(said.contains("run it once without `--offline`"), "{said}");
            work.builds(&LAYOUT);
            assert_eq!(work.image("out").digest, image.digest, "{name}");
        }
    }
}
