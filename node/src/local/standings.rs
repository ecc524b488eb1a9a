//! The tables of `standings` from a roster and a scorebook.
//!
//! Layer: node, local.

use std::collections::BTreeSet;

use tallyline_proto::model::{Drill, DrillNo, Method, ShooterNo, Sum};
use tallyline_proto::rules::results::{self, PartTable as PartLines, TeamRow as TeamLine};
use tallyline_proto::rules::scorebook::Missed;
use tallyline_proto::rules::scoring::Measure;
use tallyline_proto::rules::standings::{Group, MatchRow as MatchLine, StageRow as StageLine};
use tallyline_proto::rules::{Fixed2, Roster, Standings};

use super::answers::Source;
use super::protocol::{
    MatchRow, MatchTable, PartTable, Problem, StageRow, StageTable, StandingsData, StandingsQuery,
    TeamRow, TeamTable, codes, exits,
};
use super::report;
use crate::root::hex;

/// How the table of all divisions is called.
const COMBINED: &str = "Combined";

/// Most sentences about what is missing: before the last day nearly everything is, and nobody
/// reads more.
pub(super) const MISSING_MAX: usize = 100;

/// A drill and a shooter.
type Cell = (DrillNo, ShooterNo);

/// Returns whether a division's name means the combined table.
pub(super) fn is_combined(name: &str) -> bool {
    name.eq_ignore_ascii_case(COMBINED)
}

/// Computes the tables that were asked for.
pub(super) fn compute(source: &Source) -> Result<StandingsData, Problem> {
    check(source)?;
    let (query, roster) = (&source.query, &source.roster);
    let standings = &*source.standings;
    let stages = standings
        .stages
        .iter()
        .filter(|table| query.all || query.drill == Some(table.drill.0))
        .filter(|table| wants(roster, query, table.group))
        .map(|table| {
            let drill = roster.drill(table.drill);
            StageTable {
                drill: table.drill.0,
                name: drill.map_or_else(String::new, |it| it.name.clone()),
                division: group_name(roster, table.group).to_owned(),
                measure: drill.map_or("", measure).to_owned(),
                rows: table
                    .rows
                    .iter()
                    .map(|row| stage_row(roster, drill, row))
                    .collect(),
            }
        })
        .collect();
    let in_parts = query.class.is_some() || query.category.is_some() || query.teams;
    let matches = standings
        .overall
        .iter()
        .filter(|_| query.all || (query.drill.is_none() && !in_parts))
        .filter(|table| wants(roster, query, table.group))
        .map(|table| MatchTable {
            division: group_name(roster, table.group).to_owned(),
            rows: table
                .rows
                .iter()
                .map(|row| match_row(roster, row))
                .collect(),
        })
        .collect();
    let gaps = (standings.missing.as_slice(), standings.undecided.as_slice());
    let missing = missing(roster, gaps, query.drill);
    Ok(StandingsData {
        schema: "tallyline.standings/1".to_owned(),
        name: source.name.clone(),
        complete: missing.is_empty(),
        missing,
        state_digest: hex(&source.state_digest),
        phase: report::phase(roster),
        zone_min: roster.structure().zone_min,
        heads: report::heads(&source.heads),
        adds: adds(roster.structure().ruleset.sum).to_owned(),
        stages,
        matches,
        parts: parts(source, standings),
        teams: teams(source, standings),
    })
}

fn wants(roster: &Roster, query: &StandingsQuery, group: Group) -> bool {
    match (&query.division, query.combined) {
        (Some(division), _) => group_name(roster, group).eq_ignore_ascii_case(division),
        (None, true) => group == Group::Combined,
        (None, false) => query.all || group != Group::Combined,
    }
}

/// Computes the tables of classes and categories that were asked for.
fn parts(source: &Source, standings: &Standings) -> Vec<PartTable> {
    let (query, roster) = (&source.query, &source.roster);
    let mut tables = Vec::new();
    let mut add = |by: &str, parts: Vec<PartLines>, only: &str| {
        let wanted = parts.into_iter().filter(|table| {
            wants(roster, query, table.group)
                && (only.is_empty() || table.name.eq_ignore_ascii_case(only))
        });
        tables.extend(wanted.map(|table| {
            PartTable {
                by: by.to_owned(),
                division: group_name(roster, table.group).to_owned(),
                rows: table
                    .rows
                    .iter()
                    .map(|row| match_row(roster, row))
                    .collect(),
                part: table.name,
            }
        }));
    };
    if let Some(class) = &query.class {
        let parts = results::by_class(roster, &source.book, standings);
        add("class", parts.tables, class);
    }
    if let Some(category) = &query.category {
        let parts = results::by_category(roster, &source.book, standings);
        add("category", parts.tables, category);
    }
    tables
}

