//! What peers say: connections, frames, strangers, and what is taken from them.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use tallyline_keys::PublicKey;

use super::{
    Identity, Notice, PeerId, Reason, Replica, Write,
    core::State,
    enrol::{asks_to_join, claim_frame, join_frame},
    keyring::names_erased,
    keytalk::KeyTalk,
    pace::Pace,
    proof::present,
};
use crate::{
    log::{Growth, Log, Refusal, Taken},
    model::{LogName, Roles},
    rules::Mistake,
    sync::{Conversation, Heard, Refused},
    wire::{self, FRAME_BYTES_MAX, Frame, LogRef, LogTag, Push, decode_frame, encode_frame},
};

/// How long a stranger may stay before it has proven that it is a member, in ms.
const STRANGER_MS_MAX: u64 = 5_000;

/// How many bytes a stranger may send before it has proven that it is a member.
const STRANGER_BYTES_MAX: usize = 64 * 1024;

/// How long an introduction may go unanswered before it is repeated, in ms.
pub(super) const INTRODUCE_MS: u64 = 1_000;

/// Errors within [`DEMERIT_MS`] after which a connection is closed.
const DEMERITS_MAX: usize = 10;

/// How long an error is remembered against a peer, in ms.
const DEMERIT_MS: u64 = 60_000;

/// [`Frame::Refused`]: the sender does not know the peer and wants its Admit.
pub(super) const REFUSED_STRANGER: u32 = 1;

/// [`Frame::Refused`]: the sender does not know the event.
pub const REFUSED_EVENT: u32 = 2;

/// One connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) key: PublicKey,
    pub(super) is_member: bool,
    pub(super) talk: Conversation,
    /// Logs taken from this peer in this step, to be acknowledged after the commit.
    pub(super) acks: BTreeSet<LogName>,
    /// Frames to send, in order.
    pub(super) outbox: Vec<Frame>,
    /// Of a node of a cloud: the cloud's key.
    pub(super) cloud: Option<PublicKey>,
    pub(super) cells_sent: bool,
    pub(super) exporter: [u8; 32],
    since_ms: u64,
    bytes: usize,
    pub(super) introduce_at_ms: u64,
    /// Until when it may stay although it is a stranger: a person compares digits.
    pub(super) guest_until_ms: u64,
    early_hello: Option<wire::Hello>,
    demerits: Vec<u64>,
    /// Whom it has proven to be a member with what right to admit others, on the way to itself.
    pub(super) vouched: BTreeMap<PublicKey, Roles>,
    pub(super) pace: Pace,
    pub(super) keys: KeyTalk,
}

impl Peer {
    /// Returns whose word it is that it gives: a cloud's nodes hold what the cloud holds.
    pub(super) fn speaks_for(&self) -> PublicKey {
        self.cloud.unwrap_or(self.key)
    }

    /// Returns when its time is over if it has not proven by then that it is a member.
    pub(super) fn stranger_until_ms(&self) -> u64 {
        let until_ms = self.since_ms.saturating_add(STRANGER_MS_MAX);
        until_ms.max(self.guest_until_ms)
    }
}

/// Returns whether this is a cloud without an event, and a peer that has not said a word: a cloud
/// that lost its store dials devices, and a device that was dialled waits for the dialler.
///
/// Source: PROTOCOL R-SYNC-10.
fn asks_for_event(state: &State, identity: &Identity, it: &Peer) -> bool {
    identity.cloud && it.bytes == 0 && matches!(state, State::Blank)
}

impl Replica {
    pub(super) fn on_peer_up(&mut self, peer: PeerId, key: PublicKey, exporter: [u8; 32]) {
        if key == self.key() {
            self.close(peer, Reason::Duplicate);
            return;
        }
        let mut it = Peer {
            key,
            cloud: None,
            is_member: false,
            talk: Conversation::new(key),
            acks: BTreeSet::new(),
            outbox: Vec::new(),
            cells_sent: false,
            exporter,
            since_ms: self.now.mono_ms,
            bytes: 0,
            introduce_at_ms: 0,
            guest_until_ms: 0,
            early_hello: None,
            demerits: Vec::new(),
            vouched: BTreeMap::new(),
            pace: Pace::new(self.now.mono_ms),
            keys: KeyTalk::new(),
        };
        if asks_for_event(&self.state, &self.identity, &it) {
            // Who dialled it speaks first; only who was dialled waits for a word.
            it.introduce_at_ms = self.now.mono_ms.saturating_add(INTRODUCE_MS);
        }
        let welcome = match &self.state {
            State::Blank => self.identity.cloud || self.awaits_owner(),
            State::Joining(ticket) => ticket.asks(&self.identity.key.public(), &key),
            State::Member(member) => {
                let authority = member.ledger.authority();
                it.is_member = authority.members().contains_key(&key);
                authority.revoked(&key).is_none()
            }
        };
        if !welcome {
            self.close(peer, Reason::Stranger);
            return;
        }
        if let Some(warrant) = &self.identity.warrant {
            it.outbox.push(Frame::Warrant(warrant.clone()));
        }
        self.peers.insert(peer, it);
        self.introduce();
        self.pair_with(peer);
    }

