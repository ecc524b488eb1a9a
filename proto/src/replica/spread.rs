//! What leaves the device at the end of a step: acknowledgements, announcements, chunks, cells.

use alloc::{collections::BTreeSet, vec::Vec};

use tallyline_keys::PublicKey;

use super::{PeerId, Replica, Write, core::State, keytalk::Holder, member::Member, peer::Peer};
use crate::{
    log::{Ledger, Log},
    model::LogName,
    sync::Here,
    wire::{
        Cell, CellKind, Frame, SignedCell, VECTOR_LOGS_MAX, cell_frames, encode_cell, log_short_id,
        sign_cell,
    },
};

/// How long announcements of others' entries are gathered, in ms: one Have for many logs.
const ANNOUNCE_MS: u64 = 400;

/// Least time between two presence cells of this device, in ms; only sent when something changed
/// and somebody is not directly connected.
const PRESENCE_MS: u64 = 5_000;

/// Most logs that one cell tells of: what fits into a frame.
const CELL_LOGS_MAX: usize = 2_000;

/// Least time between two receipts of a cloud, in ms: soon enough for somebody who waits for
/// "in the cloud", seldom enough to weigh nothing.
const RECEIPT_MS: u64 = 1_000;

impl Replica {
    pub(super) fn on_tick(&mut self) {
        self.check_strangers();
        self.introduce();
        self.pair_with_all();
        self.say_presence();
        self.say_receipt();
        if let State::Member(member) = &mut self.state {
            member.believe_the_cloud(self.now.mono_ms);
        }
    }

    /// Returns when the next [`super::Input::Tick`] has something to do, as monotonic time in ms;
    /// `None`: not before something else happens. A time that has passed means at once.
    ///
    /// Asked after a step. A tick before this time changes nothing, so that a phone may sleep.
    pub fn due_ms(&self) -> Option<u64> {
        let strangers = self.peers.values().filter(|it| !it.is_member);
        let strangers = strangers.map(Peer::stranger_until_ms).min();
        let introduction = self.peers.values().filter(|it| self.introduces(it));
        let introduction = introduction.map(|it| it.introduce_at_ms).min();
        let mut due = [
            strangers,
            introduction,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
        ];
        if let State::Member(member) = &self.state {
            let mine = member.hello(self.identity.store, self.now);
            let [
                _,
                _,
                announcement,
                presence,
                receipt,
                talk,
                saving,
                keys,
                fallen,
            ] = &mut due;
            *fallen = member.fallen_due_ms();
            *saving = (!member.unsaved_cells.is_empty()).then_some(member.save_cells_at_ms);
            *announcement = (!member.unannounced.is_empty()).then_some(member.announce_at_ms);
            *presence = self
                .has_presence_to_say(member)
                .then_some(member.presence_at_ms);
            *receipt = self
                .has_receipt_to_say(member)
                .then_some(member.receipt_at_ms);
            let members = self.peers.values().filter(|it| it.is_member);
            *talk = members.filter_map(|it| it.talk.due_ms(&mine)).min();
            let members = self.peers.values().filter(|it| it.is_member);
            let talking = members.filter(|it| it.talk.store().is_some());
            *keys = talking.filter_map(|it| it.keys.due_ms()).min();
        }
        let enrol = self.enrol_due_ms();
        let claims = [self.lent_due_ms(), self.asking_due_ms()];
        let due = due.into_iter().chain([enrol]).chain(claims);
        due.flatten().min()
    }