/// Computes the tables of teams, if they were asked for.
fn teams(source: &Source, standings: &Standings) -> Vec<TeamTable> {
    let (query, roster) = (&source.query, &source.roster);
    if !query.teams {
        return Vec::new();
    }
    let timed = roster.structure().ruleset.sum == Sum::Time;
    let teams = results::by_team(roster, &source.book, standings);
    let tables = teams.tables.iter();
    let tables = tables.filter(|table| wants(roster, query, table.group));
    let numbers = |list: &[ShooterNo]| list.iter().map(|it| it.0).collect();
    let row = |row: &TeamLine| TeamRow {
        place: row.place,
        team: row.team.clone(),
        match_points: (!timed).then(|| row.points.to_string()),
        match_time: timed.then(|| Fixed2(row.time_centis).to_string()),
        counted: numbers(&row.counted),
        others: numbers(&row.others),
        short: row.short,
    };
    tables
        .map(|table| TeamTable {
            division: group_name(roster, table.group).to_owned(),
            counts: teams.counts,
            rows: table.rows.iter().map(row).collect(),
        })
        .collect()
}

fn adds(sum: Sum) -> &'static str {
    match sum {
        Sum::StagePoints => "stage-points",
        Sum::Time => "time",
        Sum::Points => "points",
        Sum::Wins => "wins",
    }
}

fn measure(drill: &Drill) -> &'static str {
    match Measure::of(drill) {
        Some(Measure::HitFactor) => "hit-factor",
        Some(Measure::Points) => "points",
        Some(Measure::Time) => "time",
        None => "",
    }
}

/// Returns the word of why there is no run.
pub(super) fn missed(missed: Missed) -> &'static str {
    match missed {
        Missed::Dnf => "dnf",
        Missed::Dns => "dns",
        Missed::StageDq => "stage-dq",
    }
}

/// Checks that what was asked for exists.
fn check(source: &Source) -> Result<(), Problem> {
    let query = &source.query;
    if let Some(drill) = query.drill
        && !source
            .roster
            .structure()
            .drills
            .iter()
            .any(|it| it.no.0 == drill)
    {
        return Err(Problem::new(
            "E01",
            exits::FAILURE,
            format!(
                "E01 stage {drill} is not in {:?}. `tallyline event show` lists the stages.",
                source.name
            ),
        ));
    }
    if query.combined && query.division.as_ref().is_some_and(|it| !is_combined(it)) {
        return Err(Problem::new(
            codes::BAD_REQUEST,
            exits::USAGE,
            "a division and the combined table are asked for at once; leave one of them out",
        ));
    }
    let shooters = &source.roster.structure().shooters;
    let classes = shooters.iter().map(|it| it.entrant.class.as_str());
    known("class", query.class.as_deref(), &classes.collect())?;
    let categories = shooters.iter().flat_map(|it| &it.categories);
    let categories = categories.map(String::as_str).collect();
    known("category", query.category.as_deref(), &categories)
}

