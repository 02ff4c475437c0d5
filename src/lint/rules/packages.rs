//! Packages of distributions.

use camino::Utf8Path;

use super::{behind, is_plain, runs, shipped};
use crate::lint::call::{Call, Joint};
use crate::lint::model::{Command, Run, Stage, Word};
use crate::lint::{Context, Found};

/// A package manager whose files stay behind.
struct Manager {
    programs: &'static [&'static str],
    /// Subcommands after which something is left.
    leaves: &'static [&'static str],
    /// Subcommands and flags that leave nothing, or clear away.
    clears: &'static [&'static str],
    /// Where it is left: a removal of it, or a mount on it, is as good. Below the root: a program that names a folder by its
    /// whole path would get it in its own image, and this one is such a program.
    folders: &'static [&'static str],
    what: &'static str,
    help: &'static str,
}

const MANAGERS: &[Manager] = &[
    Manager {
        programs: &["apt-get", "apt"],
        leaves: &["update"],
        clears: &["dist-clean", "distclean"],
        folders: &["var/lib/apt"],
        what: "the lists of packages",
        help: "remove them in the same step: `rm -rf /var/lib/apt/lists/*`",
    },
    Manager {
        programs: &["apk"],
        leaves: &["add", "update"],
        clears: &["--no-cache"],
        folders: &["var/cache/apk", "etc/apk/cache"],
        what: "the index of packages",
        help: "keep none: `apk add --no-cache`",
    },
    Manager {
        programs: &["dnf", "yum", "microdnf", "tdnf"],
        leaves: &["install", "update", "upgrade", "groupinstall"],
        clears: &["clean"],
        folders: &["var/cache/dnf", "var/cache/yum", "var/cache/libdnf5", "var/cache"],
        what: "metadata and packages",
        help: "clear them away in the same step: `dnf clean all`",
    },
    Manager {
        programs: &["zypper"],
        leaves: &["install", "in", "update", "up"],
        clears: &["clean"],
        folders: &["var/cache/zypp"],
        what: "metadata and packages",
        help: "clear them away in the same step: `zypper clean --all`",
    },
];

/// The first argument that is no flag.
fn subcommand(call: &Call) -> Option<&Word> {
    let mut words = call.command().iter().skip(1);
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-o" | "-c" | "-t" | "--root" | "-p" | "-X" | "--repository" => drop(words.next()),
            text if text.starts_with('-') => {}
            _ => return Some(word),
        }
    }
    None
}

fn is(call: &Call, programs: &[&str], commands: &[&str]) -> bool {
    programs.contains(&call.program()) && subcommand(call).is_some_and(|word| commands.contains(&word.text.as_str()))
}

const APT: &[&str] = &["apt-get", "apt", "aptitude"];

/// What package managers leave in the layers of an image.
pub(super) fn leftovers(context: &Context<'_>, found: &mut Vec<Found>) {
    let shipped = shipped(context.file);
    for (_, _, _, run) in runs(context.file).filter(|(stage, _, _, _)| shipped.contains(&stage.index)) {
        for manager in MANAGERS {
            let leaves =
                run.calls.iter().find(|call| is(call, manager.programs, manager.leaves) && !call.has(manager.clears));
            let Some(call) = leaves else { continue };
            let uses = |call: &Call| manager.programs.contains(&call.program()) && call.has(manager.clears);
            let removes = |call: &Call| {
                call.words.iter().any(|word| manager.folders.iter().any(|folder| word.text.contains(folder)))
            };
            let mounted = run.mounts.iter().any(|mount| {
                let target = mount.option("target").unwrap_or_default();
                matches!(mount.kind.as_str(), "cache" | "tmpfs")
                    && manager.folders.iter().any(|folder| target.trim_start_matches('/').starts_with(folder))
            });
            // Without `add --no-cache` it may be cleared by a later call.
            let cleared = run.calls.iter().any(|call| uses(call) && !is(call, &["apk"], &["add"]))
                || run.calls.iter().any(removes);
            if cleared || mounted {
                continue;
            }
            let message = format!("{} of `{}` stay in the image", manager.what, call.program());
            let one = Found::at(call.span.clone(), message).help(manager.help);
            found.push(mended(context, run, call, one));
        }
    }
}

