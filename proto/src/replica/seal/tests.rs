//! Keys between devices in memory: who gets one, who never does, and what an erasure leaves.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec, vec::Vec};

use tallyline_keys::DeviceKey;
use uuid::Uuid;

use super::super::{
    Command, Disk, Founding, Identity, Input, Notice, Now, Opened, PeerId, Reason, Replica, Reply,
    RequestId, Seed, Stored, StoredLog, Write,
};
use super::Sealer;
use crate::{
    model::{
        Agreed, Body, Discipline, Division, DrillNo, Entrant, FieldNo, GrantId, Incarnation,
        Incident, KeyId, KindNo, LogName, Person, PlaceNo, PowerFactor, Record, Report, Roles,
        RosterChange, Ruleset, Sealed, Shooter, ShooterEdit, ShooterNo, SquadNo, Statement,
        Structure, Text, Value,
    },
    rules::{Mistake, kinds},
    wire::{Frame, KeyAsk, KeyRow, Keys, Share, decode_frame, encode_frame},
};

const OWNER: u8 = 1;
const MEDIC: u8 = 2;
const JURY: u8 = 3;
/// A scorer: reads nothing of others, and makes keys for what it writes.
const MARSHAL: u8 = 4;
const RELAY: u8 = 5;
const OTHER_MEDIC: u8 = 6;

const ANNA: Person = Person::Shooter(ShooterNo(71));
const SECRET: &str = "insulin, twice a day";

/// What a store would hold.
#[derive(Default)]
struct Memory {
    stored: Stored,
    keys: BTreeMap<KeyId, KeyRow>,
}

struct Device {
    replica: Replica,
    memory: Memory,
    starts: u64,
    /// Every frame that left it.
    said: Vec<Vec<u8>>,
    refused: Vec<Reason>,
}

struct Bench {
    devices: BTreeMap<u8, Device>,
    /// Connections: both ends.
    links: BTreeMap<u64, (u8, u8)>,
    now_ms: u64,
    /// Loses every second frame about keys, by chance.
    loses: Option<u64>,
    /// Counts what was written: each draws bytes of its own.
    drawn: u8,
}

impl Disk for Memory {
    type Error = ();

    fn commit(&mut self, writes: &[Write]) -> Result<(), ()> {
        for write in writes {
            match write {
                Write::Manifest(bytes) => self.stored.manifest = Some(bytes.clone()),
                Write::Entries { log, entries, .. } => {
                    self.log(log).entries.extend(entries.iter().cloned());
                }
                Write::Head {
                    log,
                    height,
                    signature,
                } => self.log(log).heads.push((*height, *signature)),
                Write::DropHead { log, height } => {
                    self.log(log).heads.retain(|(held, _)| held != height);
                }
                Write::Key { id, row } => {
                    self.keys.insert(*id, row.clone());
                }
                Write::ForgetKey { id } => {
                    self.keys.remove(id);
                }
                Write::Ticket(_)
                | Write::Cell { .. }
                | Write::Fork { .. }
                | Write::Displace { .. }
                | Write::Invite { .. } => {}
            }
        }
        Ok(())
    }
}

impl Memory {
    fn log(&mut self, name: &LogName) -> &mut StoredLog {
        let logs = &mut self.stored.logs;
        let place = logs.iter().position(|log| log.name == *name);
        let place = place.unwrap_or_else(|| {
            logs.push(StoredLog {
                name: *name,
                entries: Vec::new(),
                heads: Vec::new(),
            });
            logs.len() - 1
        });
        &mut logs[place]
    }

    fn stored(&self) -> Stored {
        Stored {
            keys: self.keys.values().cloned().collect(),
            ..self.stored.clone()
        }
    }
}

fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

fn open(seed: u8, stored: Stored, start: u64) -> Replica {
    let identity = Identity {
        key: key(seed),
        store: u64::from(seed),
        label: String::from("a device"),
        cloud: false,
        warrant: None,
    };
    Replica::open(identity, stored, Incarnation(start)).unwrap()
}

