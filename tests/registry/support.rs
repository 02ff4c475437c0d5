//! Images, clients and a proxy for the tests.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::registry::{Blob, Client, Manifest, Options, Policy, Push, Reference};

use super::server::{Server, digest};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A folder for a test, with Docker's configuration, what comes and what goes.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for name in ["docker", "blobs", "out"] {
            fs_err::create_dir(place.path(name)).unwrap();
        }
        place
    }

    pub fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    pub fn options(&self) -> Options {
        let retry = Policy { attempts: 3, first: Duration::from_millis(1), ..Policy::default() };
        Options { docker: Some(self.path("docker")), retry, ..Options::default() }
    }

    pub fn client(&self) -> Client {
        Client::new(self.options()).unwrap()
    }

    /// Logs somebody in, as `docker login` does.
    pub fn log_in(&self, server: &str, json: &serde_json::Value) {
        let config = serde_json::json!({"auths": {server: json}});
        fs_err::write(self.path("docker/config.json"), config.to_string()).unwrap();
    }

    pub fn blob(&self, bytes: &[u8]) -> Blob {
        let path = self.path("blobs").join(&digest(bytes)[7..]);
        fs_err::write(&path, bytes).unwrap();
        Blob { digest: digest(bytes), size: bytes.len() as u64, path, mount_from: None }
    }

    /// An image of these layers, under this tag.
    pub fn image(&self, layers: &[&[u8]], tag: &str) -> Push {
        let mut blobs: Vec<Blob> = layers.iter().map(|layer| self.blob(layer)).collect();
        let descriptors: Vec<_> =
            blobs.iter().map(|blob| descriptor("application/vnd.oci.image.layer.v1.tar", blob)).collect();
        let config =
            self.blob(br#"{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}"#);
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": descriptors,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config)});
        blobs.push(config);
        Push { blobs, manifests: vec![Self::manifest(MANIFEST, &manifest, &[tag])] }
    }

    pub fn manifest(media_type: &str, json: &serde_json::Value, tags: &[&str]) -> Manifest {
        let bytes = json.to_string().into_bytes();
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Manifest { media_type: media_type.to_owned(), digest: digest(&bytes), bytes, tags }
    }

    /// What lies where blobs come to.
    pub fn left(&self) -> Vec<String> {
        let entries = self.path("out").read_dir_utf8().unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
    }
}

fn descriptor(media_type: &str, blob: &Blob) -> serde_json::Value {
    serde_json::json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size})
}

pub fn reference(server: &str, rest: &str) -> Reference {
    format!("{server}/{rest}").parse().unwrap()
}

/// Bytes that do not repeat soon.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
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

/// An image on the server without having been pushed; gives its manifest's digest.
pub fn published(server: &Server, repository: &str, tag: &str, platform: (&str, &str), layer: &[u8]) -> String {
    let config = format!(r#"{{"os": "{}", "architecture": "{}"}}"#, platform.0, platform.1);
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": config.len(),
            "digest": server.add_blob(repository, config.as_bytes())},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "size": layer.len(),
            "digest": server.add_blob(repository, layer)}]});
    server.add_manifest(repository, tag, MANIFEST, manifest.to_string().as_bytes())
}

/// Runs one test of this program again in a process of its own, changed so; that test finds out by `inner`.
pub fn again(test: &str, change: impl FnOnce(&mut Command)) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env("REGISTRY_TEST_INNER", "1");
    change(&mut command);
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

pub fn inner() -> bool {
    std::env::var_os("REGISTRY_TEST_INNER").is_some()
}

/// Runs one test of this program again where there is a small file system, and gives it to that one. None: this is the outer one,
/// or none can be made here.
#[cfg(target_os = "linux")]
pub fn on_a_small_disk(test: &str, size: &str) -> Option<Utf8PathBuf> {
    const FOLDER: &str = "REGISTRY_TEST_SMALL";
    if inner() {
        return Some(std::env::var(FOLDER).unwrap().into());
    }
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && exec \"$@\"");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &script, path]);
        command
    };
    if !unshare().arg("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("no small file system can be made here: a full disk is not tried");
        return None;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = unshare();
    command.arg(program).args([test, "--exact"]).env("REGISTRY_TEST_INNER", "1").env(FOLDER, path);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    None
}

/// A proxy before a real registry that cuts connections.
pub struct Proxy {
    pub name: String,
    /// Bytes that still go up before the connection is cut; less than none: it is not.
    pub up: Arc<AtomicI64>,
    /// Likewise down.
    pub down: Arc<AtomicI64>,
    /// How often a connection was cut.
    pub cuts: Arc<AtomicUsize>,
}

pub const NEVER: i64 = i64::MIN / 2;

impl Proxy {
    pub fn before(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("localhost:{}", listener.local_addr().unwrap().port());
        let proxy = Self {
            name,
            up: Arc::new(AtomicI64::new(NEVER)),
            down: Arc::new(AtomicI64::new(NEVER)),
            cuts: Arc::default(),
        };
        let (up, down, cuts) = (proxy.up.clone(), proxy.down.clone(), proxy.cuts.clone());
        let registry = registry.to_owned();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&registry).unwrap());
                for (from, to, budget) in [(&client, &server, &up), (&server, &client, &down)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (budget, cuts) = (budget.clone(), cuts.clone());
                    std::thread::spawn(move || pass(from, to, &budget, &cuts));
                }
            }
        });
        proxy
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, budget: &AtomicI64, cuts: &AtomicUsize) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        let limited = budget.load(Ordering::SeqCst) > NEVER / 2;
        let bytes = i64::try_from(count).unwrap();
        if count == 0 || (limited && budget.fetch_sub(bytes, Ordering::SeqCst) < bytes) {
            if count > 0 {
                cuts.fetch_add(1, Ordering::SeqCst);
                // The next connection is a good one.
                budget.store(NEVER, Ordering::SeqCst);
            }
            break;
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
