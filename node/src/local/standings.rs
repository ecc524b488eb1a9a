//! The tables of `standings` from a roster and a scorebook.
//!
//! Layer: node, local.

use tallyline_proto::model::{Method, ShooterNo};
use tallyline_proto::rules::standings::{Group, MatchRow as MatchLine, StageRow as StageLine};
use tallyline_proto::rules::{Fixed2, Roster, Standings};

use super::answers::Source;
use super::protocol::{
    MatchRow, MatchTable, Problem, StageRow, StageTable, StandingsData, codes, exits,
};
use crate::root::hex;

/// How the table of all divisions is called.
const COMBINED: &str = "Combined";

/// Most sentences about what is missing: before the last day nearly everything is, and nobody
/// reads more.
const MISSING_MAX: usize = 100;

/// Returns whether a division's name means the combined table.
pub(super) fn is_combined(name: &str) -> bool {
    name.eq_ignore_ascii_case(COMBINED)
}

/// Computes the tables that were asked for.
pub(super) fn compute(source: &Source) -> Result<StandingsData, Problem> {
    check(source)?;
    let query = &source.query;
    let standings = Standings::compute(&source.roster, &source.book);
    let wanted = |group: Group| {
        let name = group_name(&source.roster, group);
        match (&query.division, query.combined) {
            (Some(division), _) => name.eq_ignore_ascii_case(division),
            (None, true) => group == Group::Combined,
            (None, false) => query.all || group != Group::Combined,
        }
    };
    let stages = standings
        .stages
        .iter()
        .filter(|table| (query.all || query.drill == Some(table.drill.0)) && wanted(table.group))
        .map(|table| StageTable {
            drill: table.drill.0,
            name: source
                .roster
                .drill(table.drill)
                .map_or_else(String::new, |it| it.name.clone()),
            division: group_name(&source.roster, table.group).to_owned(),
            rows: table
                .rows
                .iter()
                .map(|row| stage_row(&source.roster, row))
                .collect(),
        })
        .collect();
    let matches = standings
        .overall
        .iter()
        .filter(|table| (query.all || query.drill.is_none()) && wanted(table.group))
        .map(|table| MatchTable {
            division: group_name(&source.roster, table.group).to_owned(),
            rows: table
                .rows
                .iter()
                .map(|row| match_row(&source.roster, row))
                .collect(),
        })
        .collect();
    let missing = missing(&source.roster, &standings, query.drill);
    Ok(StandingsData {
        schema: "tallyline.standings/1".to_owned(),
        name: source.name.clone(),
        complete: missing.is_empty(),
        missing,
        state_digest: hex(&source.state_digest),
        stages,
        matches,
    })
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
    Ok(())
}

fn stage_row(roster: &Roster, row: &StageLine) -> StageRow {
    let result = row.result.as_ref();
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
    }
}

fn match_row(roster: &Roster, row: &MatchLine) -> MatchRow {
    let result = row.result.as_ref();
    MatchRow {
        place: Some(row.place),
        shooter: row.shooter.0,
        label: label(roster, row.shooter),
        dq: result.is_none(),
        match_points: result.map(|it| it.points.to_string()),
        match_percent: result.map(|it| it.percent.to_string()),
    }
}

/// Says for each drill what is missing, and names who has to be decided about.
fn missing(roster: &Roster, standings: &Standings, only: Option<u32>) -> Vec<String> {
    let mut sentences = Vec::new();
    for (drill, shooter) in &standings.undecided {
        if only.is_none_or(|only| only == drill.0) {
            sentences.push(format!(
                "Shooter {shooter} has two different scores on stage {drill}: void one of them."
            ));
        }
    }
    for drill in &roster.structure().drills {
        if drill.method == Method::Chrono || only.is_some_and(|only| only != drill.no.0) {
            continue;
        }
        let shooters: Vec<String> = standings
            .missing
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