/// With the edit, where the step is plain enough for one.
fn mended(context: &Context<'_>, run: &Run, call: &Call, one: Found) -> Found {
    let word = subcommand(call).filter(|word| is_plain(context.text(), word));
    match (call.program(), word, &run.command) {
        ("apk", Some(word), _) if word.text == "add" => one.fix(behind(word), " --no-cache"),
        ("apt-get" | "apt", Some(_), Command::Shell(line))
            if run.scripts.is_empty() && is_chain(run) && installs(run) =>
        {
            one.fix(line.span.end..line.span.end, " \\\n    && rm -rf /var/lib/apt/lists/*")
        }
        _ => one,
    }
}

/// Whether every call follows the one before it by `&&`.
fn is_chain(run: &Run) -> bool {
    run.calls.iter().skip(1).all(|call| call.joint == Joint::And && !call.nested)
}

fn installs(run: &Run) -> bool {
    run.calls.iter().any(|call| is(call, APT, INSTALLS))
}

const INSTALLS: &[&str] = &[
    "install",
    "upgrade",
    "dist-upgrade",
    "full-upgrade",
    "build-dep",
    "source",
    "download",
    "satisfy",
    "reinstall",
    "safe-upgrade",
];

/// `apt-get update` in a layer of its own.
pub(super) fn update_alone(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for (stage, at, _, run) in runs(file) {
        let Some(call) = run.calls.iter().find(|call| is(call, APT, &["update"])) else { continue };
        let others = |call: &Call| {
            !matches!(call.program(), "apt-get" | "apt" | "aptitude" | "rm" | "echo" | "set" | "sed" | "dpkg")
        };
        let mounted = run.mounts.iter().any(|mount| {
            mount.option("target").is_some_and(|target| target.trim_start_matches('/').starts_with("var/lib/apt"))
        });
        if installs(run) || run.calls.iter().any(others) || mounted {
            continue;
        }
        let later = stage
            .runs()
            .filter(|(other, _, _)| *other > at)
            .find_map(|(_, _, run)| run.calls.iter().find(|call| is(call, APT, INSTALLS)));
        let Some(later) = later else { continue };
        let one = Found::at(call.span.clone(), "`apt-get update` has a layer of its own");
        let one = one
            .label("cached for as long as this line stays")
            .also(later.span.clone(), "and this asks for versions that are gone by then");
        found.push(one.help("do both in one step: `apt-get update && apt-get install …`"));
    }
}

/// `apt-get install` that waits for an answer.
pub(super) fn asks(context: &Context<'_>, found: &mut Vec<Found>) {
    if context.text().contains("Assume-Yes") {
        return;
    }
    for (_, _, _, run) in runs(context.file) {
        for call in run.calls.iter().filter(|call| {
            is(call, &["apt-get", "apt"], &["install", "upgrade", "dist-upgrade", "full-upgrade", "build-dep"])
        }) {
            let yes = call.args().any(|arg| {
                let short = arg.starts_with('-') && !arg.starts_with("--");
                (short && (arg.contains('y') || arg.matches('q').count() > 1))
                    || matches!(arg, "--yes" | "--assume-yes" | "--force-yes" | "-q=2")
                    || arg.contains('$')
            });
            let harmless = call.has(&["--download-only", "--dry-run", "-s", "--print-uris", "--simulate"]);
            let fed = call.joint == Joint::Pipe;
            if yes || harmless || fed {
                continue;
            }
            let one = Found::at(call.span.clone(), "apt asks whether to go on, and nobody is there to answer");
            found.push(match subcommand(call).filter(|word| is_plain(context.text(), word)) {
                Some(word) => one.help("say yes beforehand").fix(behind(word), " -y"),
                None => one.help("say yes beforehand: `-y`"),
            });
        }
    }
}

/// `apt-get install` of more than was asked for.
pub(super) fn recommends(context: &Context<'_>, found: &mut Vec<Found>) {
    if context.text().contains("Install-Recommends") {
        return;
    }
    let shipped = shipped(context.file);
    for (_, _, _, run) in runs(context.file).filter(|(stage, _, _, _)| shipped.contains(&stage.index)) {
        for call in run.calls.iter().filter(|call| is(call, &["apt-get", "apt"], &["install"])) {
            let local = call.args().any(|arg| arg.contains('$'));
            if !local && !call.has(&["--no-install-recommends", "--download-only"]) {
                let one = Found::at(call.span.clone(), "the image gets what these packages recommend as well");
                found
                    .push(one.help("add `--no-install-recommends`, and name what is needed of it (`ca-certificates`)"));
            }
        }
    }
}

