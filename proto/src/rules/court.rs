//! Court matches: points into sets, sets into a winner.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Roster, Scorebook, scorebook::CourtMark};
use crate::model::{Court, DrillNo, ShooterNo};

/// All matches of an event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Courts {
    /// In order of their numbers.
    pub matches: Vec<CourtMatch>,
}

/// How one match stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourtMatch {
    /// The match.
    pub drill: DrillNo,
    /// Who plays, and how long.
    pub court: Court,
    /// Points of both sides in each set, from the first.
    pub sets: Vec<SetState>,
    /// Sets won by both sides.
    pub won: (u32, u32),
    /// Who won; `None` as long as it is not decided.
    pub winner: Option<ShooterNo>,
}

/// How one set stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SetState {
    /// Points of side a.
    pub a: u32,
    /// Points of side b.
    pub b: u32,
    /// Whether it is over.
    pub over: bool,
}

/// What one match is for one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Who.
    pub shooter: ShooterNo,
    /// Whether this side won.
    pub won: bool,
    /// Whether the match is decided.
    pub complete: bool,
    /// Sets won less sets lost.
    pub sets: i64,
    /// Points won less points lost.
    pub points: i64,
}

impl Courts {
    /// Computes all matches from what counts.
    ///
    /// Source: PROTOCOL R-SCORE-16.
    pub fn compute(roster: &Roster, book: &Scorebook) -> Self {
        let drills = roster.structure().drills.iter();
        let matches = drills.filter_map(|drill| {
            let court = drill.terms.court?;
            Some(CourtMatch::of(drill.no, court, book))
        });
        Self {
            matches: matches.collect(),
        }
    }

    /// Returns both sides of every match.
    pub fn sides(&self) -> impl Iterator<Item = Side> + '_ {
        self.matches.iter().flat_map(CourtMatch::sides)
    }
}

impl CourtMatch {
    fn of(drill: DrillNo, court: Court, book: &Scorebook) -> Self {
        let sets = sets_of(drill, court, book);
        let mut it = Self {
            drill,
            court,
            sets: Vec::new(),
            won: (0, 0),
            winner: None,
        };
        for (no, (a, b)) in (1..).zip(sets) {
            let over = is_over(court, target(court, no), a, b);
            it.sets.push(SetState { a, b, over });
            if !over {
                continue;
            }
            let (won, side) = if b < a {
                (&mut it.won.0, court.a)
            } else {
                (&mut it.won.1, court.b)
            };
            *won = won.saturating_add(1);
            if court.sets_to_win <= *won {
                it.winner = Some(side);
                break;
            }
        }
        it
    }

    fn sides(&self) -> [Side; 2] {
        let (a, b) = self.sets.iter().fold((0i64, 0i64), |(a, b), set| {
            (
                a.saturating_add(i64::from(set.a)),
                b.saturating_add(i64::from(set.b)),
            )
        });
        let sets = i64::from(self.won.0).saturating_sub(i64::from(self.won.1));
        let side = |shooter, sets, points| Side {
            shooter,
            won: self.winner == Some(shooter),
            complete: self.winner.is_some(),
            sets,
            points,
        };
        [
            side(self.court.a, sets, a.saturating_sub(b)),
            side(self.court.b, sets.saturating_neg(), b.saturating_sub(a)),
        ]
    }
}

/// Returns the points of each set, from the first; a set's own score goes before its points.
fn sets_of(drill: DrillNo, court: Court, book: &Scorebook) -> Vec<(u32, u32)> {
    let mut counted: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    let mut told: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for (side, is_a) in [(court.a, true), (court.b, false)] {
        for mark in book.court(drill, side) {
            match *mark {
                CourtMark::Point { set, .. } => {
                    let (a, b) = counted.entry(set).or_default();
                    let won = if is_a { a } else { b };
                    *won = won.saturating_add(1);
                }
                CourtMark::Set { set, own, other } => {
                    let score = if is_a { (own, other) } else { (other, own) };
                    told.insert(set, score);
                }
            }
        }
    }
    counted.extend(told);
    let last = counted.keys().next_back().copied().unwrap_or(0);
    (1..=last.min(sets_max(court)))
        .map(|set| counted.get(&set).copied().unwrap_or((0, 0)))
        .collect()
}

/// Returns the most sets that a match can have.
pub(super) fn sets_max(court: Court) -> u32 {
    court.sets_to_win.saturating_mul(2).saturating_sub(1)
}

/// Returns the points to which a set goes; the last one that is possible has its own.
pub(super) fn target(court: Court, set: u32) -> u32 {
    if set == sets_max(court) {
        court.points_last
    } else {
        court.points
    }
}

/// Returns whether a set can end like this: it is over, and was not over a point before.
///
/// Source: PROTOCOL R-SCORE-16.
pub(super) fn can_end(court: Court, set: u32, (a, b): (u32, u32)) -> bool {
    let target = target(court, set);
    let (high, low) = (a.max(b), a.min(b));
    let before = high.saturating_sub(1);
    is_over(court, target, high, low) && !is_over(court, target, before, low)
}

/// Returns whether a set is over: enough points with the lead, or the cap.
fn is_over(court: Court, target: u32, a: u32, b: u32) -> bool {
    let (high, low) = (a.max(b), a.min(b));
    let lead = high.saturating_sub(low);
    let won = target <= high && court.lead <= lead;
    let capped = court.cap != 0 && court.cap <= high && low < high;
    won || capped
}
