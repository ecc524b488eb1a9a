//! What a device takes from a peer: not faster than signatures can be checked, and not what a disk
//! that is nearly full has no room for.
#![cfg(test)]

use std::mem::take;

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::model::{Agreed, CloseReason, Incarnation, Open, Roles};
use tallyline_proto::replica::{
    Command, Disk, Founding, Identity, Input, Now, PeerId, Reason, Replica, Reply, RequestId,
    Stored, Write,
};
use tallyline_simulator::{cells, score, small_structure};

const OWNER: usize = 0;
const TABLET: usize = 1;
const DRILLS: u32 = 50;
const SHOOTERS: u32 = 60;

/// First byte of the frames that bring entries: by tag and by name.
const PUSHES: [u8; 2] = [3, 4];

/// Bytes that must be free for others' entries.
const ENOUGH: u64 = 128 * 1024 * 1024;

/// A disk that always works and keeps nothing.
struct Fine;

impl Disk for Fine {
    type Error = ();

    fn commit(&mut self, _writes: &[Write]) -> Result<(), ()> {
        Ok(())
    }
}

/// The owner's device and a tablet, with one link between them.
struct Two {
    replicas: [Replica; 2],
    now_ms: u64,
    flying: Vec<(usize, Vec<u8>)>,
    linked: bool,
}

fn device(no: usize) -> Replica {
    let no = u8::try_from(no).unwrap();
    let identity = Identity {
        key: DeviceKey::from_seed([no; 32]),
        store: u64::from(no),
        label: format!("device {no}"),
        cloud: false,
        warrant: None,
    };
    Replica::open(identity, Stored::default(), Incarnation(u64::from(no))).unwrap()
}

fn admit(key: PublicKey, label: &str) -> Command {
    Command::Admit {
        key,
        roles: Roles::SCORER,
        label: label.to_owned(),
    }
}

impl Two {
    /// A founded event in which the tablet may write everything; nothing is connected yet.
    fn new() -> Self {
        let mut two = Self {
            replicas: [device(OWNER), device(TABLET)],
            now_ms: 0,
            flying: Vec::new(),
            linked: false,
        };
        let key = two.replicas[TABLET].key();
        let founding = Founding {
            name: "Taking".to_owned(),
            nonce: [1; 16],
            discovery_key: [2; 16],
            cloud: Vec::new(),
            recovery: Vec::new(),
            structure: small_structure(DRILLS, SHOOTERS, 6),
            label: "owner".to_owned(),
        };
        two.ask(OWNER, Command::Found(founding));
        two.ask(OWNER, admit(key, "tablet"));
        two.ask(OWNER, Command::Lock);
        let opens = vec![Open {
            key,
            cells: cells(&[], &[]),
            until_ms: None,
        }];
        let assign = Command::Assign {
            closing: Vec::new(),
            reason: CloseReason::Handover,
            opens,
        };
        two.ask(OWNER, assign);
        let bundle = two.replicas[OWNER].bundle();
        two.ask(TABLET, Command::Import(bundle));
        two
    }

    fn link(&mut self) {
        self.linked = true;
        for no in [OWNER, TABLET] {
            let up = Input::PeerUp {
                peer: PeerId(1),
                key: self.replicas[1 - no].key(),
                exporter: [0; 32],
            };
            self.step(no, vec![up]);
        }
    }

    fn ask(&mut self, no: usize, command: Command) -> Reply {
        let request = RequestId(1);
        let command = Box::new(command);
        let reply = self.step(no, vec![Input::Command { request, command }]);
        let reply = reply.unwrap();
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
        reply
    }

    fn step(&mut self, no: usize, inputs: Vec<Input>) -> Option<Reply> {
        let now = Now {
            mono_ms: self.now_ms,
            wall_ms: 1_532_476_800_000 + self.now_ms,
        };
        let effects = self.replicas[no].step(now, inputs);
        let mut released = effects.persist(&mut Fine).unwrap();
        assert!(released.closes.is_empty(), "{:?}", released.closes);
        let frames = released.frames.drain(..).filter(|_| self.linked);
        self.flying.extend(frames.map(|(_, bytes)| (1 - no, bytes)));
        released.replies.pop().map(|(_, reply)| reply)
    }

