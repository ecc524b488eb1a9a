//! Acceptance rows of race referees: incidents, groups, decisions; real replicas that carry bundles.
//!
//! Source: PROTOCOL R-INCIDENT-1 to R-INCIDENT-7.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod devices;

use tallyline_proto::wire::{Frame, decode_bundle, encode_bundle};
use tallyline_proto::{
    model::{
        Body, Incident, JuryDecision, PlaceNo, Report, Roles, RuleNo, Ruling, ShooterNo, Structure,
        Text,
    },
    replica::{Command, GroupView, Reply},
    rules::{
        Code, Standings, Verdict,
        incidents::{Choice, Why},
        kinds,
        results::{self, Basis},
        scoring::Cost,
    },
};
use uuid::Uuid;

use devices::{Device, meet, record, structure};

/// 10:30:00 of the event's first day.
const HALF_PAST_TEN_MS: i64 = (10 * 60 + 30) * 60_000;

fn race() -> Structure {
    structure(Vec::new())
}

/// An owner and two referees without any grant, who hold the event.
fn referees() -> (Device, Device, Device) {
    let mut owner = Device::owner(race());
    let (mut gate, mut finish) = (Device::new(2), Device::new(3));
    owner.admit(&mut gate, Roles::SCORER.with(Roles::RELAY));
    owner.admit(&mut finish, Roles::SCORER.with(Roles::RELAY));
    gate.hear(&owner);
    (owner, gate, finish)
}

fn incident(id: u128, bib: u32, place: u32) -> Incident {
    Incident {
        id: Uuid::from_u128(id),
        race: tallyline_proto::model::DrillNo(1),
        bib: ShooterNo(bib),
        place: PlaceNo(place),
        before_ms: 0,
        rule: None,
        text: Some(Text::Plain("missed the gate".to_owned())),
    }
}

fn report(id: u128, incident: u128) -> Body {
    Body::Report(Report {
        id: Uuid::from_u128(id),
        incident: Uuid::from_u128(incident),
        text: Some(Text::Plain("I saw it, too".to_owned())),
        media: Vec::new(),
    })
}

fn decision(incident: u128, ruling: Ruling) -> Body {
    Body::JuryDecision(JuryDecision {
        incident: Uuid::from_u128(incident),
        ruling,
        rule: Some(RuleNo(1)),
        note: String::new(),
    })
}

/// Has each of two referees report something at a time after half past ten, lets all meet, and
/// returns the groups that the owner sees.
fn groups_of(first: (i64, Incident), second: (i64, Incident)) -> Vec<GroupView> {
    let (mut owner, mut gate, mut finish) = referees();
    for (device, (after_ms, incident)) in [(&mut gate, first), (&mut finish, second)] {
        device.clock_ms = HALF_PAST_TEN_MS + after_ms;
        device.record(Body::Incident(incident));
    }
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    let groups = owner.replica.incidents();
    let mut there = finish.replica.incidents();
    // Copies differ from where one stands.
    for (here, there) in groups.iter().zip(&mut there) {
        for (here, there) in here.incidents.iter().zip(&mut there.incidents) {
            there.first.noted.copies = here.first.noted.copies;
        }
    }
    assert_eq!(groups, there, "all see the same");
    groups
}

#[test]
fn s2_01_one_program_holds_ranges_races_and_camps() {
    // The same code reads all of them: what an event is follows from its structure alone.
    for kinds in [Vec::new(), kinds::camp(), kinds::coverage()] {
        let mut owner = Device::owner(structure(kinds.clone()));
        assert_eq!(owner.replica.kinds(), kinds);
        owner.record(Body::Incident(incident(1, 42, 1)));
        assert_eq!(owner.replica.incidents().len(), 1);
    }
}

#[test]
fn s2_02_both_sides_create_and_no_ids_collide() {
    let (mut owner, mut gate, mut finish) = referees();
    // The first of each device, and a report on what the other one made.
    let entries = [
        gate.record(Body::Incident(incident(0xa1, 1, 1))),
        finish.record(Body::Incident(incident(0xb1, 2, 2))),
        gate.record(report(0xa2, 0xb1)),
        finish.record(report(0xb2, 0xa1)),
    ];
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    let mut unique = entries.to_vec();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 4);
    for group in owner.replica.incidents() {
        assert_eq!(group.incidents[0].reports.len(), 1, "{group:?}");
    }
}

