//! Who stands where: stage and match tables by division and combined.
//!
//! A pure function of roster and scorebook. Two devices with the same set of entries get the same
//! tables, and [`Standings::digest`] says so in 32 bytes.

mod csv;

pub use csv::{OverallCsv, StagesCsv};

use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;

use super::{
    Fixed2, Fixed4, Roster, Scorebook,
    scorebook::OutKind,
    scoring::{HitFactor, Tally},
};
use crate::model::{Drill, DrillNo, Method, Shooter, ShooterNo};

/// First bytes under a digest, so that it equals no other hash of the house.
const DIGEST_TAG: &[u8] = b"tallyline standings v1\n";

/// Who is ranked against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// A division, by its place in the structure, from 0.
    Division(usize),
    /// Everybody, each with his own power factor.
    Combined,
}

/// All tables of an event, complete or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standings {
    /// Stage tables: for each group, in order of divisions and Combined last, every drill in order.
    pub stages: Vec<StageTable>,
    /// Match tables: for each group, in order of divisions and Combined last.
    pub overall: Vec<MatchTable>,
    /// Slots without a result of shooters who are in the match, by drill and shooter.
    pub missing: Vec<(DrillNo, ShooterNo)>,
    /// Slots of shooters in the match in which a person must decide, by drill and shooter.
    pub undecided: Vec<(DrillNo, ShooterNo)>,
}

/// The ranking of one group on one drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageTable {
    /// The drill.
    pub drill: DrillNo,
    /// Who is ranked.
    pub group: Group,
    /// Shooters with a result by place, then the disqualified by number.
    pub rows: Vec<StageRow>,
}

/// One shooter's line of a stage table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageRow {
    /// From 1; equal results share a place and the next one is skipped. The disqualified go on
    /// below the last result.
    pub place: u32,
    /// The shooter.
    pub shooter: ShooterNo,
    /// The numbers; `None` for the disqualified.
    pub result: Option<StageResult>,
}

/// The numbers of a stage row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageResult {
    /// Points, penalties, time.
    pub tally: Tally,
    /// Points a second; net points for Fixed Time.
    pub hit_factor: Fixed4,
    /// What counts for the match.
    pub stage_points: Fixed4,
    /// Percent of the group's best.
    pub percent: Fixed2,
    /// Whether a person must decide between several entries.
    pub needs_decision: bool,
}

/// The ranking of one group over the match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchTable {
    /// Who is ranked.
    pub group: Group,
    /// Shooters by place, then the disqualified by number.
    pub rows: Vec<MatchRow>,
}

/// One shooter's line of a match table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchRow {
    /// From 1; equal points share a place and the next one is skipped (only a shoot-off breaks such
    /// a tie). The disqualified go on below.
    pub place: u32,
    /// The shooter.
    pub shooter: ShooterNo,
    /// The numbers; `None` for the disqualified.
    pub result: Option<MatchResult>,
}

/// The numbers of a match row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchResult {
    /// Sum of the rounded stage points.
    pub points: Fixed4,
    /// Percent of the group's winner.
    pub percent: Fixed4,
}

/// One run on one drill, ready to be ranked.
#[derive(Clone, Copy)]
struct Run {
    shooter: ShooterNo,
    division: usize,
    tally: Tally,
    hit_factor: HitFactor,
    needs_decision: bool,
}

/// A shooter who is listed.
#[derive(Clone, Copy)]
struct Listed<'a> {
    shooter: &'a Shooter,
    disqualified: bool,
}

impl Group {
    fn holds(self, division: usize) -> bool {
        match self {
            Self::Division(place) => place == division,
            Self::Combined => true,
        }
    }
}

