//! The vectors V1 to V18 of the research, each as a whole event: entries, what counts, tables.
//! V19 and V20, the whole matches, are in `real.rs`.

use crate::{
    cases::{agreed, event, match_result, match_row, order, printed, result, spread, stage, time},
    independent::facts::{
        Cost, Event, Faults, Floors, Num, Numbers, Power, Said, Shot, Sport, Stage, SteelCount,
        Way, Why,
    },
};

const MAJOR: Power = Power::Major;
const MINOR: Power = Power::Minor;

fn down(count: Num) -> SteelCount {
    SteelCount {
        down: count,
        ..SteelCount::default()
    }
}

/// Stage 2 of Wasa 2018: 26 paper hits, 6 steel, at most 160 points.
fn wasa_stage_2() -> Event {
    let mut event = event(Sport::Ipsc);
    let papers = [13, 13];
    event.stages.push(stage(Way::Comstock, &papers, 6));
    event.join(&[MAJOR, MINOR, MAJOR, MINOR]);
    // A, B, C, D, no-shoots, misses, free misses.
    let shots = [
        ([22, 0, 4, 0, 1, 0, 0], 3_102),
        ([22, 0, 3, 1, 0, 0, 0], 3_242),
        ([21, 0, 2, 1, 1, 2, 0], 3_480),
        ([20, 0, 4, 2, 0, 0, 0], 10_653),
    ];
    for ((counts, time), who) in shots.into_iter().zip(1..) {
        event.shoot(
            who,
            Shot {
                papers: spread(counts, &papers),
                steel: down(6),
                times: vec![time],
                ..Shot::default()
            },
        );
    }
    event
}

#[test]
fn v1_the_best_hit_factor_takes_the_whole_stage() {
    let standings = agreed(&wasa_stage_2());
    assert_eq!(printed(&standings, 1, 1), "156 10 4.7066 160.0000 100.00");
}

#[test]
fn v2_minor_counts_three_and_one() {
    let standings = agreed(&wasa_stage_2());
    assert_eq!(printed(&standings, 1, 2), "150 0 4.6268 157.2850 98.30");
}

#[test]
fn v3_misses_and_no_shoots_cost_ten_each() {
    let standings = agreed(&wasa_stage_2());
    assert_eq!(printed(&standings, 1, 3), "145 30 3.3046 112.3382 70.21");
}

#[test]
fn v4_a_slow_clean_run_gets_its_share() {
    let standings = agreed(&wasa_stage_2());
    assert_eq!(printed(&standings, 1, 4), "144 0 1.3517 45.9515 28.72");
}

#[test]
fn v5_net_points_are_never_below_zero() {
    let mut event = event(Sport::Ipsc);
    event.stages.push(stage(Way::Comstock, &[12, 12], 0));
    event.join(&[MINOR]);
    event.shoot(
        1,
        Shot {
            papers: spread([8, 0, 7, 1, 0, 8, 0], &[12, 12]),
            times: vec![2_687],
            ..Shot::default()
        },
    );
    let standings = agreed(&event);
    assert_eq!(printed(&standings, 1, 1), "62 80 0.0000 0.0000 0.00");
}

/// Stage 1 of the Area 6 match; who is best shot 90 points in 8.31 s.
fn area_6(sport: Sport) -> Event {
    let mut event = event(sport);
    event.stages.push(stage(Way::Comstock, &[10, 10], 0));
    event.join(&[MINOR, MINOR]);
    for (who, counts, time) in [
        (1, [17, 0, 3, 0, 0, 0, 0], 924),
        (2, [15, 0, 5, 0, 0, 0, 0], 831),
    ] {
        event.shoot(
            who,
            Shot {
                papers: spread(counts, &[10, 10]),
                times: vec![time],
                ..Shot::default()
            },
        );
    }
    event
}

