//! What an I/O error means to the user.

use std::io::{Error, ErrorKind};

use camino::Utf8Path;

use crate::failure::{Failure, Kind};

/// The failure that an error is.
pub(super) fn fault(doing: &str, place: &Utf8Path, error: Error) -> Failure {
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
    if full {
        return Failure::new(Kind::Emit, format!("the disk is full: {place} could not be {doing}"))
            .caused_by(error)
            .help("free some room there, or set CARGO_TARGET_DIR to a folder on another disk; then run it again");
    }
    Failure::new(Kind::Emit, format!("{place} could not be {doing}")).caused_by(error)
}
