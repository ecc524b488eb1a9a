//! The ranking over the match: what stages add up to, and what tells equal results apart.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::cmp::Reverse;

use super::{Group, Listed, MatchResult, MatchRow, StageResult, StageTable, disqualified, places};
use crate::{
    model::{Drill, DrillNo, Method, Ruleset, Shooter, ShooterNo, Sum, Tie},
    rules::{
        Fixed4, Roster, Scorebook,
        court::Courts,
        scorebook::Missed,
        scoring::{Measure, percent_of},
    },
};

/// Lowest ring that is a hit, and one above the highest.
const RINGS: core::ops::Range<u8> = 1..11;

/// What one shooter has over all drills.
#[derive(Clone, Default)]
struct Total {
    points: Fixed4,
    time_centis: u64,
    xs: u32,
    drills: u32,
    missed: Option<Missed>,
    /// Drills on which nobody of the group was better.
    wins: u32,
    /// Points and X's on the drills of the longest range.
    longest: (Fixed4, u32),
    /// How many shots lie in each ring, from 0.
    rings: BTreeMap<u8, u32>,
    /// All shots of each drill, in order.
    shots: BTreeMap<DrillNo, Vec<u8>>,
    /// Results on the drills that break ties, higher is better.
    tie_breakers: BTreeMap<DrillNo, [i128; 2]>,
    /// Won matches, sets and points of a court, less what was lost of the latter two.
    court: (u32, i64, i64),
}

/// Ranks a group over the match, from the tables of its drills.
///
/// Source: PROTOCOL R-SCORE-6, R-SCORE-15.
pub(super) fn table(
    roster: &Roster,
    book: &Scorebook,
    group: Group,
    stages: &[StageTable],
    listed: &[Listed<'_>],
) -> super::MatchTable {
    let ruleset = &roster.structure().ruleset;
    let mut totals = Totals::of(roster, group, stages);
    if ruleset.sum == Sum::Wins {
        totals.add_courts(&Courts::compute(roster, book));
    }
    let none = Total::default();
    let mut ranked: Vec<(Vec<i128>, ShooterNo, &Total)> = listed
        .iter()
        .filter(|it| !it.disqualified && group.holds(it.shooter.division))
        .map(|it| {
            let total = totals.get(it.shooter.no).unwrap_or(&none);
            (
                order(total, &roster.structure().drills, ruleset),
                it.shooter.no,
                total,
            )
        })
        .collect();
    ranked.sort_by(|left, right| (Reverse(&left.0), left.1).cmp(&(Reverse(&right.0), right.1)));
    let best = ranked.first().map(|(_, _, total)| *total);
    let best = best.unwrap_or(&none);
    let mut rows: Vec<MatchRow> = places(&ranked, |(order, ..)| order.as_slice())
        .map(|(place, (_, shooter, total))| MatchRow {
            place,
            shooter: *shooter,
            result: Some(MatchResult {
                points: match ruleset.sum {
                    Sum::Wins => Fixed4::ratio(u128::from(total.court.0), 1),
                    Sum::StagePoints | Sum::Time | Sum::Points => total.points,
                },
                percent: match ruleset.sum {
                    Sum::StagePoints | Sum::Points => {
                        percent_of(total.points.0, best.points.0, ruleset.percent_decimals)
                    }
                    // Of a shooter who has shot less than the winner it would tell nothing.
                    Sum::Time
                        if unranked(total, ruleset.sum).is_some() || total.drills < best.drills =>
                    {
                        percent_of(0, 1, ruleset.percent_decimals)
                    }
                    Sum::Time => percent_of(
                        best.time_centis,
                        total.time_centis,
                        ruleset.percent_decimals,
                    ),
                    Sum::Wins => percent_of(
                        u64::from(total.court.0),
                        u64::from(best.court.0),
                        ruleset.percent_decimals,
                    ),
                },
                time_centis: match ruleset.sum {
                    Sum::Time => total.time_centis,
                    Sum::StagePoints | Sum::Points | Sum::Wins => 0,
                },
                xs: total.xs,
                drills: total.drills,
                unranked: unranked(total, ruleset.sum),
            }),
        })
        .collect();
    let below = rows.len();
    rows.extend(
        disqualified(group, below, listed).map(|(place, shooter)| MatchRow {
            place,
            shooter,
            result: None,
        }),
    );
    super::MatchTable { group, rows }
}

/// What everybody has, in the order of the roster: looked up as often as there are results.
struct Totals<'a> {
    shooters: &'a [Shooter],
    totals: Vec<Total>,
}

impl<'a> Totals<'a> {
    /// Adds up the tables of a group's drills.
    fn of(roster: &'a Roster, group: Group, stages: &[StageTable]) -> Self {
        let structure = roster.structure();
        let longest = structure.drills.iter().map(|drill| drill.terms.range).max();
        let mut totals = Self {
            shooters: &structure.shooters,
            totals: vec![Total::default(); structure.shooters.len()],
        };
        for table in stages.iter().filter(|table| table.group == group) {
            let Some(drill) = roster.drill(table.drill) else {
                continue;
            };
            let at_longest = longest == Some(drill.terms.range);
            for row in &table.rows {
                if let (Some(result), Some(total)) = (&row.result, totals.get_mut(row.shooter)) {
                    total.add(drill, row.place, result, at_longest);
                }
            }
        }
        totals
    }

    fn get(&self, shooter: ShooterNo) -> Option<&Total> {
        let place = self.shooters.binary_search_by_key(&shooter, |it| it.no);
        self.totals.get(place.ok()?)
    }

