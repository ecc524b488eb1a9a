//! Dates and moments as these files write them.
//!
//! Reads no clock; years 1 to 9999 of the Gregorian calendar. Layer: files, at the bottom.

use std::fmt;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A day of the calendar, without a time zone: these files have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Makes a date of the years 1 to 9999, or `None` if there is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }

    /// Reads `2018-07-25`; a time behind it, after a space or a `T`, is left out.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find([' ', 'T']).unwrap_or(text.len());
        let mut parts = text.get(..end)?.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        match parts.next() {
            Some(_) => None,
            None => Self::new(digits(year)?, digits(month)?, digits(day)?),
        }
    }

    /// Reads `01/08/2023`, month first, as the American reports have it.
    pub(super) fn parse_american(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('/');
        let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
        match parts.next() {
            Some(_) => None,
            None => Self::new(digits(year)?, digits(month)?, digits(day)?),
        }
    }

    /// Returns the days since 1 January 1970; negative before.
    pub fn days(self) -> i64 {
        // Counted from 1 March, so that the leap day is a year's last.
        let (month, shift) = match self.month {
            1 | 2 => (i64::from(self.month) + 9, 1),
            later => (i64::from(later) - 3, 0),
        };
        let year = i64::from(self.year) - shift;
        let in_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        year * 365 + year / 4 - year / 100 + year / 400 + in_year - 719_468
    }

    /// Returns the day that is so many days after 1 January 1970, in the years 1 to 9999.
    pub fn of_days(days: i64) -> Option<Self> {
        let days = days.checked_add(719_468)?;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, shift) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = era
            .checked_mul(400)?
            .checked_add(year)?
            .checked_add(shift)?;
        Self::new(
            u16::try_from(year).ok()?,
            u8::try_from(month).ok()?,
            u8::try_from(day).ok()?,
        )
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Reads `2018-07-25 13:05:45.671` or `2018-07-25T13:05:45Z` as Unix milliseconds.
///
/// Without a zone it is UTC, as the app writes it. Digits below the millisecond are left out.
pub(super) fn parse_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let cut = text.find([' ', 'T'])?;
    let (date, time) = text.split_at_checked(cut)?;
    let time = time.trim_start_matches([' ', 'T']);
    let (time, zone_min) = zone(time)?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = clock.split(':');
    let hours: i64 = digits(parts.next()?)?;
    let minutes: i64 = digits(parts.next()?)?;
    let seconds: i64 = parts.next().map_or(Some(0), digits)?;
    if parts.next().is_some() || 23 < hours || 59 < minutes || 60 < seconds {
        return None;
    }
    let millis: i64 = if fraction.is_empty() {
        0
    } else {
        digits::<u64>(fraction.get(..fraction.len().min(9))?)?;
        let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
        digits(&padded)?
    };
    let of_day = ((hours * 60 + minutes - zone_min) * 60 + seconds) * 1000 + millis;
    let ms = Date::parse(date)?
        .days()
        .checked_mul(DAY_MS)?
        .checked_add(of_day)?;
    // A zone may lead out of the years that can be written.
    Date::of_days(ms.div_euclid(DAY_MS)).map(|_| ms)
}

/// Writes Unix milliseconds as `2018-07-25 13:05:45.671`, UTC; `None` outside the years 1 to 9999.
pub(super) fn text(ms: i64) -> Option<String> {
    joined(ms, ' ', "")
}

/// Writes Unix milliseconds as `2018-07-25T13:05:45.671Z`; `None` outside the years 1 to 9999.
pub(super) fn iso_text(ms: i64) -> Option<String> {
    joined(ms, 'T', "Z")
}

fn joined(ms: i64, between: char, end: &str) -> Option<String> {
    let date = Date::of_days(ms.div_euclid(DAY_MS))?;
    let of_day = ms.rem_euclid(DAY_MS);
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(format!(
        "{date}{between}{hours:02}:{minutes:02}:{seconds:02}.{millis:03}{end}"
    ))
}

/// Takes a zone off the end: minutes east of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (time, zone) = time.split_at_checked(at)?;
    let east = if zone.starts_with('-') { -1 } else { 1 };
    let zone = zone.get(1..)?.replace(':', "");
    let (hours, minutes) = (digits::<i64>(zone.get(..2)?)?, zone.get(2..)?);
    let minutes: i64 = if minutes.is_empty() {
        0
    } else {
        digits(minutes)?
    };
    (hours <= 15 && minutes <= 59).then_some((time, east * (hours * 60 + minutes)))
}

/// Reads digits only: no sign, no space.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_utc_and_written_again() {
        let cases = [
            ("1970-01-01 00:00:00.000", Some(0)),
            ("2018-07-25 13:19:05.671", Some(1_532_524_745_671)),
            ("2018-07-25T13:19:05.671Z", Some(1_532_524_745_671)),
            ("2018-07-25T16:19:05.671+03:00", Some(1_532_524_745_671)),
            ("2018-07-25T16:19:05.671+0300", Some(1_532_524_745_671)),
            ("2018-07-25  13:19:05.6719", Some(1_532_524_745_671)),
            ("2018-07-25 13:19", Some(1_532_524_740_000)),
            ("1969-12-31 23:59:59.999", Some(-1)),
            ("2018-02-29 00:00:00", None),
            ("2018-07-25", None),
            ("2018-07-25 24:00:00", None),
            ("2018-07-25 10:00:00.x", None),
            ("2018-07-25 10:00:00+99", None),
            ("T", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_ms(text), expected, "{text}");
        }
        assert_eq!(
            text(1_532_524_745_671).as_deref(),
            Some("2018-07-25 13:19:05.671")
        );
        assert_eq!(
            iso_text(-1).as_deref(),
            Some("1969-12-31T23:59:59.999Z"),
            "before 1970"
        );
        assert_eq!(text(i64::MAX), None, "too far away");
        assert_eq!(text(i64::MIN), None, "too far away");
    }

    #[test]
    fn days_and_dates_agree() {
        for days in (-719_000..2_900_000).step_by(97) {
            let date = Date::of_days(days).expect("a date");
            assert_eq!(date.days(), days, "{date}");
            assert_eq!(Date::parse(&date.to_string()), Some(date), "{date}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in [
            "2018-13-01",
            "2018-00-01",
            "0000-01-01",
            "2018-1",
            "x",
            "2018-04-31",
            "1-2-3-4",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert_eq!(Date::parse_american("01/08/2023"), Date::new(2023, 1, 8));
        assert_eq!(Date::parse_american("13/08/2023"), None);
    }
}
