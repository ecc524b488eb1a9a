//! A cloud of several nodes, each with a key of its own: R-CLOUD-3, R-CLOUD-4.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod devices;

use std::collections::BTreeMap;

use devices::{EPOCH_MS, record};
use tallyline_keys::{DeviceKey, Warrant};
use tallyline_proto::{
    model::{About, Body, Incarnation, ShooterNo, Status, StatusKind},
    replica::{
        CloudHold, Command, Disk, Founding, Identity, Input, LogView, Now, PeerId, Phase, Reason,
        Replica, Reply, RequestId, Stored, Write,
    },
};

/// The key that the event names.
const CLOUD: u8 = 50;

/// The one connection of each device here.
const PEER: PeerId = PeerId(1);

/// A disk that keeps what a cloud is put back to.
#[derive(Default)]
struct Kept(Vec<Write>);

impl Disk for Kept {
    type Error = ();

    fn commit(&mut self, writes: &[Write]) -> Result<(), ()> {
        self.0.extend_from_slice(writes);
        Ok(())
    }
}

struct Device {
    replica: Replica,
    disk: Kept,
    mono_ms: u64,
}

/// What one step let out: frames, and why connections were refused.
type Said = (Vec<Vec<u8>>, Vec<Reason>);

impl Device {
    fn new(seed: u8, cloud: bool, warrant: Option<Warrant>) -> Self {
        Self::read(seed, cloud, warrant, Stored::default())
    }

    fn read(seed: u8, cloud: bool, warrant: Option<Warrant>, stored: Stored) -> Self {
        Self::read_as(seed, (cloud, warrant), seed.into(), stored)
    }

    /// A device, or a node of a cloud, with the id of its store.
    fn read_as(
        seed: u8,
        (cloud, warrant): (bool, Option<Warrant>),
        store: u64,
        stored: Stored,
    ) -> Self {
        let identity = Identity {
            key: DeviceKey::from_seed([seed; 32]),
            store,
            label: format!("Device {seed}"),
            cloud,
            warrant,
        };
        let replica = Replica::open(identity, stored, Incarnation(seed.into()));
        Self {
            replica: replica.expect("what is stored holds"),
            disk: Kept::default(),
            mono_ms: 1_000,
        }
    }

    fn owner() -> Self {
        let mut owner = Self::new(1, false, None);
        owner.ask(Command::Found(Founding {
            name: "Evening".to_owned(),
            nonce: [7; 16],
            discovery_key: [8; 16],
            cloud: vec![DeviceKey::from_seed([CLOUD; 32]).public()],
            recovery: Vec::new(),
            structure: devices::structure(Vec::new()),
            label: "Owner".to_owned(),
        }));
        owner.ask(Command::Lock);
        owner
    }

    /// The same device after a restart, read from its disk.
    fn restarted(&self, seed: u8) -> Self {
        let mut again = Self::read(seed, false, None, stored(&self.disk.0));
        again.disk = Kept(self.disk.0.clone());
        again.mono_ms = self.mono_ms;
        again
    }

    /// Tells whether the device may let go of its event.
    fn is_whole(&self) -> bool {
        let holds = self.replica.cloud_holds();
        !holds.is_empty() && holds.iter().all(CloudHold::is_whole)
    }

    fn step(&mut self, inputs: Vec<Input>) -> (Said, Option<Reply>) {
        let now = Now {
            mono_ms: self.mono_ms,
            wall_ms: EPOCH_MS + self.mono_ms,
        };
        let effects = self.replica.step(now, inputs);
        let released = effects.persist(&mut self.disk).expect("never fails");
        let frames = released
            .frames
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect();
        let closes = released.closes.iter().map(|(_, reason)| *reason).collect();
        let reply = released.replies.into_iter().next().map(|(_, reply)| reply);
        ((frames, closes), reply)
    }

    fn ask(&mut self, command: Command) -> Reply {
        let input = Input::Command {
            request: RequestId(1),
            command: Box::new(command),
        };
        let (_, reply) = self.step(vec![input]);
        let reply = reply.expect("a reply");
        if let Reply::Refused(mistake) = &reply {
            panic!("{mistake}");
        }
        reply
    }

