//! One request and its answer. Whom we may speak to, and what went wrong when nobody answered, is known here and nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ureq::http::{self, HeaderMap, Method, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, SendBody};

use super::authorities::Authorities;
use super::pace::{Clock, Pace, Paced};
use super::retry;
use crate::exec;
use crate::failure::{Failure, Kind, Result};
use crate::image::LARGEST_JSON;

/// How long a name may take to be resolved, and a connection to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// A body that is larger is announced first (`Expect: 100-continue`), so that one that is refused is not sent in vain. As curl does.
const ANNOUNCED: u64 = 1024 * 1024;

/// No answer that is read whole is larger: manifests, configurations, tokens, errors.
pub(super) const LARGEST: u64 = LARGEST_JSON;

/// Connections that are kept to one host; more than workers need.
const IDLE: usize = 16;

/// What is sent.
pub(super) struct Call<'a> {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Payload<'a>,
}

/// A request's body.
pub(super) enum Payload<'a> {
    None,
    Bytes(&'a [u8]),
    /// So many bytes, once.
    Stream(&'a mut dyn Read, u64),
}

impl Call<'_> {
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Payload::None }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl<'a> Call<'a> {
    pub fn body(mut self, body: Payload<'a>) -> Self {
        self.body = body;
        self
    }
}

/// What came back, whatever its status.
pub(super) struct Answer {
    pub status: u16,
    headers: HeaderMap,
    body: Body,
    pace: Pace,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Each of the headers of this name.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// How long the registry wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        retry::asked(self.header("retry-after")?, SystemTime::now())
    }

    /// The body, however long.
    pub fn reader(self) -> impl Read + use<> {
        self.body.into_with_config().limit(u64::MAX).reader()
    }

    /// How fast it has to come.
    pub fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// The whole body, and so the connection may be used again.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        let inner = self.body.with_config().limit(LARGEST).reader();
        Paced { inner, clock: Clock::start(&self.pace) }.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads to the end what nobody looks at, so that the connection may be used again.
    pub fn finish(mut self) {
        drop(self.bytes());
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection could not be made, or broke: worth another attempt.
    Broken(String),
    /// The other side does not speak TLS.
    Plain,
    /// The other side's certificate is not believed.
    Certificate(String),
    /// What another attempt would not change.
    Final(Failure),
}

impl From<ureq::Error> for Trouble {
    fn from(error: ureq::Error) -> Self {
        // A broken connection may be our own doing.
        if exec::interrupted() {
            return Self::Final(exec::interruption());
        }
        let tls = match &error {
            ureq::Error::Rustls(error) => Some(error),
            ureq::Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()),
            _ => None,
        };
        match (tls, &error) {
            (Some(rustls::Error::InvalidMessage(_)), _) => Self::Plain,
            (Some(tls @ rustls::Error::InvalidCertificate(_)), _) => Self::Certificate(tls.to_string()),
            (Some(tls), _) => Self::Broken(tls.to_string()),
            (_, ureq::Error::HostNotFound) => Self::Broken("nobody knows a host of this name".to_owned()),
            (_, ureq::Error::Io(io)) => Self::Broken(io.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        ureq::Error::from(error).into()
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

/// The connections, by host: each has its own authorities.
pub(super) struct Wire {
    authorities: Authorities,
    silence: Duration,
    pace: Pace,
    agents: Arc<Mutex<BTreeMap<String, Agent>>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An agent knows the proxy, and that may have a password.
        f.debug_struct("Wire").field("silence", &self.silence).finish_non_exhaustive()
    }
}

impl Wire {
    /// No connection yet; one that is silent for so long counts as broken.
    pub fn new(authorities: Authorities, silence: Duration, pace: Pace) -> Self {
        Self { authorities, silence, pace, agents: Arc::default() }
    }

    /// How fast bodies have to come and go.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// What ends every request that is under way.
    pub fn hang_up(&self) -> impl FnOnce() + Send + use<> {
        let agents = self.agents.clone();
        move || locked(&agents).values().cloned().for_each(Agent::shutdown)
    }

    /// Sends a request once.
    pub fn once(&self, call: Call<'_>) -> Result<Answer, Trouble> {
        exec::go_on()?;
        let agent = self.agent(&call.url)?;
        let mut request = http::Request::builder().method(call.method).uri(call.url.as_str());
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let unwritable = |error: http::Error| unspeakable().caused_by(error);
        let response = if matches!(request.method_ref(), Some(&Method::GET | &Method::HEAD)) {
            agent.run(request.body(()).map_err(unwritable)?)?
        } else {
            let mut given: &[u8] = &[];
            let (reader, size): (&mut dyn Read, u64) = match call.body {
                Payload::None => (&mut given, 0),
                Payload::Bytes(bytes) => {
                    given = bytes;
                    (&mut given, bytes.len() as u64)
                }
                Payload::Stream(reader, size) => (reader, size),
            };
            request = request.header("content-length", size);
            if size > ANNOUNCED {
                request = request.header("expect", "100-continue");
            }
            agent.run(request.body(SendBody::from_reader(reader)).map_err(unwritable)?)?
        };
        let (parts, body) = response.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, pace: self.pace.clone() })
    }

