//! How two members exchange keys of sealed texts on one connection.
//!
//! Whoever lacks keys says which, all of them, and again when that changed; whoever holds some of
//! them gives them, and again until they are asked for no more. Any frame may be lost: a `KeyAsk` is
//! repeated until an answer names it, keys until another `KeyAsk` comes. When nothing is lacked nothing
//! is said, and a key that nobody here has is asked for once.
//!
//! Source: PROTOCOL R-SEAL-4.

use alloc::vec::Vec;

use tallyline_keys::PublicKey;

use super::keyring::{Keyring, has_circle, may_read};
use crate::{
    log::Ledger,
    wire::{Frame, KEYS_GIVEN_MAX, KeyAsk, Keys, Share},
};

/// Least time between two `KeyAsk`s that differ, in ms: while logs are fetched each chunk may name
/// more keys, and all that came in half a second are asked for at once.
const KEY_ASK_MS: u64 = 500;

/// First wait for an answer before it is repeated, in ms; it doubles each time.
const REPEAT_MS: u64 = 2_000;

/// Longest wait for an answer, in ms.
const REPEAT_MS_MAX: u64 = 60_000;

/// What was said of keys on one connection.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what was asked and what was given are two things that know nothing of each other"
)]
pub(super) struct KeyTalk {
    /// What this device lacks, as it says it.
    asked: KeyAsk,
    /// Whether the peer has answered that.
    heard: bool,
    ask_at_ms: u64,
    ask_wait_ms: u64,
    /// What the peer lacks, as it said.
    wanted: KeyAsk,
    /// Whether the peer is to be told that it was heard.
    answers: bool,
    /// Whether there is something to give.
    gives: bool,
    give_at_ms: u64,
    give_wait_ms: u64,
    /// The keyring's version when it was looked at last.
    looked: u64,
}

/// What a device is at the moment it speaks of keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder<'a> {
    pub(super) ring: &'a Keyring,
    pub(super) ledger: &'a Ledger,
    pub(super) now_ms: u64,
}

impl KeyTalk {
    /// Begins: nothing is lacked as long as nobody says so.
    pub(super) fn new() -> Self {
        Self {
            asked: KeyAsk::default(),
            heard: true,
            ask_at_ms: 0,
            ask_wait_ms: REPEAT_MS,
            wanted: KeyAsk::default(),
            answers: false,
            gives: false,
            give_at_ms: 0,
            give_wait_ms: REPEAT_MS,
            looked: 0,
        }
    }

    /// Takes what the peer lacks, in place of what it said before.
    pub(super) fn on_ask(&mut self, ask: KeyAsk) {
        self.wanted = ask;
        self.answers = true;
        self.give_wait_ms = REPEAT_MS;
    }

    /// Takes note that the peer has heard a `KeyAsk`.
    pub(super) fn on_heard(&mut self, name: u64) {
        self.heard |= name == self.asked.name();
    }

    /// Says what is due.
    pub(super) fn produce(&mut self, peer: &PublicKey, here: &Holder<'_>, out: &mut Vec<Frame>) {
        let changed = self.looked != here.ring.version();
        self.looked = here.ring.version();
        self.say_what_is_lacked(peer, changed, here, out);
        self.give(peer, changed, here, out);
    }

    /// Returns when [`Self::produce`] has something to say although nothing happened, as monotonic
    /// time in ms.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let ask = (!self.heard).then_some(self.ask_at_ms);
        let give = self.gives.then_some(self.give_at_ms);
        ask.into_iter().chain(give).min()
    }

    fn say_what_is_lacked(
        &mut self,
        peer: &PublicKey,
        changed: bool,
        here: &Holder<'_>,
        out: &mut Vec<Frame>,
    ) {
        if changed {
            // Who neither reads nor writes texts has no keys.
            let nothing = KeyAsk::default();
            let holds = has_circle(here.ledger.authority(), peer);
            let lacked = if holds { here.ring.ask() } else { &nothing };
            if *lacked != self.asked {
                self.asked.clone_from(lacked);
                self.heard = false;
                self.ask_wait_ms = REPEAT_MS;
                // Not before the last one is half a second old; what waits to be repeated is due.
                self.ask_at_ms = self.ask_at_ms.min(here.now_ms.saturating_add(KEY_ASK_MS));
            }
        }
        if self.heard || here.now_ms < self.ask_at_ms {
            return;
        }
        out.push(Frame::KeyAsk(self.asked.clone()));
        self.ask_at_ms = here.now_ms.saturating_add(self.ask_wait_ms);
        self.ask_wait_ms = self.ask_wait_ms.saturating_mul(2).min(REPEAT_MS_MAX);
    }

    fn give(&mut self, peer: &PublicKey, changed: bool, here: &Holder<'_>, out: &mut Vec<Frame>) {
        let due = self.answers || (self.gives && self.give_at_ms <= here.now_ms);
        if !due && !changed {
            return;
        }
        let gave = self.gives;
        let keys = self.given(peer, here);
        self.gives = !keys.is_empty();
        // What came to be here since the peer asked is given at once.
        if !due && (gave || !self.gives) {
            return;
        }
        self.answers = false;
        self.give_at_ms = here.now_ms.saturating_add(self.give_wait_ms);
        self.give_wait_ms = self.give_wait_ms.saturating_mul(2).min(REPEAT_MS_MAX);
        let heard = self.wanted.name();
        out.push(Frame::Keys(Keys { heard, keys }));
    }

    /// Returns the keys that the peer lacks, may hold, and that are here, as many as a frame takes.
    fn given(&self, peer: &PublicKey, here: &Holder<'_>) -> Vec<Share> {
        let erased = here.ring.erased();
        let held = self.wanted.ids().iter();
        let held = held.filter_map(|id| here.ring.held().get(id));
        let given = held.map(|held| &held.share).filter(|share| {
            may_read(here.ledger, peer, share.readers) && !erased.contains(&share.person)
        });
        given.take(KEYS_GIVEN_MAX).cloned().collect()
    }
}
