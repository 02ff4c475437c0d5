//! Images as one file, or as a stream: the layout as an archive, alone or as `docker load` takes it.
//!
//! Docker's archive is what `docker save` writes since Docker 25: a layout, and with it the `manifest.json` of older ones. An
//! engine with the containerd store reads the layout's index, as `ctr`, `nerdctl` and `podman` do; one with the classic store
//! reads `manifest.json`, and takes each layer through the same decompression as a pulled one: plain and gzip always, zstd
//! since Docker 23.

use std::io::{BufWriter, Error, ErrorKind, Read, Result as IoResult, Seek, Write};

use camino::Utf8Path;
use oci_spec::image::{Descriptor, Platform};
use serde_json::json;
use tar::{Builder, EntryType};

use super::contents::{BLOBS, INDEX, MARK, Named, Part, contents};
use super::fault::fault;
use super::image::{Bundle, Image, canonical, platform_name, read_platform};
use super::layer::header;
use super::store::{Store, broken};
use crate::exec;
use crate::failure::{Failure, Kind, Result};
use crate::platforms;

/// The time of every entry: an archive says no more than its images.
const TIME: u64 = 0;

/// What is written at once: a pipe takes so much, and a file is glad of it.
const PIECE: usize = 64 * 1024;

/// Writes the layout of these bundles as an archive.
///
/// # Errors
/// What the writer says. A [`Failure`] comes as the error's inner one: [`Kind::Usage`], [`Kind::Verify`] and
/// [`Kind::Interrupted`] as [`write`](super::layout::write) has them.
pub fn oci(store: &Store, bundles: &[Named<'_>], to: &mut dyn Write) -> IoResult<()> {
    let parts = bundles.iter().map(|bundle| Part::whole(*bundle)).collect::<Result<Vec<_>>>().map_err(Error::other)?;
    archive(store, &parts, None, to)
}

/// Writes what `docker load` and its kin take. Of each bundle they get the image for `platform` (none: this machine's
/// architecture, on Linux), and no documents, for which no engine has a place.
///
/// # Errors
/// As [`oci`]; [`Kind::Usage`] also where a bundle has no image for that platform.
pub fn docker(store: &Store, bundles: &[Named<'_>], platform: Option<&str>, to: &mut dyn Write) -> IoResult<()> {
    let mut parts = Vec::new();
    let mut listed = Vec::new();
    for (bundle, names) in bundles {
        let image = of_platform(bundle, platform).map_err(Error::other)?;
        let part = Part::of(image, names).map_err(Error::other)?;
        let place = |blob: &Descriptor| format!("{BLOBS}/{}", blob.digest().digest());
        listed.push(json!({
            "Config": place(&image.config),
            "RepoTags": part.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "Layers": image.layers.iter().map(place).collect::<Vec<_>>(),
        }));
        parts.push(part);
    }
    let manifest = canonical(&listed).map_err(Error::other)?;
    archive(store, &parts, Some(&manifest), to)
}

/// The image of a bundle that runs on a platform; the only one in any case: who made it for another platform wants it so.
///
/// # Errors
/// [`Kind::Usage`]: there are several, and none for this platform.
pub(super) fn of_platform<'b>(bundle: &'b Bundle, platform: Option<&str>) -> Result<&'b Image> {
    if let [only] = bundle.images.as_slice() {
        return Ok(only);
    }
    let wanted = match platform {
        Some(platform) => read_platform(platform)?,
        None => here(),
    };
    let alike =
        |image: &&Image| image.platform.os() == wanted.os() && image.platform.architecture() == wanted.architecture();
    let exact = bundle.images.iter().find(|image| image.platform == wanted);
    exact.or_else(|| bundle.images.iter().find(alike)).ok_or_else(|| {
        let all: Vec<String> = bundle.images.iter().map(Image::platform_name).collect();
        Failure::new(
            Kind::Usage,
            format!("there is no image for {}, only for {}", platform_name(&wanted), all.join(", ")),
        )
        .help("build for that platform as well, or write an image layout, which holds all of them")
    })
}