    fn deliver(&mut self, to: usize, frames: Vec<Vec<u8>>) {
        let peer = PeerId(1);
        let frames = frames.into_iter();
        let inputs = frames.map(|bytes| Input::Frame { peer, bytes });
        self.step(to, inputs.collect());
    }

    /// Delivers everything, and lets time pass.
    fn run(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while self.now_ms < end_ms {
            self.now_ms += 100;
            for (to, bytes) in take(&mut self.flying) {
                self.deliver(to, vec![bytes]);
            }
            for no in [OWNER, TABLET] {
                self.step(no, vec![Input::Tick]);
            }
        }
    }

    fn write(&mut self, no: usize, drill: u32, shooter: u32) {
        let command = Command::Record {
            body: score(drill, shooter, 500 + shooter, 4),
            replaces: None,
            confirmed: true,
            revision: None,
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        self.ask(no, command);
    }

    fn tell_room(&mut self, no: usize, free_bytes: u64) {
        self.step(no, vec![Input::Room { free_bytes }]);
    }

    fn refused(&self, no: usize, reason: Reason) -> u64 {
        let refusals = self.replicas[no].refusals();
        refusals.get(&reason).copied().unwrap_or_default()
    }

    fn are_equal(&self) -> bool {
        let [owner, tablet] = &self.replicas;
        owner.state_digest() == tablet.state_digest()
    }

    fn entries(&self, no: usize) -> u64 {
        self.replicas[no].logs().iter().map(|log| log.height).sum()
    }
}

/// R-SYNC-13.
#[test]
fn a_flood_of_signed_chunks_is_not_looked_at_and_comes_again_later() {
    let mut two = Two::new();
    two.link();
    two.run(3_000);
    two.write(TABLET, 1, 1);
    let push = two.flying.iter().find(|(_, it)| PUSHES.contains(&it[0]));
    let push = push.unwrap().1.clone();
    two.deliver(OWNER, vec![push; 3_000]);
    let refused = two.refused(OWNER, Reason::Pace);
    assert!((990..=1_010).contains(&refused), "{refused} of 3,000");
    assert_eq!(
        two.refused(OWNER, Reason::Demerits),
        0,
        "no error of the peer"
    );
    two.flying.clear();
    two.write(TABLET, 2, 1);
    let lost: Vec<_> = take(&mut two.flying).into_iter().map(|it| it.1).collect();
    two.deliver(OWNER, lost);
    assert!(two.refused(OWNER, Reason::Pace) > refused, "still empty");
    assert!(!two.are_equal(), "not taken");
    two.run(10_000);
    assert!(two.are_equal(), "it came again");
}

/// R-SYNC-13: one check covers up to 256 entries.
#[test]
fn catching_up_on_a_whole_match_never_meets_the_pace() {
    let mut two = Two::new();
    for drill in 1..=DRILLS {
        for shooter in 1..=SHOOTERS {
            two.write(TABLET, drill, shooter);
        }
    }
    two.link();
    let mut rounds = 0;
    while !two.are_equal() {
        two.run(100);
        rounds += 1;
        assert!(rounds < 100, "within ten seconds");
    }
    assert!(two.entries(OWNER) > 3_000, "all of them");
    for no in [OWNER, TABLET] {
        assert_eq!(two.refused(no, Reason::Pace), 0, "never");
    }
}

/// R-STORE-5.
#[test]
fn a_full_disk_takes_its_own_entries_and_the_owners_statements_and_nothing_else() {
    let mut two = Two::new();
    two.link();
    two.run(3_000);
    two.tell_room(OWNER, ENOUGH - 1);
    two.tell_room(TABLET, 0);
    let before = two.entries(OWNER);
    two.write(TABLET, 1, 1);
    two.run(20_000);
    assert_eq!(two.entries(OWNER), before, "others' entries are not taken");
    assert!(two.refused(OWNER, Reason::Room) > 0, "and counted");
    two.write(OWNER, 2, 1);
    assert_eq!(two.entries(OWNER), before + 1, "the own ones are");
    let known = two.entries(TABLET);
    let stranger = DeviceKey::from_seed([9; 32]).public();
    two.ask(OWNER, admit(stranger, "another"));
    two.run(5_000);
    assert_eq!(two.entries(TABLET), known + 1, "the owner's statement is");
    two.tell_room(OWNER, ENOUGH);
    two.tell_room(TABLET, ENOUGH);
    two.run(120_000);
    assert!(two.are_equal(), "with room everything comes again");
}
