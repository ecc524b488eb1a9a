//! The clock. Nothing is judged by it; people read it beside every score.

use super::Finding;
use crate::local::protocol::LatestData;

/// Unix time in milliseconds before which this version was not there: 1 January 2026.
const BUILT_MS: u64 = 1_767_225_600_000;

/// Milliseconds that two clocks may differ before it is worth a word.
const DIFFER_MS: i64 = 10 * 60 * 1_000;

/// Looks at the clock alone.
pub(super) fn clock(now_ms: u64) -> Finding {
    if now_ms < BUILT_MS {
        return Finding::wrong(
            "clock",
            "it says a time before this program was made",
            "set date and time; scores count all the same, but they show wrong times",
        );
    }
    Finding::fine("clock", "plausible")
}

/// Compares the clock with the latest entry of another device: one from the future shows that the
/// two differ.
pub(super) fn others(now_ms: u64, latest: Option<&LatestData>) -> Option<Finding> {
    let latest = latest?;
    let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
    let ahead_ms = latest.at_unix_ms.saturating_sub(now_ms);
    (DIFFER_MS < ahead_ms).then(|| {
        Finding::wrong(
            "clocks",
            format!(
                "an entry of {} is dated {} min from now",
                latest.label,
                ahead_ms / 60_000
            ),
            "compare date and time of both devices and set the wrong one",
        )
    })
}
