//! Where the Rust toolchain comes from.

use super::{Cargo, image_name, image_tag, runs};
use crate::lint::call::Call;
use crate::lint::model::{Instruction, Stage, What};
use crate::lint::{Context, Found};

/// Names of toolchains that are others tomorrow.
fn floats(channel: &str) -> bool {
    ["stable", "beta", "nightly"].iter().any(|name| {
        // `nightly-2026-01-01` stays; `nightly-x86_64-unknown-linux-gnu` does not.
        channel.strip_prefix(name).is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix('-').is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    })
}

/// rustup without a version.
pub(super) fn rustup(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, _, run) in runs(context.file) {
        let chosen =
            run.calls.iter().any(|call| call.program() == "rustup" && named(call).is_some_and(|name| !floats(name)));
        for (at, call) in run.calls.iter().enumerate() {
            if call.program() == "rustup" {
                if let Some(name) = named(call).filter(|name| floats(name)) {
                    let one = Found::at(call.span.clone(), format!("`{name}` is another toolchain with every release"));
                    found.push(one.help("name a version: `1.95.0`, or `nightly-2026-01-01`"));
                }
                continue;
            }
            if !is_installer(&run.calls, at) || chosen {
                continue;
            }
            let channel = call.value("--default-toolchain");
            let silent = channel.is_some_and(|name| name == "none" || name.contains('$') || !floats(name));
            let file = context.input.context.as_ref().and_then(|folder| folder.toolchain.as_ref());
            let by_file =
                channel.is_none() && file.and_then(|file| file.channel.as_deref()).is_some_and(|name| !floats(name));
            let passed_on = call.args().any(|arg| arg.contains('$'));
            if !silent && !by_file && !passed_on {
                let one = Found::at(
                    call.span.clone(),
                    "this installs the newest toolchain of the day on which the layer is made",
                );
                found.push(one.help("name a version: `--default-toolchain 1.95.0`; or start from `rust:1.95`"));
            }
        }
    }
}

/// rustup's installer: itself, or the script that a shell is given.
fn is_installer(calls: &[Call], at: usize) -> bool {
    let call = &calls[at];
    let is = |text: &str| {
        text.contains("sh.rustup.rs") || text.contains("rustup-init") || text.contains("static.rust-lang.org/rustup")
    };
    let shell = matches!(call.program(), "sh" | "bash");
    let fed = call.joint == crate::lint::call::Joint::Pipe
        && at
            .checked_sub(1)
            .and_then(|before| calls.get(before))
            .is_some_and(|before| before.words.iter().any(|word| is(&word.text)));
    call.program() == "rustup-init"
        || (shell && (fed || call.args().next().is_some_and(|first| first.contains("rustup"))))
}

/// The toolchain that a call of rustup's chooses.
fn named(call: &Call) -> Option<&str> {
    let mut args = call.args().filter(|arg| !arg.starts_with('-'));
    match (args.next()?, args.next()?) {
        ("default" | "install", name) => Some(name),
        ("toolchain", "install" | "add") | ("override", "set") => args.next(),
        _ => None,
    }
}

/// A toolchain file that makes rustup download what the image brings already.
pub(super) fn twice(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    let Some(toolchain) = context.input.context.as_ref().and_then(|folder| folder.toolchain.as_ref()) else { return };
    let Some(channel) = toolchain.channel.as_deref() else { return };
    for stage in &file.stages {
        let Some(base) = file.root(stage.index) else { continue };
        let calls_cargo =
            |one: &Instruction| one.run().is_some_and(|run| run.calls.iter().any(|call| Cargo::of(call).is_some()));
        let Some(copied) = stage.instructions.iter().position(|one| takes_file(context, one, &toolchain.file)) else {
            continue;
        };
        let Some(used) = stage.instructions[copied..].iter().position(calls_cargo) else { continue };
        let set = file.environment(stage.index, copied + used).contains_key("RUSTUP_TOOLCHAIN");
        let Some(other) = version(base).filter(|_| !set).and_then(|version| differs(version, channel)) else {
            continue;
        };
        let under =
            file.line(stage.index).last().map_or(stage.from.clone(), |stage: &&Stage| stage.base.written.span.clone());
        let one = Found::at(
            stage.instructions[copied].span.clone(),
            format!("`{}` asks for {channel}, and the image brings {other}", toolchain.file),
        );
        let one = one.label("rustup downloads a second toolchain here").also(under, "the first one");
        found.push(one.help("give both the same full version, or set `ENV RUSTUP_TOOLCHAIN` to the image's"));
    }
}

/// The version that an image of the Rust project's has as its tag.
fn version(reference: &str) -> Option<&str> {
    if image_name(reference) != "rust" {
        return None;
    }
    let version = image_tag(reference)?.split('-').next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

/// What an image of this version brings, where a channel is surely something else.
fn differs(version: &str, channel: &str) -> Option<String> {
    let release = |text: &str| text.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    let full = channel.split('.').count() == 3 && channel.starts_with(|c: char| c.is_ascii_digit());
    let same_release = version.contains('.') && release(version) == release(channel);
    match full {
        // Its toolchain has the full version as its name; `1.95` and `stable` are others to rustup.
        false => {
            Some(if same_release { format!("{version} under its full version's name") } else { version.to_owned() })
        }
        true if !same_release && version.contains('.') => Some(version.to_owned()),
        true if version.split('.').count() == 3 && version != channel => Some(version.to_owned()),
        true => None,
    }
}

fn takes_file(context: &Context<'_>, instruction: &Instruction, file: &str) -> bool {
    let What::Copy(copy) = &instruction.what else { return false };
    let named = copy
        .sources
        .iter()
        .any(|source| source.text.rsplit('/').next().is_some_and(|name| name == file || name == "rust-toolchain*"));
    copy.from.is_none() && (named || copy.takes_all()) && !context.ignore.is_some_and(|ignore| ignore.matches(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_versions() {
        assert!(floats("nightly") && floats("stable-x86_64-unknown-linux-gnu"));
        assert!(!floats("nightly-2026-01-01") && !floats("1.95"));
        assert_eq!(differs("1.95.0", "1.95.0"), None);
        assert_eq!(differs("1.95", "1.95.1"), None);
        assert_eq!(differs("1", "1.95.1"), None);
        assert!(differs("1.94", "1.95.1").is_some());
        assert!(differs("1.95", "1.95").is_some());
        assert!(differs("1.95", "stable").is_some());
    }
}
