//! A base comes into a store: only what is missing, also when the time before went wrong.

use cargo_dockerize::failure::{Failure, Kind};
use cargo_dockerize::oci::image::Base;
use cargo_dockerize::oci::{Store, pull, pulled};
use serde_json::json;

use super::server::{Fault, Server, digest};
use super::support::{INDEX, MANIFEST, Place, again, inner, noise};

const LAYER: usize = 100_000;
const LAYERS: u64 = 6;

/// Layers of an image, one of them twice.
fn layers(seed: u64) -> Vec<Vec<u8>> {
    let mut layers: Vec<_> = (0..LAYERS).map(|layer| noise(LAYER, 10 * seed + layer)).collect();
    layers.push(layers[0].clone());
    layers
}

/// An image of several layers; gives its manifest's digest.
fn image(server: &Server, architecture: &str, seed: u64) -> (String, usize) {
    let config = format!(r#"{{"os": "linux", "architecture": "{architecture}"}}"#);
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "size": config.len(),
        "digest": server.add_blob("base", config.as_bytes())});
    let layers = layers(seed).into_iter().map(|layer| {
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "size": LAYER,
            "digest": server.add_blob("base", &layer)})
    });
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
        "layers": layers.collect::<Vec<_>>()});
    let bytes = manifest.to_string().into_bytes();
    (server.add_manifest("base", architecture, MANIFEST, &bytes), bytes.len())
}