    /// Records that a shooter did not turn up.
    fn score(&mut self, shooter: u32) {
        self.ask(record(
            Body::Status(Status {
                about: About {
                    shooter: ShooterNo(shooter),
                    drill: None,
                },
                kind: StatusKind::Withdrawn,
                attempt: 0,
                rule: None,
                note: String::new(),
            }),
            true,
        ));
    }

    fn logs(&self) -> Vec<LogView> {
        self.replica.logs()
    }

    /// Counts entries by whether the cloud has them: all, and those there.
    fn in_cloud(&self) -> (u64, u64) {
        let logs = self.logs();
        (
            logs.iter().map(|log| log.height).sum(),
            logs.iter().map(|log| log.cloud.min(log.height)).sum(),
        )
    }
}

/// Connects two devices and lets them talk for a while; returns why either ended it.
fn talk(one: &mut Device, other: &mut Device, ms: u64) -> Vec<Reason> {
    talk_over(one, other, ms, |_| true)
}

/// As [`talk`], on a link that loses all frames but some.
fn talk_over(
    one: &mut Device,
    other: &mut Device,
    ms: u64,
    passes: fn(&[u8]) -> bool,
) -> Vec<Reason> {
    let mut ends = Vec::new();
    let mut way = [Vec::new(), Vec::new()];
    let keys = [one.replica.key(), other.replica.key()];
    for (at, it) in [&mut *one, &mut *other].into_iter().enumerate() {
        let up = Input::PeerUp {
            peer: PEER,
            key: keys[1 - at],
            exporter: [9; 32],
        };
        let ((frames, closes), _) = it.step(vec![up]);
        way[at].extend(frames);
        ends.extend(closes);
    }
    for _ in 0..ms / 100 {
        for (at, it) in [&mut *one, &mut *other].into_iter().enumerate() {
            it.mono_ms += 100;
            let heard = std::mem::take(&mut way[1 - at]);
            let frames = heard.into_iter().filter(|bytes| passes(bytes));
            let mut inputs: Vec<Input> = frames
                .map(|bytes| Input::Frame { peer: PEER, bytes })
                .collect();
            inputs.push(Input::Tick);
            let ((frames, closes), _) = it.step(inputs);
            way[at].extend(frames);
            ends.extend(closes);
        }
        if !ends.is_empty() {
            break;
        }
    }
    for it in [one, other] {
        it.step(vec![Input::PeerDown { peer: PEER }]);
    }
    ends
}

fn warrant(node: u8) -> Warrant {
    let cloud = DeviceKey::from_seed([CLOUD; 32]);
    Warrant::sign(&cloud, &DeviceKey::from_seed([node; 32]).public())
}

/// R-CLOUD-3.
#[test]
fn a_node_with_a_warrant_takes_the_event_up_and_its_receipts_count() {
    let mut owner = Device::owner();
    owner.score(1);
    let mut node = Device::new(51, true, Some(warrant(51)));
    let ends = talk(&mut owner, &mut node, 6_000);
    assert_eq!(ends, []);
    assert_eq!(node.replica.phase(), Phase::Member);
    let (all, there) = owner.in_cloud();
    assert!(0 < all && there == all, "{there} of {all}");

    // Another device believes the same receipt, which came over the owner.
    let mut tablet = Device::new(2, false, None);
    let bundle = owner.replica.bundle();
    tablet.ask(Command::Import(bundle));
    assert_eq!(tablet.in_cloud(), (all, all));

    // What two nodes hold is one copy, as what the cloud itself holds.
    let copies = |device: &Device| device.logs()[0].copies;
    let before = copies(&owner);
    let mut second = Device::new(52, true, Some(warrant(52)));
    assert_eq!(talk(&mut owner, &mut second, 6_000), []);
    assert_eq!(copies(&owner), before);
}

/// R-CLOUD-3.
#[test]
fn a_node_without_a_warrant_of_this_cloud_is_a_stranger() {
    let node = DeviceKey::from_seed([51; 32]).public();
    let foreign = Warrant::sign(&DeviceKey::from_seed([60; 32]), &node);
    let forged = Warrant {
        cloud: DeviceKey::from_seed([CLOUD; 32]).public(),
        signature: foreign.signature,
    };
    let warrant_of_another = warrant(52);
    for (what, warrant) in [
        ("none", None),
        ("another cloud's", Some(foreign)),
        ("one for another key", Some(warrant_of_another)),
        ("a forged one", Some(forged)),
    ] {
        let mut owner = Device::owner();
        owner.score(1);
        let mut node = Device::new(51, true, warrant);
        let ends = talk(&mut owner, &mut node, 8_000);
        assert!(!ends.is_empty(), "{what}: the connection goes on");
        assert_eq!(node.replica.phase(), Phase::Blank, "{what}");
        assert_eq!(owner.in_cloud().1, 0, "{what}");
    }
}

