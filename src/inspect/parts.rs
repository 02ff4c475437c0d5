//! Which image of a layout or an archive is meant, and its parts: manifest, configuration, layers, what is attached.

use std::collections::BTreeMap;

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType};
use serde::Deserialize;

use super::attached::{self, Attached};
use super::blobs::{Blobs, broken};
use crate::digest::{sha256_digits, sha256_of};
use crate::failure::{Failure, Kind, Result};
use crate::platforms;
use crate::registry::platform_name;

/// How deep indexes may lie in indexes.
const DEPTH: usize = 4;

/// By which BuildKit says that what lies in an index is about another image in it.
pub(super) const REFERENCE: &str = "vnd.docker.reference.digest";

/// The parts of one image.
#[derive(Debug)]
pub(super) struct Parts {
    /// Its manifest's; none: it is in Docker's older form of archives, which has no manifests.
    pub digest: Option<String>,
    /// That of the index that it was found in.
    pub index: Option<String>,
    /// All platforms of that index.
    pub platforms: Vec<String>,
    pub annotations: BTreeMap<String, String>,
    /// The configuration's digest, which is the image's id to engines.
    pub id: String,
    pub config: ImageConfiguration,
    pub layers: Vec<Part>,
    pub attached: Vec<Attached>,
}

/// A layer's place.
#[derive(Debug)]
pub(super) struct Part {
    /// The file's name among the blobs.
    pub file: String,
    /// What its bytes have to be.
    pub expected: Expected,
    pub media_type: String,
}

/// A digest of the bytes as they lie, or unpacked.
#[derive(Debug)]
pub(super) enum Expected {
    Blob(String),
    Unpacked(String),
}

/// Which image is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub platform: Option<&'a str>,
    /// Its name in the layout, or a digest.
    pub name: Option<&'a str>,
}

#[derive(Debug)]
struct Candidate {
    descriptor: Descriptor,
    manifest: ImageManifest,
    config: ImageConfiguration,
    names: Vec<String>,
    index: Option<String>,
}

impl Candidate {
    /// Its name and its platform, for people.
    fn told(&self) -> String {
        let name = self.names.last().map_or(self.descriptor.digest().as_ref(), String::as_str);
        format!("{name} for {}", platform(&self.config))
    }
}

#[derive(Default)]
struct Walk {
    candidates: Vec<Candidate>,
    /// Platforms by the index that names them.
    platforms: BTreeMap<Option<String>, Vec<String>>,
    attached: Vec<(String, Attached)>,
}

/// Finds the image that is meant.
///
/// # Errors
/// [`Kind::Usage`]: there is none, or several are; [`Kind::Verify`]: a part is broken.
pub(super) fn find(blobs: &Blobs, wanted: Wanted<'_>) -> Result<Parts> {
    let Some(text) = blobs.small("index.json")? else {
        return match blobs.small("manifest.json")? {
            Some(text) => archived(blobs, &text, wanted),
            None => Err(Failure::new(Kind::Usage, "there is neither an OCI layout nor an image of `docker save`")
                .help("name a folder with an `index.json`, or an archive with one or with a `manifest.json`")),
        };
    };
    let index = ImageIndex::from_reader(text.as_slice()).map_err(|error| broken("its index").caused_by(error))?;
    let mut walk = Walk::default();
    walk.index(blobs, &index, (None, &[]), 0)?;
    let chosen = choose(&mut walk.candidates, wanted)?;
    let digest = chosen.descriptor.digest().to_string();
    let platforms = walk.platforms.remove(&chosen.index).unwrap_or_default();
    let of_it = walk.attached.into_iter().filter(|(subject, _)| *subject == digest).map(|(_, attached)| attached);
    let attached = of_it.collect();
    Ok(Parts { index: chosen.index, platforms, attached, ..parts(digest, &chosen.manifest, chosen.config)? })
}

/// The parts of the image whose manifest has this digest.
///
/// # Errors
/// [`Kind::Verify`]: it is not there, or broken.
pub(super) fn of(blobs: &Blobs, digest: &str) -> Result<Parts> {
    let missing = || broken("its manifest or its configuration is missing");
    let bytes = blob(blobs, digest)?.ok_or_else(missing)?;
    let manifest =
        ImageManifest::from_reader(bytes.as_slice()).map_err(|error| broken("its manifest").caused_by(error))?;
    let config = blob(blobs, manifest.config().digest().as_ref())?.ok_or_else(missing)?;
    parts(digest.to_owned(), &manifest, configuration(&config)?)
}