#[test]
fn s2_03_reference_data_is_the_owners_and_a_second_creator_is_refused() {
    let mut owner = Device::owner(structure(kinds::camp()));
    let mut other = Device::new(2);
    owner.admit(&mut other, Roles::SCORER);
    let reply = other.ask(Command::Roster(tallyline_proto::model::RosterChange::Add(
        race().shooters[0].clone(),
    )));
    assert!(
        matches!(&reply, Reply::Refused(mistake) if mistake.code == Code::E02),
        "{reply:?}"
    );
    let mistake = other.refused(devices_camp());
    assert_eq!(mistake.code, Code::E02, "{mistake}");
    assert!(mistake.text.contains("the owner's"), "{mistake}");
    owner.record(devices_camp());
}

/// A record that only the owner writes.
fn devices_camp() -> Body {
    Body::Record(tallyline_proto::model::Record {
        kind: kinds::CAMP,
        key: Uuid::from_u128(1),
        parents: Vec::new(),
        counter: 0,
        creates: true,
        gone: false,
        fields: vec![(
            tallyline_proto::model::FieldNo(1),
            tallyline_proto::model::Value::Text("Spring camp".to_owned()),
        )],
    })
}

#[test]
fn s2_04_two_events_of_one_name_are_both_kept_apart() {
    let (mut one, mut two) = (Device::owner(race()), Device::new(9));
    let structure = race();
    two.must(Command::Found(tallyline_proto::replica::Founding {
        name: "Afternoon".to_owned(),
        nonce: [9; 16],
        discovery_key: [9; 16],
        cloud: Vec::new(),
        recovery: Vec::new(),
        structure,
        label: "Other owner".to_owned(),
    }));
    let name = |it: &Device| it.replica.event().expect("an event").1.name.clone();
    assert_eq!(name(&one), name(&two));
    let id = |it: &Device| it.replica.event().expect("an event").0;
    assert_ne!(id(&one), id(&two));
    let reply = one.ask(Command::Import(two.replica.bundle()));
    assert!(
        matches!(&reply, Reply::Refused(it) if it.code == Code::E16),
        "nothing is mixed: {reply:?}"
    );
}

#[test]
fn s2_05_the_same_id_again_counts_once_and_is_answered_already_here() {
    let (mut owner, mut gate, mut finish) = referees();
    let body = Body::Incident(incident(1, 42, 1));
    let entry = gate.record(body.clone());
    let again = Reply::Recorded {
        id: Uuid::from_u128(1),
        entry,
        fresh: false,
    };
    assert_eq!(gate.must(record(body.clone(), false)), again);
    // Another device got it by another way and could not know; it seals with a key of its own.
    finish.record(body.clone());
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    let groups = owner.replica.incidents();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].incidents.len(), 1, "counted once");
    assert_eq!(groups[0].incidents[0].again.len(), 1, "and kept");
    let again = groups[0].incidents[0].again[0];
    let first = groups[0].incidents[0].first.noted.entry;
    assert_eq!(owner.verdict(again), Some(Verdict::Duplicate(first)));
    assert_eq!(owner.replica.conflicts().count(), 0);
    // Who cannot read what is there cannot tell it from what it says, and writes nothing.
    let first = gate.record(report(2, 1));
    finish.hear(&gate);
    for (device, body) in [(&mut finish, report(2, 1)), (&mut owner, body)] {
        let reply = device.must(record(body, false));
        assert!(
            matches!(reply, Reply::Recorded { fresh: false, .. }),
            "{reply:?}"
        );
    }
    assert_eq!(finish.record(report(2, 1)), first);
}

