//! Judges a run: the promises of the product, checked against what the ROs were shown.
//!
//! The oracle sees every commit, every frame that leaves a device, every answer to a person and
//! every screen that somebody looks at. It keeps its own truth (what really lies on which card) and
//! compares. It knows nothing of how the product decides; where it judges what counts
//! (`authority`), it reads the signed statements itself.
//!
//! Two phases: while faults run only safety is judged; after everything has healed, that all agree
//! and that nothing is lost.

mod authority;
mod reading;
mod truth;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tallyline_proto::{
    model::{EntryId, LogName, Roles},
    replica::{Now, PeerId, Replica, Reply, RequestId, Write},
    wire::{self, CellKind, Frame, LogRef, LogTag, decode_cell, decode_frame},
};

use crate::venue::DeviceNo;
use truth::Card;

pub(crate) use reading::Look;

/// Most violations of one invariant that are kept: the first ones tell the story, and none hides
/// those of another.
const VIOLATIONS_MAX: usize = 20;

/// What is checked, with the words of docs/TESTING.md.
pub const INVARIANTS: [(&str, &str); 14] = [
    (
        "I1",
        "what was answered as saved is there after any kill or power cut of a card that keeps its word",
    ),
    (
        "I2",
        "what was shown with k copies survives any k faulty devices, and no shown copy is invented",
    ),
    (
        "I3",
        "on every device each log is a gap-free prefix; no entry is ever overwritten",
    ),
    (
        "I4",
        "an honest device, even cloned, restored or rolled back, never signs two entries at one place",
    ),
    (
        "I5",
        "after everything healed all honest devices hold the same within the stated time",
    ),
    (
        "I6",
        "equal logs show equal standings, whatever the order of arrival",
    ),
    (
        "I7",
        "the cloud holds each entry once, and nobody pushes what the other said it holds",
    ),
    ("I8", "what is shown as in the cloud is in the cloud"),
    (
        "I9",
        "nothing counts without a valid grant, and late never displaces live",
    ),
    (
        "I10",
        "an entry stops counting only because of something signed that arrived",
    ),
    ("I11", "what was once on a device stays, fork proofs too"),
    ("I15", "clocks that are off by years change no verdict"),
    ("I16", "no slot ever counts two entries"),
    (
        "I17",
        "keys of sealed texts are with readers and makers only, and with nobody once their person is erased",
    ),
];

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which invariant (`I1`), by docs/TESTING.md.
    pub invariant: String,
    /// Virtual time in ms since the event was locked.
    pub at_ms: u64,
    /// What exactly.
    pub what: String,
}

/// What a device holds, as it says itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    /// Heights of all logs.
    pub(crate) heights: BTreeMap<LogName, u64>,
    /// Logs with a known fork.
    pub(crate) forked: BTreeSet<LogName>,
    /// The key, in bytes.
    pub(crate) key: [u8; 32],
}

/// What the author of an entry was shown of it at best.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    copies: u32,
    in_cloud: bool,
}

/// The judge.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    zero_ms: u64,
    violations: Vec<Violation>,
    cards: Vec<Card>,
    /// The hash of every entry that was ever committed anywhere.
    entries: BTreeMap<(LogName, u64), [u8; 32]>,
    places: BTreeMap<EntryId, (LogName, u64)>,
    /// Logs by tag.
    tags: BTreeMap<LogTag, BTreeSet<LogName>>,
    short_ids: BTreeMap<[u8; 16], LogName>,
    /// Logs that a liar wrote: they may fork.
    lied: BTreeSet<LogName>,
    /// Entries that ROs were told are saved, with the device that told it.
    promised: BTreeMap<EntryId, DeviceNo>,
    shown: BTreeMap<EntryId, Shown>,
    standings: BTreeMap<[u8; 32], [u8; 32]>,
    screens: BTreeMap<DeviceNo, reading::Memory>,
    /// Devices with the readers for whom they could read at some time: a role is never taken away,
    /// ownership is.
    readers: BTreeSet<(DeviceNo, Roles)>,
    /// By the end of a connection at the sender: what the other side said that it holds.
    told: BTreeMap<PeerId, BTreeMap<LogTag, u64>>,
    pub(crate) looks: u64,
    pub(crate) shown_safe: u64,
    pub(crate) false_safe: u64,
}

