//! Times by the node's own clock and the lines that say whether a target is met.
//!
//! Knows nothing of what is measured. Layer: benches.

use std::hint::black_box;
use std::time::Duration;

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use tallyline::clock::Clock;

/// Times of one piece of work, over criterion's samples, the warm-up's included.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// What a user meets: other load and a disk's moods included.
    pub(crate) median: Duration,
    /// What the work itself costs: other load only ever adds to it.
    pub(crate) least: Duration,
}

/// Measures `work` on what `prepare` makes; the making is not counted. Returns `None` if the
/// filter left this one out.
pub(crate) fn measure<S, R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut prepare: impl FnMut() -> S,
    mut work: impl FnMut(S) -> R,
) -> Option<Times> {
    let clock = Clock::start();
    let mut samples: Vec<Duration> = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let mut total = Duration::ZERO;
            for _ in 0..times {
                let input = prepare();
                let start = clock.instant();
                let result = black_box(work(black_box(input)));
                total += start.elapsed();
                // What a result holds is let go after the clock was read.
                drop(result);
            }
            let times = u32::try_from(times).expect("far fewer times than 2^32");
            samples.push(total / times.max(1));
            total
        });
    });
    samples.sort_unstable();
    let median = *samples.get(samples.len() / 2)?;
    let least = *samples.first()?;
    Some(Times { median, least })
}

/// Says whether a target is met.
pub(crate) fn verdict(is_met: bool) -> &'static str {
    if is_met {
        "target met"
    } else {
        "TARGET MISSED"
    }
}

/// Returns how often `part` goes into `whole`.
pub(crate) fn ratio(whole: Duration, part: Duration) -> f64 {
    whole.div_duration_f64(part)
}

/// Returns how many of `count` things are done in a second if all of them take `time`.
pub(crate) fn per_second(count: usize, time: Duration) -> f64 {
    let one = time / u32::try_from(count).expect("some thousands");
    ratio(Duration::from_secs(1), one)
}
