//! Files that end. A pipe, a socket or a device can be read for ever, or not be opened at all before somebody writes.

use std::io::{self, Read};

use camino::Utf8Path;
use fs_err::File;

use crate::limits::Limit;

/// Opens a regular file; links are followed.
///
/// # Errors
/// It is not there, may not be read, or is something else than a file.
pub fn open(path: &Utf8Path) -> io::Result<File> {
    // Asked before, because opening a pipe waits for a writer.
    let is_file = |metadata: std::fs::Metadata| {
        if metadata.is_file() { Ok(()) } else { Err(io::Error::other(format!("`{path}` is no regular file"))) }
    };
    is_file(fs_err::metadata(path)?)?;
    let file = File::open(path)?;
    // Somebody may have put another one there meanwhile.
    is_file(file.metadata()?)?;
    Ok(file)
}

/// The bytes of a regular file.
///
/// # Errors
/// As [`open`]; it has more bytes than the limit says.
pub fn read(path: &Utf8Path, limit: &Limit) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    limit.check_io(file.metadata()?.len())?;
    let mut bytes = Vec::new();
    file.take(limit.most.saturating_add(1)).read_to_end(&mut bytes)?;
    limit.check_io(bytes.len() as u64)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn what_does_not_end_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        assert!(open(root).is_err(), "a folder");
        assert_eq!(open(&root.join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs_err::write(root.join("file"), "text").unwrap();
        assert_eq!(read(&root.join("file"), &limits::WRITTEN).unwrap(), b"text");
        let long = vec![b'x'; usize::try_from(limits::WRITTEN.most).unwrap() + 1];
        fs_err::write(root.join("long"), long).unwrap();
        assert!(read(&root.join("long"), &limits::WRITTEN).unwrap_err().to_string().contains("which is the limit"));
        #[cfg(unix)]
        {
            let pipe = root.join("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            assert!(open(&pipe).unwrap_err().to_string().contains("no regular file"));
            assert!(open("/dev/zero".into()).is_err());
        }
    }
}