    /// Says to peers that do not talk yet who this device is: a joiner shows the proof of its
    /// invite, a member its Admit. Repeated until the peer talks, since any frame may be lost.
    pub(super) fn introduce(&mut self) {
        let now_ms = self.now.mono_ms;
        let own = self.key();
        for it in self.peers.values_mut() {
            let joining = asks_to_join(&self.state, it, &own);
            if (it.is_member && joining.is_none()) || now_ms < it.introduce_at_ms {
                continue;
            }
            if let Some(ticket) = joining {
                it.introduce_at_ms = now_ms.saturating_add(INTRODUCE_MS);
                let frame = join_frame(ticket, it, &own, &self.identity.label);
                it.outbox.push(frame);
            } else if let State::Member(member) = &self.state {
                let Some(claim) = claim_frame(member, it, &own) else {
                    present(member, &own, it, now_ms);
                    continue;
                };
                it.introduce_at_ms = now_ms.saturating_add(INTRODUCE_MS);
                it.outbox.push(claim);
            } else if asks_for_event(&self.state, &self.identity, it) {
                it.introduce_at_ms = now_ms.saturating_add(INTRODUCE_MS);
                it.outbox.push(Frame::Refused(REFUSED_EVENT));
            }
        }
    }

    /// Returns whether a peer is still to be told who this device is.
    pub(super) fn introduces(&self, it: &Peer) -> bool {
        let joins = asks_to_join(&self.state, it, &self.key()).is_some()
            || asks_for_event(&self.state, &self.identity, it);
        joins || (!it.is_member && matches!(self.state, State::Member(_)))
    }

    pub(super) fn on_peer_down(&mut self, peer: PeerId) {
        if let Some(it) = self.peers.remove(&peer)
            && it.is_member
        {
            self.last_heard_ms.insert(it.key, self.now.mono_ms);
        }
    }

    pub(super) fn on_frame(&mut self, peer: PeerId, bytes: &[u8]) {
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        it.bytes = it.bytes.saturating_add(bytes.len());
        let key = it.key;
        let is_member = it.is_member;
        if is_member {
            self.last_heard_ms.insert(key, self.now.mono_ms);
        }
        if !is_member && STRANGER_BYTES_MAX < it.bytes {
            self.refuse(
                peer,
                Reason::Stranger,
                "a stranger sent more than 64 KiB".into(),
            );
            self.close(peer, Reason::Stranger);
            return;
        }
        if FRAME_BYTES_MAX < bytes.len() {
            self.refuse(
                peer,
                Reason::TooLarge,
                format!("a frame of {} bytes", bytes.len()),
            );
            return;
        }
        match decode_frame(bytes) {
            Err(error) => self.refuse(peer, Reason::Malformed, error.to_string()),
            Ok(None) => {}
            Ok(Some(frame)) if !self.keeps_pace(peer, &frame) => {}
            Ok(Some(frame)) if is_member => self.on_member_frame(peer, frame),
            Ok(Some(frame)) => self.on_stranger_frame(peer, frame),
        }
    }