/// All packages of the base anew.
pub(super) fn upgrade(context: &Context<'_>, found: &mut Vec<Found>) {
    let all: &[(&[&str], &[&str])] = &[
        (APT, &["upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"]),
        (&["apk"], &["upgrade"]),
        (&["dnf", "yum", "microdnf", "tdnf"], &["upgrade", "update", "distro-sync"]),
        (&["zypper"], &["update", "up", "dist-upgrade", "dup"]),
    ];
    let shipped = shipped(context.file);
    for (_, _, _, run) in runs(context.file).filter(|(stage, _, _, _)| shipped.contains(&stage.index)) {
        for call in &run.calls {
            let of_all = all.iter().any(|(programs, commands)| is(call, programs, commands));
            // Of some packages it is an installation.
            let command = subcommand(call).map_or("", |word| word.text.as_str());
            let named = call.args().skip_while(|arg| *arg != command).skip(1).any(|arg| !arg.starts_with('-'));
            if of_all && !named {
                let one = Found::at(call.span.clone(), "packages of the base are replaced in a layer above it");
                let one = one.label("both versions are in the image, and which ones depends on the day");
                found.push(one.help("take a newer base: its digest says which packages are in it"));
            }
        }
    }
}

/// Packages for compiling.
fn is_for_building(package: &str) -> bool {
    let name = package.split(['=', ':']).next().unwrap_or(package);
    let whole = [
        "build-essential",
        "build-base",
        "gcc",
        "g++",
        "clang",
        "llvm",
        "cmake",
        "make",
        "pkg-config",
        "pkgconf",
        "musl-tools",
        "musl-dev",
        "rustc",
        "cargo",
        "rustup",
        "protobuf-compiler",
        "protoc",
        "autoconf",
        "automake",
        "libtool",
        "nasm",
        "binutils",
        "linux-headers",
    ];
    whole.contains(&name)
        || (name.starts_with("lib") && name.ends_with("-dev"))
        || (name.ends_with("-dev") && !name.starts_with('-'))
        || name.ends_with("-devel")
}

/// Programs that need such packages.
const COMPILERS: &[&str] = &[
    "cargo",
    "make",
    "cmake",
    "gcc",
    "g++",
    "cc",
    "clang",
    "pip",
    "pip3",
    "npm",
    "yarn",
    "pnpm",
    "go",
    "configure",
    "ninja",
    "meson",
    "gem",
    "bundle",
    "python",
    "python3",
    "uv",
    "poetry",
    "rustup",
    "rustup-init",
    "sh",
    "bash",
];

/// Packages for compiling in an image that compiles nothing.
pub(super) fn mixed(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    let shipped = shipped(file);
    // An image that is made of nothing else may be one for compiling.
    let copies = file
        .images()
        .iter()
        .any(|image| image.instructions.iter().any(|one| one.copy().is_some_and(|copy| copy.from.is_some())));
    let mut compiles =
        runs(file).filter(|(stage, _, _, _)| shipped.contains(&stage.index)).flat_map(|(_, _, _, run)| &run.calls);
    if !copies
        || compiles
            .any(|call| COMPILERS.contains(&call.program()) || Utf8Path::new(call.program()).extension() == Some("sh"))
    {
        return;
    }
    // A base that only the build's arguments name may be somebody's image for compiling, as cross has them.
    let known = |stage: &Stage| shipped.contains(&stage.index) && file.root(stage.index).is_some();
    for (_, _, _, run) in runs(file).filter(|(stage, _, _, _)| known(stage)) {
        let removes = run
            .calls
            .iter()
            .any(|call| is(call, APT, &["purge", "remove", "autoremove"]) || is(call, &["apk"], &["del"]));
        for call in run.calls.iter().filter(|call| {
            is(call, APT, &["install"])
                || is(call, &["apk"], &["add"])
                || is(call, &["dnf", "yum", "microdnf"], &["install"])
        }) {
            let words =
                call.command().iter().skip(1).filter(|word| !word.text.starts_with('-') && is_for_building(&word.text));
            let words: Vec<&Word> = words.collect();
            if let (Some(first), false) = (words.first(), removes) {
                let names: Vec<String> = words.iter().map(|word| format!("`{}`", word.text)).collect();
                let one =
                    Found::at(first.span.clone(), format!("the image has {}, and compiles nothing", names.join(", ")));
                found.push(one.help("install what the program opens when it runs (`libssl3`, not `libssl-dev`), and compile in another stage"));
            }
        }
    }
}
