use alloc::{string::ToString as _, vec, vec::Vec};

use super::*;
use crate::model::Steel;
use crate::{
    model::{
        Agreed, Hits, Penalty, RosterChange, Score, SetScore, ShooterEdit, SquadNo, Target, Void,
        VoidReason,
    },
    rules::{
        Standing,
        fixture::{OWNER, Venue, id, reading, reshoot, roster, run, score, status},
    },
};

/// A score on drill 1 of shooter 1, changed.
fn with(change: impl FnOnce(&mut Score)) -> Body {
    let mut score = score(1, 600);
    change(&mut score);
    Body::Score(score)
}

fn fixed_time(change: impl FnOnce(&mut Score)) -> Body {
    with(|score| {
        let ten = Target {
            a: 6,
            c: 4,
            ..Target::default()
        };
        score.drill = DrillNo(2);
        score.hits = vec![Hits::pack(ten).expect("few hits")];
        score.steel = Steel::default();
        score.time_centis.clear();
        change(score);
    })
}

fn hits(target: Target) -> Hits {
    Hits::pack(target).expect("few hits")
}

fn check_text(body: &Body, expected: &str) {
    let result = check_content(&roster(), "Wasa 2018", body, 1);
    let text = result.map_or_else(|mistake| mistake.to_string(), |()| "ok".into());
    assert_eq!(text, expected, "{body:?}");
}

#[test]
fn unknown_numbers_are_named_with_the_range() {
    check_text(
        &run(239, 600),
        "E01 shooter 239 is not on the roster of \"Wasa 2018\" (1-4). Ask the event owner to add \
         the shooter, then enter the score again.",
    );
    check_text(
        &with(|score| score.drill = DrillNo(16)),
        "E01 stage 16 is not part of \"Wasa 2018\" (1-3). Choose the stage again.",
    );
    check_text(
        &with(|score| {
            score.penalties = vec![Penalty {
                rule: RuleNo(9),
                count: 1,
            }];
        }),
        "E01 rule 9 is not in the rule list of \"Wasa 2018\" (1, 2). Choose the rule again.",
    );
    check_text(
        &with(|score| score.drill = DrillNo(3)),
        "E01 stage 3 is the chronograph. Choose the stage again.",
    );
    check_text(
        &status(StatusKind::Dnf, None, 1),
        "E01 DNF needs a stage. Choose the stage.",
    );
    check_text(&reading(1, 1_300), "ok");
    let mut elsewhere = reading(1, 1_300);
    if let Body::Chrono(chrono) = &mut elsewhere {
        chrono.drill = DrillNo(1);
    }
    check_text(
        &elsewhere,
        "E01 stage 1 is not the chronograph. Choose the stage again.",
    );
}

#[test]
fn hits_of_every_target_must_add_up() {
    check_text(&run(1, 600), "ok");
    check_text(
        &with(|score| score.hits[1] = Hits::default()),
        "E03 target 2 has 0 of 2 hits. Enter hits, misses (M) or no-penalty misses for every \
         required shot.",
    );
    let three = Target {
        a: 1,
        b: 1,
        d: 1,
        ..Target::default()
    };
    check_text(
        &with(|score| score.hits[0] = hits(three)),
        "E03 target 1 has 3 of 2 hits. Enter hits, misses (M) or no-penalty misses for every \
         required shot.",
    );
    let missed = Target {
        miss: 1,
        no_penalty_miss: 1,
        ..Target::default()
    };
    check_text(&with(|score| score.hits[0] = hits(missed)), "ok");
    check_text(
        &with(|score| {
            score.hits.pop();
        }),
        "E04 stage 1 has 2 paper targets, the score has 1. Enter every paper target.",
    );
    check_text(
        &with(|score| score.late_shots = 1),
        "E03 stage 1 is scored without late shots. Set them to 0.",
    );
    check_text(&fixed_time(|score| score.late_shots = 1), "ok");
}

