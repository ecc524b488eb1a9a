//! The clock of the process: the only place that reads it.
//!
//! The core is told the time and never asks. Monotonic time counts from the clock's making, wall
//! time is what the device believes; nothing is judged by it. Layer: node, below everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tallyline_proto::replica::Now;

/// Reads monotonic and wall time; copies count from the same start.
#[derive(Clone, Debug)]
pub struct Clock(Source);

/// Where the time comes from.
#[derive(Clone, Debug)]
enum Source {
    /// The operating system.
    System { start: Instant },
    /// The runtime, whose time may be virtual, and a wall clock that somebody sets.
    Runtime {
        start: tokio::time::Instant,
        wall: WallClock,
    },
}

/// The wall clock of a simulated device, which may be wrong; copies are the same clock.
#[derive(Clone, Debug, Default)]
pub struct WallClock(Arc<AtomicU64>);

impl Clock {
    /// Starts counting.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn start() -> Self {
        Self(Source::System {
            start: Instant::now(),
        })
    }

    /// Starts counting on the clock of the tokio runtime that this is called in; for simulation,
    /// where a run must not depend on the time it takes.
    pub fn of_runtime(wall: WallClock) -> Self {
        Self(Source::Runtime {
            start: tokio::time::Instant::now(),
            wall,
        })
    }

    /// Reads both times.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn now(&self) -> Now {
        match &self.0 {
            Source::System { start } => Now {
                mono_ms: millis(start.elapsed()),
                wall_ms: millis(
                    SystemTime::now()
                        .duration_since(UNIX_EPOCH)
                        .unwrap_or_default(),
                ),
            },
            Source::Runtime { start, wall } => {
                let mono_ms = millis(start.elapsed());
                Now {
                    mono_ms,
                    wall_ms: wall.0.load(Ordering::Relaxed).saturating_add(mono_ms),
                }
            }
        }
    }

    /// Reads the monotonic time as an instant, for timers and libraries that want one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn instant(&self) -> Instant {
        match &self.0 {
            Source::System { .. } => Instant::now(),
            Source::Runtime { .. } => tokio::time::Instant::now().into_std(),
        }
    }
}

impl WallClock {
    /// Sets the Unix time, in milliseconds, at which the device believes that it was started.
    pub fn set(&self, start_unix_ms: u64) {
        self.0.store(start_unix_ms, Ordering::Relaxed);
    }
}

/// Returns whole milliseconds; a time that does not fit is the far future.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_starts_near_zero_and_never_falls() {
        let clock = Clock::start();
        let first = clock.now();
        let second = clock.now();
        assert!(first.mono_ms < 10_000, "{first:?}");
        assert!(first.mono_ms <= second.mono_ms, "{first:?} {second:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_of_the_runtime_follows_its_time_and_a_wall_clock_that_is_set() {
        let wall = WallClock::default();
        let clock = Clock::of_runtime(wall.clone());
        wall.set(1_000);
        tokio::time::advance(Duration::from_hours(1)).await;
        let now = clock.now();
        assert_eq!((now.mono_ms, now.wall_ms), (3_600_000, 3_601_000));
    }

    #[test]
    fn a_time_that_does_not_fit_is_the_far_future() {
        assert_eq!(millis(Duration::MAX), u64::MAX);
        assert_eq!(millis(Duration::from_micros(1_999)), 1);
    }
}
