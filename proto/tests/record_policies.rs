//! Every policy gives one view of a set of versions: in any order, however often each comes, however
//! they were split between two devices before.
//!
//! Source: PROTOCOL R-RECORD-4, R-RECORD-9.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use proptest::prelude::*;
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::{
        About, Body, Derive, Discipline, EntryId, Field, FieldNo, GrantId, Hash, Incarnation, Kind,
        KindNo, LogName, Policy, Record, Roles, Ruleset, Structure, Value, Writers,
    },
    rules::{Authority, Line, Records, Roster, Scorebook, Standing, records::RecordState},
};
use uuid::Uuid;

const STATUSES: [&str; 3] = ["pending", "approved", "awarded"];

/// The kind under test, and one on which it hangs.
const KIND: KindNo = KindNo(2);
const PARENT: KindNo = KindNo(1);

struct Everybody;

impl Authority for Everybody {
    fn standing(&self, _: &LogName, _: u64, _: Option<About>) -> Standing {
        Standing::Live
    }

    fn is_owner(&self, _: &PublicKey) -> bool {
        false
    }

    fn precedence(&self, log: &LogName) -> (u32, u32) {
        (u32::from(log.grant.0.0[0]) % 2, 0)
    }
}

/// An entry that owns its body.
#[derive(Clone, Debug)]
struct Written {
    device: u8,
    seq: u64,
    body: Body,
}

impl Written {
    fn line(&self) -> Line<'_> {
        let log = LogName {
            grant: GrantId(Hash([self.device; 32])),
            incarnation: Incarnation(1),
        };
        let name = u128::from(self.device) << 64 | u128::from(self.seq);
        Line {
            id: EntryId(Uuid::from_u128(name.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            log,
            seq: self.seq,
            author: DeviceKey::from_seed([self.device; 32]).public(),
            // Clocks are wrong, and differ.
            at_ms: 1_000_000 / i64::from(self.device),
            revision: 1,
            body: &self.body,
        }
    }
}

fn kind(no: KindNo, parents: Vec<KindNo>, policy: Policy) -> Kind {
    let field = |no| Field {
        no: FieldNo(no),
        name: format!("field-{no}"),
        sealed: false,
    };
    Kind {
        no,
        name: format!("kind-{no}"),
        parents,
        policy,
        writers: Writers::Members,
        readers: Roles::default(),
        fields: (1..=3).map(field).collect(),
        unique: vec![FieldNo(3)],
    }
}

fn roster(policy: &Policy) -> Roster {
    let total = Derive::Sum {
        kind: KIND,
        field: FieldNo(2),
    };
    let parent = Kind {
        unique: Vec::new(),
        ..kind(PARENT, Vec::new(), Policy::LastWrite)
    };
    let mut roster = Roster::new(Structure {
        epoch_ms: 0,
        zone_min: 0,
        level: String::new(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: Vec::new(),
        drills: Vec::new(),
        shooters: Vec::new(),
        rules: Vec::new(),
        places: Vec::new(),
        kinds: vec![
            parent,
            kind(KIND, vec![PARENT], policy.clone()),
            Kind {
                writers: Writers::Nobody,
                unique: Vec::new(),
                ..kind(KindNo(3), vec![PARENT], Policy::Derived(total))
            },
        ],
    });
    roster.lock();
    roster
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Append),
        Just(Policy::FieldLevel),
        Just(Policy::LastWrite),
        Just(Policy::CreateWins),
        Just(Policy::Escalation(STATUSES.map(str::to_owned).to_vec())),
        Just(Policy::Ask),
    ]
}

/// A version of one of two records that hang on one of two parents, one of which may lack.
fn version() -> impl Strategy<Value = (u8, Record)> {
    let status = prop::option::of(prop::sample::select(STATUSES.to_vec()));
    let numbers = (prop::option::of(-5_i64..5), 0_i64..2);
    let marks = (any::<bool>(), prop::bool::weighted(0.2));
    let names = (0_u128..2, 0_u128..2);
    (1_u8..4, names, 1_u64..6, marks, (status, numbers)).prop_map(
        |(device, (key, parent), counter, (creates, gone), (status, (number, named)))| {
            let mut fields = Vec::new();
            fields.extend(status.map(|it| (FieldNo(1), Value::Text(it.to_owned()))));
            fields.extend(number.map(|it| (FieldNo(2), Value::Number(it))));
            fields.push((FieldNo(3), Value::Number(named)));
            let record = Record {
                kind: KIND,
                key: Uuid::from_u128(100 + key),
                parents: vec![Uuid::from_u128(parent)],
                counter,
                creates,
                gone,
                fields,
            };
            (device, record)
        },
    )
}

