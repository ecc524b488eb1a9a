//! What one run is worth: points, penalties, times, hit factor, stage points, measured power factor.
//!
//! Exact integers throughout: a worth is a ratio, divided once, when it is printed or turned into
//! stage points. Nothing here knows who else shot.

mod times;

pub(super) use times::{counting_strings, string_limit};

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::decimal::{Decimal, Fixed2, Fixed4, half_up};
use crate::model::{
    Chrono, Division, Drill, Method, Overtime, Penalty, PowerFactor, Rule, Ruleset, Score,
    Structure,
};

/// Three speeds are summed, weights are in tenths of a grain, a power factor in thousands.
const POWER_DIVISOR: u64 = 3 * 10 * 1_000;
/// What the winner of a timed stage gets where the event says nothing else.
const STAGE_POINTS: u32 = 100;
/// A ring value that stands for an X: it counts as the highest ring, and decides ties.
const X_RING: u8 = 11;
/// The highest ring.
const RING_MAX: u8 = 10;

/// The numbers by which runs are scored: the ruleset and what its rules cost.
#[derive(Clone, Copy, Debug)]
pub struct RuleBook<'a> {
    /// Rounding, values of hits and faults.
    pub ruleset: &'a Ruleset,
    /// The rules that penalties name, by rising number.
    pub rules: &'a [Rule],
}

impl<'a> RuleBook<'a> {
    /// Returns the numbers of an event.
    pub fn of(structure: &'a Structure) -> Self {
        Self {
            ruleset: &structure.ruleset,
            rules: &structure.rules,
        }
    }

    /// Returns what all penalties of a run cost, each by its rule's value or else by `default`; a
    /// bonus is below 0.
    fn cost(&self, penalties: &[Penalty], default: u32) -> i64 {
        penalties.iter().fold(0, |sum: i64, penalty| {
            sum.saturating_add(self.cost_or(*penalty, default))
        })
    }

    fn cost_or(&self, penalty: Penalty, default: u32) -> i64 {
        let rule = self
            .rules
            .binary_search_by_key(&penalty.rule, |rule| rule.no)
            .ok()
            .and_then(|place| self.rules.get(place));
        let value = rule.and_then(|rule| rule.value).map(i64::from);
        let value = value.unwrap_or(i64::from(default));
        value.saturating_mul(i64::from(penalty.count))
    }

    /// Returns what one penalty costs on a drill.
    pub fn cost_of(&self, drill: &Drill, penalty: Penalty) -> Cost {
        match Measure::of(drill) {
            Some(Measure::Time) => {
                Cost::Centis(self.cost_or(penalty, self.ruleset.times.procedural_centis))
            }
            Some(Measure::HitFactor | Measure::Points) | None => {
                Cost::Points(self.cost_or(penalty, self.ruleset.points.penalty))
            }
        }
    }
}

/// What a penalty costs; below 0 is a bonus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Points.
    Points(i64),
    /// Hundredths of a second.
    Centis(i64),
}

/// Points, penalties and time of one run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Points of all hits, before penalties.
    pub points: u32,
    /// Penalty points, as a positive number.
    pub penalties: u32,
    /// Sum of the strings that count, in hundredths of a second; 0 for Fixed Time.
    pub time_centis: u32,
    /// What faults add to the time, in hundredths of a second; below 0 after a bonus.
    pub added_centis: i64,
    /// X's.
    pub xs: u32,
    /// Strings that count, fastest first, where they break ties; else empty.
    pub strings: Vec<u32>,
    /// Ring of each shot in order, where they break ties; else empty.
    pub rings: Vec<u8>,
}

impl Tally {
    /// What a shooter has who did not fire the drill.
    pub const ZERO: Self = Self {
        points: 0,
        penalties: 0,
        time_centis: 0,
        added_centis: 0,
        xs: 0,
        strings: Vec::new(),
        rings: Vec::new(),
    };