#[test]
fn s2_06_the_same_id_with_other_content_is_for_review() {
    let (mut owner, mut gate, mut finish) = referees();
    gate.record(Body::Incident(incident(1, 42, 1)));
    let mistake = gate.refused(Body::Incident(incident(1, 43, 1)));
    assert_eq!(mistake.code, Code::E19, "{mistake}");
    // Who can read what is there is told that it says something else.
    let text = Some(Text::Plain("fell at the gate".to_owned()));
    let reworded = Incident {
        text,
        ..incident(1, 42, 1)
    };
    let mistake = gate.refused(Body::Incident(reworded));
    assert_eq!(mistake.code, Code::E19, "{mistake}");
    let other = finish.record(Body::Incident(incident(1, 43, 1)));
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    let conflicts = owner.replica.conflicts();
    assert_eq!(conflicts.reviews.len(), 1);
    assert_eq!(conflicts.reviews[0].review.why, Why::OtherIncident);
    assert_eq!(conflicts.reviews[0].noted.len(), 2, "both are kept");
    let mut bibs: Vec<u32> = conflicts.reviews[0].says.iter().map(bib).collect();
    bibs.sort_unstable();
    assert_eq!(bibs, [42, 43], "and what each says");
    // The officer takes the wrong one back.
    let reply = finish.void(other);
    assert!(matches!(reply, Reply::Saved(_)), "{reply:?}");
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    assert_eq!(owner.replica.conflicts().count(), 0);
    assert_eq!(owner.replica.incidents()[0].bib, ShooterNo(42));
    assert!(matches!(owner.verdict(other), Some(Verdict::Voided(_))));
}

fn bib(body: &Body) -> u32 {
    let Body::Incident(it) = body else {
        panic!("{body:?}");
    };
    it.bib.0
}

#[test]
fn s2_07_two_reports_within_the_window_are_one_group() {
    // 10:30:45 and 10:31:05.
    let groups = groups_of((45_000, incident(1, 42, 1)), (65_000, incident(2, 42, 1)));
    assert_eq!(groups.len(), 1, "{groups:?}");
    assert_eq!(groups[0].incidents.len(), 2, "both reports are kept");
    assert_eq!(groups[0].id, Uuid::from_u128(1), "the earliest names it");
}

#[test]
fn s2_08_two_reports_across_the_edge_of_a_bucket_are_one_group() {
    let groups = groups_of((29_000, incident(1, 42, 1)), (31_000, incident(2, 42, 1)));
    assert_eq!(groups.len(), 1, "{groups:?}");
    let edge = groups_of((0, incident(1, 42, 1)), (30_000, incident(2, 42, 1)));
    assert_eq!(edge.len(), 1, "30 s are inside: {edge:?}");
}

#[test]
fn s2_09_a_second_later_another_place_or_another_bib_are_two_incidents() {
    let first = (0, incident(1, 42, 1));
    for second in [
        (31_000, incident(2, 42, 1)),
        (30_001, incident(2, 42, 1)),
        (1_000, incident(2, 42, 2)),
        (1_000, incident(2, 43, 1)),
    ] {
        let groups = groups_of(first.clone(), second.clone());
        assert_eq!(groups.len(), 2, "{second:?}: {groups:?}");
    }
}

#[test]
fn s2_09_the_earliest_report_opens_the_window_and_neighbours_do_not_stretch_it() {
    let (mut owner, mut gate, _) = referees();
    for (id, second) in [(1, 0), (2, 20), (3, 40), (4, 60)] {
        gate.clock_ms = HALF_PAST_TEN_MS + second * 1_000;
        gate.record(Body::Incident(incident(id, 42, 1)));
    }
    owner.hear(&gate);
    let sizes: Vec<usize> = owner
        .replica
        .incidents()
        .iter()
        .map(|it| it.incidents.len())
        .collect();
    assert_eq!(sizes, [2, 2]);
}

#[test]
fn s2_09_the_window_is_a_setting_of_the_race() {
    let mut structure = race();
    structure.drills[0].terms.incident_window_ms = 60_000;
    let mut owner = Device::owner(structure);
    for (id, second) in [(1, 0), (2, 60)] {
        owner.clock_ms = HALF_PAST_TEN_MS + second * 1_000;
        owner.record(Body::Incident(incident(id, 42, 1)));
    }
    assert_eq!(owner.replica.incidents().len(), 1);
}

