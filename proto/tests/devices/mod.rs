//! Devices with real replicas that carry bundles to each other: a venue without a network.

use tallyline_keys::DeviceKey;
use tallyline_proto::{
    model::{
        Agreed, Body, CellSet, Discipline, Division, Drill, DrillNo, Entrant, EntryId, Incarnation,
        Kind, Method, NoShoots, Open, Place, PlaceNo, PowerFactor, Roles, Rule, RuleKind, RuleNo,
        Ruleset, Shooter, ShooterNo, SquadNo, Structure, Terms, VoidReason,
    },
    replica::{
        Command, Disk, Founding, Identity, Input, Now, Replica, Reply, RequestId, Seed, Stored,
        Write,
    },
    rules::{Mistake, Verdict},
};

/// The event begins at this Unix time in milliseconds.
pub(crate) const EPOCH_MS: u64 = 1_764_201_600_000;

/// The seed of the event's recovery card.
pub(crate) const CARD: [u8; 32] = [0xca; 32];

/// A disk that keeps nothing: these devices are never started again.
struct Nowhere;

impl Disk for Nowhere {
    type Error = ();

    fn commit(&mut self, _: &[Write]) -> Result<(), ()> {
        Ok(())
    }
}

/// One device.
pub(crate) struct Device {
    pub(crate) replica: Replica,
    seed: u8,
    /// What its clock says, in milliseconds from the event's epoch; as wrong as a test makes it.
    pub(crate) clock_ms: i64,
}

impl Device {
    /// A device without an event.
    pub(crate) fn new(seed: u8) -> Self {
        let identity = Identity {
            key: DeviceKey::from_seed([seed; 32]),
            store: seed.into(),
            label: format!("Device {seed}"),
            cloud: false,
            warrant: None,
        };
        let replica = Replica::open(identity, Stored::default(), Incarnation(seed.into()));
        Self {
            replica: replica.expect("an empty store"),
            seed,
            clock_ms: 0,
        }
    }

    /// The owner's device of an event of this structure, locked.
    pub(crate) fn owner(structure: Structure) -> Self {
        let mut owner = Self::new(1);
        owner.must(Command::Found(Founding {
            name: "Afternoon".to_owned(),
            nonce: [7; 16],
            discovery_key: [8; 16],
            cloud: Vec::new(),
            recovery: vec![DeviceKey::from_seed(CARD).public()],
            structure,
            label: "Owner".to_owned(),
        }));
        owner.must(Command::Lock);
        owner
    }

    /// Admits another device and carries everything to it.
    pub(crate) fn admit(&mut self, device: &mut Self, roles: Roles) {
        self.must(Command::Admit {
            key: device.replica.key(),
            roles,
            label: format!("Device {}", device.seed),
        });
        device.hear(self);
    }

    /// Grants a squad of every drill to another device.
    pub(crate) fn grant(&mut self, device: &Self, squad: u32) {
        self.must(Command::Assign {
            closing: Vec::new(),
            reason: tallyline_proto::model::CloseReason::Handover,
            opens: vec![Open {
                key: device.replica.key(),
                cells: CellSet {
                    drills: None,
                    squads: Some(vec![SquadNo(squad)]),
                },
                until_ms: None,
            }],
        });
    }

    /// Takes in everything that another device has.
    pub(crate) fn hear(&mut self, other: &Self) {
        let reply = self.must(Command::Import(other.replica.bundle()));
        assert!(
            matches!(reply, Reply::Imported { refused: 0, .. }),
            "{reply:?}"
        );
    }

    /// Asks for something, with its texts under seal as the program does.
    pub(crate) fn ask(&mut self, command: Command) -> Reply {
        let command = self.sealing(command);
        self.ask_as_it_is(command)
    }

    pub(crate) fn ask_as_it_is(&mut self, command: Command) -> Reply {
        let wall_ms = i64::try_from(EPOCH_MS).expect("a date") + self.clock_ms;
        let now = Now {
            mono_ms: 1_000,
            wall_ms: u64::try_from(wall_ms).expect("after 1970"),
        };
        let input = Input::Command {
            request: RequestId(1),
            command: Box::new(command),
        };
        let effects = self.replica.step(now, vec![input]);
        let mut released = effects.persist(&mut Nowhere).expect("never fails");
        released.replies.remove(0).1
    }

