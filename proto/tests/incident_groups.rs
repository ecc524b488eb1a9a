//! Groups, reviews and rulings follow from the set of entries: no order, no repetition, no clock of
//! a reader plays a part.
//!
//! Source: PROTOCOL R-INCIDENT-2 to R-INCIDENT-6.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::{
        About, Body, Discipline, Division, Drill, DrillNo, Entrant, EntryId, GrantId, Hash,
        Incarnation, Incident, JuryDecision, LogName, Method, NoShoots, Place, PlaceNo,
        PowerFactor, Report, Ruleset, Ruling, Shooter, ShooterNo, SquadNo, Structure, Terms,
    },
    rules::{Authority, Line, Roster, Scorebook, Standing, Verdict, incidents::Choice},
};
use uuid::Uuid;

const WINDOW_MS: i64 = 30_000;
const OWNER: u8 = 1;
const JURY: u8 = 2;

struct Officials;

impl Authority for Officials {
    fn standing(&self, _: &LogName, _: u64, _: Option<About>) -> Standing {
        Standing::Live
    }

    fn is_owner(&self, key: &PublicKey) -> bool {
        *key == self::key(OWNER)
    }

    fn is_jury(&self, key: &PublicKey) -> bool {
        *key == self::key(JURY)
    }

    fn precedence(&self, _: &LogName) -> (u32, u32) {
        (0, 0)
    }
}

fn key(device: u8) -> PublicKey {
    DeviceKey::from_seed([device; 32]).public()
}

/// An entry that owns its body.
#[derive(Clone, Debug)]
struct Written {
    device: u8,
    seq: u64,
    at_ms: i64,
    body: Body,
}

