//! What a run costs: the only place of the simulator that looks at real time.

use std::fs;
use std::time::Duration;

/// Milliseconds of one tick of the process's CPU time, which Linux fixes at 100 a second.
const TICK_MS: u64 = 10;

/// Measures from its making on. Nothing that is simulated may ask it.
#[derive(Debug)]
pub(super) struct Stopwatch {
    #[expect(
        clippy::disallowed_types,
        reason = "what a run costs is not part of the run"
    )]
    start: std::time::Instant,
}

impl Stopwatch {
    /// Starts.
    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "what a run costs is not part of the run"
    )]
    pub(super) fn start() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }

    /// Returns what has passed.
    pub(super) fn wall(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns what has passed, in ms.
    pub(super) fn wall_ms(&self) -> u64 {
        u64::try_from(self.wall().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Returns the CPU time of the whole process so far, in ms; `None` where the system does not tell.
pub(super) fn cpu_ms() -> Option<u64> {
    ticks(&fs::read_to_string("/proc/self/stat").ok()?)?.checked_mul(TICK_MS)
}

/// Reads user and system time of a `stat` line: the 14th and 15th word, after a name in brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, words) = stat.rsplit_once(") ")?;
    let mut words = words.split(' ').skip(11);
    let user: u64 = words.next()?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticks_are_read_behind_any_name() {
        let stat = "12 (a b) c) R 1 2 3 4 5 6 7 8 9 10 311 42 0 0 20 0";
        assert_eq!(ticks(stat), Some(353));
        assert_eq!(ticks("12 (a) R 1"), None);
        assert_eq!(ticks(""), None);
    }
}
