//! One build at a time in a target folder: cargo puts every program of a name in the same place.

use std::fs::{File, TryLockError};
use std::time::Duration;

use camino::Utf8Path;

use crate::exec;
use crate::failure::{Failure, Kind, Result};

const FILE: &str = "compile.lock";

/// How often who waits looks whether it is their turn.
const LOOK: Duration = Duration::from_millis(50);

/// As long as it is held, no other build of ours compiles in the same folder.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "closing it unlocks")] File);

impl Turn {
    /// Waits for its turn; `on_wait` is called once where that takes time.
    ///
    /// # Errors
    /// [`Kind::Emit`]: the folder cannot be written; [`Kind::Interrupted`].
    pub fn take(folder: &Utf8Path, on_wait: impl FnOnce()) -> Result<Self> {
        let path = folder.join(FILE);
        let failed =
            |error: std::io::Error| Failure::new(Kind::Emit, format!("{path} cannot be locked")).caused_by(error);
        let file = open(folder).map_err(failed)?;
        let mut on_wait = Some(on_wait);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) => {
                    if let Some(say) = on_wait.take() {
                        say();
                    }
                    exec::sleep(LOOK)?;
                }
                // Some network file systems know no locks; cargo goes on there as well.
                Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                    return Ok(Self(file));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Its turn, where nobody else has it.
    pub fn at_once(folder: &Utf8Path) -> Option<Self> {
        let file = open(folder).ok()?;
        file.try_lock().is_ok().then_some(Self(file))
    }
}

fn open(folder: &Utf8Path) -> std::io::Result<File> {
    fs_err::create_dir_all(folder)?;
    let file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(FILE))?;
    Ok(file.into_parts().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::scratch;

    #[test]
    fn the_second_one_waits_for_the_first() {
        let folder = scratch();
        let first = Turn::take(folder.path(), || panic!("nobody else is there")).unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Turn::take(folder.path(), || said.send(()).unwrap()).map(drop));
            heard.recv().unwrap();
            assert!(!second.is_finished());
            drop(first);
            second.join().unwrap().unwrap();
        });
    }
}
