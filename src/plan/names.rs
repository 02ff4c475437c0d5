//! What stages and images are called: valid for Docker, and distinct, for every name that cargo takes for a binary.

use std::collections::BTreeSet;
use std::iter;

use super::linkage::SUFFIXES;
use crate::platforms;

/// Stages of our Dockerfile, of which there is one, and other names that bake and Dockerfiles have a meaning for.
const TAKEN: &[&str] = &[
    "auditable",
    "context",
    "default",
    "dev",
    "helpers",
    "nextest",
    "planner",
    "rootfs",
    "scratch",
    "test",
    "test-deps",
    "test-failures",
    "test-results",
    "toolchain",
    "watcher",
    "workbench",
];

/// Stages of which each build group has its own.
const TAKEN_BY_GROUPS: &[&str] = &["builder", "chef", "deps", "deps-image", "earlier", "packages", "target"];

/// Names that engines refuse for an image, although they have the form of one.
const RESERVED: &[&str] = &["scratch", "sha256", "sha384", "sha512"];

/// What the parts of one binary's image are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// Of its last stage, its target in the bake file and its service in compose files.
    pub stage: String,
    /// Of the image, before the tag.
    pub repository: String,
}

/// Names for binaries in the order of the plan, whose own names differ. A name that is valid stays as it is; the others take what is
/// left.
pub(super) fn of(binaries: &[&str]) -> Vec<Names> {
    let stages = distinct(binaries, stage, is_taken);
    let repositories = distinct(binaries, repository, is_reserved);
    stages.into_iter().zip(repositories).map(|(stage, repository)| Names { stage, repository }).collect()
}

fn distinct(binaries: &[&str], name: fn(&str) -> String, refused: fn(&str) -> bool) -> Vec<String> {
    let wanted: Vec<String> = binaries.iter().map(|binary| name(binary)).collect();
    // These come first, wherever they are in the plan: another binary that is added changes no name that was valid.
    let valid = binaries.iter().zip(&wanted).filter(|(binary, name)| *binary == name);
    let mut given: BTreeSet<String> = valid.map(|(_, name)| name.clone()).collect();
    let mut give = |(binary, wanted): (&&str, String)| {
        if *binary == wanted {
            return wanted;
        }
        let numbered = (2_usize..).map(|number| format!("{wanted}-{number}"));
        let mut free = iter::once(wanted.clone()).chain(numbered).filter(|name| !refused(name));
        free.find(|name| given.insert(name.clone())).unwrap_or(wanted)
    };
    binaries.iter().zip(wanted).map(&mut give).collect()
}

/// Dockerfiles take `[a-z][a-z0-9_.-]*`, and targets of bake have no dots.
fn stage(binary: &str) -> String {
    let mut name = plain(binary);
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "bin-");
    }
    // With it, `deps` would still be a stage of ours.
    while is_taken(&name) {
        name.push_str("-image");
    }
    name
}

fn is_taken(stage: &str) -> bool {
    let of_group = |name: &str| SUFFIXES.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(of_any_group));
    TAKEN.contains(&stage) || of_group(stage) || without_platform(stage).is_some_and(of_group)
}

fn of_any_group(stage: &str) -> bool {
    TAKEN_BY_GROUPS.contains(&stage)
}

/// `target-gnu` of `target-gnu-arm64`.
fn without_platform(stage: &str) -> Option<&str> {
    let platforms = platforms::all().unwrap_or_default();
    let ends = platforms.iter().map(|platform| platform.name().replacen("linux/", "-", 1).replace('/', ""));
    ends.into_iter().find_map(|end| stage.strip_suffix(end.as_str()))
}

/// Docker takes `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn repository(binary: &str) -> String {
    let mut name = String::new();
    let mut separator = String::new();
    for c in plain(binary).chars() {
        if !c.is_ascii_alphanumeric() {
            separator.push(c);
            continue;
        }
        let is_one = matches!(separator.as_str(), "_" | "__") || separator.bytes().all(|c| c == b'-');
        name.push_str(if is_one { &separator } else { "-" });
        separator.clear();
        name.push(c);
    }
    if is_reserved(&name) {
        name.push_str("-image");
    }
    name
}

/// A name of 64 hexadecimal digits would be an image's id.
fn is_reserved(repository: &str) -> bool {
    let is_id = repository.len() == 64 && repository.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    is_id || RESERVED.contains(&repository)
}

