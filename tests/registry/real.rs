//! The same against a real registry: that of the distribution project, which `cargo xtask lab up` starts.

use std::sync::atomic::Ordering;

use cargo_dockerize::oci::pull;
use cargo_dockerize::registry::{Outcome, Push};

use super::publish;
use super::server::digest;
use super::support::{NEVER, Place, Proxy, noise, reference};

const LARGE: usize = 20 * 1024 * 1024;

/// The registry, and bytes that nobody else has.
fn registry(test: &str) -> Option<(String, u64)> {
    let Some(name) = std::env::var("DOCKERIZE_REGISTRY").ok().filter(|name| !name.is_empty()) else {
        eprintln!("DOCKERIZE_REGISTRY is not set: {test} is left out");
        return None;
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Some((name, now.subsec_nanos().into()))
}

fn outcomes(place: &Place, name: &str, repository: &str, push: &Push) -> Vec<Outcome> {
    let pushed = place.client().push(&reference(name, repository), push, &|_| {}).unwrap();
    pushed.blobs.into_iter().map(|(_, outcome)| outcome).collect()
}

#[test]
fn an_image_goes_and_comes() {
    let Some((name, seed)) = registry("an image that goes and comes") else { return };
    let (place, layer) = (Place::new(), noise(3_000_000, seed));
    let (first, second) = (format!("registry-test/a{seed}"), format!("registry-test/b{seed}"));
    let mut push = place.image(&[&layer], "1");
    assert_eq!(outcomes(&place, &name, &first, &push)[0], Outcome::Uploaded(3_000_000));
    assert!(outcomes(&place, &name, &first, &push).iter().all(|outcome| *outcome == Outcome::There));
    push.blobs[0].mount_from = Some(first.clone());
    assert_eq!(outcomes(&place, &name, &second, &push)[0], Outcome::Mounted);
    let (client, reference) = (place.client(), reference(&name, &format!("{second}:1")));
    let resolved = client.resolve(&reference, "linux/amd64").unwrap();
    assert_eq!(resolved.digest, push.manifests[0].digest);
    client.fetch(&reference, &resolved.layers[0], &place.path("out/layer")).unwrap();
    assert_eq!(fs_err::read(place.path("out/layer")).unwrap(), layer);
    assert_eq!(place.left(), ["layer"]);
}

#[test]
fn connections_that_are_cut_are_made_again() {
    let Some((name, seed)) = registry("connections that are cut") else { return };
    let (place, layer) = (Place::new(), noise(LARGE, seed));
    let proxy = Proxy::before(&name);
    let repository = format!("registry-test/c{seed}");
    let push = place.image(&[&layer], "1");
    proxy.up.store(7_000_000, Ordering::SeqCst);
    let first = outcomes(&place, &proxy.name, &repository, &push);
    assert!(matches!(first[0], Outcome::Uploaded(sent) if sent >= LARGE as u64), "{first:?}");
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 1);
    let (client, reference) = (place.client(), reference(&proxy.name, &format!("{repository}:1")));
    let resolved = client.resolve(&reference, "linux/amd64").unwrap();
    proxy.down.store(9_000_000, Ordering::SeqCst);
    client.fetch(&reference, &resolved.layers[0], &place.path("out/layer")).unwrap();
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 2);
    assert_eq!(digest(&fs_err::read(place.path("out/layer")).unwrap()), digest(&layer));
    assert_eq!(place.left(), ["layer"]);
    assert!(proxy.down.load(Ordering::SeqCst) <= NEVER / 2);
}

#[test]
fn what_is_not_there_and_what_is_wrong_is_told() {
    let Some((name, seed)) = registry("what is not there") else { return };
    let place = Place::new();
    let repository = format!("registry-test/d{seed}");
    let report = place.client().resolve(&reference(&name, &repository), "linux/amd64").unwrap_err().report();
    assert!(report.contains("does not have it") && report.contains("UNKNOWN"), "{report}");
    let push = place.image(&[&noise(1000, seed)], "1");
    fs_err::write(&push.blobs[0].path, noise(1000, seed + 1)).unwrap();
    let failure = place.client().push(&reference(&name, &repository), &push, &|_| {}).unwrap_err();
    assert!(failure.report().contains("is not what its digest says"), "{}", failure.report());
    fs_err::write(&push.blobs[0].path, noise(1000, seed)).unwrap();
    outcomes(&place, &name, &repository, &push);
}

#[test]
fn what_refers_to_an_image_can_be_found() {
    let Some((name, seed)) = registry("what refers to an image") else { return };
    let place = Place::new();
    let repository = format!("registry-test/e{seed}");
    let image = place.image(&[&noise(1000, seed)], "1");
    outcomes(&place, &name, &repository, &image);
    let subject = &image.manifests[0];
    let config = &image.blobs[1];
    let json = serde_json::json!({"schemaVersion": 2, "mediaType": subject.media_type, "artifactType": "a/b", "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": config.size},
        "subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.bytes.len()}});
    let push = Push { blobs: vec![config.clone()], manifests: vec![Place::manifest(&subject.media_type, &json, &[])] };
    outcomes(&place, &name, &repository, &push);
    outcomes(&place, &name, &repository, &push);
    // The list names an image for no platform: what resolves is its child by digest.
    let tag = subject.digest.replace(':', "-");
    let report =
        place.client().resolve(&reference(&name, &format!("{repository}:{tag}")), "linux/s390x").unwrap_err().report();
    assert!(report.contains("linux/s390x"), "{report}");
}

#[test]
fn a_base_comes_and_a_bundle_goes_where_connections_are_cut() {
    let Some((name, seed)) = registry("a base that comes and a bundle that goes") else { return };
    let (place, below, own) = (Place::new(), noise(LARGE, seed), noise(LARGE, seed + 1));
    let base = format!("registry-test/f{seed}");
    outcomes(&place, &name, &base, &place.image(&[&below], "1"));

    let (proxy, store, client) = (Proxy::before(&name), publish::store(&place), place.client());
    proxy.down.store(9_000_000, Ordering::SeqCst);
    let reference = format!("{}/{base}:1", proxy.name);
    let found = pull(&client, &store, &reference, "linux/amd64", &|_| {}).unwrap();
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 1);
    assert_eq!(fs_err::read(store.blob(&digest(&below)).unwrap()).unwrap(), below);
    let again = pull(&place.client(), &store, &reference, "linux/amd64", &|_| panic!("nothing comes")).unwrap();
    assert_eq!(again, found);

    let bundle = publish::single(&store, Some(&found), &own);
    proxy.up.store(7_000_000, Ordering::SeqCst);
    let names = ["g", "h"].map(|one| format!("{}/registry-test/{one}{seed}:1", proxy.name));
    let done = publish::push(&client, &store, &bundle, &names).unwrap();
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 2);
    let outcomes = [(&below, 0), (&own, 0), (&below, 1), (&own, 1)].map(|(one, at)| publish::outcome(&done[at], one));
    assert!(matches!(outcomes[1], Outcome::Uploaded(sent) if sent >= LARGE as u64), "{outcomes:?}");
    assert_eq!((outcomes[0], outcomes[2], outcomes[3]), (Outcome::Mounted, Outcome::Mounted, Outcome::Mounted));
    assert_eq!(done[1].sent(), 0);
    let done = publish::push(&place.client(), &store, &bundle, &names).unwrap();
    assert!(done.iter().flat_map(|one| &one.blobs).all(|(_, outcome)| *outcome == Outcome::There));
}
