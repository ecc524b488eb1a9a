//! What is recorded under seal.

use super::*;
use crate::rules::{Code, Verdict};

fn recorded(kind: KindNo, key: u8, on: &[u8], says: &[(u32, &str)]) -> Body {
    let name = |key: &u8| Uuid::from_bytes([*key; 16]);
    let says = says.iter();
    Body::Record(Record {
        kind,
        key: name(&key),
        parents: on.iter().map(name).collect(),
        counter: 0,
        creates: true,
        gone: false,
        fields: says
            .map(|(no, text)| (FieldNo(*no), Value::Text((*text).into())))
            .collect(),
    })
}

fn under_seal(body: Body) -> Command {
    Command::RecordSealed {
        seed: Seed([88; 32]),
        record: Box::new(Command::Record {
            body,
            replaces: None,
            agreed: Agreed::default(),
            confirmed: false,
            revision: None,
            wall_ms: None,
        }),
    }
}

/// R-SEAL-1, R-SEAL-6: what a kind seals is sealed for its readers, about the participant on whom the
/// record hangs, and one erasure reaches all of it.
#[test]
fn what_is_recorded_is_sealed_for_the_readers_of_its_kind() {
    const MIA: u8 = 0x33;
    let mut bench = Bench::new();
    bench.must(OWNER, Command::Lock);
    bench.meet(OWNER, MARSHAL);
    let mia = Person::Record(Uuid::from_bytes([MIA; 16]));
    for body in [
        recorded(kinds::GROUP, 0x11, &[], &[(1, "Otters")]),
        recorded(
            kinds::PARTICIPANT,
            MIA,
            &[0x11],
            &[(1, "Mia"), (4, "mother: 555-0199")],
        ),
        recorded(
            kinds::MEDICATION,
            0x44,
            &[MIA],
            &[(1, "08:00"), (2, "salbutamol"), (3, "two puffs")],
        ),
        recorded(
            kinds::DOSE,
            0x55,
            &[0x44],
            &[(1, "2018-07-25"), (3, "given"), (4, "was short of breath")],
        ),
    ] {
        bench.must(MARSHAL, under_seal(body));
    }
    bench.meet(MARSHAL, OTHER_MEDIC);
    let keys = bench.at(MARSHAL).replica.keys();
    let readers: Vec<Roles> = keys.iter().map(|it| it.readers).collect();
    assert_eq!(keys.len(), 2, "one for leaders, one for medics");
    assert!(keys.iter().all(|it| it.person == mia && it.made));
    assert!(readers.contains(&Roles::LEADER) && readers.contains(&Roles::MEDIC));
    let texts = bench.at(OTHER_MEDIC).replica.sealed_texts(mia);
    let seen: BTreeMap<(String, String), Opened> = texts
        .into_iter()
        .map(|it| ((it.kind, it.field), it.opened))
        .collect();
    let seen = |kind: &str, field: &str| seen.get(&(kind.into(), field.into())).cloned();
    assert_eq!(
        seen("participant", "contact"),
        Some(Opened::NotForThisDevice)
    );
    assert_eq!(seen("medication", "medicine"), Some(text("salbutamol")));
    assert_eq!(seen("medication", "amount"), Some(text("two puffs")));
    assert_eq!(seen("dose", "note"), Some(text("was short of breath")));
    bench.meet(MARSHAL, OWNER);
    let reply = bench.must(OWNER, Command::Erase(mia));
    assert_eq!(reply, Reply::Erased { keys: 2 });
    let participants = bench.at(OWNER).replica.records(kinds::PARTICIPANT);
    let name = participants[0].record.fields.get(&FieldNo(1)).unwrap();
    assert_eq!(name.value, Value::Text("[erased]".into()));
    let persons = bench.at(OWNER).replica.persons();
    let erased = persons.iter().find(|it| it.person == mia).unwrap();
    assert_eq!((erased.texts, erased.readable, erased.keys), (5, 0, 0));
    let more = recorded(kinds::MEDICATION, 0x45, &[MIA], &[(2, "more")]);
    let command = Box::new(under_seal(more));
    let request = RequestId(1);
    let replies = bench.step(OWNER, vec![Input::Command { request, command }]);
    assert!(matches!(replies.as_slice(), [Reply::Refused(_)]));
    let keys = bench.at(OWNER).replica.keys();
    assert!(keys.is_empty(), "what is refused leaves no key");
}

