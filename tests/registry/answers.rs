//! What the registry of the tests answers where nothing goes wrong.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::server::{Answer, Door, Request, State, digest, parameters, split};

pub fn answer(request: &Request, body: Vec<u8>, state: &mut State, base: &str, whole: bool) -> Answer {
    match request.path.as_str() {
        "/v2/" => return Answer { status: 200, body: b"{}".to_vec(), ..Answer::default() },
        "/token" => return token(request, &body, state),
        _ => {}
    }
    let Some((repository, rest)) = split(&request.path) else { return Answer::error(404, "NAME_UNKNOWN") };
    let (kind, name) = rest.split_once('/').unwrap();
    match (kind, name.strip_prefix("uploads/")) {
        ("manifests", _) => manifest(request, body, state, repository, name),
        ("referrers", _) if state.referrers => referrers(state, &repository, name),
        ("referrers", _) => Answer::error(404, "NOT_FOUND"),
        (_, Some(id)) => upload(request, &body, state, base, repository, id),
        _ => blob(request, state, repository, name, whole),
    }
}

fn token(request: &Request, body: &[u8], state: &mut State) -> Answer {
    let (Door::Token(user, password) | Door::Private(user, password)) = state.door.clone() else {
        return Answer::error(404, "NOT_FOUND");
    };
    let form = parameters(std::str::from_utf8(body).unwrap());
    let scopes: Vec<String> = match form.get("scope") {
        Some(scope) => scope[0].split(' ').map(str::to_owned).collect(),
        None => request.query.get("scope").cloned().unwrap_or_default(),
    };
    state.scopes.push(scopes.join(" "));
    let right = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let known = match form.get("refresh_token") {
        Some(token) => token[0] == password,
        None if request.headers.contains_key("authorization") => request.header("authorization") == right,
        None if matches!(state.door, Door::Private(..)) => return Answer::error(401, "UNAUTHORIZED"),
        None => {
            return give(state, &scopes, &["pull"]);
        }
    };
    // As careless services do: it says what it was told.
    if known { give(state, &scopes, &["pull", "push"]) } else { Answer::error(401, password) }
}

fn give(state: &mut State, scopes: &[String], may: &[&str]) -> Answer {
    let granted = scopes.iter().flat_map(|scope| {
        let mut parts = scope.split(':').skip(1);
        let (repository, actions) = (parts.next().unwrap(), parts.next().unwrap());
        let actions = actions.split(',').filter(|action| may.contains(action));
        actions.map(move |action| format!("{repository}:{action}")).collect::<Vec<_>>()
    });
    let granted = granted.collect();
    let token = format!("token-{}", state.next());
    state.tokens.insert(token.clone(), granted);
    Answer {
        status: 200,
        body: format!(r#"{{"token":"{token}","expires_in":{}}}"#, state.lifetime.unwrap_or(300)).into_bytes(),
        ..Answer::default()
    }
}

fn manifest(request: &Request, body: Vec<u8>, state: &mut State, repository: String, name: &str) -> Answer {
    let key = (repository.clone(), name.to_owned());
    if request.method == "PUT" {
        let found = digest(&body);
        if name.starts_with("sha256:") && name != found {
            return Answer::error(400, "DIGEST_INVALID");
        }
        let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let parts = read["layers"].as_array().into_iter().flatten().chain(read.get("config"));
        for part in parts {
            let blob = part["digest"].as_str().unwrap().to_owned();
            if !state.blobs.contains_key(&(repository.clone(), blob)) {
                return Answer::error(400, "MANIFEST_BLOB_UNKNOWN");
            }
        }
        let media_type = request.header("content-type").to_owned();
        state.manifests.insert(key, (media_type.clone(), body.clone()));
        state.manifests.insert((repository, found.clone()), (media_type, body));
        let answer = Answer::new(201).with("Docker-Content-Digest", found);
        return match read["subject"]["digest"].as_str() {
            Some(subject) if state.referrers => answer.with("OCI-Subject", subject),
            _ => answer,
        };
    }
    match state.manifests.get(&key) {
        None => Answer::error(404, "MANIFEST_UNKNOWN"),
        Some((media_type, bytes)) => {
            let answer = Answer { status: 200, body: bytes.clone(), ..Answer::default() };
            answer.with("Content-Type", media_type).with("Docker-Content-Digest", digest(bytes))
        }
    }
}

/// What refers to a manifest.
fn referrers(state: &State, repository: &str, subject: &str) -> Answer {
    let all = state.manifests.iter().filter(|((one, name), _)| one == repository && name.starts_with("sha256:"));
    let referring = all.filter_map(|((_, digest), (media_type, bytes))| {
        let read: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        (read["subject"]["digest"] == subject).then(|| {
            serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len(),
                "artifactType": read["artifactType"], "annotations": read["annotations"]})
        })
    });
    let media_type = "application/vnd.oci.image.index.v1+json";
    let list = serde_json::json!({"schemaVersion": 2, "mediaType": media_type,
        "manifests": referring.collect::<Vec<_>>()});
    Answer { status: 200, body: list.to_string().into_bytes(), ..Answer::default() }.with("Content-Type", media_type)
}

