//! Interrupts: SIGINT, SIGTERM and SIGHUP, or Ctrl-C where there are no signals.
//!
//! The handler itself notes them. A thread that is told of them (as most libraries have it) hears of an interrupt later than
//! we hear of the end of a child that got the same one, and takes that for a child that failed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

/// Set by the handler, taken back by whoever counts.
static CAME: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

static COUNTED: AtomicUsize = AtomicUsize::new(0);

#[cfg(unix)]
const SIGNALS: [i32; 3] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// Takes over interrupts for the whole process. Call it once, early; later calls do nothing.
pub fn handle_interrupts() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        for signal in SIGNALS {
            // Where no handler can be set the system's default ends us: not as tidy, and no reason to refuse to work.
            drop(signal_hook::flag::register(signal, Arc::clone(&CAME)));
        }
    });
}

/// How many came. Two that nobody asked about in between are one.
pub(super) fn interrupts() -> usize {
    let new = usize::from(CAME.swap(false, Ordering::SeqCst));
    COUNTED.fetch_add(new, Ordering::SeqCst) + new
}

/// Whether the user asked to stop. Long loops of our own look here.
pub fn interrupted() -> bool {
    interrupts() > 0
}
