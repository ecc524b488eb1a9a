//! What a device still takes when its disk is nearly full: its own entries, and the owner's word.
//!
//! The shell tells how much is free; nothing here asks. What a full card must never stop is the
//! officer who stands before it, so everybody else's entries make room first. They are on other
//! devices and come again with the next round.
//!
//! Source: PROTOCOL R-STORE-5.

use super::{PeerId, Reason, Replica};
use crate::model::LogName;

/// Bytes that must be free for others' entries and cells to be taken: an event at its quota twice
/// over, so that what is kept for the own entries is never reached by others.
pub(super) const OTHERS_BYTES_MIN: u64 = 128 * 1024 * 1024;

impl Replica {
    /// Takes note of how many bytes the disk has left.
    pub(super) fn on_room(&mut self, free_bytes: u64) {
        self.free_bytes = Some(free_bytes);
    }

    /// Returns how many bytes the disk has left, as the shell told it last.
    pub fn free_bytes(&self) -> Option<u64> {
        self.free_bytes
    }

    /// Returns whether the disk has too little left for what others wrote.
    pub fn is_short_of_room(&self) -> bool {
        self.free_bytes.is_some_and(|free| free < OTHERS_BYTES_MIN)
    }

    /// Returns whether there is room for more of a log; counts and tells it when there is not.
    ///
    /// Source: PROTOCOL R-STORE-5.
    pub(super) fn has_room_for(&mut self, peer: PeerId, name: &LogName) -> bool {
        if !self.is_short_of_room() {
            return true;
        }
        let own = self.key();
        let spared = self.member().is_some_and(|member| {
            let writer = member.ledger.authority().writer(name.grant);
            member.ledger.is_control(name.grant) || writer == Some(own)
        });
        if !spared {
            let text = "the disk has too little left for entries of others";
            self.refuse(peer, Reason::Room, text.into());
        }
        spared
    }
}
