//! A registry after the distribution specification, in this process, which fails where it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::answers::answer;

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is answered by this status, with these headers.
    Status(u16, Vec<(&'static str, String)>),
    /// After so many bytes of its body, if it has more, the connection is cut; they are kept.
    CutRequest(usize),
    /// After so many bytes of the answer's body the connection is cut.
    CutAnswer(usize),
    /// The answer's body comes a byte at a time, with so many milliseconds between.
    Trickle(u64),
    /// The first byte of the answer's body is another one.
    Corrupt,
    /// The answer says nothing of ranges, and gives all.
    NoRange,
    /// There is no answer; this is done instead.
    Hang(fn()),
}

/// Who may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Door {
    #[default]
    Open,
    /// A name and a password with each request.
    Basic(&'static str, &'static str),
    /// Tokens for this name and password, or for this identity token; anybody may pull.
    Token(&'static str, &'static str),
    /// Tokens likewise, and nobody else may pull.
    Private(&'static str, &'static str),
}

#[derive(Default)]
pub struct State {
    /// By repository and digest.
    pub blobs: BTreeMap<(String, String), Vec<u8>>,
    /// By repository and tag or digest: media type and bytes.
    pub manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    /// Each request: `PUT /v2/…`, with the range that it names.
    pub log: Vec<String>,
    /// Scopes that were asked for, a line for each token.
    pub scopes: Vec<String>,
    pub door: Door,
    /// Whether it has the referrers API.
    pub referrers: bool,
    /// Whether it forgets an upload whose connection broke, as distribution does.
    pub forgetful: bool,
    /// How many seconds tokens are said to be good for.
    pub lifetime: Option<u64>,
    /// Whether it takes more bytes than this.
    pub largest: Option<usize>,
    pub uploads: BTreeMap<String, Vec<u8>>,
    pub tokens: BTreeMap<String, BTreeSet<String>>,
    pub faults: Vec<(&'static str, String, usize, Fault)>,
    counter: usize,
}

impl State {
    pub fn next(&mut self) -> usize {
        self.counter += 1;
        self.counter
    }

    /// Tokens that were given out are worth nothing any more.
    pub fn forget_tokens(&mut self) {
        self.tokens.clear();
    }
}

pub struct Server {
    pub name: String,
    state: Arc<Mutex<State>>,
}

pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

impl Server {
    pub fn start() -> Self {
        Self::serve("127.0.0.1", None)
    }

    pub fn with_tls(config: rustls::ServerConfig) -> Self {
        Self::serve("localhost", Some(Arc::new(config)))
    }

    fn serve(host: &str, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = format!("{host}:{port}");
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, base) = (state.clone(), format!("{}://{name}", if tls.is_some() { "https" } else { "http" }));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state, base, tls) = (stream.unwrap(), shared.clone(), base.clone(), tls.clone());
                stream.set_nodelay(true).unwrap();
                std::thread::spawn(move || {
                    let socket = stream.try_clone().unwrap();
                    match tls {
                        None => talk(stream, &socket, &state, &base),
                        Some(tls) => {
                            let connection = rustls::ServerConnection::new(tls).unwrap();
                            talk(rustls::StreamOwned::new(connection, stream), &socket, &state, &base);
                        }
                    }
                });
            }
        });
        Self { name, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next so many requests with this method, whose path has this in it, go wrong.
    pub fn fails(&self, method: &'static str, path: &str, times: usize, fault: Fault) {
        self.state().faults.push((method, path.to_owned(), times, fault));
    }

    pub fn add_blob(&self, repository: &str, bytes: &[u8]) -> String {
        self.state().blobs.insert((repository.to_owned(), digest(bytes)), bytes.to_vec());
        digest(bytes)
    }

    pub fn add_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> String {
        for name in [tag, &digest(bytes)] {
            let key = (repository.to_owned(), name.to_owned());
            self.state().manifests.insert(key, (media_type.to_owned(), bytes.to_vec()));
        }
        digest(bytes)
    }

    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.state().blobs.get(&(repository.to_owned(), digest.to_owned())).cloned()
    }

    pub fn manifest(&self, repository: &str, name: &str) -> Option<Vec<u8>> {
        self.state().manifests.get(&(repository.to_owned(), name.to_owned())).map(|(_, bytes)| bytes.clone())
    }

    /// The requests that begin so.
    pub fn asked(&self, start: &str) -> Vec<String> {
        self.state().log.iter().filter(|line| line.starts_with(start)).cloned().collect()
    }
}

pub struct Request {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, Vec<String>>,
    pub headers: BTreeMap<String, String>,
    length: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.first().map(String::as_str)
    }
}

#[derive(Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn error(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"in the registry's own words"}}]}}"#);
        Self { status, body: body.into_bytes(), ..Self::default() }.with("Content-Type", "application/json")
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

pub fn parameters(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        found.entry(name.to_owned()).or_default().push(decoded(value));
    }
    found
}

