//! The clock of the process: the only place that reads it.
//!
//! The core is told the time and never asks. Monotonic time counts from the clock's making, wall
//! time is what the device believes; nothing is judged by it. Layer: node, below everything.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tallyline_proto::replica::Now;

/// Reads monotonic and wall time; copies count from the same start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Reads both times.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono_ms: millis(self.start.elapsed()),
            wall_ms: millis(wall),
        }
    }

    /// Reads the monotonic time as an instant, for timers and libraries that want one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn instant(&self) -> Instant {
        Instant::now()
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

    #[test]
    fn a_time_that_does_not_fit_is_the_far_future() {
        assert_eq!(millis(Duration::MAX), u64::MAX);
        assert_eq!(millis(Duration::from_micros(1_999)), 1);
    }
}
