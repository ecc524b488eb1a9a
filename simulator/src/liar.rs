//! A device that was admitted and lies: it has a real key, a real store, and says what it likes.
//!
//! The liar's process is an honest one; beside what that says, the world sends the frames that
//! [`Liar::frames`] forges, and asks [`Liar::lets_through`] about every frame of the honest one.
//! What is true in spite of a lie stands in [`Truth`], so that a run can be judged: the oracle asks
//! [`Truth::broken_by`] on every honest device.
//!
//! Logs are forged under incarnations that the liar's process never used, so that a lie never
//! disturbs what the process itself writes.

mod forge;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use tallyline_keys::{DeviceKey, PublicKey, Signature};
use tallyline_proto::{
    log::{INCARNATIONS_MAX, Ledger, sign_head},
    model::{Body, Entry, GrantId, Incarnation, LogName, Predecessor},
    replica::{PeerId, Replica},
    wire::{
        Cell, CellKind, FRAME_BYTES_MAX, Frame, LogRef, Push, decode_bundle, decode_frame,
        encode_cell, encode_entry, encode_frame, log_short_id, sign_cell,
    },
};

use crate::{Random, plan::Lie, score};

pub use forge::{above_the_order, lax_signature};
pub(crate) use told::Liars;

/// Logs of one entry that a flood opens: a few more than anybody may keep.
const FLOOD_LOGS: usize = INCARNATIONS_MAX + 8;

/// Frames of garbage that a flood sends to each peer: enough to be thrown out.
const FLOOD_GARBAGE: usize = 12;

/// How far above the truth false heights are.
const BOAST: u64 = 1_000;

/// An admitted device's key in the hands of somebody who lies.
#[derive(Debug)]
pub struct Liar {
    seed: [u8; 32],
    key: DeviceKey,
    withholds: bool,
    truth: Truth,
}

/// What holds whatever a liar says; the same for every honest device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Logs of which no honest device may hold an entry: no signature of their writer holds.
    pub refused: BTreeSet<LogName>,
    /// Logs of which two branches are signed, and the first sequence that differs: in the end every
    /// honest device holds a proof, and nothing from there on counts.
    pub forked: BTreeMap<LogName, u64>,
    /// Entries that every honest device holds in the end, byte by byte.
    pub relayed: BTreeMap<(LogName, u64), Vec<u8>>,
    /// Grants under which there are more logs than anybody may keep.
    pub flooded: BTreeSet<GrantId>,
}

/// What the liar knows of the event.
struct View {
    ledger: Ledger,
    grant: GrantId,
    cell: Option<(u32, u32)>,
}