/// Small letters, digits, `-` and `_`, and no separator first.
fn plain(binary: &str) -> String {
    let other = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = binary.to_lowercase().chars().map(other).collect();
    match name.trim_start_matches(['-', '_']) {
        "" => "image".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    const DOCKERFILE: &str = include_str!("../../templates/dockerfile/Dockerfile.j2");

    fn names(binaries: &[&str]) -> Vec<(String, String)> {
        of(binaries).into_iter().map(|names| (names.stage, names.repository)).collect()
    }

    fn named(binary: &str) -> (String, String) {
        names(&[binary]).remove(0)
    }

    fn pair(stage: &str, repository: &str) -> (String, String) {
        (stage.to_owned(), repository.to_owned())
    }

    #[test]
    fn names_are_what_docker_takes() {
        assert_eq!(named("my_app--x2"), pair("my_app--x2", "my_app--x2"));
        assert_eq!(named("Api"), pair("api", "api"));
        assert_eq!(named("7z"), pair("bin-7z", "7z"));
        assert_eq!(named("_hidden"), pair("hidden", "hidden"));
        assert_eq!(named("_7z"), pair("bin-7z", "7z"));
        assert_eq!(named("my_app_"), pair("my_app_", "my_app"));
        assert_eq!(named("a___b_-c"), pair("a___b_-c", "a-b-c"));
        assert_eq!(named("größe"), pair("gr--e", "gr--e"));
        assert_eq!(named("приложение"), pair("image", "image"));
        assert_eq!(named("-"), pair("image", "image"));
    }

    #[test]
    fn names_of_ours_are_not_given_away() {
        assert_eq!(named("test"), pair("test-image", "test"));
        assert_eq!(named("Chef-gnu"), pair("chef-gnu-image", "chef-gnu"));
        assert_eq!(named("deps").0, "deps-image-image");
        assert_eq!(named("target-static-arm64").0, "target-static-arm64-image");
        assert_eq!(named("target-armv7").0, "target-armv7-image");
        assert_eq!(named("scratch"), pair("scratch-image", "scratch-image"));
        assert_eq!(named(&"ab".repeat(32)).1, format!("{}-image", "ab".repeat(32)));
        assert_eq!(named("test-gnu").0, "test-gnu");
    }

    #[test]
    fn a_valid_name_stays_and_the_others_are_numbered() {
        let same = ["my-tool-2", "my-tool", "my-tool-3", "my_tool"].map(|name| pair(name, name));
        assert_eq!(
            names(&["My-Tool", "my-tool", "MY-TOOL", "my_tool"]),
            [&same[0], &same[1], &same[2], &same[3]].map(Clone::clone)
        );
        let names = names(&["test", "test-image", "Test-Image"]);
        assert_eq!(
            names,
            [pair("test-image-2", "test"), pair("test-image", "test-image"), pair("test-image-3", "test-image-2")]
        );
    }

    /// A stage of the template's that a binary could take the name of would end its image.
    #[test]
    fn stages_of_the_template_are_taken() {
        let stage = Regex::new(r"(?m)^FROM .* AS ([a-z-]+)(\{\{ [a-z_.]*suffix \}\})?(-\{\{ target.arch)?").unwrap();
        let mut seen = 0;
        for found in stage.captures_iter(DOCKERFILE) {
            seen += 1;
            let suffixes: &[&str] = if found.get(2).is_some() { &SUFFIXES } else { &[""] };
            for suffix in suffixes {
                let name = format!("{}{suffix}{}", &found[1], found.get(3).map_or("", |_| "-amd64"));
                assert!(is_taken(&name), "{name}");
            }
        }
        assert!(seen > 10, "{seen}");
    }

    proptest! {
        /// Names of binaries that cargo takes, many of them alike.
        #[test]
        fn all_names_are_valid_and_distinct(
            binaries in prop::collection::btree_set(
                "[aA1_-]{1,4}|[a-zA-Z0-9_-]{1,12}|[\\p{L}\\p{N}_-]{1,4}|(?i)(test|deps|chef|target)(-gnu|-static)?(-arm64|-image)?(-[23])?",
                1..12,
            )
        ) {
            let stages = Regex::new("^[a-z][a-z0-9_-]*$").unwrap();
            let repositories = Regex::new(r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$").unwrap();
            let binaries: Vec<&str> = binaries.iter().map(String::as_str).collect();
            let names = of(&binaries);
            for (binary, Names { stage, repository }) in binaries.iter().zip(&names) {
                prop_assert!(stages.is_match(stage) && !is_taken(stage), "stage {stage}");
                prop_assert!(repositories.is_match(repository) && !is_reserved(repository), "image {repository}");
                prop_assert!(!stages.is_match(binary) || is_taken(binary) || stage == binary, "{binary}: {stage}");
                prop_assert!(!repositories.is_match(binary) || is_reserved(binary) || repository == binary, "{binary}: {repository}");
            }
            let distinct = |of: fn(&Names) -> &String| names.iter().map(of).collect::<BTreeSet<_>>().len();
            prop_assert_eq!(distinct(|names| &names.stage), binaries.len());
            prop_assert_eq!(distinct(|names| &names.repository), binaries.len());
            prop_assert_eq!(names, of(&binaries));
        }
    }
}
