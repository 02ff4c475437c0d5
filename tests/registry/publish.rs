//! What lies in a store goes to registries, and what another repository has is not sent twice.

use cargo_dockerize::attest::{Document, IN_TOTO, SPDX};
use cargo_dockerize::failure::{Failure, Kind};
use cargo_dockerize::oci::image::{Base, Bundle, Image};
use cargo_dockerize::oci::{Published, Store, attach, publish, pull};
use cargo_dockerize::registry::{Client, Outcome};
use oci_spec::image::{Arch, Descriptor, MediaType, Os, Platform, PlatformBuilder};
use serde_json::{Value, json};

use super::server::{Door, Fault, Server, digest};
use super::support::{Place, noise, published};

const LAYER: usize = 200_000;
const PREDICATE: &str = "https://a.example/predicate";

pub fn store(place: &Place) -> Store {
    Store::open(place.path("store")).unwrap()
}

fn entry(descriptor: &Descriptor) -> Value {
    json!({"mediaType": descriptor.media_type(), "digest": descriptor.digest(), "size": descriptor.size()})
}

fn platform(arch: Arch) -> Platform {
    PlatformBuilder::default().os(Os::Linux).architecture(arch).build().unwrap()
}

/// An image of a layer on a base's.
fn image(store: &Store, base: Option<&Base>, layer: &[u8], arch: &Arch) -> Image {
    let mut layers = base.map_or_else(Vec::new, |base| base.layers.clone());
    layers.push(store.put(MediaType::ImageLayer, layer).unwrap());
    let config = json!({"os": "linux", "architecture": arch, "layer": digest(layer)});
    let config = store.put(MediaType::ImageConfig, config.to_string().as_bytes()).unwrap();
    let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::ImageManifest, "config": entry(&config),
        "layers": layers.iter().map(entry).collect::<Vec<_>>()});
    let mut manifest = store.put(MediaType::ImageManifest, manifest.to_string().as_bytes()).unwrap();
    manifest.set_platform(Some(platform(arch.clone())));
    Image { manifest, config, layers, platform: platform(arch.clone()), base: base.cloned() }
}

fn documents(text: &str) -> [Document; 2] {
    let document = |kind| Document {
        artifact_type: kind,
        media_type: kind,
        predicate: PREDICATE,
        bytes: format!("{kind} {text}").into_bytes(),
    };
    [document(SPDX), document(IN_TOTO)]
}

/// One image, with documents about it.
pub fn single(store: &Store, base: Option<&Base>, layer: &[u8]) -> Bundle {
    let image = image(store, base, layer, &Arch::Amd64);
    let attached = attach(store, &image.manifest, &documents("amd64"), None).unwrap();
    Bundle { root: image.manifest.clone(), images: vec![image], attached }
}