    /// Seals what is to be sealed with keys of this device.
    fn sealing(&self, command: Command) -> Command {
        if !matches!(
            &command,
            Command::Record {
                body: Body::Incident(_) | Body::Report(_) | Body::Record(_),
                ..
            }
        ) {
            return command;
        }
        Command::RecordSealed {
            seed: Seed([self.seed; 32]),
            record: Box::new(command),
        }
    }

    pub(crate) fn must(&mut self, command: Command) -> Reply {
        let reply = self.ask(command);
        if let Reply::Refused(mistake) = &reply {
            panic!("{mistake}");
        }
        reply
    }

    /// Records something that has to be saved or known; returns its entry.
    pub(crate) fn record(&mut self, body: Body) -> EntryId {
        let reply = self.must(record(body, false));
        if let Reply::Recorded { entry, .. } = reply {
            return entry;
        }
        let Reply::Saved(entries) = reply else {
            panic!("{reply:?}");
        };
        *entries.last().expect("an entry")
    }

    /// Tries to record something that has to be refused.
    pub(crate) fn refused(&mut self, body: Body) -> Mistake {
        let reply = self.ask(record(body, false));
        let Reply::Refused(mistake) = reply else {
            panic!("{reply:?}");
        };
        mistake
    }

    /// Voids an entry.
    pub(crate) fn void(&mut self, entry: EntryId) -> Reply {
        self.ask(Command::Void {
            entry,
            reason: VoidReason::Test,
            agreed: Agreed::BOTH,
            note: String::new(),
            wall_ms: None,
        })
    }

    /// Returns how an entry is read here.
    pub(crate) fn verdict(&mut self, entry: EntryId) -> Option<Verdict> {
        self.replica.book().expect("an event").verdict(entry)
    }
}

/// A wish to record something.
pub(crate) fn record(body: Body, confirmed: bool) -> Command {
    Command::Record {
        body,
        replaces: None,
        agreed: Agreed::default(),
        confirmed,
        revision: None,
        wall_ms: None,
    }
}

/// Carries everything around until all devices have all.
pub(crate) fn meet(devices: &mut [&mut Device]) {
    for _ in 0..devices.len() {
        for at in 1..devices.len() {
            let (left, right) = devices.split_at_mut(at);
            let (one, next) = (
                left.last_mut().expect("one"),
                right.first_mut().expect("two"),
            );
            next.hear(one);
            one.hear(next);
        }
    }
    for pair in devices.windows(2) {
        let digests = [&pair[0], &pair[1]].map(|it| it.replica.state_digest());
        assert_eq!(digests[0], digests[1], "all hold the same");
    }
    // What is kept up to date entry by entry is what somebody reads who has all at once.
    let mut reader = Device::new(250);
    reader.hear(devices.first().expect("one"));
    let expected = reader.replica.book();
    for device in devices {
        assert_eq!(device.replica.book(), expected, "all read the same");
    }
}

/// An event with one race, bibs 1 to 50 in one squad, three places, and these kinds of records.
pub(crate) fn structure(kinds: Vec<Kind>) -> Structure {
    let shooter = |no| Shooter {
        no: ShooterNo(no),
        label: format!("Bib {no}"),
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(1),
        categories: Vec::new(),
        entrant: Entrant::default(),
    };
    let place = |(no, name): (u32, &str)| Place {
        no: PlaceNo(no),
        name: name.to_owned(),
    };
    Structure {
        epoch_ms: EPOCH_MS,
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
            name: "Giant slalom".to_owned(),
            method: Method::Run,
            strings: 1,
            required_hits: Vec::new(),
            steel: 0,
            no_shoots: NoShoots::NotSaid,
            terms: Terms::default(),
        }],
        shooters: (1..=50).map(shooter).collect(),
        rules: vec![Rule {
            no: RuleNo(1),
            kind: RuleKind::Dq,
            text: "661.4 Gate missed".to_owned(),
            code: String::new(),
            value: None,
        }],
        places: (1..)
            .zip(["Gate 12", "Gate 13", "Finish"])
            .map(place)
            .collect(),
        kinds,
    }
}