#[test]
fn steel_and_no_shoots_must_fit_the_drill() {
    check_text(
        &with(|score| score.steel.hit = 1),
        "E05 stage 1 has 2 steel targets; hit 1 + missed 0 = 1.",
    );
    check_text(
        &with(|score| {
            score.steel = Steel {
                hit: 1,
                no_penalty_miss: 1,
                ..Steel::default()
            }
        }),
        "ok",
    );
    let no_shoot = Target {
        a: 2,
        no_shoot: 1,
        ..Target::default()
    };
    check_text(
        &with(|score| score.hits[0] = hits(no_shoot)),
        "E08 stage 1 has no no-shoots.",
    );
    check_text(
        &with(|score| score.steel.no_shoot = 1),
        "E08 stage 1 has no no-shoots.",
    );
    let covered = Target {
        a: 10,
        no_shoot: 1,
        ..Target::default()
    };
    check_text(&fixed_time(|score| score.hits = vec![hits(covered)]), "ok");
}

#[test]
fn a_time_is_needed_but_for_fixed_time() {
    let missing = "E06 no time entered. Use DNF if the shooter did not fire.";
    check_text(&with(|score| score.time_centis.clear()), missing);
    check_text(&run(1, 0), missing);
    check_text(
        &with(|score| score.time_centis = vec![600, 0]),
        "E06 string 2 has no time. Enter it.",
    );
    check_text(
        &with(|score| score.time_centis = vec![1, 2, 3]),
        "E07 1 string expected, 3 given.",
    );
    check_text(&fixed_time(|_| {}), "ok");
    check_text(&fixed_time(|score| score.time_centis = vec![0]), "ok");
}

#[test]
fn notes_and_revisions_have_limits() {
    let note = |bytes| {
        let (reason, note) = (VoidReason::Test, "x".repeat(bytes));
        Body::Void(Void {
            entry: id(0),
            reason,
            note,
            agreed: Agreed::default(),
        })
    };
    check_text(&note(120), "ok");
    check_text(&note(140), "E21 note has 140 bytes, limit 120.");
    let mistake = check_content(&roster(), "", &run(1, 600), 2).expect_err("a later revision");
    assert_eq!(
        mistake.to_string(),
        "E18 this device has revision 1 of the event, the score needs revision 2.",
    );
}

#[test]
fn a_score_of_an_earlier_revision_is_told_to_reload() {
    let mut roster = roster();
    roster.apply(&RosterChange::Edit(ShooterEdit {
        shooter: ShooterNo(1),
        squad: Some(SquadNo(2)),
        division: None,
        power_factor: None,
        categories: None,
        entrant: None,
        label: None,
    }));
    let body = with(|score| score.hits.clear());
    let mistake = check_content(&roster, "", &body, 1).expect_err("no targets");
    assert_eq!(
        mistake.to_string(),
        "E04 stage 1 has 2 paper targets, the score has 0. The event was changed since (revision \
         2); reload it.",
    );
}

/// Shooter 1 is disqualified, shooter 2 withdrawn, shooter 3 has a score.
fn book(roster: &Roster) -> (Venue, Scorebook) {
    let mut venue = Venue::default();
    venue.write(1, status(StatusKind::MatchDq, Some(1), 1), Standing::Live);
    venue.write(
        OWNER,
        status(StatusKind::Withdrawn, None, 2),
        Standing::Live,
    );
    venue.write(1, run(3, 4_292), Standing::Live);
    let book = Scorebook::compute(roster, &venue, &venue.lines());
    (venue, book)
}

fn desk<'a>(roster: &'a Roster, book: &'a Scorebook, writer: Writer) -> Desk<'a> {
    Desk {
        event: "Wasa 2018",
        roster,
        book,
        writer,
        time_bounds: TimeBounds::Asked,
    }
}

fn said(desk: &Desk<'_>, body: &Body) -> String {
    check(desk, body, 1).map_or_else(|mistake| mistake.to_string(), |()| "ok".into())
}

