//! Six digits on two screens: how a device is enrolled where nobody can scan.
//!
//! Both sides commit to a nonce before either shows its own, so that a man in the middle cannot
//! choose one that makes the digits equal; a person compares them on both devices. What comes out
//! is the nonce of an offer, and the rest is as with an offer. One try, then a pause. Layer:
//! replica, beside `enrol`.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use tallyline_keys::{
    PublicKey, pair_commitment, pair_nonce, pair_outcome, verify_pair_commitment,
};

use super::{
    JoinEnd, Notice, PairPhase, PairingView, PeerId, Reason, Replica, Reply,
    core::State,
    enrol::{Enrolment, OFFER_MS, Shown},
    invite::Invite,
};
use crate::{
    model::Roles,
    rules::{Code, Mistake},
    wire::{Commit, Frame},
};

/// How long two people may compare digits, in ms.
const COMPARE_MS: u64 = 120_000;

/// How long no pairing is tried after one that failed, in ms: a man in the middle has one guess
/// in a million each time, and so not two a minute.
const LOCK_MS: u64 = 30_000;

/// How long the owner's device keeps the invite open that a pairing gives, in ms.
const ADMIT_MS: u64 = 5 * 60_000;

/// How long a frame of a pairing may go unanswered before it is repeated, in ms.
const REPEAT_MS: u64 = 1_000;

/// [`Frame::Refused`]: a person said that the digits differ, or it is too early for another try.
const REFUSED_PAIRING: u32 = 4;

/// One side of a pairing.
#[derive(Debug)]
pub(super) struct Pairing {
    side: Side,
    seed: [u8; 16],
    until_ms: u64,
    phase: PairPhase,
    /// The one peer that answered; every other is left alone.
    with: Option<Try>,
    /// When the next frame is repeated, by connection; for the device's side.
    repeat_at_ms: BTreeMap<PeerId, u64>,
}

/// Which side of a pairing this device is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Side {
    /// The one that has no event.
    Device,
    /// The owner's or a deputy's, with what the other will be.
    Owner { roles: Roles, label: Option<String> },
}

/// What is known of the peer of a pairing.
#[derive(Clone, Debug)]
struct Try {
    peer: PeerId,
    key: PublicKey,
    label: String,
    commitment: [u8; 32],
    outcome: Option<(u32, [u8; 16])>,
}

impl Enrolment {
    /// Returns whether a pairing goes on.
    pub(super) fn pairing_runs(&self) -> bool {
        self.pairing.as_ref().is_some_and(Pairing::runs)
    }

    /// Returns when a pairing has something to do next.
    pub(super) fn pairing_due_ms(&self) -> Option<u64> {
        let pairing = self.pairing.as_ref().filter(|it| it.runs())?;
        let repeat = pairing.repeat_at_ms.values().copied();
        repeat.chain([pairing.until_ms]).min()
    }
}