fn shooter() -> Shooter {
    Shooter {
        no: ShooterNo(71),
        label: "Anna Adams".into(),
        division: 0,
        power_factor: PowerFactor::Minor,
        squad: SquadNo(1),
        categories: vec!["Lady".into()],
        entrant: Entrant {
            id: None,
            member: "M-17".into(),
            class: "A".into(),
            team: "Harbour".into(),
        },
    }
}

fn structure() -> Structure {
    Structure {
        epoch_ms: 1_532_476_800_000,
        zone_min: 0,
        level: "L1".into(),
        ruleset: Ruleset::of(Discipline::Ipsc),
        divisions: vec![Division {
            name: "Open".into(),
            minor_floor: None,
            major_floor: None,
        }],
        drills: Vec::new(),
        shooters: vec![shooter()],
        rules: Vec::new(),
        kinds: kinds::camp(),
        places: Vec::new(),
    }
}

fn medication(sealed: &Sealed) -> Body {
    Body::Record(Record {
        kind: kinds::MEDICATION,
        key: Uuid::from_bytes([3; 16]),
        parents: Vec::new(),
        counter: 1,
        creates: true,
        gone: false,
        fields: vec![(FieldNo(2), Value::Sealed(sealed.clone()))],
    })
}

fn incident(sealed: &Sealed) -> Body {
    Body::Incident(Incident {
        id: Uuid::from_bytes([4; 16]),
        race: DrillNo(1),
        bib: ShooterNo(71),
        place: PlaceNo(1),
        before_ms: 0,
        rule: None,
        text: Some(Text::Sealed(sealed.clone())),
    })
}

impl Device {
    fn step(&mut self, now_ms: u64, inputs: Vec<Input>) -> (Vec<(PeerId, Vec<u8>)>, Vec<Reply>) {
        let now = Now {
            mono_ms: now_ms,
            wall_ms: 1_532_476_800_000,
        };
        let effects = self.replica.step(now, inputs);
        let released = effects.persist(&mut self.memory).unwrap();
        let frames = released.frames.iter().map(|(_, bytes)| bytes.clone());
        self.said.extend(frames);
        for notice in &released.notices {
            if let Notice::Refused { reason, .. } = notice {
                self.refused.push(*reason);
            }
        }
        let replies = released.replies.into_iter().map(|(_, reply)| reply);
        (released.frames, replies.collect())
    }

    fn holds(&self, id: KeyId) -> bool {
        let in_memory = self.replica.keys().iter().any(|it| it.id == id);
        assert_eq!(in_memory, self.memory.keys.contains_key(&id), "on disk too");
        in_memory
    }

    fn said_of_keys(&self) -> usize {
        let frames = self.said.iter().filter_map(|it| decode_frame(it).unwrap());
        let of_keys = |it: &Frame| matches!(it, Frame::KeyAsk(_) | Frame::Keys(_));
        frames.filter(of_keys).count()
    }
}

impl Bench {
    /// The owner's event with every device a member that knows all members.
    fn new() -> Self {
        let devices = [OWNER, MEDIC, JURY, MARSHAL, RELAY, OTHER_MEDIC];
        let devices = devices.map(|seed| {
            let device = Device {
                replica: open(seed, Stored::default(), 1),
                memory: Memory::default(),
                starts: 1,
                said: Vec::new(),
                refused: Vec::new(),
            };
            (seed, device)
        });
        let mut bench = Self {
            devices: BTreeMap::from(devices),
            links: BTreeMap::new(),
            now_ms: 1_000,
            loses: None,
            drawn: 0,
        };
        bench.must(
            OWNER,
            Command::Found(Founding {
                name: "Harbour Cup".into(),
                nonce: [1; 16],
                discovery_key: [2; 16],
                cloud: Vec::new(),
                recovery: Vec::new(),
                structure: structure(),
                label: "Owner".into(),
            }),
        );
        for (seed, roles) in [
            (MEDIC, Roles::MEDIC),
            (OTHER_MEDIC, Roles::MEDIC.with(Roles::SCORER)),
            (JURY, Roles::JURY),
            (MARSHAL, Roles::SCORER),
            (RELAY, Roles::RELAY.with(Roles::VIEWER)),
        ] {
            bench.admit(seed, roles);
        }
        let bundle = bench.at(OWNER).replica.bundle();
        for seed in [MEDIC, JURY, MARSHAL, RELAY, OTHER_MEDIC] {
            bench.must(seed, Command::Import(bundle.clone()));
        }
        bench
    }

