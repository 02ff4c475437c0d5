//! Gives images to what runs containers here: Docker, Podman, or containerd through one of its clients.

use std::path::PathBuf;

use camino::Utf8Path;

use super::archive::{docker, of_platform};
use super::contents::Named;
use super::image::Bundle;
use super::store::Store;
use crate::exec::{Command, Output};
use crate::failure::{Failure, Kind, Result};
use crate::registry::Reference;

/// A program that takes images, and how it is asked.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    program: &'static str,
    /// Asks the engine itself: a client without an engine is no runtime. A platform in what it says is the engine's.
    answers: &'static [&'static str],
    /// Takes an archive on standard input.
    load: &'static [&'static str],
    /// Says which image has a name, which comes as the last argument.
    inspect: &'static [&'static str],
    /// Writes an image into a file; the file and the image's name come after it.
    save: &'static [&'static str],
    /// What to do where it does not answer.
    start: &'static str,
}

/// In the order in which they are asked.
const ROWS: &[Row] = &[
    Row {
        program: "docker",
        answers: &["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"],
        load: &["load"],
        inspect: &["image", "inspect", "--format", "{{.Id}}"],
        save: &["image", "save", "--output"],
        start: "start Docker, or point DOCKER_HOST (or `docker context use`) at an engine",
    },
    Row {
        program: "podman",
        answers: &["info", "--format", "{{.Host.OS}}/{{.Host.Arch}}"],
        load: &["load"],
        inspect: &["image", "inspect", "--format", "{{.Id}}"],
        // As it lies in its store, with its layers compressed and its manifest's own digest.
        save: &["image", "save", "--format", "oci-archive", "--output"],
        start: "run `podman info` to see what Podman lacks; on macOS and Windows `podman machine start`",
    },
    Row {
        program: "nerdctl",
        answers: &["info", "--format", "{{.ServerVersion}}"],
        load: &["load"],
        inspect: &["image", "inspect", "--format", "{{.Id}}"],
        save: &["image", "save", "--output"],
        start: "start containerd, or `containerd-rootless-setuptool.sh install` for a user's own",
    },
    Row {
        program: "ctr",
        // It would wait ten seconds for a containerd that is not there.
        answers: &["--connect-timeout", "2s", "version"],
        load: &["--namespace", "default", "images", "import", "-"],
        inspect: &["--namespace", "default", "images", "list"],
        save: &["--namespace", "default", "images", "export"],
        start: "start containerd, and run this as who may use its socket",
    },
];

/// What is found in what a runtime says when it takes no image, and what helps.
const WORDS: &[(&str, &str)] = &[
    ("no space left", "free some room in the runtime's store: `docker system prune`, or `podman system prune`"),
    ("ermission denied", "run it as a user who may use the runtime's socket: for Docker, one of the group `docker`"),
    ("Cannot connect", "the engine has gone meanwhile: start it, and run this again"),
    ("zstd", "this runtime reads no zstd: compress the layers with gzip, or update it (Docker to 23, Podman to 4)"),
    (
        "invalid tar header",
        "this runtime reads no zstd: compress the layers with gzip, or update it (Docker to 23, Podman to 4)",
    ),
];

/// Something here that runs containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    program: PathBuf,
    row: &'static Row,
    /// What it runs, where it says so.
    platform: Option<String>,
}

impl Runtime {
    /// `docker`, `podman`, `nerdctl` or `ctr`.
    pub fn name(&self) -> &'static str {
        self.row.program
    }

    /// What it runs, such as `linux/arm64`; none: it did not say, and is of this machine.
    pub fn platform(&self) -> Option<&str> {
        self.platform.as_deref()
    }

    /// Writes the image of this name, or with this id, into a file; false: it has none.
    ///
    /// # Errors
    /// [`Kind::Engine`]: it has one, and does not give it out; [`Kind::Interrupted`].
    pub fn save(&self, name: &str, file: &Utf8Path) -> Result<bool> {
        // A name that begins so would be a flag.
        if name.starts_with('-') {
            return Ok(false);
        }
        let is_ctr = self.row.program == "ctr";
        let name = match name.parse::<Reference>() {
            Ok(reference) if is_ctr => reference.to_string(),
            _ => name.to_owned(),
        };
        let asked = self.command("see whether the image is there", self.row.inspect);
        let asked = asked.arg(if is_ctr { format!("name=={name}") } else { name.clone() }).asks().output()?;
        // The list of ctr's has a line of headings.
        if !asked.status.success() || is_ctr && !asked.stdout.contains(&name) {
            return Ok(false);
        }
        let command = self.command("look at the image", self.row.save).arg(file.as_str()).arg(name.clone());
        let output = command.output()?;
        if output.status.success() {
            return Ok(true);
        }
        let failure = Failure::new(Kind::Engine, format!("{} has {name}, and does not give it out", self.name()));
        let failure = failure.detail(said(&output)).detail(command.shell_line());
        Err(failure.help("pull it again: a part of it may be missing; or look at it in its registry: `registry:NAME`"))
    }

    fn command(&self, why: &str, args: &[&str]) -> Command {
        Command::new(&self.program, why).args(args.iter().copied())
    }

    /// Itself, with its platform, where its engine answers; else what was said instead.
    fn ask(self) -> Result<Result<Self, String>> {
        let output = self.command("see whether an engine answers", self.row.answers).asks().output()?;
        if !output.status.success() {
            return Ok(Err(said(&output)));
        }
        let first = output.stdout.lines().next().unwrap_or_default().trim();
        let platform = first.split_once('/').filter(|(os, architecture)| !os.is_empty() && !architecture.is_empty());
        let platform = platform.map(|_| first.to_owned());
        Ok(Ok(Self { platform, ..self }))
    }
}