impl Standings {
    /// Ranks everybody.
    ///
    /// Source: PROTOCOL R-SCORE-6; rule book 9.2 (ties), 10.3 (disqualified listed, without
    /// numbers).
    pub fn compute(roster: &Roster, book: &Scorebook) -> Self {
        let structure = roster.structure();
        let listed: Vec<Listed<'_>> = structure
            .shooters
            .iter()
            .filter_map(|shooter| {
                let out = book.out(shooter.no).map(|out| out.kind);
                let disqualified = out == Some(OutKind::Disqualified);
                (out != Some(OutKind::Withdrawn)).then_some(Listed {
                    shooter,
                    disqualified,
                })
            })
            .collect();
        let drills: Vec<&Drill> = structure
            .drills
            .iter()
            .filter(|drill| drill.method != Method::Chrono)
            .collect();
        let mut standings = Self {
            stages: Vec::new(),
            overall: Vec::new(),
            missing: Vec::new(),
            undecided: Vec::new(),
        };
        let runs: Vec<(&Drill, Vec<Run>)> = drills
            .into_iter()
            .map(|drill| (drill, standings.runs(roster, book, drill, &listed)))
            .collect();
        let divisions = (0..structure.divisions.len()).map(Group::Division);
        for group in divisions.chain([Group::Combined]) {
            let mut points: BTreeMap<ShooterNo, Fixed4> = BTreeMap::new();
            for (drill, runs) in &runs {
                let rows = stage_rows(drill, group, runs, &listed);
                for row in &rows {
                    if let Some(result) = row.result {
                        let sum = points.entry(row.shooter).or_default();
                        *sum = sum.plus(result.stage_points);
                    }
                }
                standings.stages.push(StageTable {
                    drill: drill.no,
                    group,
                    rows,
                });
            }
            standings.overall.push(MatchTable {
                group,
                rows: match_rows(group, &points, &listed),
            });
        }
        standings
    }

    /// Collects the runs on a drill, and notes who is missing and where a person must decide.
    fn runs(
        &mut self,
        roster: &Roster,
        book: &Scorebook,
        drill: &Drill,
        listed: &[Listed<'_>],
    ) -> Vec<Run> {
        let ruleset = roster.structure().ruleset;
        let mut runs = Vec::new();
        for Listed {
            shooter,
            disqualified,
        } in listed
        {
            if *disqualified {
                continue;
            }
            let Some(slot) = book.slot(drill.no, shooter.no) else {
                self.missing.push((drill.no, shooter.no));
                continue;
            };
            if slot.needs_decision {
                self.undecided.push((drill.no, shooter.no));
            }
            let tally = slot.outcome.tally(book.power_factor(roster, shooter.no));
            runs.push(Run {
                shooter: shooter.no,
                division: shooter.division,
                tally,
                hit_factor: HitFactor::of(drill.method, tally, ruleset),
                needs_decision: slot.needs_decision,
            });
        }
        runs.sort_by_key(|run| (Reverse(run.hit_factor), run.shooter));
        runs
    }

    /// Returns the table of one group on one drill.
    pub fn stage(&self, drill: DrillNo, group: Group) -> Option<&StageTable> {
        self.stages
            .iter()
            .find(|table| table.drill == drill && table.group == group)
    }

    /// Returns the match table of one group.
    pub fn overall(&self, group: Group) -> Option<&MatchTable> {
        self.overall.iter().find(|table| table.group == group)
    }

    /// Returns whether every shooter in the match has a result on every drill and nobody has to
    /// decide anything.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.undecided.is_empty()
    }

    /// Returns the BLAKE3 hash over all tables in a fixed layout: equal on two devices if and only
    /// if their standings are equal.
    ///
    /// Source: PROTOCOL R-SCORE-7.
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = DIGEST_TAG.to_vec();
        put_len(&mut bytes, self.stages.len());
        for table in &self.stages {
            bytes.extend(table.drill.0.to_le_bytes());
            put_group(&mut bytes, table.group);
            put_len(&mut bytes, table.rows.len());
            for row in &table.rows {
                row.put(&mut bytes);
            }
        }
        put_len(&mut bytes, self.overall.len());
        for table in &self.overall {
            put_group(&mut bytes, table.group);
            put_len(&mut bytes, table.rows.len());
            for row in &table.rows {
                row.put(&mut bytes);
            }
        }
        for list in [&self.missing, &self.undecided] {
            put_len(&mut bytes, list.len());
            for (drill, shooter) in list {
                bytes.extend(drill.0.to_le_bytes());
                bytes.extend(shooter.0.to_le_bytes());
            }
        }
        *blake3::hash(&bytes).as_bytes()
    }
}