/// An index of two platforms under `base:1`; gives its digest.
fn index(server: &Server, seed: u64) -> String {
    let images = [("amd64", image(server, "amd64", seed)), ("arm64", image(server, "arm64", seed + 1))];
    let manifests = images.map(|(architecture, (digest, size))| {
        json!({"mediaType": MANIFEST, "digest": digest, "size": size,
            "platform": {"os": "linux", "architecture": architecture}})
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    server.add_manifest("base", "1", INDEX, index.to_string().as_bytes())
}

fn name(server: &Server) -> String {
    format!("{}/base:1", server.name)
}

fn store(place: &Place) -> Store {
    Store::open(place.path("store")).unwrap()
}

fn get(server: &Server, place: &Place, store: &Store) -> Result<Base, Failure> {
    pull(&place.client(), store, &name(server), "linux/amd64", &|_| {})
}

/// How many requests for blobs and manifests were made since the last time.
fn asked(server: &Server) -> usize {
    let mut state = server.state();
    let asked = state.log.iter().filter(|line| line.starts_with("GET /v2/base/")).count();
    state.log.clear();
    asked
}

/// All layers are there and right, and nothing else came with them.
fn whole(place: &Place, store: &Store, base: &Base) {
    for (descriptor, layer) in base.layers.iter().zip(layers(1)) {
        assert_eq!(fs_err::read(store.blob(descriptor.digest().as_ref()).unwrap()).unwrap(), layer);
    }
    assert_eq!(place.path("store/incoming").read_dir_utf8().unwrap().count(), 0);
}

#[test]
fn a_base_is_fetched_once() {
    let (server, place) = (Server::start(), Place::new());
    let named = index(&server, 1);
    let store = store(&place);
    let told = std::sync::Mutex::new(std::collections::BTreeMap::new());
    let base = pull(&place.client(), &store, &name(&server), "linux/amd64", &|progress| {
        told.lock().unwrap().insert(progress.digest.to_owned(), (progress.done, progress.total));
    })
    .unwrap();
    assert_eq!((&base.reference, &base.named), (&name(&server), &named));
    assert_eq!(base.config, br#"{"os": "linux", "architecture": "amd64"}"#);
    whole(&place, &store, &base);
    assert_eq!(told.lock().unwrap().len() as u64, LAYERS);
    assert!(told.lock().unwrap().values().all(|(done, total)| (*done, *total) == (LAYER as u64, LAYER as u64)));
    assert_eq!(asked(&server) as u64, LAYERS + 3, "index, manifest, configuration, and each layer once");

    // The tag names what it named: nothing is read, and nobody is told of layers that do not come.
    let again = pull(&place.client(), &store, &name(&server), "linux/amd64", &|_| panic!("nothing comes")).unwrap();
    assert_eq!(again, base);
    assert_eq!(server.asked("HEAD /v2/base/manifests/1").len(), 1);
    assert_eq!(asked(&server), 0);

    // By digest nobody is even greeted, also where there is another tag.
    for pinned in [format!("{}/base@{named}", server.name), format!("{}/base:gone@{named}", server.name)] {
        let pinned = pull(&place.client(), &store, &pinned, "linux/amd64", &|_| {}).unwrap();
        assert_eq!((pinned.named, pinned.layers), (base.named.clone(), base.layers.clone()));
    }
    assert_eq!(server.state().log.len(), 0);

    // What a build keeps is what it takes.
    store.collect(&base.blobs()).unwrap();
    assert_eq!(pulled(&store, &name(&server), "linux/amd64").unwrap(), base);
    let failure = pulled(&store, &name(&server), "linux/arm64").unwrap_err();
    assert!(failure.report().contains("was not pulled before"), "{}", failure.report());
    assert_eq!(server.state().log.len(), 0);
}

#[test]
fn a_tag_that_moved_is_read_anew_and_without_network_it_is_what_it_was() {
    let (server, place) = (Server::start(), Place::new());
    index(&server, 1);
    let store = store(&place);
    let first = get(&server, &place, &store).unwrap();
    asked(&server);
    let moved = index(&server, 3);
    assert_eq!(pulled(&store, &name(&server), "linux/amd64").unwrap(), first);
    let second = get(&server, &place, &store).unwrap();
    assert_eq!(second.named, moved);
    assert_eq!(asked(&server) as u64, LAYERS + 2, "the configuration is the same");
    assert_eq!(pulled(&store, &name(&server), "linux/amd64").unwrap(), second);
    // The registry is gone: the way out is told.
    server.fails("HEAD", "/manifests/", 3, Fault::Status(503, Vec::new()));
    let report = get(&server, &place, &store).unwrap_err().report();
    assert!(report.contains("503") && report.contains("build with `--offline`"), "{report}");
    // It does not say what a tag names without giving it.
    server.fails("HEAD", "/manifests/", 1, Fault::Status(405, Vec::new()));
    assert_eq!(get(&server, &place, &store).unwrap(), second);
}

#[test]
fn what_came_before_a_failure_is_kept_and_only_the_rest_is_fetched() {
    // As often as it takes to fail once.
    let faults = [
        (3, Fault::CutAnswer(1000)),
        (1, Fault::Corrupt),
        (1, Fault::Status(403, Vec::new())),
        (1, Fault::Status(429, vec![("Retry-After", "3600".to_owned())])),
    ];
    for (times, fault) in faults {
        let (server, place) = (Server::start(), Place::new());
        index(&server, 1);
        let store = store(&place);
        let last = digest(&layers(1)[5]);
        server.fails("GET", &last, times, fault.clone());
        let failure = get(&server, &place, &store).unwrap_err();
        assert_eq!(failure.kind(), Kind::Engine, "{}", failure.report());
        assert_eq!(place.path("store/incoming").read_dir_utf8().unwrap().count(), 0, "{fault:?}");
        assert!(!store.blob(&last).unwrap().exists(), "{fault:?}");
        let there = layers(1)[..6].iter().filter(|layer| store.blob(&digest(layer)).unwrap().exists()).count();
        assert!(there > 0, "{fault:?}");
        asked(&server);
        let base = get(&server, &place, &store).unwrap();
        whole(&place, &store, &base);
        assert_eq!(server.asked("GET /v2/base/blobs/").len(), 6 - there, "{fault:?}");
    }
}

#[test]
fn what_was_damaged_on_the_disk_is_fetched_again() {
    let (server, place) = (Server::start(), Place::new());
    index(&server, 1);
    let store = store(&place);
    let base = get(&server, &place, &store).unwrap();
    let damage = |part: &str, bytes: &[u8]| {
        let path = store.blob(part).unwrap();
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, bytes).unwrap();
    };
    let layer = |index: usize| base.layers[index].digest().to_string();
    // Of the right size, too short, and what the layers are known by.
    damage(&layer(0), &noise(LAYER, 99));
    damage(&layer(1), b"short");
    damage(&base.digest, b"{}");
    asked(&server);
    assert_eq!(get(&server, &place, &store).unwrap(), base);
    whole(&place, &store, &base);
    assert_eq!(asked(&server), 3);
}

#[test]
fn two_builds_fetch_one_base_at_once() {
    let (server, place) = (Server::start(), Place::new());
    index(&server, 1);
    std::thread::scope(|scope| {
        let builds: Vec<_> = (0..4).map(|_| scope.spawn(|| get(&server, &place, &store(&place)).unwrap())).collect();
        let bases: Vec<_> = builds.into_iter().map(|build| build.join().unwrap()).collect();
        assert!(bases.iter().all(|base| *base == bases[0]));
    });
    let store = store(&place);
    whole(&place, &store, &pulled(&store, &name(&server), "linux/amd64").unwrap());
}

#[test]
fn an_interrupt_leaves_what_is_whole() {
    if !inner() {
        return again("base::an_interrupt_leaves_what_is_whole", |_| {});
    }
    cargo_dockerize::exec::handle_interrupts();
    let (server, place) = (Server::start(), Place::new());
    index(&server, 1);
    let store = store(&place);
    let interrupt = || {
        let pid = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    };
    server.fails("GET", &digest(&layers(1)[5]), 1, Fault::Hang(interrupt));
    let failure = get(&server, &place, &store).unwrap_err();
    assert_eq!(failure.kind(), Kind::Interrupted, "{}", failure.report());
    assert_eq!(place.path("store/incoming").read_dir_utf8().unwrap().count(), 0);
    for entry in place.path("store/blobs/sha256").read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(digest(&fs_err::read(entry.path()).unwrap())[7..], *entry.file_name());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_a_store_that_can_be_used() {
    use super::support::on_a_small_disk;
    let Some(small) = on_a_small_disk("base::a_full_disk_leaves_a_store_that_can_be_used", "300k") else { return };
    let (server, place) = (Server::start(), Place::new());
    index(&server, 1);
    let store = Store::open(small.join("store")).unwrap();
    let failure = get(&server, &place, &store).unwrap_err();
    assert!(failure.report().contains("the disk is full"), "{}", failure.report());
    assert_eq!(small.join("store/incoming").read_dir_utf8().unwrap().count(), 0);
    let mut there = 0;
    for entry in small.join("store/blobs/sha256").read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(digest(&fs_err::read(entry.path()).unwrap())[7..], *entry.file_name());
        there += 1;
    }
    assert!(there >= 3, "index, manifest and configuration had room");
}
