//! Acceptance rows of a camp: records by declared policies; real replicas that carry bundles.
//!
//! Source: PROTOCOL R-RECORD-1 to R-RECORD-8.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod devices;

use tallyline_proto::{
    model::{Body, FieldNo, KeyId, KindNo, Person, Policy, Record, Roles, Sealed, Value},
    replica::{Reply, VersionsView},
    rules::{Code, Verdict, kinds, records::State},
};
use uuid::Uuid;

use devices::{Device, meet, record, structure};

/// An owner and two leaders who hold the camp.
fn leaders() -> (Device, Device, Device) {
    let mut owner = Device::owner(structure(kinds::camp()));
    let (mut one, mut two) = (Device::new(2), Device::new(3));
    owner.admit(&mut one, Roles::SCORER.with(Roles::LEADER));
    owner.admit(&mut two, Roles::SCORER.with(Roles::LEADER));
    one.hear(&owner);
    (owner, one, two)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Opaque bytes: who may open them is nobody's business here.
fn sealed(bytes: u8) -> Value {
    Value::Sealed(Sealed {
        person: Person::Record(Uuid::from_u128(1)),
        key: KeyId([1; 8]),
        bytes: vec![bytes; 40],
    })
}

fn fields<const N: usize>(fields: [(u32, Value); N]) -> Vec<(FieldNo, Value)> {
    fields
        .into_iter()
        .map(|(no, value)| (FieldNo(no), value))
        .collect()
}

/// A creation; the counter is the replica's to fill in.
fn add<const N: usize>(kind: KindNo, key: u128, on: &[Uuid], says: [(u32, Value); N]) -> Body {
    Body::Record(Record {
        kind,
        key: Uuid::from_u128(key),
        parents: on.to_vec(),
        counter: 0,
        creates: true,
        gone: false,
        fields: fields(says),
    })
}

/// A change of what is there.
fn set<const N: usize>(kind: KindNo, key: Uuid, says: [(u32, Value); N]) -> Body {
    Body::Record(Record {
        kind,
        key,
        parents: Vec::new(),
        counter: 0,
        creates: false,
        gone: false,
        fields: fields(says),
    })
}

/// The only record of a kind.
fn only(device: &mut Device, kind: KindNo) -> VersionsView {
    let mut all = device.replica.records(kind);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn says(view: &VersionsView, field: u32) -> Option<&Value> {
    view.record.fields.get(&FieldNo(field)).map(|it| &it.value)
}

/// Records a group with one participant on a device; returns the participant.
fn participant(device: &mut Device) -> Uuid {
    device.record(add(kinds::GROUP, 10, &[], [(1, text("Foxes"))]));
    let group = Uuid::from_u128(10);
    let said = [(1, text("Mia")), (2, Value::Number(2015))];
    device.record(add(kinds::PARTICIPANT, 20, &[group], said));
    Uuid::from_u128(20)
}

/// Two leaders who are apart and both know a participant.
fn apart() -> (Device, Device, Device, Uuid) {
    let (mut owner, mut one, mut two) = leaders();
    let mia = participant(&mut one);
    meet(&mut [&mut owner, &mut one, &mut two]);
    (owner, one, two, mia)
}

#[test]
fn s3_01_what_is_created_offline_has_its_name_for_ever_and_children_name_it() {
    let (mut owner, mut one, mut two) = leaders();
    let mia = participant(&mut one);
    one.record(add(kinds::HONOR, 30, &[mia], [(1, text("First swim"))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        assert_eq!(only(device, kinds::PARTICIPANT).record.key, mia);
        assert_eq!(only(device, kinds::HONOR).record.parents, [mia]);
    }
}

#[test]
fn s3_02_parents_come_first_whatever_the_order_of_arrival() {
    let (mut owner, mut one, mut two) = leaders();
    // A dose, its medication, the participant and the group, all from different places.
    let group = Uuid::from_u128(10);
    let (mia, pills) = (Uuid::from_u128(20), Uuid::from_u128(40));
    two.record(add(
        kinds::DOSE,
        0,
        &[pills],
        [(1, Value::Number(20_261_127))],
    ));
    two.record(add(kinds::MEDICATION, 40, &[mia], [(2, sealed(1))]));
    one.record(add(kinds::PARTICIPANT, 20, &[group], [(1, text("Mia"))]));
    owner.hear(&two);
    let waits = |device: &mut Device, kind| match only(device, kind).record.state {
        State::Applied => Vec::new(),
        State::Waiting(waits) => waits,
    };
    assert_eq!(
        waits(&mut owner, kinds::DOSE),
        [(kinds::MEDICATION, pills)],
        "it tells for what"
    );
    assert_eq!(
        waits(&mut owner, kinds::MEDICATION),
        [(kinds::PARTICIPANT, mia)]
    );
    owner.hear(&one);
    assert_eq!(
        waits(&mut owner, kinds::PARTICIPANT),
        [(kinds::GROUP, group)]
    );
    owner.record(add(kinds::GROUP, 10, &[], [(1, text("Foxes"))]));
    for kind in [kinds::PARTICIPANT, kinds::MEDICATION, kinds::DOSE] {
        assert_eq!(waits(&mut owner, kind), []);
    }
}

#[test]
fn s3_03_read_only_and_derived_kinds_are_never_written_by_others() {
    let (mut owner, mut one, _) = leaders();
    let mia = participant(&mut one);
    let mistake = one.refused(add(kinds::CAMP, 1, &[], [(1, text("Ours"))]));
    assert_eq!(mistake.code, Code::E02, "{mistake}");
    let total = add(kinds::POINTS_TOTAL, 2, &[mia], [(1, Value::Number(99))]);
    for device in [&mut one, &mut owner] {
        let mistake = device.refused(total.clone());
        assert_eq!(mistake.code, Code::E02, "{mistake}");
        assert!(mistake.text.contains("computed"), "{mistake}");
    }
    owner.record(add(kinds::CAMP, 1, &[], [(1, text("Spring camp"))]));
}

#[test]
fn s3_04_children_of_what_failed_stay_pending() {
    let (mut owner, mut one, _) = leaders();
    let mut stray = Device::new(5);
    owner.admit(&mut stray, Roles::VIEWER);
    // A viewer's record is not taken; what hangs on it is kept and waits.
    let group = Uuid::from_u128(77);
    let said = add(kinds::PARTICIPANT, 20, &[group], [(1, text("Mia"))]);
    let entry = one.record(said);
    owner.hear(&one);
    assert_eq!(owner.verdict(entry), Some(Verdict::Waiting));
    let state = only(&mut owner, kinds::PARTICIPANT).record.state;
    assert_eq!(state, State::Waiting(vec![(kinds::GROUP, group)]));
    assert_eq!(owner.replica.conflicts().count(), 0, "pending, not failed");
}

#[test]
fn s3_07_a_lost_answer_makes_the_second_push_harmless() {
    let (mut owner, mut one, mut two) = leaders();
    let mia = participant(&mut one);
    owner.hear(&one);
    // The answer was lost: everything is sent again, and again.
    let before = owner.replica.state_digest();
    owner.hear(&one);
    owner.hear(&one);
    assert_eq!(owner.replica.state_digest(), before);
    two.hear(&owner);
    // The command itself again: it is here already, or says something else.
    let points = |number| add(kinds::POINTS, 60, &[mia], [(1, Value::Number(number))]);
    let entry = two.record(points(5));
    for _ in 0..2 {
        let again = two.must(record(points(5), false));
        let known = Reply::Recorded {
            id: Uuid::from_u128(60),
            entry,
            fresh: false,
        };
        assert_eq!(again, known);
    }
    let other = two.refused(points(6));
    assert_eq!(other.code, Code::E19, "{other}");
    // It reached another device, too, that does not know the first one.
    one.record(points(5));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        let total = only(device, kinds::POINTS_TOTAL);
        assert_eq!(says(&total, 1), Some(&Value::Number(5)), "counted once");
        assert_eq!(only(device, kinds::POINTS).record.versions.len(), 2);
    }
    assert_eq!(only(&mut two, kinds::PARTICIPANT).record.key, mia);
    assert_eq!(only(&mut two, kinds::PARTICIPANT).record.versions.len(), 1);
}

#[test]
fn s3_08_a_participant_edited_by_two_leaders_keeps_both_fields() {
    let (mut owner, mut one, mut two, mia) = apart();
    let born = one.record(set(kinds::PARTICIPANT, mia, [(2, Value::Number(2014))]));
    let note = two.record(set(kinds::PARTICIPANT, mia, [(3, text("swims well"))]));
    two.record(set(kinds::PARTICIPANT, mia, [(1, text("Mia K."))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        let view = only(device, kinds::PARTICIPANT);
        assert_eq!(says(&view, 1), Some(&text("Mia K.")));
        // Sealed for leaders; which entry it is, all can tell.
        let from = |no| view.record.fields.get(&FieldNo(no)).and_then(|it| it.from);
        assert_eq!([from(2), from(3)], [Some(born), Some(note)]);
        assert_eq!(view.record.versions.len(), 4, "history keeps all");
    }
}

#[test]
fn s3_09_group_activity_and_carpool_are_the_last_write_and_the_loser_is_history() {
    for (kind, field) in [(kinds::GROUP, 2), (kinds::ACTIVITY, 3), (kinds::CARPOOL, 4)] {
        let (mut owner, mut one, mut two) = leaders();
        owner.record(add(kind, 10, &[], [(1, text("Foxes"))]));
        let key = Uuid::from_u128(10);
        meet(&mut [&mut owner, &mut one, &mut two]);
        // The clock of the second one is a day behind: it decides nothing.
        one.clock_ms = 86_400_000;
        one.record(set(kind, key, [(field, text("Ann"))]));
        two.record(set(kind, key, [(field, text("Bob"))]));
        two.record(set(kind, key, [(field, text("Cy"))]));
        meet(&mut [&mut owner, &mut one, &mut two]);
        for device in [&mut owner, &mut one, &mut two] {
            let view = only(device, kind);
            assert_eq!(says(&view, field), Some(&text("Cy")), "{kind}");
            assert_eq!(says(&view, 1), Some(&text("Foxes")), "a version is whole");
            let shown = view.record.versions.iter().filter(|it| it.shown);
            assert_eq!((shown.count(), view.record.versions.len()), (1, 4));
        }
    }
}

#[test]
fn s3_10_attendance_of_one_person_and_day_is_one_status_with_both_entries_in_history() {
    let (mut owner, mut one, mut two, mia) = apart();
    let day = Value::Number(20_261_127);
    let present = |status: &str| {
        add(
            kinds::ATTENDANCE,
            0,
            &[mia],
            [(1, day.clone()), (2, text(status))],
        )
    };
    one.record(present("present"));
    two.record(present("ill"));
    meet(&mut [&mut owner, &mut one, &mut two]);
    let view = only(&mut owner, kinds::ATTENDANCE);
    assert_eq!(view.record.versions.len(), 2);
    assert_eq!(view.record.versions.iter().filter(|it| it.shown).count(), 1);
    let status = says(&view, 2).cloned();
    for device in [&mut one, &mut two] {
        let view = only(device, kinds::ATTENDANCE);
        assert_eq!(says(&view, 2).cloned(), status, "one status everywhere");
    }
    assert_eq!(owner.replica.conflicts().count(), 0);
    // Another day is another record.
    let other = [(1, Value::Number(20_261_128)), (2, text("present"))];
    one.record(add(kinds::ATTENDANCE, 0, &[mia], other));
    assert_eq!(one.replica.records(kinds::ATTENDANCE).len(), 2);
}

#[test]
fn s3_11_both_creations_of_an_honor_are_kept() {
    let (mut owner, mut one, mut two, mia) = apart();
    one.record(add(kinds::HONOR, 30, &[mia], [(1, text("Lifeguard"))]));
    two.record(add(kinds::HONOR, 31, &[mia], [(1, text("Lifeguard"))]));
    // Even under one name nothing is lost, and who knew of one takes only that back.
    two.record(add(kinds::HONOR, 30, &[mia], [(1, text("Helper"))]));
    let mut gone = set(kinds::HONOR, Uuid::from_u128(30), []);
    if let Body::Record(record) = &mut gone {
        record.gone = true;
        record.parents = vec![mia];
    }
    one.record(gone);
    meet(&mut [&mut owner, &mut one, &mut two]);
    let all = owner.replica.records(kinds::HONOR);
    assert_eq!(all.len(), 2);
    let creations = all.iter().flat_map(|it| &it.record.versions);
    let shown = creations.filter(|it| it.says.creates && it.shown).count();
    assert_eq!(shown, 3, "{all:?}");
}

#[test]
fn s3_12_points_are_recomputed_and_never_taken_from_a_client() {
    let (mut owner, mut one, mut two, mia) = apart();
    one.record(add(kinds::POINTS, 50, &[mia], [(1, Value::Number(5))]));
    two.record(add(kinds::POINTS, 51, &[mia], [(1, Value::Number(7))]));
    two.record(add(kinds::POINTS, 52, &[mia], [(1, Value::Number(-2))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        let total = only(device, kinds::POINTS_TOTAL);
        assert_eq!(says(&total, 1), Some(&Value::Number(10)));
        assert!(total.record.versions.is_empty(), "nobody wrote it");
    }
    let mistake = one.refused(add(kinds::POINTS, 53, &[mia], [(1, text("many"))]));
    assert_eq!(mistake.code, Code::E03, "{mistake}");
    assert!(mistake.text.contains("whole number"), "{mistake}");
}

#[test]
fn s3_13_a_badge_that_is_approved_stays_approved() {
    let (mut owner, mut one, mut two, mia) = apart();
    let badge = [(1, text("pending")), (2, text("Knots"))];
    one.record(add(kinds::BADGE, 0, &[mia], badge));
    meet(&mut [&mut owner, &mut one, &mut two]);
    let key = only(&mut one, kinds::BADGE).record.key;
    owner.record(set(kinds::BADGE, key, [(1, text("approved"))]));
    two.record(set(kinds::BADGE, key, [(3, text("bowline missing"))]));
    two.record(set(kinds::BADGE, key, [(1, text("pending"))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        let view = only(device, kinds::BADGE);
        assert_eq!(says(&view, 1), Some(&text("approved")));
        assert_eq!(says(&view, 3), Some(&text("bowline missing")));
    }
    let mistake = one.refused(set(kinds::BADGE, key, [(1, text("best"))]));
    assert_eq!(mistake.code, Code::E01, "{mistake}");
}

#[test]
fn s3_14_a_medication_conflict_is_never_resolved_alone() {
    let (mut owner, mut one, mut two, mia) = apart();
    one.record(add(kinds::MEDICATION, 40, &[mia], [(2, sealed(1))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    let key = Uuid::from_u128(40);
    one.record(set(kinds::MEDICATION, key, [(3, sealed(2))]));
    two.record(set(kinds::MEDICATION, key, [(3, sealed(3))]));
    // One writes on without knowing of the other: that settles nothing.
    two.record(set(kinds::MEDICATION, key, [(3, sealed(4))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        let conflicts = device.replica.conflicts();
        assert_eq!(conflicts.records.len(), 1, "{conflicts:?}");
        let view = &conflicts.records[0];
        assert_eq!(view.record.asks.len(), 2, "both versions are there");
        assert_eq!(says(view, 3), None, "what all knew is shown, no winner");
        assert_eq!(says(view, 2), Some(&sealed(1)));
    }
    // A person decides; it is one more version.
    one.record(set(kinds::MEDICATION, key, [(3, sealed(4))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        assert_eq!(device.replica.conflicts().count(), 0);
        let view = only(device, kinds::MEDICATION);
        assert_eq!(says(&view, 3), Some(&sealed(4)));
        assert_eq!(view.record.versions.len(), 5);
    }
    let plain = record(set(kinds::MEDICATION, key, [(3, text("2 pills"))]), false);
    let plain = one.ask_as_it_is(plain);
    assert!(
        matches!(&plain, Reply::Refused(it) if it.code == Code::E01),
        "{plain:?}"
    );
}

#[test]
fn s3_15_a_dose_recorded_twice_is_shown_as_possible_double_dose_before_anything_else() {
    let (mut owner, mut one, mut two, mia) = apart();
    one.record(add(kinds::MEDICATION, 40, &[mia], [(2, sealed(1))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    let pills = Uuid::from_u128(40);
    let dose = |time: &str| {
        let said = [(1, Value::Number(20_261_127)), (2, text(time))];
        add(kinds::DOSE, 0, &[pills], said)
    };
    one.record(dose("08:00"));
    let asked = one.refused(dose("08:05"));
    assert_eq!(asked.code, Code::E09, "it is asked on one device: {asked}");
    two.record(dose("08:10"));
    // Another question is there, too.
    one.record(set(kinds::MEDICATION, pills, [(3, sealed(2))]));
    two.record(set(kinds::MEDICATION, pills, [(3, sealed(3))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        let conflicts = device.replica.conflicts();
        assert_eq!(conflicts.records.len(), 2);
        let first = &conflicts.records[0].record;
        assert_eq!(first.kind, kinds::DOSE, "before anything else");
        assert_eq!(first.doubled.len(), 2);
        assert_eq!(first.versions.len(), 2, "both are kept");
    }
    // A person looked at both and says so.
    let key = only(&mut one, kinds::DOSE).record.key;
    one.record(set(kinds::DOSE, key, [(3, text("given once"))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    assert!(only(&mut two, kinds::DOSE).record.doubled.is_empty());
    // A third one is marked again.
    let third = two.must(record(dose("20:00"), true));
    assert!(
        matches!(third, Reply::Recorded { fresh: true, .. }),
        "{third:?}"
    );
    assert_eq!(only(&mut two, kinds::DOSE).record.doubled.len(), 3);
}

#[test]
fn s3_15_a_dose_that_was_given_outlives_another_one_that_was_taken_back() {
    let (mut owner, mut one, mut two, mia) = apart();
    one.record(add(kinds::MEDICATION, 40, &[mia], [(2, sealed(1))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    let pills = Uuid::from_u128(40);
    let dose = |time: &str| {
        let said = [(1, Value::Number(20_261_127)), (2, text(time))];
        add(kinds::DOSE, 0, &[pills], said)
    };
    let back = |key: Uuid| {
        let mut gone = set(kinds::DOSE, key, []);
        if let Body::Record(record) = &mut gone {
            record.gone = true;
        }
        gone
    };
    // A slip, taken back; the dose that was given is entered by somebody who knows of neither.
    one.record(dose("08:00"));
    let key = only(&mut one, kinds::DOSE).record.key;
    one.record(back(key));
    assert!(only(&mut one, kinds::DOSE).record.gone);
    two.record(dose("08:10"));
    meet(&mut [&mut owner, &mut one, &mut two]);
    for device in [&mut owner, &mut one, &mut two] {
        let view = only(device, kinds::DOSE);
        assert!(!view.record.gone, "{view:?}");
        assert_eq!(view.record.doubled.len(), 2, "a person looks at both");
        let asked = device.refused(dose("20:00"));
        assert_eq!(asked.code, Code::E09, "{asked}");
    }
    // Who knows all of them takes all of them back; what is entered then stands alone.
    two.record(back(key));
    meet(&mut [&mut owner, &mut one, &mut two]);
    assert!(only(&mut owner, kinds::DOSE).record.gone);
    one.record(dose("20:00"));
    meet(&mut [&mut owner, &mut one, &mut two]);
    let view = only(&mut owner, kinds::DOSE);
    assert!(!view.record.gone);
    assert_eq!(view.record.doubled, []);
    assert_eq!(says(&view, 2), Some(&text("20:00")));
    assert_eq!(view.record.versions.len(), 5);
}

#[test]
fn records_count_under_a_grant_and_under_an_admit_and_are_taken_back_not_voided() {
    let (mut owner, mut one, mut two) = leaders();
    owner.grant(&one, 1);
    one.hear(&owner);
    let entry = one.record(add(kinds::GROUP, 10, &[], [(1, text("Foxes"))]));
    two.record(add(kinds::GROUP, 11, &[], [(1, text("Owls"))]));
    meet(&mut [&mut owner, &mut one, &mut two]);
    assert_eq!(owner.replica.records(kinds::GROUP).len(), 2);
    let reply = owner.void(entry);
    assert!(
        matches!(&reply, Reply::Refused(it) if it.code == Code::E13),
        "{reply:?}"
    );
    let mut gone = set(kinds::GROUP, Uuid::from_u128(10), []);
    if let Body::Record(record) = &mut gone {
        record.gone = true;
    }
    two.record(gone);
    owner.hear(&two);
    let groups = owner.replica.records(kinds::GROUP);
    let gone: Vec<bool> = groups.iter().map(|it| it.record.gone).collect();
    assert_eq!(gone, [true, false], "kept, and shown as taken back");
}

#[test]
fn s4_12_a_coverage_plan_is_put_got_and_deleted_by_user() {
    let mut owner = Device::owner(structure(kinds::coverage()));
    let plan = |matches: &str| {
        let said = [(1, text("ann")), (2, text(matches))];
        add(kinds::COVERAGE_PLAN, 0, &[], said)
    };
    owner.record(plan("1, 4"));
    owner.record(plan("1, 5"));
    let view = only(&mut owner, kinds::COVERAGE_PLAN);
    assert_eq!(says(&view, 2), Some(&text("1, 5")), "put again");
    let mut gone = set(kinds::COVERAGE_PLAN, view.record.key, []);
    if let Body::Record(record) = &mut gone {
        record.gone = true;
    }
    owner.record(gone);
    assert!(only(&mut owner, kinds::COVERAGE_PLAN).record.gone);
    owner.record(plan("7"));
    assert!(!only(&mut owner, kinds::COVERAGE_PLAN).record.gone);
}

#[test]
fn every_policy_is_used_by_a_shipped_kind() {
    let names = kinds::SETS.iter().filter_map(|name| kinds::set(name));
    let policies: Vec<Policy> = names.flatten().map(|it| it.policy).collect();
    for wanted in [
        Policy::Append,
        Policy::FieldLevel,
        Policy::LastWrite,
        Policy::CreateWins,
        Policy::Ask,
    ] {
        assert!(policies.contains(&wanted), "{wanted:?}");
    }
    let has = |is: fn(&Policy) -> bool| policies.iter().any(is);
    assert!(has(|it| matches!(it, Policy::Derived(_))));
    assert!(has(|it| matches!(it, Policy::Escalation(_))));
}
