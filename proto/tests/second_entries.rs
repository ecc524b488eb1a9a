//! What a device asks or refuses when a second entry is made where one stands; real replicas.
//!
//! Source: PROTOCOL R-CHECK-2, R-READ-4, R-READ-7.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod devices;

use tallyline_proto::{
    model::{
        About, Agreed, Body, Court, DrillNo, EntryId, Method, PowerFactor, Roles, RosterChange,
        Score, SetScore, Shooter, ShooterEdit, ShooterNo, SquadNo, Status, StatusKind, VoidReason,
    },
    replica::{Command, Reply},
    rules::{Code, Mistake, Verdict},
};

use devices::{Device, meet, record, structure};

/// An owner and an official who scores squad 1.
fn venue() -> (Device, Device) {
    let mut owner = Device::owner(structure(Vec::new()));
    let mut official = Device::new(2);
    owner.admit(&mut official, Roles::SCORER.with(Roles::RELAY));
    owner.grant(&official, 1);
    official.hear(&owner);
    (owner, official)
}

fn run(shooter: u32, time_centis: u32, attempt: u32) -> Body {
    Body::Score(Score {
        time_centis: vec![time_centis],
        attempt,
        ..Score::blank(DrillNo(1), ShooterNo(shooter))
    })
}

fn missed(shooter: u32, kind: StatusKind) -> Body {
    Body::Status(Status {
        about: About {
            drill: Some(DrillNo(1)),
            shooter: ShooterNo(shooter),
        },
        kind,
        attempt: 0,
        rule: None,
        note: String::new(),
    })
}

fn replace(body: Body, entry: EntryId) -> Command {
    Command::Record {
        body,
        replaces: Some((entry, VoidReason::Time)),
        agreed: Agreed::default(),
        confirmed: false,
        revision: None,
        wall_ms: None,
    }
}

fn mistake(reply: Reply) -> Mistake {
    let Reply::Refused(mistake) = reply else {
        panic!("{reply:?}");
    };
    mistake
}

/// E09 was a message in a table only: a second score, or a DNF, went beside the first one and the slot
/// needed a decision that nobody knew of.
#[test]
fn a_second_score_in_a_slot_is_asked_about() {
    let (_, mut official) = venue();
    let first = official.record(run(1, 6_000, 0));
    let asked = official.refused(run(1, 6_100, 0));
    assert_eq!(asked.code, Code::E09, "{asked}");
    assert!(asked.text.contains("(60.00 s, 00:00)"), "{asked}");
    let asked = official.refused(missed(1, StatusKind::Dnf));
    assert_eq!(asked.code, Code::E09, "{asked}");
    let again = official.record(run(1, 6_000, 0));
    assert_eq!(official.verdict(again), Some(Verdict::Duplicate(first)));
    official.record(run(1, 6_200, 1));
    let stays = official.refused(run(1, 6_100, 0));
    assert_eq!(stays.code, Code::E09, "a lower attempt counts for nothing");
}

#[test]
fn a_person_may_confirm_that_both_stand_until_somebody_decides() {
    let (_, mut official) = venue();
    let first = official.record(run(1, 6_000, 0));
    official.must(record(run(1, 6_100, 0), true));
    let book = official.replica.book().expect("an event");
    let slot = book.slot(DrillNo(1), ShooterNo(1)).expect("filled");
    assert_eq!((slot.entry, slot.needs_decision), (first, true));
}

/// A stage DQ after a reshoot had no attempt and was ignored without a word.
#[test]
fn a_status_after_a_reshoot_is_of_the_reshoot() {
    let (_, mut official) = venue();
    official.record(run(1, 6_000, 0));
    let second = official.record(run(1, 6_100, 1));
    official.must(record(missed(1, StatusKind::StageDq), true));
    let book = official.replica.book().expect("an event");
    let slot = book.slot(DrillNo(1), ShooterNo(1)).expect("filled");
    assert_eq!((slot.entry, slot.needs_decision), (second, true));
    official.must(replace(missed(2, StatusKind::Dns), second));
    let asked = official.refused(missed(1, StatusKind::Dnf));
    assert_eq!(asked.code, Code::E09, "{asked}");
}

/// A run was moved twice and stood for two shooters.
#[test]
fn what_is_voided_is_neither_replaced_nor_voided_nor_approved() {
    let (mut owner, mut official) = venue();
    let wrong = official.record(run(1, 6_000, 0));
    official.must(replace(run(2, 6_000, 0), wrong));
    meet(&mut [&mut owner, &mut official]);
    let twice = mistake(official.ask(replace(run(3, 6_000, 0), wrong)));
    assert_eq!(twice.code, Code::E13, "{twice}");
    assert!(
        twice.text.contains("was voided at 00:00 by Device 2"),
        "{twice}"
    );
    assert_eq!(mistake(owner.void(wrong)).code, Code::E13);
    let approval = mistake(official.ask(Command::Approve {
        entry: wrong,
        ro: true,
        shooter: true,
        wall_ms: None,
    }));
    assert_eq!(approval.code, Code::E13, "{approval}");
}

/// Both voided at the same moment: neither knew of the other, and one undoes the entry.
#[test]
fn two_voids_that_knew_nothing_of_each_other_are_harmless() {
    let (mut owner, mut official) = venue();
    let wrong = official.record(run(1, 6_000, 0));
    owner.hear(&official);
    assert!(matches!(owner.void(wrong), Reply::Saved(_)), "the owner");
    assert!(matches!(official.void(wrong), Reply::Saved(_)), "the RO");
    meet(&mut [&mut owner, &mut official]);
    assert!(matches!(owner.verdict(wrong), Some(Verdict::Voided(_))));
}

