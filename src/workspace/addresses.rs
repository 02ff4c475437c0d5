//! Addresses as they may be told to everybody: without whoever logs in, and none of this machine's.

/// Schemes that another machine can fetch from.
const SCHEMES: &[&str] = &["https", "http", "ssh", "git"];

/// The address without user, password, query and fragment; none where it is a path of this machine, or where it cannot be told
/// which part of it is a secret. `git@host:team/lib`, as git writes SSH, becomes `ssh://host/team/lib`.
pub fn public_address(address: &str) -> Option<String> {
    let address = address.trim();
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest.to_owned()),
        None => ("ssh".to_owned(), short_ssh(address)?),
    };
    if !SCHEMES.contains(&scheme.as_str()) {
        return None;
    }
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // A password with such a character in it ends the authority too early: its rest is behind it, before an `@`.
    if behind.contains('@') || behind.contains("%40") {
        return None;
    }
    let path = behind.split(['?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, "0"),
    };
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
    let plain = |c: char| c.is_ascii_graphic() && !"\"'<>\\`{}|^".contains(c);
    let told = named && port.chars().all(|c| c.is_ascii_digit()) && path.chars().all(plain);
    let path = path.trim_matches('/');
    told.then(|| if path.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{path}") })
}

/// `user@host:path` as `host/path`.
fn short_ssh(address: &str) -> Option<String> {
    let (login, path) = address.split_once(':')?;
    let (user, host) = login.split_once('@')?;
    let remote = !user.contains(['/', '\\']) && !host.is_empty();
    remote.then(|| format!("{host}/{}", path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_logs_in_is_told() {
        let public = |address: &str| public_address(address);
        assert_eq!(
            public("https://user:token@git.example/team/lib.git?x=secret#y").unwrap(),
            "https://git.example/team/lib.git"
        );
        assert_eq!(public("ssh://git@git.example:2222/team/lib.git").unwrap(), "ssh://git.example:2222/team/lib.git");
        assert_eq!(public("git@git.example:team/lib.git").unwrap(), "ssh://git.example/team/lib.git");
        assert_eq!(public("https://[::1]:80/lib").unwrap(), "https://[::1]:80/lib");
        assert_eq!(public("https://git.example/").unwrap(), "https://git.example");
        // Where the password ends cannot be told.
        assert_eq!(public("https://user:pa/ss@git.example/lib"), None);
        assert_eq!(public("https://user:12/ss@git.example/lib"), None);
        assert_eq!(public("https://user:12/ss%40git.example/lib"), None);
    }

    #[test]
    fn nothing_of_this_machine_is_told() {
        for local in ["/home/somebody/lib", "../lib", "file:///home/somebody/lib", "C:\\lib", "c:/lib", "", "lib"] {
            assert_eq!(public_address(local), None, "{local}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_secret_gets_through(secret in "[A-Za-z0-9:/@#?%]{3,12}s3cr3t[A-Za-z0-9:/@#?%]{0,9}", scp in proptest::bool::ANY) {
            let address = if scp { format!("{secret}@git.example:lib") } else { format!("https://me:{secret}@git.example/lib") };
            let told = public_address(&address).unwrap_or_default();
            proptest::prop_assert!(!told.contains("s3cr3t"), "{}", told);
        }
    }
}