/// R-SEAL-1: a text in the clear is refused where the kind seals, and a parent that is not here is
/// waited for, since nobody can tell whom the text is about.
#[test]
fn nothing_goes_in_the_clear_and_nothing_about_nobody() {
    let mut bench = Bench::new();
    bench.must(OWNER, Command::Lock);
    let body = || recorded(kinds::DOSE, 0x55, &[0x44], &[(1, "d"), (4, "note")]);
    let Command::RecordSealed { record, .. } = under_seal(body()) else {
        panic!("sealed");
    };
    for command in [*record, under_seal(body())] {
        let command = Box::new(command);
        let request = RequestId(1);
        let replies = bench.step(OWNER, vec![Input::Command { request, command }]);
        assert!(
            matches!(replies.as_slice(), [Reply::Refused(_)]),
            "{replies:?}"
        );
    }
    let other = Command::RecordSealed {
        seed: Seed([1; 32]),
        record: Box::new(Command::Lock),
    };
    let command = Box::new(other);
    let request = RequestId(1);
    let replies = bench.step(OWNER, vec![Input::Command { request, command }]);
    assert!(matches!(replies.as_slice(), [Reply::Refused(_)]));
    assert_eq!(alloc::format!("{:?}", Seed([7; 32])), "Seed(..)");
}

/// What was seen of a race is read by the jury; the same report twice is one entry.
#[test]
fn what_was_seen_is_for_the_jury() {
    let mut bench = Bench::new();
    bench.must(OWNER, Command::Lock);
    bench.meet(OWNER, MARSHAL);
    let report = Body::Report(Report {
        id: Uuid::from_bytes([5; 16]),
        incident: Uuid::from_bytes([4; 16]),
        text: Some(Text::Plain("he waved at me".into())),
        media: Vec::new(),
    });
    let first = bench.must(MARSHAL, under_seal(report.clone()));
    let again = bench.must(MARSHAL, under_seal(report));
    let entry = |reply: &Reply| match reply {
        Reply::Recorded { entry, fresh, .. } => (*entry, *fresh),
        other => panic!("{other:?}"),
    };
    assert_eq!(entry(&again), (entry(&first).0, false), "said once");
    bench.meet(MARSHAL, JURY);
    let incident = Person::Record(Uuid::from_bytes([4; 16]));
    let texts = bench.at(JURY).replica.sealed_texts(incident);
    assert_eq!(texts[0].opened, text("he waved at me"));
    assert_eq!(texts[0].kind, "incident");
}

/// R-SEAL-5: a report that came before its incident is about the incident; an erasure of whom that
/// tells of reaches it, whichever of the two is here first.
#[test]
fn an_erasure_reaches_reports_that_came_before_their_incident() {
    for incident_first in [true, false] {
        let mut bench = Bench::new();
        bench.must(OWNER, Command::Lock);
        bench.meet(OWNER, MARSHAL);
        let report = Body::Report(Report {
            id: Uuid::from_bytes([5; 16]),
            incident: Uuid::from_bytes([4; 16]),
            text: Some(Text::Plain("he waved at me".into())),
            media: Vec::new(),
        });
        bench.must(MARSHAL, under_seal(report));
        bench.meet(MARSHAL, JURY);
        let early = Person::Record(Uuid::from_bytes([4; 16]));
        let opened = |bench: &mut Bench, seed: u8| {
            let texts = bench.at(seed).replica.sealed_texts(early);
            texts[0].opened.clone()
        };
        assert_eq!(opened(&mut bench, JURY), text("he waved at me"));
        if incident_first {
            bench.write(MARSHAL, Roles::JURY, "gate 9", incident);
            bench.meet(MARSHAL, JURY);
        }
        bench.must(OWNER, Command::Erase(ANNA));
        bench.meet(OWNER, JURY);
        if !incident_first {
            assert_eq!(opened(&mut bench, JURY), text("he waved at me"));
            bench.write(MARSHAL, Roles::JURY, "gate 9", incident);
            bench.meet(MARSHAL, JURY);
        }
        assert_eq!(opened(&mut bench, JURY), Opened::Erased, "{incident_first}");
        assert_eq!(bench.at(JURY).replica.keys(), []);
        assert!(bench.at(JURY).memory.keys.is_empty());
        bench.meet(OWNER, MARSHAL);
        assert!(bench.at(MARSHAL).memory.keys.is_empty());
        bench.restart(JURY);
        assert_eq!(opened(&mut bench, JURY), Opened::Erased);
    }
}