#[test]
fn s2_10_differing_decisions_wait_for_the_owners_choice_which_is_a_new_entry() {
    let (mut owner, mut gate, mut finish) = referees();
    gate.clock_ms = HALF_PAST_TEN_MS;
    finish.clock_ms = HALF_PAST_TEN_MS + 5_000;
    gate.record(Body::Incident(incident(1, 42, 1)));
    finish.record(Body::Incident(incident(2, 42, 1)));
    gate.record(decision(1, Ruling::Warning));
    finish.record(decision(2, Ruling::Dsq));
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    let conflicts = owner.replica.conflicts();
    assert_eq!(conflicts.reviews.len(), 1, "{conflicts:?}");
    assert_eq!(conflicts.reviews[0].review.why, Why::Decisions);
    assert_eq!(ruling(&mut owner, 42), None, "nothing holds meanwhile");
    let height = |it: &Device| -> u64 { it.replica.logs().iter().map(|log| log.height).sum() };
    let before = height(&owner);
    owner.record(decision(1, Ruling::Time(500)));
    assert_eq!(height(&owner), before + 1, "a new entry");
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    for device in [&mut owner, &mut gate, &mut finish] {
        assert_eq!(device.replica.conflicts().count(), 0);
        assert_eq!(ruling(device, 42), Some(Ruling::Time(500)));
    }
    // The owner's last word holds.
    owner.record(decision(2, Ruling::Dsq));
    assert_eq!(ruling(&mut owner, 42), Some(Ruling::Dsq));
}

#[test]
fn s2_10_equal_decisions_are_settled_and_the_jury_goes_before_officials() {
    let (mut owner, mut gate, mut finish) = referees();
    let mut jury = Device::new(4);
    owner.admit(&mut jury, Roles::SCORER.with(Roles::JURY));
    gate.record(Body::Incident(incident(1, 42, 1)));
    meet(&mut [&mut owner, &mut gate, &mut finish, &mut jury]);
    gate.record(decision(1, Ruling::Dsq));
    finish.record(decision(1, Ruling::Dsq));
    meet(&mut [&mut owner, &mut gate, &mut finish, &mut jury]);
    assert_eq!(ruling(&mut owner, 42), Some(Ruling::Dsq), "all agree");
    jury.record(decision(1, Ruling::None));
    meet(&mut [&mut owner, &mut gate, &mut finish, &mut jury]);
    assert_eq!(
        ruling(&mut gate, 42),
        Some(Ruling::None),
        "the jury decides"
    );
    let choice = gate.replica.incidents()[0].choice.clone();
    assert!(matches!(choice, Choice::Settled { .. }), "{choice:?}");
}

/// R-CONTROL-19, R-INCIDENT-6, R-RECORD-3: however the event passes on, what was settled stays, what only
/// the owner writes stays, and what the next one said before gets no weight.
#[test]
fn what_an_owner_decided_outlives_its_ownership() {
    for transfers in [true, false] {
        let mut owner = Device::owner(structure(kinds::camp()));
        let (mut next, mut jury) = (Device::new(2), Device::new(3));
        owner.admit(&mut next, Roles::SCORER.with(Roles::RELAY));
        owner.admit(&mut jury, Roles::SCORER.with(Roles::JURY));
        owner.record(devices_camp());
        for (id, bib) in [(1, 42), (2, 43)] {
            next.record(Body::Incident(incident(id, bib, 1)));
            next.record(decision(id, Ruling::Warning));
        }
        meet(&mut [&mut owner, &mut next, &mut jury]);
        jury.record(decision(1, Ruling::Dsq));
        jury.record(decision(2, Ruling::Dsq));
        owner.record(decision(1, Ruling::None));
        meet(&mut [&mut owner, &mut next, &mut jury]);
        if transfers {
            next.must(Command::Consent);
            owner.hear(&next);
            owner.must(Command::Transfer(next.replica.key()));
        } else {
            next.must(Command::Recover {
                seed: devices::CARD,
                reason: None,
                before: None,
            });
        }
        meet(&mut [&mut owner, &mut next, &mut jury]);
        for device in [&mut owner, &mut next, &mut jury] {
            assert_eq!(ruling(device, 42), Some(Ruling::None), "{transfers}");
            assert_eq!(ruling(device, 43), Some(Ruling::Dsq), "{transfers}");
            let camps = device.replica.records(kinds::CAMP);
            assert_eq!(camps.len(), 1, "{transfers}");
        }
        // The owner of now goes before the one of then, whose further word is nobody's but a member's.
        owner.record(decision(1, Ruling::Dsq));
        meet(&mut [&mut owner, &mut next, &mut jury]);
        assert_eq!(ruling(&mut next, 42), Some(Ruling::None));
        next.record(decision(1, Ruling::Time(500)));
        next.record(decision(2, Ruling::None));
        meet(&mut [&mut owner, &mut next, &mut jury]);
        for device in [&mut owner, &mut next, &mut jury] {
            assert_eq!(ruling(device, 42), Some(Ruling::Time(500)));
            assert_eq!(ruling(device, 43), Some(Ruling::None));
        }
    }
}

