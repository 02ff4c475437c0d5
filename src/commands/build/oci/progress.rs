//! Bytes on their way from or to a registry, as a line on a terminal.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cargo_dockerize::engine::Style;
use cargo_dockerize::registry::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::style;
use crate::ui::Shell;

/// A bar for all blobs together; nothing where nobody watches.
pub struct Bytes {
    bar: ProgressBar,
    blobs: Mutex<BTreeMap<String, (u64, u64)>>,
}

impl Bytes {
    /// One that says what it is about: `Pushing`.
    pub fn new(verb: &'static str, shell: Shell) -> Self {
        let bar = if style(shell) == Style::Live { ProgressBar::new(0) } else { ProgressBar::hidden() };
        // A template that is a constant and right cannot fail; the default would do.
        let look =
            ProgressStyle::with_template("{prefix:>12.cyan.bold} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(look.progress_chars("=> "));
        bar.set_prefix(verb);
        Self { bar, blobs: Mutex::default() }
    }

    /// Takes in how far a blob is.
    pub fn on(&self, progress: Progress<'_>) {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        blobs.insert(progress.digest.to_owned(), (progress.done, progress.total));
        let (done, total) = blobs.values().fold((0, 0), |(done, total), blob| (done + blob.0, total + blob.1));
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
