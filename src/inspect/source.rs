//! Where an image comes from: an engine's store, a registry, a layout, an archive.

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::ImageIndex;
use tempfile::TempDir;

use super::attached::{self, Attached};
use super::blobs::Blobs;
use super::parts::{self, Parts, Wanted};
use crate::failure::{Failure, Kind, Result};
use crate::oci::load::{self, Runtime};
use crate::oci::{Store, pull};
use crate::registry::{Client, Options, Progress, Reference};

/// The image that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// A name in an engine's store or of a registry; `registry:NAME`, `oci:PATH`; a file or a folder.
    pub name: &'a str,
    /// `linux/arm64`; none: this machine's, or the only one.
    pub platform: Option<&'a str>,
    /// No registry is asked.
    pub offline: bool,
}

/// An image whose parts can be read. What was fetched for it is gone with it.
#[derive(Debug)]
pub struct Image {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) blobs: Blobs,
    pub(super) parts: Parts,
}

/// What goes on meanwhile.
pub trait Watch: Sync {
    /// An image is taken out of this store, or pulled from there.
    fn begins(&self, from: &str);

    /// Blobs come.
    fn comes(&self, progress: Progress<'_>);
}

/// What a name means.
#[derive(Debug, PartialEq, Eq)]
enum Meant<'a> {
    Path(&'a Utf8Path, Option<&'a str>),
    Registry(&'a str),
    Anywhere(&'a str),
}

/// Opens an image: a path where it is one, else what an engine has under this name, else what a registry has.
///
/// # Errors
/// [`Kind::Usage`]: there is no such image, or several are meant; [`Kind::Engine`]: an engine or a registry does not give it;
/// [`Kind::Verify`]: a part is broken; [`Kind::Interrupted`].
pub fn open(asked: Asked<'_>, watch: &dyn Watch) -> Result<Image> {
    match meant(asked.name) {
        Meant::Path(path, name) => {
            let blobs = Blobs::open(path)?;
            let from = if path.is_dir() { "layout" } else { "archive" };
            let parts = parts::find(&blobs, Wanted { platform: asked.platform, name })?;
            Ok(Image { name: asked.name.to_owned(), from: from.to_owned(), blobs, parts })
        }
        Meant::Registry(name) if asked.offline => {
            Err(Failure::new(Kind::Usage, format!("`{name}` is in a registry, and `--offline` forbids to ask it"))
                .help("leave one of the two out"))
        }
        Meant::Registry(name) => in_registry(name, asked.platform, watch),
        Meant::Anywhere(name) => {
            let (runtimes, silent) = answering();
            for runtime in &runtimes {
                if let Some(image) = in_engine(runtime, (name, asked.platform), watch)? {
                    return Ok(image);
                }
            }
            let engines = if runtimes.is_empty() {
                silent
            } else {
                let names: Vec<&str> = runtimes.iter().map(Runtime::name).collect();
                format!("{} has no image of this name", names.join(", "))
            };
            if asked.offline {
                return Err(Failure::new(Kind::Usage, format!("there is no image `{name}` here")).detail(engines));
            }
            in_registry(name, asked.platform, watch).map_err(|failure| failure.detail(engines))
        }
    }
}

/// Engines that answer; and what those say that do not.
fn answering() -> (Vec<Runtime>, String) {
    let mut silent = String::new();
    let mut all = Vec::new();
    for runtime in load::runtimes() {
        match load::first(vec![runtime]) {
            Ok(runtime) => all.push(runtime),
            Err(failure) => silent = failure.to_string(),
        }
    }
    (all, silent)
}

fn meant(name: &str) -> Meant<'_> {
    if let Some(path) = name.strip_prefix("oci:") {
        return match path.rsplit_once(':') {
            // A layout may have several images.
            Some((folder, image)) if !Utf8Path::new(path).exists() => Meant::Path(Utf8Path::new(folder), Some(image)),
            _ => Meant::Path(Utf8Path::new(path), None),
        };
    }
    // `registry:2` is an image, of Docker's registry.
    if let Some(rest) = name.strip_prefix("registry:")
        && rest.contains([':', '/', '@'])
    {
        return Meant::Registry(rest);
    }
    let path = Utf8Path::new(name);
    let says_so = name.starts_with(['.', '/']) || path.join("index.json").is_file();
    if says_so || path.is_file() { Meant::Path(path, None) } else { Meant::Anywhere(name) }
}

fn folder() -> Result<(Utf8PathBuf, TempDir)> {
    let failed = || Failure::new(Kind::Emit, "there is no place for a temporary folder");
    let own = tempfile::tempdir().map_err(|error| failed().caused_by(error))?;
    let path = Utf8PathBuf::from_path_buf(own.path().to_owned()).map_err(|_| failed())?;
    Ok((path, own))
}

fn in_engine(runtime: &Runtime, (name, platform): (&str, Option<&str>), watch: &dyn Watch) -> Result<Option<Image>> {
    let (path, own) = folder()?;
    let file = path.join("image.tar");
    watch.begins(runtime.name());
    if !runtime.save(name, &file)? {
        return Ok(None);
    }
    let blobs = Blobs::owned(&file, own)?;
    let parts = parts::find(&blobs, Wanted { platform, name: None })?;
    Ok(Some(Image { name: name.to_owned(), from: runtime.name().to_owned(), blobs, parts }))
}

fn in_registry(name: &str, platform: Option<&str>, watch: &dyn Watch) -> Result<Image> {
    let reference: Reference = name.parse()?;
    let client = Client::new(Options::default())?;
    watch.begins(reference.registry());
    let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
    let missing = || {
        Failure::new(Kind::Usage, format!("there is no image `{name}`: {} has none", reference.registry()))
            .help("see how it is spelt; a layout or an archive is named by its path, or as `oci:PATH`")
    };
    let (named, bytes) = client.manifest(&reference, wanted)?.ok_or_else(missing)?;
    let index = ImageIndex::from_reader(bytes.as_slice()).ok();
    let (platforms, chosen) = if let Some(index) = &index {
        choose(name, index, platform)?
    } else {
        let own = of_one(&client, &reference, &bytes)?;
        (vec![own.clone()], platform.map_or(own, str::to_owned))
    };
    let (path, own) = folder()?;
    let store = Store::open(path.clone())?;
    let at = reference.at(&named);
    let base = pull(&client, &store, &at.to_string(), &chosen, &|progress| watch.comes(progress))?;
    drop(store);
    let blobs = Blobs::owned(&path, own)?;
    let mut parts = parts::of(&blobs, &base.digest)?;
    parts.platforms = platforms;
    if let Some(index) = &index {
        parts.attached = beside(&client, &reference, index, &base.digest)?;
        parts.index = Some(named);
    }
    parts.attached.extend(attached::in_registry(&client, &reference, &base.digest)?);
    // Signatures are often the index's, which is what a tag names.
    if let Some(index) = &parts.index {
        parts.attached.extend(attached::in_registry(&client, &reference, index)?);
    }
    Ok(Image { name: name.to_owned(), from: "registry".to_owned(), blobs, parts })
}

/// All platforms of an index, and which one is meant.
fn choose(name: &str, index: &ImageIndex, platform: Option<&str>) -> Result<(Vec<String>, String)> {
    let all: Vec<String> = index.manifests().iter().filter_map(parts::noted).collect();
    let wanted = platform.map_or_else(|| format!("linux/{}", crate::platforms::here()), str::to_owned);
    let chosen = match (platform, all.as_slice()) {
        (None, [only]) => only.clone(),
        // An index that notes none is looked into.
        (_, all) if all.is_empty() || all.iter().any(|one| parts::fits(one, &wanted)) => wanted,
        _ => {
            return Err(Failure::new(Kind::Usage, format!("`{name}` has no image for {wanted}"))
                .help(format!("choose one with `--platform`: {}", all.join(", "))));
        }
    };
    Ok((all, chosen))
}

/// The platform of an image without an index.
fn of_one(client: &Client, reference: &Reference, manifest: &[u8]) -> Result<String> {
    let unknown = |why: &str| {
        Failure::new(Kind::Usage, format!("`{reference}` is no image: {why}"))
            .help("name the image; lists and signatures about it are told of with it")
    };
    let manifest = oci_spec::image::ImageManifest::from_reader(manifest)
        .map_err(|error| unknown("its manifest cannot be read").caused_by(error))?;
    let config = client.blob(reference, manifest.config().digest().as_ref())?;
    let config = config.ok_or_else(|| unknown("its configuration is missing"))?;
    Ok(parts::platform(&parts::configuration(&config).map_err(|_| unknown("it has another kind of configuration"))?))
}

/// What BuildKit put into the index for an image.
fn beside(client: &Client, reference: &Reference, index: &ImageIndex, image: &str) -> Result<Vec<Attached>> {
    let mut found = Vec::new();
    for descriptor in index.manifests() {
        let about = descriptor.annotations().as_ref().and_then(|annotations| annotations.get(parts::REFERENCE));
        if about.is_none_or(|about| about != image) {
            continue;
        }
        if let Some((digest, bytes)) = client.manifest(reference, descriptor.digest().as_ref())? {
            found.push(attached::of(&digest, &bytes, &|digest| client.blob(reference, digest))?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_people_mean() {
        assert_eq!(meant("registry:2"), Meant::Anywhere("registry:2"));
        assert_eq!(meant("registry:localhost:5000/a:1"), Meant::Registry("localhost:5000/a:1"));
        assert_eq!(meant("localhost:5000/a:1"), Meant::Anywhere("localhost:5000/a:1"));
        assert_eq!(meant("api"), Meant::Anywhere("api"));
        assert_eq!(meant("./api"), Meant::Path(Utf8Path::new("./api"), None));
        assert_eq!(meant("/x/api.tar"), Meant::Path(Utf8Path::new("/x/api.tar"), None));
        assert_eq!(meant("oci:src"), Meant::Path(Utf8Path::new("src"), None));
        assert_eq!(meant("oci:src:api"), Meant::Path(Utf8Path::new("src"), Some("api")));
    }
}
