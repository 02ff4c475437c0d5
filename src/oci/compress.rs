//! Compression in blocks of one size, each by a thread, put together in their order: the bytes do not depend on the number of
//! threads, and no more blocks are in memory than there are threads and two.
//!
//! Gzip is one member, as every reader expects it: blocks end at a byte (a sync flush), and each starts with the 32 KiB before
//! it as its dictionary, as `pigz` does it. Zstd is a frame for each block, which is what its format says of concatenation.

use std::collections::VecDeque;
use std::io::{Error, Result, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use flate2::{Compress, Crc, FlushCompress, Status};
use oci_spec::image::MediaType;
use sha2::{Digest, Sha256};

use crate::digest;
use crate::exec;

/// Bytes of a block. Smaller ones cost size, larger ones memory, and threads that have nothing to do.
pub(super) const BLOCK: usize = 1024 * 1024;

/// What deflate can look back at.
const WINDOW: usize = 32 * 1024;

/// More threads make nothing faster than the disk, and each takes some megabytes.
const MOST_THREADS: usize = 8;

/// No flags, no name, no time, no system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// What everything reads.
    Gzip,
    /// Smaller and sooner; Docker 23, containerd 1.5, Podman and Kubernetes read it.
    Zstd,
}

impl Compression {
    /// The media type of its layers.
    pub fn media_type(self) -> MediaType {
        match self {
            Self::Gzip => MediaType::ImageLayerGzip,
            Self::Zstd => MediaType::ImageLayerZstd,
        }
    }

    /// The levels were measured on programs: the next one costs half as much time again, for a hundredth of the size.
    pub(super) fn level(self) -> u8 {
        match self {
            Self::Gzip => 5,
            Self::Zstd => 3,
        }
    }

    fn start(self) -> &'static [u8] {
        match self {
            Self::Gzip => &GZIP_HEADER,
            Self::Zstd => &[],
        }
    }
}

/// As many threads as there are processors for us, and not too many.
pub(super) fn threads() -> NonZeroUsize {
    let most = NonZeroUsize::new(MOST_THREADS).unwrap_or(NonZeroUsize::MIN);
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(most)
}

struct Block {
    bytes: Vec<u8>,
    /// What stands before it in the stream.
    before: Vec<u8>,
    last: bool,
}

struct Done {
    bytes: Vec<u8>,
    crc: Crc,
}

type Job = (Block, SyncSender<Result<Done>>);

/// Compresses what is written into it.
pub(super) struct Packer<W: Write> {
    to: W,
    compression: Compression,
    threads: NonZeroUsize,
    block: Vec<u8>,
    before: Vec<u8>,
    plain: Sha256,
    crc: Crc,
    pending: VecDeque<Receiver<Result<Done>>>,
    /// None before the first block is full: what is small needs no threads.
    pool: Option<Pool>,
}

impl<W: Write> Packer<W> {
    pub fn new(mut to: W, compression: Compression, threads: NonZeroUsize) -> Result<Self> {
        to.write_all(compression.start())?;
        Ok(Self {
            to,
            compression,
            threads,
            block: Vec::new(),
            before: Vec::new(),
            plain: Sha256::new(),
            crc: Crc::new(),
            pending: VecDeque::new(),
            pool: None,
        })
    }

    /// Writes what is left; gives back where it was written to, and the digest of what it was before.
    pub fn finish(mut self) -> Result<(W, String)> {
        let block = self.take(true);
        while !self.pending.is_empty() {
            self.write_first()?;
        }
        let done = compress(self.compression, &block)?;
        self.write_done(&done)?;
        if self.compression == Compression::Gzip {
            self.to.write_all(&self.crc.sum().to_le_bytes())?;
            self.to.write_all(&self.crc.amount().to_le_bytes())?;
        }
        self.to.flush()?;
        Ok((self.to, digest::sha256(self.plain)))
    }

    fn take(&mut self, last: bool) -> Block {
        let bytes = std::mem::take(&mut self.block);
        self.plain.update(&bytes);
        let tail = bytes[bytes.len().saturating_sub(WINDOW)..].to_vec();
        Block { bytes, before: std::mem::replace(&mut self.before, tail), last }
    }

    fn submit(&mut self) -> Result<()> {
        exec::go_on_in_io()?;
        let block = self.take(false);
        let pool = self.pool.get_or_insert_with(|| Pool::new(self.compression, self.threads));
        self.pending.push_back(pool.submit(block)?);
        while self.pending.len() > self.threads.get().saturating_add(1) {
            self.write_first()?;
        }
        Ok(())
    }

    fn write_first(&mut self) -> Result<()> {
        let Some(first) = self.pending.pop_front() else { return Ok(()) };
        let done = first.recv().map_err(|_| gone())??;
        self.write_done(&done)
    }

    fn write_done(&mut self, done: &Done) -> Result<()> {
        self.crc.combine(&done.crc);
        self.to.write_all(&done.bytes)
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        // A full block waits for the next byte, so that the last one is known to be the last.
        if self.block.len() == BLOCK {
            self.submit()?;
        }
        if self.block.capacity() == 0 && self.pool.is_some() {
            self.block.reserve_exact(BLOCK);
        }
        let taken = bytes.len().min(BLOCK.saturating_sub(self.block.len()));
        self.block.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Threads that compress blocks; dropped, it waits for them.
struct Pool {
    jobs: Option<SyncSender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    fn new(compression: Compression, threads: NonZeroUsize) -> Self {
        let (jobs, queue) = sync_channel::<Job>(threads.get().saturating_add(2));
        let queue = Arc::new(Mutex::new(queue));
        let workers = (0..threads.get()).map(|_| {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                loop {
                    let Ok(job) = queue.lock().map(|queue| queue.recv()) else { return };
                    let Ok((block, reply)) = job else { return };
                    // Who asked may have failed meanwhile.
                    drop(reply.send(compress(compression, &block)));
                }
            })
        });
        let workers = workers.collect();
        Self { jobs: Some(jobs), workers }
    }

