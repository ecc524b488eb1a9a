//! A printed card as bytes and as a line of text with a check.

use alloc::string::{String, ToString as _};

use tallyline_keys::PublicKey;
use zeroize::Zeroizing;

use super::{
    WireError, fixed, hash,
    statement::label,
    text::{TextFlaw, TextKind, TextProblem, from_text, to_text},
};
use crate::model::{Card, CardKind, EventId, Hash};

/// Bytes before the label: kind 1, event 32, seed 32, discovery key 16.
const FIXED_BYTES: usize = 81;

/// Returns the four bytes of the words by which people tell cards apart, on paper and in lists.
///
/// Source: PROTOCOL R-CARD-3.
pub fn card_words(key: &PublicKey) -> [u8; 4] {
    let Hash([a, b, c, d, ..]) = hash("card-words", &[key.as_bytes()]);
    [a, b, c, d]
}

/// Encodes a card; the bytes are as secret as its seed, and wiped when dropped.
///
/// Source: PROTOCOL R-CARD-1.
pub fn encode_card(card: &Card) -> Zeroizing<alloc::vec::Vec<u8>> {
    let kind = match card.kind {
        CardKind::Spare => 1,
        CardKind::Recovery => 2,
    };
    let parts: [&[u8]; 5] = [
        &[kind],
        &card.event.0.0,
        &card.seed[..],
        &card.discovery_key,
        card.label.as_bytes(),
    ];
    Zeroizing::new(parts.concat())
}

/// Reads what [`encode_card`] made.
///
/// # Errors
/// If the bytes are no card.
pub fn decode_card(bytes: &[u8]) -> Result<Card, WireError> {
    let Some((start, text)) = bytes.split_at_checked(FIXED_BYTES) else {
        return Err(WireError::Malformed);
    };
    let (kind, start) = start.split_at(1);
    let (event, start) = start.split_at(32);
    let (seed, discovery_key) = start.split_at(32);
    let text = core::str::from_utf8(text).map_err(|_| WireError::Invalid("label"))?;
    Ok(Card {
        kind: match kind {
            [1] => CardKind::Spare,
            [2] => CardKind::Recovery,
            _ => return Err(WireError::Invalid("kind of a card")),
        },
        event: EventId(Hash(fixed(event, "event")?)),
        seed: Zeroizing::new(fixed(seed, "seed")?),
        discovery_key: fixed(discovery_key, "discovery key")?,
        label: label(text.to_string())?,
    })
}

/// Writes a card as one line of capitals and digits.
///
/// Source: PROTOCOL R-CARD-2.
pub fn card_to_text(card: &Card) -> Zeroizing<String> {
    Zeroizing::new(to_text(TextKind::Card, &encode_card(card)))
}

/// Reads a card; spaces and small letters are forgiven.
///
/// # Errors
/// If the text is no card; the problem says where and what to do.
///
/// Source: PROTOCOL R-CARD-2.
pub fn card_from_text(text: &str) -> Result<Card, TextProblem> {
    let bytes = Zeroizing::new(from_text(TextKind::Card, text)?);
    decode_card(&bytes).map_err(|_| TextProblem {
        kind: TextKind::Card,
        why: TextFlaw::Content,
    })
}
