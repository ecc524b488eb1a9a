//! Frames of strangers and members, true ones and lies, fed to a real replica.

mod frames;

use std::collections::{BTreeMap, BTreeSet};

use tallyline_proto::{
    model::Ticket,
    replica::{Command, Input, PeerId, Released, Replica},
    wire::{FRAME_BYTES_MAX, decode_frame},
};
use tallyline_simulator::score;

use super::{
    branch::Writers,
    bytes::Bytes,
    memory::Memory,
    venue::{
        ALL, CLOUD, OWNER, SECRET, STRANGER, TABLET, ask, at, open, public, record, step, venue,
    },
};

/// Most things that happen in one run.
const ACTS_MAX: usize = 24;

/// Most frames that one input may bring forth: one for each log and peer, and some to spare.
const ANSWERS_MAX: usize = 256;

/// Lets peers say what the bytes say. The replica sends nothing that a peer could not read, a
/// stranger leaves nothing behind, and whatever was written is read back by a fresh start.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut scene = Scene::begin(&mut bytes);
    for _ in 0..ACTS_MAX {
        if bytes.is_empty() {
            break;
        }
        scene.act(&mut bytes);
    }
    scene.restart();
    scene.verify();
}

/// A node, its disk, its time, its peers, and what those have written.
struct Scene {
    who: u8,
    replica: Replica,
    disk: Memory,
    now_ms: u64,
    starts: u64,
    peers: BTreeMap<u8, PeerId>,
    next_peer: u64,
    writers: Writers,
    /// Who was a member at some time, or has shown an Admit that the owner signed: an owner's key
    /// that lies can make its Admits void, and connections outlive that.
    shown: BTreeSet<u8>,
}

impl Scene {
    /// Begins with the owner's device, a tablet, a cloud that knows nothing, or a device that asks
    /// to join.
    fn begin(bytes: &mut Bytes<'_>) -> Self {
        let (who, disk) = match bytes.below(4) {
            0 => (OWNER, venue().owner.clone()),
            1 => (TABLET, venue().tablet.clone()),
            2 => (CLOUD, Memory::default()),
            _ => (STRANGER, Memory::default()),
        };
        let mut scene = Self {
            who,
            replica: open(who, disk.stored(), 30),
            disk,
            now_ms: 0,
            starts: 30,
            peers: BTreeMap::new(),
            next_peer: 0,
            writers: Writers::default(),
            shown: BTreeSet::new(),
        };
        if who == STRANGER {
            ask(&mut scene.replica, &mut scene.disk, Command::Join(ticket()));
        }
        scene.writers.known.grants.clone_from(&venue().grants);
        for log in venue().owner.stored().logs {
            let granted = venue()
                .grants
                .iter()
                .find(|(grant, _)| *grant == log.name.grant);
            let writer = granted.map_or(OWNER, |(_, who)| *who);
            scene.writers.take_up(log.name, writer, &log.entries);
        }
        scene
    }

    fn act(&mut self, bytes: &mut Bytes<'_>) {
        let peer = bytes.pick(&ALL).copied().unwrap_or(STRANGER);
        match bytes.byte() {
            0..=199 => {
                if let Some(frame) = frames::draw(self, peer, bytes) {
                    self.say(peer, frame);
                }
            }
            200..=215 => {
                self.now_ms += u64::from(bytes.short());
                self.step(vec![Input::Tick]);
            }
            216..=225 => self.hang_up(peer),
            226..=235 => self.restart(),
            _ => self.score(bytes),
        }
    }

    /// Lets a peer say one frame. A stranger leaves nothing behind.
    fn say(&mut self, who: u8, frame: Vec<u8>) {
        let Some(peer) = self.connect(who) else {
            return;
        };
        if self.replica.members().contains(&public(who)) {
            self.shown.insert(who);
        }
        let entries = self.disk.entries();
        let strange = self.replica.event().is_some() && !self.shown.contains(&who);
        self.step(vec![Input::Frame { peer, bytes: frame }]);
        if strange && !self.replica.members().contains(&public(who)) {
            assert_eq!(
                self.disk.entries(),
                entries,
                "a stranger leaves nothing behind"
            );
        }
    }

    /// Returns the connection of a peer, which is made if there is none; nobody talks to itself.
    fn connect(&mut self, who: u8) -> Option<PeerId> {
        if who == self.who {
            return None;
        }
        if let Some(peer) = self.peers.get(&who) {
            return Some(*peer);
        }
        self.next_peer += 1;
        let peer = PeerId(self.next_peer);
        self.peers.insert(who, peer);
        let (key, exporter) = (public(who), [who; 32]);
        self.step(vec![Input::PeerUp {
            peer,
            key,
            exporter,
        }]);
        self.peers.get(&who).copied()
    }

    fn hang_up(&mut self, who: u8) {
        if let Some(peer) = self.peers.remove(&who) {
            self.step(vec![Input::PeerDown { peer }]);
        }
    }

    fn score(&mut self, bytes: &mut Bytes<'_>) {
        let shooter = u32::from(bytes.byte() % 7);
        let body = score(1, shooter, 1_000, bytes.byte());
        ask(&mut self.replica, &mut self.disk, record(body));
    }

    fn step(&mut self, inputs: Vec<Input>) {
        let now = at(self.now_ms);
        let released = step(&mut self.replica, &mut self.disk, now, inputs);
        check(&released);
        for (closed, _) in released.closes {
            self.peers.retain(|_, peer| *peer != closed);
        }
    }

    /// Starts the node anew on what it wrote: it holds the same.
    fn restart(&mut self) {
        self.starts += 1;
        self.peers.clear();
        let again = open(self.who, self.disk.stored(), self.starts);
        assert_eq!(
            again.state_digest(),
            self.replica.state_digest(),
            "the same after a start"
        );
        assert_eq!(again.members(), self.replica.members(), "the same members");
        assert_eq!(again.phase(), self.replica.phase(), "as far as before");
        self.replica = again;
    }

    /// Checks every signature that is kept, if anything was taken in.
    fn verify(&self) {
        let before = [&venue().owner, &venue().tablet].map(Memory::entries);
        if before.contains(&self.disk.entries()) {
            return;
        }
        let problems = self.replica.verify().problems;
        // Forks are evidence, and what an owner's key signed wrongly is kept as evidence, too.
        let evidence = |it: &String| it.ends_with("forked") || it.starts_with("statement ");
        assert!(problems.iter().all(evidence), "{problems:?}");
    }
}

/// Checks that peers can read what is sent to them, and that it is not too much.
fn check(released: &Released) {
    assert!(
        released.frames.len() <= ANSWERS_MAX,
        "{} answers",
        released.frames.len()
    );
    for (_, frame) in &released.frames {
        assert!(
            frame.len() <= FRAME_BYTES_MAX,
            "a frame of {} bytes",
            frame.len()
        );
        let read = decode_frame(frame);
        assert!(matches!(read, Ok(Some(_))), "nobody can read {read:?}");
    }
}

/// The ticket that the owner's device gave out.
fn ticket() -> Ticket {
    Ticket {
        event: venue().event,
        inviter: public(OWNER),
        secret: SECRET,
        discovery_key: venue().manifest.discovery_key,
        addresses: Vec::new(),
    }
}