/// Two under an index.
fn double(store: &Store, layer: &[u8]) -> Bundle {
    let images = [Arch::Amd64, Arch::ARM64].map(|arch| image(store, None, layer, &arch));
    let manifests = images.iter().map(|image| {
        let mut entry = entry(&image.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": image.platform.architecture()});
        entry
    });
    let index = json!({"schemaVersion": 2, "mediaType": MediaType::ImageIndex,
        "manifests": manifests.collect::<Vec<_>>()});
    let root = store.put(MediaType::ImageIndex, index.to_string().as_bytes()).unwrap();
    let attached = images.iter().flat_map(|image| {
        let architecture = image.platform.architecture().to_string();
        attach(store, &image.manifest, &documents(&architecture), None).unwrap()
    });
    Bundle { root, attached: attached.collect(), images: images.to_vec() }
}

pub fn push(client: &Client, store: &Store, bundle: &Bundle, names: &[String]) -> Result<Vec<Published>, Failure> {
    publish(client, store, bundle, names, &|progress| assert!(progress.done <= progress.total))
}

fn names<const N: usize>(server: &Server, rest: [&str; N]) -> Vec<String> {
    rest.map(|rest| format!("{}/{rest}", server.name)).into()
}

pub fn outcome(published: &Published, layer: &[u8]) -> Outcome {
    published.blobs.iter().find(|(one, _)| *one == digest(layer)).unwrap().1
}

/// Names of manifests in the order in which they were put.
fn put(server: &Server, repository: &str) -> Vec<String> {
    let puts = server.asked(&format!("PUT /v2/{repository}/manifests/"));
    puts.iter().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn two_platforms_and_their_documents_go_under_two_tags() {
    for api in [true, false] {
        let (server, place) = (Server::start(), Place::new());
        server.state().referrers = api;
        let (store, client, layer) = (store(&place), place.client(), noise(LAYER, 1));
        let bundle = double(&store, &layer);
        let told = std::sync::Mutex::new(std::collections::BTreeMap::new());
        let done = publish(&client, &store, &bundle, &names(&server, ["shop/api:1", "shop/api"]), &|progress| {
            told.lock().unwrap().insert(progress.digest.to_owned(), (progress.done, progress.total));
        });
        let [done] = done.unwrap().try_into().unwrap();
        let root = bundle.root.digest().to_string();
        assert_eq!(done.reference, format!("{}/shop/api@{root}", server.name));
        assert_eq!(done.tags, ["1", "latest"]);
        assert_eq!(outcome(&done, &layer), Outcome::Uploaded(LAYER as u64));
        let total: u64 = told.lock().unwrap().values().map(|(done, total)| (*done).min(*total)).sum();
        assert_eq!((done.sent(), done.blobs.len()), (total, 8), "a layer, configurations, an empty one, documents");

        // Children, the index, documents; tags when all of that is there.
        let order: Vec<String> = bundle
            .images
            .iter()
            .map(|image| &image.manifest)
            .chain([&bundle.root])
            .chain(bundle.attached.iter().map(|attached| &attached.manifest))
            .map(|descriptor| descriptor.digest().to_string())
            .chain(["1".into(), "latest".into()])
            .collect();
        let lists: Vec<String> =
            put(&server, "shop/api").into_iter().filter(|name| !name.starts_with("sha256-")).collect();
        assert_eq!(lists, order);

        for image in &bundle.images {
            let subject = image.manifest.digest().to_string();
            let list: Value = serde_json::from_slice(&listed(&server, "shop/api", &subject)).unwrap();
            let found = list["manifests"].as_array().unwrap();
            assert_eq!(found.len(), 2, "{api} {list}");
            for (kind, predicate) in [(SPDX, &Value::Null), (IN_TOTO, &json!(PREDICATE))] {
                let one = found.iter().find(|one| one["artifactType"] == kind).unwrap();
                assert_eq!(&one["annotations"]["in-toto.io/predicate-type"], predicate);
                assert!(server.manifest("shop/api", one["digest"].as_str().unwrap()).is_some());
            }
        }
    }
}

/// What refers to a manifest, as the specification tells clients to find it.
fn listed(server: &Server, repository: &str, subject: &str) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(&server.name).unwrap();
    write!(stream, "GET /v2/{repository}/referrers/{subject} HTTP/1.1\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    if head.starts_with("HTTP/1.1 200") {
        return body.as_bytes().to_vec();
    }
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    server.manifest(repository, &subject.replace(':', "-")).unwrap()
}

#[test]
fn a_base_is_mounted_from_its_repository_and_what_images_share_from_the_first() {
    let (server, other, place) = (Server::start(), Server::start(), Place::new());
    let (below, shared) = (noise(LAYER, 1), noise(LAYER, 2));
    published(&server, "base", "1", ("linux", "amd64"), &below);
    let (store, client) = (store(&place), place.client());
    let base = pull(&client, &store, &format!("{}/base:1", server.name), "linux/amd64", &|_| {}).unwrap();
    let bundle = single(&store, Some(&base), &shared);
    let to = [names(&server, ["shop/api:1", "shop/worker:1"]), names(&other, ["api:1"])].concat();
    let done = push(&client, &store, &bundle, &to).unwrap();
    let outcomes: Vec<_> = done.iter().map(|one| (outcome(one, &below), outcome(one, &shared))).collect();
    let sent = Outcome::Uploaded(LAYER as u64);
    assert_eq!(outcomes, [(Outcome::Mounted, sent), (Outcome::Mounted, Outcome::Mounted), (sent, sent)]);
    // All of it, configuration and documents too.
    assert_eq!(done[1].sent(), 0);

    // Another image of the same run.
    let next = single(&store, Some(&base), &noise(LAYER, 3));
    let done = push(&client, &store, &next, &names(&server, ["shop/jobs:1"])).unwrap();
    assert_eq!((outcome(&done[0], &below), outcome(&done[0], &noise(LAYER, 3))), (Outcome::Mounted, sent));
    let mounted = server.state().blobs.contains_key(&("shop/jobs".to_owned(), digest(&below)));
    assert!(mounted);

    // A new run does not know what this one did, and has the base all the same.
    server.state().blobs.retain(|(repository, _), _| repository == "base");
    let done = push(&place.client(), &store, &bundle, &names(&server, ["shop/api:1"])).unwrap();
    assert_eq!((outcome(&done[0], &below), outcome(&done[0], &shared)), (Outcome::Mounted, sent));
}

#[test]
fn a_private_registry_is_shown_who_we_are_also_for_what_is_mounted() {
    let (server, place) = (Server::start(), Place::new());
    let (below, own) = (noise(LAYER, 1), noise(LAYER, 2));
    published(&server, "base", "1", ("linux", "amd64"), &below);
    server.state().door = Door::Private("me", "a password");
    let (store, base) = (store(&place), format!("{}/base:1", server.name));
    let get = |client: &Client| pull(client, &store, &base, "linux/amd64", &|_| {});
    let report = get(&place.client()).unwrap_err().report();
    assert!(report.contains(&format!("docker login {}", server.name)), "{report}");
    place.log_in(&server.name, &json!({"username": "me", "password": "a password"}));
    let client = place.client();
    let bundle = single(&store, Some(&get(&client).unwrap()), &own);
    let done = push(&client, &store, &bundle, &names(&server, ["api:1", "worker:1"])).unwrap();
    let outcomes: Vec<_> = done.iter().map(|one| (outcome(one, &below), outcome(one, &own))).collect();
    let sent = Outcome::Uploaded(LAYER as u64);
    assert_eq!(outcomes, [(Outcome::Mounted, sent), (Outcome::Mounted, Outcome::Mounted)]);
    let scopes = server.state().scopes.clone();
    assert!(scopes.contains(&"repository:worker:pull,push repository:api:pull".to_owned()), "{scopes:?}");
    // Tokens end in the middle of a run, and the registry is not well for a while.
    server.state().forget_tokens();
    server.fails("HEAD", "/blobs/", 1, Fault::Status(503, Vec::new()));
    server.fails("PUT", "/manifests/", 1, Fault::Status(429, vec![("Retry-After", "0".to_owned())]));
    push(&client, &store, &bundle, &names(&server, ["jobs:1"])).unwrap();
}

#[test]
fn what_was_pushed_stays_and_the_next_run_pushes_the_rest() {
    let (server, other, place) = (Server::start(), Server::start(), Place::new());
    let (store, layer) = (store(&place), noise(LAYER, 1));
    let bundle = single(&store, None, &layer);
    let to = [names(&server, ["api:1"]), names(&other, ["api:1"])].concat();
    for method in ["PUT", "PATCH"] {
        other.fails(method, "uploads/", 3, Fault::CutRequest(100_000));
    }
    other.state().forgetful = true;
    let failure = push(&place.client(), &store, &bundle, &to).unwrap_err();
    let report = failure.report();
    assert!(report.contains(&format!("was pushed: {}/api@", server.name)) && report.contains("3 times"), "{report}");
    assert!(server.manifest("api", "1").is_some() && other.manifest("api", "1").is_none());
    let done = push(&place.client(), &store, &bundle, &to).unwrap();
    assert_eq!(done[0].sent(), 0);
    assert_eq!(outcome(&done[1], &layer), Outcome::Uploaded(LAYER as u64));
    assert!(other.manifest("api", "1").is_some());
    let done = push(&place.client(), &store, &bundle, &to).unwrap();
    assert!(done.iter().all(|one| one.sent() == 0));
}

#[test]
fn a_document_that_is_refused_leaves_the_tag_where_it_was() {
    let (server, place) = (Server::start(), Place::new());
    let store = store(&place);
    let bundle = single(&store, None, &noise(LAYER, 1));
    let attached = bundle.attached[1].manifest.digest().to_string();
    server.fails("PUT", &attached, 1, Fault::Status(400, Vec::new()));
    let report = push(&place.client(), &store, &bundle, &names(&server, ["api:1"])).unwrap_err().report();
    assert!(report.contains(&attached[..19]), "{report}");
    assert_eq!(server.manifest("api", "1"), None);
    push(&place.client(), &store, &bundle, &names(&server, ["api:1"])).unwrap();
}

#[test]
fn what_was_damaged_in_the_store_is_not_pushed_and_taken_away() {
    for broken in [noise(LAYER, 2), noise(LAYER - 1, 1)] {
        let (server, place) = (Server::start(), Place::new());
        let (store, layer) = (store(&place), noise(LAYER, 1));
        let bundle = single(&store, None, &layer);
        let path = store.blob(&digest(&layer)).unwrap();
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, broken).unwrap();
        let failure = push(&place.client(), &store, &bundle, &names(&server, ["api:1"])).unwrap_err();
        assert_eq!(failure.kind(), Kind::Verify);
        assert!(failure.report().contains("build again"), "{}", failure.report());
        assert!(!path.exists(), "it would be taken for whole the next time");
        assert!(server.manifest("api", "1").is_none());
        // What is right stays, and the next build puts back what is missing.
        assert!(bundle.images.iter().all(|image| store.has(&image.config)));
        push(&place.client(), &store, &single(&store, None, &layer), &names(&server, ["api:1"])).unwrap();
    }
    let (server, place) = (Server::start(), Place::new());
    let store = store(&place);
    let bundle = single(&store, None, b"layer");
    let path = store.blob(bundle.root.digest().as_ref()).unwrap();
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, b"{}").unwrap();
    assert_eq!(push(&place.client(), &store, &bundle, &names(&server, ["api:1"])).unwrap_err().kind(), Kind::Verify);
    assert_eq!(server.state().log.len(), 0, "nobody was spoken to");
}

#[test]
fn two_builds_push_one_bundle_at_once() {
    let (server, place) = (Server::start(), Place::new());
    server.state().referrers = true;
    let layer = noise(LAYER, 1);
    std::thread::scope(|scope| {
        for tag in ["api:1", "api:2", "api:3"] {
            let (server, place, layer) = (&server, &place, &layer);
            scope.spawn(move || {
                let store = store(place);
                let bundle = double(&store, layer);
                push(&place.client(), &store, &bundle, &names(server, [tag])).unwrap();
            });
        }
    });
    for tag in ["1", "2", "3"] {
        let root = double(&store(&place), &layer).root;
        assert_eq!(digest(&server.manifest("api", tag).unwrap()), root.digest().as_ref());
    }
    assert_eq!(server.blob("api", &digest(&layer)).unwrap(), layer);
}
