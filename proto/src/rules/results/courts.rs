//! Matches on courts: sets, points, winners, and who won how much.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    model::{DrillNo, ShooterNo},
    rules::{
        Roster, Scorebook,
        court::{CourtMatch, Courts},
    },
};

/// All matches of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourtTable {
    /// The matches in order of their numbers.
    pub matches: Vec<CourtMatch>,
    /// Everybody who plays in one, the best first.
    pub rows: Vec<CourtRow>,
    /// Matches that are not decided.
    pub missing: Vec<DrillNo>,
}

/// What one side won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourtRow {
    /// From 1; equal sides share a place and the next one is skipped.
    pub place: u32,
    /// Who.
    pub shooter: ShooterNo,
    /// Decided matches.
    pub played: u32,
    /// Won matches.
    pub won: u32,
    /// Sets won less sets lost.
    pub sets: i64,
    /// Points won less points lost.
    pub points: i64,
}

impl CourtTable {
    /// Returns whether every match is decided.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Returns all matches, and who won how much: matches, then sets, then points.
///
/// Source: PROTOCOL R-SCORE-16.
pub fn court_table(roster: &Roster, book: &Scorebook) -> CourtTable {
    let courts = Courts::compute(roster, book);
    let mut sums: BTreeMap<ShooterNo, CourtRow> = BTreeMap::new();
    for side in courts.sides() {
        let row = sums.entry(side.shooter).or_insert(CourtRow {
            place: 0,
            shooter: side.shooter,
            played: 0,
            won: 0,
            sets: 0,
            points: 0,
        });
        row.played = row.played.saturating_add(u32::from(side.complete));
        row.won = row.won.saturating_add(u32::from(side.won));
        row.sets = row.sets.saturating_add(side.sets);
        row.points = row.points.saturating_add(side.points);
    }
    let mut rows: Vec<CourtRow> = sums.into_values().collect();
    let order = |row: &CourtRow| {
        use core::cmp::Reverse;
        (Reverse(row.won), Reverse(row.sets), Reverse(row.points))
    };
    rows.sort_by_key(order);
    let places: Vec<u32> = crate::rules::standings::places(&rows, order)
        .map(|(place, _)| place)
        .collect();
    for (row, place) in rows.iter_mut().zip(places) {
        row.place = place;
    }
    let open = courts.matches.iter().filter(|it| it.winner.is_none());
    let missing = open.map(|it| it.drill).collect();
    CourtTable {
        matches: courts.matches,
        rows,
        missing,
    }
}