    /// Closes strangers whose time is over.
    pub(super) fn check_strangers(&mut self) {
        let now_ms = self.now.mono_ms;
        let over = |it: &Peer| !it.is_member && it.stranger_until_ms() <= now_ms;
        let late: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, it)| over(it))
            .map(|(&peer, _)| peer)
            .collect();
        for peer in late {
            self.refuse(
                peer,
                Reason::Stranger,
                "no proof of membership within 5 s".into(),
            );
            self.close(peer, Reason::Stranger);
        }
    }

    /// Counts an error against a peer and closes the connection at the tenth within a minute.
    ///
    /// Source: PROTOCOL R-SYNC-11.
    pub(super) fn demerit(&mut self, peer: PeerId, reason: Reason) {
        let fault = match reason {
            Reason::Malformed
            | Reason::TooLarge
            | Reason::OtherEvent
            | Reason::OtherVersion
            | Reason::BadSignature
            | Reason::BadProof => true,
            // These happen between honest peers too.
            Reason::Gap
            | Reason::UnknownGrant
            | Reason::Quota
            | Reason::Fork
            | Reason::Stranger
            | Reason::Revoked
            | Reason::Duplicate
            | Reason::Demerits
            | Reason::Pace
            | Reason::Room
            | Reason::Key => false,
        };
        let now_ms = self.now.mono_ms;
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        if fault {
            it.demerits
                .retain(|&at_ms| now_ms.saturating_sub(at_ms) < DEMERIT_MS);
            it.demerits.push(now_ms);
            if DEMERITS_MAX <= it.demerits.len() {
                self.refuse(peer, Reason::Demerits, "ten errors within a minute".into());
                self.close(peer, Reason::Demerits);
            }
        }
    }

    /// Tells the shell whom TLS admits, and lets strangers in who have become members.
    pub(super) fn members_changed(&mut self) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        let own = self.identity.key.public();
        let admitted = member.ledger.authority().members().contains_key(&own);
        if admitted && let Some(ticket) = member.ticket.take() {
            self.out.writes.push(Write::Ticket(None));
            self.joined_by(&ticket);
        }
        let State::Member(member) = &mut self.state else {
            return;
        };
        let authority = member.ledger.authority();
        let keys: Vec<PublicKey> = authority.members().keys().copied().collect();
        let mut revoked = Vec::new();
        let mut gone = Vec::new();
        for (&peer, it) in &mut self.peers {
            let member_now = authority.members().contains_key(&it.key);
            it.is_member |= member_now;
            if authority.revoked(&it.key).is_some() {
                revoked.push(peer);
            } else if !member_now && member.members_told.contains(&it.key) {
                gone.push(peer);
            }
        }
        if keys != member.members_told {
            if member.members_told.is_empty() {
                let discovery_key = member.ledger.manifest().discovery_key;
                self.out
                    .released
                    .notices
                    .push(Notice::Discover { discovery_key });
            }
            member.members_told.clone_from(&keys);
            self.out.released.notices.push(Notice::Members(keys));
        }
        for peer in revoked {
            self.refuse(peer, Reason::Revoked, "the key was revoked".into());
            self.close(peer, Reason::Revoked);
        }
        // Whoever admitted it had no right to, as it turned out.
        for peer in gone {
            self.refuse(peer, Reason::Stranger, "its Admit is void".into());
            self.close(peer, Reason::Stranger);
        }
        self.hear_early_hellos();
    }

    pub(super) fn hear_early_hellos(&mut self) {
        let early: Vec<(PeerId, wire::Hello)> = self
            .peers
            .iter_mut()
            .filter(|(_, it)| it.is_member)
            .filter_map(|(&peer, it)| Some((peer, it.early_hello.take()?)))
            .collect();
        for (peer, hello) in early {
            self.on_member_frame(peer, Frame::Hello(hello));
        }
    }

    /// Hears a stranger: it may say who it is, and nothing else.
    ///
    /// Source: PROTOCOL R-SYNC-10.
    fn on_stranger_frame(&mut self, peer: PeerId, frame: Frame) {
        match frame {
            Frame::Present(bytes) => self.on_present(peer, &bytes),
            Frame::Warrant(warrant) => self.on_warrant(peer, &warrant),
            Frame::Join(join) => self.on_join(peer, &join),
            Frame::Welcome(bytes) => self.on_welcome(peer, bytes),
            Frame::Refused(reason) => self.on_refused(peer, reason),
            Frame::Claim(claim) => self.on_claim(peer, &claim),
            Frame::Commit(commit) => self.on_commit(peer, &commit),
            Frame::Reveal(nonce) => self.on_reveal(peer, &nonce),
            Frame::Hello(hello) => {
                let blank = !matches!(self.state, State::Member(_));
                let Some(it) = self.peers.get_mut(&peer) else {
                    return;
                };
                if blank {
                    it.outbox.push(Frame::Refused(REFUSED_EVENT));
                } else {
                    // By the time it is heard its clock is old.
                    it.early_hello = Some(wire::Hello {
                        clock_ms: 0,
                        ..hello
                    });
                    it.outbox.push(Frame::Refused(REFUSED_STRANGER));
                }
            }
            Frame::Vector(_)
            | Frame::Push(_)
            | Frame::Have(_)
            | Frame::Want(_)
            | Frame::Cells(_)
            | Frame::Fork(_)
            | Frame::Ask(_)
            | Frame::Denied(_)
            | Frame::KeyAsk(_)
            | Frame::Keys(_) => {
                self.refuse(peer, Reason::Stranger, "a stranger speaks of logs".into());
                self.close(peer, Reason::Stranger);
            }
        }
    }

    fn on_refused(&mut self, peer: PeerId, reason: u32) {
        self.on_join_refused(peer, reason);
        let State::Member(member) = &self.state else {
            return;
        };
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        match reason {
            REFUSED_STRANGER if it.talk.store().is_none() => {
                present(member, &self.identity.key.public(), it, self.now.mono_ms);
            }
            REFUSED_EVENT if member.is_cloud(&it.speaks_for()) => {
                it.outbox.push(Frame::Welcome(member.manifest.clone()));
                present(member, &self.identity.key.public(), it, self.now.mono_ms);
                it.talk = Conversation::new(it.key);
            }
            _ => {}
        }
    }

    fn on_member_frame(&mut self, peer: PeerId, frame: Frame) {
        let now = self.now;
        let now_ms = now.mono_ms;
        let store = self.identity.store;
        let State::Member(member) = &mut self.state else {
            return;
        };
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        let ledger = &member.ledger;
        match frame {
            Frame::Hello(theirs) => {
                let mine = member.hello(store, now);
                if theirs.clock_ms != 0 {
                    let ahead_ms = theirs.clock_ms.saturating_sub(mine.clock_ms);
                    self.clocks_ahead_ms.insert(it.key, ahead_ms);
                }
                it.talk.greet(&mine, now_ms, &mut it.outbox);
                if theirs.receipts != mine.receipts {
                    let receipts = member.cells.values().filter(|it| it.is_receipt());
                    let receipts: Vec<_> = receipts.collect();
                    it.outbox.extend(wire::cell_frames(&receipts));
                }
                match it.talk.on_hello(&theirs, ledger, &mine, &mut it.outbox) {
                    Heard::Refused(why) => self.refuse_heard(peer, why),
                    Heard::Nothing | Heard::Push(..) => {
                        self.note_all_heights(peer);
                        self.compare_notes(peer, &mine);
                    }
                }
            }
            Frame::Vector(vector) => {
                let mine = member.hello(store, now);
                it.talk.on_vector(&vector, ledger, &mine, &mut it.outbox);
                self.note_all_heights(peer);
            }
            Frame::Push(push) => match it.talk.on_push(push, ledger) {
                Heard::Push(name, push) => self.on_push(peer, name, &push),
                Heard::Refused(why) => self.refuse_heard(peer, why),
                Heard::Nothing => {}
            },
            Frame::Have(logs) => {
                it.talk.on_have(&logs, ledger, now_ms);
                self.note_heights(peer, &logs);
            }
            Frame::Want(logs) => it.talk.on_want(&logs, ledger),
            Frame::Cells(cells) => {
                for cell in cells {
                    self.on_cell(peer, &cell);
                }
            }
            Frame::Fork(fork) => {
                let taken = member.ledger.take_fork(&fork);
                self.after_taking(peer, fork.log, taken);
            }
            Frame::Present(bytes) => self.on_present(peer, &bytes),
            Frame::Join(join) => self.on_join(peer, &join),
            Frame::Welcome(_) | Frame::Claim(_) | Frame::Commit(_) | Frame::Reveal(_) => {}
            Frame::Refused(reason) => self.on_refused(peer, reason),
            Frame::Ask(ask) => self.on_ask(peer, &ask),
            Frame::Denied(denied) => self.on_denied(peer, denied),
            Frame::KeyAsk(ask) => it.keys.on_ask(ask),
            Frame::Keys(keys) => self.on_keys(peer, keys),
            Frame::Warrant(_) => {}
        }
    }

    fn refuse_heard(&mut self, peer: PeerId, why: Refused) {
        match why {
            Refused::OtherVersion => {
                self.refuse(
                    peer,
                    Reason::OtherVersion,
                    "another protocol version".into(),
                );
                self.close(peer, Reason::OtherVersion);
            }
            Refused::OtherEvent => {
                self.refuse(
                    peer,
                    Reason::OtherEvent,
                    "a Hello about another event".into(),
                );
                self.close(peer, Reason::OtherEvent);
            }
            Refused::UnknownLog => {
                self.refuse(
                    peer,
                    Reason::UnknownGrant,
                    "a tag that names no log here".into(),
                );
            }
        }
    }

    /// Takes a chunk, and notes the log for the Have that follows the commit.
    ///
    /// Source: PROTOCOL R-SYNC-6.
    fn on_push(&mut self, peer: PeerId, name: LogName, push: &Push) {
        // A store that was put back is to be known for one before it is filled again. What is dropped
        // comes with the next round.
        if self.out.claimed || !self.has_room_for(peer, &name) {
            return;
        }
        let State::Member(member) = &mut self.state else {
            return;
        };
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        let taken = member
            .ledger
            .take(name, push.from, &push.entries, &push.signature);
        let count = u64::try_from(push.entries.len()).unwrap_or(u64::MAX);
        let end = push.from.saturating_add(count).saturating_sub(1);
        if let Ok(Taken::Grown(_) | Taken::Known) = &taken {
            // What a peer sends is on its disk.
            it.talk.pushed_to_us(&name, end);
            it.acks.insert(name);
            if let Some(store) = it.talk.store() {
                member.hold(it.speaks_for(), store, &[(wire::log_short_id(&name), end)]);
            }
        }
        match &taken {
            Ok(Taken::Grown(growth)) => {
                self.out.writes.extend(growth_writes(name, growth, push));
            }
            Ok(Taken::Known | Taken::Forked(_) | Taken::ForkKnown | Taken::BranchWhole) => {}
            Err(why) => it
                .talk
                .refuse_push(&name, *why, &member.ledger, &mut it.outbox),
        }
        self.after_taking(peer, name, taken);
    }

    fn after_taking(&mut self, peer: PeerId, name: LogName, taken: Result<Taken, Refusal>) {
        match taken {
            Ok(Taken::Grown(growth)) => {
                self.grown(name, growth.count);
                let State::Member(member) = &mut self.state else {
                    return;
                };
                member.unannounced.insert(name);
            }
            Ok(Taken::Known | Taken::ForkKnown) => {}
            Ok(Taken::BranchWhole) => {
                let entries = self.settle_forks();
                self.grown(name, entries);
            }
            Ok(Taken::Forked(fork)) => {
                let bytes = wire::encode_fork(&fork);
                self.out.writes.push(Write::Fork { log: name, bytes });
                self.grown(name, 0);
                let text = self.words_about(&name, Reason::Fork);
                self.refuse(peer, Reason::Fork, text);
                if fork.fits_a_frame() {
                    for it in self.peers.values_mut().filter(|it| it.is_member) {
                        it.outbox.push(Frame::Fork((*fork).clone()));
                    }
                }
            }
            Err(why) => {
                let reason = match why {
                    Refusal::Gap => Reason::Gap,
                    Refusal::BadSignature => Reason::BadSignature,
                    Refusal::UnknownGrant => Reason::UnknownGrant,
                    Refusal::Quota => Reason::Quota,
                    Refusal::OtherBranch(_) => Reason::Gap,
                };
                let text = self.words_about(&name, reason);
                self.refuse(peer, reason, text);
            }
        }
    }

    /// Says what is wrong with a log that a peer sent, as the security log keeps it (E16, E17).
    fn words_about(&self, name: &LogName, reason: Reason) -> String {
        let Some(member) = self.member() else {
            return String::new();
        };
        let log = super::reading::name(name);
        let held = member.ledger.logs().get(name);
        let author = match member.ledger.authority().writer(name.grant) {
            Some(writer) => member.label(&writer),
            None => "an unknown device".into(),
        };
        if let (Reason::Fork, Some(fork)) = (reason, member.ledger.forks().get(name)) {
            return Mistake::forked(&log, fork.from, &author).to_string();
        }
        let next = held.map_or(0, Log::height).saturating_add(1);
        let why = match reason {
            Reason::Gap => "entries between are missing",
            Reason::BadSignature => "hash or signature differs",
            Reason::UnknownGrant => "its grant is not known here",
            Reason::Quota => "its quota is used up",
            Reason::Malformed
            | Reason::TooLarge
            | Reason::OtherEvent
            | Reason::OtherVersion
            | Reason::Fork
            | Reason::Stranger
            | Reason::Revoked
            | Reason::BadProof
            | Reason::Duplicate
            | Reason::Demerits
            | Reason::Pace
            | Reason::Room
            | Reason::Key => reason.name(),
        };
        Mistake::does_not_follow(&log, next, why, &author).to_string()
    }

    /// Brings everything that rests on the ledger up to date after a log grew.
    pub(super) fn grown(&mut self, name: LogName, entries: u64) {
        let now_ms = self.now.mono_ms;
        let State::Member(member) = &mut self.state else {
            return;
        };
        member.ring.touch();
        let control = member.ledger.is_control(name.grant) || member.ledger.speaks(&name);
        let early = names_erased(&member.ledger, &name, entries);
        for it in self.peers.values_mut() {
            it.talk.note_change(now_ms);
            if control {
                it.talk.statements_grew();
            }
        }
        if 0 < entries {
            self.out.released.notices.push(Notice::Grew { entries });
        }
        if control {
            self.settle_forks();
            self.members_changed();
        }
        if control || early {
            self.settle_keys();
        }
    }

    /// Puts the branches that the owner chose in the place of others, as far as they are here, and
    /// returns how many entries that brought.
    pub(super) fn settle_forks(&mut self) -> u64 {
        let mut entries: u64 = 0;
        let State::Member(member) = &mut self.state else {
            return entries;
        };
        for (log, chunk, growth) in member.ledger.settle_forks() {
            let push = Push {
                log: LogRef::Name(log),
                from: chunk.from,
                entries: chunk.entries,
                signature: chunk.signature,
            };
            self.out.writes.extend(growth_writes(log, &growth, &push));
            member.unannounced.insert(log);
            entries = entries.saturating_add(growth.count);
        }
        entries
    }

    /// Takes note of what a peer has on disk by its Hello or vector.
    fn note_all_heights(&mut self, peer: PeerId) {
        let Some(it) = self.peers.get(&peer) else {
            return;
        };
        let heights = it.talk.heights().iter();
        let said: Vec<(LogTag, u64)> = heights.map(|(&tag, &height)| (tag, height)).collect();
        self.note_heights(peer, &said);
    }

    /// Takes note of what a peer says it has on disk.
    fn note_heights(&mut self, peer: PeerId, said: &[(LogTag, u64)]) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        let Some(it) = self.peers.get(&peer) else {
            return;
        };
        let Some(store) = it.talk.store() else { return };
        let heights: Vec<([u8; 16], u64)> = said
            .iter()
            .flat_map(|(tag, height)| {
                member
                    .ledger
                    .by_tag(tag)
                    .map(|name| (wire::log_short_id(name), *height))
            })
            .collect();
        let holder = it.speaks_for();
        if member.is_cloud(&holder) {
            member.compare_with_receipts(&heights, self.now.mono_ms);
        }
        member.hold(holder, store, &heights);
    }

    /// Sends what a conversation has to say.
    pub(super) fn flush(&mut self, peer: PeerId) {
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        for frame in it.outbox.drain(..) {
            self.out.released.frames.push((peer, encode_frame(&frame)));
        }
    }
}

/// Lays out the writes of entries that were taken: only those that were not here.
pub(super) fn growth_writes(log: LogName, growth: &Growth, push: &Push) -> Vec<Write> {
    let skip = usize::try_from(growth.first.saturating_sub(push.from)).unwrap_or(usize::MAX);
    let entries = push.entries.get(skip..).unwrap_or_default().to_vec();
    let height = growth.first.saturating_add(growth.count).saturating_sub(1);
    let mut writes: Vec<Write> = growth
        .displaced
        .iter()
        .map(|piece| Write::Displace {
            log,
            from: growth.first,
            bytes: encode_frame(&Frame::Push(Push {
                log: LogRef::Name(log),
                from: piece.from,
                entries: piece.entries.clone(),
                signature: piece.signature,
            })),
        })
        .collect();
    writes.extend([
        Write::Entries {
            log,
            first: growth.first,
            entries,
        },
        Write::Head {
            log,
            height,
            signature: *push.signature.as_bytes(),
        },
    ]);
    writes.extend(
        growth
            .dropped_heads
            .iter()
            .map(|&height| Write::DropHead { log, height }),
    );
    writes
}
