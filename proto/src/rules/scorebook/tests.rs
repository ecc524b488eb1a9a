use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::*;
use crate::{
    model::{RosterChange, ShooterEdit, SquadNo},
    rules::fixture::{OWNER, Venue, id, reading, reshoot, roster, run, score, status, void},
};

use Standing::{Disputed, Late, Live, Quarantined};

/// Says a verdict in a word, entries by their number in the venue.
fn word(verdict: Verdict, count: usize) -> String {
    let nth = |entry: EntryId| {
        let nth = (0..count)
            .find(|&nth| id(nth) == entry)
            .expect("an entry of the venue");
        nth.to_string()
    };
    match verdict {
        Verdict::Counted => "counted".into(),
        Verdict::CountedLate => "late".into(),
        Verdict::Duplicate(of) => format!("same:{}", nth(of)),
        Verdict::LowerAttempt(of) => format!("lower:{}", nth(of)),
        Verdict::NeedsDecision(of) => format!("decide:{}", nth(of)),
        Verdict::LateBeaten(of) => format!("beaten:{}", nth(of)),
        Verdict::Quarantined => "quarantined".into(),
        Verdict::Unassigned => "unassigned".into(),
        Verdict::Rejected => "rejected".into(),
        Verdict::Disputed => "disputed".into(),
        Verdict::Voided(by) => format!("voided:{}", nth(by)),
        Verdict::Unfit(code) => code.to_string(),
        Verdict::Waiting => "waiting".into(),
        Verdict::Statement => "statement".into(),
        Verdict::Unknown => "unknown".into(),
    }
}

/// Reads entries of (device, body, standing), in every rotation, and compares their verdicts.
fn check(entries: &[(u8, Body, Standing)], expected: &str) -> Scorebook {
    let mut venue = Venue::default();
    for (device, body, standing) in entries {
        venue.write(*device, body.clone(), *standing);
    }
    check_venue(&venue, expected)
}

fn check_venue(venue: &Venue, expected: &str) -> Scorebook {
    let roster = roster();
    let mut lines = venue.lines();
    let book = Scorebook::compute(&roster, venue, &lines);
    let words: Vec<String> = (0..lines.len())
        .map(|nth| {
            word(
                book.verdict(id(nth)).expect("every entry is judged"),
                lines.len(),
            )
        })
        .collect();
    assert_eq!(words.join(" "), expected);
    for _ in 1..lines.len() {
        lines.rotate_left(1);
        assert_eq!(
            Scorebook::compute(&roster, venue, &lines),
            book,
            "another order of arrival"
        );
    }
    book
}

fn slot(book: &Scorebook) -> &Slot {
    book.slot(DrillNo(1), ShooterNo(1))
        .expect("shooter 1 has a result on drill 1")
}

#[test]
fn one_entry_fills_a_slot() {
    let book = check(&[(1, run(1, 600), Live)], "counted");
    assert_eq!(slot(&book).entry, id(0));
    assert_eq!(
        slot(&book).outcome.tally(PowerFactor::Minor).time_centis,
        600,
        "its time"
    );
    check(&[(1, run(1, 600), Late)], "late");
    check(&[(1, run(1, 600), Quarantined)], "quarantined");
    check(&[(1, run(1, 600), Disputed)], "disputed");
}

/// S0-16: the officer typed it again; approvals and the time of day differ.
#[test]
fn equal_content_counts_once() {
    let mut again = score(1, 600);
    again.approvals.ro_ms = Some(-1_400);
    let again = Body::Score(again);
    let book = check(
        &[(1, run(1, 600), Live), (2, again, Live)],
        "counted same:0",
    );
    assert!(!slot(&book).needs_decision, "nothing to decide");
}

