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
        #[cfg(unix)]
        watch();
    });
}

/// Signals that come so soon after each other are one: a terminal and a wrapper both pass one on.
#[cfg(unix)]
const TOGETHER: std::time::Duration = std::time::Duration::from_millis(300);

/// How long a thread that waits for a child has to end that child.
#[cfg(unix)]
const CHILDREN: std::time::Duration = std::time::Duration::from_secs(3);

/// A second signal ends the process, whatever it does: somebody who asks twice does not want to wait.
#[cfg(unix)]
fn watch() {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    let Ok((mut comes, goes)) = UnixStream::pair() else { return };
    for signal in SIGNALS {
        if let Ok(own) = goes.try_clone() {
            drop(signal_hook::low_level::pipe::register(signal, own));
        }
    }
    std::thread::spawn(move || {
        let mut first: Option<Instant> = None;
        while let Ok(1..) = comes.read(&mut [0]) {
            let since = *first.get_or_insert_with(Instant::now);
            if since.elapsed() < TOGETHER {
                continue;
            }
            // The thread that waits for a child looks for interrupts, and ends the child.
            let asked = Instant::now();
            while super::child::running() > 0 && asked.elapsed() < CHILDREN {
                std::thread::sleep(super::POLL);
            }
            // The main thread may hang, so this one ends the process.
            std::process::exit(i32::from(crate::failure::Kind::Interrupted.exit_code()));
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
