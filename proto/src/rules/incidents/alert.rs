//! When so much needs a person that somebody should be told at once.

use alloc::vec::Vec;

/// More items than this within [`ALERT_MS`] are an alert.
///
/// Source: PROTOCOL R-INCIDENT-7.
pub const ALERT_ITEMS: usize = 10;

/// The time within which items add up to an alert: one hour.
pub const ALERT_MS: i64 = 3_600_000;

/// A burst of items that need a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alert {
    /// The first item, in milliseconds from the event's epoch.
    pub from_ms: i64,
    /// The last one.
    pub to_ms: i64,
    /// How many there are.
    pub items: usize,
}

/// Finds bursts among the times of items, in any order: one alert for each burst, however long it
/// goes on.
///
/// Source: PROTOCOL R-INCIDENT-7.
pub fn alerts(times: &[i64]) -> Vec<Alert> {
    let mut times = times.to_vec();
    times.sort_unstable();
    // Places of the first and of the last item of each burst.
    let mut bursts: Vec<(usize, usize)> = Vec::new();
    for (first, (from, to)) in times.iter().zip(times.iter().skip(ALERT_ITEMS)).enumerate() {
        if ALERT_MS < to.saturating_sub(*from) {
            continue;
        }
        let last = first.saturating_add(ALERT_ITEMS);
        match bursts.last_mut() {
            Some(burst) if first <= burst.1 => burst.1 = last,
            Some(_) | None => bursts.push((first, last)),
        }
    }
    let alert = |(first, last): (usize, usize)| {
        Some(Alert {
            from_ms: *times.get(first)?,
            to_ms: *times.get(last)?,
            items: last.saturating_sub(first).saturating_add(1),
        })
    };
    bursts.into_iter().filter_map(alert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: impl IntoIterator<Item = i64>, expected: &[(i64, i64, usize)]) {
        let times: Vec<i64> = times.into_iter().collect();
        let found: Vec<(i64, i64, usize)> = alerts(&times)
            .iter()
            .map(|it| (it.from_ms, it.to_ms, it.items))
            .collect();
        assert_eq!(found, expected, "{times:?}");
    }

    #[test]
    fn ten_items_within_an_hour_are_quiet_and_eleven_are_one_alert() {
        let minute = 60_000;
        check((0..10).map(|nth| nth * minute), &[]);
        check((0..11).map(|nth| nth * minute), &[(0, 10 * minute, 11)]);
        check(
            (0..11).rev().map(|nth| nth * minute),
            &[(0, 10 * minute, 11)],
        );
        check((0..40).map(|nth| nth * minute), &[(0, 39 * minute, 40)]);
    }

    #[test]
    fn eleven_items_over_more_than_an_hour_are_quiet() {
        check((0..11).map(|nth| nth * 360_001), &[]);
        check((0..11).map(|nth| nth * 360_000), &[(0, ALERT_MS, 11)]);
        check([], &[]);
        check([i64::MIN, i64::MAX], &[]);
    }

    #[test]
    fn two_bursts_with_quiet_between_are_two_alerts() {
        let later = 10 * ALERT_MS;
        check(
            (0..11).chain(later..later + 12),
            &[(0, 10, 11), (later, later + 11, 12)],
        );
    }
}
