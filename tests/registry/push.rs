//! What goes, and what need not.

use std::collections::BTreeMap;
use std::sync::Mutex;

use cargo_dockerize::registry::{Client, Outcome, Push, Pushed};
use serde_json::json;

use super::server::{Fault, Server, digest};
use super::support::{MANIFEST, Place, noise, reference};

/// Larger than what is sent in one request with the end of the upload.
const LARGE: usize = 20 * 1024 * 1024;

fn pushed(client: &Client, server: &Server, push: &Push) -> Pushed {
    client.push(&reference(&server.name, "app"), push, &|_| {}).unwrap()
}

fn refused(server: &Server, place: &Place, push: &Push) -> String {
    let report = place.client().push(&reference(&server.name, "app"), push, &|_| {}).unwrap_err().report();
    assert!(report.contains(&server.name) && report.contains("app"), "{report}");
    assert!(server.manifest("app", "1").is_none(), "a tag was set");
    report
}

#[test]
fn an_image_is_pushed_once() {
    let (server, place) = (Server::start(), Place::new());
    let layers = [noise(100_000, 1), noise(2_000_000, 2), Vec::new()];
    // A layer may be in an image twice.
    let push = place.image(&[&layers[0], &layers[1], &layers[2], &layers[0]], "1");
    let pushed_first = pushed(&place.client(), &server, &push);
    let outcomes: Vec<_> = pushed_first.blobs.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(outcomes[..3], [Outcome::Uploaded(100_000), Outcome::Uploaded(2_000_000), Outcome::Uploaded(0)]);
    assert_eq!(outcomes.len(), 4, "three layers and a configuration");
    for layer in &layers {
        assert_eq!(server.blob("app", &digest(layer)).as_ref(), Some(layer));
    }
    assert_eq!(server.manifest("app", "1").unwrap(), push.manifests[0].bytes);
    let posts = server.asked("POST").len();
    let second = pushed(&place.client(), &server, &push);
    assert!(second.blobs.iter().all(|(_, outcome)| *outcome == Outcome::There), "{second:?}");
    assert_eq!(server.asked("POST").len(), posts, "nothing is uploaded again");
}

#[test]
fn only_what_is_missing_is_pushed() {
    let (server, place) = (Server::start(), Place::new());
    let client = place.client();
    pushed(&client, &server, &place.image(&[b"base", b"program 1"], "1"));
    let second = pushed(&client, &server, &place.image(&[b"base", b"program 2"], "2"));
    let outcomes: Vec<_> = second.blobs.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(outcomes, [Outcome::There, Outcome::Uploaded(9), Outcome::There]);
}

#[test]
fn a_base_of_the_same_registry_is_mounted() {
    let (server, place) = (Server::start(), Place::new());
    server.add_blob("base/image", b"base");
    let mut push = place.image(&[b"base", b"program"], "1");
    push.blobs[0].mount_from = Some("base/image".to_owned());
    // Not there: then it is uploaded, by the upload that the registry began.
    push.blobs[1].mount_from = Some("base/image".to_owned());
    let pushed = pushed(&place.client(), &server, &push);
    let outcomes: Vec<_> = pushed.blobs.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(outcomes[..2], [Outcome::Mounted, Outcome::Uploaded(7)]);
    assert_eq!(server.asked("POST").len(), 3, "one for each blob");
    assert_eq!(server.blob("app", &digest(b"base")).unwrap(), b"base");
}

#[test]
fn a_registry_that_mounts_nothing_gets_the_bytes() {
    let (server, place) = (Server::start(), Place::new());
    server.add_blob("base", b"base");
    server.fails("POST", "uploads/", 1, Fault::Status(405, Vec::new()));
    let mut push = place.image(&[b"base"], "1");
    push.blobs.truncate(1);
    push.manifests.clear();
    push.blobs[0].mount_from = Some("base".to_owned());
    let pushed = pushed(&place.client(), &server, &push);
    assert_eq!(pushed.blobs[0].1, Outcome::Uploaded(4));
}