#[test]
fn different_content_needs_a_decision_and_shows_the_first_log() {
    for (first, second, expected, shown) in [
        (1, 2, "counted decide:0", 0),
        (2, 1, "decide:1 counted", 1),
        (1, 1, "counted decide:0", 0),
    ] {
        let book = check(
            &[(first, run(1, 600), Live), (second, run(1, 601), Live)],
            expected,
        );
        assert_eq!(
            (slot(&book).entry, slot(&book).needs_decision),
            (id(shown), true)
        );
    }
}

#[test]
fn the_highest_attempt_counts() {
    let book = check(
        &[(2, reshoot(1, 700, 1), Live), (1, run(1, 600), Live)],
        "counted lower:0",
    );
    assert!(!slot(&book).needs_decision, "a reshoot replaces");
    check(
        &[
            (1, reshoot(1, 700, 1), Live),
            (1, reshoot(1, 700, 2), Live),
            (1, run(1, 1), Live),
        ],
        "lower:1 counted lower:1",
    );
}

/// S0-15, S0-16, S0-17: the old phone's queue comes in after the swap.
#[test]
fn a_late_entry_never_displaces_a_live_one() {
    let book = check(
        &[(1, run(1, 600), Late), (2, run(1, 600), Live)],
        "same:1 counted",
    );
    assert!(!slot(&book).needs_decision, "the same");
    let book = check(
        &[(1, run(1, 600), Late), (2, run(1, 601), Live)],
        "beaten:1 counted",
    );
    assert!(slot(&book).needs_decision, "S0-17: a person decides");
    let book = check(
        &[(1, reshoot(1, 600, 1), Late), (2, run(1, 601), Live)],
        "beaten:1 counted",
    );
    assert!(slot(&book).needs_decision, "a late reshoot is asked about");
    let book = check(
        &[(1, run(1, 600), Late), (2, reshoot(1, 601, 1), Live)],
        "lower:1 counted",
    );
    assert!(!slot(&book).needs_decision, "it was reshot");
    check(
        &[(1, run(1, 600), Late), (2, run(1, 601), Late)],
        "late decide:0",
    );
}

/// A stage DQ of a reshoot once had no attempt, and the reshoot stood as if nobody had said it.
#[test]
fn a_status_is_of_an_attempt_as_a_score_is() {
    let of_attempt = |kind, attempt| {
        let mut body = status(kind, Some(1), 1);
        if let Body::Status(status) = &mut body {
            status.attempt = attempt;
        }
        body
    };
    let dnf = of_attempt(StatusKind::Dnf, 0);
    let book = check(
        &[(1, dnf, Live), (1, reshoot(1, 600, 1), Live)],
        "lower:1 counted",
    );
    assert!(!slot(&book).needs_decision, "the reshoot was ordered");
    let dq = of_attempt(StatusKind::StageDq, 1);
    let book = check(
        &[(1, reshoot(1, 600, 1), Live), (1, dq, Live)],
        "counted decide:0",
    );
    assert!(slot(&book).needs_decision, "a person decides");
    let dq = of_attempt(StatusKind::StageDq, 2);
    let book = check(
        &[(1, reshoot(1, 600, 1), Live), (1, dq, Live)],
        "lower:1 counted",
    );
    assert_eq!(slot(&book).outcome, Outcome::Missed(Missed::StageDq));
    assert_eq!(slot(&book).attempt, 2, "its attempt");
}

#[test]
fn dnf_fills_the_slot_like_a_score() {
    let dnf = || status(StatusKind::Dnf, Some(1), 1);
    let book = check(&[(1, dnf(), Live)], "counted");
    assert_eq!(slot(&book).outcome, Outcome::Missed(Missed::Dnf));
    check(&[(1, dnf(), Live), (2, dnf(), Live)], "counted same:0");
    let book = check(
        &[(1, run(1, 600), Live), (2, dnf(), Live)],
        "counted decide:0",
    );
    assert!(slot(&book).needs_decision, "a run and a DNF differ");
}