/// What a configuration says.
pub(super) fn configuration(bytes: &[u8]) -> Result<ImageConfiguration> {
    ImageConfiguration::from_reader(bytes).map_err(|error| broken("its configuration").caused_by(error))
}

fn parts(digest: String, manifest: &ImageManifest, config: ImageConfiguration) -> Result<Parts> {
    let layer = |layer: &Descriptor| {
        let digest = layer.digest().to_string();
        Ok(Part { file: file(&digest)?, media_type: layer.media_type().to_string(), expected: Expected::Blob(digest) })
    };
    Ok(Parts {
        index: None,
        platforms: vec![platform(&config)],
        annotations: manifest.annotations().clone().unwrap_or_default().into_iter().collect(),
        id: manifest.config().digest().to_string(),
        layers: manifest.layers().iter().map(layer).collect::<Result<_>>()?,
        config,
        attached: Vec::new(),
        digest: Some(digest),
    })
}

impl Walk {
    fn index(
        &mut self,
        blobs: &Blobs,
        index: &ImageIndex,
        (own, names): (Option<&str>, &[String]),
        depth: usize,
    ) -> Result<()> {
        for descriptor in index.manifests() {
            let annotations = descriptor.annotations().clone().unwrap_or_default();
            let mut names = names.to_vec();
            names.extend(
                ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
                    .iter()
                    .filter_map(|key| annotations.get(*key).cloned()),
            );
            let digest = descriptor.digest().to_string();
            // An engine gives out the index as it is, and only the platform that it has.
            let bytes = blob(blobs, &digest)?;
            let Some(bytes) = bytes else {
                self.platform(own, descriptor);
                continue;
            };
            if is_index(descriptor, &bytes) {
                if depth < DEPTH {
                    let inner = ImageIndex::from_reader(bytes.as_slice())
                        .map_err(|error| broken("an index in it").caused_by(error))?;
                    self.index(blobs, &inner, (Some(&digest), &names), depth.saturating_add(1))?;
                }
                continue;
            }
            let Ok(manifest) = ImageManifest::from_reader(bytes.as_slice()) else { continue };
            let subject = manifest.subject().as_ref().map(|subject| subject.digest().to_string());
            if let Some(subject) = annotations.get(REFERENCE).cloned().or(subject) {
                let read = |digest: &str| blob(blobs, digest);
                self.attached.push((subject, attached::of(&digest, &bytes, &read)?));
                continue;
            }
            let Some(config) = blob(blobs, manifest.config().digest().as_ref())? else { continue };
            let Ok(config) = ImageConfiguration::from_reader(config.as_slice()) else { continue };
            self.platform(own, descriptor);
            if let Some(known) =
                self.candidates.iter_mut().find(|known| known.descriptor.digest() == descriptor.digest())
            {
                known.names.extend(names);
                continue;
            }
            let descriptor = descriptor.clone();
            self.candidates.push(Candidate { descriptor, manifest, config, names, index: own.map(str::to_owned) });
        }
        Ok(())
    }

    fn platform(&mut self, own: Option<&str>, descriptor: &Descriptor) {
        if let Some(name) = noted(descriptor) {
            self.platforms.entry(own.map(str::to_owned)).or_default().push(name);
        }
    }
}

/// The platform that an index notes, as Docker names it.
pub(super) fn noted(descriptor: &Descriptor) -> Option<String> {
    let platform = descriptor.platform().as_ref().filter(|platform| platform.os().to_string() != "unknown")?;
    Some(platform_name(platform))
}