    fn submit(&self, block: Block) -> Result<Receiver<Result<Done>>> {
        let (reply, done) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send((block, reply)).map_err(|_| gone())?;
        Ok(done)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            drop(worker.join());
        }
    }
}

fn gone() -> Error {
    Error::other("a thread that compresses has ended")
}

fn compress(compression: Compression, block: &Block) -> Result<Done> {
    let level = compression.level();
    match compression {
        Compression::Gzip => gzip(block, level),
        Compression::Zstd => {
            let mut compressor = zstd::bulk::Compressor::new(level.into())?;
            // The reader sees a damaged layer, as it does with gzip.
            compressor.include_checksum(true)?;
            // An empty frame would be read as well, and is needed only where it is all there is.
            let needed = !block.bytes.is_empty() || block.before.is_empty();
            let bytes = if needed { compressor.compress(&block.bytes)? } else { Vec::new() };
            Ok(Done { bytes, crc: Crc::new() })
        }
    }
}

fn gzip(block: &Block, level: u8) -> Result<Done> {
    let mut crc = Crc::new();
    crc.update(&block.bytes);
    let mut deflate = Compress::new(flate2::Compression::new(level.into()), false);
    if !block.before.is_empty() {
        deflate.set_dictionary(&block.before)?;
    }
    let flush = if block.last { FlushCompress::Finish } else { FlushCompress::Sync };
    // Room for what cannot be compressed, so that one call does it.
    let mut bytes = Vec::with_capacity(block.bytes.len().saturating_add(block.bytes.len() / 8).saturating_add(64));
    loop {
        let at = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        let status = deflate.compress_vec(block.bytes.get(at..).unwrap_or_default(), &mut bytes, flush)?;
        let all = deflate.total_in() == block.bytes.len() as u64;
        let room = bytes.len() < bytes.capacity();
        if status == Status::StreamEnd || (all && room && !block.last) {
            return Ok(Done { bytes, crc });
        }
        bytes.reserve(WINDOW);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn pack(bytes: &[u8], compression: Compression, threads: usize, piece: usize) -> Vec<u8> {
        let mut writer = Packer::new(Vec::new(), compression, NonZeroUsize::new(threads).unwrap()).unwrap();
        for piece in bytes.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        let (packed, plain) = writer.finish().unwrap();
        assert_eq!(plain, digest::sha256_of(bytes));
        packed
    }

    fn unpack(packed: &[u8], compression: Compression) -> Vec<u8> {
        let mut bytes = Vec::new();
        match compression {
            // One member: what reads only the first reads all.
            Compression::Gzip => flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap(),
            Compression::Zstd => zstd::Decoder::new(packed).unwrap().read_to_end(&mut bytes).unwrap(),
        };
        bytes
    }

    /// Text that repeats itself over more than a window, and noise.
    fn sample(length: usize) -> Vec<u8> {
        let mut state: u32 = 1;
        let noise = std::iter::from_fn(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(state.to_be_bytes()[0])
        });
        let text = b"the quick brown fox ".iter().copied().cycle();
        noise.zip(text).enumerate().map(|(at, (a, b))| if at / 5000 % 2 == 0 { a } else { b }).take(length).collect()
    }

    #[test]
    fn comes_back_at_every_edge_of_a_block() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            for length in [0, 1, 511, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7] {
                let bytes = sample(length);
                let packed = pack(&bytes, compression, 2, 100_000);
                assert!(unpack(&packed, compression) == bytes, "{compression:?} {length}");
            }
        }
    }

    #[test]
    fn bytes_do_not_depend_on_threads_or_on_how_they_came() {
        let bytes = sample(3 * BLOCK + 99);
        for compression in [Compression::Gzip, Compression::Zstd] {
            let first = pack(&bytes, compression, 1, 512);
            for (threads, piece) in [(2, 77), (8, usize::MAX)] {
                assert!(pack(&bytes, compression, threads, piece) == first, "{compression:?} {threads} {piece}");
            }
        }
    }

    #[test]
    fn what_is_alike_across_blocks_is_found() {
        // The noise in it repeats itself within the window, so that every block but the first is small.
        let noise = sample(10_000);
        let bytes: Vec<u8> = noise.iter().copied().cycle().take(2 * BLOCK).collect();
        let packed = pack(&bytes, Compression::Gzip, 2, 4096);
        assert!(packed.len() < 30_000, "{}", packed.len());
    }

    #[test]
    fn a_writer_that_fails_ends_it() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> Result<usize> {
                let room = self.0.min(bytes.len());
                self.0 -= room;
                if room == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(room) }
            }
            fn flush(&mut self) -> Result<()> {
                Ok(())
            }
        }
        let mut packer = Packer::new(Full(1000), Compression::Zstd, NonZeroUsize::new(2).unwrap()).unwrap();
        let failed = packer.write_all(&sample(12 * BLOCK)).unwrap_err();
        assert_eq!(failed.kind(), std::io::ErrorKind::StorageFull);
    }
}
