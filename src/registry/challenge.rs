//! What a registry asks for: `WWW-Authenticate` (RFC 9110, 11.6.1, and the distribution project's token specification).

/// How we show who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Not at all.
    Open,
    /// By name and password, with each request.
    Basic,
    /// By a token from this address.
    Bearer {
        /// Who gives it out.
        realm: String,
        /// What for; may be empty.
        service: String,
    },
}

impl Challenge {
    /// The strongest of those that we can meet.
    pub fn read<'a>(headers: impl Iterator<Item = &'a str>) -> Self {
        let mut best = Self::Open;
        for header in headers {
            for (scheme, parameters) in challenges(header) {
                let get = |name: &str| {
                    let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.clone()).unwrap_or_default()
                };
                let realm = get("realm");
                if scheme.eq_ignore_ascii_case("bearer") && !realm.is_empty() {
                    return Self::Bearer { realm, service: get("service") };
                }
                if scheme.eq_ignore_ascii_case("basic") {
                    best = Self::Basic;
                }
            }
        }
        best
    }
}

/// The challenges in one header, each with its parameters: `Basic realm="a", Bearer realm="b",service="c"`.
fn challenges(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let Some(value) = after.trim_start().strip_prefix('=') else {
            found.push((word.to_owned(), Vec::new()));
            rest = after;
            continue;
        };
        let (value, after) = value_of(value.trim_start());
        if let Some((_, parameters)) = found.last_mut() {
            parameters.push((word.to_owned(), value));
        }
        rest = after;
    }
}

/// A value, quoted or not, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        // `=` stays in it: base64 ends so.
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, quoted.get(at.saturating_add(1)..).unwrap_or_default()),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(headers: &[&str]) -> Challenge {
        Challenge::read(headers.iter().copied())
    }

    fn bearer(realm: &str, service: &str) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.to_owned() }
    }

    #[test]
    fn challenges_of_known_registries_are_read() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        assert_eq!(read(&[hub]), bearer("https://auth.docker.io/token", "registry.docker.io"));
        assert_eq!(read(&["BASIC realm=\"Registry Realm\""]), Challenge::Basic);
        assert_eq!(read(&["bearer realm=https://a/t , service = \"a b\""]), bearer("https://a/t", "a b"));
        assert_eq!(read(&[r#"Basic realm="a, b", Bearer realm="https://a/\"t""#]), bearer("https://a/\"t", ""));
        assert_eq!(read(&["Basic realm=\"a\"", "Bearer realm=\"https://a\""]), bearer("https://a", ""));
        assert_eq!(read(&["Negotiate abc==", "Bearer"]), Challenge::Open);
        assert_eq!(read(&[]), Challenge::Open);
    }

    proptest! {
        #[test]
        fn no_header_breaks_it(header in ".{0,80}") {
            read(&[&header]);
        }
    }
}
