//! A registry that was reached: by which scheme, what it wants to see of us, and the tokens that it gave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use ureq::http::Method;

use super::Client;
use super::challenge::Challenge;
use super::credentials::Credential;
use super::reference::Reference;
use super::retry;
use super::wire::{Answer, Call, Payload, Trouble, located, locked, loopback, origin};
use super::words::{self, Deed};
use crate::failure::Result;
use crate::secret::Secret;

/// How long a token is good for where its giver does not say (the token specification's own number).
const LIFETIME: Duration = Duration::from_mins(1);

/// The client asks for a new token after this time, even where the registry grants a longer one.
const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// From one host to the next, no further.
const REDIRECTS: usize = 5;

/// A registry.
#[derive(Debug)]
pub(super) struct Host {
    registry: String,
    /// `https://registry-1.docker.io`.
    base: String,
    challenge: Mutex<Challenge>,
    credential: OnceLock<Option<Credential>>,
    /// By scopes.
    tokens: Mutex<BTreeMap<String, Token>>,
}

#[derive(Debug)]
struct Token {
    value: Secret,
    until: Instant,
}

/// A repository that is read or written.
#[derive(Debug, Clone)]
pub(super) struct Session {
    host: Arc<Host>,
    pub repository: String,
    /// The repository's own first; the others may be refused.
    scopes: Vec<String>,
}

impl Session {
    /// The URL of something in the repository: `manifests/latest`.
    pub fn url(&self, path: &str) -> String {
        format!("{}/v2/{}/{path}", self.host.base, self.repository)
    }

    pub fn registry(&self) -> &str {
        &self.host.registry
    }

    pub fn deed(&self, what: impl Into<String>, writes: bool) -> Deed<'_> {
        Deed { registry: &self.host.registry, repository: &self.repository, what: what.into(), writes }
    }

    /// The failure that an answer is.
    pub fn refused(&self, deed: &Deed<'_>, answer: Answer) -> crate::failure::Failure {
        words::refused(deed, answer, self.host.known())
    }
}

impl Host {
    fn known(&self) -> bool {
        self.credential.get().is_some_and(Option::is_some)
    }

    /// Takes in a refusal; whether another attempt can be a better one.
    fn challenged(&self, answer: &Answer, shown: Option<&Secret>) -> bool {
        let asked = Challenge::read(answer.headers("www-authenticate"));
        let better = match asked {
            Challenge::Open => false,
            Challenge::Basic => shown.is_none(),
            Challenge::Bearer { .. } => {
                let stale = |token: &Token| shown.is_some_and(|shown| shown.0 == bearer(&token.value).0);
                locked(&self.tokens).retain(|_, token| !stale(token));
                true
            }
        };
        if asked != Challenge::Open {
            *locked(&self.challenge) = asked;
        }
        better
    }
}

impl Client {
    /// Reaches the registry of a reference, once for all that follows. `mounts` are repositories that are read as well.
    pub(super) fn session(&self, reference: &Reference, writes: bool, mounts: &[&str]) -> Result<Session> {
        let host = {
            let mut hosts = locked(&self.hosts);
            if let Some(host) = hosts.get(reference.host()) {
                host.clone()
            } else {
                let host = Arc::new(self.greet(reference)?);
                hosts.insert(reference.host().to_owned(), host.clone());
                host
            }
        };
        let repository = reference.repository().to_owned();
        let mut scopes = vec![format!("repository:{repository}:{}", if writes { "pull,push" } else { "pull" })];
        scopes.extend(mounts.iter().map(|from| format!("repository:{from}:pull")));
        Ok(Session { host, repository, scopes })
    }

