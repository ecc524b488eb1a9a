use alloc::{format, string::String, string::ToString as _, vec::Vec};

use super::*;
use crate::{
    model::{Body, Court, Hits, Score, SetScore, StatusKind, Steel, Target},
    rules::{
        Standing::Live,
        fixture::{OWNER, Venue, reading, roster, run, score, status},
    },
};

fn standings(entries: &[Body]) -> Standings {
    let roster = roster();
    let mut venue = Venue::default();
    for body in entries {
        venue.write(OWNER, body.clone(), Live);
    }
    let book = Scorebook::compute(&roster, &venue, &venue.lines());
    Standings::compute(&roster, &book)
}

/// Drill 2, Fixed Time: this many A, the rest no-penalty misses.
fn fixed(shooter: u32, a: u8) -> Body {
    let target = Target {
        a,
        no_penalty_miss: 10u8.saturating_sub(a),
        ..Target::default()
    };
    Body::Score(Score {
        drill: DrillNo(2),
        hits: [Hits::pack(target).expect("few hits")].to_vec(),
        steel: Steel::default(),
        time_centis: Vec::new(),
        ..score(shooter, 0)
    })
}

/// Place, shooter and stage points of each row.
fn stage(standings: &Standings, drill: u32, group: Group) -> String {
    let rows = standings
        .stage(DrillNo(drill), group)
        .expect("a table")
        .rows
        .iter();
    let rows: Vec<String> = rows
        .map(|row| {
            let points = row
                .result
                .as_ref()
                .map_or("out".into(), |it| it.stage_points.to_string());
            format!("{}:{} {points}", row.place, row.shooter)
        })
        .collect();
    rows.join(", ")
}

#[test]
fn equal_results_share_a_place_and_the_next_is_skipped() {
    let standings = standings(&[run(1, 600), run(2, 600), run(3, 600), run(4, 1_200)]);
    assert_eq!(
        stage(&standings, 1, Group::Division(0)),
        "1:1 30.0000, 1:2 30.0000"
    );
    assert_eq!(
        stage(&standings, 1, Group::Combined),
        "1:1 30.0000, 1:2 30.0000, 1:3 30.0000, 4:4 15.0000"
    );
}

#[test]
fn the_disqualified_are_last_and_the_withdrawn_are_not_listed() {
    let standings = standings(&[
        run(1, 500),
        run(2, 600),
        run(3, 600),
        run(4, 1_200),
        status(StatusKind::MatchDq, None, 1),
        status(StatusKind::Withdrawn, None, 3),
        status(StatusKind::Dnf, Some(2), 2),
        fixed(4, 7),
    ]);
    let combined = Group::Combined;
    assert_eq!(
        stage(&standings, 1, combined),
        "1:2 30.0000, 2:4 15.0000, 3:1 out"
    );
    assert_eq!(
        stage(&standings, 2, combined),
        "1:4 35.0000, 2:2 0.0000, 3:1 out"
    );
    assert!(standings.is_complete(), "who is out is not missing");
    let roster = roster();
    assert_eq!(
        standings.overall_csv(&roster).to_string(),
        "division,place,shooter,dq,match_points,match_percent\r\n\
         Open,1,2,0,30.0000,100.0000\r\n\
         Open,2,1,1,,\r\n\
         Production,1,4,0,65.0000,100.0000\r\n\
         Combined,1,4,0,50.0000,100.0000\r\n\
         Combined,2,2,0,30.0000,60.0000\r\n\
         Combined,3,1,1,,\r\n"
    );
}

#[test]
fn missing_results_and_decisions_are_named() {
    let standings = standings(&[
        run(1, 500),
        run(1, 501),
        run(2, 600),
        run(3, 700),
        fixed(1, 5),
    ]);
    let cell = |drill, shooter| (DrillNo(drill), ShooterNo(shooter));
    assert_eq!(
        standings.missing,
        [cell(1, 4), cell(2, 2), cell(2, 3), cell(2, 4)]
    );
    assert_eq!(standings.undecided, [cell(1, 1)]);
    assert!(!standings.is_complete(), "both are missing");
    let table = standings.overall(Group::Division(1)).expect("a table");
    let points = table
        .rows
        .iter()
        .map(|row| row.result.expect("numbers").points.to_string());
    assert_eq!(
        points.collect::<Vec<_>>(),
        ["30.0000", "0.0000"],
        "nobody is forgotten"
    );
}

/// Standings said "complete" while two readings of one shooter waited for a person.
#[test]
fn a_reading_to_be_decided_and_a_court_without_a_winner_leave_them_incomplete() {
    let all = || (1..=4).flat_map(|no| [run(no, 600), fixed(no, 5)]);
    let mut entries: Vec<Body> = all().collect();
    entries.extend([reading(1, 1_300), reading(1, 1_200)]);
    let undecided = standings(&entries);
    assert_eq!(undecided.undecided, [(DrillNo(3), ShooterNo(1))]);
    assert!(!undecided.is_complete(), "a person must void one");
    let mut roster = roster();
    let mut structure = roster.structure().clone();
    structure.drills[0].method = Method::Court;
    structure.drills[0].terms.court = Some(Court {
        a: ShooterNo(1),
        b: ShooterNo(2),
        sets_to_win: 1,
        points: 21,
        points_last: 21,
        lead: 2,
        cap: 30,
    });
    roster = Roster::new(structure);
    let mut venue = Venue::default();
    let mut standings_with = |body: Body| {
        venue.write(OWNER, body, Live);
        let book = Scorebook::compute(&roster, &venue, &venue.lines());
        let standings = Standings::compute(&roster, &book);
        let mut renewed = Standings {
            missing: Vec::new(),
            undecided: Vec::new(),
            ..standings.clone()
        };
        let everything = About {
            drill: None,
            shooter: ShooterNo(1),
        };
        renewed.renew(&roster, &book, &[everything]);
        assert_eq!(renewed.missing, standings.missing, "renewed");
        assert_eq!(renewed.undecided, standings.undecided, "renewed");
        standings
            .missing
            .into_iter()
            .filter(|(drill, _)| *drill == DrillNo(1))
            .collect::<Vec<_>>()
    };
    let set = |own| {
        Body::SetScore(SetScore {
            drill: DrillNo(1),
            side: ShooterNo(1),
            set: 1,
            own,
            other: 15,
        })
    };
    let both = [(DrillNo(1), ShooterNo(1)), (DrillNo(1), ShooterNo(2))];
    assert_eq!(standings_with(fixed(1, 5)), both, "nobody has won");
    assert_eq!(standings_with(set(21)), [], "1 has");
}

#[test]
fn the_digest_changes_with_the_content_only() {
    let one = standings(&[run(1, 500), run(2, 600)]);
    let other_order = standings(&[run(2, 600), run(1, 500)]);
    assert_eq!(one.digest(), other_order.digest());
    let again = standings(&[run(1, 500), run(2, 600), run(2, 600)]);
    assert_eq!(
        one.digest(),
        again.digest(),
        "a duplicate changes nothing that is shown"
    );
    for other in [
        standings(&[run(1, 500), run(2, 601)]),
        standings(&[run(1, 500)]),
        standings(&[run(1, 500), run(2, 600), run(2, 700)]),
        standings(&[
            run(1, 500),
            run(2, 600),
            status(StatusKind::MatchDq, None, 2),
        ]),
    ] {
        assert_ne!(one.digest(), other.digest(), "{other:?}");
    }
}
