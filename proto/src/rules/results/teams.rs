//! Teams: what their best members have together.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::cmp::Reverse;

use super::Gaps;
use crate::{
    model::{ShooterNo, Sum},
    rules::{
        Fixed4, Roster, Scorebook, Standings,
        standings::{Group, MatchTable, places},
    },
};

/// The match tables of all teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teams {
    /// How many members of a team count; 0: the event has no team results.
    pub counts: u32,
    /// For each group, divisions in order and all together last, one table if a team is in it.
    pub tables: Vec<TeamTable>,
    /// What is missing from the event.
    pub gaps: Gaps,
}

/// The teams of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamTable {
    /// The division, or all together.
    pub group: Group,
    /// Teams by place.
    pub rows: Vec<TeamRow>,
}

/// One team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamRow {
    /// From 1; equal teams share a place and the next one is skipped.
    pub place: u32,
    /// The team's name, as its members registered.
    pub team: String,
    /// Sum of the match points of those who count; 0 where a match adds times.
    pub points: Fixed4,
    /// Sum of their times in hundredths of a second, where a match adds times; else 0.
    pub time_centis: u64,
    /// Drills with a result of those who count, added up.
    pub drills: u32,
    /// Who counts, the best first.
    pub counted: Vec<ShooterNo>,
    /// The members in the group who do not count, the best first; the disqualified last.
    pub others: Vec<ShooterNo>,
    /// Whether fewer members count than a team has.
    pub short: bool,
}

/// Returns the match tables of the teams.
///
/// Source: PROTOCOL R-SCORE-17.
pub fn by_team(roster: &Roster, book: &Scorebook, standings: &Standings) -> Teams {
    let ruleset = &roster.structure().ruleset;
    let none = ruleset.team_counts == 0 || ruleset.sum == Sum::Wins;
    let counts = if none { 0 } else { ruleset.team_counts };
    let tables = standings.overall.iter().filter(|_| !none);
    let tables = tables.map(|table| TeamTable {
        group: table.group,
        rows: ranked(teams(roster, table, counts), ruleset.sum),
    });
    Teams {
        counts,
        tables: tables.filter(|table| !table.rows.is_empty()).collect(),
        gaps: Gaps::of(roster, book),
    }
}

/// Adds up the teams of a group; its rows come best first.
fn teams(roster: &Roster, table: &MatchTable, counts: u32) -> Vec<TeamRow> {
    let counts = usize::try_from(counts).unwrap_or(usize::MAX);
    let mut teams: BTreeMap<&str, TeamRow> = BTreeMap::new();
    for row in &table.rows {
        let shooter = roster.shooter(row.shooter);
        let name = shooter.map_or("", |it| it.entrant.team.as_str());
        if name.is_empty() {
            continue;
        }
        let team = teams.entry(name).or_insert_with(|| TeamRow {
            place: 0,
            team: name.into(),
            points: Fixed4::ZERO,
            time_centis: 0,
            drills: 0,
            counted: Vec::new(),
            others: Vec::new(),
            short: false,
        });
        match row.result.filter(|it| it.unranked.is_none()) {
            Some(result) if team.counted.len() < counts => {
                team.counted.push(row.shooter);
                team.points = team.points.plus(result.points);
                team.time_centis = team.time_centis.saturating_add(result.time_centis);
                team.drills = team.drills.saturating_add(result.drills);
            }
            Some(_) | None => team.others.push(row.shooter),
        }
    }
    let mut teams: Vec<TeamRow> = teams.into_values().collect();
    for team in &mut teams {
        team.short = team.counted.len() < counts;
    }
    teams
}

/// Ranks teams. Where times are added, a team with fewer members or fewer drills would be the
/// faster one: it stands behind.
fn ranked(mut teams: Vec<TeamRow>, sum: Sum) -> Vec<TeamRow> {
    let order = |team: &TeamRow| match sum {
        Sum::StagePoints | Sum::Points | Sum::Wins => (false, Reverse(team.points.0), 0),
        Sum::Time => (
            team.short,
            Reverse(u64::from(team.drills)),
            team.time_centis,
        ),
    };
    for team in &mut teams {
        match sum {
            Sum::StagePoints | Sum::Points | Sum::Wins => team.time_centis = 0,
            Sum::Time => team.points = Fixed4::ZERO,
        }
    }
    // The names were in order before: equal teams stay so.
    teams.sort_by_key(order);
    let fresh: Vec<u32> = places(&teams, order).map(|(place, _)| place).collect();
    for (team, place) in teams.iter_mut().zip(fresh) {
        team.place = place;
    }
    teams
}
