//! What two devices that do not know each other need to meet.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::EventId;

/// What a device needs to ask for admission; travels as text or QR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The event.
    pub event: EventId,
    /// The key of the device that invited: the joiner talks to no other.
    pub inviter: PublicKey,
    /// Proves the right to join, once.
    pub secret: [u8; 16],
    /// Keys the discovery tag, so that the inviter is found by mDNS.
    pub discovery_key: [u8; 16],
    /// Addresses of the inviter (`ip:port`), at most 8.
    pub addresses: Vec<String>,
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