    fn greet(&self, reference: &Reference) -> Result<Host> {
        let (registry, name) = (reference.registry(), reference.host());
        let deed = Deed { registry, repository: "", what: format!("reach {registry}"), writes: false };
        let url = |scheme: &str| format!("{scheme}://{name}/v2/");
        let near = loopback(name.rsplit_once(':').map_or(name, |(host, _)| host)) || loopback(name);
        let mut base = String::new();
        let answer = self.persist(&deed, || {
            base = format!("https://{name}");
            match self.wire.once(Call::new(Method::GET, url("https"))) {
                // A certificate that is not believed is no reason to do without.
                Err(Trouble::Plain | Trouble::Broken(_)) if near => {
                    base = format!("http://{name}");
                    self.wire.once(Call::new(Method::GET, url("http")))
                }
                other => other,
            }
        })?;
        let challenge = match answer.status {
            401 => Challenge::read(answer.headers("www-authenticate")),
            _ => Challenge::Open,
        };
        answer.finish();
        Ok(Host {
            registry: registry.to_owned(),
            base,
            challenge: Mutex::new(challenge),
            credential: OnceLock::new(),
            tokens: Mutex::default(),
        })
    }

    /// Sends until there is an answer that would not be another one next time.
    fn persist(&self, deed: &Deed<'_>, mut send: impl FnMut() -> Result<Answer, Trouble>) -> Result<Answer> {
        let mut tries = self.policy.tries();
        loop {
            match send() {
                Ok(answer) if !retry::passes(answer.status) => return Ok(answer),
                Ok(answer) => {
                    if !tries.again(answer.retry_after())? {
                        return Err(words::refused(deed, answer, false));
                    }
                }
                Err(Trouble::Broken(why)) => {
                    if !tries.again(None)? {
                        return Err(words::unheard(deed, Trouble::Broken(why), tries.made()));
                    }
                }
                Err(trouble) => return Err(words::unheard(deed, trouble, 1)),
            }
        }
    }

