//! Which Rust, and in which image.

use super::model::{Because, Context, Toolchain};
use crate::config::{Chef, Settings};
use crate::workspace::Workspace;

/// cargo-chef's version, where it is installed rather than taken from its image.
const CHEF: &str = "0.1.78";

/// Systems whose programs nothing in an image's build can link; its own target is there anyway.
const ELSEWHERE: &[&str] = &["-linux-", "-windows-", "-apple-"];

/// The oldest Rust of which the official image exists on each release of Debian.
const CODENAMES: &[(&str, u64)] = &[("trixie", 89), ("bookworm", 70), ("bullseye", 55)];

pub(super) fn decide(
    workspace: &Workspace,
    settings: &Settings,
    context: &Context,
    notes: &mut Vec<Because>,
) -> Toolchain {
    let table = &settings.workspace;
    let file = workspace.toolchain.as_ref().and_then(|file| Some((file, file.channel.clone()?)));
    let (channel, because) = match (file, &table.toolchain) {
        (_, Some(channel)) => (channel.clone(), reason(format!("the metadata says {channel}"), "metadata", None)),
        (Some((file, channel)), None) => (
            channel.clone(),
            reason(format!("{} says {channel}", file.file), "toolchain-file", Some(file.file.clone())),
        ),
        (None, None) => {
            let why = reason(
                "no toolchain file, and no `toolchain` in the metadata: the newest stable".to_owned(),
                "default",
                None,
            );
            notes.push(reason(
                "the Rust toolchain is not pinned: the same Dockerfile gives another image after a release; `init` pins it".to_owned(),
                "pin",
                None,
            ));
            ("stable".to_owned(), why)
        }
    };
    let minor = minor(&channel);
    let codename = table.codename.clone().unwrap_or_else(|| {
        let fits = |(_, oldest): &&(&str, u64)| minor.is_none_or(|minor| minor >= *oldest);
        CODENAMES.iter().find(fits).map_or("trixie", |(name, _)| name).to_owned()
    });
    // Only releases have images of their own; any other channel is installed by rustup into the newest release's.
    let (tag, install) = match (channel.as_str(), minor) {
        ("stable", _) => ("1", None),
        (release, Some(_)) => (release, None),
        (other, None) => ("1", Some(other.to_owned())),
    };
    let (image, install_chef) = match (&table.images.chef, &table.images.rust, table.chef) {
        (Some(image), _, _) => (image.clone(), None),
        (None, Some(image), _) => (image.clone(), Some(CHEF.to_owned())),
        (None, None, Some(Chef::Install)) => {
            (mirrored(&format!("rust:{tag}-slim-{codename}"), settings), Some(CHEF.to_owned()))
        }
        (None, None, _) => {
            let image = format!("lukemathwalker/cargo-chef:latest-rust-{tag}-slim-{codename}");
            (mirrored(&image, settings), None)
        }
    };
    let listed = workspace.toolchain.iter().flat_map(|file| &file.components);
    // rustfmt, clippy and the like build nothing.
    let listed = listed.filter(|name| matches!(name.as_str(), "rust-src" | "llvm-tools"));
    let mut components: Vec<String> = listed.cloned().collect();
    // Whoever compiles std on a machine of their own may have its sources without a list that says so.
    if workspace.cargo_config.build_std && !components.iter().any(|name| name == "rust-src") {
        components.push("rust-src".to_owned());
    }
    let targets = workspace.toolchain.iter().flat_map(|file| &file.targets);
    Toolchain {
        channel,
        image,
        install_chef,
        install,
        components,
        targets: targets.filter(|name| !ELSEWHERE.iter().any(|system| name.contains(system))).cloned().collect(),
        build_ca: table.build_ca.iter().map(|file| context.inside(file)).collect(),
        codename,
        because,
    }
}

fn reason(text: String, rule: &str, file: Option<String>) -> Because {
    Because { text, krate: None, rule: rule.to_owned(), file }
}

/// The minor version of a release: of `1.95` and `1.95.0` it is 95.
pub(super) fn minor(channel: &str) -> Option<u64> {
    let mut parts = channel.split('.').map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(1)), Some(Ok(minor))) => Some(minor),
        _ => None,
    }
}

/// The image through the mirror of its registry, where the settings name one.
pub(super) fn mirrored(image: &str, settings: &Settings) -> String {
    let (registry, path) = match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
        Some(_) => ("docker.io", image.to_owned()),
        None => ("docker.io", format!("library/{image}")),
    };
    match settings.workspace.mirrors.get(registry) {
        Some(prefix) => format!("{}/{path}", prefix.trim_end_matches('/')),
        None => image.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_go_through_the_mirror_of_their_registry() {
        let mut settings = Settings::default();
        settings.workspace.mirrors.insert("docker.io".to_owned(), "mirror.example/hub/".to_owned());
        assert_eq!(mirrored("rust:1", &settings), "mirror.example/hub/library/rust:1");
        assert_eq!(mirrored("a/b:1", &settings), "mirror.example/hub/a/b:1");
        assert_eq!(mirrored("gcr.io/distroless/cc", &settings), "gcr.io/distroless/cc");
    }

    #[test]
    fn only_releases_have_a_minor_version() {
        assert_eq!(minor("1.95"), Some(95));
        assert_eq!(minor("1.95.0"), Some(95));
        assert_eq!(minor("nightly-2026-01-01"), None);
        assert_eq!(minor("stable"), None);
    }
}
