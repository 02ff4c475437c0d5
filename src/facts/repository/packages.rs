//! Packages that a distribution's package manager installs.

use super::names::{has, names};

/// The packages that a call installs, without their versions. A word without a text is a variable whose value is not known.
pub(super) fn installed(program: &str, words: &[Option<String>]) -> Vec<String> {
    let Some(manager) = names().manager.iter().find(|manager| has(&manager.programs, program)) else {
        return Vec::new();
    };
    let mut words =
        words.iter().skip_while(|word| !word.as_deref().is_some_and(|word| has(&manager.verbs, word))).skip(1);
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        match word.as_deref() {
            Some(option) if has(&manager.valued, option) => drop(words.next()),
            Some(option) if option.starts_with('-') => {}
            // A file that was downloaded, or a variable.
            Some(name) if !name.starts_with(['.', '/']) => found.push(without_version(name)),
            _ => {}
        }
    }
    found
}

fn without_version(name: &str) -> String {
    let end = name.find(['=', '<', '>', '~', ':', '@']).unwrap_or(name.len());
    name[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_managers() {
        let read = |line: &str| {
            let words: Vec<Option<String>> = line.split(' ').skip(1).map(|word| Some(word.to_owned())).collect();
            installed(line.split(' ').next().unwrap(), &words)
        };
        assert_eq!(read("apt-get -qq install -y --no-install-recommends libssl3=3.0 curl:arm64"), ["libssl3", "curl"]);
        assert_eq!(read("apk add --no-cache --virtual .deps libgcc ca-certificates~=2"), ["libgcc", "ca-certificates"]);
        assert_eq!(read("microdnf install -y openssl-libs ./local.rpm"), ["openssl-libs"]);
        assert!(read("apt-get update").is_empty() && read("apk").is_empty() && read("pip install x").is_empty());
    }
}
