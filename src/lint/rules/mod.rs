//! The rules: each a function that looks at one Dockerfile and what lies around it. One that cannot tell says nothing.

mod bake;
mod cargo;
mod compose;
mod context;
mod cook;
mod downloads;
mod ground;
mod images;
mod inputs;
mod instructions;
mod layers;
mod libraries;
mod mounts;
mod packages;
mod secrets;
mod stages;
mod toolchain;
mod users;

use std::collections::BTreeSet;

use super::call::Call;
use super::model::{Dockerfile, Instruction, Run, Stage, Word};
use super::{Context, Found};
use crate::pins::undigested;

/// Looks, and adds what it found.
pub type Rule = fn(&Context<'_>, &mut Vec<Found>);

/// By name, in the table's order. `syntax` and `unused-allow` are told by [`super::judge`] itself.
const RULES: &[(&str, Rule)] = &[
    ("no-user", users::none),
    ("root-user", users::root),
    ("unknown-user", users::unknown),
    ("user-by-name", users::by_name),
    ("floating-tag", images::floating),
    ("no-digest", images::unpinned),
    ("end-of-life", images::retired),
    ("bloated-base", images::bloated),
    ("bases-differ", images::differing),
    ("secret-in-arg", secrets::in_arg),
    ("secret-in-env", secrets::in_env),
    ("secret-literal", secrets::literal),
    ("secret-in-url", secrets::in_url),
    ("secret-file", secrets::file_copied),
    ("secret-mount-kept", secrets::mount_kept),
    ("login-kept", secrets::login_kept),
    ("wrong-libc", libraries::wrong_libc),
    ("newer-glibc", libraries::newer_glibc),
    ("musl-compiler", libraries::musl_compiler),
    ("no-authorities", libraries::authorities),
    ("no-zones", libraries::zones),
    ("stage-unknown", bake::no_stage),
    ("compose-privileged", compose::privileged),
    ("compose-root", compose::root),
    ("engine-socket", compose::socket),
    ("compose-secret", compose::secrets),
    ("compose-rights", compose::unhardened),
    ("cache-without-max", bake::small_cache),
    ("build-rights", bake::insecure),
    ("emulated-compile", bake::emulated),
    ("unnamed-stage", stages::unnamed),
    ("stage-by-number", stages::by_number),
    ("toolchain-shipped", stages::toolchain_shipped),
    ("build-packages-shipped", packages::mixed),
    ("whole-target-copied", stages::whole_target),
    ("debug-build-shipped", stages::debug_build),
    ("no-ignore-file", context::no_ignore_file),
    ("secrets-in-context", context::secrets),
    ("git-in-context", context::git),
    ("target-in-context", context::target),
    ("ignored-copy", inputs::copied),
    ("ignored-source", inputs::sources),
    ("ignored-input", inputs::named),
    ("sources-before-dependencies", layers::sources_first),
    ("cook-after-sources", cook::after_sources),
    ("cook-differs", cook::differs),
    ("target-in-cache", mounts::target_left),
    ("cache-mount-sharing", mounts::sharing),
    ("cache-mount-id", mounts::id),
    ("unlocked-build", cargo::unlocked),
    ("unpinned-install", cargo::install),
    ("unpinned-rustup", toolchain::rustup),
    ("toolchain-twice", toolchain::twice),
    ("package-leftovers", packages::leftovers),
    ("apt-update-alone", packages::update_alone),
    ("apt-asks", packages::asks),
    ("apt-recommends", packages::recommends),
    ("system-upgrade", packages::upgrade),
    ("add-url-unchecked", downloads::unchecked),
    ("piped-script", downloads::piped_script),
    ("lost-failure", downloads::lost_failure),
    ("sudo", instructions::sudo),
    ("add-for-copy", instructions::add_for_copy),
    ("shell-form", instructions::shell_form),
    ("repeated-start", instructions::repeated_start),
    ("relative-workdir", instructions::relative_workdir),
    ("impossible-port", instructions::impossible_port),
    ("maintainer", instructions::maintainer),
    ("no-healthcheck", instructions::no_healthcheck),
];

/// The rule of a name.
pub fn of(name: &str) -> Option<Rule> {
    RULES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
}

/// Every `RUN`, with its stage and its number among that one's instructions.
fn runs(file: &Dockerfile) -> impl Iterator<Item = (&Stage, usize, &Instruction, &Run)> {
    file.stages.iter().flat_map(|stage| stage.runs().map(move |(at, one, run)| (stage, at, one, run)))
}

/// The stages whose layers are in an image that people run.
fn shipped(file: &Dockerfile) -> BTreeSet<usize> {
    file.images().iter().flat_map(|stage| file.line(stage.index)).map(|stage| stage.index).collect()
}

/// A call of cargo's: the subcommand, and what stands behind it.
struct Cargo<'a> {
    /// The word of the subcommand; behind it a flag can be put in.
    word: &'a Word,
    /// The arguments after it.
    rest: &'a [Word],
}