fn talk<S: Read + Write>(stream: S, socket: &TcpStream, state: &Mutex<State>, base: &str) {
    let mut stream = BufReader::new(stream);
    // Whoever goes away in the middle ends it.
    while let Some(request) = read(&mut stream) {
        if request.header("expect") == "100-continue" && gate(&request, &state.lock().unwrap(), base).is_none() {
            let refused = request.length > state.lock().unwrap().largest.unwrap_or(usize::MAX);
            if !refused && stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
                return;
            }
        }
        if !act(&mut stream, &request, state, base) {
            let _ = stream.get_mut().flush();
            let _ = socket.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn read<S: Read>(stream: &mut BufReader<S>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).ok()?;
        let line = String::from_utf8(line).ok()?;
        match line.trim_end() {
            "" if lines.is_empty() => return None,
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines[0].split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    Some(Request { method, path: path.to_owned(), query: parameters(query), headers, length })
}

/// Answers a request; false: the connection ends.
fn act<S: Read + Write>(stream: &mut BufReader<S>, request: &Request, state: &Mutex<State>, base: &str) -> bool {
    let fault = {
        let mut state = state.lock().unwrap();
        let range = [request.header("range"), request.header("content-range")].join("");
        state.log.push(format!("{} {} {range}", request.method, request.path).trim().to_owned());
        let found = state.faults.iter_mut().find(|(method, path, times, fault)| {
            let long = !matches!(fault, Fault::CutRequest(bytes) if *bytes >= request.length);
            *method == request.method && request.path.contains(path.as_str()) && *times > 0 && long
        });
        found.map(|(_, _, times, fault)| {
            *times -= 1;
            fault.clone()
        })
    };
    if let Some(Fault::Hang(instead)) = &fault {
        instead();
        std::thread::sleep(std::time::Duration::from_mins(10));
    }
    if let Some(refusal) = gate(request, &state.lock().unwrap(), base) {
        // What was announced was not sent.
        let announced = request.header("expect") == "100-continue";
        if !announced {
            std::io::copy(&mut stream.by_ref().take(request.length as u64), &mut std::io::sink()).unwrap();
        }
        return send(stream, request, refusal, None) && !announced;
    }
    if request.length > state.lock().unwrap().largest.unwrap_or(usize::MAX) {
        send(stream, request, Answer::error(413, "SIZE_INVALID"), None);
        return false;
    }
    let wanted = if let Some(Fault::CutRequest(bytes)) = fault { bytes } else { request.length };
    let mut body = Vec::new();
    if stream.by_ref().take(wanted as u64).read_to_end(&mut body).is_err() || body.len() < wanted {
        keep(&mut state.lock().unwrap(), request, &body);
        return false;
    }
    match fault {
        Some(Fault::CutRequest(_)) => {
            keep(&mut state.lock().unwrap(), request, &body);
            false
        }
        Some(Fault::Status(status, headers)) => {
            let answer = Answer::error(status, "BROKEN");
            let answer = headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value));
            send(stream, request, answer, None)
        }
        fault => {
            let whole = matches!(fault, Some(Fault::NoRange));
            let answer = answer(request, body, &mut state.lock().unwrap(), base, whole);
            send(stream, request, answer, fault.as_ref())
        }
    }
}

/// What came of an upload before its connection broke.
fn keep(state: &mut State, request: &Request, body: &[u8]) {
    let id = request.path.rsplit('/').next().unwrap_or_default();
    if state.forgetful {
        state.uploads.remove(id);
    } else if let Some(upload) = state.uploads.get_mut(id) {
        upload.extend_from_slice(body);
    }
}

fn send<S: Read + Write>(
    stream: &mut BufReader<S>,
    request: &Request,
    mut answer: Answer,
    fault: Option<&Fault>,
) -> bool {
    let mut head = format!("HTTP/1.1 {} Whatever\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !answer.headers.iter().any(|(name, _)| name == "Content-Length") {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    head.push_str("\r\n");
    let mut cut = false;
    match fault {
        Some(Fault::CutAnswer(bytes)) => {
            cut = true;
            answer.body.truncate(*bytes);
        }
        Some(Fault::Corrupt) => answer.body[0] ^= 1,
        _ => {}
    }
    if request.method == "HEAD" {
        answer.body.clear();
    }
    let out = stream.get_mut();
    if let Some(Fault::Trickle(wait)) = fault {
        let mut all = out.write_all(head.as_bytes()).is_ok();
        for byte in &answer.body {
            std::thread::sleep(std::time::Duration::from_millis(*wait));
            all = all && out.write_all(&[*byte]).is_ok() && out.flush().is_ok();
            if !all {
                return false;
            }
        }
        return all;
    }
    out.write_all(head.as_bytes()).is_ok() && out.write_all(&answer.body).is_ok() && out.flush().is_ok() && !cut
}

/// The refusal of whoever may not come in.
fn gate(request: &Request, state: &State, base: &str) -> Option<Answer> {
    if request.path == "/token" {
        return None;
    }
    let shown = request.header("authorization");
    match &state.door {
        Door::Open => None,
        Door::Basic(user, password) => {
            let right = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            (shown != right)
                .then(|| Answer::error(401, "UNAUTHORIZED").with("WWW-Authenticate", "Basic realm=\"here\""))
        }
        Door::Token(..) | Door::Private(..) => {
            let token = shown.strip_prefix("Bearer ").unwrap_or_default();
            let granted = state.tokens.get(token);
            let (repository, _) = split(&request.path).unwrap_or_default();
            let action = if matches!(request.method.as_str(), "GET" | "HEAD") { "pull" } else { "push" };
            let needed = format!("{repository}:{action}");
            let enough = granted.is_some_and(|granted| repository.is_empty() || granted.contains(&needed));
            let challenge = format!("Bearer realm=\"{base}/token\",service=\"a registry\"");
            (!enough).then(|| Answer::error(401, "UNAUTHORIZED").with("WWW-Authenticate", challenge))
        }
    }
}

/// `/v2/REPOSITORY/REST`.
pub fn split(path: &str) -> Option<(String, String)> {
    let path = path.strip_prefix("/v2/")?;
    let at = ["/blobs/", "/manifests/", "/referrers/"].iter().find_map(|part| path.find(part))?;
    Some((path[..at].to_owned(), path[at + 1..].to_owned()))
}
