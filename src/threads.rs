//! The same work on many things, on all processors.

use std::sync::{Mutex, PoisonError};

/// The threads' stacks: syntax trees are read and dropped by functions that call themselves.
const STACK: usize = 256 * 1024 * 1024;

/// So many things are worth a thread.
const WORTH: usize = 8;

/// Does the same with each, and keeps their order. Without threads, or where one of them panics, what was not done is not there.
pub(crate) fn each<T: Send, R: Send>(list: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(list.len().div_ceil(WORTH)).max(1);
    let waiting = Mutex::new(list.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let run = || {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((at, next)) = next else { return };
            let result = work(next);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let started = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
            drop(started);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_order_stays() {
        let list: Vec<u32> = (0..1000).collect();
        assert_eq!(
            super::each(list.clone(), |number| number * 2),
            list.iter().map(|number| number * 2).collect::<Vec<_>>()
        );
        assert!(super::each(Vec::<u32>::new(), |number| number).is_empty());
    }
}