    /// Adds up a score for a shooter with this power factor; Subminor is zero wherever the power
    /// factor counts.
    ///
    /// Source: rule book 9.2, 9.4; PROTOCOL R-SCORE-2, R-SCORE-9 to R-SCORE-14.
    pub fn of(book: RuleBook<'_>, drill: &Drill, score: &Score, power_factor: PowerFactor) -> Self {
        match drill.method {
            Method::Comstock | Method::VirginiaCount | Method::FixedTime => {
                practical(book, drill.method, score, power_factor)
            }
            Method::ParTime => match drill.terms.overtime {
                Overtime::NotCounted => {
                    let timely = Score {
                        late_shots: 0,
                        ..score.clone()
                    };
                    practical(book, Method::FixedTime, &timely, power_factor)
                }
                Overtime::Costs => practical(book, Method::FixedTime, score, power_factor),
                Overtime::PassFail => Self {
                    points: u32::from(times::passes(book, drill, score)),
                    time_centis: total_centis(score),
                    ..Self::ZERO
                },
                Overtime::Capped => times::time_plus(book, drill, score),
            },
            Method::TimePlus | Method::Run => times::time_plus(book, drill, score),
            Method::BestStrings => times::best_strings(book, drill, score),
            Method::Precision => precision(book, score),
            Method::HitValues => hit_values(book, drill, score),
            Method::Chrono | Method::Court => Self::ZERO,
        }
    }

    /// Returns points less penalties, never below 0.
    pub fn net(&self) -> u32 {
        self.points.saturating_sub(self.penalties)
    }

    /// Returns the time that counts, with what faults add, in hundredths of a second.
    pub fn total_centis(&self) -> u64 {
        let total = i64::from(self.time_centis).saturating_add(self.added_centis);
        u64::try_from(total).unwrap_or(0)
    }
}

/// Adds up hits in zones and steel that fell.
fn practical(
    book: RuleBook<'_>,
    method: Method,
    score: &Score,
    power_factor: PowerFactor,
) -> Tally {
    let values = book.ruleset.points;
    let (c_points, d_points) = match power_factor {
        PowerFactor::Subminor => return Tally::ZERO,
        PowerFactor::Minor => (values.c_minor, values.d_minor),
        PowerFactor::Major => (values.c_major, values.d_major),
    };
    let mut points = u32::from(score.steel.hit).saturating_mul(values.full);
    let mut misses = u32::from(score.steel.miss);
    let mut no_shoots = u32::from(score.steel.no_shoot);
    for hits in &score.hits {
        let target = hits.target();
        let c_hits = u32::from(target.b).saturating_add(u32::from(target.c));
        points = points
            .saturating_add(u32::from(target.a).saturating_mul(values.full))
            .saturating_add(c_hits.saturating_mul(c_points))
            .saturating_add(u32::from(target.d).saturating_mul(d_points));
        misses = misses.saturating_add(u32::from(target.miss));
        no_shoots = no_shoots.saturating_add(u32::from(target.no_shoot));
    }
    let (faults, late, time_centis) = match method {
        Method::VirginiaCount => {
            let extra = score.extra_shots.saturating_add(score.extra_hits);
            (misses.saturating_add(extra), 0, total_centis(score))
        }
        Method::FixedTime => (0, score.late_shots, 0),
        Method::Comstock
        | Method::Chrono
        | Method::TimePlus
        | Method::BestStrings
        | Method::Precision
        | Method::HitValues
        | Method::ParTime
        | Method::Run
        | Method::Court => (misses, 0, total_centis(score)),
    };
    let procedurals = book.cost(&score.penalties, values.penalty);
    let penalties = faults
        .saturating_add(no_shoots)
        .saturating_mul(values.penalty)
        .saturating_add(late.saturating_mul(values.late_shot));
    let penalties = i64::from(penalties).saturating_add(procedurals);
    Tally {
        points,
        penalties: u32::try_from(penalties.max(0)).unwrap_or(u32::MAX),
        time_centis,
        ..Tally::ZERO
    }
}

/// Adds up rings; an X counts as the highest ring.
///
/// Source: PROTOCOL R-SCORE-12.
fn precision(book: RuleBook<'_>, score: &Score) -> Tally {
    let rings = &score.marks.rings;
    let points = rings.iter().fold(0u32, |sum, &ring| {
        sum.saturating_add(u32::from(ring.min(RING_MAX)))
    });
    let xs = rings.iter().filter(|&&ring| X_RING <= ring).count();
    let penalties = book.cost(&score.penalties, book.ruleset.points.penalty);
    Tally {
        points,
        penalties: u32::try_from(penalties.max(0)).unwrap_or(u32::MAX),
        time_centis: total_centis(score),
        xs: u32::try_from(xs).unwrap_or(u32::MAX),
        rings: rings.clone(),
        ..Tally::ZERO
    }
}

