//! The shared libraries of a program, as this machine's loader finds them: what the Dockerfile's stage `builder` gathers.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::fault::fault;
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};
use crate::plan::model::{Brings, Package};

/// What a package has that no program needs while it runs.
const NOT_NEEDED: &[&str] =
    &["/usr/share/bug/", "/usr/share/doc/", "/usr/share/lintian/", "/usr/share/locale/", "/usr/share/man/"];

/// A file of this machine that goes into an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Library {
    /// Where it goes: where the loader looks for it.
    pub at: Utf8PathBuf,
    /// The file itself, links followed.
    pub host: Utf8PathBuf,
}

/// The closure of a program's libraries and those of `packages`, whose libraries are opened by name; with `beside`, libraries
/// that glibc opens by name itself.
///
/// # Errors
/// [`Kind::Engine`]: a library is missing on this machine, or it cannot tell what a package holds; [`Kind::Emit`]: a file cannot
/// be read.
pub fn closure(program: &Utf8Path, packages: &[Package], beside: &[String]) -> Result<Vec<Library>> {
    let mut found = needed(program)?;
    let folder = found.iter().find(|path| path.file_name() == Some("libc.so.6")).and_then(|path| path.parent());
    let by_name: Vec<Utf8PathBuf> = folder.into_iter().flat_map(|at| beside.iter().map(|name| at.join(name))).collect();
    found.extend(by_name.into_iter().filter(|path| path.exists()));
    for file in packages.iter().map(files).collect::<Result<Vec<_>>>()?.concat() {
        if file.file_name().is_some_and(|name| name.contains(".so")) {
            found.extend(needed(&file)?);
        }
        found.insert(file);
    }
    let library = |at: Utf8PathBuf| {
        let host = at.canonicalize_utf8().map_err(|error| fault("read", &at, error))?;
        Ok(Library { at, host })
    };
    found.into_iter().map(library).collect()
}

/// What of them goes into an image on a base, and where: what the base has is the base's.
pub fn beside(brings: Option<&Brings>, libraries: Vec<Library>) -> Vec<Library> {
    let Some(brings) = brings else { return libraries };
    let name = |library: &Library| library.at.file_name().unwrap_or_default().to_owned();
    let place = |library: Library| match &brings.libraries_at {
        Some(folder) => Library { at: Utf8Path::new(folder).join(name(&library)), ..library },
        None => library,
    };
    libraries.into_iter().filter(|library| !brings.library(&name(library))).map(place).collect()
}

/// What the loader would load with a file; nothing for one that is static.
fn needed(file: &Utf8Path) -> Result<BTreeSet<Utf8PathBuf>> {
    let command = Command::new("ldd", "find the shared libraries").arg(file.as_str()).env("LC_ALL", "C");
    let output = command.output()?;
    let lines = read(&output.stdout);
    if let Some((name, _)) = lines.iter().find(|(_, path)| path.is_none()) {
        return Err(Failure::new(Kind::Engine, format!("{file} needs {name}, which is not on this machine"))
            .help("install the package that has it; `ldd` shows what the loader finds"));
    }
    Ok(lines.into_values().flatten().collect())
}

/// `ldd`'s lines by name: `libc.so.6 => /lib/libc.so.6 (0x…)`, `/lib64/ld-linux.so.2 (0x…)`, `libx.so => not found`. What has no
/// file, such as the kernel's own, is left out.
fn read(text: &str) -> BTreeMap<String, Option<Utf8PathBuf>> {
    let line = |line: &str| {
        let line = line.trim();
        // Where it was loaded is another place each time.
        let line = line.rsplit_once(" (").map_or(line, |(line, _)| line);
        let (name, path) = line.split_once(" => ").unwrap_or((line, line));
        if path == "not found" {
            return Some((name.to_owned(), None));
        }
        path.starts_with('/').then(|| (name.to_owned(), Some(Utf8PathBuf::from(path))))
    };
    text.lines().filter_map(line).collect()
}

/// The files of a package of this machine's distribution.
fn files(package: &Package) -> Result<Vec<Utf8PathBuf>> {
    let name = &package.name;
    let unknown =
        |why: &str| {
            let failure = Failure::new(
                Kind::Engine,
                format!("the program opens libraries of the package `{name}` by name, and {why}"),
            );
            package.because.iter().fold(failure, |failure, because| failure.detail(because.text.clone())).help(format!(
                "on Debian and its kin: `apt-get install {name}`; elsewhere build with `--engine buildx`"
            ))
        };
    if which::which("dpkg").is_err() {
        return Err(unknown("this machine has no `dpkg` to tell which they are"));
    }
    let output = Command::new("dpkg", format!("list the files of {name}")).args(["-L", name]).output()?;
    if !output.status.success() {
        return Err(unknown("it is not installed here"));
    }
    let wanted = |path: &&str| path.starts_with('/') && !NOT_NEEDED.iter().any(|folder| path.starts_with(folder));
    Ok(output.stdout.lines().filter(wanted).map(Utf8PathBuf::from).filter(|path| path.is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_base_has_is_not_copied() {
        let library = |at: &str| Library { at: at.into(), host: "/host".into() };
        let all =
            || ["/lib64/ld-linux-x86-64.so.2", "/lib/libc.so.6", "/lib/libz.so.1"].map(library).into_iter().collect();
        let places = |brings: Option<&Brings>| {
            beside(brings, all()).into_iter().map(|library| library.at.into_string()).collect::<Vec<_>>()
        };
        assert_eq!(places(None).len(), 3);
        assert_eq!(places(Some(&Brings::default())).len(), 3);
        let mut brings = Brings { libraries: vec!["ld-linux*.so.*".into(), "libc.so.6".into()], ..Brings::default() };
        assert_eq!(places(Some(&brings)), ["/lib/libz.so.1"]);
        brings.libraries_at = Some("/usr/lib".into());
        assert_eq!(places(Some(&brings)), ["/usr/lib/libz.so.1"]);
    }

    #[test]
    fn what_ldd_says() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibssl.so.3 => not found\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f1)\n\tlibodd.so => /opt/a (b)/libodd.so (0x0)\n";
        let found = read(text);
        let path = |path: &str| Some(Utf8PathBuf::from(path));
        assert_eq!(found["libc.so.6"], path("/lib/x86_64-linux-gnu/libc.so.6"));
        assert_eq!(found["/lib64/ld-linux-x86-64.so.2"], path("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!(found["libodd.so"], path("/opt/a (b)/libodd.so"));
        assert_eq!(found["libssl.so.3"], None);
        assert_eq!(found.len(), 4);
        assert!(read("\tnot a dynamic executable\n\tstatically linked\n").is_empty());
    }
}