/// The runtimes whose programs are in `PATH`, in the order in which they are asked. Whether they answer is not known yet.
pub fn runtimes() -> Vec<Runtime> {
    found(&|program| which::which(program).ok())
}

fn found(which: &dyn Fn(&str) -> Option<PathBuf>) -> Vec<Runtime> {
    let there = ROWS.iter().filter_map(|row| Some(Runtime { program: which(row.program)?, row, platform: None }));
    there.collect()
}

/// The first of these that answers.
///
/// # Errors
/// [`Kind::Engine`]: none does, or there are none; [`Kind::Interrupted`].
pub fn first(runtimes: Vec<Runtime>) -> Result<Runtime> {
    let mut silent = Vec::new();
    for runtime in runtimes {
        let row = runtime.row;
        match runtime.ask() {
            Ok(Ok(runtime)) => return Ok(runtime),
            Ok(Err(said)) => silent.push((row, said)),
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => silent.push((row, failure.to_string())),
        }
    }
    let Some((first, _)) = silent.first() else {
        return Err(Failure::new(
            Kind::Engine,
            "nothing here runs containers: there is no docker, podman, nerdctl or ctr in PATH",
        )
        .help("install one of them, or push the image, or write it into a file"));
    };
    let names: Vec<&str> = silent.iter().map(|(row, _)| row.program).collect();
    let failure =
        Failure::new(Kind::Engine, format!("no engine answers that could take the image: {}", names.join(", ")));
    let failure =
        silent.iter().fold(failure, |failure, (row, said)| failure.detail(format!("{}: {said}", row.program)));
    Err(failure.help(first.start).help("or push the image, or write it into a file"))
}