/// What containers run on here: on other systems they do so in a Linux of the same architecture.
fn here() -> Platform {
    let mut platform = Platform::default();
    platform.set_os("linux".into()).set_architecture(platforms::here().into()).set_variant(None);
    platform
}

/// Writes one into a file, which has its name when it is whole: `archive::file(path, &mut |to| archive::oci(…, to))`. A file
/// that is there is replaced.
///
/// # Errors
/// [`Kind::Emit`]: there is something else than a file, or it cannot be written, such as on a full disk; what `write` fails
/// with.
pub fn file(path: &Utf8Path, write: &mut dyn FnMut(&mut dyn Write) -> IoResult<()>) -> Result<()> {
    let failed = |error| fault("written", path, error);
    // A link stays a link: what it points at is written.
    let path = if path.is_symlink() { &path.canonicalize_utf8().map_err(failed)? } else { path };
    match fs_err::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(Failure::new(Kind::Emit, format!("{path} is not replaced: it is no file"))
                .help("name a file that does not exist yet"));
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let above = match path.parent() {
        Some(above) if !above.as_str().is_empty() => above,
        _ => Utf8Path::new("."),
    };
    fs_err::create_dir_all(above).map_err(failed)?;
    let mut beside = readable(tempfile::Builder::new().prefix(".dockerize-")).tempfile_in(above).map_err(failed)?;
    write(beside.as_file_mut()).map_err(failed)?;
    exec::go_on()?;
    beside.persist(path).map(drop).map_err(|error| failed(error.error))
}

/// Temporary files are their owner's alone; this one becomes a file like any other.
fn readable<'a, 'p, 's>(builder: &'a mut tempfile::Builder<'p, 's>) -> &'a mut tempfile::Builder<'p, 's> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    }
    #[cfg(not(unix))]
    builder
}

