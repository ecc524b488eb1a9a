//! What a device needs to ask for admission.

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