/// R-CLOUD-4.
#[test]
fn a_cloud_that_was_put_back_is_noticed_and_gets_everything_again() {
    let mut owner = Device::owner();
    owner.score(1);
    let mut cloud = Device::new(CLOUD, true, None);
    assert_eq!(talk(&mut owner, &mut cloud, 6_000), []);
    let night = stored(&cloud.disk.0);
    owner.score(2);
    owner.score(3);
    assert_eq!(talk(&mut owner, &mut cloud, 6_000), []);
    let (all, there) = owner.in_cloud();
    assert_eq!(there, all);

    // Last night's backup speaks, and nothing reaches it: the link takes too little.
    let mut old = Device::read(CLOUD, true, None, night);
    let heights: u64 = old.logs().iter().map(|log| log.height).sum();
    assert!(heights < all);
    // Kinds 1 and 2: Hello and Vector.
    let few = |bytes: &[u8]| matches!(bytes.first(), Some(1 | 2));
    talk_over(&mut owner, &mut old, 13_000, few);
    assert_eq!(owner.replica.lost_by_the_cloud(), all - heights);
    assert_eq!(owner.in_cloud(), (all, heights));

    assert_eq!(talk(&mut owner, &mut old, 6_000), []);
    assert_eq!(owner.replica.lost_by_the_cloud(), 0);
    assert_eq!(owner.in_cloud(), (all, all));
}

/// Hello, Vector, Cells and Warrant: what a link lets through on which no entry passes.
fn no_entries(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(1 | 2 | 7 | 20))
}

/// An event that a cloud holds whole, and what the cloud's disk held the night before.
fn put_back() -> (Device, Device, Stored) {
    let mut owner = Device::owner();
    owner.score(1);
    let mut cloud = Device::new(CLOUD, true, None);
    assert_eq!(talk(&mut owner, &mut cloud, 6_000), [], "they agree");
    let night = stored(&cloud.disk.0);
    owner.score(2);
    owner.score(3);
    assert_eq!(talk(&mut owner, &mut cloud, 6_000), [], "they agree");
    assert!(
        owner.is_whole() && owner.restarted(1).is_whole(),
        "all is there"
    );
    (owner, cloud, night)
}

/// R-CLOUD-6: a database or a disk that was put back keeps the id of its store; a device shows it the
/// receipts that it has forgotten.
#[test]
fn a_cloud_that_was_put_back_learns_it_from_its_own_receipts() {
    let (mut owner, cloud, night) = put_back();
    assert!(!cloud.replica.is_below_its_receipts());
    let mut old = Device::read(CLOUD, true, None, night.clone());
    old.mono_ms = owner.mono_ms;
    assert!(!old.replica.is_below_its_receipts(), "nobody has told it");
    talk_over(&mut owner, &mut old, 2_000, no_entries);
    assert!(old.replica.is_below_its_receipts());
    // Filled again it is as before, and what it signs then is newer than what it had forgotten.
    assert_eq!(talk(&mut owner, &mut old, 6_000), []);
    assert!(!old.replica.is_below_its_receipts());
    owner.score(4);
    assert_eq!(talk(&mut owner, &mut old, 6_000), []);
    assert!(owner.restarted(1).is_whole());

    // Receipts of another store are no claim upon this one.
    let mut fresh = Device::read_as(CLOUD, (true, None), 7, night);
    fresh.mono_ms = owner.mono_ms;
    talk_over(&mut owner, &mut fresh, 2_000, no_entries);
    assert!(!fresh.replica.is_below_its_receipts());
}

