//! Both calculations of one event side by side.

use std::fmt::Debug;

use tallyline_proto::{
    model::DrillNo,
    rules::{Scorebook, Standings, Verdict},
};

use crate::{
    bridge,
    independent::{counted::Reading, facts::Event},
};

/// What the package under test makes of an event.
pub(crate) fn tables(event: &Event) -> (Scorebook, Standings) {
    let roster = bridge::roster(event);
    let venue = bridge::venue(event);
    venue.standings(&roster, &venue.lines())
}

/// Every group of an event: its divisions, and everybody.
pub(crate) fn groups(event: &Event) -> Vec<Option<usize>> {
    let divisions = (0..event.divisions.len()).map(Some);
    divisions.chain([None]).collect()
}

/// Compares every cell of every table. Returns how many rows were compared.
pub(crate) fn check(event: &Event, standings: &Standings) -> usize {
    let mut rows = 0;
    let reading = Reading::of(event);
    let ranked: Vec<_> = event.ranked_stages().collect();
    let groups = groups(event);
    assert_eq!(
        (standings.stages.len(), standings.overall.len()),
        (groups.len() * ranked.len(), groups.len()),
        "number of tables"
    );
    for division in groups {
        let group = bridge::group(division);
        for stage in &ranked {
            let table = standings.stage(DrillNo(stage.no), group).expect("a table");
            let ours = reading.stage_table(stage, division);
            same(
                &bridge::stage_lines(table),
                &ours,
                &format!("{group:?} on {stage:?}"),
            );
            rows += ours.len();
        }
        let table = standings.overall(group).expect("a table");
        let ours = reading.match_table(division);
        let theirs = bridge::match_lines(table, event.numbers.percent_decimals);
        same(&theirs, &ours, &format!("{group:?} over the match"));
        rows += ours.len();
    }
    assert_eq!(
        bridge::open_slots(standings),
        reading.open_slots(),
        "missing and undecided slots"
    );
    rows
}

/// Compares two tables line by line, so that a failure shows the line.
fn same<T: PartialEq + Debug>(theirs: &[T], ours: &[T], table: &str) {
    for (their, our) in theirs.iter().zip(ours) {
        assert_eq!(
            their, our,
            "left: proto, right: oracle; {table}\n{theirs:#?}"
        );
    }
    assert_eq!(theirs.len(), ours.len(), "lines of {table}");
}

/// Compares both calculations of an event all of whose entries fit.
pub(crate) fn check_event(event: &Event) {
    let (book, standings) = tables(event);
    for (entry, verdict) in book.verdicts() {
        assert!(
            !matches!(verdict, Verdict::Unfit(_) | Verdict::Waiting),
            "the strategy invented an entry that cannot count: {entry} {verdict:?}"
        );
    }
    check(event, &standings);
}