#[test]
fn the_author_the_owner_and_the_holder_of_the_cell_may_void() {
    check(
        &[(1, run(1, 600), Live), (1, void(0), Live)],
        "voided:1 counted",
    );
    check(
        &[(1, run(1, 600), Live), (OWNER, void(0), Live)],
        "voided:1 counted",
    );
    check(
        &[(1, run(1, 600), Live), (2, void(0), Live)],
        "voided:1 counted",
    );
    check(&[(1, run(1, 600), Live), (2, void(0), Late)], "counted E13");
    check(
        &[(1, run(1, 600), Live), (2, void(0), Quarantined)],
        "counted quarantined",
    );
    check(
        &[(1, run(1, 600), Live), (OWNER, void(0), Disputed)],
        "counted disputed",
    );
}

/// A dead phone's last void, and the void of an officer who no longer holds the cell.
#[test]
fn a_late_void_counts_against_its_own_authors_entries() {
    check(
        &[(1, run(1, 600), Late), (1, void(0), Late)],
        "voided:1 late",
    );
    let mut venue = Venue::default();
    venue.write(1, run(1, 600), Live);
    venue.write_as(1, void(0), (Live, Quarantined));
    check_venue(&venue, "voided:1 counted");
}

#[test]
fn a_void_undoes_scores_only() {
    check(
        &[
            (1, run(1, 600), Live),
            (1, void(0), Live),
            (OWNER, void(1), Live),
        ],
        "voided:1 counted E13",
    );
    check(&[(1, void(7), Live)], "waiting");
    check(
        &[(1, Body::Unknown, Live), (OWNER, void(0), Live)],
        "unknown E13",
    );
    check(&[(1, Body::Statement(Vec::new()), Live)], "statement");
}

#[test]
fn of_two_voids_the_first_is_named() {
    check(
        &[
            (1, run(1, 600), Live),
            (2, void(0), Live),
            (1, void(0), Live),
        ],
        "voided:2 counted counted",
    );
}

/// S0-06.
#[test]
fn a_void_with_a_new_score_replaces() {
    let book = check(
        &[
            (1, run(1, 600), Live),
            (OWNER, void(0), Live),
            (OWNER, run(1, 650), Live),
        ],
        "voided:1 counted counted",
    );
    assert_eq!(
        (slot(&book).entry, slot(&book).needs_decision),
        (id(2), false)
    );
}

#[test]
fn only_the_owner_lifts_a_disqualification() {
    let dq = || status(StatusKind::MatchDq, Some(1), 1);
    let book = check(&[(1, dq(), Late), (1, void(0), Live)], "late E13");
    let out = book.out(ShooterNo(1)).expect("out");
    assert_eq!(
        (out.kind, out.drill),
        (OutKind::Disqualified, Some(DrillNo(1)))
    );
    let book = check(
        &[(1, dq(), Live), (OWNER, void(0), Live)],
        "voided:1 counted",
    );
    assert_eq!(book.out(ShooterNo(1)), None, "lifted");
    check(&[(1, dq(), Live), (2, dq(), Live)], "counted same:0");
    check(&[(1, dq(), Quarantined)], "quarantined");
}

#[test]
fn who_is_withdrawn_and_disqualified_is_listed_as_disqualified() {
    let withdrawn = status(StatusKind::Withdrawn, None, 1);
    let book = check(&[(OWNER, withdrawn.clone(), Live)], "counted");
    assert_eq!(
        book.out(ShooterNo(1)).map(|out| out.kind),
        Some(OutKind::Withdrawn)
    );
    let dq = status(StatusKind::MatchDq, None, 1);
    let book = check(
        &[(OWNER, withdrawn, Live), (1, dq, Live)],
        "counted counted",
    );
    assert_eq!(
        book.out(ShooterNo(1)).map(|out| out.kind),
        Some(OutKind::Disqualified)
    );
}