#[test]
fn v6_uspsa_rounds_hit_factors_before_the_ratio_and_ipsc_does_not() {
    let uspsa = agreed(&area_6(Sport::Uspsa));
    assert_eq!(printed(&uspsa, 1, 2), "90 0 10.8303 100.0000 100.00");
    assert_eq!(printed(&uspsa, 1, 1), "94 0 10.1732 93.9328 93.93");
    let ipsc = agreed(&area_6(Sport::Ipsc));
    assert_eq!(result(&ipsc, 1, 1).stage_points.to_string(), "93.9322");
}

fn fixed(counts: [Num; 7], late: Num, required: &[Num]) -> Event {
    let mut event = event(Sport::Uspsa);
    event.stages.push(stage(Way::FixedTime, required, 0));
    event.join(&[MINOR]);
    event.shoot(
        1,
        Shot {
            papers: spread(counts, required),
            late,
            ..Shot::default()
        },
    );
    event
}

#[test]
fn v7_fixed_time_gives_net_points_and_free_misses() {
    let standings = agreed(&fixed([9, 0, 5, 1, 0, 0, 5], 0, &[10, 10]));
    assert_eq!(result(&standings, 1, 1).stage_points.to_string(), "61.0000");
}

#[test]
fn v8_a_late_shot_costs_five() {
    let standings = agreed(&fixed([6, 0, 8, 2, 0, 0, 0], 1, &[8, 8]));
    assert_eq!(printed(&standings, 1, 1), "56 5 51.0000 51.0000 100.00");
}

#[test]
fn v9_virginia_count_charges_extra_shots_and_extra_hits() {
    let mut event = event(Sport::Uspsa);
    event.stages.push(stage(Way::Virginia, &[2; 6], 0));
    event.join(&[MINOR]);
    event.shoot(
        1,
        Shot {
            papers: spread([12, 0, 0, 0, 0, 0, 0], &[2; 6]),
            times: vec![1_000],
            extra_shots: 2,
            extra_hits: 2,
            ..Shot::default()
        },
    );
    let standings = agreed(&event);
    assert_eq!(printed(&standings, 1, 1), "60 40 2.0000 60.0000 100.00");
}

/// Where a drill is passed or failed, the grace above the par decides.
#[test]
fn v10_up_to_the_grace_above_the_par_a_shot_is_in_time() {
    let mut event = event(Sport::Drills);
    event.stages.push(Stage {
        par: 600,
        ..stage(Way::ParPass, &[2], 0)
    });
    event.join(&[MINOR; 3]);
    for (who, time) in [(1, 622), (2, 630), (3, 631)] {
        event.shoot(
            who,
            Shot {
                papers: spread([2, 0, 0, 0, 0, 0, 0], &[2]),
                times: vec![time],
                ..Shot::default()
            },
        );
    }
    let standings = agreed(&event);
    let points = [1, 2, 3].map(|who| result(&standings, 1, who).tally.points);
    assert_eq!(points, [1, 1, 0], "6.22, 6.30 and 6.31");
}

/// A Steel Challenge stage: 5 strings up to 30 s, the slowest does not count.
fn plates(no: u32) -> Stage {
    Stage {
        strings: 5,
        string_limit: 3_000,
        drop_worst: 1,
        ..Stage::plain(no, Way::BestStrings)
    }
}

fn steel(strings: &[[Num; 5]]) -> Event {
    let mut event = event(Sport::SteelChallenge);
    event.stages.push(plates(1));
    for (who, times) in (1..).zip(strings) {
        event.join(&[MINOR]);
        event.shoot(
            who,
            Shot {
                times: times.to_vec(),
                ..Shot::default()
            },
        );
    }
    event
}

#[test]
fn v11_the_slowest_of_five_strings_does_not_count() {
    let standings = agreed(&steel(&[[429, 332, 338, 528, 386]]));
    assert_eq!(time(&standings, 1, 1), "14.85");
}

#[test]
fn v12_a_string_at_its_limit_is_the_one_that_goes() {
    let standings = agreed(&steel(&[[1_164, 3_000, 389, 453, 399]]));
    assert_eq!(time(&standings, 1, 1), "24.05");
}