/// Entries of three devices: the first parent is there, the second one only sometimes.
fn entries() -> impl Strategy<Value = Vec<Written>> {
    let versions = prop::collection::vec(version(), 1..12);
    (versions, any::<bool>()).prop_map(|(versions, both)| {
        let parent = |key: u128| Record {
            kind: PARENT,
            key: Uuid::from_u128(key),
            parents: Vec::new(),
            counter: 1,
            creates: true,
            gone: false,
            fields: Vec::new(),
        };
        let mut said = vec![(9, parent(0))];
        said.extend(both.then(|| (9, parent(1))));
        said.extend(versions);
        let mut heights = std::collections::BTreeMap::new();
        let write = |(device, record): (u8, Record)| {
            let seq = heights.entry(device).or_insert(0_u64);
            *seq += 1;
            Written {
                device,
                seq: *seq,
                body: Body::Record(record),
            }
        };
        said.into_iter().map(write).collect()
    })
}

fn read(policy: &Policy, entries: &[Written]) -> Scorebook {
    let lines: Vec<Line<'_>> = entries.iter().map(Written::line).collect();
    Scorebook::compute(&roster(policy), &Everybody, &lines)
}

fn states(records: &Records) -> Vec<&RecordState> {
    records.of_kind(KIND).collect()
}

/// The entry of a log at a place, from 0.
fn written(logs: &[Vec<(Record, [usize; 4])>; 4], device: usize, seq: usize) -> Written {
    Written {
        device: u8::try_from(device).expect("few") + 1,
        seq: u64::try_from(seq).expect("few") + 1,
        body: Body::Record(logs[device][seq].0.clone()),
    }
}

/// What a device reads that holds logs up to these heights.
fn book_of(
    policy: &Policy,
    logs: &[Vec<(Record, [usize; 4])>; 4],
    heights: [usize; 4],
) -> Scorebook {
    let all = heights.iter().enumerate();
    let entries = all.flat_map(|(device, height)| (0..*height).map(move |seq| (device, seq)));
    let entries: Vec<Written> = entries
        .map(|(device, seq)| written(logs, device, seq))
        .collect();
    read(policy, &entries)
}