    /// Lets every conversation speak.
    pub(super) fn spread(&mut self) {
        let now_ms = self.now.mono_ms;
        let own = self.key();
        let store = self.identity.store;
        let incarnation = self.incarnation;
        if let State::Member(member) = &mut self.state {
            let announce = due_announcements(member, now_ms);
            member.ring.refresh(&own, &member.ledger);
            let holder = Holder {
                ring: &member.ring,
                ledger: &member.ledger,
                now_ms,
            };
            let here = Here {
                ledger: &member.ledger,
                hello: member.hello(store, self.now),
                key: own,
                incarnation,
                now_ms,
            };
            for it in self.peers.values_mut().filter(|it| it.is_member) {
                it.outbox
                    .extend(haves(&member.ledger, &mut it.acks, &announce));
                it.talk.produce(&here, &mut it.outbox);
                // Who has said Hello knows this device as a member.
                if it.talk.store().is_some() {
                    it.keys.produce(&it.key, &holder, &mut it.outbox);
                }
                // A peer whose logs differ was away: it is told what others hold.
                if it.talk.store().is_some() && !it.cells_sent {
                    it.cells_sent = true;
                    if !it.talk.equal(&here.hello) {
                        let others = member.cells.values();
                        let others = others.filter(|cell| cell.signer != it.key);
                        let others: Vec<_> = others.filter(|cell| !cell.is_receipt()).collect();
                        it.outbox.extend(cell_frames(&others));
                    }
                }
            }
        }
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.flush(peer);
        }
    }

    /// Passes a cell on to those who cannot have it from its signer or from where it came.
    pub(super) fn pass_on(&mut self, from: PeerId, cell: &SignedCell) {
        let State::Member(member) = &self.state else {
            return;
        };
        let source = self.peers.get(&from).map(|it| it.key);
        let mut near: BTreeSet<[u8; 4]> = cell.cell.near.iter().copied().collect();
        near.insert(short(&cell.signer));
        if let Some(source) = source {
            near.insert(short(&source));
            if source != cell.signer
                && let Some(presence) = member.cells.get(&(source, 1))
            {
                near.extend(&presence.cell.near);
            }
        }
        let bytes = encode_cell(cell);
        for it in self.peers.values_mut() {
            if it.is_member && !near.contains(&short(&it.key)) {
                it.outbox.push(Frame::Cells(Vec::from([bytes.clone()])));
            }
        }
    }

    /// Tells devices that are not directly connected what is on this disk.
    ///
    /// Source: PROTOCOL R-CELL-3.
    fn say_presence(&mut self) {
        let now_ms = self.now.mono_ms;
        let due = self.member().is_some_and(|member| {
            member.presence_at_ms <= now_ms && self.has_presence_to_say(member)
        });
        let near = self.near();
        let State::Member(member) = &mut self.state else {
            return;
        };
        if !due {
            return;
        }
        let digest = member.ledger.state_digest().0;
        member.presence_at_ms = now_ms.saturating_add(PRESENCE_MS);
        member.presence_of = Some(digest);
        let logs = member.ledger.logs().iter().take(CELL_LOGS_MAX);
        let logs = logs
            .map(|(name, log)| (log_short_id(name), log.height()))
            .collect();
        self.say_cell(CellKind::Presence(logs), near);
    }

    /// A cloud signs what is on its disk.
    ///
    /// Source: PROTOCOL R-CELL-4.
    fn say_receipt(&mut self) {
        let now_ms = self.now.mono_ms;
        let due = self.member().is_some_and(|member| {
            member.receipt_at_ms <= now_ms && self.has_receipt_to_say(member)
        });
        let near = self.near();
        let State::Member(member) = &mut self.state else {
            return;
        };
        if !due {
            return;
        }
        let digest = member.ledger.state_digest().0;
        member.receipt_at_ms = now_ms.saturating_add(RECEIPT_MS);
        member.receipt_of = Some(digest);
        let logs = member
            .ledger
            .logs()
            .iter()
            .take(CELL_LOGS_MAX)
            .map(|(name, log)| receipt_of(name, log))
            .collect();
        self.say_cell(CellKind::Receipt(logs), near);
    }

    /// Returns whether this device's logs changed since its last presence, and somebody is away who
    /// would hear of it through those that are connected.
    fn has_presence_to_say(&self, member: &Member) -> bool {
        if member.presence_of == Some(member.ledger.state_digest().0) {
            return false;
        }
        let own = self.key();
        let near = self.near();
        // A cloud is away at most venues all day, and what it needs to know it is sent itself.
        let clouds = &member.ledger.manifest().cloud;
        let others = member.ledger.authority().members().keys();
        let mut others = others.filter(|key| **key != own && !clouds.contains(key));
        !near.is_empty() && others.any(|key| !near.contains(&short(key)))
    }

    /// Returns whether this is a cloud whose logs changed since its last receipt.
    fn has_receipt_to_say(&self, member: &Member) -> bool {
        member.receipt_of != Some(member.ledger.state_digest().0)
            && member.is_cloud(&self.identity.speaks_for())
    }

    fn say_cell(&mut self, kind: CellKind, near: Vec<[u8; 4]>) {
        let now = self.now;
        let store = self.identity.store;
        let State::Member(member) = &mut self.state else {
            return;
        };
        let mut wall_ms = member.since_epoch(now.wall_ms);
        if let (CellKind::Receipt(_), Some(others_ms)) = (&kind, member.others_wall_ms) {
            // Later than every receipt of another store, or devices take it for the older one.
            wall_ms = wall_ms.max(others_ms.saturating_add(1));
        }
        let cell = Cell {
            store,
            counter: member.next_counter(),
            wall_ms,
            near,
            kind,
        };
        let mut signed = sign_cell(&self.identity.key, member.ledger.event(), cell);
        if signed.is_receipt() {
            signed.warrant.clone_from(&self.identity.warrant);
        }
        let bytes = encode_cell(&signed);
        let (key, kind) = (signed.signer, signed.cell.kind.number());
        let raised = member.keep_cell(signed);
        let notice = member.receipted(&raised);
        self.out.released.notices.extend(notice);
        self.out.writes.push(Write::Cell {
            key,
            kind,
            bytes: bytes.clone(),
        });
        for it in self.peers.values_mut().filter(|it| it.is_member) {
            it.outbox.push(Frame::Cells(Vec::from([bytes.clone()])));
        }
    }

    /// Returns the first bytes of the keys this device is connected with.
    fn near(&self) -> Vec<[u8; 4]> {
        let keys: BTreeSet<[u8; 4]> = self
            .peers
            .values()
            .filter(|it| it.is_member)
            .map(|it| short(&it.key))
            .collect();
        keys.into_iter().take(64).collect()
    }
}

