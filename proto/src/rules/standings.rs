//! Who stands where: stage and match tables by division and combined.
//!
//! A pure function of roster and scorebook. Two devices with the same set of entries get the same
//! tables, and [`Standings::digest`] says so in 32 bytes.

mod csv;
mod digest;
mod overall;
mod stage;

pub use csv::{OverallCsv, StagesCsv};

use alloc::vec::Vec;

use super::{
    Decimal, Fixed2, Fixed4, Roster, Scorebook,
    court::Courts,
    scorebook::{Missed, OutKind},
    scoring::Tally,
};
use crate::model::{About, Drill, DrillNo, Method, Shooter, ShooterNo};

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
    /// Slots without a result of shooters who are in the match, and both sides of courts without a
    /// winner, by drill and shooter.
    pub missing: Vec<(DrillNo, ShooterNo)>,
    /// Where a person must decide about a shooter in the match, the chronograph and courts included,
    /// by drill and shooter.
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageResult {
    /// Points, penalties, time.
    pub tally: Tally,
    /// Points a second; net points where points are counted; 0 where time is.
    pub hit_factor: Fixed4,
    /// What counts for the match.
    pub stage_points: Fixed4,
    /// Percent of the group's best.
    pub percent: Fixed2,
    /// Why there is no run, if there is none.
    pub missed: Option<Missed>,
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
    /// From 1; what the ruleset's ties leave equal shares a place and the next one is skipped. Those
    /// who are not ranked go on below, then the disqualified.
    pub place: u32,
    /// The shooter.
    pub shooter: ShooterNo,
    /// The numbers; `None` for the disqualified.
    pub result: Option<MatchResult>,
}

/// The numbers of a match row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchResult {
    /// Sum of the rounded stage points; of a court, won matches.
    pub points: Fixed4,
    /// Percent of the group's winner.
    pub percent: Decimal,
    /// Sum of the times that count, in hundredths of a second, where a match adds times; else 0.
    pub time_centis: u64,
    /// X's.
    pub xs: u32,
    /// Drills with a result.
    pub drills: u32,
    /// Why the shooter is not ranked: a run was missed where a match adds times.
    pub unranked: Option<Missed>,
}

/// A shooter who is listed.
#[derive(Clone, Copy)]
pub(super) struct Listed<'a> {
    /// Who.
    pub(super) shooter: &'a Shooter,
    disqualified: bool,
}

impl Listed<'_> {
    /// Returns the shooter's number, unless disqualified.
    pub(super) fn in_the_match(&self) -> Option<ShooterNo> {
        (!self.disqualified).then_some(self.shooter.no)
    }
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
        let groups = groups(roster);
        let listed = listed(roster, book);
        let mut standings = Self {
            stages: Vec::new(),
            overall: Vec::new(),
            missing: open_courts(roster, book, &listed),
            undecided: undecided(book, &listed),
        };
        let drills: Vec<&Drill> = ranked_drills(roster).collect();
        let mut by_drill = Vec::with_capacity(drills.len());
        for drill in &drills {
            let runs = stage::runs(roster, book, drill, &listed);
            standings.missing.extend(&runs.missing);
            by_drill.push((*drill, runs.ranked));
        }
        standings.missing.sort_unstable();
        for group in groups {
            for (drill, runs) in &by_drill {
                let table = stage::table(roster, drill, group, runs, &listed);
                standings.stages.push(table);
            }
        }
        for group in self::groups(roster) {
            let table = overall::table(roster, book, group, &standings.stages, &listed);
            standings.overall.push(table);
        }
        standings
    }

    /// Ranks again what some changed results decide: the tables of their drills and groups. A whole
    /// match (no drill) stands for every drill of the shooter.
    ///
    /// Equal to [`Self::compute`] as long as the roster is the same.
    pub fn renew(&mut self, roster: &Roster, book: &Scorebook, changed: &[About]) {
        let listed = listed(roster, book);
        let divisions: Vec<usize> = changed
            .iter()
            .filter_map(|about| roster.shooter(about.shooter))
            .map(|shooter| shooter.division)
            .collect();
        let stale = |group: Group| divisions.iter().any(|&division| group.holds(division));
        let drills: Vec<&Drill> = ranked_drills(roster)
            .filter(|drill| {
                let mut changed = changed.iter();
                changed.any(|about| about.drill.is_none_or(|no| no == drill.no))
            })
            .collect();
        for drill in drills {
            let runs = stage::runs(roster, book, drill, &listed);
            replace(&mut self.missing, drill.no, runs.missing);
            for table in &mut self.stages {
                if table.drill == drill.no && stale(table.group) {
                    *table = stage::table(roster, drill, table.group, &runs.ranked, &listed);
                }
            }
        }
        let courts = open_courts(roster, book, &listed);
        for drill in roster.structure().drills.iter().filter(|it| is_court(it)) {
            let open = courts.iter().filter(|(no, _)| *no == drill.no);
            replace(&mut self.missing, drill.no, open.copied().collect());
        }
        self.undecided = undecided(book, &listed);
        for place in 0..self.overall.len() {
            let group = self.overall.get(place).map(|table| table.group);
            let Some(group) = group.filter(|group| stale(*group)) else {
                continue;
            };
            let table = overall::table(roster, book, group, &self.stages, &listed);
            if let Some(held) = self.overall.get_mut(place) {
                *held = table;
            }
        }
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
}