impl Liar {
    /// Gives a device's key, by its seed, to somebody who lies.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            key: DeviceKey::from_seed(seed),
            seed,
            withholds: false,
            truth: Truth::default(),
        }
    }

    /// Returns what is true in spite of all lies so far.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Forges the frames of one lie. `replica` is the liar's own honest process, `peers` its
    /// connections with members and the keys behind them. Nothing is forged before the device is a
    /// member, or without a connection.
    pub fn frames(
        &mut self,
        lie: Lie,
        replica: &Replica,
        peers: &[(PeerId, PublicKey)],
        random: &mut Random,
    ) -> Vec<(PeerId, Vec<u8>)> {
        let Some(view) = self.view(replica, random) else {
            return Vec::new();
        };
        let frames = match lie {
            Lie::Fork => self.fork(&view, peers, random),
            Lie::Withhold => {
                self.withholds = true;
                Vec::new()
            }
            Lie::Flood => self.flood(&view, peers, random),
            Lie::FalseHave => to_all(peers, &self.false_heights(&view, random)),
            Lie::FalseReceipt => to_all(peers, &self.false_receipts(&view, random)),
            Lie::BadSignature => to_all(peers, &self.bad_signatures(&view, random)),
            Lie::Gap => to_all(peers, &self.gaps(&view, random)),
            Lie::NewerVersion => self.newer_version(&view, peers, random),
        };
        let encode = |(peer, frame): (PeerId, Frame)| (peer, encode_frame(&frame));
        let mut frames: Vec<_> = frames.into_iter().map(encode).collect();
        if lie == Lie::Flood {
            frames.extend(garbage(peers, random));
        }
        frames
    }

    /// Returns whether a frame of the honest process leaves the device: a liar that withholds passes
    /// on nothing that others wrote.
    pub fn lets_through(&self, replica: &Replica, frame: &[u8]) -> bool {
        if !self.withholds {
            return true;
        }
        match decode_frame(frame) {
            Ok(Some(Frame::Push(push))) => {
                let own = self.key.public();
                let mut own_logs = replica.logs().into_iter().filter(|log| log.author == own);
                own_logs.any(|log| match push.log {
                    LogRef::Name(name) => name == log.name,
                    LogRef::Tag(tag) => tag == tallyline_proto::wire::log_tag(&log.name),
                })
            }
            Ok(Some(Frame::Have(_) | Frame::Cells(_) | Frame::Fork(_))) => false,
            _ => true,
        }
    }

    /// Reads what the honest process knows, by its bundle, and chooses what to lie about.
    fn view(&self, replica: &Replica, random: &mut Random) -> Option<View> {
        let own = self.key.public();
        let (event, manifest) = replica.event()?;
        let mut ledger = Ledger::new(event, manifest.clone());
        for frame in decode_bundle(&replica.bundle()).ok()? {
            if let Frame::Push(push) = frame
                && let LogRef::Name(name) = push.log
            {
                let _taken = ledger.take(name, push.from, &push.entries, &push.signature);
            }
        }
        let admit = ledger.authority().members().get(&own)?.admit;
        let mut open = ledger.authority().grants().iter();
        let open = open.find(|(_, grant)| grant.key == own && grant.end.is_none());
        let grant = open.map_or(admit, |(id, _)| *id);
        let cell = open.and_then(|(_, grant)| {
            let structure = ledger.authority().roster().structure();
            let cells: Vec<(u32, u32)> = structure
                .drills
                .iter()
                .flat_map(|drill| structure.shooters.iter().map(move |it| (drill, it)))
                .filter(|(drill, it)| grant.cells.covers(Some(drill.no), it.squad))
                .map(|(drill, it)| (drill.no.0, it.no.0))
                .collect();
            pick(&cells, random).copied()
        });
        Some(View {
            ledger,
            grant,
            cell,
        })
    }

    /// Two branches of one log: one half of the venue is told one, the other half the other, and
    /// one device hears both.
    fn fork(
        &mut self,
        view: &View,
        peers: &[(PeerId, PublicKey)],
        random: &mut Random,
    ) -> Vec<(PeerId, Frame)> {
        let log = view.fresh_log(random);
        let [prefix, one, other] = [1_000, 1_001, 1_002].map(|time| view.entry(time));
        let branch = |second: Vec<u8>| [prefix.clone(), second];
        let one = self.push(view, log, 1, &branch(one));
        let other = self.push(view, log, 1, &branch(other));
        self.truth.forked.insert(log, 2);
        let half = peers.len() / 2;
        let sides = peers.iter().enumerate().map(|(place, (peer, _))| {
            let side = if place < half { &one } else { &other };
            (*peer, side.clone())
        });
        let mut frames: Vec<_> = sides.collect();
        if let Some((peer, _)) = peers.first() {
            frames.push((*peer, one));
            frames.push((*peer, other));
        }
        frames
    }

    /// More logs than anybody may keep, to one peer.
    fn flood(
        &mut self,
        view: &View,
        peers: &[(PeerId, PublicKey)],
        random: &mut Random,
    ) -> Vec<(PeerId, Frame)> {
        let Some(&(peer, _)) = pick(peers, random) else {
            return Vec::new();
        };
        self.truth.flooded.insert(view.grant);
        let entry = view.entry(1_003);
        let one = |_| {
            let log = view.fresh_log(random);
            (peer, self.push(view, log, 1, std::slice::from_ref(&entry)))
        };
        (0..FLOOD_LOGS).map(one).collect()
    }

    /// Heights that the liar does not hold: as an announcement, and as a signed presence.
    fn false_heights(&self, view: &View, random: &mut Random) -> Vec<Frame> {
        let logs = view.ledger.logs().values();
        let boast = |height: u64| height.saturating_add(BOAST);
        let heights = logs.clone().map(|log| (log.tag(), boast(log.height())));
        let said = logs.map(|log| (log_short_id(log.name()), boast(log.height())));
        let cell = self.cell(view, CellKind::Presence(said.collect()), random);
        Vec::from([Frame::Have(heights.collect()), Frame::Cells(vec![cell])])
    }

    /// Receipts that no cloud signed: under the cloud's name, and under the liar's own.
    fn false_receipts(&self, view: &View, random: &mut Random) -> Vec<Frame> {
        let covered = view.ledger.logs().values().flat_map(|log| {
            let mut hash = [0; 8];
            hash.copy_from_slice(log.chain().0.0.split_at(8).0);
            let id = log_short_id(log.name());
            // What is there, and what will be: of entries to come no hash is known.
            let boast = log.height().saturating_add(BOAST);
            [(id, log.height(), hash), (id, boast, [0; 8])]
        });
        let kind = CellKind::Receipt(covered.collect());
        let clouds = view.ledger.manifest().cloud.iter().copied();
        let signers = clouds.chain([self.key.public()]);
        let cells = signers.map(|signer| {
            let mut signed = self.signed_cell(view, kind.clone(), random);
            signed.signer = signer;
            encode_cell(&signed)
        });
        Vec::from([Frame::Cells(cells.collect())])
    }

    /// Entries whose signature does not hold, each in a log of its own: a bit off, above the
    /// group's order, by another key, and one that only a lax check takes.
    fn bad_signatures(&mut self, view: &View, random: &mut Random) -> Vec<Frame> {
        let stranger = DeviceKey::from_seed(random.bytes());
        let event = view.ledger.event();
        let mut frames = Vec::new();
        for kind in 0..4 {
            let log = view.fresh_log(random);
            let entries = [view.entry(1_100 + kind)];
            let head = view.head(&log, &self.key.public(), &entries);
            let good = sign_head(&self.key, event, &log, head);
            let signature = match kind {
                0 => forge::one_bit_off(&good),
                1 => above_the_order(&good),
                2 => sign_head(&stranger, event, &log, head),
                _ => lax_signature(&self.seed, &forge::head_message(event, &log, head)),
            };
            self.truth.refused.insert(log);
            frames.push(push(log, 1, &entries, signature));
        }
        frames
    }

    /// Well signed entries that follow nothing: in the middle of a log, and at the end of counting.
    fn gaps(&mut self, view: &View, random: &mut Random) -> Vec<Frame> {
        let log = view.fresh_log(random);
        let all: Vec<Vec<u8>> = (0..6).map(|it| view.entry(1_200 + it)).collect();
        let signature = self.sign(view, &log, &all);
        let tail = all.get(3..).unwrap_or_default();
        let last = view.fresh_log(random);
        self.truth.refused.extend([log, last]);
        Vec::from([
            push(log, 4, tail, signature),
            push(last, u64::MAX, tail.get(..1).unwrap_or_default(), signature),
        ])
    }

    /// A score with a field of a later version, and an entry of a kind of a later version: no lie.
    fn newer_version(
        &mut self,
        view: &View,
        peers: &[(PeerId, PublicKey)],
        random: &mut Random,
    ) -> Vec<(PeerId, Frame)> {
        let Some(&(peer, _)) = pick(peers, random) else {
            return Vec::new();
        };
        let log = view.fresh_log(random);
        let entries = [view.entry(1_300), view.nothing()].map(forge::with_unknown_field);
        for (seq, bytes) in (1..).zip(&entries) {
            self.truth.relayed.insert((log, seq), bytes.clone());
        }
        Vec::from([(peer, self.push(view, log, 1, &entries))])
    }

    fn push(&self, view: &View, log: LogName, from: u64, entries: &[Vec<u8>]) -> Frame {
        push(log, from, entries, self.sign(view, &log, entries))
    }

    fn sign(&self, view: &View, log: &LogName, entries: &[Vec<u8>]) -> Signature {
        let head = view.head(log, &self.key.public(), entries);
        sign_head(&self.key, view.ledger.event(), log, head)
    }

    fn cell(&self, view: &View, kind: CellKind, random: &mut Random) -> Vec<u8> {
        encode_cell(&self.signed_cell(view, kind, random))
    }

    /// Signs a cell that is newer than any other.
    fn signed_cell(
        &self,
        view: &View,
        kind: CellKind,
        random: &mut Random,
    ) -> tallyline_proto::wire::SignedCell {
        let cell = Cell {
            store: random.next_u64(),
            counter: u64::MAX,
            wall_ms: i64::MAX,
            near: Vec::new(),
            kind,
        };
        sign_cell(&self.key, view.ledger.event(), cell)
    }
}