/// Says what is on this disk of the logs that a peer pushed and of those that are announced.
fn haves(ledger: &Ledger, acks: &mut BTreeSet<LogName>, announce: &[LogName]) -> Option<Frame> {
    acks.extend(announce);
    let haves: Vec<_> = core::mem::take(acks)
        .iter()
        .filter_map(|name| ledger.logs().get(name))
        .map(|log| (log.tag(), log.height()))
        .take(VECTOR_LOGS_MAX)
        .collect();
    (!haves.is_empty()).then_some(Frame::Have(haves))
}

/// Takes the logs that are to be announced, when it is time.
fn due_announcements(member: &mut Member, now_ms: u64) -> Vec<LogName> {
    if member.unannounced.is_empty() || now_ms < member.announce_at_ms {
        return Vec::new();
    }
    member.announce_at_ms = now_ms.saturating_add(ANNOUNCE_MS);
    core::mem::take(&mut member.unannounced)
        .into_iter()
        .collect()
}

fn receipt_of(name: &LogName, log: &Log) -> ([u8; 16], u64, [u8; 8]) {
    let mut hash = [0; 8];
    hash.copy_from_slice(log.chain().0.0.split_at(8).0);
    (log_short_id(name), log.height(), hash)
}

fn short(key: &PublicKey) -> [u8; 4] {
    let mut short = [0; 4];
    short.copy_from_slice(key.as_bytes().split_at(4).0);
    short
}
