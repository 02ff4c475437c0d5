//! What cargo is asked for.

use super::{Cargo, behind, is_plain, runs};
use crate::lint::call::Call;
use crate::lint::model::{Stage, What};
use crate::lint::{Context, Found};

/// Builds that may take other versions than those of the lock file.
pub(super) fn unlocked(context: &Context<'_>, found: &mut Vec<Found>) {
    for (stage, at, _, run) in runs(context.file) {
        for call in &run.calls {
            let Some(cargo) = Cargo::of(call).filter(Cargo::builds) else { continue };
            let passed_on = call.words.iter().any(|word| word.text.contains('$') && !word.text.contains('='));
            if cargo.has(&["--locked", "--frozen", "--offline"]) || passed_on || !has_lock_file(context, stage, at) {
                continue;
            }
            let one = Found::at(call.span.clone(), "cargo may change the lock file before it builds");
            let one = one.label("other versions of dependencies than those that were tested");
            found.push(if is_plain(context.text(), cargo.word) {
                one.help("hold it to the lock file").fix(behind(cargo.word), " --locked")
            } else {
                one.help("hold it to the lock file: `--locked`")
            });
        }
    }
}

/// Whether the lock file is there when an instruction runs, as far as can be seen.
fn has_lock_file(context: &Context<'_>, stage: &Stage, before: usize) -> bool {
    if context.input.context.as_ref().is_some_and(|folder| folder.has("Cargo.toml") && !folder.has("Cargo.lock")) {
        return false;
    }
    if context.ignore.is_some_and(|ignore| ignore.matches("Cargo.lock")) {
        return false;
    }
    context.file.line(stage.index).into_iter().any(|one| {
        let count = if one.index == stage.index { before } else { one.instructions.len() };
        one.instructions.iter().take(count).any(|instruction| match &instruction.what {
            What::Copy(copy) | What::Add(copy) => {
                copy.from.is_none()
                    && (copy.takes_all()
                        || copy.sources.iter().any(|source| {
                            let name = source.text.rsplit('/').next().unwrap_or_default();
                            matches!(name, "Cargo.lock" | "Cargo.*" | "Cargo*")
                        }))
            }
            _ => false,
        })
    })
}

/// `cargo install` of whatever is the newest today.
pub(super) fn install(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, _, run) in runs(context.file) {
        for call in &run.calls {
            let Some(cargo) = Cargo::of(call) else { continue };
            let named = names(&cargo);
            if named.is_empty() && cargo.value("--git").is_none() {
                continue;
            }
            match cargo.word.text.as_str() {
                "install" => installed(call, &cargo, &named, found),
                "binstall" if !is_pinned(&cargo, &named) => found.push(newest(call, &named)),
                _ => {}
            }
        }
    }
}

fn installed(call: &Call, cargo: &Cargo<'_>, named: &[&str], found: &mut Vec<Found>) {
    if cargo.value("--path").is_some() || cargo.has(&["--list", "--help"]) {
        return;
    }
    if !is_pinned(cargo, named) {
        found.push(newest(call, named));
    } else if !cargo.has(&["--locked", "--frozen"]) {
        let one = Found::at(call.span.clone(), "the tool's dependencies are whatever is the newest today");
        found.push(one.label("its own lock file is not looked at").help("add `--locked`"));
    }
}

fn newest(call: &Call, named: &[&str]) -> Found {
    let what = if named.is_empty() {
        "the repository's newest commit".to_owned()
    } else {
        format!("the newest `{}`", named.join("`, `"))
    };
    let help = if named.is_empty() {
        "name a commit: `--rev`".to_owned()
    } else {
        format!("name a version: `{}@1.2.3 --locked`", named[0])
    };
    Found::at(call.span.clone(), format!("this installs {what} of the day on which the layer is made")).help(help)
}

/// Flags of `install` that take a value.
const VALUED: &[&str] = &[
    "--version",
    "--vers",
    "--git",
    "--branch",
    "--tag",
    "--rev",
    "--path",
    "--root",
    "--features",
    "-F",
    "--profile",
    "--target",
    "--target-dir",
    "--index",
    "--registry",
    "--bin",
    "--example",
    "-j",
    "--jobs",
    "--config",
    "-Z",
    "--color",
    "--strategies",
    "--pkg-url",
    "--message-format",
];

fn names<'a>(cargo: &Cargo<'a>) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut args = cargo.args();
    while let Some(arg) = args.next() {
        if VALUED.contains(&arg) {
            args.next();
        } else if !arg.starts_with('-') {
            found.push(arg);
        }
    }
    found
}

/// Whether all that is named has a version; one in a variable counts.
fn is_pinned(cargo: &Cargo<'_>, named: &[&str]) -> bool {
    if cargo.value("--git").is_some() {
        return cargo.value("--rev").is_some() || cargo.value("--tag").is_some();
    }
    let all = cargo.value("--version").is_some() || cargo.value("--vers").is_some();
    all || named.iter().all(|name| name.contains('@') || name.contains('$'))
}