/// Adds up what each hit target is worth. The time only breaks ties.
///
/// Source: PROTOCOL R-SCORE-13.
fn hit_values(book: RuleBook<'_>, drill: &Drill, score: &Score) -> Tally {
    let values = drill.terms.values.iter().copied();
    let values = values.chain(core::iter::repeat(1));
    let points = score
        .hits
        .iter()
        .zip(values)
        .fold(0u32, |sum, (hits, value)| {
            sum.saturating_add(u32::from(hits.target().a).saturating_mul(value))
        });
    let penalties = book.cost(&score.penalties, book.ruleset.points.penalty);
    Tally {
        points,
        penalties: u32::try_from(penalties.max(0)).unwrap_or(u32::MAX),
        time_centis: total_centis(score),
        ..Tally::ZERO
    }
}

fn total_centis(score: &Score) -> u32 {
    score
        .time_centis
        .iter()
        .fold(0, |sum, &time| u32::saturating_add(sum, time))
}

/// What a method makes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Points a second, highest first.
    HitFactor,
    /// Points, highest first.
    Points,
    /// Time, lowest first.
    Time,
}

impl Measure {
    /// Returns what is measured on a drill; `None` where runs are not ranked.
    pub fn of(drill: &Drill) -> Option<Self> {
        match drill.method {
            Method::Comstock | Method::VirginiaCount => Some(Self::HitFactor),
            Method::FixedTime | Method::Precision | Method::HitValues => Some(Self::Points),
            Method::TimePlus | Method::BestStrings | Method::Run => Some(Self::Time),
            Method::ParTime => Some(match drill.terms.overtime {
                Overtime::Capped => Self::Time,
                Overtime::NotCounted | Overtime::Costs | Overtime::PassFail => Self::Points,
            }),
            Method::Chrono | Method::Court => None,
        }
    }
}

/// How good a run is, as a ratio that is higher for the better one: points a second, points, or
/// runs of this time in a second.
#[derive(Clone, Copy, Debug)]
pub struct Worth {
    num: u64,
    den: u64,
}

impl Worth {
    /// Nothing.
    pub const ZERO: Self = Self { num: 0, den: 1 };

    /// Returns the worth of a run. IPSC keeps the exact hit factor; USPSA rounds it half up to
    /// [`Ruleset::hf_decimals`] before anything is made of it.
    ///
    /// Source: PROTOCOL R-SCORE-3.
    pub fn of(drill: &Drill, tally: &Tally, ruleset: &Ruleset) -> Self {
        let net = u64::from(tally.net());
        match Measure::of(drill) {
            None => Self::ZERO,
            Some(Measure::Points) => Self { num: net, den: 1 },
            Some(Measure::Time) => Self {
                num: 100,
                // A bonus can eat up the whole time; a hundredth is left of it.
                den: tally.total_centis().max(1),
            },
            Some(Measure::HitFactor) if tally.time_centis == 0 => Self::ZERO,
            Some(Measure::HitFactor) => {
                let (num, den) = (net.saturating_mul(100), u64::from(tally.time_centis));
                match ruleset.hf_decimals {
                    None => Self { num, den },
                    Some(decimals) => {
                        let scale = 10u64.saturating_pow(decimals.min(9));
                        let scaled = u128::from(num).saturating_mul(u128::from(scale));
                        Self {
                            num: half_up(scaled, u128::from(den)),
                            den: scale,
                        }
                    }
                }
            }
        }
    }

    /// Returns it as people print a hit factor.
    pub fn fixed4(self) -> Fixed4 {
        Fixed4::ratio(u128::from(self.num), u128::from(self.den))
    }

    /// Returns the stage points, rounded half up to four decimals: where points are counted the net
    /// points as they are; else the share of the best times the stage's maximum.
    ///
    /// Source: PROTOCOL R-SCORE-4, R-SCORE-11.
    pub fn stage_points(self, drill: &Drill, ruleset: &Ruleset, best: Self) -> Fixed4 {
        let max = match Measure::of(drill) {
            None => return Fixed4::ZERO,
            Some(Measure::Points) => return self.fixed4(),
            Some(Measure::HitFactor) => points_max(drill, ruleset),
            Some(Measure::Time) if drill.terms.stage_points == 0 => STAGE_POINTS,
            Some(Measure::Time) => drill.terms.stage_points,
        };
        let (num, den) = self.share(best);
        Fixed4::ratio(num.saturating_mul(u128::from(max)), den)
    }

    /// Returns the percent of the best.
    pub fn percent(self, best: Self) -> Fixed2 {
        let (num, den) = self.share(best);
        Fixed2::ratio_half_even(num.saturating_mul(100), den)
    }