/// R-CLOUD-6: what the fresh store signed for is on the devices' disks.
#[test]
fn a_device_remembers_over_a_restart_that_the_cloud_was_put_back() {
    for clock_back_ms in [0, 1_000_000] {
        let (mut owner, _, night) = put_back();
        let before = owner.replica.bundle();
        let mut fresh = Device::read_as(CLOUD, (true, None), 7, night);
        owner.mono_ms += 2_000_000;
        fresh.mono_ms = owner.mono_ms - clock_back_ms;
        talk_over(&mut owner, &mut fresh, 4_000, no_entries);
        let (all, there) = owner.in_cloud();
        assert!(there < all, "{there} of {all}");
        assert_eq!(owner.replica.lost_by_the_cloud(), all - there);

        let mut owner = owner.restarted(1);
        assert_eq!(owner.in_cloud(), (all, there), "{clock_back_ms}");
        assert!(!owner.is_whole());
        // A receipt from before comes around: it says what was, and not what is.
        owner.ask(Command::Import(before));
        assert_eq!(owner.in_cloud(), (all, there), "{clock_back_ms}");
        let mut owner = owner.restarted(1);
        assert!(!owner.is_whole());

        assert_eq!(talk(&mut owner, &mut fresh, 6_000), []);
        assert_eq!(owner.in_cloud(), (all, all));
        assert_eq!(owner.replica.lost_by_the_cloud(), 0);
        assert!(owner.restarted(1).is_whole());
    }
}

/// R-CLOUD-6: nodes of one cloud have one store; what a node signed that has said nothing since the
/// database was put back counts no more, in whichever order the receipts are read.
#[test]
fn a_receipt_of_a_node_that_is_gone_does_not_hide_what_the_cloud_lost() {
    for [gone, stays] in [[51, 52], [52, 51]] {
        let node = |seed: u8, store: u64, stored: Stored| {
            Device::read_as(seed, (true, Some(warrant(seed))), store, stored)
        };
        let mut owner = Device::owner();
        owner.score(1);
        let mut first = node(gone, 5, Stored::default());
        assert_eq!(talk(&mut owner, &mut first, 6_000), []);
        let night = stored(&first.disk.0);
        owner.score(2);
        assert_eq!(talk(&mut owner, &mut first, 6_000), []);
        let mut owner = owner.restarted(1);
        assert!(owner.is_whole());

        let mut second = node(stays, 6, night);
        second.mono_ms = owner.mono_ms;
        talk_over(&mut owner, &mut second, 4_000, no_entries);
        let mut owner = owner.restarted(1);
        let (all, there) = owner.in_cloud();
        assert!(there < all && !owner.is_whole(), "{there} of {all}");
        assert_eq!(owner.replica.lost_by_the_cloud(), all - there);
        assert_eq!(talk(&mut owner, &mut second, 6_000), []);
        let owner = owner.restarted(1);
        assert!(owner.is_whole());
        assert_eq!(owner.replica.lost_by_the_cloud(), 0);
    }
}

/// What a disk holds after these writes.
fn stored(writes: &[Write]) -> Stored {
    let mut stored = Stored::default();
    let mut cells = BTreeMap::new();
    for write in writes {
        match write {
            Write::Manifest(bytes) => stored.manifest = Some(bytes.clone()),
            Write::Entries { log, entries, .. } => {
                let held = stored.logs.iter_mut().find(|it| it.name == *log);
                if let Some(held) = held {
                    held.entries.extend(entries.iter().cloned());
                } else {
                    stored.logs.push(tallyline_proto::replica::StoredLog {
                        name: *log,
                        entries: entries.clone(),
                        heads: Vec::new(),
                    });
                }
            }
            Write::Head {
                log,
                height,
                signature,
            } => {
                let held = stored.logs.iter_mut().find(|it| it.name == *log);
                held.expect("entries first")
                    .heads
                    .push((*height, *signature));
            }
            Write::DropHead { log, height } => {
                if let Some(held) = stored.logs.iter_mut().find(|it| it.name == *log) {
                    held.heads.retain(|(at, _)| at != height);
                }
            }
            Write::Cell { key, kind, bytes } => {
                cells.insert((*key, *kind), bytes.clone());
            }
            Write::Ticket(_)
            | Write::Fork { .. }
            | Write::Displace { .. }
            | Write::Invite { .. }
            | Write::Key { .. }
            | Write::ForgetKey { .. } => {}
        }
    }
    stored.cells = cells.into_values().collect();
    stored
}