#[test]
fn only_the_owner_adds_scores_of_a_shooter_who_is_out() {
    let roster = roster();
    let (_, book) = book(&roster);
    let officer = desk(&roster, &book, Writer::Officer);
    let disqualified = "E11 shooter 1 was disqualified at 03:00 on stage 1 (10.5.5). Only the \
                        owner may add scores.";
    // Before the content: an empty score of a disqualified shooter is E11, not E03.
    for body in [
        run(1, 600),
        with(|score| score.hits.clear()),
        reading(1, 900),
    ] {
        assert_eq!(said(&officer, &body), disqualified);
    }
    assert_eq!(
        said(&officer, &status(StatusKind::Dnf, Some(2), 1)),
        disqualified
    );
    assert_eq!(said(&officer, &status(StatusKind::MatchDq, None, 1)), "ok");
    assert_eq!(
        said(&officer, &run(2, 600)),
        "E11 shooter 2 was withdrawn at 03:01. Only the owner may add scores.",
    );
    assert_eq!(
        said(&desk(&roster, &book, Writer::Owner), &run(1, 600)),
        "ok"
    );
}

#[test]
fn a_strange_time_must_be_confirmed() {
    let roster = roster();
    let book = Scorebook::default();
    let asked = desk(&roster, &book, Writer::Officer);
    let confirmed = Desk {
        time_bounds: TimeBounds::Confirmed,
        ..asked
    };
    for (time_centis, expected) in [
        (12, "E06 time 0.12 s is below 0.50 s: confirm or correct."),
        (50, "ok"),
        (60_000, "ok"),
        (
            60_001,
            "E06 time 600.01 s is above 600.00 s: confirm or correct.",
        ),
    ] {
        assert_eq!(said(&asked, &run(1, time_centis)), expected);
        assert_eq!(
            said(&confirmed, &run(1, time_centis)),
            "ok",
            "{time_centis}"
        );
    }
    assert_ne!(
        said(&confirmed, &run(1, 0)),
        "ok",
        "a missing time cannot be confirmed"
    );
}

#[test]
fn an_event_that_is_not_locked_takes_no_scores() {
    let roster = Roster::new(roster().structure().clone());
    let book = Scorebook::default();
    assert_eq!(
        said(&desk(&roster, &book, Writer::Owner), &run(1, 600)),
        "E12 the event is not locked yet and takes no scores. Ask the owner to lock the event.",
    );
}

/// What a person is asked who saves a body at the small event's desk.
fn asked(body: &Body, replaces: Option<usize>) -> Option<String> {
    let roster = roster();
    let (venue, book) = book(&roster);
    let lines: Vec<Line<'_>> = venue.lines();
    let desk = desk(&roster, &book, Writer::Officer);
    question(&desk, &lines, body, replaces.map(id)).map(|it| it.to_string())
}

#[test]
fn a_filled_place_is_asked_about() {
    let question = "E09 shooter 3 already has a score on stage 1 (42.92 s, 03:02). Reshoot, \
                    correction, or wrong shooter?";
    let dnf = status(StatusKind::Dnf, Some(1), 3);
    assert_eq!(asked(&run(3, 600), None).as_deref(), Some(question));
    assert_eq!(asked(&dnf, None).as_deref(), Some(question), "a status");
    assert_eq!(asked(&run(3, 600), Some(2)), None, "it replaces that score");
    assert_eq!(asked(&run(3, 4_292), None), None, "the very same again");
    assert_eq!(asked(&reshoot(3, 600, 1), None), None, "a reshoot was said");
    assert_eq!(asked(&run(4, 600), None), None, "the slot is free");
    let warned = status(StatusKind::Warning, Some(1), 3);
    assert_eq!(asked(&warned, None), None, "every warning is listed");
}