    fn at(&mut self, seed: u8) -> &mut Device {
        self.devices.get_mut(&seed).unwrap()
    }

    fn admit(&mut self, seed: u8, roles: Roles) {
        let key = key(seed).public();
        let label = "member".into();
        self.must(OWNER, Command::Admit { key, roles, label });
    }

    fn must(&mut self, seed: u8, command: Command) -> Reply {
        let command = Box::new(command);
        let request = RequestId(1);
        let input = Input::Command { request, command };
        let replies = self.step(seed, vec![input]);
        let reply = replies.into_iter().next().unwrap();
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
        reply
    }

    /// One step of one device, and all that follows from its frames.
    fn step(&mut self, seed: u8, inputs: Vec<Input>) -> Vec<Reply> {
        let now_ms = self.now_ms;
        let (frames, replies) = self.at(seed).step(now_ms, inputs);
        let frames = frames.into_iter();
        self.deliver(frames.map(|(peer, bytes)| (seed, peer, bytes)).collect());
        replies
    }

    fn deliver(&mut self, mut waiting: Vec<(u8, PeerId, Vec<u8>)>) {
        let now_ms = self.now_ms;
        while let Some((from, peer, bytes)) = (!waiting.is_empty()).then(|| waiting.remove(0)) {
            let Some((one, other)) = self.links.get(&peer.0) else {
                continue;
            };
            let to = if *one == from { *other } else { *one };
            if let Some(chance) = &mut self.loses {
                *chance = chance
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let of_keys = matches!(bytes.first(), Some(18 | 19));
                if of_keys && *chance >> 63 == 1 {
                    continue;
                }
            }
            let (frames, _) = self.at(to).step(now_ms, vec![Input::Frame { peer, bytes }]);
            waiting.extend(frames.into_iter().map(|(peer, bytes)| (to, peer, bytes)));
        }
    }

    fn connect(&mut self, one: u8, other: u8) -> u64 {
        let link = u64::try_from(self.links.len()).unwrap() + self.now_ms;
        self.links.insert(link, (one, other));
        let now_ms = self.now_ms;
        let mut waiting = Vec::new();
        for (seed, peer) in [(one, other), (other, one)] {
            let up = Input::PeerUp {
                peer: PeerId(link),
                key: key(peer).public(),
                exporter: [0; 32],
            };
            let (frames, _) = self.at(seed).step(now_ms, vec![up]);
            waiting.extend(frames.into_iter().map(|(peer, bytes)| (seed, peer, bytes)));
        }
        self.deliver(waiting);
        link
    }

    fn cut(&mut self, link: u64) {
        if let Some((one, other)) = self.links.remove(&link) {
            for seed in [one, other] {
                let peer = PeerId(link);
                self.step(seed, vec![Input::PeerDown { peer }]);
            }
        }
    }