    /// Sends a request that can be made again, shows who we are, follows where it leads, and tries again what may pass.
    pub(super) fn send<'a>(&self, session: &Session, deed: &Deed<'_>, call: impl Fn() -> Call<'a>) -> Result<Answer> {
        self.persist(deed, || {
            let (mut answer, better) = self.exchange(session, deed, call())?;
            if better {
                answer.finish();
                answer = self.exchange(session, deed, call())?.0;
            }
            let mut url = call().url;
            for _ in 0..REDIRECTS {
                let Some(to) = answer.header("location").filter(|_| (300..400).contains(&answer.status)) else { break };
                url = located(&url, to);
                answer.finish();
                answer = self.exchange(session, deed, Call { url: url.clone(), ..call() })?.0;
            }
            Ok(answer)
        })
    }

    /// Sends a request once, with what the registry wants to see; nobody else gets to see it. Also tells whether it was refused
    /// for want of something that we have by now.
    pub(super) fn exchange(
        &self,
        session: &Session,
        deed: &Deed<'_>,
        mut call: Call<'_>,
    ) -> Result<(Answer, bool), Trouble> {
        let ours = origin(&call.url) == session.host.base;
        let shown = if ours { self.authorization(session, deed)? } else { None };
        if let Some(Secret(value)) = &shown {
            call.headers.push(("authorization", value.clone()));
        }
        let answer = self.wire.once(call)?;
        let better = ours && answer.status == 401 && session.host.challenged(&answer, shown.as_ref());
        Ok((answer, better))
    }

    fn authorization(&self, session: &Session, deed: &Deed<'_>) -> Result<Option<Secret>> {
        let host = &session.host;
        let challenge = locked(&host.challenge).clone();
        match challenge {
            Challenge::Open => Ok(None),
            Challenge::Basic => Ok(match self.credential(host)? {
                Some(Credential::Password { user, password }) => Some(basic(user, password)),
                _ => None,
            }),
            Challenge::Bearer { realm, service } => {
                if let Some(Credential::Registry(token)) = self.credential(host)? {
                    return Ok(Some(bearer(token)));
                }
                // Who comes while a token is fetched waits for it.
                let mut tokens = locked(&host.tokens);
                let key = session.scopes.join(" ");
                if let Some(token) = tokens.get(&key).filter(|token| Instant::now() < token.until) {
                    return Ok(Some(bearer(&token.value)));
                }
                let token = self.token(session, deed, &realm, &service)?;
                let shown = bearer(&token.value);
                tokens.insert(key, token);
                Ok(Some(shown))
            }
        }
    }

    fn credential<'h>(&self, host: &'h Host) -> Result<Option<&'h Credential>> {
        if let Some(credential) = host.credential.get() {
            return Ok(credential.as_ref());
        }
        let credential = self.docker.credential(&host.registry)?;
        Ok(host.credential.get_or_init(|| credential).as_ref())
    }

    fn token(&self, session: &Session, deed: &Deed<'_>, realm: &str, service: &str) -> Result<Token> {
        let host = &session.host;
        let credential = self.credential(host)?;
        let known = credential.is_some();
        if host.base.starts_with("https://") && !realm.starts_with("https://") {
            return Err(words::failure(deed, &format!("{} wants credentials to be sent without TLS", host.registry)));
        }
        let fetch = |scopes: &[String]| {
            self.persist(deed, || {
                let query = query(service, scopes);
                let joint = if realm.contains('?') { '&' } else { '?' };
                let Some(Credential::Identity(Secret(identity))) = credential else {
                    let call = Call::new(Method::GET, format!("{realm}{joint}{query}"));
                    return self.wire.once(match credential {
                        Some(Credential::Password { user, password }) => {
                            call.header("authorization", basic(user, password).0)
                        }
                        _ => call,
                    });
                };
                let form = format!(
                    "grant_type=refresh_token&client_id=cargo-dockerize&{}&refresh_token={}",
                    form(service, scopes),
                    encoded(identity)
                );
                let call = Call::new(Method::POST, realm).header("content-type", "application/x-www-form-urlencoded");
                self.wire.once(call.body(Payload::Bytes(form.as_bytes())))
            })
        };
        let mut answer = fetch(&session.scopes)?;
        // Some services refuse all where one of several repositories is not ours to read; then nothing is mounted.
        if matches!(answer.status, 400 | 401 | 403) && session.scopes.len() > 1 {
            answer.finish();
            answer = fetch(&session.scopes[..1])?;
        }
        // What such a service says is not shown: it was told secrets.
        match answer.status {
            200 => {}
            400 | 401 | 403 => return Err(words::unauthorised(deed, known)),
            status => {
                let reason = format!(
                    "{}, which gives out tokens for {}, failed (status {status})",
                    origin(realm),
                    host.registry
                );
                return Err(words::failure(deed, &reason).help("run it again later"));
            }
        }
        let given: Option<Given> = answer.bytes().ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some((value, given)) = given.and_then(|mut given| {
            let value = given.token.take().or(given.access_token.take())?;
            Some((value, given))
        }) else {
            let reason = format!("{}, which gives out tokens for {}, gave none", origin(realm), host.registry);
            return Err(words::failure(deed, &reason));
        };
        let lifetime = given.expires_in.map_or(LIFETIME, Duration::from_secs).min(LONGEST_LIFE);
        // A little earlier than it ends: the next request may take its time.
        let lifetime = lifetime.mul_f32(0.8);
        let now = Instant::now();
        Ok(Token { value: Secret(value), until: now.checked_add(lifetime).unwrap_or(now) })
    }
}

#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

fn basic(user: &str, password: &Secret) -> Secret {
    Secret(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.0))))
}

fn bearer(token: &Secret) -> Secret {
    Secret(format!("Bearer {}", token.0))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A scope is said once for each repository.
fn query(service: &str, scopes: &[String]) -> String {
    let mut parts: Vec<String> = scopes.iter().map(|scope| format!("scope={}", encoded(scope))).collect();
    if !service.is_empty() {
        parts.insert(0, format!("service={}", encoded(service)));
    }
    parts.join("&")
}

/// In a form all scopes are one value.
fn form(service: &str, scopes: &[String]) -> String {
    format!("service={}&scope={}", encoded(service), encoded(&scopes.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_mounts_are_asked_for_beside_the_own() {
        let scopes = ["repository:a/b:pull,push".to_owned(), "repository:c:pull".to_owned()];
        assert_eq!(
            query("my registry", &scopes),
            "service=my%20registry&scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%3Apull"
        );
        assert_eq!(query("", &scopes[1..]), "scope=repository%3Ac%3Apull");
    }
}