#[test]
fn a_settled_ruling_is_in_the_standings_of_every_device() {
    let (mut owner, mut gate, _) = referees();
    owner.grant(&gate, 1);
    gate.hear(&owner);
    for (bib, time) in [(41, 6_000), (42, 5_900)] {
        let drill = tallyline_proto::model::DrillNo(1);
        gate.record(Body::Score(tallyline_proto::model::Score {
            time_centis: vec![time],
            ..tallyline_proto::model::Score::blank(drill, ShooterNo(bib))
        }));
    }
    gate.record(Body::Incident(incident(1, 42, 1)));
    gate.record(decision(1, Ruling::Time(500)));
    owner.hear(&gate);
    let first = |it: &mut Device| {
        let book = it.replica.book().expect("an event");
        let standings = Standings::compute(it.replica.roster().expect("an event"), &book);
        standings.overall[0].rows[0].shooter
    };
    assert_eq!(first(&mut owner), ShooterNo(41), "five seconds were added");
    assert_eq!(first(&mut gate), ShooterNo(41));
    owner.record(decision(1, Ruling::None));
    assert_eq!(first(&mut owner), ShooterNo(42));
}

/// A racer without a time could not be disqualified, and no list of penalties told what the jury decided.
#[test]
fn a_settled_ruling_stands_where_there_is_no_time_and_in_the_lists() {
    let (mut owner, _, _) = referees();
    let drill = tallyline_proto::model::DrillNo(1);
    owner.record(Body::Incident(incident(1, 42, 1)));
    owner.record(Body::Incident(incident(2, 43, 1)));
    let dsq = owner.record(decision(1, Ruling::Dsq));
    let added = owner.record(decision(2, Ruling::Time(500)));
    let book = owner.replica.book().expect("an event");
    let roster = owner.replica.roster().expect("an event");
    let standings = Standings::compute(roster, &book);
    assert!(!standings.missing.contains(&(drill, ShooterNo(42))), "DSQ");
    assert!(
        standings.missing.contains(&(drill, ShooterNo(43))),
        "no run"
    );
    let lines = owner.replica.lines();
    let basis = Basis {
        roster,
        book: &book,
        lines: &lines,
    };
    let progress = results::progress(roster, &book);
    assert_eq!(progress.cells[0].stage_dq, [ShooterNo(42)]);
    let out = results::out_list(basis).lines;
    assert_eq!(
        (out.len(), out[0].entry, out[0].rule),
        (1, dsq, Some(RuleNo(1)))
    );
    let penalties = results::penalty_list(basis).lines;
    assert_eq!((penalties.len(), penalties[0].entry), (1, added));
    assert_eq!(penalties[0].cost, Cost::Centis(500));
}

#[test]
fn s2_15_a_report_or_decision_waits_for_its_incident_and_is_applied_when_it_comes() {
    let (mut owner, mut gate, mut finish) = referees();
    gate.record(Body::Incident(incident(1, 42, 1)));
    let early = [
        finish.record(report(2, 1)),
        finish.record(decision(1, Ruling::Dsq)),
    ];
    owner.hear(&finish);
    for entry in early {
        assert_eq!(owner.verdict(entry), Some(Verdict::Waiting), "E20");
    }
    assert_eq!(owner.replica.conflicts().waiting.len(), 2);
    assert_eq!(owner.replica.conflicts().count(), 0, "no failure");
    owner.hear(&gate);
    for entry in early {
        assert_eq!(owner.verdict(entry), Some(Verdict::Counted));
    }
    let groups = owner.replica.incidents();
    assert_eq!(groups[0].incidents[0].reports.len(), 1);
    assert_eq!(ruling(&mut owner, 42), Some(Ruling::Dsq));
}

