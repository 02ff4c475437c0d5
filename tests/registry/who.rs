//! Who we are, and whom we believe.

use std::sync::Arc;

use cargo_dockerize::registry::{Client, Outcome};
use serde_json::json;

use super::server::{Door, Fault, Server};
use super::support::{Place, again, inner, noise, published, reference};

const PASSWORD: &str = "correct-horse-battery";

fn behind(door: Door) -> (Server, Place) {
    let (server, place) = (Server::start(), Place::new());
    published(&server, "base", "1", ("linux", "amd64"), b"base");
    server.state().door = door;
    (server, place)
}

fn resolved(server: &Server, client: &Client) -> Result<(), String> {
    let resolved = client.resolve(&reference(&server.name, "base:1"), "linux/amd64");
    resolved.map(drop).map_err(|failure| {
        let said = format!("{}{failure:?}{client:?}", failure.report());
        assert!(!said.contains(PASSWORD) && !said.contains("token-"), "a secret is in:\n{said}");
        failure.report()
    })
}

#[test]
fn a_token_that_is_good_for_ever_is_a_token() {
    for lifetime in [u64::MAX, 0] {
        let (server, place) = behind(Door::Token("me", PASSWORD));
        server.state().lifetime = Some(lifetime);
        resolved(&server, &place.client()).unwrap();
    }
}

#[test]
fn anybody_gets_a_token_for_what_is_public() {
    let (server, place) = behind(Door::Token("me", PASSWORD));
    let client = place.client();
    resolved(&server, &client).unwrap();
    resolved(&server, &client).unwrap();
    assert_eq!(server.state().scopes, ["repository:base:pull"], "one token for all of it");
    let push = place.image(&[b"layer"], "1");
    let report = client.push(&reference(&server.name, "app"), &push, &|_| {}).unwrap_err().report();
    assert!(report.contains("nobody is logged in"), "{report}");
    assert!(report.contains(&format!("`docker login {}`", server.name)), "{report}");
}

#[test]
fn who_is_logged_in_may_push_and_mount() {
    let (server, place) = behind(Door::Private("me", PASSWORD));
    place.log_in(&server.name, &json!({"username": "me", "password": PASSWORD}));
    let mut push = place.image(&[b"base", b"program"], "1");
    push.blobs[0].mount_from = Some("base".to_owned());
    let client = place.client();
    let pushed = client.push(&reference(&server.name, "app"), &push, &|_| {}).unwrap();
    assert_eq!(pushed.blobs[0].1, Outcome::Mounted);
    assert_eq!(server.state().scopes, ["repository:app:pull,push repository:base:pull"]);
    // Tokens end: a new one is fetched, once.
    server.state().forget_tokens();
    client.push(&reference(&server.name, "app"), &push, &|_| {}).unwrap();
    assert_eq!(server.state().scopes.len(), 2);
}

#[test]
fn a_token_that_ends_in_the_middle_of_an_upload_is_replaced() {
    let (server, place) = behind(Door::Private("me", PASSWORD));
    place.log_in(&server.name, &json!({"username": "me", "password": PASSWORD}));
    let challenge = format!("Bearer realm=\"http://{}/token\"", server.name);
    server.fails("PUT", "uploads/", 1, Fault::Status(401, vec![("WWW-Authenticate", challenge)]));
    let push = place.image(&[&noise(2_000_000, 1)], "1");
    place.client().push(&reference(&server.name, "app"), &push, &|_| {}).unwrap();
    assert!(server.manifest("app", "1").is_some());
}

#[test]
fn an_identity_token_is_exchanged() {
    let (server, place) = behind(Door::Private("me", PASSWORD));
    place.log_in(&server.name, &json!({"auth": "bWU6eA==", "identitytoken": PASSWORD}));
    resolved(&server, &place.client()).unwrap();
    assert_eq!(server.asked("POST /token").len(), 1);
}

#[test]
fn a_wrong_password_is_told_without_it() {
    for door in [Door::Private("me", "another"), Door::Basic("me", "another")] {
        let (server, place) = behind(door.clone());
        place.log_in(&server.name, &json!({"username": "me", "password": PASSWORD}));
        let report = resolved(&server, &place.client()).unwrap_err();
        assert!(
            report.contains("does not take the credentials") && report.contains("docker login"),
            "{door:?}: {report}"
        );
        place.log_in(&server.name, &json!({"username": "me", "password": "another"}));
        resolved(&server, &place.client()).unwrap();
    }
}

#[test]
fn a_name_and_a_password_are_enough_for_a_plain_registry() {
    let (server, place) = behind(Door::Basic("me", PASSWORD));
    let report = resolved(&server, &place.client()).unwrap_err();
    assert!(report.contains("nobody is logged in"), "{report}");
    place.log_in(&server.name, &json!({"username": "me", "password": PASSWORD}));
    resolved(&server, &place.client()).unwrap();
}

