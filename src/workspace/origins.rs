//! Where the packages of the lock file come from, other than the public registry.

use std::collections::BTreeMap;

use guppy::graph::{ExternalSource, PackageGraph};

/// A place that packages are fetched from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A git repository over SSH.
    GitSsh {
        /// As `host` or `host:port`.
        host: String,
        /// A package that comes from there.
        package: String,
    },
    /// A git repository over HTTPS.
    GitHttps {
        /// As `host` or `host:port`.
        host: String,
        /// A package that comes from there.
        package: String,
    },
    /// A registry other than the public one.
    Registry {
        /// As cargo's configuration has it: `sparse+https://…`, or a git URL.
        index: String,
        /// A package that comes from there.
        package: String,
    },
}

pub(super) fn read(graph: &PackageGraph) -> Vec<Origin> {
    // One package of each place is evidence enough.
    let mut found: BTreeMap<String, Origin> = BTreeMap::new();
    for package in graph.packages().filter(|package| package.source().is_external() && !package.source().is_crates_io())
    {
        let name = package.name().to_owned();
        let (place, origin) = match package.source().parse_external() {
            Some(ExternalSource::Registry(index)) => {
                (index.to_owned(), Origin::Registry { index: index.to_owned(), package: name })
            }
            Some(ExternalSource::Sparse(index)) => {
                let index = format!("sparse+{index}");
                (index.clone(), Origin::Registry { index, package: name })
            }
            Some(ExternalSource::Git { repository, .. }) => match (host(repository), repository.split_once("://")) {
                (Some(host), Some(("ssh", _))) => (format!("ssh {host}"), Origin::GitSsh { host, package: name }),
                (Some(host), Some(("https", _))) => (format!("https {host}"), Origin::GitHttps { host, package: name }),
                _ => continue,
            },
            _ => continue,
        };
        found.entry(place).or_insert(origin);
    }
    let mut origins: Vec<Origin> = found.into_values().collect();
    origins.sort();
    origins
}

/// The host of a URL, without whoever logs in.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    // It becomes part of a file: nothing else is a host.
    let plain = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    plain.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_credentials() {
        assert_eq!(host("ssh://git@git.example:2222/team/lib.git").as_deref(), Some("git.example:2222"));
        assert_eq!(host("https://user:token@git.example/lib?branch=main").as_deref(), Some("git.example"));
        assert_eq!(host("https://git.example\" RUN/lib"), None);
    }
}