#[test]
fn what_stands_in_a_place_is_named_as_it_is() {
    let roster = roster();
    let points = fixed_time(|_| {});
    let twice = fixed_time(|score| score.late_shots = 1);
    let set = |own| {
        Body::SetScore(SetScore {
            drill: DrillNo(9),
            side: ShooterNo(1),
            set: 1,
            own,
            other: 20,
        })
    };
    for (held, fresh, shown) in [
        (status(StatusKind::Dns, Some(1), 3), run(3, 600), "(DNS, "),
        (
            status(StatusKind::StageDq, Some(1), 3),
            run(3, 600),
            "(stage DQ, ",
        ),
        (points, twice, "(42 points, "),
        (reading(1, 1_300), reading(1, 1_400), "(power factor 161, "),
    ] {
        let mut venue = Venue::default();
        venue.write(1, held, Standing::Live);
        let lines = venue.lines();
        let book = Scorebook::compute(&roster, &venue, &lines);
        let desk = desk(&roster, &book, Writer::Officer);
        let text = question(&desk, &lines, &fresh, None).map(|it| it.to_string());
        let text = text.unwrap_or_default();
        assert!(text.contains(shown), "{text}");
    }
    assert_eq!(asked(&set(25), None), None, "no such court");
}

/// S0-14 begins with a run saved for the wrong shooter: its twin is the sign of it. Rings, faults and
/// points down once were not compared, and every "DNF-like" run without a time was warned of.
#[test]
fn a_run_like_another_shooters_is_warned_of() {
    let roster = roster();
    let (venue, book) = book(&roster);
    let lines: Vec<Line<'_>> = venue.lines();
    let desk = desk(&roster, &book, Writer::Officer);
    let warned = |body: &Body| same_run(&desk, &lines, body).map(|it| it.to_string());
    assert_eq!(
        warned(&run(4, 4_292)).as_deref(),
        Some("E10 same time and hits as shooter 3 at 03:02. Wrong shooter? Move it / keep both."),
    );
    assert_eq!(warned(&run(4, 4_293)), None, "another time");
    assert_eq!(warned(&run(3, 4_292)), None, "his own");
    let mut fault = score(4, 4_292);
    fault.penalties = vec![Penalty {
        rule: RuleNo(1),
        count: 1,
    }];
    assert_eq!(warned(&Body::Score(fault)), None, "another penalty");
}

#[test]
fn runs_that_are_often_alike_are_not_warned_of() {
    let roster = roster();
    let mut venue = Venue::default();
    venue.write(1, fixed_time(|_| {}), Standing::Live);
    let lines = venue.lines();
    let book = Scorebook::compute(&roster, &venue, &lines);
    let desk = desk(&roster, &book, Writer::Officer);
    let other = fixed_time(|score| score.shooter = ShooterNo(2));
    assert_eq!(same_run(&desk, &lines, &other), None, "no time was taken");
}

/// `--dq 1` with a procedural rule was taken, and the list of DQs named a foot fault.
#[test]
fn what_rests_on_a_rule_is_what_the_rule_is_about() {
    let roster = roster();
    let book = Scorebook::default();
    let desk = desk(&roster, &book, Writer::Officer);
    let with_rule = |kind, rule| {
        let mut body = status(kind, Some(1), 1);
        if let Body::Status(status) = &mut body {
            status.rule = Some(RuleNo(rule));
        }
        body
    };
    let penalty = |rule| {
        with(|score| {
            score.penalties = vec![Penalty {
                rule: RuleNo(rule),
                count: 1,
            }];
        })
    };
    for (body, expected) in [
        (
            with_rule(StatusKind::MatchDq, 1),
            "E01 rule 1 is a procedural rule; DQ rules are 2. Choose the rule again.",
        ),
        (
            with_rule(StatusKind::StageDq, 1),
            "E01 rule 1 is a procedural rule; DQ rules are 2. Choose the rule again.",
        ),
        (
            with_rule(StatusKind::Dnf, 2),
            "E01 rule 2 is a DQ rule; there is no DNF rule. Choose the rule again.",
        ),
        (
            penalty(2),
            "E01 rule 2 is a DQ rule; procedural rules are 1. Choose the rule again.",
        ),
        (penalty(1), "ok"),
        (with_rule(StatusKind::StageDq, 2), "ok"),
        (with_rule(StatusKind::Warning, 2), "ok"),
    ] {
        assert_eq!(said(&desk, &body), expected, "{body:?}");
    }
}