    fn get_mut(&mut self, shooter: ShooterNo) -> Option<&mut Total> {
        let place = self.shooters.binary_search_by_key(&shooter, |it| it.no);
        self.totals.get_mut(place.ok()?)
    }

    fn add_courts(&mut self, courts: &Courts) {
        for side in courts.sides() {
            let Some(total) = self.get_mut(side.shooter) else {
                continue;
            };
            let (wins, sets, points) = &mut total.court;
            *wins = wins.saturating_add(u32::from(side.won));
            *sets = sets.saturating_add(side.sets);
            *points = points.saturating_add(side.points);
            total.drills = total.drills.saturating_add(u32::from(side.complete));
        }
    }
}

impl Total {
    /// Adds one result of a drill.
    fn add(&mut self, drill: &Drill, place: u32, result: &StageResult, at_longest: bool) {
        let tally = &result.tally;
        self.points = self.points.plus(result.stage_points);
        self.xs = self.xs.saturating_add(tally.xs);
        self.drills = self.drills.saturating_add(1);
        if Measure::of(drill) == Some(Measure::Time) {
            self.time_centis = self.time_centis.saturating_add(tally.total_centis());
        }
        let untimed = tally.time_centis == 0;
        // Drills come in their order: the first one that was missed is named.
        self.missed = self.missed.or(result.missed.filter(|_| untimed));
        self.wins = self.wins.saturating_add(u32::from(place == 1));
        if at_longest {
            self.longest.0 = self.longest.0.plus(result.stage_points);
            self.longest.1 = self.longest.1.saturating_add(tally.xs);
        }
        for &ring in &tally.rings {
            let count = self.rings.entry(ring).or_default();
            *count = count.saturating_add(1);
        }
        if !tally.rings.is_empty() {
            self.shots.insert(drill.no, tally.rings.clone());
        }
        if drill.terms.tie_breaker {
            let worth = tie_breaker(drill, result);
            self.tie_breakers.insert(drill.no, worth);
        }
    }
}

/// Returns what a tie-breaking drill says: points first where points are counted, then the time; a
/// run without a time is the slowest.
fn tie_breaker(drill: &Drill, result: &StageResult) -> [i128; 2] {
    let time = match result.tally.total_centis() {
        0 => i128::MIN,
        centis => i128::from(centis).saturating_neg(),
    };
    match Measure::of(drill) {
        Some(Measure::Time) | None => [0, time],
        Some(Measure::HitFactor | Measure::Points) => [i128::from(result.stage_points.0), time],
    }
}

/// Returns why a shooter is not ranked: a missed run leaves no time to add.
fn unranked(total: &Total, sum: Sum) -> Option<Missed> {
    total.missed.filter(|_| sum == Sum::Time)
}

/// Returns what ranks a shooter, the most important first; higher is better.
fn order(total: &Total, drills: &[Drill], ruleset: &Ruleset) -> Vec<i128> {
    let sum = ruleset.sum;
    let points = i128::from(total.points.0);
    let mut order = match sum {
        Sum::StagePoints | Sum::Points => Vec::from([points]),
        Sum::Time if unranked(total, sum).is_some() => return Vec::from([-1]),
        // As long as not everybody has shot everything, who has shot more stands before.
        Sum::Time => Vec::from([
            i128::from(total.drills),
            i128::from(total.time_centis).saturating_neg(),
        ]),
        Sum::Wins => Vec::from([
            i128::from(total.court.0),
            i128::from(total.court.1),
            i128::from(total.court.2),
        ]),
    };
    for tie in &ruleset.ties {
        match tie {
            Tie::Xs => order.push(i128::from(total.xs)),
            Tie::LongestRange => order.push(i128::from(total.longest.0.0)),
            Tie::LongestRangeXs => order.push(i128::from(total.longest.1)),
            Tie::FewestMisses => {
                let unfired = drills
                    .iter()
                    .map(|drill| unfired(total, drill))
                    .sum::<i128>();
                order.push(fewer(total, 0).saturating_sub(unfired));
            }
            Tie::FewestLow => order.extend(RINGS.map(|ring| fewer(total, ring))),
            Tie::InverseOrder => {
                order.extend(drills.iter().rev().flat_map(|drill| shots(total, drill)));
            }
            Tie::StageWins => order.push(i128::from(total.wins)),
            Tie::TieStage => {
                let drills = drills.iter().filter(|drill| drill.terms.tie_breaker);
                let none = [i128::MIN; 2];
                order.extend(
                    drills.flat_map(|drill| {
                        total.tie_breakers.get(&drill.no).copied().unwrap_or(none)
                    }),
                );
            }
        }
    }
    order
}

/// Returns the shots of a drill from the last to the first; one that was not fired is below a miss.
fn shots(total: &Total, drill: &Drill) -> Vec<i128> {
    let fired = total.shots.get(&drill.no);
    match fired {
        Some(rings) => rings.iter().rev().map(|&ring| i128::from(ring)).collect(),
        None if drill.method == Method::Precision => {
            let shots = usize::try_from(drill.terms.shots).unwrap_or(0);
            vec![-1; shots]
        }
        None => Vec::new(),
    }
}

/// Returns the shots of a drill that were not fired: each is a miss to whoever counts misses.
fn unfired(total: &Total, drill: &Drill) -> i128 {
    let fired = total.shots.contains_key(&drill.no);
    if fired || drill.method != Method::Precision {
        return 0;
    }
    i128::from(drill.terms.shots)
}

fn fewer(total: &Total, ring: u8) -> i128 {
    let count = total.rings.get(&ring).copied().unwrap_or(0);
    i128::from(count).saturating_neg()
}