/// R-SEAL-5: who says that somebody's record is an incident of an erased shooter erases nothing.
#[test]
fn what_names_a_record_is_no_incident() {
    let mut bench = Bench::new();
    bench.must(OWNER, Command::Lock);
    bench.meet(OWNER, OTHER_MEDIC);
    // Under the name that the incident below has, too.
    let body = recorded(
        kinds::PARTICIPANT,
        4,
        &[0x11],
        &[(1, "Mia"), (4, "555-0199")],
    );
    bench.must(
        OWNER,
        under_seal(recorded(kinds::GROUP, 0x11, &[], &[(1, "Otters")])),
    );
    bench.must(OWNER, under_seal(body));
    bench.must(OWNER, Command::Erase(ANNA));
    bench.write(MARSHAL, Roles::JURY, "gate 9", incident);
    bench.meet(MARSHAL, OWNER);
    let mia = Person::Record(Uuid::from_bytes([4; 16]));
    let texts = bench.at(OWNER).replica.sealed_texts(mia);
    assert_eq!(texts[0].opened, text("555-0199"));
}

/// R-RECORD-3: what a device without the check writes into a kind of the owner's comes to everybody,
/// counts nowhere, and is in no view.
#[test]
fn s3_03_what_a_careless_device_writes_comes_to_all_and_is_not_applied() {
    let mut bench = Bench::new();
    bench.must(OWNER, Command::Lock);
    bench.meet(OWNER, MARSHAL);
    let careless = bench.at(MARSHAL);
    let grant = careless.replica.member().unwrap();
    let grant = grant.speaks_under(&key(MARSHAL).public());
    let body = recorded(kinds::CAMP, 1, &[], &[(1, "Ours")]);
    let replica = &mut careless.replica;
    let entry = replica.append(grant, body, None, None).unwrap();
    bench.step(MARSHAL, vec![Input::Tick]);
    bench.meet(MARSHAL, OWNER);
    for seed in [OWNER, MARSHAL] {
        let replica = &mut bench.at(seed).replica;
        let verdict = replica.book().unwrap().verdict(entry);
        assert_eq!(verdict, Some(Verdict::Unfit(Code::E02)), "device {seed}");
        assert_eq!(replica.records(kinds::CAMP), [], "device {seed}");
    }
}

/// R-SEAL-7: of an erased person's record no value is shown, of what hangs on it no words.
#[test]
fn nothing_is_shown_of_an_erased_participant() {
    let mut bench = Bench::new();
    bench.must(OWNER, Command::Lock);
    for body in [
        recorded(kinds::GROUP, 0x11, &[], &[(1, "Otters")]),
        recorded(
            kinds::PARTICIPANT,
            0x33,
            &[0x11],
            &[(1, "Mia"), (2, "2015")],
        ),
        recorded(
            kinds::HONOR,
            0x66,
            &[0x33],
            &[(1, "Lifeguard"), (3, "saved Tom")],
        ),
    ] {
        bench.must(OWNER, under_seal(body));
    }
    let mia = Uuid::from_bytes([0x33; 16]);
    bench.must(OWNER, Command::Erase(Person::Record(mia)));
    for kind in [kinds::PARTICIPANT, kinds::HONOR] {
        let records = bench.at(OWNER).replica.records(kind);
        let shown = records[0].record.fields.values().map(|it| &it.value);
        let said = records[0].record.versions.iter();
        let said = said.flat_map(|it| it.says.fields.iter().map(|(_, value)| value));
        for value in shown.chain(said) {
            let hidden = *value == Value::Text("[erased]".into());
            assert!(hidden || matches!(value, Value::Sealed(_)), "{value:?}");
        }
    }
    let groups = bench.at(OWNER).replica.records(kinds::GROUP);
    let name = &groups[0].record.fields[&FieldNo(1)].value;
    assert_eq!(*name, Value::Text("Otters".into()), "others are untouched");
}
