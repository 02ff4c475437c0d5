//! The entries of an archive, within [`limits`](crate::limits): a small archive can ask for more memory and time than there is.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Entry, FileKind, layer};
use crate::exec;
use crate::failure::Failure;
use crate::limits::{self, Limit};

/// What has been taken of one image, by all of its layers together.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    entries: AtomicU64,
    names: AtomicU64,
    unpacked: AtomicU64,
}

fn spend(spent: &AtomicU64, amount: u64, limit: &Limit) -> io::Result<()> {
    let add = |spent: u64| Some(spent.saturating_add(amount));
    let before = spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).unwrap_or(u64::MAX);
    limit.check_io(before.saturating_add(amount))
}

/// Bytes between headers flow; a header, and what belongs to it, has an end.
pub(crate) struct Gate<'g, R> {
    inner: R,
    /// What a header may still have; none: contents come.
    left: &'g Cell<Option<u64>>,
}

impl<'g, R> Gate<'g, R> {
    pub fn new(inner: R, left: &'g Cell<Option<u64>>) -> Self {
        Self { inner, left }
    }

    /// From here on a header comes.
    pub fn header(left: &Cell<Option<u64>>) {
        left.set(Some(limits::HEADER.most));
    }
}

impl<R: Read> Read for Gate<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        exec::go_on_in_io()?;
        let Some(left) = self.left.get() else { return self.inner.read(buffer) };
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other(limits::HEADER.passed()));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.set(Some(left.saturating_sub(count as u64)));
        Ok(count)
    }
}

impl<R: Seek> Seek for Gate<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// How much comes out of something that was packed.
#[derive(Debug)]
pub(crate) struct Room<'b> {
    left: u64,
    budget: &'b Budget,
}

impl<'b> Room<'b> {
    /// For what lies in so many bytes.
    pub fn of(packed: u64, budget: &'b Budget) -> Self {
        Self { left: packed.saturating_mul(limits::RATIO.most).max(limits::ANY_RATIO), budget }
    }

    /// Whether so many more bytes may come.
    fn has(&self, bytes: u64) -> io::Result<()> {
        if bytes > self.left { Err(io::Error::other(limits::RATIO.passed())) } else { Ok(()) }
    }

    fn take(&mut self, bytes: u64) -> io::Result<()> {
        self.has(bytes)?;
        self.left = self.left.saturating_sub(bytes);
        spend(&self.budget.unpacked, bytes, &limits::UNPACKED)
    }
}

/// Reads no more than there is room for, and not beyond an interrupt.
pub(crate) struct Within<'r, 'b, R> {
    inner: R,
    room: &'r mut Room<'b>,
}

impl<'r, 'b, R> Within<'r, 'b, R> {
    pub fn new(inner: R, room: &'r mut Room<'b>) -> Self {
        Self { inner, room }
    }
}

impl<R: Read> Read for Within<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        exec::go_on_in_io()?;
        let count = self.inner.read(buffer)?;
        self.room.take(count as u64)?;
        Ok(count)
    }
}

/// What is done with an entry and its contents.
type Act<'a> = dyn FnMut(Entry, &mut dyn Read) -> io::Result<()> + 'a;

/// Hands over each entry of an archive, and its contents, of which `act` may leave what it likes. The archive lies packed in so many
/// bytes.
///
/// # Errors
/// The archive is broken; a limit or an interrupt comes as a [`Failure`] in the error.
pub(crate) fn entries(source: impl Read, packed: u64, budget: &Budget, act: &mut Act<'_>) -> io::Result<()> {
    let left = Cell::new(None);
    let mut room = Room::of(packed, budget);
    let mut archive = tar::Archive::new(Gate::new(source, &left));
    let mut entries = archive.entries()?;
    loop {
        Gate::<()>::header(&left);
        let Some(next) = entries.next() else { return Ok(()) };
        let mut next = next?;
        left.set(None);
        let found = layer::entry(&next)?;
        budget.take(&found)?;
        // The size of a sparse file can be larger than what the archive holds of it.
        room.has(next.size())?;
        let mut contents = Within::new(&mut next, &mut room);
        act(found, &mut contents)?;
        io::copy(&mut contents, &mut io::sink())?;
    }
}

impl Budget {
    /// One more entry.
    pub fn take(&self, entry: &Entry) -> io::Result<()> {
        let link = match &entry.file.kind {
            FileKind::Link(to) | FileKind::HardLink(to) => to.len(),
            _ => 0,
        };
        spend(&self.entries, 1, &limits::ENTRIES)?;
        spend(&self.names, entry.path.len().saturating_add(link) as u64, &limits::NAMES)
    }
}

/// The failure that an error is while something is unpacked. An interrupt stays one, whatever was made of it on its way.
pub(crate) fn failure(error: io::Error, what: Failure) -> Failure {
    if exec::interrupted() {
        return exec::interruption();
    }
    match error.downcast::<Failure>() {
        Ok(failure) => what.caused_by(failure),
        Err(error) => what.caused_by(error),
    }
}
