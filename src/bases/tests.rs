use super::*;

const DIGEST: &str = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn found(reference: &str) -> Option<&'static Base> {
    of(reference, &BTreeMap::new()).unwrap()
}

fn name(reference: &str) -> Option<&'static str> {
    found(reference).and_then(|base| base.name.as_deref())
}

#[test]
fn a_name_is_what_its_own_reference_says() {
    let mut names = std::collections::BTreeSet::new();
    for base in named().unwrap() {
        let own = base.name.as_deref().unwrap();
        assert!(names.insert(own), "{own} is there twice");
        assert_eq!(name(base.reference.as_deref().unwrap()), Some(own));
        assert_eq!(by_name(own).unwrap(), Some(base));
        assert!(base.publisher.is_some() && base.family.is_some(), "{own}");
    }
    for base in read::table().unwrap().rows() {
        for other in &base.alternatives {
            assert!(names.contains(other.as_str()), "{other} is an alternative, and is not there");
        }
        assert!(base.user.is_some() || base.family.as_deref() == Some("redhat"), "{base:?}");
    }
}

#[test]
fn images_are_recognised_however_they_are_named() {
    for (reference, expected) in [
        ("scratch", Some("scratch")),
        ("debian:trixie-slim", Some("debian-slim")),
        ("docker.io/library/debian:13-slim", Some("debian-slim")),
        ("index.docker.io/library/debian:trixie-20260803-slim", Some("debian-slim")),
        ("debian:12.15-slim", Some("debian-bookworm-slim")),
        ("debian:trixie", None),
        ("debian", None),
        ("someone/debian:trixie-slim", None),
        ("gcr.io/distroless/cc-debian13:nonroot", Some("distroless-cc")),
        ("gcr.io/distroless/cc-debian13:nonroot-amd64", Some("distroless-cc")),
        ("gcr.io/distroless/cc-debian12:debug-nonroot", Some("distroless-cc-debian12-debug")),
        ("gcr.io/distroless/base-nossl-debian13:nonroot", Some("distroless-base-nossl")),
        ("alpine", Some("alpine")),
        ("alpine:3.23.5", Some("alpine-3.23")),
        ("busybox:1.38-musl", Some("busybox-musl")),
        ("registry.access.redhat.com/ubi9-micro:9.5-1731934928", Some("ubi9-micro")),
        ("cgr.dev/chainguard/static", Some("chainguard-static")),
        ("Not A Name", None),
    ] {
        assert_eq!(name(reference), expected, "{reference}");
    }
    let tagged = format!("debian:trixie-slim{DIGEST}");
    assert_eq!(name(&tagged), Some("debian-slim"));
}

#[test]
fn a_mirror_stands_for_its_registry() {
    let mirrors = BTreeMap::from([("docker.io".to_owned(), "mirror.example/hub/".to_owned())]);
    let name = |reference: &str| of(reference, &mirrors).unwrap().and_then(|base| base.name.as_deref());
    assert_eq!(name("mirror.example/hub/library/debian:trixie-slim"), Some("debian-slim"));
    assert_eq!(name("mirror.example/hubs/library/debian:trixie-slim"), None);
    assert_eq!(name("debian:trixie-slim"), Some("debian-slim"));
}

#[test]
fn a_digest_alone_tells_nothing_that_a_tag_decides() {
    let base = found(&format!("gcr.io/distroless/cc-debian13{DIGEST}")).unwrap();
    assert_eq!((base.glibc(), &base.user, &base.shell), (Some(Glibc(2, 41)), &None, &None));
    let base = found(&format!("debian{DIGEST}")).unwrap();
    assert_eq!((base.glibc(), base.shell.as_ref().and_then(Part::there)), (None, Some("/bin/sh")));
}

#[test]
fn tags_decide() {
    let base = |reference: &str| found(reference).unwrap();
    assert_eq!(base("gcr.io/distroless/static-debian13").runs_as_root(), Some(true));
    assert_eq!(base("gcr.io/distroless/static-debian13:nonroot").runs_as_root(), Some(false));
    assert_eq!(base("gcr.io/distroless/static-debian13:nonroot").has_user("app"), Some(false));
    assert_eq!(base("debian:trixie-slim").has_user("app"), None);
    assert_eq!(base("rust:1-slim-bookworm").glibc(), Some(Glibc(2, 36)));
    assert_eq!(base("rust:1.95").glibc(), Some(Glibc(2, 41)));
    assert_eq!(base("rust:1.95-alpine3.23").libc, Some(Libc::Musl));
    assert_eq!(base("rust:1.70").libc, None);
    assert_eq!(base("lukemathwalker/cargo-chef:latest-rust-1-slim-trixie").glibc(), Some(Glibc(2, 41)));
    assert_eq!(base("buildpack-deps:bookworm").toolchain, Some(true));
    assert!(base("alpine:3.12").retired && !base("alpine:3.24").retired);
    assert!(base("debian:buster").retired);
}

#[test]
fn libraries_are_those_that_programs_name() {
    let names = found("gcr.io/distroless/cc-debian13").unwrap().shared_libraries();
    for name in ["libc.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libssl.so.3", "libcrypto.so.3"] {
        assert!(names.iter().any(|one| one == name), "{name}");
    }
    assert!(found("gcr.io/distroless/static-debian13").unwrap().shared_libraries().is_empty());
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("a*", "abc", true),
        ("*-slim", "trixie-slim", true),
        ("*-slim", "trixie-slim-2", false),
        ("a*b*c", "aXbYbZc", true),
        ("3.?", "3.9", true),
        ("3.?", "3.10", false),
        ("abc", "ab", false),
        ("", "a", false),
    ] {
        assert_eq!(read::like(pattern, text), expected, "{pattern} {text}");
    }
}
