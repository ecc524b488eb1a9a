//! Events written by hand: a few people, a few stages, what they shot.

use tallyline_proto::{
    model::{DrillNo, ShooterNo},
    rules::{
        Fixed2, Standings,
        standings::{Group, MatchResult, MatchRow, StageResult, StageRow},
    },
};

use crate::{
    compare::{check_event, tables},
    independent::facts::{
        Event, Fact, Floors, Num, Numbers, Paper, Person, Power, Said, Shot, Sport, Stage, Way,
    },
    rules_venue::OWNER,
};

/// An event with one division and nothing in it.
pub(crate) fn event(sport: Sport) -> Event {
    Event {
        sport,
        own_numbers: false,
        numbers: Numbers::of(sport),
        divisions: vec![Floors {
            minor: None,
            major: None,
        }],
        stages: vec![],
        people: vec![],
        rules: vec![],
        facts: vec![],
    }
}

impl Event {
    /// Adds people of the first division; their numbers go on from 1.
    pub(crate) fn join(&mut self, powers: &[Power]) {
        for declared in powers {
            self.people.push(Person {
                no: u32::try_from(self.people.len() + 1).expect("few people"),
                division: 0,
                declared: *declared,
            });
        }
    }

    pub(crate) fn say(&mut self, said: Said) {
        self.facts.push(Fact {
            device: OWNER,
            said,
        });
    }

    /// Writes a run on stage 1.
    pub(crate) fn shoot(&mut self, who: u32, shot: Shot) {
        self.say(Said::Shot(Box::new(Shot {
            stage: shot.stage.max(1),
            who,
            ..shot
        })));
    }
}

/// A stage 1 of one string with these paper targets and steel.
pub(crate) fn stage(way: Way, papers: &[Num], steel: Num) -> Stage {
    Stage {
        papers: papers.to_vec(),
        steel,
        ..Stage::plain(1, way)
    }
}

/// Spreads counts of A, B, C, D, no-shoots, misses and free misses over targets.
pub(crate) fn spread(counts: [Num; 7], required: &[Num]) -> Vec<Paper> {
    let mut left = counts;
    let mut papers = Vec::new();
    for required in required {
        let mut room = *required;
        let mut take = |place: usize, room: &mut Num| {
            let part = left[place].min(*room);
            left[place] -= part;
            *room -= part;
            part
        };
        papers.push(Paper {
            a: take(0, &mut room),
            b: take(1, &mut room),
            c: take(2, &mut room),
            d: take(3, &mut room),
            miss: take(5, &mut room),
            free_miss: take(6, &mut room),
            no_shoot: take(4, &mut 15),
        });
    }
    assert_eq!(left, [0; 7], "every count has a place");
    papers
}

/// The package's tables, after the other calculation agreed with each cell.
pub(crate) fn agreed(event: &Event) -> Standings {
    check_event(event);
    tables(event).1
}

pub(crate) fn stage_row(standings: &Standings, stage: u32, who: u32) -> &StageRow {
    let table = standings.stage(DrillNo(stage), Group::Combined);
    let mut rows = table.expect("a table").rows.iter();
    rows.find(|row| row.shooter == ShooterNo(who))
        .expect("a row")
}

pub(crate) fn result(standings: &Standings, stage: u32, who: u32) -> &StageResult {
    let row = stage_row(standings, stage, who);
    row.result.as_ref().expect("numbers")
}

pub(crate) fn match_row(standings: &Standings, who: u32) -> MatchRow {
    let table = standings.overall(Group::Combined).expect("a table");
    let mut rows = table.rows.iter();
    *rows
        .find(|row| row.shooter == ShooterNo(who))
        .expect("a row")
}

pub(crate) fn match_result(standings: &Standings, who: u32) -> MatchResult {
    match_row(standings, who).result.expect("numbers")
}

/// Points, penalties, hit factor, stage points and percent as they are printed.
pub(crate) fn printed(standings: &Standings, stage: u32, who: u32) -> String {
    let it = result(standings, stage, who);
    let (points, penalties) = (it.tally.points, it.tally.penalties);
    let (factor, stage_points, percent) = (it.hit_factor, it.stage_points, it.percent);
    format!("{points} {penalties} {factor} {stage_points} {percent}")
}

/// The time of a stage with all that was added, as it is printed.
pub(crate) fn time(standings: &Standings, stage: u32, who: u32) -> String {
    Fixed2(result(standings, stage, who).tally.total_centis()).to_string()
}

/// Place and number of each line of the match, and "-" for those who are not ranked.
pub(crate) fn order(standings: &Standings) -> String {
    let table = standings.overall(Group::Combined).expect("a table");
    let lines = table.rows.iter().map(|row| {
        let unranked = row.result.is_some_and(|it| it.unranked.is_some());
        let mark = if unranked { "-" } else { "" };
        format!("{}:{}{mark}", row.place, row.shooter)
    });
    lines.collect::<Vec<_>>().join(" ")
}
