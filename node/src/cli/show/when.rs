//! Times as people read them. Clocks are shown and never judged.
//!
//! Layer: node, cli, show.

pub(in crate::cli) use crate::calendar::local;
pub(super) use crate::calendar::utc;

/// Writes how long ago something was: `2 s ago`, `9 min ago`.
pub(super) fn ago(ms: u64) -> String {
    format!("{} ago", span(ms))
}

/// Writes a span in the largest unit that fits.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_the_largest_unit_that_fits() {
        let check = |ms, expected| assert_eq!(ago(ms), expected);
        check(999, "0 s ago");
        check(119_999, "119 s ago");
        check(540_000, "9 min ago");
        check(7_200_000, "2 h ago");
        check(172_800_000, "2 days ago");
    }
}
