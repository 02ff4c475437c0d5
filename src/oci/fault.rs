//! What an I/O error means to the user.

use std::io::{Error, ErrorKind};

use camino::Utf8Path;

use crate::failure::{Failure, Kind};

/// The failure that an error is. A [`Failure`] that had to travel as an error comes out as it was.
pub(super) fn fault(doing: &str, place: &Utf8Path, error: Error) -> Failure {
    let error = match error.downcast::<Failure>() {
        Ok(failure) => return failure,
        Err(error) => error,
    };
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
    if full {
        return Failure::new(Kind::Emit, format!("the disk is full: {place} could not be {doing}"))
            .caused_by(error)
            .help("free some room there, or name a place on another disk (for the target folder: CARGO_TARGET_DIR); then run it again");
    }
    Failure::new(Kind::Emit, format!("{place} could not be {doing}")).caused_by(error)
}
