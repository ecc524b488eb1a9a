//! Tickets and offers as bytes and as a line of text with a check.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{
    WireError,
    event::key,
    fixed, hash,
    text::{TextFlaw, TextKind, TextProblem, from_text, to_text},
};
use crate::model::{EventId, Hash, Offer, Ticket};

/// Bytes before the addresses of a ticket: event 32, inviter 32, secret 16, discovery key 16.
const TICKET_FIXED_BYTES: usize = 96;

/// Bytes before the addresses of an offer: key 32, nonce 16.
const OFFER_FIXED_BYTES: usize = 48;

/// Most addresses in a ticket or an offer: what still fits a QR that any phone reads.
const ADDRESSES_MAX: usize = 8;

/// Names an invite by its secret, without telling it.
///
/// Source: PROTOCOL R-HASH-1.
pub fn invite_id(secret: &[u8; 16]) -> [u8; 16] {
    let name = hash("invite", &[secret]);
    let mut id = [0; 16];
    id.copy_from_slice(name.0.split_at(16).0);
    id
}

/// Encodes a ticket for the store.
///
/// Source: PROTOCOL R-TICKET-1.
pub fn encode_ticket(ticket: &Ticket) -> Vec<u8> {
    let addresses = ticket.addresses.join(",");
    let parts: [&[u8]; 5] = [
        &ticket.event.0.0,
        ticket.inviter.as_bytes(),
        &ticket.secret,
        &ticket.discovery_key,
        addresses.as_bytes(),
    ];
    parts.concat()
}

/// Reads what [`encode_ticket`] made.
///
/// # Errors
/// If the bytes are no ticket.
pub fn decode_ticket(bytes: &[u8]) -> Result<Ticket, WireError> {
    let Some((start, addresses)) = bytes.split_at_checked(TICKET_FIXED_BYTES) else {
        return Err(WireError::Malformed);
    };
    let (event, start) = start.split_at(32);
    let (inviter, start) = start.split_at(32);
    let (secret, discovery_key) = start.split_at(16);
    Ok(Ticket {
        event: EventId(Hash(fixed(event, "event")?)),
        inviter: key(inviter, "inviter")?,
        secret: fixed(secret, "secret")?,
        discovery_key: fixed(discovery_key, "discovery key")?,
        addresses: addresses_in(addresses)?,
    })
}

/// Writes a ticket as one line of capitals and digits.
///
/// Source: PROTOCOL R-TICKET-2.
pub fn ticket_to_text(ticket: &Ticket) -> String {
    to_text(TextKind::Ticket, &encode_ticket(ticket))
}

/// Reads a ticket; spaces and small letters are forgiven.
///
/// # Errors
/// If the text is no ticket; the problem says where and what to do.
pub fn ticket_from_text(text: &str) -> Result<Ticket, TextProblem> {
    let bytes = from_text(TextKind::Ticket, text)?;
    decode_ticket(&bytes).map_err(|_| TextProblem {
        kind: TextKind::Ticket,
        why: TextFlaw::Content,
    })
}

/// Encodes an offer.
///
/// Source: PROTOCOL R-TICKET-3.
pub fn encode_offer(offer: &Offer) -> Vec<u8> {
    let addresses = offer.addresses.join(",");
    let parts: [&[u8]; 3] = [offer.key.as_bytes(), &offer.nonce, addresses.as_bytes()];
    parts.concat()
}

/// Reads what [`encode_offer`] made.
///
/// # Errors
/// If the bytes are no offer.
pub fn decode_offer(bytes: &[u8]) -> Result<Offer, WireError> {
    let Some((start, addresses)) = bytes.split_at_checked(OFFER_FIXED_BYTES) else {
        return Err(WireError::Malformed);
    };
    let (device, nonce) = start.split_at(32);
    Ok(Offer {
        key: key(device, "key")?,
        nonce: fixed(nonce, "nonce")?,
        addresses: addresses_in(addresses)?,
    })
}

/// Writes an offer as one line of capitals and digits.
///
/// Source: PROTOCOL R-TICKET-3.
pub fn offer_to_text(offer: &Offer) -> String {
    to_text(TextKind::Offer, &encode_offer(offer))
}

/// Reads an offer; spaces and small letters are forgiven.
///
/// # Errors
/// If the text is no offer; the problem says where and what to do.
pub fn offer_from_text(text: &str) -> Result<Offer, TextProblem> {
    let bytes = from_text(TextKind::Offer, text)?;
    decode_offer(&bytes).map_err(|_| TextProblem {
        kind: TextKind::Offer,
        why: TextFlaw::Content,
    })
}

/// Reads addresses with commas between them.
fn addresses_in(bytes: &[u8]) -> Result<Vec<String>, WireError> {
    let addresses = core::str::from_utf8(bytes).map_err(|_| WireError::Invalid("addresses"))?;
    let addresses: Vec<String> = addresses
        .split(',')
        .filter(|it| !it.is_empty())
        .map(ToString::to_string)
        .collect();
    if ADDRESSES_MAX < addresses.len() {
        return Err(WireError::TooLarge("addresses"));
    }
    Ok(addresses)
}
