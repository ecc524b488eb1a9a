//! Runs whose result is a time: what hits and faults add to it.

use alloc::vec::Vec;

use super::{RuleBook, Tally, is_overtime, total_centis};
use crate::model::{Drill, Method, Overtime, Ruleset, Score, StringFaults};

/// Adds up the time of all strings and what was hit badly or not at all.
///
/// Source: PROTOCOL R-SCORE-9.
pub(super) fn time_plus(book: RuleBook<'_>, drill: &Drill, score: &Score) -> Tally {
    let times = book.ruleset.times;
    let limit = match (drill.method, drill.terms.overtime) {
        (Method::ParTime, Overtime::Capped) => drill.terms.par_centis,
        _ => 0,
    };
    let strings = score.time_centis.iter();
    let time_centis = strings.fold(0u32, |sum, &time| {
        sum.saturating_add(capped(time, drill.terms.string_max_centis))
    });
    let [a, b, c, d] = times.zones;
    let mut down = u64::from(score.steel.miss).saturating_mul(u64::from(times.steel_miss));
    let mut no_shoots = u64::from(score.steel.no_shoot);
    for points in &score.marks.points_down {
        down = down.saturating_add(u64::from(*points));
    }
    for hits in &score.hits {
        let target = hits.target();
        no_shoots = no_shoots.saturating_add(u64::from(target.no_shoot));
        for (count, points) in [
            (target.a, a),
            (target.b, b),
            (target.c, c),
            (target.d, d),
            (target.miss, times.miss),
        ] {
            down = down.saturating_add(u64::from(count).saturating_mul(u64::from(points)));
        }
    }
    let added = down
        .saturating_mul(u64::from(times.down_centis))
        .saturating_add(no_shoots.saturating_mul(u64::from(times.no_shoot_centis)));
    let bonus = u64::from(score.marks.xs).saturating_mul(u64::from(times.x_bonus_centis));
    let added_centis = i64::try_from(added)
        .unwrap_or(i64::MAX)
        .saturating_sub(i64::try_from(bonus).unwrap_or(i64::MAX))
        .saturating_add(book.cost(&score.penalties, times.procedural_centis));
    Tally {
        time_centis: capped(time_centis, limit),
        added_centis,
        xs: score.marks.xs,
        ..Tally::ZERO
    }
}

/// Adds up the strings that count: each with its faults and up to its limit, without the slowest.
///
/// Source: PROTOCOL R-SCORE-10.
pub(super) fn best_strings(book: RuleBook<'_>, drill: &Drill, score: &Score) -> Tally {
    let none = StringFaults::default();
    let faults = score.marks.string_faults.iter();
    let faults = faults.chain(core::iter::repeat(&none));
    let mut strings: Vec<u32> = score
        .time_centis
        .iter()
        .zip(faults)
        .map(|(&time, faults)| string(book, drill, time, *faults))
        .collect();
    strings.sort_unstable();
    strings.truncate(counting_strings(drill));
    let time_centis = strings
        .iter()
        .fold(0, |sum, &it| u32::saturating_add(sum, it));
    Tally {
        time_centis,
        added_centis: book.cost(&score.penalties, book.ruleset.times.procedural_centis),
        strings,
        ..Tally::ZERO
    }
}

/// Returns how many strings of a drill count.
pub(in crate::rules) fn counting_strings(drill: &Drill) -> usize {
    let strings = drill.strings.saturating_sub(drill.terms.drop_worst).max(1);
    usize::try_from(strings).unwrap_or(usize::MAX)
}

/// Returns the longest that a string counts, in hundredths of a second: as its drill says, or of best
/// strings the ruleset; 0 is no limit.
///
/// Source: PROTOCOL R-SCORE-10.
pub(in crate::rules) fn string_limit(drill: &Drill, ruleset: &Ruleset) -> u32 {
    match drill.terms.string_max_centis {
        0 if drill.method == Method::BestStrings => ruleset.times.string_max_centis,
        own => own,
    }
}

/// Returns what one string counts.
fn string(book: RuleBook<'_>, drill: &Drill, time: u32, faults: StringFaults) -> u32 {
    let times = book.ruleset.times;
    let limit = string_limit(drill, book.ruleset);
    if faults.unfinished && limit != 0 {
        return limit;
    }
    let added = [
        (faults.missed, times.plate_centis),
        (faults.procedurals, times.string_procedural_centis),
        (faults.movement, times.movement_centis),
    ]
    .iter()
    .fold(0u32, |sum, &(count, cost)| {
        sum.saturating_add(u32::from(count).saturating_mul(cost))
    });
    capped(time.saturating_add(added), limit)
}

/// Returns whether a drill is passed: every hit, no fault, no shot above the par time.
///
/// Source: PROTOCOL R-SCORE-14.
pub(super) fn passes(book: RuleBook<'_>, drill: &Drill, score: &Score) -> bool {
    let clean = score.hits.iter().all(|hits| {
        let target = hits.target();
        target.miss == 0 && target.no_penalty_miss == 0 && target.no_shoot == 0
    });
    let steel = score.steel;
    let standing = steel.miss != 0 || steel.no_penalty_miss != 0 || steel.no_shoot != 0;
    let par = drill.terms.par_centis;
    let late = par != 0 && is_overtime(par, book.ruleset.grace_centis, total_centis(score));
    clean && !standing && !late && score.late_shots == 0 && score.penalties.is_empty()
}

/// Returns a time up to a limit; 0 is no limit.
fn capped(time: u32, limit: u32) -> u32 {
    if limit == 0 { time } else { time.min(limit) }
}