impl Sight {
    /// Reads what a running replica holds.
    pub(crate) fn of(replica: &Replica) -> Self {
        let logs = replica.logs();
        Self {
            heights: logs.iter().map(|log| (log.name, log.height)).collect(),
            // A proof may be here before its log is.
            forked: replica.forked().into_iter().collect(),
            key: *replica.key().as_bytes(),
        }
    }
}

impl Oracle {
    /// Lets times count from here on.
    pub(crate) fn set_zero(&mut self, now_ms: u64) {
        self.zero_ms = now_ms;
    }

    /// Returns what broke.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Notes that a promise was broken.
    pub(crate) fn broken(&mut self, invariant: &str, now_ms: u64, what: String) {
        let same = |it: &&Violation| it.invariant == invariant;
        if self.violations.iter().filter(same).count() < VIOLATIONS_MAX {
            self.violations.push(Violation {
                invariant: invariant.to_owned(),
                at_ms: now_ms.saturating_sub(self.zero_ms),
                what,
            });
        }
    }

    /// Returns how many entries exist: committed somewhere at some time.
    pub(crate) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Returns the card of a device.
    pub(crate) fn card(&self, device: DeviceNo) -> Option<&Card> {
        self.cards.get(device)
    }

    /// Returns the card of a device, to note what happened to it.
    pub(crate) fn card_mut(&mut self, device: DeviceNo) -> Option<&mut Card> {
        self.cards.get_mut(device)
    }

    /// A device came up, with this on its card. `fresh` says that its store is another one.
    pub(crate) fn opened(&mut self, device: DeviceNo, now_ms: u64, sight: &Sight, fresh: bool) {
        while self.cards.len() <= device {
            self.cards.push(Card::default());
        }
        for name in sight.heights.keys() {
            self.name_log(*name);
        }
        let Some(card) = self.cards.get_mut(device) else {
            return;
        };
        let forgotten = card.forgets(sight).filter(|_| !fresh);
        let missing = card.come_up(now_ms, sight, fresh);
        let honest = card.keeps_its_word();
        if let (true, Some(log)) = (honest, forgotten) {
            let what = format!(
                "device {device} forgot that log {:016x} forked",
                log.incarnation.0
            );
            self.broken("I11", now_ms, what);
        }
        if honest && let Some((log, before, now)) = missing.first() {
            let what = format!(
                "device {device} held {before} entries of log {:016x} and has {now} after it came up",
                log.incarnation.0
            );
            self.broken("I1", now_ms, what);
        }
    }

    /// A commit of a device succeeded.
    pub(crate) fn committed(&mut self, device: DeviceNo, now_ms: u64, written: &[Write]) {
        for write in written {
            if let (Write::Fork { log, .. }, Some(card)) = (write, self.cards.get_mut(device)) {
                card.fork(*log);
            }
            if let (Write::Displace { log, from, .. }, Some(card)) =
                (write, self.cards.get_mut(device))
            {
                card.displace(*log, *from);
            }
            let Write::Entries {
                log,
                first,
                entries,
            } = write
            else {
                continue;
            };
            self.name_log(*log);
            let held = self.cards.get(device).map_or(0, |card| card.height(log));
            if *first != held.saturating_add(1) {
                let what = format!(
                    "device {device} writes entry {first} of log {:016x}, of which it holds {held}",
                    log.incarnation.0
                );
                self.broken("I3", now_ms, what);
            }
            for (seq, bytes) in (*first..).zip(entries) {
                self.entry(device, now_ms, (*log, seq), bytes);
            }
            let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            let height = first.saturating_add(count).saturating_sub(1);
            if let Some(card) = self.cards.get_mut(device) {
                card.grow(*log, height);
            }
        }
    }

