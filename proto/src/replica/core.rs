//! The replica: one place where every input comes in and every effect goes out.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};

use tallyline_keys::{
    PublicKey,
    planted::{Fault, is},
};

use super::{
    Effects, Identity, Input, Notice, Now, PeerId, Phase, Reason, Released, Write,
    enrol::Enrolment, member::Member, peer::Peer,
};
use crate::model::{Incarnation, Ticket};

/// A node without a world.
#[derive(Debug)]
pub struct Replica {
    pub(super) identity: Identity,
    pub(super) incarnation: Incarnation,
    pub(super) now: Now,
    pub(super) state: State,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    pub(super) last_heard_ms: BTreeMap<PublicKey, u64>,
    /// How far other devices' clocks are ahead of this one's, in ms, as they last told; only shown.
    pub(super) clocks_ahead_ms: BTreeMap<PublicKey, i64>,
    pub(super) refusals: BTreeMap<Reason, u64>,
    pub(super) enrol: Enrolment,
    pub(super) free_bytes: Option<u64>,
    pub(super) out: Out,
}

/// How far a node is with its event.
#[derive(Debug)]
pub(super) enum State {
    /// No event.
    Blank,
    /// Has a ticket.
    Joining(Ticket),
    /// Knows the event.
    Member(Box<Member>),
}

/// What a step has gathered so far.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) writes: Vec<Write>,
    pub(super) released: Released,
    /// In a cloud: a receipt of its own store was heard in this step that covers more than is here.
    pub(super) claimed: bool,
}

impl Replica {
    /// Takes everything that happened since the last step and says what is to be written and
    /// what may then leave the device. Never fails.
    pub fn step(&mut self, now: Now, inputs: Vec<Input>) -> Effects {
        self.now = now;
        let waiting = self.out.writes.len();
        self.count_down();
        for input in inputs {
            match input {
                Input::Command { request, command } => self.on_command(request, *command),
                Input::PeerUp {
                    peer,
                    key,
                    exporter,
                } => self.on_peer_up(peer, key, exporter),
                Input::PeerDown { peer } => self.on_peer_down(peer),
                Input::Frame { peer, bytes } => self.on_frame(peer, &bytes),
                Input::Room { free_bytes } => self.on_room(free_bytes),
                Input::Tick => self.on_tick(),
            }
        }
        self.finish();
        let mut out = core::mem::take(&mut self.out);
        if is(Fault::AckBeforeCommit) {
            self.out.writes = self.late(&mut out.writes, waiting);
        }
        Effects {
            writes: out.writes,
            sealed: out.released,
        }
    }

    /// Takes the writes of others' entries out of a step, for the next one.
    fn late(&self, writes: &mut Vec<Write>, waiting: usize) -> Vec<Write> {
        let of_others = |it: &mut Write| match it {
            Write::Entries { log, .. } | Write::Head { log, .. } | Write::DropHead { log, .. } => {
                log.incarnation != self.incarnation
            }
            Write::Manifest(_)
            | Write::Ticket(_)
            | Write::Cell { .. }
            | Write::Fork { .. }
            | Write::Displace { .. }
            | Write::Invite { .. }
            | Write::Key { .. }
            | Write::ForgetKey { .. } => false,
        };
        writes.extract_if(waiting.., of_others).collect()
    }

    /// Returns how far the node is with its event.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Blank => Phase::Blank,
            State::Joining(_) => Phase::Joining,
            State::Member(member) if member.ticket.is_some() => Phase::Joining,
            State::Member(_) => Phase::Member,
        }
    }

    /// Returns the key of this device.
    pub fn key(&self) -> PublicKey {
        self.identity.key.public()
    }

    /// Returns how often frames and connections were refused, by reason.
    pub fn refusals(&self) -> &BTreeMap<Reason, u64> {
        &self.refusals
    }

    pub(super) fn member(&self) -> Option<&Member> {
        match &self.state {
            State::Member(member) => Some(member),
            State::Blank | State::Joining(_) => None,
        }
    }

    /// Signs what this device wrote, then lets every conversation speak.
    fn finish(&mut self) {
        self.take_back_what_is_over();
        self.seal_if_called();
        self.ask_again();
        self.sign_own();
        self.spread();
        self.save_presence();
        self.tell_guests();
    }

    /// Counts a refusal and tells the shell.
    pub(super) fn refuse(&mut self, peer: PeerId, reason: Reason, text: String) {
        let count = self.refusals.entry(reason).or_insert(0);
        *count = count.saturating_add(1);
        self.out
            .released
            .notices
            .push(Notice::Refused { peer, reason, text });
        self.demerit(peer, reason);
    }

    pub(super) fn close(&mut self, peer: PeerId, reason: Reason) {
        self.peers.remove(&peer);
        self.out.released.closes.push((peer, reason));
    }
}
