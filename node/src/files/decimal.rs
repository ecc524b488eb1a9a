//! Decimal numbers as whole counts of hundredths or ten-thousandths, read exactly from their text.
//!
//! Knows text and nothing of files. Layer: files, at the bottom.

use std::str::FromStr as _;

use serde_json::{Number, Value};

/// Most digits of a number that is read; `i64` holds 19, and none of ours needs 12.
const DIGITS_MAX: usize = 30;
/// Largest exponent that is read, up or down: `1e-7` is written by some programs, `1e99` by none.
const EXPONENT_MAX: i32 = 20;

/// Reads a decimal number as a count of its last digit: `12.345` with 2 decimals is 1235.
///
/// More digits than `decimals` are rounded, half away from zero. Returns `None` for what is no
/// number or too large.
pub(super) fn rounded(text: &str, decimals: u32) -> Option<i64> {
    let (whole, rest) = split(text, decimals)?;
    // The sign is put on afterwards, so that one up is away from zero.
    let up = match rest {
        Rest::Nothing | Rest::BelowHalf => 0,
        Rest::HalfOrMore => 1,
    };
    i64::try_from(whole.value.checked_add(up)?.checked_mul(whole.sign)?).ok()
}

/// Reads a decimal number like [`rounded`], but returns `None` if digits would be lost.
pub(super) fn exact(text: &str, decimals: u32) -> Option<i64> {
    match split(text, decimals)? {
        (whole, Rest::Nothing) => i64::try_from(whole.value.checked_mul(whole.sign)?).ok(),
        (_, Rest::BelowHalf | Rest::HalfOrMore) => None,
    }
}

/// Writes a count with its decimal point: 1235 with 2 decimals is `12.35`.
pub(super) fn text(count: i64, decimals: u32) -> String {
    let unit = 10_u64.checked_pow(decimals).unwrap_or(1);
    let (whole, part) = (count.unsigned_abs() / unit, count.unsigned_abs() % unit);
    let sign = if count < 0 { "-" } else { "" };
    if decimals == 0 {
        return format!("{sign}{whole}");
    }
    let width = usize::try_from(decimals).unwrap_or(0);
    format!("{sign}{whole}.{part:0width$}")
}

/// Writes a count like [`text`], without zeros at the end: `18.7`, `20`.
pub(super) fn short_text(count: i64, decimals: u32) -> String {
    let long = text(count, decimals);
    if long.contains('.') {
        long.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        long
    }
}

/// Writes a count as a JSON number with its decimal point.
pub(super) fn json(count: i64, decimals: u32) -> Value {
    Number::from_str(&text(count, decimals)).map_or(Value::Null, Value::Number)
}

/// The digits that are kept, and the sign.
struct Whole {
    value: i128,
    sign: i128,
}

/// What lies behind the digits that are kept.
enum Rest {
    Nothing,
    BelowHalf,
    HalfOrMore,
}

fn split(text: &str, decimals: u32) -> Option<(Whole, Rest)> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || before.bytes().chain(after.bytes());
    let count = before.len().checked_add(after.len())?;
    if count == 0 || DIGITS_MAX < count || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    if exponent.abs() > EXPONENT_MAX {
        return None;
    }
    let shift = i32::try_from(before.len()).ok()?;
    let kept = shift
        .checked_add(exponent)?
        .checked_add(i32::try_from(decimals).ok()?)?;
    let mut value: i128 = 0;
    let mut rest = Rest::Nothing;
    for (at, digit) in (0_i32..).zip(digits()) {
        let digit = digit.checked_sub(b'0')?;
        if at < kept {
            value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
        } else if at == kept && 5 <= digit {
            rest = Rest::HalfOrMore;
        } else if 0 < digit && matches!(rest, Rest::Nothing) {
            rest = Rest::BelowHalf;
        }
    }
    let missing = kept.checked_sub(i32::try_from(count).ok()?)?;
    if 0 < missing && value != 0 {
        let factor = 10_i128.checked_pow(u32::try_from(missing).ok()?)?;
        value = value.checked_mul(factor)?;
    }
    Some((Whole { value, sign }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_and_halves_go_away_from_zero() {
        let cases = [
            ("12.34", 2, Some(1234)),
            ("12", 2, Some(1200)),
            ("12.", 2, Some(1200)),
            (".5", 2, Some(50)),
            ("0.005", 2, Some(1)),
            ("0.0049999", 2, Some(0)),
            ("-0.5", 2, Some(-50)),
            ("-0.005", 2, Some(-1)),
            ("1e-7", 2, Some(0)),
            ("5e-3", 2, Some(1)),
            ("1.234e1", 2, Some(1234)),
            ("8.6505", 4, Some(86_505)),
            ("145.1", 2, Some(14_510)),
            ("18.675", 2, Some(1868)),
            ("", 2, None),
            (".", 2, None),
            ("-", 2, None),
            ("NaN", 2, None),
            ("inf", 2, None),
            ("1e99", 2, None),
            ("1e", 2, None),
            ("1,5", 2, None),
            ("0x10", 2, None),
            ("99999999999999999999999", 2, None),
            ("9999999999999999999999999999999", 2, None),
        ];
        for (text, decimals, expected) in cases {
            assert_eq!(rounded(text, decimals), expected, "{text}");
        }
    }

    #[test]
    fn exact_reading_loses_nothing() {
        assert_eq!(exact("3.0", 0), Some(3));
        assert_eq!(exact("3.5", 0), None);
        assert_eq!(exact("1e1", 0), Some(10));
    }

    #[test]
    fn counts_are_written_with_their_point() {
        assert_eq!(text(1205, 2), "12.05");
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(7, 0), "7");
        assert_eq!(short_text(1870, 2), "18.7");
        assert_eq!(short_text(0, 2), "0");
        assert_eq!(short_text(2000, 2), "20");
        assert_eq!(json(1234, 2).to_string(), "12.34");
        assert_eq!(json(1200, 2).to_string(), "12.0");
    }

    #[test]
    fn every_hundredth_survives_json() {
        for count in (0..30_000).chain([360_000, 99_999_999]) {
            let value = json(count, 2).to_string();
            assert_eq!(exact(&value, 2), Some(count), "{value}");
        }
    }
}
