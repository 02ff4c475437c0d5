//! Trees and stores on their own.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::MediaType;

use super::{Content, Entry, Store, Tree};
use crate::failure::Kind;

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn file(text: &str) -> Entry {
    Entry::new(0o644, Content::Bytes(text.into()))
}

fn paths(tree: &Tree) -> Vec<(&str, u32)> {
    tree.entries().map(|(path, entry)| (path.as_str(), entry.mode)).collect()
}

#[test]
fn folders_above_are_there_and_stand_first() {
    let mut tree = Tree::new();
    tree.insert("/usr/local/bin/api", Entry::new(0o755, Content::Bytes(Vec::new()))).unwrap();
    tree.insert("etc/passwd", file("root")).unwrap();
    tree.insert("/usr", Entry::new(0o700, Content::Folder).owned_by(7, 8)).unwrap();
    let expected = [
        ("etc", 0o755),
        ("etc/passwd", 0o644),
        ("usr", 0o700),
        ("usr/local", 0o755),
        ("usr/local/bin", 0o755),
        ("usr/local/bin/api", 0o755),
    ];
    assert_eq!(paths(&tree), expected);
}

#[test]
fn what_cannot_be_in_a_layer_is_refused() {
    let mut tree = Tree::new();
    tree.insert("etc/passwd", file("root")).unwrap();
    for path in ["../escape", "a/../../b", "/", "", "a\0b", "a/.wh.b", "etc/passwd/under", "etc"] {
        let failure = tree.insert(path, file("")).unwrap_err();
        assert_eq!(failure.kind(), Kind::Workspace, "{path}");
    }
    assert_eq!(paths(&tree).len(), 2, "what was refused left nothing");
}

#[test]
fn a_folder_of_the_host() {
    let (_keep, host) = folder();
    fs_err::create_dir_all(host.join("static/deep")).unwrap();
    fs_err::create_dir_all(host.join("left-out")).unwrap();
    fs_err::write(host.join("left-out/secret"), "x").unwrap();
    fs_err::write(host.join("static/deep/täglich.css"), "a{}").unwrap();
    fs_err::set_permissions(host.join("static/deep/täglich.css"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("/etc/shadow", host.join("static/link")).unwrap();
    let mut tree = Tree::new();
    tree.add_folder(&host, Utf8Path::new("/app"), |path| path != "left-out").unwrap();
    let found: Vec<&str> = tree.entries().map(|(path, _)| path.as_str()).collect();
    assert_eq!(found, ["app", "app/static", "app/static/deep", "app/static/deep/täglich.css", "app/static/link"]);
    let (_, css) = tree.entries().nth(3).unwrap();
    assert_eq!((css.mode, css.uid), (0o640, 0));
    let (_, link) = tree.entries().nth(4).unwrap();
    assert_eq!(link.content, Content::Link("/etc/shadow".to_owned()), "a link is not followed");

    let _socket = std::os::unix::net::UnixListener::bind(host.join("socket")).unwrap();
    let failure = tree.add_folder(&host, Utf8Path::new("/app"), |_| true).unwrap_err();
    assert!(failure.to_string().contains("neither a file, a folder nor a link"), "{failure}");
}

#[test]
fn what_is_put_is_there_and_what_is_damaged_is_made_whole() {
    let (_keep, folder) = folder();
    let store = Store::open(&folder).unwrap();
    let descriptor = store.put(MediaType::ImageConfig, b"{}").unwrap();
    assert_eq!(store.json(&descriptor).unwrap(), b"{}");
    let path = store.blob(descriptor.digest().as_ref()).unwrap();

    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, "[]").unwrap();
    assert_eq!(store.json(&descriptor).unwrap_err().kind(), Kind::Verify);
    assert!(!path.exists(), "what is damaged is never used again");
    fs_err::write(&path, "[]").unwrap();
    assert_eq!(store.put(MediaType::ImageConfig, b"{}").unwrap(), descriptor);
    assert_eq!(fs_err::read(&path).unwrap(), b"{}");

    assert!(store.blob("sha256:../../etc/passwd").is_err());
}

#[test]
fn what_was_not_finished_leaves_nothing() {
    let (_keep, folder) = folder();
    let store = Store::open(&folder).unwrap();
    let mut incoming = store.incoming().unwrap();
    incoming.write_all(b"half").unwrap();
    drop(incoming);
    for inside in ["blobs/sha256", "incoming"] {
        assert_eq!(fs_err::read_dir(folder.join(inside)).unwrap().count(), 0, "{inside}");
    }
}

#[test]
fn the_last_builds_blobs_stay_and_older_ones_go() {
    let (_keep, folder) = folder();
    let store = Store::open(&folder).unwrap();
    let digests: Vec<String> = (0..12)
        .map(|build: u32| {
            let descriptor = store.put(MediaType::ImageConfig, format!("{build}").as_bytes()).unwrap();
            let digest = descriptor.digest().to_string();
            store.collect(&BTreeSet::from([digest.clone()])).unwrap();
            digest
        })
        .collect();
    let there: Vec<bool> = digests.iter().map(|digest| store.blob(digest).unwrap().exists()).collect();
    assert_eq!(there, [vec![false; 4], vec![true; 8]].concat());
}

#[test]
fn nothing_is_removed_under_another_build() {
    let (_keep, folder) = folder();
    let ours = Store::open(&folder).unwrap();
    let theirs = Store::open(&folder).unwrap();
    let unnamed = theirs.put(MediaType::ImageConfig, b"theirs").unwrap();
    assert_eq!(ours.collect(&BTreeSet::from(["sha256:a".to_owned()])).unwrap(), 0);
    assert!(theirs.has(&unnamed));
    drop(theirs);
    assert_eq!(ours.collect(&BTreeSet::from(["sha256:b".to_owned()])).unwrap(), 6);
}
