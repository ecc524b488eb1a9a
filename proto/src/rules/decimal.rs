//! Decimal numbers as people print them, kept as integers: no float ever decides a place.

use core::fmt;

/// A number that is not negative, in ten-thousandths: stage points, match points, hit factors.
///
/// Source: PROTOCOL R-SCORE-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed4(pub u64);

impl Fixed4 {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Rounds `num / den` half up to four decimals; a `den` of 0 gives 0.
    pub fn ratio(num: u128, den: u128) -> Self {
        Self(half_up(num.saturating_mul(10_000), den))
    }

    /// Adds two numbers.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Fixed4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:04}",
            self.0.wrapping_div(10_000),
            self.0.wrapping_rem(10_000)
        )
    }
}

/// A number that is not negative, in hundredths: seconds of a run, percent of a stage winner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed2(pub u64);

impl Fixed2 {
    /// Rounds `num / den` to two decimals, an exact half to the even neighbour; a `den` of 0 gives
    /// 0. Stage percents of the reference results are rounded so (65.625 is printed 65.62).
    pub fn ratio_half_even(num: u128, den: u128) -> Self {
        let scaled = num.saturating_mul(100);
        let Some((whole, rest)) = divided(scaled, den) else {
            return Self(0);
        };
        let up = match rest.saturating_mul(2).cmp(&den) {
            core::cmp::Ordering::Less => 0,
            core::cmp::Ordering::Equal => whole & 1,
            core::cmp::Ordering::Greater => 1,
        };
        Self(u64::try_from(whole.saturating_add(up)).unwrap_or(u64::MAX))
    }
}

impl From<u32> for Fixed2 {
    fn from(hundredths: u32) -> Self {
        Self(u64::from(hundredths))
    }
}

impl fmt::Display for Fixed2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:02}",
            self.0.wrapping_div(100),
            self.0.wrapping_rem(100)
        )
    }
}

/// A number that is not negative, with as many decimals as its table prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal {
    /// The number without its point.
    pub value: u64,
    /// Digits after the point.
    pub decimals: u32,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10u64.saturating_pow(self.decimals);
        let whole = self.value.checked_div(scale).unwrap_or(0);
        let rest = self.value.checked_rem(scale).unwrap_or(0);
        let width = usize::try_from(self.decimals).unwrap_or(0);
        if width == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{rest:0width$}")
    }
}

/// Returns `num / den` rounded half up to a whole number; 0 if `den` is 0.
pub(super) fn half_up(num: u128, den: u128) -> u64 {
    let doubled = num.saturating_mul(2).saturating_add(den);
    let rounded = divided(doubled, den.saturating_mul(2)).map_or(0, |(whole, _)| whole);
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

/// Divides with rest; `None` if `den` is 0. Nearly all numbers of a match fit 64 bits, which a
/// processor divides ten times faster.
fn divided(num: u128, den: u128) -> Option<(u128, u128)> {
    if let (Ok(num), Ok(den)) = (u64::try_from(num), u64::try_from(den)) {
        let (whole, rest) = (num.checked_div(den)?, num.checked_rem(den)?);
        return Some((whole.into(), rest.into()));
    }
    Some((num.checked_div(den)?, num.checked_rem(den)?))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn four_decimals_are_rounded_half_up() {
        for (num, den, text) in [
            (1, 3, "0.3333"),
            (2, 3, "0.6667"),
            (1, 20_000, "0.0001"),
            (1, 20_001, "0.0000"),
            (160, 1, "160.0000"),
            (7, 0, "0.0000"),
        ] {
            assert_eq!(Fixed4::ratio(num, den).to_string(), text, "{num}/{den}");
        }
    }

    #[test]
    fn two_decimals_round_an_exact_half_to_even() {
        for (num, den, text) in [
            (65_625, 1_000, "65.62"),
            (65_635, 1_000, "65.64"),
            (65_626, 1_000, "65.63"),
            (5, 0, "0.00"),
        ] {
            assert_eq!(
                Fixed2::ratio_half_even(num, den).to_string(),
                text,
                "{num}/{den}"
            );
        }
    }
}