    /// Checks what keys of sealed texts a device holds: after each commit, and when it came up.
    pub(crate) fn keys(&mut self, device: DeviceNo, now_ms: u64, replica: &Replica) {
        let keys = replica.keys();
        if keys.is_empty() || self.cards.get(device).is_some_and(|card| card.liar) {
            return;
        }
        let erased = replica.erased();
        for key in keys {
            if erased.contains(&key.person) {
                let what = format!("device {device} holds a key of {:?}, erased", key.person);
                self.broken("I17", now_ms, what);
            }
            let reader = (device, key.readers);
            if may_read(replica, key.readers) {
                self.readers.insert(reader);
            } else if !key.made && !self.readers.contains(&reader) {
                let what = format!(
                    "device {device} holds a key for {:?} and is none of them",
                    key.readers
                );
                self.broken("I17", now_ms, what);
            }
        }
    }

    fn entry(&mut self, device: DeviceNo, now_ms: u64, place: (LogName, u64), bytes: &[u8]) {
        let hash = *blake3::hash(bytes).as_bytes();
        self.places.insert(wire::entry_id(&place.0, place.1), place);
        let known = *self.entries.entry(place).or_insert(hash);
        if known != hash && !self.lied.contains(&place.0) {
            let what = format!(
                "log {:016x} has two different entries at {}; device {device} holds another one",
                place.0.incarnation.0, place.1
            );
            self.broken("I4", now_ms, what);
        }
    }

    fn name_log(&mut self, name: LogName) {
        self.tags
            .entry(wire::log_tag(&name))
            .or_default()
            .insert(name);
        self.short_ids.insert(wire::log_short_id(&name), name);
    }

    /// A log that a liar forges by hand, past its core.
    pub(crate) fn forged(&mut self, log: LogName) {
        self.lied.insert(log);
    }

    /// A device answered people.
    pub(crate) fn answered(
        &mut self,
        device: DeviceNo,
        now_ms: u64,
        replies: &[(RequestId, Reply)],
    ) {
        for (_, reply) in replies {
            let ids = if let Reply::Saved(ids) = reply {
                ids.as_slice()
            } else if let Reply::Recorded { entry, fresh, .. } = reply
                && *fresh
            {
                core::slice::from_ref(entry)
            } else {
                continue;
            };
            for id in ids {
                self.promised.insert(*id, device);
                let durable = self.places.get(id).is_some_and(|(log, seq)| {
                    self.cards
                        .get(device)
                        .is_some_and(|card| *seq <= card.height(log))
                });
                if !durable {
                    let what = format!(
                        "device {device} answered that {id} is saved, and it is not on its card"
                    );
                    self.broken("I1", now_ms, what);
                }
            }
        }
    }

    /// A frame leaves a device: what it claims must be on the card. Returns whether it carries
    /// cells.
    pub(crate) fn sent(
        &mut self,
        device: DeviceNo,
        now_ms: u64,
        (mine, to): (PeerId, DeviceNo),
        bytes: &[u8],
    ) -> bool {
        let Ok(Some(frame)) = decode_frame(bytes) else {
            return false;
        };
        let is_cell = matches!(frame, Frame::Cells(_));
        if self.cards.get(device).is_some_and(|card| card.liar) {
            return is_cell;
        }
        match frame {
            Frame::Have(logs) => self.claims(device, now_ms, &logs),
            Frame::Vector(vector) => self.claims(device, now_ms, &vector.logs),
            // What a liar says that it holds binds nobody.
            Frame::Push(push) if !self.cards.get(to).is_some_and(|card| card.liar) => {
                self.pushes(device, now_ms, mine, &push);
            }
            Frame::Cells(cells) => {
                for cell in cells {
                    self.cell(device, now_ms, &cell);
                }
            }
            Frame::Hello(_)
            | Frame::Push(_)
            | Frame::Want(_)
            | Frame::Fork(_)
            | Frame::Present(_)
            | Frame::Join(_)
            | Frame::Welcome(_)
            | Frame::Refused(_)
            | Frame::Claim(_)
            | Frame::Commit(_)
            | Frame::Reveal(_)
            | Frame::Ask(_)
            | Frame::Denied(_)
            | Frame::KeyAsk(_)
            | Frame::Keys(_)
            | Frame::Warrant(_) => {}
        }
        is_cell
    }