impl Replica {
    /// Begins to wait for an owner's device.
    pub(super) fn pair_as_device(&mut self, seed: [u8; 16]) -> Result<Reply, Mistake> {
        self.not_locked()?;
        self.begin_waiting()?;
        self.begin_pairing(Side::Device, seed);
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.pair_with(peer);
        }
        Ok(Reply::Waiting)
    }

    /// Begins to look for a device that waits.
    pub(super) fn pair_as_owner(
        &mut self,
        seed: [u8; 16],
        addresses: Vec<String>,
        (roles, label): (Roles, Option<String>),
    ) -> Result<Reply, Mistake> {
        let own = self.key();
        self.event_or_mistake()?.may_admit(&own, roles)?;
        self.not_locked()?;
        self.begin_pairing(Side::Owner { roles, label }, seed);
        self.out.released.notices.push(Notice::Call {
            key: None,
            addresses,
        });
        Ok(Reply::Waiting)
    }

    fn begin_pairing(&mut self, side: Side, seed: [u8; 16]) {
        self.enrol.pairing = Some(Pairing {
            side,
            seed,
            until_ms: self.now.mono_ms.saturating_add(OFFER_MS),
            phase: PairPhase::Waiting,
            with: None,
            repeat_at_ms: BTreeMap::new(),
        });
    }

    fn not_locked(&self) -> Result<(), Mistake> {
        let left_ms = self.enrol.locked_until_ms.saturating_sub(self.now.mono_ms);
        if left_ms == 0 {
            return Ok(());
        }
        Err(Mistake::new(
            Code::E12,
            alloc::format!(
                "the last pairing failed. Try again in {} s.",
                left_ms.div_ceil(1_000)
            ),
        ))
    }

    /// Says to a peer what this device's side of a pairing has to say to it now, if it waits:
    /// the device speaks first, since the owner's may meet many strangers.
    pub(super) fn pair_with(&mut self, peer: PeerId) {
        let own = self.key();
        let now_ms = self.now.mono_ms;
        let (Some(pairing), Some(it)) = (&mut self.enrol.pairing, self.peers.get_mut(&peer)) else {
            return;
        };
        let waits = pairing.side == Side::Device && pairing.phase == PairPhase::Waiting;
        let due_ms = pairing.repeat_at_ms.get(&peer).copied().unwrap_or(0);
        if !waits || now_ms < due_ms {
            return;
        }
        let nonce = pair_nonce(&pairing.seed, &it.exporter);
        it.outbox.push(match &pairing.with {
            Some(with) if with.peer == peer => Frame::Reveal(nonce),
            Some(_) => return,
            None => Frame::Commit(Commit {
                commitment: pair_commitment(&nonce, &it.exporter, &own),
                label: self.identity.label.clone(),
            }),
        });
        let next_ms = now_ms.saturating_add(REPEAT_MS);
        pairing.repeat_at_ms.insert(peer, next_ms);
    }

    /// Says to every peer what is due.
    pub(super) fn pair_with_all(&mut self) {
        if !self.enrol.pairing_runs() {
            return;
        }
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.pair_with(peer);
        }
    }

    /// A peer commits to its nonce: the first one that does is the one to pair with.
    ///
    /// Source: PROTOCOL R-JOIN-6.
    pub(super) fn on_commit(&mut self, peer: PeerId, commit: &Commit) {
        let own = self.key();
        let now_ms = self.now.mono_ms;
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(pairing) = self.enrol.pairing.as_mut().filter(|it| it.runs()) else {
            // It may have been confirmed or denied here a moment ago.
            return;
        };
        if pairing.with.is_none() {
            pairing.with = Some(Try {
                peer,
                key: it.key,
                label: commit.label.clone(),
                commitment: commit.commitment,
                outcome: None,
            });
            pairing.until_ms = now_ms.saturating_add(COMPARE_MS);
            it.guest_until_ms = pairing.until_ms;
            pairing.repeat_at_ms.clear();
        }
        if pairing.with.as_ref().is_none_or(|with| with.peer != peer) {
            it.outbox.push(Frame::Refused(REFUSED_PAIRING));
            return;
        }
        if let Side::Owner { .. } = pairing.side {
            let nonce = pair_nonce(&pairing.seed, &it.exporter);
            it.outbox.push(Frame::Commit(Commit {
                commitment: pair_commitment(&nonce, &it.exporter, &own),
                label: self.identity.label.clone(),
            }));
        } else {
            self.pair_with(peer);
        }
    }

    /// The peer shows its nonce: if it is the one it committed to, the digits are known.
    ///
    /// Source: PROTOCOL R-JOIN-6.
    pub(super) fn on_reveal(&mut self, peer: PeerId, theirs: &[u8; 16]) {
        let own = self.key();
        let Some(it) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(pairing) = self.enrol.pairing.as_mut().filter(|it| it.runs()) else {
            return;
        };
        let mine = pair_nonce(&pairing.seed, &it.exporter);
        let Some(with) = pairing.with.as_mut().filter(|with| with.peer == peer) else {
            return;
        };
        if !verify_pair_commitment(theirs, &it.exporter, &with.key, &with.commitment) {
            self.refuse(
                peer,
                Reason::BadProof,
                "a nonce that is not the one committed to".into(),
            );
            self.pairing_failed(PairPhase::Failed);
            return;
        }
        let outcome = match pairing.side {
            Side::Device => pair_outcome((&mine, &own), (theirs, &with.key), &it.exporter),
            Side::Owner { .. } => {
                // The device has committed, and shown its own.
                it.outbox.push(Frame::Reveal(mine));
                pair_outcome((theirs, &with.key), (&mine, &own), &it.exporter)
            }
        };
        with.outcome = Some(outcome);
        if pairing.phase == PairPhase::Waiting {
            pairing.phase = PairPhase::Comparing;
            pairing.repeat_at_ms.clear();
        }
    }

    /// A person says which digits the other screen shows.
    ///
    /// Source: PROTOCOL R-JOIN-6.
    pub(super) fn pair_confirm(&mut self, digits: Option<u32>) -> Result<Reply, Mistake> {
        let nothing = || {
            let text =
                "no digits wait to be confirmed here. Begin with `--digits` on both devices.";
            Mistake::new(Code::E12, text.into())
        };
        let pairing = self.enrol.pairing.as_ref().ok_or_else(nothing)?;
        let with = pairing.with.clone().ok_or_else(nothing)?;
        let (PairPhase::Comparing, Some((shown, secret))) = (pairing.phase, with.outcome) else {
            return Err(nothing());
        };
        if digits != Some(shown) {
            self.pairing_failed(PairPhase::Denied);
            let text = "the digits differ: this may be another device, or somebody between. \
                        Nobody was admitted. Wait 30 s and begin again on both devices.";
            return Err(Mistake::new(Code::E12, text.into()));
        }
        match pairing.side.clone() {
            Side::Device => {
                self.enrol.offer = Some(Shown {
                    nonce: secret,
                    until_ms: self.now.mono_ms.saturating_add(COMPARE_MS),
                    only: Some(with.key),
                });
            }
            Side::Owner { roles, label } => {
                let label = label.or(Some(with.label));
                let invite = Invite::new(secret, (roles, label), ADMIT_MS).for_key(with.key);
                self.open_invite(invite)?;
                if let Some(it) = self.peers.get_mut(&with.peer) {
                    it.introduce_at_ms = 0;
                }
                self.introduce();
            }
        }
        if let Some(pairing) = &mut self.enrol.pairing {
            pairing.phase = PairPhase::Confirmed;
        }
        self.stop_calling();
        Ok(Reply::Confirmed)
    }

    /// Ends a pairing whose time is over, or whose connection is gone.
    pub(super) fn pairing_over(&mut self) {
        let now_ms = self.now.mono_ms;
        let Some(pairing) = self.enrol.pairing.as_ref().filter(|it| it.runs()) else {
            return;
        };
        let gone = pairing
            .with
            .as_ref()
            .is_some_and(|with| !self.peers.contains_key(&with.peer));
        if gone || pairing.until_ms <= now_ms {
            self.pairing_failed(PairPhase::Failed);
        }
    }

    /// The peer ends the pairing.
    pub(super) fn on_pairing_refused(&mut self, peer: PeerId, reason: u32) {
        let with = self.enrol.pairing.as_ref().filter(|it| it.runs());
        let ours = with.is_some_and(|it| it.with.as_ref().is_some_and(|it| it.peer == peer));
        if reason == REFUSED_PAIRING && ours {
            self.pairing_failed(PairPhase::Denied);
        }
    }

    /// Ends a pairing that did not work out. A try in which nonces were exchanged locks the next.
    fn pairing_failed(&mut self, phase: PairPhase) {
        let now_ms = self.now.mono_ms;
        let Some(pairing) = &mut self.enrol.pairing else {
            return;
        };
        pairing.phase = phase;
        let device = pairing.side == Side::Device;
        if let Some(with) = pairing.with.clone() {
            self.enrol.locked_until_ms = now_ms.saturating_add(LOCK_MS);
            if let Some(it) = self.peers.get_mut(&with.peer) {
                it.outbox.push(Frame::Refused(REFUSED_PAIRING));
                it.guest_until_ms = 0;
            }
        }
        if device {
            self.enrol.join_end = Some(JoinEnd::PairingFailed);
        } else {
            self.stop_calling();
        }
    }

    /// Tells the network that the device of a pairing needs no dialling any more.
    fn stop_calling(&mut self) {
        if matches!(self.state, State::Member(_)) {
            self.out.released.notices.push(Notice::Call {
                key: None,
                addresses: Vec::new(),
            });
        }
    }
}

impl Pairing {
    /// Returns whether it goes on: somebody is waited for, or digits are compared.
    fn runs(&self) -> bool {
        matches!(self.phase, PairPhase::Waiting | PairPhase::Comparing)
    }

    /// Returns what a screen shows of it.
    pub(super) fn view(&self, now_ms: u64) -> PairingView {
        let with = self.with.as_ref();
        let digits = with.and_then(|it| it.outcome).map(|(digits, _)| digits);
        PairingView {
            phase: self.phase,
            with: with.map(|it| (it.key, it.label.clone())),
            digits: digits.filter(|_| self.runs() || self.phase == PairPhase::Confirmed),
            left_ms: self.until_ms.saturating_sub(now_ms),
        }
    }
}
