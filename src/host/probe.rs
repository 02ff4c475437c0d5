//! Asks the machine: the compiler, folders, and programs by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::{Glibc, Host, Rustc};
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Programs {
    compiler: Vec<CompilerRow>,
    glibc: BTreeMap<String, GlibcRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompilerRow {
    triple: String,
    program: String,
    /// The machine on which it compiles for that; none: on all of them.
    on: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GlibcRow {
    shared: Vec<String>,
    #[serde(rename = "static")]
    static_: Vec<String>,
}

impl Host {
    /// Looks at this machine; the toolchain is that of the folder `root`.
    ///
    /// # Errors
    /// [`Kind::Engine`] where there is no Rust, or none that answers.
    pub fn probe(root: &Utf8Path) -> Result<Self> {
        let rustc = rustc(root)?;
        let programs = programs()?;
        let libraries = rustc.sysroot.join("lib/rustlib");
        let lld = libraries.join(&rustc.host).join("bin/rust-lld");
        let mut compilers = BTreeMap::new();
        for row in &programs.compiler {
            let here = row.on.as_ref().is_none_or(|on| *on == rustc.host);
            if here && !compilers.contains_key(&row.triple) && which::which(&row.program).is_ok() {
                compilers.insert(row.triple.clone(), row.program.clone());
            }
        }
        let glibc = programs.glibc.get(&rustc.host);
        Ok(Self {
            targets: targets(&libraries),
            rustup: which::which("rustup").is_ok(),
            auditable: which::which("cargo-auditable").is_ok(),
            zigbuild: which::which("cargo-zigbuild").is_ok() && zig(root)?,
            compilers,
            glibc: glibc.and_then(glibc_version),
            static_glibc: glibc.is_some_and(|row| row.static_.iter().any(|path| Utf8Path::new(path).exists())),
            lld: lld.exists().then_some(lld),
            rustc,
        })
    }
}

fn programs() -> Result<&'static Programs> {
    static PROGRAMS: OnceLock<std::result::Result<Programs, toml::de::Error>> = OnceLock::new();
    PROGRAMS
        .get_or_init(|| toml::from_str(include_str!("programs.toml")))
        .as_ref()
        .map_err(|error| Failure::new(Kind::Internal, "the table of programs cannot be used").caused_by(error.clone()))
}

/// The compiler that cargo would run, and where its targets lie.
fn rustc(root: &Utf8Path) -> Result<Rustc> {
    let said = std::env::var_os("RUSTC").filter(|path| !path.is_empty());
    let beside = if said.is_none() { beside_cargo() } else { None };
    let program = said.or_else(|| beside.as_ref().map(|(rustc, _)| rustc.into())).unwrap_or_else(|| "rustc".into());
    let ask = |args: &[&str]| {
        let command = Command::new(program.clone(), "ask the compiler what it is").args(args.iter().copied()).cwd(root);
        let output = command.output().map_err(|failure| {
            if failure.kind() == Kind::Interrupted { failure } else { no_rust().caused_by(failure) }
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(no_rust().detail(format!("{}\n{}", command.shell_line(), output.stderr)))
    };
    let (version, sysroot) = match beside {
        Some((_, sysroot)) => (ask(&["-vV"]), Ok(sysroot.into_string())),
        // No one call prints both: `-vV` wins over `--print`.
        None => std::thread::scope(|scope| {
            let sysroot = scope.spawn(|| ask(&["--print", "sysroot"]));
            let version = ask(&["-vV"]);
            let defect = |_| Err(Failure::new(Kind::Internal, "asking the compiler broke off"));
            (version, sysroot.join().unwrap_or_else(defect))
        }),
    };
    parse(&version?, &sysroot?).ok_or_else(|| no_rust().detail("`rustc -vV` says neither its release nor its host"))
}

/// The compiler beside the cargo that called us, and the folder of its toolchain: one program instead of two behind rustup's
/// proxies, which cost some twenty milliseconds each. As the compiler does it, the folder is taken from where it lies.
fn beside_cargo() -> Option<(Utf8PathBuf, Utf8PathBuf)> {
    let cargo = Utf8PathBuf::from(std::env::var("CARGO").ok()?);
    let rustc = cargo.parent()?.join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    let sysroot = cargo.parent()?.parent()?.to_owned();
    // rustup's own folder has proxies beside each other, and no targets.
    (rustc.is_file() && sysroot.join("lib/rustlib").is_dir()).then_some((rustc, sysroot))
}

fn parse(version: &str, sysroot: &str) -> Option<Rustc> {
    let value =
        |key: &str| version.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).map(str::to_owned);
    Some(Rustc {
        version: value("release")?,
        commit: value("commit-hash").filter(|commit| commit != "unknown"),
        host: value("host")?,
        sysroot: Utf8PathBuf::from(sysroot.trim_end()),
    })
}

fn no_rust() -> Failure {
    Failure::new(Kind::Engine, "this machine has no Rust that answers")
        .help("install Rust (https://rustup.rs), or let an engine compile: `--engine buildx`")
}

/// A target is there if its libraries are; rustc's own folder holds other things beside them.
fn targets(libraries: &Utf8Path) -> BTreeSet<String> {
    let Ok(folders) = libraries.read_dir_utf8() else { return BTreeSet::new() };
    let has_core = |folder: &Utf8Path| {
        let files = folder.join("lib").read_dir_utf8();
        files.is_ok_and(|mut files| files.any(|file| file.is_ok_and(|file| file.file_name().starts_with("libstd-"))))
    };
    folders.flatten().filter(|folder| has_core(folder.path())).map(|folder| folder.file_name().to_owned()).collect()
}

/// Where cargo-zigbuild finds zig: a variable, a program, or Python's package, which puts no program of that name anywhere.
fn zig(root: &Utf8Path) -> Result<bool> {
    if std::env::var_os("CARGO_ZIGBUILD_ZIG_PATH").is_some()
        || ["zig", "python-zig"].iter().any(|name| which::which(name).is_ok())
    {
        return Ok(true);
    }
    if which::which("python3").is_err() {
        return Ok(false);
    }
    let python = Command::new("python3", "look for zig").args(["-m", "ziglang", "version"]).cwd(root);
    Ok(python.output()?.status.success())
}

/// glibc says it in its own file, which asks for no process.
fn glibc_version(row: &GlibcRow) -> Option<Glibc> {
    // The library that this process runs on is the machine's, wherever that keeps it; a static build has none.
    let maps = fs_err::read_to_string("/proc/self/maps").unwrap_or_default();
    let mapped = maps.lines().filter_map(|line| line.get(line.find('/')?..)).find(|path| path.ends_with("/libc.so.6"));
    let mut files = mapped.into_iter().chain(row.shared.iter().map(String::as_str));
    files.find_map(|file| version_in(&fs_err::read(file).ok()?))
}

fn version_in(library: &[u8]) -> Option<Glibc> {
    // "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36."
    let key = b"release version ";
    let at = library.windows(key.len()).position(|window| window == key)? + key.len();
    let text: String =
        library[at..].iter().map(|byte| char::from(*byte)).take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let mut parts = text.split('.').map(str::parse);
    Some(Glibc(parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_rust_with_its_own_target() {
        let host = Host::probe(Utf8Path::new(".")).unwrap();
        assert!(host.targets.contains(&host.rustc.host), "{host:?}");
        assert!(host.rustc.sysroot.is_dir());
        if host.rustc.host.ends_with("-linux-gnu") {
            assert!(host.glibc.is_some_and(|version| version > Glibc(2, 16)), "{host:?}");
        }
    }

    #[test]
    fn compilers_say_what_they_are() {
        let said = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: unknown\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        let rustc = parse(said, "/usr\n").unwrap();
        assert_eq!((rustc.version.as_str(), rustc.host.as_str()), ("1.95.0", "x86_64-unknown-linux-gnu"));
        assert_eq!((rustc.commit, rustc.sysroot.as_str()), (None, "/usr"));
        assert_eq!(parse("rustc 1.95.0\n", "/usr"), None);
    }

    #[test]
    fn glibc_says_its_version() {
        let file = b"\0GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\n\0";
        assert_eq!(version_in(file), Some(Glibc(2, 36)));
        assert_eq!(version_in(b"development release version 2.39.9000.\n"), Some(Glibc(2, 39)));
        assert_eq!(version_in(b"musl libc"), None);
        assert!(Glibc(2, 4) < Glibc(2, 34));
    }
}
