//! Classes and categories: parts of a division's match table, with places of their own.

use alloc::{string::String, vec::Vec};

use super::Gaps;
use crate::{
    model::Shooter,
    rules::{
        Roster, Scorebook, Standings,
        standings::{Group, MatchRow, MatchTable, places},
    },
};

/// The grades of skill of the rule books, the best first; others follow by name.
const CLASSES: [&str; 13] = [
    "DM", "GM", "MA", "M", "A", "EX", "B", "SS", "C", "MM", "D", "NV", "U",
];

/// The match tables of all classes, or of all categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// For each group, divisions in order and all together last, one table for each part in which
    /// somebody is listed.
    pub tables: Vec<PartTable>,
    /// What is missing from the event: any of it can change a place here.
    pub gaps: Gaps,
}

/// The match table of one class or category in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTable {
    /// The division, or all together.
    pub group: Group,
    /// The class or category, as shooters registered.
    pub name: String,
    /// The group's rows of these shooters, with places among themselves; points and percent are
    /// those of the group.
    pub rows: Vec<MatchRow>,
}

/// Returns the match tables of the classes. A shooter without a class stands in none.
///
/// Source: PROTOCOL R-SCORE-17.
pub fn by_class(roster: &Roster, book: &Scorebook, standings: &Standings) -> Parts {
    let shooters = roster.structure().shooters.iter();
    let mut names: Vec<&str> = shooters.map(|it| it.entrant.class.as_str()).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable_by_key(|name| (grade(name), *name));
    names.dedup();
    parts(roster, book, standings, &names, |shooter, name| {
        shooter.entrant.class == name
    })
}

/// Returns the match tables of the categories, by name. A shooter may stand in several.
///
/// Source: PROTOCOL R-SCORE-17.
pub fn by_category(roster: &Roster, book: &Scorebook, standings: &Standings) -> Parts {
    let shooters = roster.structure().shooters.iter();
    let categories = shooters.flat_map(|it| &it.categories);
    let mut names: Vec<&str> = categories.map(String::as_str).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    parts(roster, book, standings, &names, |shooter, name| {
        shooter.categories.iter().any(|it| it == name)
    })
}

fn parts(
    roster: &Roster,
    book: &Scorebook,
    standings: &Standings,
    names: &[&str],
    holds: impl Fn(&Shooter, &str) -> bool,
) -> Parts {
    let mut tables = Vec::new();
    for table in &standings.overall {
        for &name in names {
            let wanted = |row: &&MatchRow| {
                let shooter = roster.shooter(row.shooter);
                shooter.is_some_and(|shooter| holds(shooter, name))
            };
            let rows = placed_anew(table, wanted);
            if !rows.is_empty() {
                tables.push(PartTable {
                    group: table.group,
                    name: name.into(),
                    rows,
                });
            }
        }
    }
    Parts {
        tables,
        gaps: Gaps::of(roster, book),
    }
}

/// Picks rows of a table and gives them places among themselves: who shared a place goes on to.
fn placed_anew(table: &MatchTable, wanted: impl Fn(&&MatchRow) -> bool) -> Vec<MatchRow> {
    let (mut ranked, out): (Vec<MatchRow>, Vec<MatchRow>) = table
        .rows
        .iter()
        .filter(wanted)
        .copied()
        .partition(|row| row.result.is_some());
    let fresh: Vec<u32> = places(&ranked, |row| row.place)
        .map(|(place, _)| place)
        .collect();
    for (row, place) in ranked.iter_mut().zip(fresh) {
        row.place = place;
    }
    let below = u32::try_from(ranked.len()).unwrap_or(u32::MAX);
    let below = (below.saturating_add(1)..).zip(out);
    ranked.extend(below.map(|(place, row)| MatchRow { place, ..row }));
    ranked
}

/// Returns where a class stands among the known ones.
fn grade(name: &str) -> usize {
    CLASSES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
        .unwrap_or(CLASSES.len())
}
