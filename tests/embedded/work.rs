//! A package to build, and what is left of a build.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::image::{Image, Layout};

use crate::support::Tree;

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n";

/// Where the tests let images go, and what buildx calls it.
pub const LAYOUT: [&str; 2] = ["--output", "type=oci,tar=false,dest=out"];
pub const ARCHIVE: [&str; 2] = ["--output", "type=oci,dest=out.tar"];

/// A package `app` without dependencies.
pub struct Work(Tree);

impl Work {
    /// With this in its metadata table, and these files more.
    pub fn new(metadata: &str, more: &[(&str, &str)]) -> Self {
        Self::within(&std::env::temp_dir(), metadata, more)
    }

    /// In a folder of this one: what is temporary may lie in memory.
    pub fn within(folder: &Path, metadata: &str, more: &[(&str, &str)]) -> Self {
        let manifest = format!(
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nother = []\n\
             [workspace]\n[profile.release]\nopt-level = 0\n[package.metadata.dockerize]\n{metadata}\n"
        );
        let main = "fn main() {\n    println!(\"{}\", if cfg!(feature = \"other\") { \"the OTHER one\" } else { \"the PLAIN one\" });\n}\n";
        let own = [("Cargo.toml", manifest.as_str()), ("Cargo.lock", LOCK), ("src/main.rs", main)];
        Self(Tree::within(folder, &[&own[..], more].concat()))
    }

    /// With an asset of so many bytes that no compression makes smaller.
    pub fn with_asset(length: usize) -> Self {
        let work = Self::new("assets = [\"data\"]", &[]);
        fs_err::create_dir(work.path("data")).unwrap();
        fs_err::write(work.path("data/noise"), noise(length)).unwrap();
        work
    }

    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.0.path().join(name)
    }

    pub fn store(&self) -> Utf8PathBuf {
        self.path("target/dockerize/store")
    }

    /// `cargo dockerize build --engine oci` with these arguments.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
        command.args(["dockerize", "build", "--engine", "oci"]).args(args);
        self.at_home(&mut command);
        command
    }

    /// Nothing of this machine's taste.
    pub fn at_home(&self, command: &mut Command) {
        command.current_dir(self.0.path()).env("CI", "true").env("NO_COLOR", "1");
        for variable in ["CARGO_TARGET_DIR", "SOURCE_DATE_EPOCH", "RUST_BACKTRACE"] {
            command.env_remove(variable);
        }
        // Nobody's passwords are shown to a registry of ours.
        command.env("DOCKER_CONFIG", self.path("docker"));
    }

    /// Builds, and gives what was said.
    #[track_caller]
    pub fn builds(&self, args: &[&str]) -> String {
        succeeds(&self.command(args).output().unwrap())
    }

    /// Builds, and expects this exit code, these words, and that nothing half-written is left.
    #[track_caller]
    pub fn fails(&self, args: &[&str], code: i32, words: &[&str]) -> String {
        let said = failed(&self.command(args).output().unwrap(), code, words);
        self.nothing_half_written();
        said
    }

    #[track_caller]
    pub fn nothing_half_written(&self) {
        for entry in walkdir::WalkDir::new(self.0.path()).into_iter().flatten() {
            let name = entry.file_name().to_string_lossy();
            assert!(!name.starts_with(".dockerize-"), "{} is left", entry.path().display());
        }
        let coming = self.store().join("incoming");
        let left = coming.read_dir().into_iter().flatten().count();
        assert_eq!(left, 0, "something is left in {coming}");
    }

    /// The only image of a layout, all its digests checked.
    #[track_caller]
    pub fn image(&self, folder: &str) -> Image {
        let mut images = Layout::new(self.path(folder)).images().unwrap();
        assert_eq!(images.len(), 1);
        images.remove(0)
    }

    /// All blobs of the store.
    pub fn blobs(&self) -> Vec<Utf8PathBuf> {
        let mut blobs: Vec<_> = Utf8Path::read_dir_utf8(&self.store().join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap().into_path())
            .collect();
        blobs.sort();
        blobs
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
pub fn succeeds(output: &Output) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

#[track_caller]
pub fn failed(output: &Output, code: i32, words: &[&str]) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word} is missing in:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Bytes that do not repeat.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}
