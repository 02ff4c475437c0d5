//! Where the images go.

use std::thread::JoinHandle;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::oci::load::{self, Runtime};

use super::joined;
use crate::cli::Build;

/// What `--output` can say here.
const OUTPUTS: &str = "type=oci,dest=FILE; type=oci,tar=false,dest=FOLDER; type=docker,dest=FILE; type=registry";

/// A place for images.
#[derive(Debug, Clone)]
pub enum Destination {
    /// The image store of an engine.
    Runtime(Runtime),
    /// The registries that their names say.
    Registry,
    /// An OCI layout in a folder; in one for each image where there are several. `asked`: the user named it.
    Layout { folder: Utf8PathBuf, asked: bool },
    /// An OCI layout as a tarball.
    OciArchive(Utf8PathBuf),
    /// What `docker load` takes.
    DockerArchive(Utf8PathBuf),
}

/// Who runs containers here, asked while other things are done.
pub type Asked = JoinHandle<Result<Runtime>>;

/// Begins to ask, where the answer will be needed.
pub fn ask(args: &Build) -> Option<Asked> {
    let chosen = &args.destination;
    (!chosen.push && chosen.output.is_none()).then(|| std::thread::spawn(answering))
}

fn answering() -> Result<Runtime> {
    load::first(load::runtimes())
}

impl Destination {
    /// What the command line says; else whoever runs containers here, else a folder of ours.
    ///
    /// # Errors
    /// [`Kind::Usage`]: the output cannot be understood; [`Kind::Engine`]: images are to be loaded, and nobody takes them.
    pub fn decide(args: &Build, scratch: &Utf8Path, asked: Option<Asked>) -> Result<Self> {
        let chosen = &args.destination;
        if chosen.push {
            return Ok(Self::Registry);
        }
        if let Some(spec) = &chosen.output {
            return read(spec);
        }
        match asked.map_or_else(answering, joined) {
            Ok(runtime) => Ok(Self::Runtime(runtime)),
            Err(nobody) if nobody.kind() == Kind::Engine && !chosen.load => {
                Ok(Self::Layout { folder: scratch.join("images"), asked: false })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether the documents about an image go with it: engines have no place for them.
    pub fn ships_documents(&self) -> bool {
        matches!(self, Self::Registry | Self::Layout { .. } | Self::OciArchive(_))
    }
}

impl Destination {
    /// Where they are delivered to, in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Runtime(runtime) => format!("to {}", runtime.name()),
            Self::Registry => "to the registry".to_owned(),
            Self::Layout { folder, .. } => format!("to {folder}, an OCI layout"),
            Self::OciArchive(file) => format!("to {file}, an OCI layout"),
            Self::DockerArchive(file) => format!("to {file}, for `docker load`"),
        }
    }
}

/// `--output` as buildx takes it.
fn read(spec: &str) -> Result<Destination> {
    let wrong = |why: &str| {
        Failure::new(Kind::Usage, format!("`--output {spec}` cannot be written: {why}"))
            .help(format!("the embedded engine writes {OUTPUTS}; for other kinds use `--engine buildx`"))
    };
    let (mut kind, mut dest, mut tar, mut push) = (None, None, true, false);
    for part in spec.split(',') {
        match part.split_once('=') {
            Some(("type", value)) => kind = Some(value),
            Some(("dest", value)) => dest = Some(Utf8PathBuf::from(value)),
            Some(("tar", value)) => tar = value != "false",
            Some(("push", value)) => push = value == "true",
            Some((key, _)) => return Err(wrong(&format!("the embedded engine does not know `{key}`"))),
            None => return Err(wrong(&format!("`{part}` is no KEY=VALUE"))),
        }
    }
    match (kind, dest) {
        (Some("registry"), None) => Ok(Destination::Registry),
        (Some("image"), None) if push => Ok(Destination::Registry),
        (Some("oci"), Some(folder)) if !tar => Ok(Destination::Layout { folder, asked: true }),
        (Some("oci"), Some(file)) => Ok(Destination::OciArchive(file)),
        (Some("docker"), Some(file)) => Ok(Destination::DockerArchive(file)),
        (Some("docker"), None) => answering().map(Destination::Runtime),
        (Some("oci"), None) => Err(wrong("`dest` is missing")),
        (Some(other), _) => Err(wrong(&format!("there is no `type={other}` in the embedded engine"))),
        (None, _) => Err(wrong("`type` is missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_as_buildx_takes_them() {
        assert!(matches!(read("type=oci,dest=a.tar").unwrap(), Destination::OciArchive(file) if file == "a.tar"));
        assert!(
            matches!(read("type=oci,tar=false,dest=a").unwrap(), Destination::Layout { folder, asked: true } if folder == "a")
        );
        assert!(matches!(read("type=docker,dest=a.tar").unwrap(), Destination::DockerArchive(_)));
        assert!(matches!(read("type=image,push=true").unwrap(), Destination::Registry));
        for wrong in ["type=local,dest=a", "a", "type=oci", "dest=a", "type=image", "type=oci,dest=a,zip=1"] {
            assert_eq!(read(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
    }
}