impl Truth {
    /// Adds what another liar's lies leave true.
    pub fn add(&mut self, other: &Self) {
        self.refused.extend(&other.refused);
        self.forked.extend(&other.forked);
        self.relayed.extend(other.relayed.clone());
        self.flooded.extend(&other.flooded);
    }

    /// Returns what an honest device does that it must not: an invariant and what exactly.
    /// `settled` says that all that was forged has arrived, and everything that follows from it.
    pub fn broken_by(&self, replica: &Replica, settled: bool) -> Option<(&'static str, String)> {
        let logs = replica.logs();
        if let Some(log) = logs.iter().find(|log| self.refused.contains(&log.name)) {
            let text = format!("holds {} forged entries of {:?}", log.height, log.name);
            return Some(("I3", text));
        }
        let own = replica.key();
        for grant in &self.flooded {
            let under = logs
                .iter()
                .filter(|log| log.name.grant == *grant && log.author != own);
            let under = under.count();
            if INCARNATIONS_MAX < under {
                return Some(("I12", format!("holds {under} logs under one grant")));
            }
        }
        if let Some(broken) = self.relayed_by(replica, settled) {
            return Some(broken);
        }
        for (log, from) in self.forked.iter().filter(|_| settled) {
            let view = logs.iter().find(|it| it.name == *log);
            if view.is_none_or(|it| !it.forked) {
                let text = format!("holds no proof that {log:?} forked at {from}");
                return Some(("I11", text));
            }
        }
        None
    }

