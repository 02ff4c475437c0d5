//! Images and trees that ask for more memory, time and disk than there is: each is refused, in bounded memory, by a clear error.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::Tree;

/// The most memory that a run may have at any time.
const MEMORY: u64 = 300 * 1024 * 1024;

struct Ran {
    code: Option<i32>,
    said: String,
    /// Bytes at most.
    peak: u64,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
    command.arg("dockerize").args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs to the end, and looks again and again how much memory it had at most.
fn run(mut command: Command) -> Ran {
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = line.map_or(peak, |kib| kib.trim().parse::<u64>().unwrap() * 1024).max(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    Ran { code: output.status.code(), said: String::from_utf8(output.stderr).unwrap(), peak }
}

/// It fails with this code and these words, in little memory.
#[track_caller]
fn refused(command: Command, code: i32, words: &[&str]) {
    let ran = run(command);
    assert_eq!(ran.code, Some(code), "{}", ran.said);
    for word in words {
        assert!(ran.said.contains(word), "{word} is missing in:\n{}", ran.said);
    }
    assert!(!ran.said.contains("panicked"), "{}", ran.said);
    assert!(ran.peak > 0 && ran.peak <= MEMORY, "{} MiB", ran.peak / 1024 / 1024);
}

fn blob(root: &Utf8Path, media_type: &str, bytes: &[u8]) -> Value {
    let digits = Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    fs_err::create_dir_all(root.join("blobs/sha256")).unwrap();
    fs_err::write(root.join("blobs/sha256").join(&digits), bytes).unwrap();
    json!({"mediaType": media_type, "digest": format!("sha256:{digits}"), "size": bytes.len()})
}

/// A layout with an image of one layer.
fn layout(root: &Utf8Path, layer: &[u8]) {
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}});
    let config = blob(root, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let layer = blob(root, "application/vnd.oci.image.layer.v1.tar+zstd", layer);
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]}).to_string();
    let manifest = blob(root, "application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs_err::write(root.join("index.json"), index.to_string()).unwrap();
}

fn header(kind: tar::EntryType, name: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header
}

/// What `write` writes, packed well.
fn packed(write: impl FnOnce(&mut dyn Write)) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    write(&mut encoder);
    encoder.finish().unwrap()
}

/// One large extension of the entry behind it.
fn extension(kind: u8, size: u64) -> Vec<u8> {
    packed(|to| {
        to.write_all(header(tar::EntryType::new(kind), "x", size).as_bytes()).unwrap();
        let piece = vec![b'a'; 1 << 20];
        for _ in 0..size >> 20 {
            to.write_all(&piece).unwrap();
        }
        to.write_all(header(tar::EntryType::Regular, "file", 0).as_bytes()).unwrap();
        to.write_all(&[0; 1024]).unwrap();
    })
}

#[track_caller]
fn layer_is_refused(layer: &[u8], words: &[&str]) {
    let tree = Tree::of(&[]);
    layout(tree.path(), layer);
    refused(command(&["inspect", tree.path().as_str()]), 7, words);
}

#[test]
fn a_path_of_many_components() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut own = header(tar::EntryType::Regular, "x", 0);
    builder.append_data(&mut own, "a/".repeat(60_000) + "b", std::io::empty()).unwrap();
    let plain = builder.into_inner().unwrap();
    layer_is_refused(&packed(|to| to.write_all(&plain).unwrap()), &["more than 4096 bytes", "which is the limit"]);
}

#[test]
fn names_and_records_without_end() {
    for kind in [b'L', b'K', b'x'] {
        layer_is_refused(&extension(kind, 1 << 30), &["the header of an entry", "which is the limit"]);
    }
}

#[test]
fn deep_folders_that_nobody_wrote() {
    let plain = packed(|to| {
        let mut builder = tar::Builder::new(to);
        for at in 0..20_000 {
            let mut own = header(tar::EntryType::Regular, "x", 0);
            builder.append_data(&mut own, format!("{at}/{}b", "a/".repeat(250)), std::io::empty()).unwrap();
        }
        builder.finish().unwrap();
    });
    layer_is_refused(&plain, &["an image has more than 1000000 entries"]);
}

#[test]
fn entries_without_end() {
    let layer = packed(|to| {
        for at in 0..1_000_001 {
            to.write_all(header(tar::EntryType::Regular, &format!("{at}"), 0).as_bytes()).unwrap();
        }
        to.write_all(&[0; 1024]).unwrap();
    });
    layer_is_refused(&layer, &["an image has more than 1000000 entries"]);
}