    /// Lets time pass for everybody.
    fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while self.now_ms < until_ms {
            self.now_ms += 250;
            let seeds: Vec<u8> = self.devices.keys().copied().collect();
            for seed in seeds {
                self.step(seed, vec![Input::Tick]);
            }
        }
    }

    /// Two devices are connected for a quarter of a minute.
    fn meet(&mut self, one: u8, other: u8) {
        let link = self.connect(one, other);
        self.pass(15_000);
        self.cut(link);
    }

    /// A device writes a sealed text.
    fn write(&mut self, seed: u8, readers: Roles, text: &str, body: fn(&Sealed) -> Body) -> Sealed {
        let own = key(seed).public();
        let mut draw = [seed; 32];
        draw[31] = seed.wrapping_add(self.drawn);
        self.drawn += 1;
        let sealed = self.seal(seed, readers, text, draw).unwrap();
        let replica = &mut self.at(seed).replica;
        let grant: GrantId = replica.member().unwrap().speaks_under(&own);
        replica.append(grant, body(&sealed), None, None).unwrap();
        self.step(seed, vec![Input::Tick]);
        sealed
    }

    fn seal(
        &mut self,
        seed: u8,
        readers: Roles,
        text: &str,
        draw: [u8; 32],
    ) -> Result<Sealed, Mistake> {
        let replica = &mut self.at(seed).replica;
        let mut sealer = Sealer::new(replica.member().unwrap(), Seed(draw));
        let sealed = sealer.seal(ANNA, readers, text)?;
        let made = sealer.into_made();
        replica.keep_made(made);
        Ok(sealed)
    }

    fn restart(&mut self, seed: u8) {
        let links: Vec<u64> = self.links.keys().copied().collect();
        for link in links {
            self.cut(link);
        }
        let device = self.at(seed);
        device.starts += 1;
        device.replica = open(seed, device.memory.stored(), device.starts);
    }

    fn read(&mut self, seed: u8, sealed: &Sealed) -> Opened {
        self.at(seed).replica.open_text(sealed)
    }
}

fn text(text: &str) -> Opened {
    Opened::Text(text.into())
}

/// R-SEAL-3, R-SEAL-4: a reader gets the key from the maker, another reader from the first one, and
/// who only carries gets the text and no key.
#[test]
fn readers_pass_a_key_on_and_nobody_else_gets_it() {
    let mut bench = Bench::new();
    let sealed = bench.write(MARSHAL, Roles::MEDIC, SECRET, medication);
    assert_eq!(bench.read(MARSHAL, &sealed), text(SECRET), "its own text");
    bench.meet(MARSHAL, RELAY);
    bench.meet(MARSHAL, JURY);
    bench.meet(RELAY, MEDIC);
    assert_eq!(bench.read(MEDIC, &sealed), Opened::KeyMissing);
    assert_eq!(bench.read(JURY, &sealed), Opened::NotForThisDevice);
    assert_eq!(bench.read(RELAY, &sealed), Opened::NotForThisDevice);
    bench.meet(MARSHAL, MEDIC);
    assert_eq!(bench.read(MEDIC, &sealed), text(SECRET));
    bench.meet(MEDIC, OTHER_MEDIC);
    assert_eq!(bench.read(OTHER_MEDIC, &sealed), text(SECRET));
    bench.meet(OTHER_MEDIC, OWNER);
    assert_eq!(bench.read(OWNER, &sealed), text(SECRET), "the owner may");
    for seed in [JURY, RELAY] {
        assert!(!bench.at(seed).holds(sealed.key), "device {seed}");
    }
    bench.restart(MEDIC);
    assert_eq!(bench.read(MEDIC, &sealed), text(SECRET), "after a restart");
}

/// A relay holds the log and says it to everybody: neither text nor key is in what it holds or says.
#[test]
fn a_relay_carries_ciphertext() {
    let mut bench = Bench::new();
    let sealed = bench.write(MARSHAL, Roles::JURY, "left the course at gate 9", incident);
    let key = bench.at(MARSHAL).memory.keys.get(&sealed.key).cloned();
    let key = key.unwrap().as_bytes()[25..].to_vec();
    bench.meet(MARSHAL, RELAY);
    bench.meet(RELAY, JURY);
    let relay = bench.at(RELAY);
    let bundle = relay.replica.bundle();
    let stored = relay.memory.stored();
    let entries = stored.logs.iter().flat_map(|log| &log.entries);
    let all: Vec<&Vec<u8>> = entries.chain(&relay.said).chain([&bundle]).collect();
    let has = |needle: &[u8]| {
        all.iter()
            .any(|it| it.windows(needle.len()).any(|part| part == needle))
    };
    assert!(has(&sealed.bytes), "it does carry the text");
    assert!(!has(b"left the course"), "not in plain");
    assert!(!has(&key), "nor its key");
    assert!(relay.memory.keys.is_empty());
    assert_eq!(relay.said_of_keys(), 0, "it does not even ask");
}