    fn relayed_by(&self, replica: &Replica, settled: bool) -> Option<(&'static str, String)> {
        if self.relayed.is_empty() {
            return None;
        }
        let mut held = BTreeMap::new();
        for frame in decode_bundle(&replica.bundle()).unwrap_or_default() {
            if let Frame::Push(push) = frame
                && let LogRef::Name(name) = push.log
            {
                let places = (push.from..).zip(push.entries);
                held.extend(places.map(|(seq, bytes)| ((name, seq), bytes)));
            }
        }
        let other = |place, bytes: &Vec<u8>| match held.get(place) {
            Some(held) => held != bytes,
            None => settled,
        };
        let mut relayed = self.relayed.iter();
        let ((log, seq), _) = relayed.find(|(place, bytes)| other(*place, bytes))?;
        let text = format!("does not hold entry {seq} of {log:?} as its author signed it");
        Some(("I5", text))
    }
}

impl View {
    fn fresh_log(&self, random: &mut Random) -> LogName {
        LogName {
            grant: self.grant,
            incarnation: Incarnation(random.next_u64()),
        }
    }

    /// A score on a cell that the liar may write, or on one that is none.
    fn entry(&self, time_centis: u32) -> Vec<u8> {
        let (drill, shooter) = self.cell.unwrap_or((1, 1));
        self.encode(score(drill, shooter, time_centis, 2))
    }

    /// An entry without a body that this version knows.
    fn nothing(&self) -> Vec<u8> {
        self.encode(Body::Unknown)
    }

    fn encode(&self, body: Body) -> Vec<u8> {
        let entry = Entry {
            at_delta_ms: 1_000,
            revision: self.ledger.authority().roster().revision(),
            succession: Vec::<Predecessor>::new(),
            body,
        };
        encode_entry(&entry, None)
    }

    /// The height and the chain after these entries, from the first on.
    fn head(
        &self,
        log: &LogName,
        writer: &PublicKey,
        entries: &[Vec<u8>],
    ) -> (u64, tallyline_proto::log::Chain) {
        let start = tallyline_proto::log::Chain::start(self.ledger.event(), log, writer);
        let height = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        (
            height,
            entries.iter().fold(start, |it, bytes| it.link(bytes)),
        )
    }
}

fn push(log: LogName, from: u64, entries: &[Vec<u8>], signature: Signature) -> Frame {
    Frame::Push(Push {
        log: LogRef::Name(log),
        from,
        entries: entries.to_vec(),
        signature,
    })
}

fn to_all(peers: &[(PeerId, PublicKey)], frames: &[Frame]) -> Vec<(PeerId, Frame)> {
    let each = |frame: &Frame| {
        peers
            .iter()
            .map(|(peer, _)| (*peer, frame.clone()))
            .collect()
    };
    frames.iter().flat_map::<Vec<_>, _>(each).collect()
}

/// Bytes that are no frame, and one frame that is too long, for each peer.
fn garbage(peers: &[(PeerId, PublicKey)], random: &mut Random) -> Vec<(PeerId, Vec<u8>)> {
    let mut frames = Vec::new();
    for (peer, _) in peers {
        frames.push((*peer, vec![1; FRAME_BYTES_MAX + 1]));
        for _ in 0..FLOOD_GARBAGE {
            let mut bytes = random.bytes::<64>().to_vec();
            if let Some(kind) = bytes.first_mut() {
                *kind = 1 + *kind % 12;
            }
            frames.push((*peer, bytes));
        }
    }
    frames
}

fn pick<'a, T>(all: &'a [T], random: &mut Random) -> Option<&'a T> {
    let place = random.below(u64::try_from(all.len()).unwrap_or(1));
    all.get(usize::try_from(place).unwrap_or(0))
}

#[cfg(test)]
mod tests;
