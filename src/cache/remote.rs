//! What a cache on another machine, or in a folder, has.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::Cache;
use super::dependencies::ask;
use crate::engine::Engine;
use crate::failure::{Failure, Kind, Result};

/// What stands in a place of a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Held {
    /// The manifest's or the index's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Compressed, in bytes; of several platforms together.
    pub size: u64,
}

/// What a registry said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is there.
    There(Held),
    /// It is not.
    Absent,
    /// The registry does not answer, or does not let us in: its words.
    Silent(String),
}

/// An OCI index, an image's manifest, or the index that older caches are, with layers in manifests' place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    config: Option<Part>,
    #[serde(default)]
    layers: Vec<Part>,
    #[serde(default)]
    manifests: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
}

impl Part {
    fn is_manifest(&self) -> bool {
        ["image.manifest", "distribution.manifest", "image.index"].iter().any(|kind| self.media_type.contains(kind))
    }
}

/// Asks a registry for one reference.
///
/// # Errors
/// The user interrupted.
pub fn in_registry(engine: &Engine, builder: Option<&str>, reference: &str) -> Result<Answer> {
    let top = match ask(engine, builder, reference, &["--format", "{{json .Manifest}}"])? {
        Ok(text) => text,
        Err(said) if missing(&said) => return Ok(Answer::Absent),
        Err(said) => return Ok(Answer::Silent(said)),
    };
    let Ok(Part { digest, .. }) = serde_json::from_str(&top) else {
        return Ok(Answer::Silent(format!("what buildx says of {reference} cannot be read")));
    };
    let mut size = 0;
    // An index leads to manifests, and no further.
    let mut next = vec![digest.clone()];
    for _ in 0..2 {
        for digest in std::mem::take(&mut next) {
            let Ok(text) = ask(engine, builder, &format!("{}@{digest}", repository(reference)), &["--raw"])? else {
                continue;
            };
            let Ok(manifest) = serde_json::from_str::<Manifest>(&text) else { continue };
            for part in manifest.layers.iter().chain(&manifest.manifests).chain(&manifest.config) {
                if part.is_manifest() {
                    next.push(part.digest.clone());
                } else {
                    size += part.size;
                }
            }
        }
    }
    Ok(Answer::There(Held { digest: Some(digest), size }))
}

/// What registries say of what they have not; some say of a repository that is not there yet that one may not see it.
fn missing(said: &str) -> bool {
    ["not found", "manifest unknown", "name unknown"].iter().any(|words| said.to_lowercase().contains(words))
}

fn repository(reference: &str) -> &str {
    let at = reference.rfind('/').map_or(0, |at| at + 1);
    reference[at..].find(':').map_or(reference, |colon| &reference[..at + colon])
}

/// What a folder of BuildKit's layers holds; none where it is not such a folder.
///
/// # Errors
/// [`Kind::Emit`]: the folder cannot be read.
pub fn in_folder(folder: &Utf8Path) -> Result<Option<Held>> {
    #[derive(Deserialize)]
    struct Index {
        #[serde(default)]
        manifests: Vec<Part>,
    }
    let Ok(index) = fs_err::read_to_string(folder.join("index.json")) else { return Ok(None) };
    // Somebody's own folder with an `index.json` is none.
    if !folder.join("blobs").is_dir() || !folder.join("oci-layout").is_file() {
        return Ok(None);
    }
    let digest = serde_json::from_str::<Index>(&index).ok().and_then(|index| index.manifests.into_iter().next());
    let mut size = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let file = entry.and_then(|entry| entry.metadata()).map_err(|error| {
            Failure::new(Kind::Emit, format!("the cache in `{folder}` cannot be read")).caused_by(error)
        })?;
        if file.is_file() {
            size += file.len();
        }
    }
    Ok(Some(Held { digest: digest.map(|part| part.digest), size }))
}

/// A cache besides the builder's own, and what it has for one build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Listing {
    /// As `--cache` takes it.
    pub cache: String,
    /// What a build looks for there.
    pub entries: Vec<Entry>,
    /// Why there is no more to say, and how to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<String>,
    /// What a registry said in place of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<String>,
}

/// One thing that a build looks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// What it is.
    pub what: What,
    /// The image, or the binaries that the dependencies are of.
    pub of: Vec<String>,
    /// The reference or the folder.
    pub place: String,
    /// What is there.
    pub held: Option<Held>,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// An image's layers.
    Layers,
    /// The compiled dependencies of this lock file.
    Dependencies,
    /// Those that were kept last, of whichever lock file.
    EarlierDependencies,
}