/// R-SEAL-5: whoever has the statement has no key, also after a restart, and takes none again.
#[test]
fn an_erasure_destroys_every_key_it_reaches() {
    let mut bench = Bench::new();
    let sealed = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    bench.meet(MEDIC, OWNER);
    bench.meet(MEDIC, OTHER_MEDIC);
    let reply = bench.must(OWNER, Command::Erase(ANNA));
    assert_eq!(reply, Reply::Erased { keys: 1 });
    assert!(!bench.at(OWNER).holds(sealed.key));
    let again = bench.must(OWNER, Command::Erase(ANNA));
    assert_eq!(again, Reply::Erased { keys: 0 });
    bench.meet(OWNER, MEDIC);
    assert!(!bench.at(MEDIC).holds(sealed.key));
    assert_eq!(bench.read(MEDIC, &sealed), Opened::Erased);
    assert!(bench.at(OTHER_MEDIC).holds(sealed.key), "not reached yet");
    bench.restart(MEDIC);
    assert!(!bench.at(MEDIC).holds(sealed.key), "after a restart");
    let refused = bench.seal(MEDIC, Roles::MEDIC, "more", [9; 32]);
    assert!(refused.is_err(), "nothing new about her");
    bench.meet(MEDIC, OTHER_MEDIC);
    for seed in [OWNER, MEDIC, OTHER_MEDIC] {
        assert!(!bench.at(seed).holds(sealed.key), "device {seed}");
        assert!(bench.at(seed).replica.verify().problems.is_empty());
    }
}

/// R-SEAL-7: of an erased shooter the number is shown, whatever was or will be said.
#[test]
fn an_erased_shooter_is_a_number() {
    let mut bench = Bench::new();
    bench.must(OWNER, Command::Erase(ANNA));
    let edit = ShooterEdit {
        label: Some("Anna Adams".into()),
        entrant: Some(shooter().entrant),
        squad: Some(SquadNo(2)),
        ..ShooterEdit::of(ShooterNo(71))
    };
    bench.must(OWNER, Command::Roster(RosterChange::Edit(edit)));
    bench.meet(OWNER, MARSHAL);
    for seed in [OWNER, MARSHAL] {
        let replica = &bench.at(seed).replica;
        let roster = replica.roster().unwrap();
        let shown = roster.shooter(ShooterNo(71)).unwrap();
        assert_eq!(shown.label, "Shooter 71");
        assert_eq!(shown.entrant, Entrant::default());
        assert_eq!((shown.squad, shown.categories.len()), (SquadNo(2), 1));
        let statements = replica.statements();
        let said = statements.iter().filter_map(|it| it.statement.as_ref());
        for statement in said {
            if let Statement::Roster(RosterChange::Edit(edit)) = statement {
                assert_eq!(edit.label.as_deref(), Some("Shooter 71"));
                assert_eq!(edit.entrant, None);
            }
        }
    }
    let unknown = Command::Erase(Person::Shooter(ShooterNo(9)));
    let command = Box::new(unknown);
    let request = RequestId(1);
    let replies = bench.step(OWNER, vec![Input::Command { request, command }]);
    assert!(matches!(replies.as_slice(), [Reply::Refused(_)]));
}

