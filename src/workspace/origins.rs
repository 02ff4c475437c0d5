//! Where the packages of the lock file come from, other than the public registry.

use std::collections::BTreeSet;

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
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for package in graph.packages() {
        if !package.source().is_external() || package.source().is_crates_io() {
            continue;
        }
        let name = package.name().to_owned();
        let origin = match package.source().parse_external() {
            Some(ExternalSource::Registry(index)) => Origin::Registry { index: index.to_owned(), package: name },
            Some(ExternalSource::Sparse(index)) => Origin::Registry { index: format!("sparse+{index}"), package: name },
            Some(ExternalSource::Git { repository, .. }) => match (host(repository), repository.split_once("://")) {
                (Some(host), Some(("ssh", _))) => Origin::GitSsh { host, package: name },
                (Some(host), Some(("https", _))) => Origin::GitHttps { host, package: name },
                _ => continue,
            },
            _ => continue,
        };
        // One package of each place is evidence enough.
        let place = match &origin {
            Origin::GitSsh { host, .. } => format!("ssh {host}"),
            Origin::GitHttps { host, .. } => format!("https {host}"),
            Origin::Registry { index, .. } => index.clone(),
        };
        if seen.insert(place) {
            found.insert(origin);
        }
    }
    found.into_iter().collect()
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