/// Faults once met the strings after the first that had a time, and who did not hit the stop plate
/// without having a time could not be entered at all. 5.6.1: such a string is 30 s, on every stage.
#[test]
fn a_string_that_was_not_finished_is_thirty_seconds_where_no_stage_says_so() {
    let mut event = steel(&[[429, 0, 338, 528, 0]]);
    event.stages[0].string_limit = 0;
    let unfinished = Faults {
        unfinished: true,
        ..Faults::default()
    };
    let none = Faults::default();
    let Said::Shot(shot) = &mut event.facts[0].said else {
        panic!("a run")
    };
    shot.faults = vec![none, unfinished, none, none, unfinished];
    assert_eq!(time(&agreed(&event), 1, 1), "42.95");
}

#[test]
fn a_string_without_a_time_that_was_finished_does_not_fit() {
    let event = steel(&[[429, 0, 338, 528, 386]]);
    let (book, _) = crate::compare::tables(&event);
    assert!(book.slots().is_empty(), "E06");
}

/// A drill timed with misses once cost nothing, for its ruleset had no times.
#[test]
fn a_drill_that_is_timed_charges_for_what_was_missed() {
    let mut event = event(Sport::Drills);
    event.stages.push(stage(Way::TimePlus, &[2], 0));
    event.join(&[MINOR]);
    event.shoot(
        1,
        Shot {
            papers: spread([0, 0, 0, 1, 0, 1, 0], &[2]),
            times: vec![200],
            ..Shot::default()
        },
    );
    let standings = agreed(&event);
    assert_eq!(result(&standings, 1, 1).tally.added_centis, 800, "D and M");
}

#[test]
fn v13_two_shooters_of_steel_challenge() {
    let standings = agreed(&steel(&[
        [684, 551, 418, 342, 371],
        [509, 327, 263, 254, 259],
    ]));
    assert_eq!(time(&standings, 1, 1), "16.82");
    assert_eq!(time(&standings, 1, 2), "11.03");
    assert_eq!(order(&standings), "1:2 2:1");
}

#[test]
fn v14_idpa_with_half_seconds_down_and_steel_at_ten() {
    let mut event = event(Sport::Idpa);
    event.own_numbers = true;
    event.numbers = Numbers {
        down_centis: 50,
        down_miss: 10,
        down_steel: 10,
        ..event.numbers
    };
    event.rules.push(Cost { no: 1, value: None });
    event.stages.push(Stage {
        strings: 2,
        ..stage(Way::TimePlus, &[5], 1)
    });
    event.join(&[MINOR]);
    event.shoot(
        1,
        Shot {
            // Three points down, and a miss.
            papers: spread([1, 1, 2, 0, 0, 1, 0], &[5]),
            steel: SteelCount {
                standing: 1,
                ..SteelCount::default()
            },
            times: vec![1_225, 575],
            penalties: vec![(1, 1)],
            ..Shot::default()
        },
    );
    let standings = agreed(&event);
    assert_eq!(result(&standings, 1, 1).tally.added_centis, 1_450);
    assert_eq!(time(&standings, 1, 1), "32.50");
}

#[test]
fn v15_idpa_adds_a_second_for_each_point_down_and_three_for_a_procedural() {
    let mut event = event(Sport::Idpa);
    event.rules.push(Cost { no: 1, value: None });
    event.stages.push(stage(Way::TimePlus, &[6], 0));
    event.join(&[MINOR]);
    event.shoot(
        1,
        Shot {
            papers: spread([5, 0, 0, 1, 0, 0, 0], &[6]),
            times: vec![2_015],
            penalties: vec![(1, 1)],
            ..Shot::default()
        },
    );
    assert_eq!(time(&agreed(&event), 1, 1), "26.15");
}