/// R-SEAL-4: what nobody lacks is not spoken of; what nobody has is asked for once a connection.
#[test]
fn an_idle_pair_says_nothing_of_keys() {
    let mut bench = Bench::new();
    bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    bench.meet(MEDIC, OTHER_MEDIC);
    let before = bench.at(MEDIC).said_of_keys() + bench.at(OTHER_MEDIC).said_of_keys();
    assert_eq!(before, 4, "asked, given, taken, heard");
    bench.connect(MEDIC, OTHER_MEDIC);
    bench.pass(120_000);
    let after = bench.at(MEDIC).said_of_keys() + bench.at(OTHER_MEDIC).said_of_keys();
    assert_eq!(after, before, "nothing is lacked");
    // The jury and another member both lack the jury's key, which its maker took along.
    bench.write(MARSHAL, Roles::JURY, "gate 9", incident);
    bench.meet(MARSHAL, RELAY);
    bench.meet(RELAY, JURY);
    bench.connect(JURY, OWNER);
    bench.pass(120_000);
    let jury = bench.at(JURY).said_of_keys();
    assert_eq!(jury, 2, "one ask, and one answer to the owner's");
    bench.connect(MARSHAL, OWNER);
    bench.pass(15_000);
    let missing = [JURY, OWNER].map(|seed| bench.at(seed).replica.keys_missing());
    assert_eq!(missing, [0, 0], "given as soon as the owner had it");
}

/// R-SEAL-4: any frame may be lost.
#[test]
fn a_lost_frame_is_made_up_for() {
    for seed in 1..40 {
        let mut bench = Bench::new();
        let sealed = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
        bench.connect(MEDIC, OTHER_MEDIC);
        bench.loses = Some(seed);
        bench.pass(300_000);
        assert_eq!(bench.read(OTHER_MEDIC, &sealed), text(SECRET), "{seed}");
        bench.loses = None;
        bench.pass(120_000);
        let said = bench.at(MEDIC).said_of_keys();
        bench.pass(300_000);
        assert_eq!(bench.at(MEDIC).said_of_keys(), said, "{seed}: then silence");
    }
}

/// R-SEAL-2, R-SEAL-3: a liar's keys are dropped and counted, whatever they are bent to be.
#[test]
fn a_liar_s_keys_are_dropped_and_counted() {
    let mut bench = Bench::new();
    let sealed = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    bench.meet(MEDIC, RELAY);
    bench.meet(RELAY, OTHER_MEDIC);
    bench.meet(RELAY, MARSHAL);
    let event = bench.at(OWNER).replica.event().unwrap().0;
    let true_key = Share::make(event, ANNA, Roles::MEDIC, &[MEDIC; 32]);
    assert_eq!(true_key.id(event), sealed.key);
    let lies = [
        Share::make(event, ANNA, Roles::MEDIC, &[77; 32]),
        Share {
            readers: Roles::MEDIC.with(Roles::SCORER),
            ..true_key.clone()
        },
        Share {
            person: Person::Shooter(ShooterNo(72)),
            ..true_key.clone()
        },
    ];
    let link = bench.connect(JURY, OTHER_MEDIC);
    let say = |bench: &mut Bench, to: u8, link: u64, share: Share| {
        let frame = Frame::Keys(Keys {
            heard: 0,
            keys: vec![share],
        });
        let bytes = encode_frame(&frame);
        let peer = PeerId(link);
        bench.step(to, vec![Input::Frame { peer, bytes }]);
    };
    for lie in lies {
        say(&mut bench, OTHER_MEDIC, link, lie);
    }
    assert_eq!(bench.at(OTHER_MEDIC).refused, [Reason::Key; 3]);
    assert!(bench.at(OTHER_MEDIC).replica.keys().is_empty());
    // The true key is taken from whoever has it, but never by who may not read.
    say(&mut bench, OTHER_MEDIC, link, true_key.clone());
    assert!(bench.at(OTHER_MEDIC).holds(sealed.key));
    let link = bench.connect(MEDIC, MARSHAL);
    say(&mut bench, MARSHAL, link, true_key.clone());
    assert!(!bench.at(MARSHAL).holds(sealed.key), "no reader");
    bench.must(OWNER, Command::Erase(ANNA));
    let link = bench.connect(OWNER, MEDIC);
    say(&mut bench, OWNER, link, true_key);
    assert!(!bench.at(OWNER).holds(sealed.key), "erased");
}

