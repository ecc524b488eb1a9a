//! Standings of the real match: from nothing, and after one more score.
//!
//! Source: docs/BENCHMARKS.md, under 50 ms and under 1 ms. Layer: benches.

use std::collections::BTreeSet;
use std::time::Duration;

use criterion::Criterion;
use tallyline_proto::model::{About, DrillNo, ShooterNo};
use tallyline_proto::rules::{Line, Scorebook, Standings};

use crate::figures::{measure, verdict};
use crate::wasa::{Wasa, unpack};

/// Longest time that standings may take from nothing: shorter than anybody notices.
const TARGET: Duration = Duration::from_millis(50);
/// Longest time that they may take after one more score: a step of the node waits for it.
const TARGET_AGAIN: Duration = Duration::from_millis(1);

const STAGES: &[u8] = include_bytes!("../../../tests/data/wasa2018/expected_stages.csv.gz");
const OVERALL: &str = include_str!("../../../tests/data/wasa2018/expected_overall.csv");

/// The columns with the place, which shooters with equal results share here and not in the files.
const STAGES_PLACE: usize = 2;
const OVERALL_PLACE: usize = 1;

pub(crate) fn bench(criterion: &mut Criterion, wasa: &Wasa) {
    check(wasa);
    let mut group = criterion.benchmark_group("standings");
    let time = measure(&mut group, "from nothing", || (), |()| compute(wasa));
    let (book, standings) = compute(wasa);
    let (mut book_again, mut standings_again) = (book.clone(), standings.clone());
    let again = measure(
        &mut group,
        "after one more score",
        || (),
        |()| {
            renew(wasa, &mut book_again, &mut standings_again);
        },
    );
    group.finish();
    assert_eq!(
        (&book_again, &standings_again),
        (&book, &standings),
        "the same in the end"
    );
    if let Some(time) = time {
        let time = time.median;
        let verdict = verdict(time < TARGET);
        println!("standings of the real match from nothing: {time:.2?} (under 50 ms: {verdict})");
    }
    if let Some(time) = again {
        let time = time.median;
        let verdict = verdict(time < TARGET_AGAIN);
        println!(
            "standings of the real match after one more score: {time:.2?} (under 1 ms: {verdict})"
        );
    }
}

/// Reads again what decides about the shooter of one score, and ranks the tables of its drill again:
/// what a node does when one more score arrives.
fn renew(wasa: &Wasa, book: &mut Scorebook, standings: &mut Standings) {
    let roster = wasa.ledger.authority().roster();
    let changed = About {
        drill: Some(DrillNo(2)),
        shooter: ShooterNo(175),
    };
    let lines = wasa.ledger.lines_about(changed.shooter);
    let shooters = BTreeSet::from([changed.shooter]);
    book.renew(roster, &wasa.ledger, &shooters, &lines);
    standings.renew(roster, book, &[changed]);
}

fn compute(wasa: &Wasa) -> (Scorebook, Standings) {
    let roster = wasa.ledger.authority().roster();
    let lines: Vec<Line<'_>> = wasa.ledger.lines().collect();
    let book = Scorebook::compute(roster, &wasa.ledger, &lines);
    let standings = Standings::compute(roster, &book);
    (book, standings)
}

/// What is measured must be the match: its results are the printed ones.
fn check(wasa: &Wasa) {
    let roster = wasa.ledger.authority().roster();
    let (book, standings) = compute(wasa);
    println!("{:?}", book.totals());
    assert!(
        standings.is_complete(),
        "{:?} {:?}",
        standings.missing,
        standings.undecided
    );
    let stages = standings.stages_csv(roster).to_string();
    assert_eq!(
        rows(&stages, STAGES_PLACE),
        rows(&unpack(STAGES), STAGES_PLACE),
        "the stage rows are the printed ones"
    );
    let overall = standings.overall_csv(roster).to_string();
    assert_eq!(
        rows(&overall, OVERALL_PLACE),
        rows(OVERALL, OVERALL_PLACE),
        "the match rows are the printed ones"
    );
}

/// Returns the rows of a CSV text without one column.
fn rows(csv: &str, without: usize) -> BTreeSet<Vec<&str>> {
    let row = |line| {
        let columns = str::split(line, ',').enumerate();
        columns
            .filter(|(at, _)| *at != without)
            .map(|(_, column)| column)
            .collect()
    };
    csv.lines().map(row).collect()
}
