//! What refers to an image (signatures, bills of materials), listed under a tag where the registry keeps no such list itself
//! (distribution specification 1.1, "Pushing Manifests with Subject").

use oci_spec::image::{Descriptor, ImageIndex};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Client;
use super::host::Session;
use super::push::Manifest;
use super::reference::Reference;
use super::resolve::{INDEX, Whole, compare, known};
use super::words;
use crate::digest::{sha256_digits, sha256_of};
use crate::failure::Result;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referring {
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    annotations: Option<Map<String, Value>>,
}

impl Client {
    /// Adds a manifest that has a subject to the list of those that refer to it; one without is passed over.
    pub(super) fn refer(&self, session: &Session, manifest: &Manifest) -> Result<()> {
        let Ok(referring) = serde_json::from_slice::<Referring>(&manifest.bytes) else { return Ok(()) };
        let Some(subject) = &referring.subject else { return Ok(()) };
        let subject = subject.digest().to_string();
        let deed = session.deed(format!("list what refers to {}", words::short(&subject)), true);
        let tag = format!("sha256-{}", known(&deed, &subject)?);
        let listed = match self.small(session, &deed, &format!("manifests/{tag}"))? {
            Ok(whole) => Some(whole.bytes),
            Err(answer) if answer.status == 404 => {
                answer.finish();
                None
            }
            Err(answer) => return Err(session.refused(&deed, answer)),
        };
        let Some(list) = added(listed.as_deref(), manifest, referring) else { return Ok(()) };
        let digest = sha256_of(&list);
        let index = Manifest { media_type: INDEX.to_owned(), digest, bytes: list, tags: Vec::new() };
        self.put(session, &index, &tag).map(drop)
    }
}

impl Client {
    /// What the registry says refers to a manifest, of whatever kind: by its own list, else by the one under a tag.
    ///
    /// # Errors
    /// [`Kind::Engine`](crate::failure::Kind::Engine): the registry does not answer, or not to us.
    pub fn referrers(&self, reference: &Reference, digest: &str) -> Result<Vec<Descriptor>> {
        let tag = format!("manifests/{}", digest.replace(':', "-"));
        for path in [format!("referrers/{digest}"), tag] {
            if let Some(whole) = self.maybe(reference, &path)? {
                let list = ImageIndex::from_reader(whole.bytes.as_slice());
                return Ok(list.map(|list| list.manifests().clone()).unwrap_or_default());
            }
        }
        Ok(Vec::new())
    }

    /// A manifest by tag or digest, with its digest; none: there is no such one.
    ///
    /// # Errors
    /// Likewise, and what comes is not what its digest says.
    pub fn manifest(&self, reference: &Reference, name: &str) -> Result<Option<(String, Vec<u8>)>> {
        let Some(whole) = self.maybe(reference, &format!("manifests/{name}"))? else { return Ok(None) };
        let digest = sha256_of(&whole.bytes);
        if sha256_digits(name).is_some() {
            let session = self.session(reference, false, &[])?;
            compare(&session.deed(format!("pull {name}"), false), "the manifest", name, &digest)?;
        }
        Ok(Some((digest, whole.bytes)))
    }

    /// A blob of a few MiB; none: it is not there.
    ///
    /// # Errors
    /// Likewise.
    pub fn blob(&self, reference: &Reference, digest: &str) -> Result<Option<Vec<u8>>> {
        let Some(whole) = self.maybe(reference, &format!("blobs/{digest}"))? else { return Ok(None) };
        let session = self.session(reference, false, &[])?;
        compare(
            &session.deed(format!("pull {}", words::short(digest)), false),
            "the blob",
            digest,
            &sha256_of(&whole.bytes),
        )?;
        Ok(Some(whole.bytes))
    }

    fn maybe(&self, reference: &Reference, path: &str) -> Result<Option<Whole>> {
        let session = self.session(reference, false, &[])?;
        let deed = session
            .deed(format!("look for {}", path.rsplit_once('/').map_or(path, |(_, name)| words::short(name))), false);
        match self.small(&session, &deed, path)? {
            Ok(whole) => Ok(Some(whole)),
            // Registries that do not know what is asked for say so in several ways.
            Err(answer) if matches!(answer.status, 400 | 404 | 405) => {
                answer.finish();
                Ok(None)
            }
            Err(answer) => Err(session.refused(&deed, answer)),
        }
    }
}

/// The list with one more; none: it is in it. A list that cannot be read is made anew.
fn added(listed: Option<&[u8]>, manifest: &Manifest, referring: Referring) -> Option<Vec<u8>> {
    let list = listed
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
        .filter(|list| list["manifests"].is_array());
    let mut list = list.unwrap_or_else(|| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}));
    let manifests = list["manifests"].as_array_mut()?;
    if manifests.iter().any(|descriptor| descriptor["digest"] == manifest.digest.as_str()) {
        return None;
    }
    let mut entry = json!({"mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.bytes.len()});
    let kind = referring.artifact_type.or_else(|| referring.config.map(|config| config.media_type().to_string()));
    if let Some(kind) = kind {
        entry["artifactType"] = kind.into();
    }
    if let Some(annotations) = referring.annotations {
        entry["annotations"] = annotations.into();
    }
    manifests.push(entry);
    serde_json::to_vec(&list).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str) -> Manifest {
        let bytes =
            serde_json::to_vec(&json!({"schemaVersion": 2, "artifactType": name, "annotations": {"a": "b"}})).unwrap();
        Manifest {
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            digest: sha256_of(&bytes),
            bytes,
            tags: Vec::new(),
        }
    }

    fn add(listed: Option<&[u8]>, manifest: &Manifest) -> Option<Vec<u8>> {
        added(listed, manifest, serde_json::from_slice(&manifest.bytes).unwrap())
    }

    #[test]
    fn what_others_put_there_stays() {
        let (first, second) = (manifest("first"), manifest("second"));
        let list = add(None, &first).unwrap();
        let list = add(Some(&list), &second).unwrap();
        let read: Value = serde_json::from_slice(&list).unwrap();
        assert_eq!(read["manifests"][0]["digest"], first.digest.as_str());
        assert_eq!(read["manifests"][1]["artifactType"], "second");
        assert_eq!(read["manifests"][1]["annotations"]["a"], "b");
        assert_eq!(add(Some(&list), &first), None, "nothing is listed twice");
    }

    #[test]
    fn a_list_that_cannot_be_read_is_made_anew() {
        for broken in [&b"nothing"[..], b"{}", b"[]"] {
            let read: Value = serde_json::from_slice(&add(Some(broken), &manifest("a")).unwrap()).unwrap();
            assert_eq!(read["manifests"].as_array().unwrap().len(), 1);
        }
    }
}
