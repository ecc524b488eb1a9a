//! Fractions of whole numbers, always reduced.

use std::cmp::Ordering;

/// A fraction; the lower number is above 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    upper: i128,
    lower: i128,
}

impl Ratio {
    pub(crate) const ZERO: Self = Self { upper: 0, lower: 1 };

    pub(crate) fn new(upper: i128, lower: i128) -> Self {
        assert!(lower != 0, "a fraction of {upper} by nothing");
        let divisor = common_divisor(upper.abs(), lower.abs()) * lower.signum();
        Self {
            upper: upper / divisor,
            lower: lower / divisor,
        }
    }

    pub(crate) fn whole(number: i128) -> Self {
        Self::new(number, 1)
    }

    pub(crate) fn times(self, other: Self) -> Self {
        Self::new(self.upper * other.upper, self.lower * other.lower)
    }

    pub(crate) fn by(self, other: Self) -> Self {
        Self::new(self.upper * other.lower, self.lower * other.upper)
    }

    pub(crate) fn is_zero(self) -> bool {
        self.upper == 0
    }

    /// Returns it with this many decimals and without the point; an exact half goes up.
    pub(crate) fn half_up(self, decimals: u32) -> i128 {
        let scaled = self.upper * 10i128.pow(decimals);
        (2 * scaled + self.lower).div_euclid(2 * self.lower)
    }

    /// Returns it with this many decimals and without the point; an exact half goes to the even
    /// neighbour.
    pub(crate) fn half_even(self, decimals: u32) -> i128 {
        let scaled = self.upper * 10i128.pow(decimals);
        let below = scaled.div_euclid(self.lower);
        let rest = scaled - below * self.lower;
        match (2 * rest).cmp(&self.lower) {
            Ordering::Less => below,
            Ordering::Greater => below + 1,
            Ordering::Equal => below + below.rem_euclid(2),
        }
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.upper * other.lower).cmp(&(other.upper * self.lower))
    }
}

fn common_divisor(one: i128, other: i128) -> i128 {
    if other == 0 {
        return one;
    }
    common_divisor(other, one % other)
}

#[test]
fn halves_go_where_they_belong() {
    let half = Ratio::new(131_250, 2_000);
    assert_eq!(half.half_up(2), 6_563, "65.625 up");
    assert_eq!(half.half_even(2), 6_562, "65.625 to even");
    assert_eq!(Ratio::new(13_127, 200).half_even(2), 6_564, "65.635");
    assert_eq!(Ratio::new(2, 3).half_up(4), 6_667);
    assert_eq!(Ratio::new(-4, 6), Ratio::new(2, -3));
    assert!(Ratio::new(1, 3) < Ratio::new(1, 2), "a third is less");
}
