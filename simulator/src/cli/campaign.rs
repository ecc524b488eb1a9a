//! Many seeds on many cores: one world a thread, results in the order of seeds.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

/// Results that wait for being taken, for each thread.
const WAITING: usize = 4;

/// Returns the number of worlds that run side by side when nobody says.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs a job for each place below `count` on so many threads, and hands the results over in
/// order.
///
/// # Errors
/// The first that `take` returns; what runs then is finished and dropped.
pub(super) fn in_order<T: Send, E>(
    count: u64,
    jobs: usize,
    job: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicU64::new(0);
    let jobs = jobs.max(1);
    thread::scope(|scope| {
        let (results, finished) = sync_channel(jobs * WAITING);
        for _ in 0..jobs {
            let results = results.clone();
            let (next, job) = (&next, &job);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody waits any more: the taker gave up.
                    if place >= count || results.send((place, job(place))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (place, result) in finished {
            early.insert(place, result);
            while let Some(result) = early.remove(&due) {
                due += 1;
                take(result)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_runs_longer() {
        for jobs in [0, 1, 3, 16] {
            let mut taken = Vec::new();
            let job = |place: u64| {
                // The even ones have more to do.
                let turns = if place.is_multiple_of(2) { 20_000 } else { 1 };
                (0..turns).fold(0_u64, |sum, it| sum.wrapping_add(it ^ place));
                place
            };
            let all = in_order::<_, ()>(100, jobs, job, |it| {
                taken.push(it);
                Ok(())
            });
            assert_eq!(all, Ok(()));
            assert_eq!(taken, (0..100).collect::<Vec<_>>(), "{jobs} jobs");
        }
    }

    #[test]
    fn a_taker_that_gives_up_ends_it() {
        let ended = in_order(
            1_000_000,
            2,
            |place| place,
            |it| if it < 5 { Ok(()) } else { Err(it) },
        );
        assert_eq!(ended, Err(5));
    }
}