proptest! {
    /// Any order, any repetition, any split between two devices that then meet.
    #[test]
    fn one_set_of_versions_gives_one_view(
        policy in policies(),
        (entries, shuffled) in entries().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        split in any::<prop::sample::Index>(),
    ) {
        let expected = read(&policy, &entries);
        prop_assert_eq!(&read(&policy, &shuffled), &expected, "any order");
        let twice: Vec<Written> = shuffled.iter().chain(&entries).cloned().collect();
        prop_assert_eq!(&read(&policy, &twice), &expected, "any repetition");
        let (left, right) = shuffled.split_at(split.index(shuffled.len()));
        let met: Vec<Written> = right.iter().chain(left).chain(right).cloned().collect();
        prop_assert_eq!(&read(&policy, &met), &expected, "any split");
    }

    /// No version is lost: the history has each once.
    #[test]
    fn the_history_keeps_every_version(policy in policies(), entries in entries()) {
        let book = read(&policy, &entries);
        let kept: usize = states(book.records()).iter().map(|it| it.versions.len()).sum();
        let of_kind = |it: &&Written| matches!(&it.body, Body::Record(record) if record.kind == KIND);
        prop_assert_eq!(kept, entries.iter().filter(of_kind).count());
    }

    /// Devices that hear of each other's logs by parts: whatever one takes back, a creation of which it
    /// did not know is there, and it is in the sum.
    #[test]
    fn no_creation_is_hidden_by_who_did_not_know_it(
        create_wins in any::<bool>(),
        steps in prop::collection::vec((0_usize..4, 0_usize..4, 0_u8..4), 1..40),
    ) {
        let policy = if create_wins { Policy::CreateWins } else { Policy::Append };
        // What each device holds of the logs of all, as heights; and what each version's writer knew.
        let mut held = [[0_usize; 4]; 4];
        let mut logs: [Vec<(Record, [usize; 4])>; 4] = Default::default();
        for (device, other, what) in steps {
            if what == 3 {
                // A log comes from its writer up to where it is.
                held[device][other] = logs[other].len();
                continue;
            }
            let known = book_of(&policy, &logs, held[device]);
            let state = known.records().get(KIND, Uuid::from_u128(100));
            if state.is_none() && what != 0 {
                continue;
            }
            // A device that knows that it lacks something does not take back.
            if what == 1 && state.is_some_and(RecordState::lacks_versions) {
                continue;
            }
            let record = Record {
                kind: KIND,
                key: Uuid::from_u128(100),
                parents: vec![Uuid::from_u128(0)],
                counter: state.map_or(1, RecordState::next_counter),
                creates: what == 0,
                gone: what == 1,
                fields: vec![(FieldNo(2), Value::Number(1)), (FieldNo(3), Value::Number(0))],
            };
            logs[device].push((record, held[device]));
            held[device][device] += 1;
        }
        let all = [0, 1, 2, 3].map(|at: usize| logs[at].len());
        let book = book_of(&policy, &logs, all);
        let Some(state) = book.records().get(KIND, Uuid::from_u128(100)) else {
            return Ok(());
        };
        let hidden = if state.gone { state.versions.len() } else { state.ended };
        let place = |device: usize, seq: usize| {
            let entry = written(&logs, device, seq).line().id;
            state.versions.iter().position(|it| it.entry == entry).expect("kept")
        };
        let back: Vec<[usize; 4]> = logs.iter().flatten()
            .filter(|(record, _)| record.gone)
            .map(|(_, knew)| *knew)
            .collect();
        for (device, log) in logs.iter().enumerate() {
            for (seq, _) in log.iter().enumerate().filter(|(_, (record, _))| record.creates) {
                let known = back.iter().any(|knew| seq < knew[device]);
                prop_assert!(known || hidden <= place(device, seq), "{state:?}");
            }
        }
    }

    #[test]
    fn append_shows_every_version(entries in entries()) {
        let book = read(&Policy::Append, &entries);
        for state in states(book.records()) {
            prop_assert!(state.versions.iter().all(|it| it.shown));
        }
    }

    #[test]
    fn field_level_has_for_each_field_the_highest_counter_that_names_it(entries in entries()) {
        let book = read(&Policy::FieldLevel, &entries);
        for state in states(book.records()) {
            for (field, shown) in &state.fields {
                let names = |record: &Record| record.fields.iter().any(|(no, _)| no == field);
                let highest = state.versions.iter().filter(|it| names(&it.says));
                let highest = highest.map(|it| it.says.counter).max();
                let from = state.versions.iter().find(|it| Some(it.entry) == shown.from);
                prop_assert_eq!(from.map(|it| it.says.counter), highest);
            }
        }
    }

    #[test]
    fn last_write_is_one_version_as_a_whole(entries in entries()) {
        let book = read(&Policy::LastWrite, &entries);
        for state in states(book.records()) {
            let last = state.versions.last().expect("a version");
            prop_assert!(state.versions.iter().all(|it| it.says.counter <= last.says.counter));
            let shown: Vec<_> = state.fields.iter().map(|(no, it)| (*no, it.value.clone())).collect();
            prop_assert_eq!(&shown, &last.says.fields);
            prop_assert_eq!(state.gone, last.says.gone);
        }
    }

    #[test]
    fn create_wins_shows_every_creation(entries in entries()) {
        let book = read(&Policy::CreateWins, &entries);
        for state in states(book.records()) {
            let creations = state.versions.iter().filter(|it| it.says.creates);
            for creation in creations {
                prop_assert!(creation.shown);
                prop_assert!(!state.gone || creation.says.counter < state.counter);
            }
        }
    }

    /// A status that anybody reached stays, whatever comes after.
    #[test]
    fn escalation_only_rises(entries in entries(), cut in any::<prop::sample::Index>()) {
        let policy = Policy::Escalation(STATUSES.map(str::to_owned).to_vec());
        let place = |state: &RecordState| match state.fields.get(&FieldNo(1)).map(|it| &it.value) {
            Some(Value::Text(text)) => STATUSES.iter().position(|it| it == text),
            Some(Value::Number(_) | Value::Sealed(_)) | None => None,
        };
        let cut = cut.index(entries.len());
        let (before, after) = (read(&policy, &entries[..=cut]), read(&policy, &entries));
        for state in states(before.records()) {
            let now = after.records().get(KIND, state.key).expect("nothing is lost");
            prop_assert!(place(state) <= place(now));
        }
    }

    /// Versions of which no writer knew the other are always asked about, unless they say the same;
    /// versions one after the other never are.
    #[test]
    fn ask_asks_exactly_between_versions_that_did_not_know_each_other(
        chain in 1_u64..6,
        values in prop::array::uniform2(0_i64..3),
        mut more in 0_u64..3,
    ) {
        let write = |device: u8, seq: u64, counter: u64, value: i64| Written {
            device,
            seq,
            body: Body::Record(Record {
                kind: KIND,
                key: Uuid::from_u128(100),
                parents: vec![Uuid::from_u128(0)],
                counter,
                creates: counter == 1,
                gone: false,
                fields: vec![(FieldNo(2), Value::Number(value)), (FieldNo(3), Value::Number(0))],
            }),
        };
        let parent = Written {
            device: 9,
            seq: 1,
            body: Body::Record(Record {
                kind: PARENT,
                key: Uuid::from_u128(0),
                parents: Vec::new(),
                counter: 1,
                creates: true,
                gone: false,
                fields: Vec::new(),
            }),
        };
        let mut entries = vec![parent];
        entries.extend((1..=chain).map(|counter| write(1, counter, counter, 7)));
        let asks = |entries: &[Written]| {
            let book = read(&Policy::Ask, entries);
            let state = book.records().get(KIND, Uuid::from_u128(100)).cloned();
            state.expect("a record")
        };
        prop_assert!(asks(&entries).asks.is_empty(), "one after the other");
        // Two write at once; one of them goes on without knowing of the other.
        entries.push(write(2, 1, chain + 1, values[0]));
        entries.push(write(3, 1, chain + 1, values[1]));
        while 0 < more {
            more -= 1;
            let seq = u64::try_from(entries.iter().filter(|it| it.device == 3).count()).expect("few") + 1;
            entries.push(write(3, seq, chain + seq, values[1]));
        }
        let state = asks(&entries);
        prop_assert_eq!(state.asks.is_empty(), values[0] == values[1]);
        // Whoever knows all of them decides.
        let next = state.next_counter();
        entries.push(write(2, 2, next, 9));
        let state = asks(&entries);
        prop_assert!(state.asks.is_empty());
        prop_assert_eq!(state.fields.get(&FieldNo(2)).map(|it| &it.value), Some(&Value::Number(9)));
    }

    /// A derived record is the sum of what is there, and of nothing else.
    #[test]
    fn derived_is_recomputed(entries in entries()) {
        let book = read(&Policy::LastWrite, &entries);
        let totals = book.records().of_kind(KindNo(3));
        for total in totals {
            let on = |it: &&&RecordState| it.applied() && !it.gone && it.parents.contains(&total.key);
            let states = states(book.records());
            let sum: i64 = states
                .iter()
                .filter(on)
                .filter_map(|it| it.fields.get(&FieldNo(2)))
                .map(|it| match it.value {
                    Value::Number(number) => number,
                    Value::Text(_) | Value::Sealed(_) => 0,
                })
                .sum();
            prop_assert_eq!(total.fields.get(&FieldNo(1)).map(|it| &it.value), Some(&Value::Number(sum)));
        }
    }

    /// Whatever waits is applied as soon as what it waits for is there, and not before.
    #[test]
    fn children_wait_for_their_parents(policy in policies(), entries in entries()) {
        let book = read(&policy, &entries);
        for state in states(book.records()) {
            let parents = state.parents.iter().all(|key| book.records().get(PARENT, *key).is_some());
            let made = state.versions.iter().any(|it| it.says.creates);
            prop_assert_eq!(state.applied(), parents && made);
        }
    }
}
