use std::io::Write;

use serde_json::json;

use super::testing::{Row, archive, because, layout, plan};
use super::verify::{self, Check, verify};
use crate::failure::Kind;
use crate::plan::model::{self, Brings, Linkage};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn one(rows: &[Row<'_>], user: &str) -> Vec<Check> {
    let made = layout(&json!({ "User": user, "Entrypoint": ["/usr/local/bin/app"] }), &[("", archive(rows))]);
    let image = made.images().unwrap().remove(0);
    verify(&image, &plan(), Linkage::StaticMusl, "amd64").unwrap()
}

fn failed(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect()
}

/// The smallest 64-bit ELF header: a static program for x86-64 without segments.
fn elf(machine: u8) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0, 1, 0, 0, 0];
    bytes.resize(64, 0);
    bytes[52] = 64;
    bytes[54] = 56;
    bytes
}

const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----\n";

fn good() -> Vec<Row<'static>> {
    vec![
        ("tmp/", 0o1777, 0, b""),
        ("data/", 0o755, 65532, b""),
        ("etc/ssl/certs/ca-certificates.crt", 0o644, 0, PEM),
        ("usr/local/bin/app", 0o755, 0, elf(62).leak()),
    ]
}

#[test]
fn a_good_image_passes() {
    assert_eq!(failed(&one(&good(), "65532:65532")), Vec::<&str>::new());
}

#[test]
fn each_flaw_is_found() {
    assert_eq!(failed(&one(&good(), "")), ["user"]);
    assert_eq!(failed(&one(&good(), "0:0")), ["user"]);
    assert_eq!(failed(&one(&good(), "nonroot")), ["user"]);
    let with = |row: Row<'static>| {
        let mut rows = good();
        rows.push(row);
        one(&rows, "65532").into_iter().find(|check| !check.passed).map(|check| check.name).unwrap_or_default()
    };
    assert_eq!(with(("bin/sh", 0o755, 0, b"")), "shell");
    assert_eq!(with(("bin/bash -> app", 0o777, 0, b"")), "", "a link that leads nowhere is no shell");
    assert_eq!(with(("usr/bin/dpkg", 0o755, 0, b"")), "package-manager");
    assert_eq!(with(("usr/bin/x", 0o4755, 0, b"")), "permissions");
    assert_eq!(with(("open/", 0o777, 0, b"")), "permissions");
    assert_eq!(with(("data/", 0o755, 0, b"")), "writable");
    assert_eq!(with(("etc/ssl/certs/ca-certificates.crt", 0o644, 0, b"")), "ca-certificates");
    assert_eq!(with(("usr/local/bin/app", 0o644, 0, elf(62).leak())), "program");
    assert_eq!(with(("usr/local/bin/app", 0o700, 0, elf(62).leak())), "program", "root's alone");
    assert_eq!(with(("etc/ssl/certs/ca-certificates.crt", 0o600, 0, PEM)), "ca-certificates");
    assert_eq!(with((".wh.", 0o644, 0, b"")), "", "a whiteout of nothing takes nothing away");
    assert_eq!(with(("usr/local/bin/app", 0o755, 0, elf(183).leak())), "program");
    assert_eq!(with(("usr/local/bin/app", 0o755, 0, b"#!/bin/sh\n")), "program");
}

#[test]
fn a_program_that_was_to_list_its_crates_does() {
    let made = layout(&json!({ "User": "65532", "Entrypoint": ["/usr/local/bin/app"] }), &[("", archive(&good()))]);
    let asked = model::Image { auditable: true, ..plan() };
    let checks = verify(&made.images().unwrap()[0], &asked, Linkage::StaticMusl, "amd64").unwrap();
    assert_eq!(failed(&checks), ["auditable"]);
}

#[test]
fn an_image_for_another_platform_than_was_asked_for_is_wrong() {
    let made = layout(&json!({ "User": "65532", "Entrypoint": ["/usr/local/bin/app"] }), &[("", archive(&good()))]);
    let image = made.images().unwrap().remove(0);
    let flaws = |platforms: &[&str]| {
        let platforms: Vec<String> = platforms.iter().copied().map(str::to_owned).collect();
        let checks = verify(&image, &plan(), Linkage::StaticMusl, verify::architecture(&image, &platforms)).unwrap();
        failed(&checks).join(" ")
    };
    assert_eq!(flaws(&["linux/arm64"]), "program");
    assert_eq!(flaws(&["linux/arm64", "linux/arm/v7"]), "program");
    assert_eq!(flaws(&["linux/arm64", "linux/amd64"]), "");
    assert_eq!(flaws(&[]), "");
}

#[test]
fn what_a_base_brings_is_not_installed() {
    let mut image = plan();
    image.rootfs.zoneinfo = Some(because());
    image.rootfs.init = Some(because());
    assert_eq!(image.installs(), ["catatonit", "tzdata"]);
    image.brings = Some(Brings { zoneinfo: Some("/usr/share/zoneinfo".into()), ..Brings::default() });
    assert_eq!(image.installs(), ["catatonit"]);
}