#[test]
fn a_sparse_file_of_more_than_there_is() {
    let layer = packed(|to| {
        let mut own = header(tar::EntryType::GNUSparse, "sparse", 512);
        let sizes = own.as_gnu_mut().unwrap();
        sizes.set_real_size(1 << 62);
        sizes.sparse[0].set_offset((1 << 62) - 512);
        sizes.sparse[0].set_length(512);
        own.set_cksum();
        to.write_all(own.as_bytes()).unwrap();
        to.write_all(&[b'x'; 512]).unwrap();
        to.write_all(&[0; 1024]).unwrap();
    });
    layer_is_refused(&layer, &["500 times its packed size"]);
}

#[test]
fn an_archive_that_would_fill_the_disk() {
    let tree = Tree::of(&[]);
    let file = tree.path().join("image.tar.zst");
    let bytes = packed(|to| {
        let piece = vec![0; 1 << 20];
        for _ in 0..1100 {
            to.write_all(&piece).unwrap();
        }
    });
    fs_err::write(&file, bytes).unwrap();
    refused(command(&["inspect", file.as_str()]), 2, &["500 times its packed size"]);
}

#[test]
fn layers_outside_of_the_image() {
    let config = json!({"os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", "0".repeat(64))]}});
    for layer in ["/dev/zero", "zero", "../outside"] {
        let tree = Tree::of(&[("image/config.json", &config.to_string())]);
        let root = tree.path().join("image");
        std::os::unix::fs::symlink("/dev/zero", root.join("zero")).unwrap();
        let manifest = json!([{"Config": "config.json", "RepoTags": null, "Layers": [layer]}]);
        fs_err::write(root.join("manifest.json"), manifest.to_string()).unwrap();
        refused(command(&["inspect", &format!("oci:{root}")]), 7, &[layer, "cannot be read"]);
    }
}

fn pipe(path: &Utf8Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn pipes_in_the_place_of_files() {
    let tree = Tree::of(&[]);
    let file = tree.path().join("Dockerfile");
    pipe(&file);
    refused(command(&["lint", file.as_str()]), 2, &["no regular file"]);
    fs_err::remove_file(&file).unwrap();
    fs_err::write(&file, "FROM scratch\n").unwrap();
    for name in [".gitignore", "build.rs", "Cargo.toml", ".dockerignore", "compose.yaml"] {
        let path = tree.path().join(name);
        pipe(&path);
        let ran = run(command(&["lint", file.as_str()]));
        assert!(ran.code.is_some(), "{name}: {}", ran.said);
        fs_err::remove_file(path).unwrap();
    }
}

#[test]
fn dockerfiles_without_end() {
    let doubled: String = (0..64)
        .map(|at| if at == 0 { "ARG A0=x\n".into() } else { format!("ARG A{at}=$A{0}$A{0}\n", at - 1) })
        .collect();
    let many = (0..40_000).fold(String::new(), |text, at| text + &format!("ARG B{at}=$A15\n"));
    let doubled = format!("{doubled}{many}FROM $A63\n");
    let stages = "FROM a\n".repeat(100_000);
    let long = "# a\n".repeat(300_000);
    for (text, words) in [(doubled, ""), (stages, "more than 500 stages"), (long, "more than 1048576 bytes")] {
        let tree = Tree::of(&[("Dockerfile", &text)]);
        let mut lint = command(&["lint", tree.path().join("Dockerfile").as_str()]);
        lint.stdout(Stdio::piped());
        let child = lint.spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code != 101) && said.contains(words), "{words}:\n{said}");
    }
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_second_signal_ends_what_does_not_look() {
    let mut lint = command(&["lint", "-"]);
    // The pipe stays open, and no program writes to it.
    let mut child = lint.stdin(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(500));
    if child.try_wait().unwrap().is_none() {
        interrupt(&child);
    }
    let _open = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn an_engine_that_never_answers() {
    let tree = Tree::of(&[]);
    let bin = tree.path().join("bin");
    fs_err::create_dir(&bin).unwrap();
    let docker: Utf8PathBuf = bin.join("docker");
    fs_err::write(&docker, "#!/bin/sh\nexec sleep 600\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&docker).status().unwrap().success());
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let mut asks = command(&["builder", "check"]);
    asks.env("PATH", path).env("CARGO_DOCKERIZE_ENGINE_TIMEOUT", "0.3").current_dir(tree.path());
    refused(asks, 5, &["does not answer", "CARGO_DOCKERIZE_ENGINE_TIMEOUT"]);
}
