//! What one run is worth: points, penalties, hit factor, stage points, measured power factor.
//!
//! Exact integers throughout: a hit factor is a ratio, divided once, when it is printed or turned
//! into stage points. Nothing here knows who else shot.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::decimal::{Fixed2, Fixed4, half_up};
use crate::model::{Chrono, Division, Drill, Method, PowerFactor, Ruleset, Score};

/// Points of a hit in the A zone and of a steel target that fell.
const FULL_POINTS: u32 = 5;
/// Cost of a miss, a no-shoot hit, a procedural, and of an extra shot or hit (Virginia Count).
const PENALTY_POINTS: u32 = 10;
/// Cost of a shot after the time limit (Fixed Time).
const LATE_SHOT_POINTS: u32 = 5;
/// Above par on static targets a shot still counts up to here, in hundredths of a second.
const OVERTIME_GRACE_CENTIS: u32 = 30;
/// Three speeds are summed, weights are in tenths of a grain, a power factor in thousands.
const POWER_DIVISOR: u64 = 3 * 10 * 1_000;

/// Points, penalties and time of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Points of all hits, before penalties.
    pub points: u32,
    /// Penalty points, as a positive number.
    pub penalties: u32,
    /// Sum of the strings in hundredths of a second; 0 for Fixed Time.
    pub time_centis: u32,
}

impl Tally {
    /// What a shooter has who did not fire the drill.
    pub const ZERO: Self = Self {
        points: 0,
        penalties: 0,
        time_centis: 0,
    };

    /// Adds up a score for a shooter with this power factor; Subminor is zero everywhere.
    ///
    /// Source: rule book 9.2, 9.4; PROTOCOL R-SCORE-2.
    pub fn of(drill: &Drill, score: &Score, power_factor: PowerFactor) -> Self {
        let (c_points, d_points) = match power_factor {
            PowerFactor::Subminor => return Self::ZERO,
            PowerFactor::Minor => (3, 1),
            PowerFactor::Major => (4, 2),
        };
        let mut points = u32::from(score.steel.hit).saturating_mul(FULL_POINTS);
        let mut misses = u32::from(score.steel.miss);
        let mut no_shoots = u32::from(score.steel.no_shoot);
        for hits in &score.hits {
            let target = hits.target();
            let c_hits = u32::from(target.b).saturating_add(u32::from(target.c));
            points = points
                .saturating_add(u32::from(target.a).saturating_mul(FULL_POINTS))
                .saturating_add(c_hits.saturating_mul(c_points))
                .saturating_add(u32::from(target.d).saturating_mul(d_points));
            misses = misses.saturating_add(u32::from(target.miss));
            no_shoots = no_shoots.saturating_add(u32::from(target.no_shoot));
        }
        let procedurals = score.penalties.iter().fold(0u32, |sum, penalty| {
            sum.saturating_add(u32::from(penalty.count))
        });
        let fixed = no_shoots.saturating_add(procedurals);
        let (charged, late, time_centis) = match drill.method {
            Method::Comstock => (fixed.saturating_add(misses), 0, total_centis(score)),
            Method::VirginiaCount => {
                let extra = score.extra_shots.saturating_add(score.extra_hits);
                (
                    fixed.saturating_add(misses).saturating_add(extra),
                    0,
                    total_centis(score),
                )
            }
            Method::FixedTime => (fixed, score.late_shots, 0),
            Method::Chrono => return Self::ZERO,
        };
        let penalties = charged
            .saturating_mul(PENALTY_POINTS)
            .saturating_add(late.saturating_mul(LATE_SHOT_POINTS));
        Self {
            points,
            penalties,
            time_centis,
        }
    }

    /// Returns points less penalties, never below 0.
    pub fn net(self) -> u32 {
        self.points.saturating_sub(self.penalties)
    }
}

fn total_centis(score: &Score) -> u32 {
    score
        .time_centis
        .iter()
        .fold(0, |sum, &time| u32::saturating_add(sum, time))
}