    /// A device says what it has on disk.
    fn claims(&mut self, device: DeviceNo, now_ms: u64, logs: &[(LogTag, u64)]) {
        for (tag, height) in logs {
            let held = self.tags.get(tag).into_iter().flatten();
            let held = held.filter_map(|log| Some(self.cards.get(device)?.height(log)));
            let held = held.max().unwrap_or(0);
            if held < *height {
                let what = format!(
                    "device {device} says that it holds {height} entries of a log; {held} are on its card"
                );
                self.broken("I2", now_ms, what);
            }
        }
    }

    /// A cell leaves a device: if it is its own, its claims must be on the card.
    fn cell(&mut self, device: DeviceNo, now_ms: u64, bytes: &[u8]) {
        let own = self.cards.get(device).map(|card| card.key);
        // Most cells are others'; reading a key is dear.
        let names_own = |own: [u8; 32]| bytes.windows(32).any(|it| it == own);
        if !own.is_some_and(names_own) {
            return;
        }
        let Ok(Some(cell)) = decode_cell(bytes) else {
            return;
        };
        if own != Some(*cell.signer.as_bytes()) {
            return;
        }
        let (invariant, heights): (_, Vec<_>) = match &cell.cell.kind {
            CellKind::Presence(logs) => ("I2", logs.clone()),
            CellKind::Receipt(logs) => (
                "I7",
                logs.iter().map(|&(id, height, _)| (id, height)).collect(),
            ),
        };
        for (id, height) in heights {
            let held = self
                .short_ids
                .get(&id)
                .and_then(|log| Some(self.cards.get(device)?.height(log)));
            if held.unwrap_or(0) < height {
                let what = format!(
                    "device {device} signs that it holds {height} entries of a log; {} are on its card",
                    held.unwrap_or(0)
                );
                self.broken(invariant, now_ms, what);
            }
        }
    }

    /// A device pushes: never what the other side said on this connection that it holds.
    fn pushes(&mut self, device: DeviceNo, now_ms: u64, mine: PeerId, push: &wire::Push) {
        let tag = match push.log {
            LogRef::Tag(tag) => tag,
            LogRef::Name(name) => wire::log_tag(&name),
        };
        let alone = self.tags.get(&tag).is_some_and(|logs| logs.len() == 1);
        let heard = self.told.get(&mine).and_then(|logs| logs.get(&tag));
        if alone && let Some(&heard) = heard.filter(|heard| push.from <= **heard) {
            let what = format!(
                "device {device} pushes a log from {} on, of which the other said that it holds {heard}",
                push.from
            );
            self.broken("I7", now_ms, what);
        }
    }