fn archive(store: &Store, parts: &[Part<'_>], manifest: Option<&[u8]>, to: &mut dyn Write) -> IoResult<()> {
    let contents = contents(store, parts).map_err(Error::other)?;
    let mut builder = Builder::new(BufWriter::with_capacity(PIECE, to));
    let small =
        [Some((MARK.0, MARK.1.as_bytes())), Some((INDEX, &contents.index)), manifest.map(|it| ("manifest.json", it))];
    for (name, bytes) in small.into_iter().flatten() {
        builder.append_data(&mut header(0o644, TIME, bytes.len() as u64), name, bytes)?;
    }
    for folder in ["blobs/", "blobs/sha256/"] {
        let mut header = header(0o755, TIME, 0);
        header.set_entry_type(EntryType::Directory);
        builder.append_data(&mut header, folder, std::io::empty())?;
    }
    for (digits, blob) in &contents.blobs {
        let digest = blob.digest().as_ref();
        let path = store.blob(digest).map_err(Error::other)?;
        let unreadable = |error| Error::other(fault("read", &path, error));
        let mut file = fs_err::File::open(&path).map_err(unreadable)?;
        let mut header = header(0o644, TIME, blob.size());
        let stream = Interruptible((&mut file).take(blob.size()));
        builder.append_data(&mut header, format!("{BLOBS}/{digits}"), stream)?;
        // A shorter one would put all that follows in the wrong place.
        if file.stream_position().map_err(unreadable)? != blob.size() {
            return Err(Error::other(broken(format!("the blob {digest} became shorter while it was read"))));
        }
    }
    builder.into_inner()?.flush()
}

/// A blob may be large, and a pipe slow.
struct Interruptible<R>(R);

impl<R: Read> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        exec::go_on_in_io()?;
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::oci::testing::{scratch, shipped};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Path, time, contents.
    fn entries(bytes: &[u8]) -> Vec<(String, u64, Vec<u8>)> {
        let mut archive = tar::Archive::new(bytes);
        let read = |entry: IoResult<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            (path, entry.header().mtime().unwrap(), contents)
        };
        archive.entries().unwrap().map(read).collect()
    }

    fn json(entries: &[(String, u64, Vec<u8>)], name: &str) -> Value {
        let (.., bytes) = entries.iter().find(|(path, ..)| path == name).unwrap();
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn dockers_archive_has_one_platform_and_both_lists() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let both = shipped(&store, "x", &["linux/amd64", "linux/arm64"]);
        let tags = names(&["api:1", "registry.example/api:1"]);
        let write = || {
            let mut bytes = Vec::new();
            docker(&store, &[(&both, &tags)], Some("linux/arm64/v8"), &mut bytes).unwrap();
            bytes
        };
        let bytes = write();
        assert!(write() == bytes, "the same bytes each time");
        let entries = entries(&bytes);
        let paths: Vec<&str> = entries.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths[..5], ["oci-layout", "index.json", "manifest.json", "blobs/", "blobs/sha256/"]);
        assert_eq!(paths.len(), 5 + 3, "manifest, configuration, layer");
        assert!(entries.iter().all(|(_, time, _)| *time == TIME));
        let arm = &both.images[1];
        let place = |blob: &Descriptor| format!("blobs/sha256/{}", blob.digest().digest());
        assert_eq!(
            json(&entries, "manifest.json"),
            json!([{ "Config": place(&arm.config), "Layers": [place(&arm.layers[0])],
                "RepoTags": ["docker.io/library/api:1", "registry.example/api:1"] }])
        );
        let index = json(&entries, "index.json");
        assert_eq!(index["manifests"][0]["digest"], arm.manifest.digest().to_string());
        assert_eq!(index["manifests"][1]["annotations"]["io.containerd.image.name"], "registry.example/api:1");
    }

    #[test]
    fn the_platform_is_chosen() {
        let folder = scratch();
        let store = Store::open(folder.path()).unwrap();
        let chosen = |bundle: &Bundle, platform: &str| {
            of_platform(bundle, Some(platform)).map(Image::platform_name).map_err(|error| error.to_string())
        };
        let arms = shipped(&store, "x", &["linux/arm/v6", "linux/arm/v7"]);
        assert_eq!(chosen(&arms, "linux/arm/v7").unwrap(), "linux/arm/v7");
        assert_eq!(chosen(&arms, "linux/arm").unwrap(), "linux/arm/v6");
        assert_eq!(
            chosen(&arms, "linux/amd64").unwrap_err(),
            "there is no image for linux/amd64, only for linux/arm/v6, linux/arm/v7"
        );
        assert_eq!(chosen(&shipped(&store, "x", &["linux/arm64"]), "linux/amd64").unwrap(), "linux/arm64");
        let here = platform_name(&here());
        let of_here = shipped(&store, "x", &["linux/s390x", &here]);
        assert_eq!(platform_name(&of_platform(&of_here, None).unwrap().platform), here);
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = scratch();
        let store = Store::open(folder.path().join("store")).unwrap();
        let bundle = shipped(&store, "x", &["linux/amd64", "linux/arm64"]);
        let path = folder.path().join("out/api.tar");
        let write = || file(&path, &mut |to| oci(&store, &[(&bundle, &[])], to));
        fs_err::create_dir(folder.path().join("out")).unwrap();
        fs_err::write(&path, "older").unwrap();
        write().unwrap();
        let whole = fs_err::read(&path).unwrap();
        assert_eq!(entries(&whole).len(), 4 + 1 + 2 + 2 + 1, "an index, two manifests, two configurations, one layer");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o444, 0o444, "everybody may read it");
        }
        let full = file(&path, &mut |to| {
            to.write_all(b"half")?;
            Err(ErrorKind::StorageFull.into())
        });
        let full = full.unwrap_err();
        assert_eq!((full.kind(), full.to_string().starts_with("the disk is full")), (Kind::Emit, true));
        let missing = store.blob(bundle.images[0].config.digest().as_ref()).unwrap();
        fs_err::remove_file(missing).unwrap();
        assert_eq!(write().unwrap_err().kind(), Kind::Verify);
        assert!(fs_err::read(&path).unwrap() == whole, "the older one stays");
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        fs_err::remove_file(&path).unwrap();
        fs_err::create_dir(&path).unwrap();
        assert_eq!(write().unwrap_err().kind(), Kind::Emit);
    }
}
