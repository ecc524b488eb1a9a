//! A join ticket as bytes and as a line of text with a check, to be typed, pasted or scanned.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use super::{WireError, event::key, fixed, hash};
use crate::model::{EventId, Hash, Ticket};

/// How every ticket begins, so that a person and a scanner know what it is.
const PREFIX: &str = "TALLYLINE1-";
/// RFC 4648 base32 in capitals: it survives being read aloud and fits a QR's short mode.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Bytes before the addresses: event 32, inviter 32, secret 16, discovery key 16.
const FIXED_BYTES: usize = 96;
/// Most addresses in a ticket: what still fits a QR that any phone reads.
const ADDRESSES_MAX: usize = 8;
/// Longest ticket text: far above any real one.
const TEXT_BYTES_MAX: usize = 1024;

/// Why a text is no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketProblem {
    /// It does not begin as a ticket does.
    Prefix,
    /// It has a character no ticket has, at this place from 1.
    Character(usize),
    /// The check at its end does not fit: a character is wrong or missing.
    Check,
    /// It is too long.
    TooLong,
    /// Its content does not hold.
    Content,
}

impl fmt::Display for TicketProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => write!(
                f,
                "this is no ticket: a ticket begins with {PREFIX}. Copy the whole line that `tallyline invite` printed"
            ),
            Self::Character(place) => write!(
                f,
                "character {place} of the ticket is none that a ticket has (A-Z, 2-7). Copy the line again"
            ),
            Self::Check => f.write_str(
                "the ticket is damaged: a character is wrong or missing. Copy the whole line again",
            ),
            Self::TooLong => f.write_str("this is no ticket: it is longer than any ticket"),
            Self::Content => f.write_str(
                "the ticket cannot be used: it comes from another version or is damaged. Ask for a fresh invite",
            ),
        }
    }
}

impl core::error::Error for TicketProblem {}

/// Encodes a ticket for the store.
///
/// Source: PROTOCOL R-TICKET-1.
pub fn encode_ticket(ticket: &Ticket) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&ticket.event.0.0);
    bytes.extend_from_slice(ticket.inviter.as_bytes());
    bytes.extend_from_slice(&ticket.secret);
    bytes.extend_from_slice(&ticket.discovery_key);
    bytes.extend_from_slice(ticket.addresses.join(",").as_bytes());
    bytes
}

/// Reads what [`encode_ticket`] made.
///
/// # Errors
/// If the bytes are no ticket.
pub fn decode_ticket(bytes: &[u8]) -> Result<Ticket, WireError> {
    let Some((start, addresses)) = bytes.split_at_checked(FIXED_BYTES) else {
        return Err(WireError::Malformed);
    };
    let (event, start) = start.split_at(32);
    let (inviter, start) = start.split_at(32);
    let (secret, discovery_key) = start.split_at(16);
    let addresses = core::str::from_utf8(addresses).map_err(|_| WireError::Invalid("addresses"))?;
    let addresses: Vec<String> = addresses
        .split(',')
        .filter(|it| !it.is_empty())
        .map(ToString::to_string)
        .collect();
    if ADDRESSES_MAX < addresses.len() {
        return Err(WireError::TooLarge("addresses"));
    }
    Ok(Ticket {
        event: EventId(Hash(fixed(event, "event")?)),
        inviter: key(inviter, "inviter")?,
        secret: fixed(secret, "secret")?,
        discovery_key: fixed(discovery_key, "discovery key")?,
        addresses,
    })
}

/// Writes a ticket as one line of capitals and digits.
///
/// Source: PROTOCOL R-TICKET-2.
pub fn ticket_to_text(ticket: &Ticket) -> String {
    let mut bytes = encode_ticket(ticket);
    let check = hash("ticket-check", &[&bytes]);
    bytes.extend_from_slice(check.0.split_at(4).0);
    let mut text = String::from(PREFIX);
    let mut pending: u32 = 0;
    let mut bits: u32 = 0;
    for byte in bytes {
        pending = (pending << 8 | u32::from(byte)) & 0xffff;
        bits = bits.saturating_add(8);
        while 5 <= bits {
            bits = bits.saturating_sub(5);
            push_digit(&mut text, pending >> bits);
        }
    }
    if 0 < bits {
        push_digit(&mut text, pending << 5_u32.saturating_sub(bits));
    }
    text
}

/// Reads a ticket; spaces and small letters are forgiven.
///
/// # Errors
/// If the text is no ticket; the problem says where and what to do.
pub fn ticket_from_text(text: &str) -> Result<Ticket, TicketProblem> {
    if TEXT_BYTES_MAX < text.len() {
        return Err(TicketProblem::TooLong);
    }
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let digits = plain.strip_prefix(PREFIX).ok_or(TicketProblem::Prefix)?;
    let mut bytes = Vec::new();
    let mut pending: u32 = 0;
    let mut bits: u32 = 0;
    for (place, digit) in digits.bytes().enumerate() {
        let value = ALPHABET
            .iter()
            .position(|&it| it == digit)
            .and_then(|it| u32::try_from(it).ok())
            .ok_or(TicketProblem::Character(
                place.saturating_add(PREFIX.len()).saturating_add(1),
            ))?;
        pending = (pending << 5 | value) & 0xffff;
        bits = bits.saturating_add(5);
        if 8 <= bits {
            bits = bits.saturating_sub(8);
            let [low, ..] = (pending >> bits).to_le_bytes();
            bytes.push(low);
        }
    }
    let split = bytes.len().checked_sub(4).ok_or(TicketProblem::Check)?;
    let (content, check) = bytes.split_at(split);
    if hash("ticket-check", &[content]).0.split_at(4).0 != check {
        return Err(TicketProblem::Check);
    }
    decode_ticket(content).map_err(|_| TicketProblem::Content)
}

fn push_digit(text: &mut String, value: u32) {
    let place = usize::try_from(value & 31).unwrap_or(0);
    if let Some(&digit) = ALPHABET.get(place) {
        text.push(char::from(digit));
    }
}
