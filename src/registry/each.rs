//! Blobs come and go several at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::wire::locked;
use crate::failure::Result;

/// Does something with each, no more than so many at the same time. The first failure stops the others, and is the one that is
/// told.
pub(crate) fn each<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    act: impl Fn(&T, &AtomicBool) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<(usize, R)>> = Mutex::default();
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(items.len()) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    match act(item, &stop) {
                        Ok(result) => locked(&results).push((at, result)),
                        Err(failure) => {
                            stop.store(true, Ordering::Relaxed);
                            locked(&failed).get_or_insert(failure);
                        }
                    }
                }
            });
        }
    });
    if let Some(failure) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Kind};

    #[test]
    fn results_keep_their_order() {
        let items: Vec<u64> = (0..100).collect();
        let doubled = each(&items, 6, |item, _| Ok(item * 2)).unwrap();
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_stops_what_has_not_begun() {
        let items: Vec<u64> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let failure = each(&items, 6, |item, _| {
            begun.fetch_add(1, Ordering::Relaxed);
            std::thread::yield_now();
            if *item == 0 { Err(Failure::new(Kind::Engine, "first")) } else { Ok(()) }
        })
        .unwrap_err();
        assert_eq!(failure.to_string(), "first");
        assert!(begun.load(Ordering::Relaxed) < items.len());
    }
}
