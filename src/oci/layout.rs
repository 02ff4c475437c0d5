//! Images as a folder: an OCI image layout, which `skopeo`, `umoci`, `podman` and registries' tools read.

use std::io::{Error, ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::contents::{BLOBS, Contents, INDEX, MARK, Named, Part, contents};
use super::fault::fault;
use super::store::Store;
use crate::exec;
use crate::failure::{Failure, Kind, Result};

/// All that is in a layout's folder. The last one is Docker's, and there where an archive of Docker's was unpacked.
const FILES: &[&str] = &["blobs", INDEX, MARK.0, "manifest.json"];

/// Writes a layout of these bundles. It is made beside the folder and takes its place when it is whole; its blobs are links
/// to the store's where the file system can do that. A layout that is there is replaced.
///
/// # Errors
/// [`Kind::Emit`]: the folder holds something else, or cannot be written, such as on a full disk; [`Kind::Usage`]: a name is
/// none, or two bundles have it; [`Kind::Verify`]: a blob is not in the store; [`Kind::Interrupted`].
pub fn write(store: &Store, bundles: &[Named<'_>], folder: &Utf8Path) -> Result<()> {
    let parts = bundles.iter().map(|bundle| Part::whole(*bundle)).collect::<Result<Vec<_>>>()?;
    let contents = contents(store, &parts)?;
    let failed = |error| fault("written", folder, error);
    // A link stays a link: what it points at is written.
    let folder = if folder.is_symlink() { &folder.canonicalize_utf8().map_err(failed)? } else { folder };
    check_place(folder)?;
    let above = match folder.parent() {
        Some(above) if !above.as_str().is_empty() => above,
        _ => Utf8Path::new("."),
    };
    fs_err::create_dir_all(above).map_err(failed)?;
    let beside = beside(above).map_err(failed)?;
    let new = Utf8PathBuf::try_from(beside.path().join("new")).map_err(|error| failed(Error::other(error)))?;
    fill(store, &contents, &new).map_err(failed)?;
    take_place(&new, folder, &new.with_file_name("old")).map_err(failed)
}

/// A folder beside the place, which is removed with all that is in it when it is dropped.
fn beside(above: &Utf8Path) -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix(".dockerize-").tempdir_in(above)
}

fn fill(store: &Store, contents: &Contents, new: &Utf8Path) -> std::io::Result<()> {
    fs_err::create_dir_all(new.join(BLOBS))?;
    for (digits, blob) in &contents.blobs {
        exec::go_on_in_io()?;
        let from = store.blob(blob.digest().as_ref()).map_err(Error::other)?;
        let to = new.join(BLOBS).join(digits);
        // Another file system, one without links, or a file with too many of them.
        if fs_err::hard_link(&from, &to).is_err() {
            fs_err::copy(&from, &to)?;
        }
    }
    fs_err::write(new.join(INDEX), &contents.index)?;
    fs_err::write(new.join(MARK.0), MARK.1)
}

/// Two renames: a reader finds the old one, none for an instant, or the new one.
fn take_place(new: &Utf8Path, folder: &Utf8Path, old: &Utf8Path) -> std::io::Result<()> {
    exec::go_on_in_io()?;
    let replaces = match fs_err::rename(folder, old) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    fs_err::rename(new, folder).inspect_err(|_| {
        if replaces {
            // The first failure is the one to tell.
            drop(fs_err::rename(old, folder));
        }
    })
}

/// Whether the place is free, empty, or a layout with nothing else in it.
fn check_place(folder: &Utf8Path) -> Result<()> {
    let refused = |why: String| {
        Failure::new(Kind::Emit, format!("{folder} is not replaced: {why}"))
            .help("name a folder that does not exist yet, or remove this one")
    };
    let files = match fs_err::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(refused("it is no folder".to_owned())),
        Err(error) => return Err(fault("read", folder, error)),
    };
    let mut names = Vec::new();
    for file in files {
        let file = file.map_err(|error| fault("read", folder, error))?;
        names.push(file.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if names.is_empty() {
        return Ok(());
    }
    if !names.iter().any(|name| name == MARK.0) {
        return Err(refused("it is no image layout, but somebody's own files".to_owned()));
    }
    match names.iter().find(|name| !FILES.contains(&name.as_str())) {
        Some(other) => Err(refused(format!("`{other}` in it is not part of an image layout"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256_digits;
    use crate::image::Layout;
    use crate::oci::image::{Attached, Bundle};
    use crate::oci::testing::{Scratch, scratch, shipped};
    use oci_spec::image::MediaType;
    use serde_json::{Value, json};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn ground() -> (Scratch, Store, Utf8PathBuf) {
        let folder = scratch();
        let store = Store::open(folder.path().join("store")).unwrap();
        let layout = folder.path().join("out/layout");
        (folder, store, layout)
    }

    fn index(layout: &Utf8Path) -> Value {
        serde_json::from_slice(&fs_err::read(layout.join(INDEX)).unwrap()).unwrap()
    }

    fn there(folder: &Utf8Path) -> Vec<String> {
        let mut names: Vec<String> =
            folder.read_dir_utf8().unwrap().map(|file| file.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    fn with_document(store: &Store, mut bundle: Bundle) -> Bundle {
        let empty = store.put(MediaType::EmptyJSON, b"{}").unwrap();
        let document = store.put(MediaType::Other("application/spdx+json".to_owned()), b"{\"a\": 1}").unwrap();
        let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/spdx+json", "config": empty, "layers": [document], "subject": bundle.root });
        let manifest = store.put(MediaType::ImageManifest, manifest.to_string().as_bytes()).unwrap();
        bundle.attached.push(Attached { manifest, blobs: vec![empty, document] });
        bundle
    }

    #[test]
    fn a_layout_has_an_entry_for_each_name_and_then_the_documents() {
        let (_folder, store, layout) = ground();
        let one = with_document(&store, shipped(&store, "one", &["linux/amd64"]));
        let two = shipped(&store, "two", &["linux/amd64", "linux/arm64"]);
        let tags = names(&["registry.example/team/api:1.2", "api", "docker.io/library/api:latest"]);
        write(&store, &[(&one, &tags), (&two, &[])], &layout).unwrap();
        let index = index(&layout);
        let seen: Vec<Value> = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| json!([entry["digest"], entry["annotations"], entry["artifactType"]]))
            .collect();
        let notes = |tag: &str, name: &str| json!({ "org.opencontainers.image.ref.name": tag, "io.containerd.image.name": name });
        assert_eq!(
            seen,
            [
                json!([one.root.digest(), notes("1.2", "registry.example/team/api:1.2"), null]),
                json!([one.root.digest(), notes("latest", "docker.io/library/api:latest"), null]),
                json!([two.root.digest(), null, null]),
                json!([one.attached[0].manifest.digest(), null, "application/spdx+json"]),
            ]
        );
        // Two images, an index, two configurations more than one layer each, and the document's three.
        assert_eq!(there(&layout.join(BLOBS)).len(), 3 + 1 + 2 + 2 + 1 + 3);
        assert_eq!(there(layout.parent().unwrap()), ["layout"], "nothing is left beside it");
        let other = layout.with_file_name("other");
        write(&store, &[(&two, &tags)], &other).unwrap();
        let images = Layout::new(&other).images().unwrap();
        assert_eq!(images[0].read("/usr/local/bin/api").unwrap().unwrap(), b"two");
    }

    #[test]
    fn the_same_bytes_each_time() {
        let (_folder, store, layout) = ground();
        let bundle = with_document(&store, shipped(&store, "one", &["linux/amd64", "linux/arm64"]));
        let tags = names(&["a:1", "b:1", "c:1"]);
        let write = || {
            super::write(&store, &[(&bundle, &tags)], &layout).unwrap();
            fs_err::read(layout.join(INDEX)).unwrap()
        };
        let first = write();
        assert!((0..8).all(|_| write() == first));
    }

    #[cfg(unix)]
    #[test]
    fn blobs_are_links_and_an_older_layout_is_replaced() {
        use std::os::unix::fs::MetadataExt;
        let (_folder, store, layout) = ground();
        let (old, new) = (shipped(&store, "old", &["linux/amd64"]), shipped(&store, "new", &["linux/amd64"]));
        fs_err::create_dir_all(&layout).unwrap();
        write(&store, &[(&old, &[])], &layout).unwrap();
        write(&store, &[(&new, &[])], &layout).unwrap();
        assert_eq!(there(layout.parent().unwrap()), ["layout"]);
        assert_eq!(there(&layout.join(BLOBS)).len(), 3, "nothing of the old one stays");
        let link = layout.with_file_name("link");
        std::os::unix::fs::symlink("layout", &link).unwrap();
        write(&store, &[(&old, &[])], &link).unwrap();
        assert!(link.is_symlink());
        let digits = sha256_digits(old.root.digest().as_ref()).unwrap();
        let inode = |path: Utf8PathBuf| fs_err::metadata(path).unwrap().ino();
        assert_eq!(inode(layout.join(BLOBS).join(digits)), inode(store.blob(old.root.digest().as_ref()).unwrap()));
    }

    #[test]
    fn what_is_somebodys_own_stays() {
        let (_folder, store, layout) = ground();
        let bundle = shipped(&store, "x", &["linux/amd64"]);
        let refused = |why: &str| {
            let before = if layout.is_dir() { there(&layout) } else { Vec::new() };
            let failure = write(&store, &[(&bundle, &[])], &layout).unwrap_err();
            assert_eq!(failure.kind(), Kind::Emit);
            assert!(failure.to_string().contains(why), "{failure}");
            assert_eq!(if layout.is_dir() { there(&layout) } else { Vec::new() }, before);
        };
        fs_err::create_dir_all(&layout).unwrap();
        fs_err::write(layout.join("thesis.txt"), "").unwrap();
        refused("somebody's own files");
        fs_err::remove_file(layout.join("thesis.txt")).unwrap();
        write(&store, &[(&bundle, &[])], &layout).unwrap();
        fs_err::write(layout.join("notes"), "").unwrap();
        refused("`notes` in it is not part of an image layout");
        fs_err::remove_dir_all(&layout).unwrap();
        fs_err::write(&layout, "").unwrap();
        refused("it is no folder");
    }

    #[test]
    fn what_is_not_whole_is_not_written() {
        let (_folder, store, layout) = ground();
        let bundle = shipped(&store, "x", &["linux/amd64"]);
        let twice = shipped(&store, "y", &["linux/amd64"]);
        let tags = names(&["api:1"]);
        let failure = write(&store, &[(&bundle, &tags), (&twice, &tags)], &layout).unwrap_err();
        assert_eq!(failure.to_string(), "two images would have the name docker.io/library/api:1");
        let blob = store.blob(bundle.images[0].layers[0].digest().as_ref()).unwrap();
        fs_err::remove_file(blob).unwrap();
        assert_eq!(write(&store, &[(&bundle, &tags)], &layout).unwrap_err().kind(), Kind::Verify);
        assert!(!layout.parent().unwrap().exists(), "nothing was begun");
    }
}