/// R-SEAL-3: who asks without the role, or was revoked, is given nothing.
#[test]
fn who_may_not_read_asks_in_vain() {
    let mut bench = Bench::new();
    let sealed = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    let ask = encode_frame(&Frame::KeyAsk(KeyAsk::new([sealed.key])));
    for seed in [JURY, MARSHAL, RELAY] {
        let link = bench.connect(seed, MEDIC);
        bench.pass(1_000);
        let peer = PeerId(link);
        let bytes = ask.clone();
        let now_ms = bench.now_ms;
        let (frames, _) = bench
            .at(MEDIC)
            .step(now_ms, vec![Input::Frame { peer, bytes }]);
        let given = frames
            .iter()
            .filter_map(|(_, it)| decode_frame(it).unwrap());
        let given: Vec<Frame> = given.collect();
        let heard = KeyAsk::new([sealed.key]).name();
        let keys = Vec::new();
        assert_eq!(given, [Frame::Keys(Keys { heard, keys })], "device {seed}");
        bench.cut(link);
    }
    // Given the role, it is given the key; the owner's statement is all it takes.
    bench.admit(JURY, Roles::MEDIC);
    bench.meet(OWNER, MEDIC);
    bench.meet(OWNER, JURY);
    bench.meet(MEDIC, JURY);
    assert_eq!(bench.read(JURY, &sealed), text(SECRET));
    bench.must(
        OWNER,
        Command::Revoke {
            key: key(OTHER_MEDIC).public(),
            reason: crate::model::RevokeReason::Stolen,
            before: None,
        },
    );
    bench.meet(OWNER, MEDIC);
    bench.meet(MEDIC, OTHER_MEDIC);
    assert!(!bench.at(OTHER_MEDIC).holds(sealed.key), "revoked");
}

/// R-SEAL-2: two makers, two keys; each seals with its own, and both are kept.
#[test]
fn two_makers_make_two_keys() {
    let mut bench = Bench::new();
    let one = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    let other = bench.write(OTHER_MEDIC, Roles::MEDIC, SECRET, medication);
    assert_ne!(one.key, other.key);
    bench.meet(MEDIC, OTHER_MEDIC);
    for seed in [MEDIC, OTHER_MEDIC] {
        assert_eq!(bench.read(seed, &one), text(SECRET));
        assert_eq!(bench.read(seed, &other), text(SECRET));
        let next = bench.write(seed, Roles::MEDIC, "another", medication);
        let own = if seed == MEDIC { one.key } else { other.key };
        assert_eq!(next.key, own, "its own, whatever else it holds");
    }
    let long = "x".repeat(201);
    let refused = bench.seal(MEDIC, Roles::MEDIC, &long, [1; 32]);
    assert!(refused.is_err(), "too long");
}

/// A liar who names keys that nobody has keeps nobody else's from being asked for.
#[test]
fn made_up_names_do_not_crowd_out_others() {
    let mut bench = Bench::new();
    for number in 0_u32..2_500 {
        let mut id = [0; 8];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let sealed = Sealed {
            person: ANNA,
            key: KeyId(id),
            bytes: vec![1; 72],
        };
        let own = key(MARSHAL).public();
        let replica = &mut bench.at(MARSHAL).replica;
        let grant = replica.member().unwrap().speaks_under(&own);
        replica.append(grant, medication(&sealed), None, None);
    }
    bench.step(MARSHAL, vec![Input::Tick]);
    let sealed = bench.write(OTHER_MEDIC, Roles::MEDIC, SECRET, medication);
    bench.meet(MARSHAL, MEDIC);
    assert_eq!(bench.at(MEDIC).replica.keys_missing(), 512);
    bench.meet(OTHER_MEDIC, MEDIC);
    assert_eq!(bench.read(MEDIC, &sealed), text(SECRET));
}

mod leaving;
mod recorded;