/// Points a second as a ratio; net points themselves for Fixed Time.
#[derive(Clone, Copy, Debug)]
pub struct HitFactor {
    num: u64,
    den: u64,
}

impl HitFactor {
    /// No points.
    pub const ZERO: Self = Self { num: 0, den: 1 };

    /// Divides net points by time. IPSC keeps the exact ratio; USPSA rounds it half up to
    /// [`Ruleset::hf_decimals`] before anything is made of it.
    ///
    /// Source: PROTOCOL R-SCORE-3.
    pub fn of(method: Method, tally: Tally, ruleset: Ruleset) -> Self {
        let net = u64::from(tally.net());
        match method {
            Method::Chrono => return Self::ZERO,
            Method::FixedTime => return Self { num: net, den: 1 },
            Method::Comstock | Method::VirginiaCount => {}
        }
        if tally.time_centis == 0 {
            return Self::ZERO;
        }
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

    /// Returns it as people print it.
    pub fn fixed4(self) -> Fixed4 {
        Fixed4::ratio(u128::from(self.num), u128::from(self.den))
    }

    /// Returns the stage points, rounded half up to four decimals: the share of the best hit
    /// factor times the stage's maximum, or for Fixed Time the net points as they are.
    ///
    /// Source: PROTOCOL R-SCORE-4.
    pub fn stage_points(self, drill: &Drill, best: Self) -> Fixed4 {
        match drill.method {
            Method::FixedTime => self.fixed4(),
            Method::Chrono => Fixed4::ZERO,
            Method::Comstock | Method::VirginiaCount => {
                let (num, den) = self.share(best);
                Fixed4::ratio(num.saturating_mul(u128::from(points_max(drill))), den)
            }
        }
    }

    /// Returns the percent of the best hit factor.
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

impl PartialEq for HitFactor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for HitFactor {}

impl PartialOrd for HitFactor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HitFactor {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = self.share(*other);
        left.cmp(&right)
    }
}

/// Returns the most points a drill can give: 5 for every required hit and steel target.
pub fn points_max(drill: &Drill) -> u32 {
    drill
        .required_hits
        .iter()
        .fold(u32::from(drill.steel), |sum, &hits| {
            sum.saturating_add(u32::from(hits))
        })
        .saturating_mul(FULL_POINTS)
}

/// Returns whether a shot at `shot_centis` is after a par time, both in hundredths of a second:
/// above par plus 0.30 s on static targets.
///
/// Source: rule book 9.4.6.2.
pub fn is_overtime(par_centis: u32, shot_centis: u32) -> bool {
    par_centis.saturating_add(OVERTIME_GRACE_CENTIS) < shot_centis
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

/// Returns the power factor that counts: the declared one, lowered if the measured one does not
/// reach the division's floor. A measurement never raises it; without one the declared holds.
///
/// Source: rule book 5.6.3; PROTOCOL R-SCORE-5.
pub fn effective_power(
    division: &Division,
    declared: PowerFactor,
    measured: Option<u32>,
) -> PowerFactor {
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
mod tests {
    use alloc::{string::ToString as _, vec, vec::Vec};

    use super::*;
    use crate::model::{Discipline, DrillNo, Hits, NoShoots, ShooterNo, Steel, Target};

    const IPSC: Ruleset = Ruleset {
        discipline: Discipline::Ipsc,
        hf_decimals: None,
    };
    const USPSA: Ruleset = Ruleset {
        discipline: Discipline::Uspsa,
        hf_decimals: Some(4),
    };

    fn drill(method: Method, targets: usize, steel: u8) -> Drill {
        Drill {
            no: DrillNo(1),
            name: "One".into(),
            method,
            strings: 1,
            required_hits: vec![2; targets],
            steel,
            no_shoots: NoShoots::NotSaid,
        }
    }

    /// A score of these counts; where they lie does not matter to points.
    fn score(zones: [u8; 6], steel: u8, time_centis: u32) -> Score {
        let [a, c, d, no_shoot, miss, no_penalty_miss] = zones;
        let mut left = Target {
            a,
            b: 0,
            c,
            d,
            no_shoot,
            miss,
            no_penalty_miss,
        };
        let mut hits = Vec::new();
        while left != Target::default() {
            let take = |count: &mut u8| {
                let taken = (*count).min(15);
                *count = count.saturating_sub(taken);
                taken
            };
            let part = Target {
                a: take(&mut left.a),
                b: 0,
                c: take(&mut left.c),
                d: take(&mut left.d),
                no_shoot: take(&mut left.no_shoot),
                miss: take(&mut left.miss),
                no_penalty_miss: take(&mut left.no_penalty_miss),
            };
            hits.push(Hits::pack(part).expect("every count is at most 15"));
        }
        Score {
            drill: DrillNo(1),
            shooter: ShooterNo(1),
            attempt: 0,
            time_centis: vec![time_centis],
            hits,
            steel: Steel {
                hit: steel,
                ..Steel::default()
            },
            penalties: vec![],
            approvals: crate::model::Approvals::default(),
            late_shots: 0,
            extra_shots: 0,
            extra_hits: 0,
        }
    }

    /// Points, penalties, hit factor, stage points and percent, as printed.
    fn check(
        (drill, ruleset): (&Drill, Ruleset),
        power_factor: PowerFactor,
        score: &Score,
        best: HitFactor,
        expected: &str,
    ) {
        let tally = Tally::of(drill, score, power_factor);
        let factor = HitFactor::of(drill.method, tally, ruleset);
        let text = alloc::format!(
            "{} {} {} {} {}",
            tally.points,
            tally.penalties,
            factor.fixed4(),
            factor.stage_points(drill, best),
            factor.percent(best),
        );
        assert_eq!(text, expected, "{score:?}");
    }

    /// V1 to V5.
    #[test]
    fn comstock_runs_of_the_real_match_score_as_printed() {
        use PowerFactor::{Major, Minor};
        let two = drill(Method::Comstock, 13, 6);
        let best = HitFactor {
            num: 146 * 100,
            den: 3_102,
        };
        let on = (&two, IPSC);
        let first = score([22, 4, 0, 1, 0, 0], 6, 3_102);
        check(on, Major, &first, best, "156 10 4.7066 160.0000 100.00");
        let second = score([22, 3, 1, 0, 0, 0], 6, 3_242);
        check(on, Minor, &second, best, "150 0 4.6268 157.2850 98.30");
        let third = score([21, 2, 1, 1, 2, 0], 6, 3_480);
        check(on, Major, &third, best, "145 30 3.3046 112.3382 70.21");
        let fourth = score([20, 4, 2, 0, 0, 0], 6, 10_653);
        check(on, Minor, &fourth, best, "144 0 1.3517 45.9515 28.72");
        let one = drill(Method::Comstock, 12, 0);
        let fifth = score([8, 7, 1, 0, 8, 0], 0, 2_687);
        check(
            (&one, IPSC),
            Minor,
            &fifth,
            best,
            "62 80 0.0000 0.0000 0.00",
        );
    }

    /// V6: the rule of rounding first decides the last digits.
    #[test]
    fn uspsa_rounds_both_hit_factors_first() {
        let stage = drill(Method::Comstock, 10, 0);
        let run = score([17, 3, 0, 0, 0, 0], 0, 924);
        for (ruleset, expected) in [
            (USPSA, "94 0 10.1732 93.9328 93.93"),
            (IPSC, "94 0 10.1732 93.9322 93.93"),
        ] {
            let winner = Tally {
                points: 90,
                penalties: 0,
                time_centis: 831,
            };
            let best = HitFactor::of(Method::Comstock, winner, ruleset);
            assert_eq!(best.fixed4().to_string(), "10.8303", "{ruleset:?}");
            check((&stage, ruleset), PowerFactor::Minor, &run, best, expected);
        }
    }

    /// V7 and V8.
    #[test]
    fn fixed_time_counts_net_points() {
        let stage = drill(Method::FixedTime, 10, 0);
        let best = HitFactor { num: 67, den: 1 };
        let mut run = score([9, 5, 1, 0, 0, 5], 0, 0);
        check(
            (&stage, USPSA),
            PowerFactor::Minor,
            &run,
            best,
            "61 0 61.0000 61.0000 91.04",
        );
        run = score([6, 8, 2, 0, 0, 4], 0, 0);
        run.late_shots = 1;
        check(
            (&stage, USPSA),
            PowerFactor::Minor,
            &run,
            best,
            "56 5 51.0000 51.0000 76.12",
        );
    }

    /// V9.
    #[test]
    fn virginia_count_charges_extra_shots_and_hits() {
        let stage = drill(Method::VirginiaCount, 6, 0);
        let mut run = score([12, 0, 0, 0, 0, 0], 0, 1_000);
        run.extra_shots = 2;
        run.extra_hits = 2;
        let best = HitFactor { num: 2, den: 1 };
        check(
            (&stage, USPSA),
            PowerFactor::Minor,
            &run,
            best,
            "60 40 2.0000 60.0000 100.00",
        );
    }

    /// V10.
    #[test]
    fn a_shot_is_late_above_par_and_grace() {
        for (shot, late) in [(622, false), (630, false), (631, true)] {
            assert_eq!(is_overtime(600, shot), late, "{shot}");
        }
        assert!(!is_overtime(500, 530), "5.30 is in");
        assert!(is_overtime(500, 531), "5.31 is late");
    }

    fn reading(weights: &[u32], speeds: &[u32]) -> Chrono {
        Chrono {
            drill: DrillNo(15),
            shooter: ShooterNo(1),
            weights_decigrains: weights.to_vec(),
            speeds_fps: speeds.to_vec(),
            gear: None,
        }
    }

    /// V17.
    #[test]
    fn power_is_the_heaviest_bullet_and_the_three_fastest() {
        let speeds = [855, 853, 855, 841, 853, 839, 853];
        assert_eq!(
            measured_power(&reading(&[1_451], &speeds)),
            Some(123),
            "V17"
        );
        assert_eq!(
            measured_power(&reading(&[1_448, 1_451], &speeds)),
            Some(123),
            "heaviest"
        );
        assert_eq!(
            measured_power(&reading(&[1_800], &[963, 963])),
            None,
            "two speeds"
        );
        assert_eq!(measured_power(&reading(&[], &speeds)), None, "no weight");
        assert_eq!(measured_power(&reading(&[1_451], &[])), None, "no speed");
    }

    #[test]
    fn the_floor_lowers_the_declared_power_factor_and_never_raises_it() {
        use PowerFactor::{Major, Minor, Subminor};
        let division = |minor_floor, major_floor| Division {
            name: "Standard".into(),
            minor_floor,
            major_floor,
        };
        let standard = division(Some(125), Some(170));
        let production = division(Some(125), None);
        for (division, declared, measured, expected) in [
            (&standard, Major, Some(170), Major),
            (&standard, Major, Some(169), Minor),
            (&standard, Major, Some(124), Subminor),
            (&standard, Minor, Some(180), Minor),
            (&standard, Major, None, Major),
            (&production, Minor, Some(125), Minor),
            (&production, Minor, Some(123), Subminor),
            (&production, Major, Some(180), Minor),
            (&division(None, None), Minor, Some(90), Minor),
        ] {
            let effective = effective_power(division, declared, measured);
            assert_eq!(effective, expected, "{declared:?} {measured:?}");
        }
    }

    #[test]
    fn subminor_and_dnf_are_zero() {
        let two = drill(Method::Comstock, 13, 6);
        let run = score([26, 0, 0, 0, 0, 0], 6, 3_000);
        assert_eq!(
            Tally::of(&two, &run, PowerFactor::Subminor),
            Tally::ZERO,
            "all zero"
        );
        assert_eq!(
            HitFactor::of(Method::Comstock, Tally::ZERO, IPSC),
            HitFactor::ZERO,
            "no time"
        );
    }
}