#[test]
fn an_init_that_is_asked_for_is_there_and_started() {
    let mut plan = plan();
    plan.rootfs.init = Some(because());
    let mut rows = good();
    let mut flaws = |entrypoint: &[&str], row: Option<Row<'static>>| {
        rows.extend(row);
        let made = layout(&json!({ "User": "65532", "Entrypoint": entrypoint }), &[("", archive(&rows))]);
        let checks = verify(&made.images().unwrap().remove(0), &plan, Linkage::StaticMusl, "amd64").unwrap();
        failed(&checks).join(" ")
    };
    let (alone, with) = (["/usr/local/bin/app"], ["/usr/local/bin/catatonit", "--", "/usr/local/bin/app"]);
    assert_eq!(flaws(&with, None), "init");
    assert_eq!(flaws(&alone, Some(("usr/local/bin/catatonit", 0o755, 0, elf(62).leak()))), "init");
    assert_eq!(flaws(&with, None), "");
}

#[test]
fn layers_lie_over_each_other() {
    let lower = archive(&[
        ("a/one", 0o644, 0, b"1"),
        ("a/two", 0o644, 0, b"2"),
        ("b/three", 0o644, 0, b"3"),
        ("c -> a", 0o777, 0, b""),
    ]);
    let upper = archive(&[("a/.wh.one", 0o644, 0, b""), ("b/.wh..wh..opq", 0o644, 0, b""), ("a/two", 0o600, 7, b"22")]);
    let made =
        layout(&json!({}), &[("+gzip", gzip(&lower)), ("+zstd", zstd::encode_all(upper.as_slice(), 1).unwrap())]);
    let image = made.images().unwrap().remove(0);
    assert_eq!(image.files.keys().collect::<Vec<_>>(), ["/a", "/a/two", "/b", "/c"]);
    assert_eq!(image.read("/c/two").unwrap().as_deref(), Some(b"22".as_slice()));
    assert_eq!(image.files["/a/two"].uid, 7);
    assert_eq!(image.layers[0].unpacked, 3);
    assert!(image.layers[0].compressed > 0);
}

#[test]
fn names_cannot_climb_and_circles_end() {
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    let name = b"../../etc/passwd";
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(1536, 0);
    let circle = archive(&[("x -> y", 0o777, 0, b""), ("y -> x", 0o777, 0, b"")]);
    let image = layout(&json!({}), &[("", bytes), ("", circle)]).images().unwrap().remove(0);
    assert!(image.files.contains_key("/etc/passwd"));
    assert_eq!(image.resolve("/x"), None);
}

#[test]
fn what_is_broken_is_said_to_be() {
    let made = layout(&json!({}), &[("+gzip", gzip(b"no archive"))]);
    assert_eq!(made.images().unwrap_err().kind(), Kind::Verify);
    let made = layout(&json!({}), &[("", archive(&good()))]);
    let image = made.images().unwrap().remove(0);
    let blob = image.layers[0].digest.strip_prefix("sha256:").unwrap();
    let path = made.folder().join("blobs/sha256").join(blob);
    let mut bytes = fs_err::read(&path).unwrap();
    bytes.extend([0; 512]);
    fs_err::write(&path, bytes).unwrap();
    assert!(made.images().unwrap_err().to_string().contains("not what its digest says"));
    fs_err::remove_file(&path).unwrap();
    assert_eq!(made.images().unwrap_err().kind(), Kind::Verify);
}

#[test]
fn what_a_base_is_known_to_have_is_no_fault() {
    let checked = |brings: Brings, more: &[Row<'static>]| {
        let mut rows = good();
        rows.extend(more.iter().copied());
        let plan = model::Image { brings: Some(brings), ..plan() };
        let config = json!({ "User": "65532", "Entrypoint": ["/usr/local/bin/app"] });
        let made = layout(&config, &[("", archive(&rows))]);
        let image = made.images().unwrap().remove(0);
        let checks = verify(&image, &plan, Linkage::StaticMusl, "amd64").unwrap();
        failed(&checks).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let lacks =
        |names: &[&str]| Brings { lacks: names.iter().map(|name| (*name).to_owned()).collect(), ..Brings::default() };
    let none = Vec::<String>::new();
    let (shell, apt) = (("bin/sh", 0o755, 0, &b""[..]), ("usr/bin/apt", 0o755, 0, &b""[..]));
    let su = ("usr/bin/su", 0o4755, 0, &b""[..]);
    // Nobody knows what is in it.
    assert_eq!(checked(Brings::default(), &[shell, apt, su]), none);
    // It has a shell, and nothing else.
    assert_eq!(checked(lacks(&["package-manager", "setuid"]), &[shell]), none);
    assert_eq!(checked(lacks(&["package-manager", "setuid"]), &[shell, apt]), ["package-manager"]);
    assert_eq!(checked(lacks(&["package-manager", "setuid"]), &[shell, su]), ["permissions"]);
    assert_eq!(checked(lacks(&["shell"]), &[shell, su]), ["shell"]);
    // The base's user is there still, and its authorities are where it has them.
    let user = Brings { user: true, ..Brings::default() };
    assert_eq!(checked(user.clone(), &[]), ["passwd"]);
    let passwd = ("etc/passwd", 0o644, 0, &b"root:x:0:0:\nnonroot:x:65532:65532:\n"[..]);
    assert_eq!(checked(user.clone(), &[passwd]), none);
    let other = ("etc/passwd", 0o644, 0, &b"root:x:0:0:\nnonroot:x:1000:1000:\n"[..]);
    assert_eq!(checked(user, &[other]), ["passwd"]);
    let ca = Brings { ca_bundle: Some("/etc/pki/ca.pem".to_owned()), ..Brings::default() };
    assert_eq!(checked(ca.clone(), &[]), ["ca-certificates"]);
    assert_eq!(checked(ca, &[("etc/pki/ca.pem", 0o644, 0, PEM)]), none);
}
