//! What the strategies draw: a comparison shows nothing about what never happens.

use std::collections::BTreeMap;

use proptest::{strategy::ValueTree as _, test_runner::TestRunner};

use crate::{
    compare::groups,
    independent::{
        counted::{Attendance, Reading},
        facts::{Event, Num, Power, Said, Sport, Way, Why},
        tables::StageLine,
    },
    invented::events,
    renewed::SPORTS,
};

/// Events of each sport that are looked at.
const EVENTS: usize = 256;

type Seen = BTreeMap<String, usize>;

fn see(seen: &mut Seen, what: impl Into<String>, happens: bool) {
    *seen.entry(what.into()).or_default() += usize::from(happens);
}

fn look(event: &Event, seen: &mut Seen) {
    let reading = Reading::of(event);
    for person in &event.people {
        let attendance = reading.attendance(person.no);
        let out = attendance == Attendance::Disqualified;
        see(seen, "a match DQ", out);
        see(seen, "a withdrawal", attendance == Attendance::Withdrawn);
        let power = reading.power(person.no);
        let below = power < person.declared;
        see(
            seen,
            "Subminor by chronograph",
            below && power == Power::Subminor,
        );
        see(seen, "Minor by chronograph", below && power == Power::Minor);
    }
    for fact in &event.facts {
        see(seen, "a correction", matches!(fact.said, Said::Undo(_)));
        if let Said::Shot(shot) = &fact.said {
            see(seen, "a reshoot", 0 < shot.attempt);
        }
        see(
            seen,
            "a set told",
            matches!(fact.said, Said::SetScore { .. }),
        );
    }
    for stage in event.ranked_stages() {
        let lines = reading.stage_table(stage, None);
        look_at_stage(stage.way, &lines, seen);
    }
    look_at_match(event, &reading, seen);
}

fn look_at_stage(way: Way, lines: &[StageLine], seen: &mut Seen) {
    for line in lines {
        let Some(cells) = &line.cells else { continue };
        let shared = lines.iter().filter(|it| it.place == line.place).count();
        let run = cells.missed.is_none();
        see(
            seen,
            format!("a place on {way:?} that is shared"),
            1 < shared && run,
        );
        // Who passed has everything, who failed nothing.
        if way != Way::ParPass {
            let part = 0 < cells.percent && cells.percent < 10_000;
            see(seen, format!("a share of {way:?}"), part);
        }
        see(seen, "a slot in doubt", cells.doubtful);
        see(seen, "a penalty", 0 < cells.sheet.penalties);
        see(
            seen,
            "a floor at 0",
            cells.sheet.points < cells.sheet.penalties,
        );
        see(seen, "a bonus", cells.sheet.added < 0);
        for why in [Why::Dnf, Why::Dns, Why::StageDq] {
            see(seen, format!("{why:?}"), cells.missed == Some(why));
        }
    }
}

fn look_at_match(event: &Event, reading: &Reading<'_>, seen: &mut Seen) {
    let lines = reading.match_table(None);
    for line in &lines {
        let Some(cells) = &line.cells else { continue };
        let shared = lines.iter().filter(|it| it.place == line.place).count();
        let ranked = cells.unranked.is_empty();
        see(
            seen,
            "a match place that is shared",
            1 < shared && ranked && 0 < cells.drills,
        );
        see(seen, "somebody who is not ranked", !ranked);
        let stages = Num::try_from(event.ranked_stages().count()).expect("few stages");
        see(seen, "a gap", 0 < cells.drills && cells.drills < stages);
        let won = event.sport == Sport::Court && 0 < cells.points;
        see(seen, "a court match that was won", won);
    }
    // A tie-break decides if the table is another one without it and what follows.
    let mut shorter = event.clone();
    while let Some(tie) = shorter.numbers.ties.last().copied() {
        let with = Reading::of(&shorter);
        let tables: Vec<_> = groups(event)
            .iter()
            .map(|it| with.match_table(*it))
            .collect();
        shorter.numbers.ties.pop();
        let without = Reading::of(&shorter);
        let decides = groups(event)
            .iter()
            .zip(tables)
            .any(|(group, with)| without.match_table(*group) != with);
        see(seen, format!("{tie:?} that decides"), decides);
    }
}

#[test]
fn the_strategies_draw_everything_that_a_table_shows() {
    let mut runner = TestRunner::deterministic();
    let mut seen = Seen::new();
    for sport in SPORTS {
        for _ in 0..EVENTS {
            use proptest::strategy::Strategy as _;
            let tree = events(sport).new_tree(&mut runner).expect("an event");
            look(&tree.current(), &mut seen);
        }
    }
    let never: Vec<&String> = seen
        .iter()
        .filter(|(_, times)| **times < 5)
        .map(|(what, _)| what)
        .collect();
    assert!(
        never.is_empty(),
        "hardly ever drawn: {never:?} of {seen:#?}"
    );
    // Eighteen of any sport; a shared place of each of twelve ways of scoring, and a share of each
    // but one; eight tie-breaks.
    assert_eq!(seen.len(), 18 + 12 + 11 + 8, "{seen:#?}");
}