impl StageRow {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.place.to_le_bytes());
        bytes.extend(self.shooter.0.to_le_bytes());
        let Some(result) = self.result else {
            return bytes.push(0);
        };
        bytes.push(1);
        bytes.push(u8::from(result.needs_decision));
        bytes.extend(result.tally.points.to_le_bytes());
        bytes.extend(result.tally.penalties.to_le_bytes());
        bytes.extend(result.tally.time_centis.to_le_bytes());
        bytes.extend(result.hit_factor.0.to_le_bytes());
        bytes.extend(result.stage_points.0.to_le_bytes());
        bytes.extend(result.percent.0.to_le_bytes());
    }
}

impl MatchRow {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.place.to_le_bytes());
        bytes.extend(self.shooter.0.to_le_bytes());
        let Some(result) = self.result else {
            return bytes.push(0);
        };
        bytes.push(1);
        bytes.extend(result.points.0.to_le_bytes());
        bytes.extend(result.percent.0.to_le_bytes());
    }
}

fn put_len(bytes: &mut Vec<u8>, len: usize) {
    bytes.extend(u64::try_from(len).unwrap_or(u64::MAX).to_le_bytes());
}

/// Divisions by their place from 0, Combined as the highest number.
fn put_group(bytes: &mut Vec<u8>, group: Group) {
    match group {
        Group::Division(place) => put_len(bytes, place),
        Group::Combined => bytes.extend(u64::MAX.to_le_bytes()),
    }
}

/// Ranks the runs of a group; they come in order of hit factor.
fn stage_rows(drill: &Drill, group: Group, runs: &[Run], listed: &[Listed<'_>]) -> Vec<StageRow> {
    let runs: Vec<&Run> = runs
        .iter()
        .filter(|run| group.holds(run.division))
        .collect();
    let best = runs.first().map_or(HitFactor::ZERO, |run| run.hit_factor);
    let mut rows: Vec<StageRow> = places(&runs, |run| run.hit_factor)
        .map(|(place, run)| StageRow {
            place,
            shooter: run.shooter,
            result: Some(StageResult {
                tally: run.tally,
                hit_factor: run.hit_factor.fixed4(),
                stage_points: run.hit_factor.stage_points(drill, best),
                percent: run.hit_factor.percent(best),
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
    rows
}

/// Ranks a group over the match.
fn match_rows(
    group: Group,
    points: &BTreeMap<ShooterNo, Fixed4>,
    listed: &[Listed<'_>],
) -> Vec<MatchRow> {
    let mut sums: Vec<(Fixed4, ShooterNo)> = listed
        .iter()
        .filter(|it| !it.disqualified && group.holds(it.shooter.division))
        .map(|it| {
            (
                points.get(&it.shooter.no).copied().unwrap_or_default(),
                it.shooter.no,
            )
        })
        .collect();
    sums.sort_by_key(|(sum, shooter)| (Reverse(*sum), *shooter));
    let best = sums.first().map_or(Fixed4::ZERO, |(sum, _)| *sum);
    let percent =
        |sum: Fixed4| Fixed4::ratio(u128::from(sum.0).saturating_mul(100), u128::from(best.0));
    let mut rows: Vec<MatchRow> = places(&sums, |(sum, _)| *sum)
        .map(|(place, &(sum, shooter))| MatchRow {
            place,
            shooter,
            result: Some(MatchResult {
                points: sum,
                percent: percent(sum),
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
    rows
}

/// Gives sorted items their places from 1: equal keys share one, the next is skipped.
fn places<T, K: PartialEq>(sorted: &[T], key: impl Fn(&T) -> K) -> impl Iterator<Item = (u32, &T)> {
    let mut held: Option<(u32, K)> = None;
    (1u32..).zip(sorted).map(move |(count, item)| {
        let own = key(item);
        let place = match &held {
            Some((place, last)) if *last == own => *place,
            Some(_) | None => count,
        };
        held = Some((place, own));
        (place, item)
    })
}

/// Returns the disqualified of a group by number, with places that go on below `below` rows.
fn disqualified<'a>(
    group: Group,
    below: usize,
    listed: &'a [Listed<'a>],
) -> impl Iterator<Item = (u32, ShooterNo)> + 'a {
    let first = u32::try_from(below).unwrap_or(u32::MAX).saturating_add(1);
    let numbers = listed
        .iter()
        .filter(move |it| it.disqualified && group.holds(it.shooter.division))
        .map(|it| it.shooter.no);
    (first..).zip(numbers)
}

#[cfg(test)]
mod tests;