/// Acceptance row S2-24: an upload may bring a report or a decision before the incident.
#[test]
fn s2_24_whatever_order_an_upload_takes_nothing_is_applied_before_what_it_rests_on() {
    let (mut owner, mut gate, mut finish) = referees();
    let seen = gate.record(Body::Incident(incident(1, 42, 1)));
    let told = finish.record(report(2, 1));
    let decided = owner.record(decision(1, Ruling::Dsq));
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for (order, no) in orders.into_iter().zip(10..) {
        let mut cloud = Device::new(no);
        for from in order {
            cloud.hear([&owner, &gate, &finish][from]);
            let parent = cloud.verdict(seen);
            for child in [told, decided] {
                match cloud.verdict(child) {
                    Some(Verdict::Counted) => assert_eq!(parent, Some(Verdict::Counted)),
                    Some(Verdict::Waiting) => assert_eq!(parent, None, "{order:?}"),
                    other => assert_eq!(other, None, "{order:?}"),
                }
            }
        }
        for entry in [seen, told, decided] {
            assert_eq!(cloud.verdict(entry), Some(Verdict::Counted), "{order:?}");
        }
        assert_eq!(ruling(&mut cloud, 42), Some(Ruling::Dsq), "{order:?}");
    }
}

/// PROTOCOL R-BUNDLE-2: logs may stand in any order, also before the one that lets their key write.
#[test]
fn a_bundle_is_taken_in_whatever_the_order_of_its_logs() {
    let (mut owner, mut gate, _) = referees();
    let seen = gate.record(Body::Incident(incident(1, 42, 1)));
    owner.hear(&gate);
    let mut frames = decode_bundle(&owner.replica.bundle()).expect("a bundle");
    frames[1..].reverse();
    let mut reader = Device::new(9);
    let reply = reader.ask(Command::Import(encode_bundle(&frames)));
    assert!(
        matches!(reply, Reply::Imported { refused: 0, .. }),
        "{reply:?}"
    );
    assert_eq!(reader.verdict(seen), Some(Verdict::Counted));
    // Nothing of it holds by itself.
    frames.retain(
        |frame| !matches!(frame, Frame::Push(push) if push.from == 1 && push.entries.len() > 1),
    );
    let whole = frames.len();
    let mut other = Device::new(8);
    let reply = other.ask(Command::Import(encode_bundle(&frames)));
    let Reply::Imported { refused, .. } = reply else {
        panic!("{reply:?}")
    };
    assert!(0 < refused, "{refused} of {whole}");
}

#[test]
fn what_a_viewer_or_a_stolen_device_records_does_not_count() {
    let (mut owner, mut gate, _) = referees();
    let mut viewer = Device::new(5);
    owner.admit(&mut viewer, Roles::VIEWER);
    let mistake = viewer.refused(Body::Incident(incident(9, 1, 1)));
    assert_eq!(mistake.code, Code::E02, "{mistake}");
    let kept = gate.record(Body::Incident(incident(1, 42, 1)));
    owner.hear(&gate);
    owner.must(Command::Revoke {
        key: gate.replica.key(),
        reason: tallyline_proto::model::RevokeReason::Stolen,
        before: None,
    });
    let after = gate.record(Body::Incident(incident(2, 43, 1)));
    owner.hear(&gate);
    assert_eq!(owner.verdict(kept), Some(Verdict::Counted));
    assert_eq!(owner.verdict(after), Some(Verdict::Quarantined));
    assert_eq!(owner.replica.incidents().len(), 1);
}

#[test]
fn voids_of_scores_under_an_admit_count_as_little_as_before() {
    let (mut owner, mut gate, mut finish) = referees();
    owner.grant(&gate, 1);
    gate.hear(&owner);
    let drill = tallyline_proto::model::DrillNo(1);
    let score = gate.record(Body::Score(tallyline_proto::model::Score {
        time_centis: vec![6_000],
        ..tallyline_proto::model::Score::blank(drill, ShooterNo(1))
    }));
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    let reply = finish.void(score);
    assert!(
        matches!(&reply, Reply::Refused(it) if it.code == Code::E13),
        "{reply:?}"
    );
    let seen = gate.record(Body::Incident(incident(1, 42, 1)));
    meet(&mut [&mut owner, &mut gate, &mut finish]);
    let reply = finish.void(seen);
    assert!(
        matches!(&reply, Reply::Refused(it) if it.code == Code::E13),
        "what another saw is his: {reply:?}"
    );
    assert!(
        matches!(owner.void(seen), Reply::Saved(_)),
        "or the owner's"
    );
    assert!(owner.replica.incidents().is_empty());
}

fn ruling(device: &mut Device, bib: u32) -> Option<Ruling> {
    let book = device.replica.book().expect("an event");
    book.ruling(tallyline_proto::model::DrillNo(1), ShooterNo(bib))
}