    /// A device takes a frame up: from here on it knows what the sender holds.
    pub(crate) fn heard(&mut self, end: PeerId, bytes: &[u8]) {
        let Ok(Some(frame)) = decode_frame(bytes) else {
            return;
        };
        let (logs, how) = match frame {
            Frame::Have(logs) => (logs, Told::Higher),
            Frame::Vector(vector) => (vector.logs, Told::All),
            Frame::Want(logs) => (logs, Told::Exactly),
            Frame::Hello(_)
            | Frame::Push(_)
            | Frame::Cells(_)
            | Frame::Fork(_)
            | Frame::Present(_)
            | Frame::Join(_)
            | Frame::Welcome(_)
            | Frame::Refused(_)
            | Frame::Claim(_)
            | Frame::Commit(_)
            | Frame::Reveal(_)
            | Frame::Ask(_)
            | Frame::Denied(_)
            | Frame::KeyAsk(_)
            | Frame::Keys(_)
            | Frame::Warrant(_) => return,
        };
        let told = self.told.entry(end).or_default();
        if how == Told::All {
            told.clear();
        }
        for (tag, height) in logs {
            let held = told.entry(tag).or_insert(0);
            *held = if how == Told::Exactly {
                height
            } else {
                height.max(*held)
            };
        }
    }

    /// A connection ended.
    pub(crate) fn unlinked(&mut self, ends: [PeerId; 2]) {
        for end in ends {
            self.told.remove(&end);
        }
    }

    /// Two devices that hold the same show the same.
    pub(crate) fn same_standings(
        &mut self,
        device: DeviceNo,
        now_ms: u64,
        state: [u8; 32],
        standings: [u8; 32],
    ) {
        let known = *self.standings.entry(state).or_insert(standings);
        if known != standings {
            let what = format!("device {device} shows other standings than one with the same logs");
            self.broken("I6", now_ms, what);
        }
    }

    /// Everything is over: nothing that was promised is lost. `held` is the union of what the
    /// devices that are left hold.
    pub(crate) fn nothing_lost(&mut self, now_ms: u64, held: &BTreeMap<LogName, u64>) {
        let faulty = self
            .cards
            .iter()
            .filter(|card| !card.keeps_its_word())
            .count();
        let faulty = u32::try_from(faulty).unwrap_or(u32::MAX);
        let mut lost = Vec::new();
        for (id, device) in &self.promised {
            let Some((log, seq)) = self.places.get(id) else {
                continue;
            };
            if *seq <= held.get(log).copied().unwrap_or(0) {
                continue;
            }
            let shown = self.shown.get(id).copied().unwrap_or_default();
            let author_faulty = self
                .cards
                .get(*device)
                .is_none_or(|card| !card.keeps_its_word());
            // The author itself is one of the faulty; each copy bears one more.
            let survives = shown.copies.saturating_add(u32::from(shown.in_cloud));
            if !author_faulty || faulty <= survives {
                lost.push((*id, *device, shown));
            }
        }
        for (id, device, shown) in lost.into_iter().take(3) {
            let what = format!(
                "{id} of device {device} is lost; it was shown with {} copies, in the cloud: {}; \
                 faulty devices: {faulty}",
                shown.copies, shown.in_cloud
            );
            self.broken("I2", now_ms, what);
        }
    }
}

/// How far a frame tells what its sender holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Everything.
    All,
    /// Some logs, at least so high.
    Higher,
    /// Some logs, exactly so high.
    Exactly,
}

/// Returns whether a device may hold keys for some readers, by the roles that its own logs give it:
/// the owner, and who acts at the event in one of the roles; never a cloud.
///
/// Source: PROTOCOL R-SEAL-3, read once more and not by the product's code.
pub(crate) fn may_read(replica: &Replica, readers: Roles) -> bool {
    let never = Now {
        mono_ms: 0,
        wall_ms: 0,
    };
    let own = replica.key();
    let devices = replica.devices(never).into_iter();
    let mut own_roles = devices.filter(|it| it.this && it.revoked.is_none());
    let reads = own_roles.any(|it| {
        let acts = Roles::SCORER
            .with(Roles::DEPUTY)
            .with(Roles::DESK)
            .with(Roles::LEADER)
            .with(Roles::MEDIC)
            .with(Roles::JURY);
        let theirs = it.roles.0 & acts.0 & readers.0;
        theirs != 0 && !it.roles.contains(Roles::CLOUD)
    });
    reads || replica.owner() == Some(own)
}
