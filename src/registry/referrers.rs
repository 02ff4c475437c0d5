//! What refers to an image (signatures, bills of materials), listed under a tag where the registry keeps no such list itself
//! (distribution specification 1.1, "Pushing Manifests with Subject").

use oci_spec::image::Descriptor;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Client;
use super::host::Session;
use super::push::Manifest;
use super::resolve::{INDEX, known};
use super::words;
use crate::digest::sha256_of;
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