#[test]
fn tags_are_set_when_all_is_there() {
    let (server, place) = (Server::start(), Place::new());
    let mut push = place.image(&[b"layer"], "amd64");
    let child = &push.manifests[0];
    let index = json!({"schemaVersion": 2, "mediaType": super::support::INDEX,
        "manifests": [{"mediaType": MANIFEST, "digest": child.digest, "size": child.bytes.len()}]});
    push.manifests.push(Place::manifest(super::support::INDEX, &index, &["1", "latest"]));
    pushed(&place.client(), &server, &push);
    let puts = server.asked("PUT /v2/app/manifests/");
    let names: Vec<_> = puts.iter().map(|line| line.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, [&push.manifests[0].digest, &push.manifests[1].digest, "amd64", "1", "latest"]);
    let log = server.state().log.clone();
    let first = log.iter().position(|line| line.starts_with("PUT /v2/app/manifests/")).unwrap();
    assert!(log[first..].iter().all(|line| line.starts_with("PUT /v2/app/manifests/")), "blobs come first: {log:?}");
}

#[test]
fn an_upload_that_broke_off_is_gone_on_with() {
    let (server, place) = (Server::start(), Place::new());
    let layer = noise(LARGE, 1);
    server.fails("PATCH", "uploads/", 1, Fault::CutRequest(5_000_000));
    server.fails("PATCH", "uploads/", 1, Fault::CutRequest(6_000_000));
    let push = place.image(&[&layer], "1");
    let told: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let client = place.client();
    let pushed = client.push(&reference(&server.name, "app"), &push, &|progress| {
        assert!(progress.done <= progress.total);
        told.lock().unwrap().insert(progress.digest.to_owned(), progress.done);
    });
    let (_, outcome) = pushed.unwrap().blobs[0].clone();
    let Outcome::Uploaded(sent) = outcome else { panic!("{outcome:?}") };
    assert!(sent < 2 * LARGE as u64, "{sent} bytes were sent for {LARGE}");
    assert_eq!(server.blob("app", &digest(&layer)).unwrap(), layer);
    let patches = server.asked("PATCH");
    let ranges: Vec<_> = patches.iter().map(|line| line.split(' ').nth(2).unwrap_or_default()).collect();
    assert_eq!(ranges, ["", &format!("5000000-{}", LARGE - 1), &format!("11000000-{}", LARGE - 1)]);
    assert_eq!(told.lock().unwrap()[&digest(&layer)], LARGE as u64);
}

#[test]
fn a_small_upload_that_broke_off_is_gone_on_with() {
    let (server, place) = (Server::start(), Place::new());
    let layer = noise(500_000, 1);
    server.fails("PUT", "uploads/", 1, Fault::CutRequest(200_000));
    pushed(&place.client(), &server, &place.image(&[&layer], "1"));
    assert_eq!(server.blob("app", &digest(&layer)).unwrap(), layer);
}

#[test]
fn a_registry_that_forgot_an_upload_gets_it_anew() {
    let (server, place) = (Server::start(), Place::new());
    server.state().forgetful = true;
    let layers = [noise(LARGE, 1), noise(500_000, 2)];
    server.fails("PATCH", "uploads/", 1, Fault::CutRequest(5_000_000));
    server.fails("PUT", "uploads/", 1, Fault::CutRequest(100));
    pushed(&place.client(), &server, &place.image(&[&layers[0], &layers[1]], "1"));
    for layer in &layers {
        assert_eq!(server.blob("app", &digest(layer)).as_ref(), Some(layer));
    }
}

#[test]
fn an_upload_that_always_breaks_off_is_told_and_the_next_run_succeeds() {
    let (server, place) = (Server::start(), Place::new());
    let push = place.image(&[&noise(500_000, 1)], "1");
    for method in ["PUT", "PATCH"] {
        server.fails(method, "uploads/", 3, Fault::CutRequest(100));
    }
    // What came the first time stays there, and the rest is another request.
    let report = refused(&server, &place, &push);
    assert!(report.contains("did not answer, 3 times") && report.contains("run it again"), "{report}");
    server.state().largest = None;
    for _ in 0..2 {
        if place.client().push(&reference(&server.name, "app"), &push, &|_| {}).is_ok() {
            break;
        }
    }
    assert_eq!(server.manifest("app", "1").unwrap(), push.manifests[0].bytes);
}