/// Returns the groups in order: divisions, then everybody.
fn groups(roster: &Roster) -> impl Iterator<Item = Group> {
    let divisions = (0..roster.structure().divisions.len()).map(Group::Division);
    divisions.chain([Group::Combined])
}

/// Returns the drills whose runs are ranked.
pub(super) fn ranked_drills(roster: &Roster) -> impl Iterator<Item = &Drill> {
    let drills = roster.structure().drills.iter();
    drills.filter(|drill| !matches!(drill.method, Method::Chrono | Method::Court))
}

fn is_court(drill: &Drill) -> bool {
    drill.method == Method::Court
}

/// Returns both sides of the courts that nobody has won, unless one of them is out of the match.
pub(super) fn open_courts(
    roster: &Roster,
    book: &Scorebook,
    listed: &[Listed<'_>],
) -> Vec<(DrillNo, ShooterNo)> {
    if !roster.structure().drills.iter().any(is_court) {
        return Vec::new();
    }
    let plays = |side| listed.iter().any(|it| it.in_the_match() == Some(side));
    let courts = Courts::compute(roster, book).matches.into_iter();
    let open = courts.filter(|it| it.winner.is_none() && plays(it.court.a) && plays(it.court.b));
    let mut sides: Vec<(DrillNo, ShooterNo)> = open
        .flat_map(|it| [(it.drill, it.court.a), (it.drill, it.court.b)])
        .collect();
    sides.sort_unstable();
    sides
}

/// Returns where a person must decide about a shooter in the match.
pub(super) fn undecided(book: &Scorebook, listed: &[Listed<'_>]) -> Vec<(DrillNo, ShooterNo)> {
    let cells = book.undecided().keys().copied();
    let plays = |side| listed.iter().any(|it| it.in_the_match() == Some(side));
    cells.filter(|(_, shooter)| plays(*shooter)).collect()
}

/// Returns everybody who is listed: all but those who withdrew.
pub(super) fn listed<'a>(roster: &'a Roster, book: &Scorebook) -> Vec<Listed<'a>> {
    let shooters = roster.structure().shooters.iter();
    let shooters = shooters.filter_map(|shooter| {
        let out = book.out(shooter.no).map(|out| out.kind);
        (out != Some(OutKind::Withdrawn)).then_some(Listed {
            shooter,
            disqualified: out == Some(OutKind::Disqualified),
        })
    });
    shooters.collect()
}

/// Puts the slots of one drill in the place of those that stood there.
fn replace(list: &mut Vec<(DrillNo, ShooterNo)>, drill: DrillNo, fresh: Vec<(DrillNo, ShooterNo)>) {
    let from = list.partition_point(|(no, _)| *no < drill);
    let to = list.partition_point(|(no, _)| *no <= drill);
    list.splice(from..to, fresh);
}

/// Gives sorted items their places from 1: equal keys share one, the next is skipped.
pub(super) fn places<'a, T, K: PartialEq + 'a>(
    sorted: &'a [T],
    key: impl Fn(&'a T) -> K + 'a,
) -> impl Iterator<Item = (u32, &'a T)> + 'a {
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