/// A PRS match of one stage where the winner hit `best`, the second `own`.
fn prs(own: Num, best: Num, decimals: u32) -> String {
    let mut event = event(Sport::Prs);
    if decimals != event.numbers.percent_decimals {
        event.own_numbers = true;
        event.numbers.percent_decimals = decimals;
    }
    let targets = vec![15; 8];
    event.stages.push(stage(Way::HitValues, &targets, 0));
    event.join(&[MINOR; 2]);
    for (who, hits) in [(1, own), (2, best)] {
        event.shoot(
            who,
            Shot {
                papers: spread([hits, 0, 0, 0, 0, 120 - hits, 0], &targets),
                ..Shot::default()
            },
        );
    }
    let standings = agreed(&event);
    assert_eq!(match_row(&standings, 2).place, 1, "who hit more wins");
    match_result(&standings, 1).percent.to_string()
}

#[test]
fn v16_prs_percents_have_two_decimals_or_three() {
    assert_eq!(prs(76, 87, 2), "87.36");
    assert_eq!(prs(89, 105, 3), "84.762");
}

#[test]
fn v17_the_chronograph_makes_a_shooter_subminor() {
    let mut event = wasa_stage_2();
    event.divisions[0] = Floors {
        minor: Some(125),
        major: Some(160),
    };
    event.stages.push(Stage::plain(2, Way::Chrono));
    event.say(Said::Reading {
        stage: 2,
        who: 2,
        weights: vec![1_451],
        speeds: vec![855, 853, 855, 841, 853, 839, 853],
    });
    let standings = agreed(&event);
    assert_eq!(printed(&standings, 1, 2), "0 0 0.0000 0.0000 0.00");
    assert_eq!(match_result(&standings, 2).points.to_string(), "0.0000");
    assert_eq!(order(&standings), "1:1 2:3 3:4 4:2");
    let (book, _) = crate::compare::tables(&event);
    let powers: Vec<u32> = book.readings().values().map(|it| it.power).collect();
    assert_eq!(powers, [123], "123.96 rounded down");
}

#[test]
fn v18_a_ski_race_adds_two_runs() {
    let mut event = event(Sport::Ski);
    event.stages.push(Stage::plain(1, Way::SkiRun));
    event.stages.push(Stage::plain(2, Way::SkiRun));
    event.join(&[MINOR; 3]);
    for (who, stage, time) in [
        (1, 1, 3_595),
        (1, 2, 3_673),
        (2, 1, 3_600),
        (2, 2, 3_700),
        (3, 1, 3_000),
    ] {
        event.shoot(
            who,
            Shot {
                stage,
                times: vec![time],
                ..Shot::default()
            },
        );
    }
    event.say(Said::NoRun {
        stage: 2,
        who: 3,
        why: Why::Dnf,
    });
    let standings = agreed(&event);
    assert_eq!(match_result(&standings, 1).time_centis, 7_268);
    assert_eq!(order(&standings), "1:1 2:2 3:3-");
}

/// Found by the second calculation: a stage that was missed counts its strings at their limit, as a
/// run does that never hit the stop plate. It stood before such a run.
#[test]
fn a_missed_stage_of_steel_shares_the_place_of_strings_at_their_limit() {
    let mut event = steel(&[[300; 5], [3_000; 5]]);
    event.join(&[MINOR]);
    event.say(Said::NoRun {
        stage: 1,
        who: 3,
        why: Why::Dnf,
    });
    let standings = agreed(&event);
    let places = [1, 2, 3].map(|who| crate::cases::stage_row(&standings, 1, who).place);
    assert_eq!(places, [1, 2, 2]);
    assert_eq!(time(&standings, 1, 3), "120.00");
}

/// Steel Challenge 5.6.1 to 9.1: plates and procedurals cost 3 s, movement 4 s, never above 30 s.
#[test]
fn faults_of_a_string_stop_at_its_limit() {
    let mut event = steel(&[]);
    event.join(&[MINOR]);
    let faults = |missed, procedurals, movement, unfinished| Faults {
        missed,
        procedurals,
        movement,
        unfinished,
    };
    event.shoot(
        1,
        Shot {
            times: vec![300, 400, 500, 2_900, 600],
            faults: vec![
                faults(1, 0, 0, false),
                faults(0, 1, 0, false),
                faults(0, 0, 1, false),
                faults(1, 0, 0, false),
                faults(0, 0, 0, true),
            ],
            ..Shot::default()
        },
    );
    let standings = agreed(&event);
    let strings = &result(&standings, 1, 1).tally.strings;
    assert_eq!(strings, &[600, 700, 900, 3_000]);
}