#[test]
fn a_registry_that_is_ill_for_a_while_is_waited_for() {
    let (server, place) = (Server::start(), Place::new());
    let push = place.image(&[&noise(500_000, 1)], "1");
    let retry = || vec![("Retry-After", "0".to_owned())];
    server.fails("HEAD", "/blobs/", 2, Fault::Status(500, Vec::new()));
    server.fails("POST", "uploads/", 1, Fault::Status(429, retry()));
    server.fails("PUT", "uploads/", 2, Fault::Status(503, retry()));
    server.fails("PUT", "/manifests/", 2, Fault::Status(500, Vec::new()));
    pushed(&place.client(), &server, &push);
    assert_eq!(server.manifest("app", "1").unwrap(), push.manifests[0].bytes);
}

#[test]
fn refusals_have_their_own_words_and_set_no_tag() {
    let cases: [(u16, &str, &[&str]); 6] = [
        (413, "uploads/", &["takes nothing that large", "client_max_body_size"]),
        (507, "uploads/", &["its disk is full", "not pushed twice"]),
        (403, "uploads/", &["does not allow that", "docker login"]),
        (404, "uploads/", &["no such repository", "create app there first"]),
        (500, "manifests/", &["failed (status 500)", "registry's log"]),
        (400, "manifests/", &["failed (status 400)", "BROKEN: in the registry's own words"]),
    ];
    for (status, path, words) in cases {
        let (server, place) = (Server::start(), Place::new());
        let push = place.image(&[&noise(1000, 1)], "1");
        let method = if path == "uploads/" { "POST" } else { "PUT" };
        server.fails(method, path, 100, Fault::Status(status, Vec::new()));
        let report = refused(&server, &place, &push);
        for word in words {
            assert!(report.contains(word), "{status}: {word} is missing in:\n{report}");
        }
    }
}

#[test]
fn what_is_too_large_is_not_sent_in_vain() {
    let (server, place) = (Server::start(), Place::new());
    server.state().largest = Some(1_500_000);
    let report = refused(&server, &place, &place.image(&[&noise(LARGE, 1)], "1"));
    assert!(report.contains("takes nothing that large"), "{report}");
    assert_eq!(server.asked("PATCH").len(), 1, "it is refused once, and that is that");
}

#[test]
fn a_file_that_changed_is_told_as_such() {
    let (server, place) = (Server::start(), Place::new());
    let push = place.image(&[&noise(1000, 1)], "1");
    let path = &push.blobs[0].path;
    for (bytes, words) in [(noise(1000, 2), "it is sha256:"), (noise(999, 1), "it has 999 bytes")] {
        fs_err::write(path, bytes).unwrap();
        let report = refused(&server, &place, &push);
        assert!(report.contains("is not what its digest says") && report.contains(path.as_str()), "{report}");
        assert!(report.contains(words), "{report}");
    }
    fs_err::remove_file(path).unwrap();
    assert!(refused(&server, &place, &push).contains("cannot be read"));
    fs_err::write(path, noise(1000, 1)).unwrap();
    pushed(&place.client(), &server, &push);
}

/// A signature of the image, so to speak.
fn referring(place: &Place, subject: &str, kind: &str) -> Push {
    let config = place.blob(b"{}");
    let json = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "layers": [],
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config.digest, "size": 2},
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1}});
    Push { blobs: vec![config], manifests: vec![Place::manifest(MANIFEST, &json, &[])] }
}

#[test]
fn what_refers_to_an_image_is_listed_under_a_tag_where_the_registry_keeps_no_list() {
    let (server, place) = (Server::start(), Place::new());
    let client = place.client();
    let image = place.image(&[b"layer"], "1");
    pushed(&client, &server, &image);
    let subject = &image.manifests[0].digest;
    let tag = subject.replace(':', "-");
    let (first, second) = (referring(&place, subject, "a/first"), referring(&place, subject, "a/second"));
    for push in [&first, &second, &first] {
        pushed(&client, &server, push);
    }
    let list: serde_json::Value = serde_json::from_slice(&server.manifest("app", &tag).unwrap()).unwrap();
    let listed: Vec<_> =
        list["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
    assert_eq!(listed, [&first.manifests[0].digest, &second.manifests[0].digest]);
    assert_eq!(list["manifests"][1]["artifactType"], "a/second");
}

#[test]
fn a_registry_that_keeps_the_list_itself_needs_no_tag() {
    let (server, place) = (Server::start(), Place::new());
    server.state().referrers = true;
    let subject = digest(b"an image");
    pushed(&place.client(), &server, &referring(&place, &subject, "a/signature"));
    assert_eq!(server.manifest("app", &subject.replace(':', "-")), None);
}