#[test]
fn our_name_is_not_told_to_others() {
    let (server, place) = behind(Door::Basic("me", PASSWORD));
    let other = Server::start();
    other.state().door = Door::Basic("me", PASSWORD);
    place.log_in(&server.name, &json!({"username": "me", "password": PASSWORD}));
    let to = format!("http://{}/v2/base/manifests/1", other.name);
    server.fails("GET", "/manifests/", 1, Fault::Status(307, vec![("Location", to)]));
    // The other one wants to be told the same, and is not.
    resolved(&server, &place.client()).unwrap_err();
    assert_eq!(other.asked("GET /v2/base/").len(), 1);
}

#[test]
#[cfg(unix)]
fn a_credential_helper_is_asked() {
    use std::os::unix::fs::PermissionsExt;
    if !inner() {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in [
            (
                "good",
                format!(
                    "read host; printf '{{\"ServerURL\":\"%s\",\"Username\":\"me\",\"Secret\":\"{PASSWORD}\"}}' \"$host\""
                ),
            ),
            ("none", "echo 'credentials not found in native keychain'; exit 1".to_owned()),
            ("bad", format!("echo {PASSWORD}; echo locked >&2; exit 2")),
            ("odd", format!("echo {PASSWORD}")),
        ] {
            let path = folder.path().join(format!("docker-credential-{name}"));
            fs_err::write(&path, format!("#!/bin/sh\n[ \"$1\" = get ] || exit 3\n{script}\n")).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        return again("who::a_credential_helper_is_asked", |command| {
            command.env("PATH", path);
        });
    }
    let (server, place) = behind(Door::Private("me", PASSWORD));
    let config = |json: serde_json::Value| {
        fs_err::write(place.path("docker/config.json"), json.to_string()).unwrap();
        resolved(&server, &place.client())
    };
    config(json!({"credHelpers": {server.name.clone(): "good"}, "credsStore": "bad"})).unwrap();
    config(json!({"credsStore": "good"})).unwrap();
    assert!(config(json!({"credsStore": "none"})).unwrap_err().contains("nobody is logged in"));
    for name in ["bad", "odd"] {
        let report = config(json!({"credsStore": name})).unwrap_err();
        assert!(report.contains(&format!("docker-credential-{name}")) && report.contains("config.json"), "{report}");
    }
}

/// A server with a certificate of an authority of its own; its PEM.
fn private() -> (Server, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let server = Server::with_tls(config);
    published(&server, "base", "1", ("linux", "amd64"), b"base");
    (server, authority.pem())
}

#[test]
fn a_private_authority_is_believed_where_it_is_named() {
    let (server, pem) = private();
    let place = Place::new();
    let report = resolved(&server, &place.client()).unwrap_err();
    assert!(report.contains(&format!("the certificate of {} is not believed", server.name)), "{report}");
    assert!(report.contains(&format!("/etc/docker/certs.d/{}/ca.crt", server.name)), "{report}");
    assert!(server.state().log.is_empty(), "nothing was asked, and not without TLS either");
    fs_err::write(place.path("ca.pem"), &pem).unwrap();
    let options = cargo_dockerize::registry::Options { authorities: vec![place.path("ca.pem")], ..place.options() };
    let client = Client::new(options).unwrap();
    resolved(&server, &client).unwrap();
    let push = place.image(&[&noise(2_000_000, 1)], "1");
    client.push(&reference(&server.name, "app"), &push, &|_| {}).unwrap();
    // As Docker has it, in a folder by the registry's name.
    let folder = place.path("docker/certs.d").join(&server.name);
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("ca.crt"), &pem).unwrap();
    resolved(&server, &place.client()).unwrap();
}

#[test]
fn the_file_that_the_environment_names_is_believed() {
    if !inner() {
        return again("who::the_file_that_the_environment_names_is_believed", |command| {
            command
                .env("SSL_CERT_FILE", std::env::temp_dir().join(format!("registry-test-{}.pem", std::process::id())));
        });
    }
    let (server, pem) = private();
    let file = std::env::var("SSL_CERT_FILE").unwrap();
    fs_err::write(&file, pem).unwrap();
    resolved(&server, &Place::new().client()).unwrap();
    fs_err::write(&file, "nothing").unwrap();
    let report = resolved(&server, &Place::new().client()).unwrap_err();
    fs_err::remove_file(&file).unwrap();
    assert!(report.contains("SSL_CERT_FILE"), "{report}");
}

#[test]
fn without_tls_nobody_but_this_machine_is_spoken_to() {
    let (server, place) = (Server::start(), Place::new());
    published(&server, "base", "1", ("linux", "amd64"), b"base");
    let port = server.name.rsplit(':').next().unwrap();
    // The same server by a name that is not this machine's own.
    let report =
        place.client().resolve(&reference(&format!("0.0.0.0:{port}"), "base:1"), "linux/amd64").unwrap_err().report();
    assert!(report.contains("does not speak TLS") || report.contains("did not answer"), "{report}");
    assert!(server.asked("GET").is_empty(), "it was asked without TLS");
    resolved(&server, &place.client()).unwrap();
}
