//! What people do beyond scores, carried out on a world: approvals, phases, incidents, records of a
//! camp, and what is sealed of somebody.

use tallyline_proto::{
    model::{
        Agreed, Body, DrillNo, FieldNo, Incident, JuryDecision, KindNo, Person, Phase, PhaseChange,
        Record, Report, Roles, Ruling, ShooterNo, Text, Value,
    },
    replica::{Command, Reply, Seed},
    rules::kinds,
};
use uuid::Uuid;

use crate::{
    Device, PLACE, World,
    plan::{Act, EventStage, Says},
    venue::DeviceNo,
};

/// What a scorer of the jury may do.
const JURY: Roles = Roles::SCORER.with(Roles::RELAY).with(Roles::JURY);

/// Who or what a record is, as the first half of its UUID.
const GROUP: u32 = 1;
const PARTICIPANT: u32 = 2;
const INCIDENT: u32 = 3;
const REPORT: u32 = 4;
const OTHER: u32 = 5;

impl World {
    #[expect(clippy::wildcard_enum_match_arm, reason = "`act` has sorted them")]
    pub(super) fn beyond(&mut self, act: &Act) {
        match *act {
            Act::Approve {
                device,
                drill,
                shooter,
            } => {
                if let Some(view) = self.newest(device, drill, shooter) {
                    let approve = Command::Approve {
                        entry: view.id,
                        ro: true,
                        shooter: true,
                        wall_ms: None,
                    };
                    self.tell(device, approve);
                }
            }
            Act::Phase { stage } => self.change_phase(stage),
            Act::Jury { device } => self.make_jury(device),
            Act::Incident {
                device,
                no,
                drill,
                shooter,
            } => {
                let body = Body::Incident(Incident {
                    id: uuid(INCIDENT, no, 0),
                    race: DrillNo(drill),
                    bib: ShooterNo(shooter),
                    place: PLACE,
                    before_ms: 0,
                    rule: None,
                    text: Some(Text::Plain(format!("seen by {device}"))),
                });
                self.write_sealed(device, body);
            }
            Act::Report { device, no } => {
                let by = u32::try_from(device).unwrap_or(u32::MAX);
                let body = Body::Report(Report {
                    id: uuid(REPORT, no, by),
                    incident: uuid(INCIDENT, no, 0),
                    text: Some(Text::Plain(format!("told by {device}"))),
                    media: Vec::new(),
                });
                self.write_sealed(device, body);
            }
            Act::Decide { device, no, centis } => {
                let body = Body::JuryDecision(JuryDecision {
                    incident: uuid(INCIDENT, no, 0),
                    ruling: if centis == 0 {
                        Ruling::Warning
                    } else {
                        Ruling::Time(centis)
                    },
                    rule: None,
                    note: String::new(),
                });
                self.enter(device, body, None);
            }
            Act::Record {
                device,
                says,
                no,
                value,
            } => self.write_record(device, says, (no, value)),
            Act::EraseShooter { shooter } => self.erase(Person::Shooter(ShooterNo(shooter))),
            Act::EraseParticipant { no } => self.erase(Person::Record(uuid(PARTICIPANT, no, 0))),
            _ => {}
        }
    }

    fn change_phase(&mut self, stage: EventStage) {
        let now_ms = self.now_ms();
        let phase = match stage {
            EventStage::Scoring => Phase::Scoring,
            EventStage::Provisional => Phase::Provisional {
                review_ends_ms: now_ms,
            },
            EventStage::Final => Phase::Final { since_ms: now_ms },
        };
        let owner = self.owner();
        let note = String::new();
        self.tell(owner, Command::Phase(PhaseChange { phase, note }));
    }

    fn make_jury(&mut self, device: DeviceNo) {
        let Some(it) = self.devices.get(device) else {
            return;
        };
        let admit = Command::Admit {
            key: Device::key(it),
            roles: JURY,
            label: it.label.clone(),
        };
        let owner = self.owner();
        self.tell(owner, admit);
    }

