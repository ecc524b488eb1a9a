//! The calendar: days and times of the clock as people write them. Clocks are shown and never
//! judged.
//!
//! Layer: node, below everything.

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Days of the Gregorian calendar's whole cycle of 400 years.
const CYCLE_DAYS: i64 = 146_097;
/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// Writes Unix milliseconds as `2018-07-25 07:12:18Z`.
pub fn utc(unix_ms: i64) -> String {
    let (year, month, date) = date(unix_ms.div_euclid(DAY_MS));
    let second = unix_ms.rem_euclid(DAY_MS) / 1000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Writes Unix milliseconds as a time zone's clocks show them: `2018-07-25 10:12:18 +03:00`.
pub fn local(unix_ms: u64, zone_min: i32) -> String {
    let unix_ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    let (sign, minutes) = (
        if zone_min < 0 { '-' } else { '+' },
        zone_min.unsigned_abs(),
    );
    let clock = utc(shifted(unix_ms, zone_min));
    let clock = clock.trim_end_matches('Z');
    format!("{clock} {sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Writes the day of Unix milliseconds as a time zone's calendars show it: `2018-07-25`.
pub fn day(unix_ms: i64, zone_min: i32) -> String {
    let (year, month, date) = date(shifted(unix_ms, zone_min).div_euclid(DAY_MS));
    format!("{year:04}-{month:02}-{date:02}")
}

/// Writes the minute of Unix milliseconds as a time zone's clocks show it: `10:12`.
pub fn minute(unix_ms: i64, zone_min: i32) -> String {
    let second = shifted(unix_ms, zone_min).rem_euclid(DAY_MS) / 1000;
    format!("{:02}:{:02}", second / 3600, second / 60 % 60)
}

/// Returns whether a text is a day of the calendar as [`day`] writes it.
pub fn is_day(text: &str) -> bool {
    let shape = text.chars().enumerate().all(|(place, letter)| match place {
        4 | 7 => letter == '-',
        _ => letter.is_ascii_digit(),
    });
    let mut parts = text.split('-').map(|part| part.parse::<u32>().ok());
    let mut part = || parts.next().flatten();
    let (year, month, date) = (part(), part(), part());
    let (Some(year), Some(month), Some(date)) = (year, month, date) else {
        return false;
    };
    text.len() == 10 && shape && (1..=days_of(year, month)).contains(&date)
}

/// Returns how many days a month has; one that does not exist has none.
fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

fn shifted(unix_ms: i64, zone_min: i32) -> i64 {
    unix_ms.saturating_add(i64::from(zone_min).saturating_mul(60_000))
}

/// Computes year, month and date of a day since 1970; years begin in March, so that the day that
/// leap years add is their last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(EPOCH_DAYS);
    let (cycle, day) = (days.div_euclid(CYCLE_DAYS), days.rem_euclid(CYCLE_DAYS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month + 2) / 5 + 1;
    let january = i64::from(10 <= month);
    let month = month + 3 - 12 * january;
    (400 * cycle + year + january, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_by_the_calendar() {
        let check = |unix_ms, expected| assert_eq!(utc(unix_ms), expected);
        check(0, "1970-01-01 00:00:00Z");
        check(1_532_500_439_845, "2018-07-25 06:33:59Z");
        check(951_782_400_000, "2000-02-29 00:00:00Z");
        check(4_107_542_399_999, "2100-02-28 23:59:59Z");
        check(4_107_542_400_000, "2100-03-01 00:00:00Z");
        check(-1, "1969-12-31 23:59:59Z");
        assert!(!utc(i64::MAX).is_empty(), "any number is written");
        assert!(!utc(i64::MIN).is_empty(), "any number is written");
    }

    #[test]
    fn times_are_written_in_the_zone_of_the_event() {
        let check = |zone_min, expected| assert_eq!(local(1_532_500_439_845, zone_min), expected);
        check(0, "2018-07-25 06:33:59 +00:00");
        check(180, "2018-07-25 09:33:59 +03:00");
        check(-570, "2018-07-24 21:03:59 -09:30");
        assert!(!local(u64::MAX, 840).is_empty(), "any number is written");
    }

    #[test]
    fn days_are_those_of_the_events_zone() {
        assert_eq!(day(1_532_500_439_845, 180), "2018-07-25");
        assert_eq!(day(1_532_500_439_845, -570), "2018-07-24");
        assert_eq!(minute(1_532_500_439_845, 180), "09:33");
        for text in ["2018-07-25", "2026-12-31", "2024-02-29", "2000-02-29"] {
            assert!(is_day(text), "{text}");
        }
        for text in [
            "",
            "2018-7-25",
            "2018-13-01",
            "2018-00-01",
            "2018-01-32",
            "2026-02-29",
            "2026-02-30",
            "2100-02-29",
            "2026-04-31",
            "2018/01/01",
            "2018-01-011",
        ] {
            assert!(!is_day(text), "{text}");
        }
    }
}
