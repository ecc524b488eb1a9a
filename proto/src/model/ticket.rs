//! What two devices that do not know each other need to meet.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::EventId;

/// What a device needs to ask for admission; travels as text or QR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The event.
    pub event: EventId,
    /// The key of the device that invited: the joiner talks to no other. A device that took the key
    /// of a spare card names itself: it is admitted, and anybody may hand the event over to it.
    pub inviter: PublicKey,
    /// Proves the right to join, once.
    pub secret: [u8; 16],
    /// Keys the discovery tag, so that the inviter is found by mDNS.
    pub discovery_key: [u8; 16],
    /// Addresses of the inviter (`ip:port`), at most 8.
    pub addresses: Vec<String>,
}

impl Ticket {
    /// Makes the ticket of a device that took a spare card's key: it waits for the event.
    ///
    /// Source: PROTOCOL R-CARD-4.
    pub fn of_card(own: PublicKey, event: EventId, discovery_key: [u8; 16]) -> Self {
        Self {
            event,
            inviter: own,
            secret: [0; 16],
            discovery_key,
            addresses: Vec::new(),
        }
    }

    /// Returns whether a device with this ticket, whose own key is named first, asks a peer.
    ///
    /// Source: PROTOCOL R-JOIN-1, R-CARD-4.
    pub fn asks(&self, own: &PublicKey, peer: &PublicKey) -> bool {
        self.inviter == *peer || self.inviter == *own
    }
}

/// What a new device shows so that the owner's device comes to it; travels as text or QR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The device's key: who dials expects no other.
    pub key: PublicKey,
    /// Whoever knows it may bring the device into an event, once.
    pub nonce: [u8; 16],
    /// Addresses of the device (`ip:port`), at most 8.
    pub addresses: Vec<String>,
}