fn blob(request: &Request, state: &State, repository: String, name: &str, whole: bool) -> Answer {
    let Some(bytes) = state.blobs.get(&(repository, name.to_owned())) else {
        return Answer::error(404, "BLOB_UNKNOWN");
    };
    if request.method == "HEAD" {
        return Answer::new(200).with("Content-Length", bytes.len().to_string());
    }
    match request.header("range").strip_prefix("bytes=").filter(|_| !whole) {
        None => Answer { status: 200, body: bytes.clone(), ..Answer::default() },
        Some(range) => {
            let start: usize = range.trim_end_matches('-').parse().unwrap();
            let answer = Answer { status: 206, body: bytes[start..].to_vec(), ..Answer::default() };
            answer.with("Content-Range", format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len()))
        }
    }
}

fn upload(request: &Request, body: &[u8], state: &mut State, base: &str, repository: String, id: &str) -> Answer {
    let place = |id: &str, at: usize| {
        Answer::new(202)
            .with("Location", format!("{base}/v2/{repository}/blobs/uploads/{id}?_state={at}"))
            .with("Range", format!("0-{}", at.saturating_sub(1)))
    };
    if request.method == "POST" {
        if let (Some(digest), Some(from)) = (request.parameter("mount"), request.parameter("from")) {
            let found = state.blobs.get(&(from.to_owned(), digest.to_owned())).cloned();
            if let Some(bytes) = found {
                state.blobs.insert((repository, digest.to_owned()), bytes);
                return Answer::new(201).with("Docker-Content-Digest", digest);
            }
        }
        let id = format!("upload-{}", state.next());
        state.uploads.insert(id.clone(), Vec::new());
        return place(&id, 0);
    }
    let Some(upload) = state.uploads.get_mut(id) else { return Answer::error(404, "BLOB_UPLOAD_UNKNOWN") };
    match request.method.as_str() {
        "GET" => {
            let mut answer = place(id, upload.len());
            answer.status = 204;
            answer
        }
        "PATCH" => {
            let range = request.header("content-range");
            if !range.is_empty() && range != format!("{}-{}", upload.len(), upload.len() + body.len() - 1) {
                return Answer::error(416, "RANGE_INVALID");
            }
            upload.extend_from_slice(body);
            place(id, upload.len())
        }
        _ => {
            upload.extend_from_slice(body);
            let wanted = request.parameter("digest").unwrap();
            let bytes = state.uploads.remove(id).unwrap();
            if digest(&bytes) != wanted {
                return Answer::error(400, "DIGEST_INVALID");
            }
            state.blobs.insert((repository, wanted.to_owned()), bytes);
            Answer::new(201).with("Docker-Content-Digest", wanted)
        }
    }
}