    fn erase(&mut self, person: Person) {
        let owner = self.owner();
        self.tell(owner, Command::Erase(person));
    }

    /// Writes something whose texts are sealed with fresh keys where the device has none.
    pub(crate) fn write_sealed(&mut self, device: DeviceNo, body: Body) -> Option<Reply> {
        let seed = Seed(self.random().bytes());
        let record = Box::new(Command::Record {
            body,
            replaces: None,
            agreed: Agreed::default(),
            confirmed: true,
            revision: None,
            wall_ms: None,
        });
        self.tell(device, Command::RecordSealed { seed, record })
    }

    /// Writes a version of a record, after those that the device shows.
    fn write_record(&mut self, device: DeviceNo, says: Says, (no, value): (u32, u32)) {
        let text = |text: &str| Value::Text(text.to_owned());
        let named = format!("{value}");
        let (kind, key, fields) = match says {
            Says::Name => (
                kinds::PARTICIPANT,
                uuid(PARTICIPANT, no, 0),
                vec![(FieldNo(1), text(&named))],
            ),
            Says::Contact => (
                kinds::PARTICIPANT,
                uuid(PARTICIPANT, no, 0),
                vec![(FieldNo(4), text(&named))],
            ),
            Says::Points => (
                kinds::POINTS,
                uuid(OTHER, no, value),
                vec![(FieldNo(1), Value::Number(i64::from(value)))],
            ),
            Says::Badge => {
                let statuses = ["pending", "approved", "awarded"];
                let place = usize::try_from(value).unwrap_or(0) % statuses.len();
                let status = statuses.get(place).copied().unwrap_or_default();
                (
                    kinds::BADGE,
                    uuid(OTHER, no, u32::MAX),
                    vec![(FieldNo(1), text(status)), (FieldNo(2), text("swimmer"))],
                )
            }
            Says::Honor => (
                kinds::HONOR,
                uuid(OTHER, no, u32::MAX - 1),
                vec![(FieldNo(1), text(&named))],
            ),
            Says::Attendance => {
                let day = format!("2026-07-{:02}", value % 3 + 1);
                let status = if value % 2 == 0 { "present" } else { "absent" };
                (
                    kinds::ATTENDANCE,
                    uuid(OTHER, no, value % 3),
                    vec![(FieldNo(1), text(&day)), (FieldNo(2), text(status))],
                )
            }
        };
        let parent = if kind == kinds::PARTICIPANT {
            uuid(GROUP, 0, 0)
        } else {
            uuid(PARTICIPANT, no, 0)
        };
        let creates = !self.shows_record(device, kind, key);
        if kind == kinds::PARTICIPANT && !self.shows_record(device, kinds::GROUP, parent) {
            let group = vec![(FieldNo(1), text("everybody"))];
            self.write_version(device, kinds::GROUP, (parent, None), (true, group));
        }
        self.write_version(device, kind, (key, Some(parent)), (creates, fields));
    }

    fn shows_record(&mut self, device: DeviceNo, kind: KindNo, key: Uuid) -> bool {
        let it = self.devices.get_mut(device).filter(|it| it.runs());
        let records = it.map(|it| it.replica.records(kind)).unwrap_or_default();
        records.iter().any(|it| it.record.key == key)
    }

    fn write_version(
        &mut self,
        device: DeviceNo,
        kind: KindNo,
        (key, parent): (Uuid, Option<Uuid>),
        (creates, fields): (bool, Vec<(FieldNo, Value)>),
    ) {
        let body = Body::Record(Record {
            kind,
            key,
            parents: Vec::from_iter(parent),
            // The core counts.
            counter: 0,
            creates,
            gone: false,
            fields,
        });
        self.write_sealed(device, body);
    }
}

/// Returns the UUID of something that everybody at the venue calls by the same numbers.
fn uuid(what: u32, no: u32, part: u32) -> Uuid {
    let what = u128::from(what) << 64;
    Uuid::from_u128(what | (u128::from(no) << 32) | u128::from(part))
}
