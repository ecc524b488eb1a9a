//! Bytes as one line of text with a check, to be typed, pasted or scanned.
//!
//! Tickets, offers and cards are written the same way; each begins with words of its own, so that
//! a person and a scanner know what it is, and a text of one kind is never read as another.

use alloc::{string::String, vec::Vec};
use core::fmt;

use zeroize::{Zeroize as _, Zeroizing};

use super::hash;

/// RFC 4648 base32 in capitals: it survives being read aloud and fits a QR's short mode.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Bytes of the check at the end: one wrong text in four thousand million passes.
const CHECK_BYTES: usize = 4;

/// Longest text: far above any real one.
const TEXT_BYTES_MAX: usize = 1024;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// What `tallyline invite` prints.
    Ticket,
    /// What `tallyline join --show` prints.
    Offer,
    /// What is on a printed card.
    Card,
}

/// Why a text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextProblem {
    /// What it should be.
    pub kind: TextKind,
    /// What is wrong.
    pub why: TextFlaw,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFlaw {
    /// It does not begin as it should.
    Prefix,
    /// It is of another kind.
    Other(TextKind),
    /// It has a character that no such text has, at this place from 1.
    Character(usize),
    /// The check at its end does not fit: a character is wrong or missing.
    Check,
    /// It is too long.
    TooLong,
    /// Its content does not hold.
    Content,
}

impl TextKind {
    /// Every kind.
    const ALL: [Self; 3] = [Self::Ticket, Self::Offer, Self::Card];

    /// How every text of this kind begins.
    fn prefix(self) -> &'static str {
        match self {
            Self::Ticket => "TALLYLINE1-",
            Self::Offer => "TALLYLINE-DEVICE1-",
            Self::Card => "TALLYLINE-CARD1-",
        }
    }

    /// The label of the hash that its check is taken from.
    fn check_label(self) -> &'static str {
        match self {
            Self::Ticket => "ticket-check",
            Self::Offer => "offer-check",
            Self::Card => "card-check",
        }
    }

    /// What people call it.
    fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Offer => "device text",
            Self::Card => "card text",
        }
    }

    /// Where people get a good one.
    fn again(self) -> &'static str {
        match self {
            Self::Ticket => "Copy the whole line that `tallyline invite` printed",
            Self::Offer => "Copy the whole line that `tallyline join --show` printed",
            Self::Card => "Copy the whole line below the square on the card",
        }
    }

    /// What people do with it.
    fn used_by(self) -> &'static str {
        match self {
            Self::Ticket => "a new device takes it with `tallyline join`",
            Self::Offer => "the owner's device takes it with `tallyline invite --device`",
            Self::Card => "it comes from a printed card, not from an invite",
        }
    }

    /// What people do with one that is whole and cannot be used.
    fn instead(self) -> &'static str {
        match self {
            Self::Ticket => "Ask for a fresh invite",
            Self::Offer => "Run `tallyline join --show` again on the new device",
            Self::Card => "Use another card",
        }
    }
}

impl fmt::Display for TextProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind;
        let (name, again) = (kind.name(), kind.again());
        match self.why {
            TextFlaw::Prefix => write!(
                f,
                "this is no {name}: a {name} begins with {}. {again}",
                kind.prefix()
            ),
            TextFlaw::Other(other) => write!(
                f,
                "this is a {}, not a {name}: {}. {again}",
                other.name(),
                other.used_by()
            ),
            TextFlaw::Character(place) => write!(
                f,
                "character {place} of the {name} is none that a {name} has (A-Z, 2-7). {again}"
            ),
            TextFlaw::Check => write!(
                f,
                "the {name} is damaged: a character is wrong or missing. {again}"
            ),
            TextFlaw::TooLong => {
                write!(
                    f,
                    "this is no {name}: it is longer than any {name}. {again}"
                )
            }
            TextFlaw::Content => write!(
                f,
                "the {name} cannot be used: it comes from another version or is damaged. {}",
                kind.instead()
            ),
        }
    }
}

impl core::error::Error for TextProblem {}

/// Writes bytes as one line of capitals and digits.
///
/// Source: PROTOCOL R-TICKET-2.
pub(super) fn to_text(kind: TextKind, content: &[u8]) -> String {
    let check = hash(kind.check_label(), &[content]);
    let check = check.0.split_at(CHECK_BYTES).0;
    let mut text = String::from(kind.prefix());
    let mut pending: u32 = 0;
    let mut bits: u32 = 0;
    for &byte in content.iter().chain(check) {
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

/// Reads what [`to_text`] wrote; spaces and small letters are forgiven.
///
/// # Errors
/// What is wrong, and where.
///
/// Source: PROTOCOL R-TICKET-2.
pub(super) fn from_text(kind: TextKind, text: &str) -> Result<Vec<u8>, TextProblem> {
    let problem = |why| TextProblem { kind, why };
    if TEXT_BYTES_MAX < text.len() {
        return Err(problem(TextFlaw::TooLong));
    }
    // A card's text is its secret: what is copied of it is wiped.
    let plain: Zeroizing<String> = Zeroizing::new(
        text.chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_ascii_uppercase())
            .collect(),
    );
    let Some(digits) = plain.strip_prefix(kind.prefix()) else {
        let mut others = TextKind::ALL.into_iter();
        let other = others.find(|it| plain.starts_with(it.prefix()));
        return Err(problem(other.map_or(TextFlaw::Prefix, TextFlaw::Other)));
    };
    let mut bytes = digits_to_bytes(digits).map_err(|place| {
        let place = place.saturating_add(kind.prefix().len());
        problem(TextFlaw::Character(place.saturating_add(1)))
    })?;
    let split = bytes
        .len()
        .checked_sub(CHECK_BYTES)
        .ok_or(problem(TextFlaw::Check))?;
    let (content, check) = bytes.split_at(split);
    let wanted = hash(kind.check_label(), &[content]);
    if wanted.0.split_at(CHECK_BYTES).0 != check {
        bytes.zeroize();
        return Err(problem(TextFlaw::Check));
    }
    bytes.truncate(split);
    Ok(bytes)
}

/// Reads base32; the error is the place of a character that is none, from 0.
fn digits_to_bytes(digits: &str) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::new();
    let mut pending: u32 = 0;
    let mut bits: u32 = 0;
    for (place, digit) in digits.bytes().enumerate() {
        let value = ALPHABET
            .iter()
            .position(|&it| it == digit)
            .and_then(|it| u32::try_from(it).ok())
            .ok_or(place)?;
        pending = (pending << 5 | value) & 0xffff;
        bits = bits.saturating_add(5);
        if 8 <= bits {
            bits = bits.saturating_sub(8);
            let [low, ..] = (pending >> bits).to_le_bytes();
            bytes.push(low);
        }
    }
    Ok(bytes)
}

fn push_digit(text: &mut String, value: u32) {
    let place = usize::try_from(value & 31).unwrap_or(0);
    if let Some(&digit) = ALPHABET.get(place) {
        text.push(char::from(digit));
    }
}
