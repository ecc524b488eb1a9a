//! What is printed: cards that hold a key.

use alloc::string::String;
use core::fmt;

use tallyline_keys::DeviceKey;
use zeroize::Zeroizing;

use super::EventId;

/// What a card is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardKind {
    /// Holds the key of a device that the owner admitted beforehand: whoever holds the card can
    /// take it up on any device.
    Spare,
    /// Holds a recovery key that the manifest names.
    Recovery,
}

/// A key on paper. Whoever holds it holds the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// What it is for.
    pub kind: CardKind,
    /// The event.
    pub event: EventId,
    /// The seed of the key; wiped from memory when the card is dropped.
    pub seed: Zeroizing<[u8; 32]>,
    /// Keys the discovery tag, so that the event's devices are found.
    pub discovery_key: [u8; 16],
    /// What the card is called, 1 to 32 bytes.
    pub label: String,
}

impl Card {
    /// Returns the key that the card holds.
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(*self.seed)
    }
}

impl fmt::Debug for Card {
    /// Shows which card it is and nothing of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Card")
            .field("kind", &self.kind)
            .field("event", &self.event)
            .field("key", &self.key().public())
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}