/// Gives these bundles to a runtime, each with the image for its platform. Nothing of it lies on the disk meanwhile.
///
/// # Errors
/// [`Kind::Engine`]: the runtime does not take them; [`Kind::Usage`]: there is no image for its platform, or a name is none;
/// [`Kind::Verify`]: a blob is not in the store; [`Kind::Interrupted`].
pub fn load(runtime: &Runtime, store: &Store, bundles: &[Named<'_>]) -> Result<()> {
    let command = runtime.command("load the image", runtime.row.load);
    let output = command.feed(|to| docker(store, bundles, runtime.platform(), to))?;
    if output.status.success() {
        return Ok(());
    }
    let said = said(&output);
    let failure = Failure::new(Kind::Engine, format!("{} did not take the image", runtime.name()));
    let help = WORDS.iter().find(|(sign, _)| said.contains(sign)).map_or(
        "see what the engine's own log says; `docker info`, or its like, shows whether it is well",
        |(_, help)| help,
    );
    Err(failure.detail(said).detail(command.shell_line()).help(help))
}

/// Whether a runtime has exactly this image under this name, so that it need not be loaded. What cannot be told is not there.
pub fn has(runtime: &Runtime, bundle: &Bundle, name: &str) -> bool {
    let Ok(reference) = name.parse::<Reference>() else { return false };
    let Ok(image) = of_platform(bundle, runtime.platform()) else { return false };
    let name = reference.to_string();
    let command = runtime.command("see whether the image is there", runtime.row.inspect);
    let command = command.arg(if runtime.row.program == "ctr" { format!("name=={name}") } else { name });
    let Ok(output) = command.output() else { return false };
    // Docker's classic store and Podman name an image by its configuration, containerd's by what was loaded.
    let ids = [&bundle.root, &image.manifest, &image.config].map(|descriptor| descriptor.digest().digest());
    let words = output.stdout.split_whitespace().map(|word| word.strip_prefix("sha256:").unwrap_or(word));
    output.status.success() && words.into_iter().any(|word| ids.contains(&word))
}

/// The end of a child's words.
fn said(output: &Output) -> String {
    let text = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::oci::testing::{scratch, shipped};

    /// A program of this name that does this. Another process writes it: a file that one of ours still has open for writing
    /// cannot be run, and a child that another test starts just then has it open.
    fn script(folder: &Utf8Path, name: &str, text: &str) {
        let path = folder.join(name);
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$2" && chmod 755 "$2""#;
        let command = Command::new("sh", "write a program").args(["-c", write, "sh", text, path.as_str()]);
        assert!(command.output().unwrap().status.success());
    }

    fn runtimes_in(folder: &Utf8Path) -> Vec<Runtime> {
        found(&|program| Some(folder.join(program).into_std_path_buf()).filter(|path| path.exists()))
    }

    #[test]
    fn the_first_that_answers_wins() {
        let folder = scratch();
        let none = first(runtimes_in(folder.path())).unwrap_err();
        assert!(none.to_string().contains("no docker, podman, nerdctl or ctr in PATH"), "{none}");
        script(folder.path(), "docker", "echo /; echo 'Cannot connect to the Docker daemon' >&2; exit 1");
        script(folder.path(), "ctr", "echo 'connection refused' >&2; exit 1");
        let silent = first(runtimes_in(folder.path())).unwrap_err();
        assert_eq!(silent.to_string(), "no engine answers that could take the image: docker, ctr");
        let report = silent.report();
        assert!(report.contains("docker: Cannot connect") && report.contains("ctr: connection refused"), "{report}");
        script(folder.path(), "podman", "echo linux/arm64");
        script(folder.path(), "nerdctl", "echo v1");
        let runtime = first(runtimes_in(folder.path())).unwrap();
        assert_eq!((runtime.name(), runtime.platform()), ("podman", Some("linux/arm64")));
        fs_err::remove_file(folder.path().join("podman")).unwrap();
        let runtime = first(runtimes_in(folder.path())).unwrap();
        assert_eq!((runtime.name(), runtime.platform()), ("nerdctl", None));
    }

    #[test]
    fn an_image_is_streamed_and_known_again() {
        let folder = scratch();
        let store = Store::open(folder.path().join("store")).unwrap();
        let bundle = shipped(&store, "x", &["linux/amd64", "linux/arm64"]);
        let loaded = folder.path().join("loaded.tar");
        let id = bundle.images[1].config.digest();
        let load_and_tell = format!(
            "case $1 in version) echo linux/arm64;; load) cat >{loaded};; image) [ $5 = docker.io/library/api:1 ] && echo {id};; esac"
        );
        script(folder.path(), "docker", &load_and_tell);
        let docker = first(runtimes_in(folder.path())).unwrap();
        assert!(has(&docker, &bundle, "api:1"));
        assert!(!has(&docker, &bundle, "api:2"));
        assert!(!has(&docker, &shipped(&store, "y", &["linux/amd64", "linux/arm64"]), "api:1"));
        load(&docker, &store, &[(&bundle, &["api:1".to_owned()])]).unwrap();
        let mut expected = Vec::new();
        super::docker(&store, &[(&bundle, &["api:1".to_owned()])], Some("linux/arm64"), &mut expected).unwrap();
        assert!(fs_err::read(loaded).unwrap() == expected);
    }

    #[test]
    fn an_image_is_taken_out_of_the_store_of_who_has_it() {
        let folder = scratch();
        let has = "[ $1 = info ] || [ \"$5\" = api ] || [ $2 = save ] && { [ $2 = save ] && echo \"$@\" >\"$6\"; exit 0; }; exit 1";
        script(folder.path(), "podman", has);
        let podman = first(runtimes_in(folder.path())).unwrap();
        let file = folder.path().join("image.tar");
        assert!(!podman.save("other", &file).unwrap() && !podman.save("--help", &file).unwrap());
        assert!(!file.exists());
        assert!(podman.save("api", &file).unwrap());
        let asked = format!("image save --format oci-archive --output {file} api\n");
        assert_eq!(fs_err::read_to_string(&file).unwrap(), asked);
        script(folder.path(), "podman", "[ $2 != save ] || { echo 'unable to read a layer' >&2; exit 1; }");
        let refused = podman.save("api", &file).unwrap_err();
        assert!(refused.report().contains("unable to read a layer"), "{}", refused.report());
    }

    #[test]
    fn a_refusal_is_told_in_the_runtimes_own_words() {
        let folder = scratch();
        let store = Store::open(folder.path().join("store")).unwrap();
        let bundle = shipped(&store, "x", &["linux/amd64"]);
        script(folder.path(), "podman", "[ $1 = info ] || { echo 'write /x: no space left on device' >&2; exit 1; }");
        let podman = first(runtimes_in(folder.path())).unwrap();
        let refused = load(&podman, &store, &[(&bundle, &[])]).unwrap_err();
        assert_eq!((refused.kind(), refused.to_string().as_str()), (Kind::Engine, "podman did not take the image"));
        let report = refused.report();
        assert!(report.contains("write /x: no space left on device") && report.contains("system prune"), "{report}");
        assert!(!has(&podman, &bundle, "api:1"));
        // What is broken here is not the runtime's fault.
        fs_err::remove_file(store.blob(bundle.root.digest().as_ref()).unwrap()).unwrap();
        assert_eq!(load(&podman, &store, &[(&bundle, &[])]).unwrap_err().kind(), Kind::Verify);
    }
}
