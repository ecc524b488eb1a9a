//! Runs worked by hand: the vectors of the field.

use alloc::{string::ToString as _, vec, vec::Vec};

use super::*;
use crate::model::{Discipline, DrillNo, Hits, NoShoots, ShooterNo, Steel, Target, Terms};

fn ipsc() -> Ruleset {
    Ruleset::of(Discipline::Ipsc)
}

fn uspsa() -> Ruleset {
    Ruleset::of(Discipline::Uspsa)
}

fn drill(method: Method, targets: usize, steel: u8) -> Drill {
    Drill {
        no: DrillNo(1),
        name: "One".into(),
        method,
        strings: 1,
        required_hits: vec![2; targets],
        steel,
        no_shoots: NoShoots::NotSaid,
        terms: Terms::default(),
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
        time_centis: vec![time_centis],
        hits,
        steel: Steel {
            hit: steel,
            ..Steel::default()
        },
        ..Score::blank(DrillNo(1), ShooterNo(1))
    }
}

/// Points, penalties, hit factor, stage points and percent, as printed.
fn check(
    (drill, ruleset): (&Drill, &Ruleset),
    power_factor: PowerFactor,
    score: &Score,
    best: Worth,
    expected: &str,
) {
    let book = RuleBook {
        ruleset,
        rules: &[],
    };
    let tally = Tally::of(book, drill, score, power_factor);
    let factor = Worth::of(drill, &tally, ruleset);
    let text = alloc::format!(
        "{} {} {} {} {}",
        tally.points,
        tally.penalties,
        factor.fixed4(),
        factor.stage_points(drill, ruleset, best),
        factor.percent(best),
    );
    assert_eq!(text, expected, "{score:?}");
}

/// V1 to V5.
#[test]
fn comstock_runs_of_the_real_match_score_as_printed() {
    use PowerFactor::{Major, Minor};
    let two = drill(Method::Comstock, 13, 6);
    let best = Worth {
        num: 146 * 100,
        den: 3_102,
    };
    let on = (&two, &ipsc());
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
        (&one, &ipsc()),
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
        (&uspsa(), "94 0 10.1732 93.9328 93.93"),
        (&ipsc(), "94 0 10.1732 93.9322 93.93"),
    ] {
        let winner = Tally {
            points: 90,
            penalties: 0,
            time_centis: 831,
            ..Tally::ZERO
        };
        let best = Worth::of(&stage, &winner, ruleset);
        assert_eq!(best.fixed4().to_string(), "10.8303", "{ruleset:?}");
        check((&stage, ruleset), PowerFactor::Minor, &run, best, expected);
    }
}

/// V7 and V8.
#[test]
fn fixed_time_counts_net_points() {
    let stage = drill(Method::FixedTime, 10, 0);
    let best = Worth { num: 67, den: 1 };
    let mut run = score([9, 5, 1, 0, 0, 5], 0, 0);
    check(
        (&stage, &uspsa()),
        PowerFactor::Minor,
        &run,
        best,
        "61 0 61.0000 61.0000 91.04",
    );
    run = score([6, 8, 2, 0, 0, 4], 0, 0);
    run.late_shots = 1;
    check(
        (&stage, &uspsa()),
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
    let best = Worth { num: 2, den: 1 };
    check(
        (&stage, &uspsa()),
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
        assert_eq!(is_overtime(600, 30, shot), late, "{shot}");
    }
    assert!(!is_overtime(500, 30, 530), "5.30 is in");
    assert!(is_overtime(500, 30, 531), "5.31 is late");
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
        (&production, Major, None, Minor),
        (&division(None, None), Major, None, Major),
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
        Tally::of(
            RuleBook {
                ruleset: &ipsc(),
                rules: &[]
            },
            &two,
            &run,
            PowerFactor::Subminor
        ),
        Tally::ZERO,
        "all zero"
    );
    assert_eq!(
        Worth::of(&two, &Tally::ZERO, &ipsc()),
        Worth::ZERO,
        "no time"
    );
}