    fn share(self, best: Self) -> (u128, u128) {
        (
            u128::from(self.num).saturating_mul(u128::from(best.den)),
            u128::from(self.den).saturating_mul(u128::from(best.num)),
        )
    }
}

impl PartialEq for Worth {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Worth {}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = self.share(*other);
        left.cmp(&right)
    }
}

/// Returns `part` of `whole` in percent, rounded half up to this many decimals; 0 of 0 is 0.
pub fn percent_of(part: u64, whole: u64, decimals: u32) -> Decimal {
    let scaled = u128::from(part)
        .saturating_mul(100)
        .saturating_mul(10u128.saturating_pow(decimals));
    Decimal {
        value: half_up(scaled, u128::from(whole)),
        decimals,
    }
}

/// Returns the most points a drill can give: a full hit for every required one and every steel
/// target; the rings of all shots; the values of all targets.
pub fn points_max(drill: &Drill, ruleset: &Ruleset) -> u32 {
    let required = drill
        .required_hits
        .iter()
        .fold(0u32, |sum, &hits| sum.saturating_add(u32::from(hits)));
    match drill.method {
        Method::Precision => drill.terms.shots.saturating_mul(u32::from(RING_MAX)),
        Method::HitValues => {
            let values = drill.terms.values.iter().copied();
            let values = values.chain(core::iter::repeat(1));
            drill
                .required_hits
                .iter()
                .zip(values)
                .fold(0u32, |sum, (&hits, value)| {
                    sum.saturating_add(u32::from(hits).saturating_mul(value))
                })
        }
        Method::Comstock
        | Method::VirginiaCount
        | Method::FixedTime
        | Method::ParTime
        | Method::TimePlus
        | Method::BestStrings
        | Method::Run
        | Method::Chrono
        | Method::Court => required
            .saturating_add(u32::from(drill.steel))
            .saturating_mul(ruleset.points.full),
    }
}

/// Returns whether a shot at `shot_centis` is after a par time, all in hundredths of a second:
/// above par and the grace on static targets.
///
/// Source: rule book 9.4.6.2.
pub fn is_overtime(par_centis: u32, grace_centis: u32, shot_centis: u32) -> bool {
    par_centis.saturating_add(grace_centis) < shot_centis
}

/// Returns the measured power factor: heaviest bullet (grains) times the mean of the three fastest
/// speeds (ft/s) / 1000, rounded down. `None` below three speeds or without a weight: the reading
/// is not finished.
///
/// Source: PROTOCOL R-SCORE-5.
pub fn measured_power(chrono: &Chrono) -> Option<u32> {
    let weight_decigrains = chrono.weights_decigrains.iter().copied().max()?;
    let mut speeds: Vec<u32> = chrono.speeds_fps.clone();
    speeds.sort_unstable_by(|left, right| right.cmp(left));
    let [first, second, third, ..] = speeds.as_slice() else {
        return None;
    };
    let sum = u64::from(*first)
        .saturating_add(u64::from(*second))
        .saturating_add((*third).into());
    let power = u64::from(weight_decigrains)
        .saturating_mul(sum)
        .wrapping_div(POWER_DIVISOR);
    Some(u32::try_from(power).unwrap_or(u32::MAX))
}

/// Returns whether a division is scored Minor only: it has a floor for Minor and none for Major.
///
/// Source: rule book 5.6.3; PROTOCOL R-SCORE-5.
pub fn is_minor_only(division: &Division) -> bool {
    division.minor_floor.is_some() && division.major_floor.is_none()
}

/// Returns the power factor that counts: the declared one, lowered to what the division knows, and if
/// the measured one does not reach the division's floor. A measurement never raises it; without one
/// the declared holds.
///
/// Source: rule book 5.6.3; PROTOCOL R-SCORE-5.
pub fn effective_power(
    division: &Division,
    declared: PowerFactor,
    measured: Option<u32>,
) -> PowerFactor {
    let declared = if is_minor_only(division) {
        declared.min(PowerFactor::Minor)
    } else {
        declared
    };
    let Some(measured) = measured else {
        return declared;
    };
    let reached = match (division.major_floor, division.minor_floor) {
        (None, None) => return declared,
        (Some(floor), _) if floor <= measured => PowerFactor::Major,
        (_, Some(floor)) if measured < floor => PowerFactor::Subminor,
        (_, None | Some(_)) => PowerFactor::Minor,
    };
    declared.min(reached)
}

#[cfg(test)]
mod tests;