impl Listing {
    /// Of the layers of these images, by the names of their stages.
    ///
    /// # Errors
    /// The user interrupted, or a folder cannot be read.
    pub fn layers(engine: &Engine, builder: Option<&str>, cache: &Cache, images: &[&str]) -> Result<Self> {
        let mut listing = Self { cache: cache.to_string(), unlisted: unlisted(cache, images), ..Self::default() };
        for image in images {
            let of = vec![(*image).to_owned()];
            match cache {
                Cache::Registry { repository, tag } => {
                    let place = format!("{repository}:{tag}-{image}");
                    listing.ask((engine, builder), What::Layers, of, &place)?;
                }
                Cache::Local(folder) => {
                    let folder = folder.join(image);
                    let held = in_folder(&folder)?;
                    listing.entries.push(Entry { what: What::Layers, of, place: folder.into_string(), held });
                }
                _ => {}
            }
        }
        Ok(listing)
    }

    /// Adds a reference of a registry. One that does not answer is not asked again.
    ///
    /// # Errors
    /// The user interrupted.
    pub fn ask(
        &mut self,
        (engine, builder): (&Engine, Option<&str>),
        what: What,
        of: Vec<String>,
        place: &str,
    ) -> Result<()> {
        let mut held = None;
        if self.silent.is_none() {
            match in_registry(engine, builder, place)? {
                Answer::There(there) => held = Some(there),
                Answer::Absent => {}
                Answer::Silent(said) => self.silent = Some(said.trim().to_owned()),
            }
        }
        self.entries.push(Entry { what, of, place: place.to_owned(), held });
        Ok(())
    }
}

/// What cannot be listed, and how to look.
fn unlisted(cache: &Cache, images: &[&str]) -> Option<String> {
    let first = images.first().copied().unwrap_or("IMAGE");
    match cache {
        Cache::Gha { scope } => Some(format!(
            "GitHub lists its cache to GitHub's own program: `gh cache list --key index-{scope}-{first}` has an image's \
             index, `gh cache list --key buildkit-blob` the layers of all"
        )),
        Cache::S3(attributes) => {
            let of = |name: &str| attributes.split(',').find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
            let (bucket, prefix) = (of("bucket").unwrap_or("BUCKET"), of("prefix").unwrap_or_default());
            let manifests = of("manifests_prefix").unwrap_or("manifests/");
            Some(format!(
                "only the bucket's own program lists it: `aws s3 ls s3://{bucket}/{prefix}{manifests}{first}` has an image's \
                 manifest, `aws s3 ls --summarize --recursive s3://{bucket}/{prefix}` all of it"
            ))
        }
        Cache::Inline => {
            Some("an inline cache is in the image itself: `docker buildx imagetools inspect IMAGE`".to_owned())
        }
        Cache::None => Some("no cache is named: `--cache`, or `cache` in the metadata".to_owned()),
        Cache::Registry { .. } | Cache::Local(_) | Cache::Gitlab => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(repository("localhost:5000/team/app:deps-1"), "localhost:5000/team/app");
        assert_eq!(repository("localhost:5000/team/app"), "localhost:5000/team/app");
    }

    #[test]
    fn where_to_look() {
        let of = |text: &str| unlisted(&text.parse().unwrap(), &["api"]).unwrap_or_default();
        assert!(of("gha").contains("--key index-dockerize-api"));
        assert!(of("s3=region=eu-1,bucket=b,prefix=team/").contains("s3://b/team/manifests/api"));
        assert_eq!(of("registry=a/b"), "");
    }

    #[test]
    fn a_folder_that_is_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        assert_eq!(in_folder(path).unwrap(), None);
        fs_err::write(path.join("index.json"), r#"{"manifests":[{"digest":"sha256:ab"}]}"#).unwrap();
        assert_eq!(in_folder(path).unwrap(), None, "an index of somebody's own");
        fs_err::write(path.join("oci-layout"), "").unwrap();
        fs_err::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs_err::write(path.join("blobs/sha256/ab"), "0123456789").unwrap();
        let held = in_folder(path).unwrap().unwrap();
        assert_eq!((held.digest.as_deref(), held.size), (Some("sha256:ab"), 48));
    }
}