impl Written {
    fn line(&self) -> Line<'_> {
        let name = u128::from(self.device) << 64 | u128::from(self.seq);
        Line {
            id: EntryId(Uuid::from_u128(name.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            log: LogName {
                grant: GrantId(Hash([self.device; 32])),
                incarnation: Incarnation(1),
            },
            seq: self.seq,
            author: key(self.device),
            at_ms: self.at_ms,
            revision: 1,
            body: &self.body,
        }
    }
}

fn roster() -> Roster {
    let shooter = |no| Shooter {
        no: ShooterNo(no),
        label: "Bib".to_owned(),
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(1),
        categories: Vec::new(),
        entrant: Entrant::default(),
    };
    let place = |no| Place {
        no: PlaceNo(no),
        name: "Gate".to_owned(),
    };
    let mut roster = Roster::new(Structure {
        epoch_ms: 0,
        zone_min: 0,
        level: String::new(),
        ruleset: Ruleset::of(Discipline::Ski),
        divisions: vec![Division {
            name: "Open".to_owned(),
            minor_floor: None,
            major_floor: None,
        }],
        drills: vec![Drill {
            no: DrillNo(1),
            name: "Run".to_owned(),
            method: Method::Run,
            strings: 1,
            required_hits: Vec::new(),
            steel: 0,
            no_shoots: NoShoots::NotSaid,
            terms: Terms::default(),
        }],
        shooters: (1..=2).map(shooter).collect(),
        rules: Vec::new(),
        places: (1..=2).map(place).collect(),
        kinds: Vec::new(),
    });
    roster.lock();
    roster
}

fn body() -> impl Strategy<Value = Body> {
    let id = || (0_u128..8).prop_map(Uuid::from_u128);
    let incident =
        (id(), 1_u32..3, 1_u32..3, -5_000_i64..5_000).prop_map(|(id, bib, place, before_ms)| {
            Body::Incident(Incident {
                id,
                race: DrillNo(1),
                bib: ShooterNo(bib),
                place: PlaceNo(place),
                before_ms,
                rule: None,
                text: None,
            })
        });
    let report = (id(), id()).prop_map(|(id, incident)| {
        Body::Report(Report {
            id,
            incident,
            text: None,
            media: Vec::new(),
        })
    });
    let ruling = prop_oneof![
        Just(Ruling::None),
        Just(Ruling::Warning),
        (1_u32..3).prop_map(Ruling::Time),
        Just(Ruling::Dsq),
    ];
    let decision = (id(), ruling).prop_map(|(incident, ruling)| {
        Body::JuryDecision(JuryDecision {
            incident,
            ruling,
            rule: None,
            note: String::new(),
        })
    });
    prop_oneof![4 => incident, 2 => report, 3 => decision]
}

fn entries() -> impl Strategy<Value = Vec<Written>> {
    prop::collection::vec((1_u8..5, 0_i64..100_000, body()), 1..24).prop_map(|said| {
        let mut heights = BTreeMap::new();
        let write = |(device, at_ms, body): (u8, i64, Body)| {
            let seq = heights.entry(device).or_insert(0_u64);
            *seq += 1;
            Written {
                device,
                seq: *seq,
                at_ms,
                body,
            }
        };
        said.into_iter().map(write).collect()
    })
}

fn read(entries: &[Written]) -> Scorebook {
    let lines: Vec<Line<'_>> = entries.iter().map(Written::line).collect();
    Scorebook::compute(&roster(), &Officials, &lines)
}

proptest! {
    #[test]
    fn one_set_of_entries_gives_one_reading(
        (entries, shuffled) in entries().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        split in any::<prop::sample::Index>(),
    ) {
        let expected = read(&entries);
        prop_assert_eq!(&read(&shuffled), &expected, "any order");
        let (left, right) = shuffled.split_at(split.index(shuffled.len()));
        let met: Vec<Written> = right.iter().chain(left).chain(right).cloned().collect();
        prop_assert_eq!(&read(&met), &expected, "any split, any repetition");
    }

    #[test]
    fn a_group_is_what_its_earliest_incident_reaches(entries in entries()) {
        let book = read(&entries);
        let incidents = book.incidents();
        let grouped: usize = incidents.groups().iter().map(|it| it.incidents.len()).sum();
        prop_assert_eq!(grouped, incidents.sightings().len(), "each in one group");
        for group in incidents.groups() {
            for id in &group.incidents {
                let sighting = &incidents.sightings()[id];
                let says = &sighting.first.says;
                prop_assert_eq!((says.bib, says.place), (group.bib, group.place));
                let after = sighting.first.happened_ms() - group.at_ms;
                prop_assert!((0..=WINDOW_MS).contains(&after), "{}", after);
            }
        }
        for pair in incidents.groups().windows(2) {
            let alike = (pair[0].bib, pair[0].place) == (pair[1].bib, pair[1].place);
            prop_assert!(!alike || WINDOW_MS < pair[1].at_ms - pair[0].at_ms);
        }
    }

    /// Whatever waits names an incident that is not here; whatever is here does not wait.
    #[test]
    fn only_what_names_a_missing_incident_waits(entries in entries()) {
        let book = read(&entries);
        for entry in &entries {
            let line = entry.line();
            let names = if let Body::Report(report) = &entry.body {
                Some(report.incident)
            } else if let Body::JuryDecision(decision) = &entry.body {
                Some(decision.incident)
            } else {
                None
            };
            let missing = names.is_some_and(|id| !book.incidents().sightings().contains_key(&id));
            let waits = book.verdict(line.id) == Some(Verdict::Waiting);
            // The same report again is a duplicate, whatever it names.
            let duplicate = matches!(book.verdict(line.id), Some(Verdict::Duplicate(_)));
            prop_assert!(waits == missing || (missing && duplicate));
        }
    }

    /// The owner's last word holds, whatever others say.
    #[test]
    fn the_owner_settles_every_group(entries in entries()) {
        let mut entries = entries;
        let groups: Vec<Uuid> = read(&entries).incidents().groups().iter().map(|it| it.id).collect();
        for (incident, seq) in groups.into_iter().zip(1_000..) {
            entries.push(Written {
                device: OWNER,
                seq,
                at_ms: 0,
                body: Body::JuryDecision(JuryDecision {
                    incident,
                    ruling: Ruling::Time(7),
                    rule: None,
                    note: String::new(),
                }),
            });
        }
        for group in read(&entries).incidents().groups() {
            let settled = matches!(group.choice, Choice::Settled { ruling: Ruling::Time(7), .. });
            prop_assert!(settled, "{:?}", group.choice);
        }
    }
}