/// 47-2X and 47-0X shared a place on their stage.
#[test]
fn equal_rings_are_told_apart_by_xs_and_equal_hits_by_the_time() {
    let mut rings = event(Sport::Precision);
    rings.stages.push(Stage {
        shots: 5,
        ..stage(Way::Rings, &[], 0)
    });
    rings.join(&[MINOR; 2]);
    for (who, shots) in [(1, [11, 11, 10, 9, 8]), (2, [10, 10, 10, 9, 8])] {
        let rings_of = Shot {
            rings: shots.to_vec(),
            ..Shot::default()
        };
        rings.shoot(who, rings_of);
    }
    let standings = agreed(&rings);
    let places = [1, 2].map(|who| crate::cases::stage_row(&standings, 1, who).place);
    assert_eq!(places, [1, 2], "47 with two X and with none");
    let mut shots = event(Sport::Prs);
    shots.stages.push(stage(Way::HitValues, &[1], 0));
    shots.join(&[MINOR; 3]);
    for (who, times) in [(1, vec![]), (2, vec![6_000]), (3, vec![5_900])] {
        let hit = Shot {
            papers: spread([1, 0, 0, 0, 0, 0, 0], &[1]),
            times,
            ..Shot::default()
        };
        shots.shoot(who, hit);
    }
    let standings = agreed(&shots);
    let places = [1, 2, 3].map(|who| crate::cases::stage_row(&standings, 1, who).place);
    assert_eq!(places, [3, 2, 1], "no time is last");
}

/// Who had shot one stage of two had 180 percent of the winner.
#[test]
fn who_has_shot_less_than_the_winner_of_a_timed_match_has_no_percentage() {
    let mut event = event(Sport::Idpa);
    for no in [1, 2] {
        event.stages.push(Stage {
            no,
            ..stage(Way::TimePlus, &[], 0)
        });
    }
    event.join(&[MINOR; 2]);
    for (stage, who, time) in [(1, 1, 1_000), (2, 1, 1_000), (1, 2, 900)] {
        let shot = Shot {
            stage,
            times: vec![time],
            ..Shot::default()
        };
        event.shoot(who, shot);
    }
    let standings = agreed(&event);
    let percent = [1, 2].map(|who| match_result(&standings, who).percent.to_string());
    assert_eq!(percent, ["100.0000", "0.0000"]);
}

/// A racer who did not finish the first run and did not start the second was listed as DNS.
#[test]
fn the_first_run_that_was_missed_says_why_there_is_no_result() {
    let mut event = event(Sport::Ski);
    for no in [1, 2] {
        event.stages.push(Stage::plain(no, Way::SkiRun));
    }
    event.join(&[MINOR]);
    for (stage, why) in [(1, Why::Dnf), (2, Why::Dns)] {
        event.say(Said::NoRun { stage, who: 1, why });
    }
    let standings = agreed(&event);
    let unranked = match_result(&standings, 1).unranked;
    assert_eq!(
        unranked,
        Some(tallyline_proto::rules::scorebook::Missed::Dnf)
    );
}

/// Of two zeros the one who had not shot stood first: he had no misses.
#[test]
fn a_shot_that_was_not_fired_is_a_miss_to_whoever_counts_misses() {
    let mut event = event(Sport::Precision);
    event.stages.push(Stage {
        shots: 2,
        ..stage(Way::Rings, &[], 0)
    });
    event.join(&[MINOR; 2]);
    event.say(Said::NoRun {
        stage: 1,
        who: 1,
        why: Why::Dnf,
    });
    let missed = Shot {
        rings: vec![0, 0],
        ..Shot::default()
    };
    event.shoot(2, missed);
    assert_eq!(order(&agreed(&event)), "1:2 2:1");
}