/// Flags of cargo's own that take a value.
const VALUED: &[&str] = &["--config", "-Z", "--color", "-C"];

impl<'a> Cargo<'a> {
    fn of(call: &'a Call) -> Option<Self> {
        if call.program() != "cargo" {
            return None;
        }
        let mut words = call.command().get(1..)?;
        loop {
            let (word, rest) = words.split_first()?;
            let text = word.text.as_str();
            words = match text {
                _ if VALUED.contains(&text) => rest.get(1..)?,
                _ if text.starts_with(['+', '-']) => rest,
                // What hands everything on to `cargo build`.
                "auditable" => rest,
                _ => return Some(Self { word, rest }),
            };
        }
    }

    /// Whether it compiles the user's own program.
    fn builds(&self) -> bool {
        match self.word.text.as_str() {
            "build" | "b" | "rustc" | "zigbuild" => true,
            "install" => self.value("--path").is_some(),
            _ => false,
        }
    }

    fn has(&self, flags: &[&str]) -> bool {
        self.args().any(|arg| flags.contains(&arg))
    }

    /// The arguments for cargo, without those for the program behind `--`.
    fn args(&self) -> impl Iterator<Item = &'a str> {
        self.rest.iter().map(|word| word.text.as_str()).take_while(|arg| *arg != "--")
    }

    fn value(&self, flag: &str) -> Option<&'a str> {
        self.values(flag).into_iter().next()
    }

    fn values(&self, flag: &str) -> Vec<&'a str> {
        let mut found = Vec::new();
        let mut args = self.args();
        while let Some(arg) = args.next() {
            if arg == flag {
                found.extend(args.next());
            } else if let Some(value) = arg.strip_prefix(flag) {
                let short = flag.len() == 2 && !value.is_empty();
                found.extend(value.strip_prefix('=').or(short.then_some(value)));
            }
        }
        found
    }
}

/// The place behind a word, where another one can be put in.
fn behind(word: &Word) -> std::ops::Range<usize> {
    word.span.end..word.span.end
}

/// Whether a word is one in the text as it stands, so that edits beside it are safe.
fn is_plain(text: &str, word: &Word) -> bool {
    text.get(word.span.clone()) == Some(word.text.as_str())
}

/// An image's name without registry, tag and digest: its last part.
fn image_name(reference: &str) -> &str {
    let name = undigested(reference);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}

/// An image's tag.
fn image_tag(reference: &str) -> Option<&str> {
    let name = undigested(reference);
    name.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;

    #[test]
    fn every_row_has_its_function() {
        let built_in = ["syntax", "unused-allow"];
        let names = rows().iter().map(|row| row.name.as_str());
        let told: Vec<&str> = names.filter(|name| !built_in.contains(name)).collect();
        let functions: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, functions);
    }

    #[test]
    fn images_have_names_and_tags() {
        assert_eq!(image_name("registry:5000/team/rust:1.95@sha256:ab"), "rust");
        assert_eq!(image_tag("registry:5000/team/rust:1.95@sha256:ab"), Some("1.95"));
        assert_eq!(image_tag("registry:5000/rust"), None);
    }

    #[test]
    fn calls_of_cargo() {
        let of = |text: &str| {
            let call = super::super::shell::calls(text, 0..text.len(), None).remove(0);
            Cargo::of(&call)
                .map(|cargo| (cargo.word.text.clone(), cargo.builds(), cargo.value("--target").map(str::to_owned)))
        };
        assert_eq!(of("cargo +nightly -Z x build --target=a"), Some(("build".into(), true, Some("a".into()))));
        assert_eq!(of("cargo auditable build --target b"), Some(("build".into(), true, Some("b".into()))));
        assert_eq!(of("cargo install ripgrep"), Some(("install".into(), false, None)));
        assert_eq!(of("cargo --version"), None);
    }
}