/// Nobody was told that Production knows no Major, and the shooter was scored by it.
#[test]
fn major_is_refused_where_a_division_knows_minor_only() {
    let mut structure = structure(Vec::new());
    structure.divisions[0].minor_floor = Some(125);
    let late = Shooter {
        no: ShooterNo(60),
        power_factor: PowerFactor::Major,
        ..structure.shooters[0].clone()
    };
    let mut owner = Device::owner(structure);
    let refused = mistake(owner.ask(Command::Roster(RosterChange::Add(late))));
    assert_eq!(refused.code, Code::E01, "{refused}");
    assert!(refused.text.contains("none for Major"), "{refused}");
    let edit = |power_factor, squad| {
        Command::Roster(RosterChange::Edit(ShooterEdit {
            shooter: ShooterNo(1),
            squad,
            division: None,
            power_factor,
            label: None,
            categories: None,
            entrant: None,
        }))
    };
    let refused = mistake(owner.ask(edit(Some(PowerFactor::Major), None)));
    assert_eq!(refused.code, Code::E01, "{refused}");
    owner.must(edit(None, Some(SquadNo(2))));
}

fn void(entry: EntryId, reason: VoidReason) -> Command {
    Command::Void {
        entry,
        reason,
        agreed: Agreed::default(),
        note: String::new(),
        wall_ms: None,
    }
}

fn approve(entry: EntryId) -> Command {
    Command::Approve {
        entry,
        ro: true,
        shooter: true,
        wall_ms: None,
    }
}

/// Rule 9.7.4: `--reason duplicate` once took an approved score away that stood there alone.
#[test]
fn an_approved_entry_is_a_duplicate_only_of_one_that_stays() {
    let (mut owner, mut official) = venue();
    let first = official.record(run(1, 6_000, 0));
    official.must(approve(first));
    for reason in [VoidReason::Duplicate, VoidReason::Definition] {
        let refused = mistake(official.ask(void(first, reason)));
        assert_eq!(refused.code, Code::E14, "{reason:?}: {refused}");
    }
    let again = official.record(run(1, 6_000, 0));
    official.must(void(again, VoidReason::Duplicate));
    let refused = mistake(official.ask(void(first, VoidReason::Duplicate)));
    assert_eq!(refused.code, Code::E14, "it stands alone again: {refused}");
    meet(&mut [&mut owner, &mut official]);
    assert_eq!(owner.verdict(first), Some(Verdict::Counted));
}

#[test]
fn an_approved_dnf_is_changed_by_both_alone() {
    let (_, mut official) = venue();
    let dnf = official.record(missed(1, StatusKind::Dnf));
    official.must(approve(dnf));
    let refused = mistake(official.ask(void(dnf, VoidReason::Time)));
    assert_eq!(refused.code, Code::E14, "{refused}");
    let refused = mistake(official.ask(replace(run(1, 6_000, 0), dnf)));
    assert_eq!(refused.code, Code::E14, "{refused}");
    official.must(void(dnf, VoidReason::Arbitration));
}

/// An owner of two courts: the first match is won by two sets to 21, at most 30, with a lead of 2.
fn courts() -> Device {
    let mut structure = structure(Vec::new());
    let drill = &mut structure.drills[0];
    drill.method = Method::Court;
    drill.strings = 0;
    drill.terms.court = Some(Court {
        a: ShooterNo(1),
        b: ShooterNo(2),
        sets_to_win: 2,
        points: 21,
        points_last: 15,
        lead: 2,
        cap: 30,
    });
    Device::owner(structure)
}

fn set(set: u32, own: u32, other: u32) -> Body {
    Body::SetScore(SetScore {
        drill: DrillNo(1),
        side: ShooterNo(1),
        set,
        own,
        other,
    })
}

/// S4-17: any numbers were taken for a set, and sets went on after the match was decided.
#[test]
fn s4_17_a_bad_set_score_is_refused_with_its_code() {
    let mut owner = courts();
    for bad in [
        set(1, 20, 18),
        set(1, 21, 20),
        set(1, 25, 3),
        set(1, 31, 29),
        set(3, 22, 3),
        set(4, 21, 3),
    ] {
        let refused = owner.refused(bad.clone());
        assert_eq!(refused.code, Code::E03, "{bad:?}: {refused}");
    }
    assert_eq!(
        owner.refused(set(1, 25, 3)).text,
        "set 1 of match 1 cannot end 25:3; it goes to 21 with a lead of 2, at most 30. Enter how it \
         ended, or its points one by one."
    );
    let first = owner.record(set(1, 30, 29));
    let other = owner.refused(set(1, 21, 3));
    assert_eq!(other.code, Code::E09, "{other}");
    owner.record(set(2, 21, 3));
    let late = owner.refused(set(3, 15, 3));
    assert_eq!(late.code, Code::E03, "{late}");
    assert!(late.text.contains("decided 2:0 for 1"), "{late}");
    owner.must(replace(set(1, 19, 21), first));
    owner.record(set(3, 15, 3));
}

#[test]
fn s4_17_nobody_did_not_start_a_court_match() {
    let refused = courts().refused(missed(1, StatusKind::Dns));
    assert_eq!(refused.code, Code::E01, "{refused}");
}