#[test]
fn what_does_not_fit_is_kept_and_not_counted() {
    let mut short = score(1, 600);
    short.hits.truncate(1);
    check(&[(1, Body::Score(short), Live)], "E04");
    check(&[(1, run(9, 600), Quarantined)], "E01");
    let mut venue = Venue::default();
    venue.write(1, run(1, 600), Live);
    let correction = [
        venue.write(1, void(0), Live),
        venue.write(1, run(1, 650), Live),
    ];
    for nth in correction {
        venue.revise(nth, 2);
    }
    // The void waits for the revision together with the score that replaces.
    check_venue(&venue, "counted E18 E18");
}

#[test]
fn the_chronograph_lowers_the_power_factor() {
    let roster = roster();
    let power = |book: &Scorebook| book.power_factor(&roster, ShooterNo(1));
    // 124 gr at 1300 ft/s is 161; at 1280 it is 158; at 1000 it is 124.
    for (speed, expected) in [
        (1_300, PowerFactor::Major),
        (1_280, PowerFactor::Minor),
        (1_000, PowerFactor::Subminor),
    ] {
        assert_eq!(
            power(&check(&[(1, reading(1, speed), Live)], "counted")),
            expected,
            "{speed}"
        );
    }
    let book = check(
        &[(1, reading(1, 1_000), Live), (1, void(0), Live)],
        "voided:1 counted",
    );
    assert_eq!(power(&book), PowerFactor::Major, "the declared one holds");
    let mut gear_only = reading(1, 1_000);
    if let Body::Chrono(chrono) = &mut gear_only {
        chrono.speeds_fps.clear();
    }
    let book = check(
        &[(1, gear_only, Live), (2, reading(1, 1_280), Live)],
        "counted counted",
    );
    assert_eq!(
        power(&book),
        PowerFactor::Minor,
        "a gear check does not compete"
    );
}

#[test]
fn totals_count_every_entry() {
    let book = check(
        &[
            (1, run(1, 600), Live),
            (2, run(1, 601), Live),
            (2, run(2, 601), Quarantined),
        ],
        "counted decide:0 quarantined",
    );
    let expected = Totals {
        counted: 1,
        need_decision: 1,
        quarantined: 1,
        ..Totals::default()
    };
    assert_eq!(book.totals(), expected);
}

#[test]
fn the_order_of_penalties_is_no_content() {
    use crate::model::{Penalty, RuleNo};
    let one = Penalty {
        rule: RuleNo(1),
        count: 1,
    };
    let two = Penalty {
        rule: RuleNo(2),
        count: 3,
    };
    let with = |penalties: [Penalty; 2]| {
        Body::Score(Score {
            penalties: penalties.to_vec(),
            ..score(1, 600)
        })
    };
    check(
        &[(1, with([one, two]), Live), (1, with([two, one]), Live)],
        "counted same:0",
    );
}

#[test]
fn a_known_revision_counts() {
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
    let mut venue = Venue::default();
    let nth = venue.write(1, run(1, 600), Live);
    venue.revise(nth, 2);
    let book = Scorebook::compute(&roster, &venue, &venue.lines());
    assert_eq!(book.verdict(id(nth)), Some(Verdict::Counted));
}

/// Two officials take one of two equal scores away at the same moment, each the other one: both were
/// approved, and one of them has to stay.
#[test]
fn of_what_stands_twice_one_stays_whoever_voids_which() {
    let mut approved = score(1, 600);
    approved.approvals = Approvals {
        ro_ms: Some(0),
        shooter_ms: Some(0),
    };
    let approved = Body::Score(approved);
    let duplicate = |nth| {
        let mut body = void(nth);
        if let Body::Void(void) = &mut body {
            void.reason = VoidReason::Duplicate;
        }
        body
    };
    let twice = [(1, approved.clone(), Live), (2, approved.clone(), Live)];
    let [first, second] = twice;
    let voids = [(1, duplicate(0), Live), (2, duplicate(1), Live)];
    let [by_one, by_two] = voids;
    check(
        &[first, second, by_one, by_two],
        "voided:2 counted counted E14",
    );
    check(
        &[(1, approved, Live), (1, duplicate(0), Live)],
        "counted E14",
    );
}