/// The one that is meant: of this name, for this platform, else for this machine's.
fn choose(candidates: &mut Vec<Candidate>, wanted: Wanted<'_>) -> Result<Candidate> {
    let told = |candidates: &[Candidate]| {
        let all: Vec<String> = candidates.iter().map(Candidate::told).collect();
        if all.is_empty() { "no image".to_owned() } else { all.join(", ") }
    };
    let all = told(candidates);
    if let Some(name) = wanted.name {
        candidates
            .retain(|one| one.descriptor.digest().as_ref() == name || one.names.iter().any(|own| named(own, name)));
    }
    let fits = |one: &Candidate, wanted: &str| fits(&platform(&one.config), wanted);
    let here = format!("linux/{}", platforms::here());
    match wanted.platform {
        Some(wanted) => candidates.retain(|one| fits(one, wanted)),
        None if candidates.len() > 1 && candidates.iter().any(|one| fits(one, &here)) => {
            candidates.retain(|one| fits(one, &here));
        }
        None => {}
    }
    if candidates.len() > 1 {
        return Err(Failure::new(Kind::Usage, format!("there are several images: {}", told(candidates)))
            .help("choose one: `oci:PATH:NAME` by its name, and `--platform` by its platform"));
    }
    candidates.pop().ok_or_else(|| {
        let missing = match (wanted.name, wanted.platform) {
            (_, Some(platform)) => format!("there is no image for {platform}"),
            (Some(name), None) => format!("there is no image `{name}`"),
            (None, None) => "there is no image".to_owned(),
        };
        Failure::new(Kind::Usage, missing).help(format!("it holds: {all}"))
    })
}

/// Whether an image for this platform is meant by that one: variants may be left out.
pub(super) fn fits(own: &str, wanted: &str) -> bool {
    own == wanted || own.starts_with(&format!("{wanted}/")) || wanted.starts_with(&format!("{own}/"))
}

/// Whether a name in a layout is meant: whole, or its tag.
fn named(own: &str, wanted: &str) -> bool {
    own == wanted || own.rsplit_once(':').is_some_and(|(_, tag)| tag == wanted)
}

/// As Docker names it.
pub(super) fn platform(config: &ImageConfiguration) -> String {
    let variant = config.variant().as_deref().unwrap_or_default();
    platforms::written(&config.os().to_string(), &config.architecture().to_string(), variant)
}

fn is_index(descriptor: &Descriptor, bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Shape {
        manifests: Option<serde::de::IgnoredAny>,
    }
    *descriptor.media_type() == MediaType::ImageIndex
        || serde_json::from_slice::<Shape>(bytes).is_ok_and(|shape| shape.manifests.is_some())
}

fn file(digest: &str) -> Result<String> {
    let digits = sha256_digits(digest).ok_or_else(|| broken(&format!("`{digest}` is not a digest that is known")))?;
    Ok(format!("blobs/sha256/{digits}"))
}

/// A small blob, compared with its digest; none: it is not there.
pub(super) fn blob(blobs: &Blobs, digest: &str) -> Result<Option<Vec<u8>>> {
    let bytes = blobs.small(&file(digest)?)?;
    match bytes {
        Some(bytes) if sha256_of(&bytes) != digest => {
            Err(broken(&format!("the blob {digest} is not what its digest says")))
        }
        bytes => Ok(bytes),
    }
}

/// An image of Docker's older form of archives.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Archived {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

fn archived(blobs: &Blobs, text: &[u8], wanted: Wanted<'_>) -> Result<Parts> {
    let mut images: Vec<Archived> =
        serde_json::from_slice(text).map_err(|error| broken("its list of images").caused_by(error))?;
    let tags = |image: &Archived| image.repo_tags.clone().unwrap_or_default();
    let all: Vec<String> = images.iter().flat_map(tags).collect();
    if let Some(name) = wanted.name {
        images.retain(|image| tags(image).iter().any(|tag| named(tag, name)));
    }
    let [image] = images.as_slice() else {
        return Err(Failure::new(Kind::Usage, "the archive does not hold one image")
            .help(format!("choose one: `oci:PATH:NAME`; it holds {}", all.join(", "))));
    };
    let bytes = blobs.small(&image.config)?.ok_or_else(|| broken("its configuration is missing"))?;
    let config = configuration(&bytes)?;
    if wanted.platform.is_some_and(|wanted| !fits(&platform(&config), wanted)) {
        return Err(Failure::new(Kind::Usage, format!("it is for {}", platform(&config))));
    }
    let unpacked = config.rootfs().diff_ids().clone();
    if unpacked.len() != image.layers.len() {
        return Err(broken("it has not as many layers as its configuration says"));
    }
    let part = |(file, digest): (&String, String)| Part {
        file: file.clone(),
        media_type: "application/vnd.docker.image.rootfs.diff.tar".to_owned(),
        expected: Expected::Unpacked(digest),
    };
    Ok(Parts {
        digest: None,
        index: None,
        platforms: vec![platform(&config)],
        annotations: BTreeMap::new(),
        id: sha256_of(&bytes),
        layers: image.layers.iter().zip(unpacked).map(part).collect(),
        config,
        attached: Vec::new(),
    })
}
