//! What is said when a registry does not do what was asked: who, what for, and what to do.

use std::fmt;

use serde::Deserialize;

use super::wire::{Answer, Trouble};
use crate::failure::{Failure, Kind};

/// No more of a server's own words is shown.
const LONGEST: usize = 600;

/// What was tried.
#[derive(Debug, Clone)]
pub(super) struct Deed<'a> {
    /// The registry as people write it.
    pub registry: &'a str,
    /// The repository; none: the registry itself is spoken to.
    pub repository: &'a str,
    /// An infinitive: `push the blob sha256:0123…`.
    pub what: String,
    /// Whether it writes.
    pub writes: bool,
}

impl fmt::Display for Deed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (self.repository.is_empty(), self.writes) {
            (true, _) => Ok(()),
            (false, true) => write!(f, " to {}/{}", self.registry, self.repository),
            (false, false) => write!(f, " from {}/{}", self.registry, self.repository),
        }
    }
}

/// What a status says of a deed, and what to do. `HOST` stands for the registry, `REPOSITORY` for the repository.
struct Words {
    status: u16,
    writes: bool,
    says: &'static str,
    help: &'static str,
}

const fn reading(status: u16, says: &'static str, help: &'static str) -> Words {
    Words { status, writes: false, says, help }
}

const fn writing(status: u16, says: &'static str, help: &'static str) -> Words {
    Words { status, writes: true, says, help }
}

const WORDS: &[Words] = &[
    reading(403, "does not allow that", "log in as somebody who may pull REPOSITORY: `docker login HOST`"),
    writing(403, "does not allow that", "log in as somebody who may push to REPOSITORY: `docker login HOST`"),
    reading(
        404,
        "does not have it",
        "check the name and the tag; a private image looks like none until `docker login HOST`",
    ),
    writing(404, "knows no such repository", "create REPOSITORY there first, or check the name"),
    reading(429, "wants fewer requests", "wait, or log in: `docker login HOST` often raises the limit"),
    writing(429, "wants fewer requests", "wait, and run it again: what was pushed is not pushed twice"),
    writing(
        413,
        "takes nothing that large",
        "raise the limit of the registry, or of the proxy before it (nginx: `client_max_body_size`), or make the layer smaller",
    ),
    writing(
        507,
        "has no room left: its disk is full",
        "make room there, then run it again: what was pushed is not pushed twice",
    ),
];

const fn fallback(writes: bool) -> &'static str {
    if writes {
        "see the registry's log; then run it again: what was pushed is not pushed twice"
    } else {
        "see the registry's log, or run it again later"
    }
}

/// The failure that an answer is. `known`: we showed a credential.
pub(super) fn refused(deed: &Deed<'_>, mut answer: Answer, known: bool) -> Failure {
    let status = answer.status;
    let mut failure = if status == 401 {
        unauthorised(deed, known)
    } else {
        let words = WORDS.iter().find(|words| words.status == status && words.writes == deed.writes);
        let says = words.map_or("failed", |words| words.says);
        let help = words.map_or(fallback(deed.writes), |words| words.help);
        failure(deed, &format!("{} {says} (status {status})", deed.registry))
            .help(help.replace("HOST", deed.registry).replace("REPOSITORY", deed.repository))
    };
    if let Some(wait) = answer.retry_after() {
        failure = failure.help(format!("it asks to be left alone for {} s", wait.as_secs()));
    }
    match answer.bytes() {
        Ok(body) => failure.detail(own_words(&body)),
        Err(_) => failure,
    }
}

/// Nobody is let in: without a credential, or with one that is not taken.
pub(super) fn unauthorised(deed: &Deed<'_>, known: bool) -> Failure {
    let (says, help) = if known {
        ("does not take the credentials", "log in again")
    } else {
        ("asks who we are, and nobody is logged in", "log in")
    };
    let failure = failure(deed, &format!("{} {says} (status 401)", deed.registry));
    let failure = failure.help(format!("{help}: `docker login {}`", deed.registry));
    if deed.writes || known || deed.repository.is_empty() {
        return failure;
    }
    failure.help("check the name: some registries answer so for an image that is not there")
}

/// The failure that no answer is, after so many attempts.
pub(super) fn unheard(deed: &Deed<'_>, trouble: Trouble, attempts: u32) -> Failure {
    let registry = deed.registry;
    match trouble {
        Trouble::Final(failure) => failure,
        Trouble::Broken(why) => {
            let times = if attempts > 1 { format!(", {attempts} times") } else { String::new() };
            let said = failure(deed, &format!("{registry} did not answer{times}: {why}"));
            said.help("check the network and the name, and HTTPS_PROXY where there is a proxy; then run it again")
        }
        Trouble::Plain => failure(deed, &format!("{registry} does not speak TLS"))
            .help("plain http is for this machine alone (localhost, 127.0.0.1, ::1): give the registry a certificate"),
        Trouble::Certificate(why) => failure(deed, &format!("the certificate of {registry} is not believed: {why}"))
            .help(format!(
                "put the PEM file of its authority at `/etc/docker/certs.d/{registry}/ca.crt`, or name it in SSL_CERT_FILE"
            )),
    }
}

/// A failure of a deed, for a reason that is a whole clause.
pub(super) fn failure(deed: &Deed<'_>, reason: &str) -> Failure {
    Failure::new(Kind::Engine, format!("could not {deed}: {reason}"))
}

/// A digest that people can tell from another one.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// What the registry says itself: the errors of the distribution specification, or the start of some other text.
fn own_words(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) => {
            let lines = envelope.errors.iter().map(|said| format!("{}: {}", said.code, said.message));
            lines.collect::<Vec<_>>().join("\n")
        }
        // A page of some proxy is of no use to anybody.
        Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    text.trim().chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(writes: bool) -> Deed<'static> {
        Deed { registry: "a.example", repository: "x/y", what: "push the blob sha256:0123456789ab".to_owned(), writes }
    }

    #[test]
    fn a_failure_names_host_repository_deed_and_way_out() {
        let failure = unheard(&deed(true), Trouble::Broken("connection refused".to_owned()), 5);
        let expected = "could not push the blob sha256:0123456789ab to a.example/x/y: a.example did not answer, 5 times: \
                        connection refused";
        assert_eq!(failure.to_string(), expected);
        let report = unheard(&deed(false), Trouble::Certificate("UnknownIssuer".to_owned()), 1).report();
        assert!(report.contains("/etc/docker/certs.d/a.example/ca.crt"), "{report}");
    }

    #[test]
    fn a_login_is_asked_for_by_the_command_to_run() {
        for known in [true, false] {
            assert!(unauthorised(&deed(true), known).report().contains("`docker login a.example`"));
        }
    }

    #[test]
    fn a_registrys_own_words_are_shown_and_a_page_is_not() {
        assert_eq!(own_words(br#"{"errors":[{"code":"DENIED","message":"no"}]}"#), "DENIED: no");
        assert_eq!(own_words(b"<html>nginx</html>"), "");
        assert_eq!(own_words(&[b'x'; 5000]).len(), LONGEST);
    }

    #[test]
    fn every_word_is_for_one_deed() {
        for (at, words) in WORDS.iter().enumerate() {
            let twice =
                WORDS[at + 1..].iter().any(|other| (other.status, other.writes) == (words.status, words.writes));
            assert!(!twice, "{}", words.status);
        }
    }
}
