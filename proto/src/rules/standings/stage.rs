//! The ranking on one drill.

use alloc::{vec, vec::Vec};
use core::cmp::Reverse;

use super::{Group, Listed, StageResult, StageRow, StageTable, disqualified, places};
use crate::{
    model::{Drill, DrillNo, Method, Ruleset, Ruling, ShooterNo},
    rules::{
        Roster, Scorebook,
        scorebook::Missed,
        scoring::{Measure, Tally, Worth, counting_strings, string_limit},
    },
};

/// One run on one drill, ready to be ranked.
#[derive(Clone)]
pub(super) struct Run {
    shooter: ShooterNo,
    division: usize,
    tally: Tally,
    worth: Worth,
    tie: TieKey,
    missed: Option<Missed>,
    needs_decision: bool,
}

/// What tells runs of one worth apart that have no strings: X's, highest first, then the time.
type TieKey = (Reverse<u32>, u64);

/// All runs on a drill.
pub(super) struct Runs {
    /// Best first.
    pub(super) ranked: Vec<Run>,
    /// Slots without a result.
    pub(super) missing: Vec<(DrillNo, ShooterNo)>,
}

impl Run {
    /// What tells runs of one worth apart: the fastest string, then the next; X's; the time.
    ///
    /// Source: Steel Challenge rules 9.6; PROTOCOL R-SCORE-10, R-SCORE-12, R-SCORE-13.
    fn order(&self) -> (Reverse<Worth>, &[u32], TieKey) {
        (Reverse(self.worth), &self.tally.strings, self.tie)
    }
}

/// Collects the runs on a drill, and notes who is missing.
pub(super) fn runs(
    roster: &Roster,
    book: &Scorebook,
    drill: &Drill,
    listed: &[Listed<'_>],
) -> Runs {
    let mut runs = Runs {
        ranked: Vec::with_capacity(listed.len()),
        missing: Vec::new(),
    };
    for it in listed.iter().filter(|it| !it.disqualified) {
        let shooter = it.shooter;
        if !book.has_result(drill.no, shooter.no) {
            runs.missing.push((drill.no, shooter.no));
            continue;
        }
        let missed = book.missed(drill.no, shooter.no);
        let tally = match book.slot(drill.no, shooter.no) {
            Some(slot) if missed.is_none() => {
                let mut tally = slot.outcome.tally(book.power_factor(roster, shooter.no));
                if let Some(Ruling::Time(centis)) = book.ruling(drill.no, shooter.no) {
                    tally.added_centis = tally.added_centis.saturating_add(i64::from(centis));
                }
                tally
            }
            Some(_) | None => longest(drill, &roster.structure().ruleset),
        };
        let worth = match missed {
            Some(_) if tally.time_centis == 0 => Worth::ZERO,
            Some(_) | None => Worth::of(drill, &tally, &roster.structure().ruleset),
        };
        runs.ranked.push(Run {
            shooter: shooter.no,
            division: shooter.division,
            tie: tie_key(drill, &tally),
            tally,
            worth,
            missed,
            needs_decision: book.needs_decision(drill.no, shooter.no),
        });
    }
    runs.ranked
        .sort_by(|left, right| (left.order(), left.shooter).cmp(&(right.order(), right.shooter)));
    runs
}

/// Returns what breaks ties where points are counted: X's of rings; of hit values the time, no time last.
fn tie_key(drill: &Drill, tally: &Tally) -> TieKey {
    match drill.method {
        Method::Precision => (Reverse(tally.xs), 0),
        Method::HitValues if tally.time_centis == 0 => (Reverse(0), u64::MAX),
        Method::HitValues => (Reverse(0), u64::from(tally.time_centis)),
        Method::Comstock
        | Method::VirginiaCount
        | Method::FixedTime
        | Method::TimePlus
        | Method::BestStrings
        | Method::ParTime
        | Method::Run
        | Method::Chrono
        | Method::Court => (Reverse(0), 0),
    }
}

/// Returns what a missed run counts: the limit of every string that counts, where strings have one;
/// else nothing.
///
/// Source: Steel Challenge rules 5.6.1; PROTOCOL R-SCORE-10.
fn longest(drill: &Drill, ruleset: &Ruleset) -> Tally {
    let limit = string_limit(drill, ruleset);
    if drill.method != Method::BestStrings || limit == 0 {
        return Tally::ZERO;
    }
    let counting = counting_strings(drill);
    let strings = u32::try_from(counting).unwrap_or(u32::MAX);
    Tally {
        time_centis: strings.saturating_mul(limit),
        strings: vec![limit; counting],
        ..Tally::ZERO
    }
}

/// Ranks the runs of a group; they come best first.
pub(super) fn table(
    roster: &Roster,
    drill: &Drill,
    group: Group,
    runs: &[Run],
    listed: &[Listed<'_>],
) -> StageTable {
    let ruleset = &roster.structure().ruleset;
    let runs: Vec<&Run> = runs
        .iter()
        .filter(|run| group.holds(run.division))
        .collect();
    let best = runs.first().map_or(Worth::ZERO, |run| run.worth);
    let timed = Measure::of(drill) == Some(Measure::Time);
    let mut rows: Vec<StageRow> = places(&runs, |run| run.order())
        .map(|(place, run)| StageRow {
            place,
            shooter: run.shooter,
            result: Some(StageResult {
                tally: run.tally.clone(),
                hit_factor: if timed {
                    crate::rules::Fixed4::ZERO
                } else {
                    run.worth.fixed4()
                },
                stage_points: run.worth.stage_points(drill, ruleset, best),
                percent: run.worth.percent(best),
                missed: run.missed,
                needs_decision: run.needs_decision,
            }),
        })
        .collect();
    let below = rows.len();
    rows.extend(
        disqualified(group, below, listed).map(|(place, shooter)| StageRow {
            place,
            shooter,
            result: None,
        }),
    );
    StageTable {
        drill: drill.no,
        group,
        rows,
    }
}