    fn agent(&self, url: &str) -> Result<Agent> {
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| unspeakable().caused_by(error))?;
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return Err(unspeakable()) };
        let near = loopback(host);
        if uri.scheme_str() != Some("https") && !near {
            return Err(Failure::new(Kind::Engine, format!("{host} would have to be spoken to without TLS"))
                .help("plain http is for this machine alone: give the registry a certificate"));
        }
        let mut agents = locked(&self.agents);
        if let Some(agent) = agents.get(authority.as_str()) {
            return Ok(agent.clone());
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(self.authorities.of(authority.as_str())?))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let mut config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // Ours to follow: not each place that is named may be spoken to, or be told who we are.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("cargo-dockerize/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(self.silence))
            // Headers that come a byte at a time are none.
            .timeout_recv_response(Some(self.silence))
            .timeout_per_write(Some(self.silence))
            .max_idle_connections(IDLE)
            .max_idle_connections_per_host(IDLE);
        if near {
            config = config.proxy(None);
        }
        let agent = config.build().new_agent();
        agents.insert(authority.to_string(), agent.clone());
        Ok(agent)
    }
}

fn unspeakable() -> Failure {
    Failure::new(Kind::Engine, "a registry gave an address that cannot be asked")
}

/// Whether a host, as it stands in a URL, is this machine by its name alone.
pub(super) fn loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Scheme and host of a URL: `https://a.example:5000`.
pub(super) fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at.saturating_add(3));
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start.saturating_add(at));
    &url[..end]
}

/// Where `Location` leads from the URL that answered with it.
pub(super) fn located(from: &str, location: &str) -> String {
    if location.contains("://") && !location.starts_with('/') {
        return location.to_owned();
    }
    if location.starts_with("//") {
        let scheme = from.split("//").next().unwrap_or_default();
        return format!("{scheme}{location}");
    }
    if location.starts_with('/') {
        return format!("{}{location}", origin(from));
    }
    let path = from.split(['?', '#']).next().unwrap_or(from);
    let folder = path.rfind('/').map_or(path, |at| &path[..=at]);
    format!("{folder}{location}")
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the mutexes here keep is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_own_names_alone() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "[::1]"] {
            assert!(loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "0.0.0.0", "[::2]", "registry", "128.0.0.1"] {
            assert!(!loopback(host), "{host}");
        }
    }

    #[test]
    fn locations_lead_where_browsers_would_go() {
        let from = "https://a.example:5000/v2/x/blobs/uploads/";
        for (location, to) in [
            ("/v2/x/blobs/uploads/1?_state=a", "https://a.example:5000/v2/x/blobs/uploads/1?_state=a"),
            ("https://b.example/c?d=https://e", "https://b.example/c?d=https://e"),
            ("//b.example/c", "https://b.example/c"),
            ("1", "https://a.example:5000/v2/x/blobs/uploads/1"),
        ] {
            assert_eq!(located(from, location), to);
        }
        assert_eq!(origin("https://a.example:5000?x"), "https://a.example:5000");
    }

    #[test]
    fn plain_http_is_refused_before_anything_is_sent() {
        let authorities = Authorities::new(Vec::new(), "/nowhere".into());
        let wire = Wire::new(authorities, Duration::from_secs(1), Pace::default());
        let trouble = wire.once(Call::new(Method::GET, "http://registry.example/v2/")).err();
        let Some(Trouble::Final(failure)) = trouble else { panic!("{trouble:?}") };
        assert!(failure.report().contains("plain http"), "{}", failure.report());
    }
}
