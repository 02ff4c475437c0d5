//! What comes, and what does not.

use cargo_dockerize::failure::{Failure, Kind};
use cargo_dockerize::registry::{Client, Options, Pace, Policy, Reference, Resolved};
use serde_json::json;
use std::time::Duration;

use super::server::{Fault, Server};
use super::support::{INDEX, Place, again, inner, noise, published, reference};

const LAYER: usize = 300_000;

/// An index of two platforms under `base:1`.
fn base(server: &Server) -> String {
    let amd64 = published(server, "base", "amd64", ("linux", "amd64"), &noise(LAYER, 1));
    let arm64 = published(server, "base", "arm64", ("linux", "arm64"), &noise(LAYER, 2));
    let manifests: Vec<_> = [("amd64", amd64), ("arm64", arm64)]
        .iter()
        .map(|(architecture, digest)| {
            json!({"mediaType": super::support::MANIFEST, "digest": digest, "size": 1,
                "platform": {"os": "linux", "architecture": architecture}})
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    server.add_manifest("base", "1", INDEX, index.to_string().as_bytes())
}

fn fetched(client: &Client, reference: &Reference, resolved: &Resolved, place: &Place) -> Result<(), Failure> {
    client.fetch(reference, &resolved.layers[0], &place.path("out/layer"))
}

/// An image of one layer, resolved.
fn one(server: &Server, place: &Place) -> (Client, Reference, Resolved) {
    published(server, "one", "1", ("linux", "amd64"), &noise(LAYER, 1));
    let (client, reference) = (place.client(), reference(&server.name, "one:1"));
    let resolved = client.resolve(&reference, "linux/amd64").unwrap();
    (client, reference, resolved)
}

#[test]
fn the_platform_is_chosen_by_tag_and_by_digest() {
    let (server, place) = (Server::start(), Place::new());
    let named = base(&server);
    let client = place.client();
    for name in ["base:1".to_owned(), format!("base@{named}"), format!("base:gone@{named}")] {
        let reference = reference(&server.name, &name);
        let resolved = client.resolve(&reference, "linux/arm64/v8").unwrap();
        assert_eq!(resolved.named, named);
        assert_eq!(server.manifest("base", "arm64").unwrap(), resolved.manifest);
        assert_eq!(String::from_utf8(resolved.config.clone()).unwrap(), r#"{"os": "linux", "architecture": "arm64"}"#);
        fetched(&client, &reference, &resolved, &place).unwrap();
        assert_eq!(fs_err::read(place.path("out/layer")).unwrap(), noise(LAYER, 2));
    }
    assert_eq!(place.left(), ["layer"]);
    let greetings = server.asked("GET /v2/").iter().filter(|line| *line == "GET /v2/").count();
    assert_eq!(greetings, 1, "the registry is greeted once");
}

#[test]
fn dockers_media_types_are_images_too() {
    let (server, place) = (Server::start(), Place::new());
    let manifest = published(&server, "one", "oci", ("linux", "amd64"), b"layer");
    let text = String::from_utf8(server.manifest("one", &manifest).unwrap()).unwrap();
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let digest =
        server.add_manifest("one", "docker", docker, text.replace(super::support::MANIFEST, docker).as_bytes());
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let index = json!({"schemaVersion": 2, "mediaType": list, "manifests": [{"mediaType": docker, "digest": digest, "size": 1,
        "platform": {"os": "linux", "architecture": "amd64"}}]});
    server.add_manifest("one", "list", list, index.to_string().as_bytes());
    for tag in ["docker", "list"] {
        let resolved = place.client().resolve(&reference(&server.name, &format!("one:{tag}")), "linux/amd64").unwrap();
        assert_eq!((resolved.digest.as_str(), resolved.media_type.as_str()), (digest.as_str(), docker));
    }
}

#[test]
fn another_platform_is_no_base() {
    let (server, place) = (Server::start(), Place::new());
    base(&server);
    let client = place.client();
    let report = client.resolve(&reference(&server.name, "base:1"), "linux/s390x").unwrap_err().report();
    assert!(report.contains("no image for linux/s390x") && report.contains("linux/amd64, linux/arm64"), "{report}");
    let report = client.resolve(&reference(&server.name, "base:arm64"), "linux/amd64").unwrap_err().report();
    assert!(report.contains("it is for linux/arm64, not for linux/amd64"), "{report}");
}

#[test]
fn a_base_that_is_not_there_is_told_with_its_name() {
    let (server, place) = (Server::start(), Place::new());
    let failure = place.client().resolve(&reference(&server.name, "base:1"), "linux/amd64").unwrap_err();
    let report = failure.report();
    for words in
        [&server.name, "base", "pull 1", "404", "check the name", "docker login", "in the registry's own words"]
    {
        assert!(report.contains(words), "{words} is missing in:\n{report}");
    }
    assert_eq!(failure.kind(), Kind::Engine);
}

#[test]
fn a_blob_that_broke_off_is_gone_on_with() {
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    server.fails("GET", "/blobs/", 2, Fault::CutAnswer(100_000));
    fetched(&client, &reference, &resolved, &place).unwrap();
    assert_eq!(fs_err::read(place.path("out/layer")).unwrap(), noise(LAYER, 1));
    let asked = server.asked(&format!("GET /v2/one/blobs/{}", resolved.layers[0].digest()));
    let ranges: Vec<_> = asked.iter().map(|line| line.split(' ').nth(2).unwrap_or_default()).collect();
    assert_eq!(ranges, ["", "bytes=100000-", "bytes=200000-"]);
    assert_eq!(place.left(), ["layer"]);
}

#[test]
fn a_registry_that_knows_no_ranges_gives_all_again() {
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    server.fails("GET", "/blobs/", 1, Fault::CutAnswer(100_000));
    server.fails("GET", "/blobs/", 1, Fault::NoRange);
    fetched(&client, &reference, &resolved, &place).unwrap();
    assert_eq!(fs_err::read(place.path("out/layer")).unwrap(), noise(LAYER, 1));
}

#[test]
fn a_blob_that_always_breaks_off_leaves_nothing_and_the_next_run_succeeds() {
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    server.fails("GET", "/blobs/", 3, Fault::CutAnswer(1000));
    let report = fetched(&client, &reference, &resolved, &place).unwrap_err().report();
    assert!(report.contains("did not answer, 3 times") && report.contains("3000 of 300000 bytes"), "{report}");
    assert_eq!(place.left(), [""; 0]);
    fetched(&client, &reference, &resolved, &place).unwrap();
}

#[test]
fn a_corrupted_blob_is_refused_and_the_next_run_succeeds() {
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    server.fails("GET", "/blobs/", 1, Fault::Corrupt);
    let report = fetched(&client, &reference, &resolved, &place).unwrap_err().report();
    assert!(report.contains("is not what its digest says") && report.contains(&server.name), "{report}");
    assert_eq!(place.left(), [""; 0]);
    fetched(&client, &reference, &resolved, &place).unwrap();
}

#[test]
fn halves_of_different_things_are_fetched_once_more() {
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    server.fails("GET", "/blobs/", 1, Fault::CutAnswer(1000));
    server.fails("GET", "/blobs/", 1, Fault::Corrupt);
    fetched(&client, &reference, &resolved, &place).unwrap();
    assert_eq!(fs_err::read(place.path("out/layer")).unwrap(), noise(LAYER, 1));
}

#[test]
fn a_blob_that_is_longer_than_said_is_refused() {
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    let key = ("one".to_owned(), resolved.layers[0].digest().to_string());
    server.state().blobs.insert(key, noise(LAYER + 1, 1));
    let report = fetched(&client, &reference, &resolved, &place).unwrap_err().report();
    assert!(report.contains("more comes than"), "{report}");
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn what_its_digest_does_not_say_is_refused() {
    let (server, place) = (Server::start(), Place::new());
    let named = base(&server);
    let client = place.client();
    // By a digest in the reference, by one in the index, and the configuration.
    for (path, name) in
        [("manifests/", format!("base@{named}")), ("manifests/sha256", "base:1".into()), ("blobs/", "base:1".into())]
    {
        server.fails("GET", path, 1, Fault::Corrupt);
        let report = client.resolve(&reference(&server.name, &name), "linux/amd64").unwrap_err().report();
        assert!(report.contains("is not what its digest says"), "{path}: {report}");
    }
    client.resolve(&reference(&server.name, "base:1"), "linux/amd64").unwrap();
}

#[test]
fn a_manifest_that_broke_off_is_asked_for_again() {
    let (server, place) = (Server::start(), Place::new());
    base(&server);
    server.fails("GET", "manifests/", 2, Fault::CutAnswer(10));
    place.client().resolve(&reference(&server.name, "base:1"), "linux/amd64").unwrap();
}

#[test]
fn a_registry_that_is_ill_for_a_while_is_waited_for() {
    let (server, place) = (Server::start(), Place::new());
    base(&server);
    server.fails("GET", "/manifests/", 2, Fault::Status(500, Vec::new()));
    server.fails("GET", "/blobs/", 1, Fault::Status(503, Vec::new()));
    server.fails("GET", "/v2/", 1, Fault::Status(502, Vec::new()));
    place.client().resolve(&reference(&server.name, "base:1"), "linux/amd64").unwrap();
}

#[test]
fn a_registry_that_stays_ill_is_told() {
    let (server, place) = (Server::start(), Place::new());
    let client = place.client();
    server.fails("GET", "/manifests/", 3, Fault::Status(500, Vec::new()));
    let report = client.resolve(&reference(&server.name, "base:1"), "linux/amd64").unwrap_err().report();
    for words in ["could not pull 1 from", &server.name, "status 500", "registry's log", "in the registry's own words"]
    {
        assert!(report.contains(words), "{words} is missing in:\n{report}");
    }
    assert_eq!(server.asked("GET /v2/base/manifests/1").len(), 3);
}

#[test]
fn a_registry_that_wants_fewer_requests_gets_them() {
    let (server, place) = (Server::start(), Place::new());
    base(&server);
    let client = place.client();
    let reference = reference(&server.name, "base:1");
    server.fails("GET", "/manifests/1", 1, Fault::Status(429, vec![("Retry-After", "0".into())]));
    server.fails(
        "GET",
        "/manifests/1",
        1,
        Fault::Status(429, vec![("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT".into())]),
    );
    client.resolve(&reference, "linux/amd64").unwrap();
    // Nobody waits for an hour without being asked.
    server.fails("GET", "/manifests/1", 1, Fault::Status(429, vec![("Retry-After", "3600".into())]));
    let report = client.resolve(&reference, "linux/amd64").unwrap_err().report();
    assert!(report.contains("wants fewer requests") && report.contains("for 3600 s"), "{report}");
    client.resolve(&reference, "linux/amd64").unwrap();
}

#[test]
fn where_a_blob_lies_elsewhere_it_is_fetched_there_without_our_name() {
    let (server, other, place) = (Server::start(), Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    let digest = other.add_blob("cdn", &noise(LAYER, 1));
    let to = format!("http://{}/v2/cdn/blobs/{digest}", other.name);
    server.fails("GET", "/blobs/", 1, Fault::Status(307, vec![("Location", to)]));
    fetched(&client, &reference, &resolved, &place).unwrap();
    assert_eq!(other.asked("GET /v2/cdn/").len(), 1);
    server.fails("GET", "/blobs/", 1, Fault::Status(307, vec![("Location", "http://cdn.example/blob".into())]));
    let report = fetched(&client, &reference, &resolved, &place).unwrap_err().report();
    assert!(report.contains("without TLS"), "{report}");
}

#[test]
fn nobody_answers() {
    let place = Place::new();
    // A port that was free a moment ago.
    let name = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let report = place.client().resolve(&reference(&name, "base:1"), "linux/amd64").unwrap_err().report();
    assert!(report.contains(&format!("could not reach {name}")) && report.contains("3 times"), "{report}");
}

#[test]
fn an_interrupt_ends_a_request_that_hangs_and_leaves_nothing() {
    if !inner() {
        return again("pull::an_interrupt_ends_a_request_that_hangs_and_leaves_nothing", |_| {});
    }
    cargo_dockerize::exec::handle_interrupts();
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    let interrupt = || {
        let pid = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    };
    server.fails("GET", "/blobs/", 1, Fault::CutAnswer(1000));
    server.fails("GET", "/blobs/", 1, Fault::Hang(interrupt));
    let failure = fetched(&client, &reference, &resolved, &place).unwrap_err();
    assert_eq!(failure.kind(), Kind::Interrupted, "{}", failure.report());
    assert_eq!(place.left(), [""; 0]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_nothing_is_left() {
    use super::support::on_a_small_disk;
    let Some(small) = on_a_small_disk("pull::a_full_disk_is_told_and_nothing_is_left", "64k") else { return };
    let (server, place) = (Server::start(), Place::new());
    let (client, reference, resolved) = one(&server, &place);
    let failure = client.fetch(&reference, &resolved.layers[0], &small.join("layer")).unwrap_err();
    let report = failure.report();
    assert!(report.contains("the disk is full") && report.contains(small.as_str()), "{report}");
    assert_eq!(small.read_dir_utf8().unwrap().count(), 0);
    fetched(&client, &reference, &resolved, &place).unwrap();
}

#[test]
fn a_registry_that_gives_a_byte_now_and_then_is_given_up() {
    let (server, place) = (Server::start(), Place::new());
    published(&server, "one", "1", ("linux", "amd64"), &noise(LAYER, 1));
    let retry = Policy { attempts: 2, first: Duration::from_millis(1), ..Policy::default() };
    let slow = Pace { least: 10_000, window: Duration::from_millis(100) };
    let client = Client::new(Options { pace: slow, retry, ..place.options() }).unwrap();
    let reference = reference(&server.name, "one:1");
    server.fails("GET", "/manifests/", 2, Fault::Trickle(20));
    let failure = client.resolve(&reference, "linux/amd64").unwrap_err();
    assert_eq!(failure.kind(), Kind::Engine);
    let resolved = client.resolve(&reference, "linux/amd64").unwrap();
    server.fails("GET", "/blobs/", 2, Fault::Trickle(20));
    let report = fetched(&client, &reference, &resolved, &place).unwrap_err().report();
    assert!(report.contains("less than 10000 a second"), "{report}");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn no_further_request_is_made_when_the_time_is_up() {
    let (server, place) = (Server::start(), Place::new());
    let retry = Policy {
        attempts: 1000,
        first: Duration::from_millis(1),
        total: Duration::from_millis(100),
        ..Policy::default()
    };
    let client = Client::new(Options { retry, ..place.options() }).unwrap();
    server.fails("GET", "/manifests/", 1000, Fault::Status(503, Vec::new()));
    let failure = client.resolve(&reference(&server.name, "one:1"), "linux/amd64").unwrap_err();
    assert_eq!(failure.kind(), Kind::Engine);
    assert!(server.asked("GET /v2/one/manifests").len() < 1000);
}