/// Refuses the name of a part that no shooter belongs to; an empty name is all of them.
fn known(what: &str, wanted: Option<&str>, names: &BTreeSet<&str>) -> Result<(), Problem> {
    let Some(wanted) = wanted.filter(|it| !it.is_empty()) else {
        return Ok(());
    };
    let names = names.iter().copied().filter(|it| !it.is_empty());
    let names: Vec<&str> = names.collect();
    if names.iter().any(|it| it.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    let there = if names.is_empty() {
        "nobody is registered with one".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    Err(Problem::new(
        codes::BAD_VALUE,
        exits::USAGE,
        format!("no shooter is of the {what} {wanted:?}; {there}"),
    ))
}

fn stage_row(roster: &Roster, drill: Option<&Drill>, row: &StageLine) -> StageRow {
    let result = row.result.as_ref();
    let timed = drill.is_some_and(|it| Measure::of(it) == Some(Measure::Time));
    let has_xs = drill.is_some_and(|it| it.method == Method::Precision);
    StageRow {
        place: Some(row.place),
        shooter: row.shooter.0,
        label: label(roster, row.shooter),
        dq: result.is_none(),
        points: result.map(|it| it.tally.points),
        penalties: result.map(|it| it.tally.penalties),
        time: result.map(|it| Fixed2::from(it.tally.time_centis).to_string()),
        hit_factor: result.map(|it| it.hit_factor.to_string()),
        stage_points: result.map(|it| it.stage_points.to_string()),
        stage_percent: result.map(|it| it.percent.to_string()),
        total_time: result
            .filter(|_| timed)
            .map(|it| Fixed2(it.tally.total_centis()).to_string()),
        xs: result.map(|it| it.tally.xs).filter(|&xs| has_xs || 0 < xs),
        missed: result
            .and_then(|it| it.missed)
            .map(|it| missed(it).to_owned()),
    }
}

fn match_row(roster: &Roster, row: &MatchLine) -> MatchRow {
    let result = row.result.as_ref();
    let structure = roster.structure();
    let timed = structure.ruleset.sum == Sum::Time;
    let mut drills = structure.drills.iter();
    let has_xs = drills.any(|it| it.method == Method::Precision);
    MatchRow {
        place: Some(row.place),
        shooter: row.shooter.0,
        label: label(roster, row.shooter),
        dq: result.is_none(),
        match_points: result.map(|it| it.points.to_string()),
        match_percent: result.map(|it| it.percent.to_string()),
        match_time: result
            .filter(|_| timed)
            .map(|it| Fixed2(it.time_centis).to_string()),
        xs: result.map(|it| it.xs).filter(|&xs| has_xs || 0 < xs),
        unranked: result
            .and_then(|it| it.unranked)
            .map(|it| missed(it).to_owned()),
    }
}

/// Says for each drill what is missing, and names who has to be decided about.
pub(super) fn missing(
    roster: &Roster,
    (missing, undecided): (&[Cell], &[Cell]),
    only: Option<u32>,
) -> Vec<String> {
    let mut sentences = Vec::new();
    for (drill, shooter) in undecided {
        if only.is_none_or(|only| only == drill.0) {
            let what = match roster.drill(*drill).map(|it| it.method) {
                Some(Method::Chrono) => "readings",
                Some(Method::Court) => "points or sets",
                Some(_) | None => "scores",
            };
            sentences.push(format!(
                "Shooter {shooter} has different {what} on stage {drill}: void all but one."
            ));
        }
    }
    for drill in &roster.structure().drills {
        if drill.method == Method::Chrono || only.is_some_and(|only| only != drill.no.0) {
            continue;
        }
        let shooters: Vec<String> = missing
            .iter()
            .filter(|(missing, _)| *missing == drill.no)
            .map(|(_, shooter)| shooter.to_string())
            .collect();
        if let Some(sentence) = missing_on(drill.no.0, &shooters) {
            sentences.push(sentence);
        }
    }
    sentences.truncate(MISSING_MAX);
    sentences
}

/// Names the shooters without a result on a drill; of many, only how many.
fn missing_on(drill: u32, shooters: &[String]) -> Option<String> {
    match shooters {
        [] => None,
        [one] => Some(format!("Stage {drill}: shooter {one} has no result.")),
        few if few.len() <= 10 => Some(format!(
            "Stage {drill}: shooters {} have no result.",
            few.join(", ")
        )),
        many => Some(format!(
            "Stage {drill}: {} shooters have no result.",
            many.len()
        )),
    }
}

fn group_name(roster: &Roster, group: Group) -> &str {
    match group {
        Group::Combined => COMBINED,
        Group::Division(place) => roster
            .structure()
            .divisions
            .get(place)
            .map_or("?", |division| division.name.as_str()),
    }
}

fn label(roster: &Roster, shooter: ShooterNo) -> String {
    roster
        .shooter(shooter)
        .map_or_else(String::new, |it| it.label.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `standings --class Q` printed nothing at all.
    #[test]
    fn a_class_that_nobody_is_of_is_a_mistake() {
        let names = BTreeSet::from(["", "A", "GM"]);
        assert_eq!(known("class", None, &names), Ok(()));
        assert_eq!(known("class", Some(""), &names), Ok(()), "all of them");
        assert_eq!(known("class", Some("gm"), &names), Ok(()));
        let told = |names: &BTreeSet<&str>| known("class", Some("Q"), names).unwrap_err().text;
        let there = "no shooter is of the class \"Q\"; there are: A, GM";
        assert_eq!(told(&names), there);
        let none = BTreeSet::from([""]);
        let nobody = "no shooter is of the class \"Q\"; nobody is registered with one";
        assert_eq!(told(&none), nobody);
    }
}
