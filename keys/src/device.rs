//! The key of a device: one Ed25519 key pair that is the device's name, signs its statements
//! and carries its TLS certificate.
//!
//! Knows how a key is read by people. Does not know what is signed (`sign`) nor where the seed
//! is kept (the node's business). Layer: the lowest of `keys`.

use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{SigningKey, VerifyingKey};

/// Letters and digits of a fingerprint: Crockford's base32 in lower case.
///
/// It lacks i, l, o and u. What people write instead of 0 and 1 is read as 0 and 1.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Groups in a fingerprint; each carries 4 of the key's 32 bytes.
pub const FINGERPRINT_GROUPS: usize = 8;

/// Characters in a group: 7 with the group's number and 4 bytes of the key, 1 check character.
const GROUP_CHARS: usize = 8;

/// Characters in a fingerprint without its dashes.
const FINGERPRINT_CHARS: usize = 64;

/// Longest text in bytes that is looked at as a fingerprint: 64 characters, and as much again
/// for dashes and spaces, twice over.
const TEXT_BYTES_MAX: usize = 256;

/// How far each of the 7 data characters of a group stands from its right end, in bits.
const SHIFTS: [u32; 7] = [30, 25, 20, 15, 10, 5, 0];

/// The public half of a device's key, which is the device's name everywhere.
///
/// Every value is the canonical encoding of a curve point that is not of small order, so a
/// signature under it means something. Order is the order of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// A device's secret signing key; wiped from memory when dropped.
///
/// It cannot be cloned: share it by reference or in an `Arc`.
pub struct DeviceKey(SigningKey);

/// Why bytes or a text are not a device's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The 32 bytes are not the canonical encoding of a point of the curve.
    NotAKey,
    /// The key is a point of small order: anybody can sign for it.
    Weak,
    /// The text has another number of characters than a fingerprint.
    Length {
        /// Characters found, dashes and spaces not counted; 64 are right.
        found: usize,
    },
    /// One group has another number of characters than 8.
    GroupLength {
        /// Number of the group, from 1 to 8.
        group: usize,
        /// Characters found in it.
        found: usize,
    },
    /// One group has a character that no fingerprint contains.
    Character {
        /// Number of the group, from 1 to 8.
        group: usize,
        /// The character as it was given.
        found: char,
    },
    /// The check character of one group disagrees with the rest of the group.
    Check {
        /// Number of the group, from 1 to 8.
        group: usize,
    },
    /// One group is right in itself but stands in the wrong place.
    Order {
        /// Number of the place where it stands, from 1 to 8.
        group: usize,
        /// Number of the place where it belongs, from 1 to 8.
        belongs: usize,
    },
}

/// Lets bytes that were received find the key that was checked before.
impl Borrow<[u8; 32]> for PublicKey {
    fn borrow(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PublicKey {
    /// Reads a key from its 32 bytes.
    ///
    /// Source: PROTOCOL R-KEY-1.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotAKey`] if the bytes are not the canonical encoding of a point,
    /// [`KeyError::Weak`] if the point is of small order (the identity among them).
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotAKey)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        // One point has one name: a second encoding would be a second device.
        if key.to_edwards().compress().to_bytes() != bytes {
            return Err(KeyError::NotAKey);
        }
        Ok(Self(bytes))
    }

    /// Reads a key from its fingerprint.
    ///
    /// Dashes and white space may stand anywhere or be missing; upper case is accepted; `o` is
    /// read as 0, `i` and `l` as 1. Any single wrong character and any two exchanged characters
    /// of a group are found, and so are exchanged groups.
    ///
    /// Source: PROTOCOL R-KEY-2.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] that names the first wrong group, or what is wrong with the whole.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let groups = split_groups(text)?;
        let mut bytes = [0_u8; 32];
        let places = bytes.chunks_exact_mut(4);
        for (index, (group, place)) in groups.chunks(GROUP_CHARS).zip(places).enumerate() {
            place.copy_from_slice(&decode_group(index, group)?);
        }
        Self::from_bytes(bytes)
    }

    /// Returns the 32 bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Writes the whole key for people: 8 groups of 8 characters with dashes between them.
    ///
    /// Group `n` (from 0) holds, in base32 with the most significant bits first, the 3 bits of
    /// `n` and bytes `4n..4n + 4` of the key, and then a check character: the 8 characters as
    /// elements of GF(32) (polynomial x^5 + x^2 + 1) are a polynomial with the root x.
    ///
    /// Source: PROTOCOL R-KEY-2.
    pub fn fingerprint(&self) -> String {
        let mut text = String::with_capacity(FINGERPRINT_CHARS.saturating_add(FINGERPRINT_GROUPS));
        for (index, bytes) in (0_u8..).zip(self.0.chunks_exact(4)) {
            if index > 0 {
                text.push('-');
            }
            text.extend(encode_group(index, bytes));
        }
        text
    }

    /// Writes the first 8 characters of the fingerprint, for screens.
    ///
    /// They hold 32 bits, which an attacker can match: never decide anything by them.
    pub fn short(&self) -> String {
        self.0
            .chunks_exact(4)
            .take(1)
            .flat_map(|bytes| encode_group(0, bytes))
            .collect()
    }

    /// Takes the public half of a signing key, which is valid by construction.
    fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }
}

impl DeviceKey {
    /// Makes the key that belongs to a seed of 32 random bytes.
    ///
    /// Pure: equal seeds give equal keys. Drawing the seed is the caller's business, and so is
    /// wiping the caller's copy of it.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = zeroize::Zeroizing::new(seed);
        Self(SigningKey::from_bytes(&seed))
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::of(&self.0)
    }

    /// Returns the seed, to be stored where nobody else can read it.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Lends the signing key to `sign`, the only module that may sign statements.
    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.0
    }

    /// Encodes the key pair as PKCS#8 version 2, the only form that the TLS library loads.
    #[cfg(feature = "std")]
    pub(crate) fn pkcs8(&self) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        use ed25519_dalek::pkcs8::EncodePrivateKey as _;

        let document = self.0.to_pkcs8_der().ok()?;
        Some(document.to_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.short())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.fingerprint())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

impl fmt::Debug for DeviceKey {
    /// Shows whose key it is and nothing of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.public().short())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAKey => f.write_str(
                "these are not the bytes of a device key; copy the key from the device again",
            ),
            Self::Weak => f.write_str(
                "this key is refused because anybody can sign for it; \
                 set the device up again so that it makes a proper key",
            ),
            Self::Length { found } => write!(
                f,
                "a device key has {FINGERPRINT_CHARS} characters in {FINGERPRINT_GROUPS} groups, \
                 this one has {found}; enter all groups"
            ),
            Self::GroupLength { group, found } => write!(
                f,
                "group {group} has {found} characters instead of {GROUP_CHARS}; enter it again"
            ),
            Self::Character { group, found } => write!(
                f,
                "group {group} contains '{}', which no device key contains; enter it again",
                found.escape_default()
            ),
            Self::Check { group } => {
                write!(
                    f,
                    "group {group} has a wrong or exchanged character; enter it again"
                )
            }
            Self::Order { group, belongs } => write!(
                f,
                "the group in place {group} belongs in place {belongs}; \
                 enter the groups in their order"
            ),
        }
    }
}

impl core::error::Error for KeyError {}

/// Splits a text into its 64 characters, and names the group that is too short or too long
/// where dashes show the groups.
fn split_groups(text: &str) -> Result<Vec<char>, KeyError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(KeyError::Length {
            found: text.chars().filter(|&c| !is_gap(c)).count(),
        });
    }
    let pieces: Vec<&str> = text
        .split(is_gap)
        .filter(|piece| !piece.is_empty())
        .collect();
    if pieces.len() == FINGERPRINT_GROUPS {
        for (group, piece) in (1_usize..).zip(&pieces) {
            let found = piece.chars().count();
            if found != GROUP_CHARS {
                return Err(KeyError::GroupLength { group, found });
            }
        }
    }
    let chars: Vec<char> = pieces.into_iter().flat_map(str::chars).collect();
    if chars.len() != FINGERPRINT_CHARS {
        return Err(KeyError::Length { found: chars.len() });
    }
    Ok(chars)
}

/// Tells whether a character only separates groups.
fn is_gap(c: char) -> bool {
    c == '-' || c.is_whitespace()
}

/// Reads the group at `index` (from 0): 4 bytes of the key.
fn decode_group(index: usize, chars: &[char]) -> Result<[u8; 4], KeyError> {
    let group = index.saturating_add(1);
    let mut value = 0_u64;
    let mut check = 0_u8;
    for &found in chars {
        let digit = digit_of(found).ok_or(KeyError::Character { group, found })?;
        check = times_x(check) ^ digit;
        value = (value << 5) | u64::from(digit);
    }
    if check != 0 {
        return Err(KeyError::Check { group });
    }
    let [_, _, _, number, bytes @ ..] = (value >> 5).to_be_bytes();
    let belongs = usize::from(number).saturating_add(1);
    if belongs != group {
        return Err(KeyError::Order { group, belongs });
    }
    Ok(bytes)
}

/// Writes the group at `index` (from 0 to 7) with 4 bytes of the key.
fn encode_group(index: u8, bytes: &[u8]) -> [char; GROUP_CHARS] {
    let value = bytes.iter().fold(u64::from(index), |value, &byte| {
        (value << 8) | u64::from(byte)
    });
    let mut chars = ['0'; GROUP_CHARS];
    let mut check = 0_u8;
    for (shift, place) in SHIFTS.into_iter().zip(&mut chars) {
        let [.., low] = value.wrapping_shr(shift).to_be_bytes();
        let digit = low & 31;
        check = times_x(check) ^ digit;
        *place = letter_of(digit);
    }
    if let Some(last) = chars.last_mut() {
        *last = letter_of(times_x(check));
    }
    chars
}

/// Multiplies an element of GF(32) by x, modulo x^5 + x^2 + 1.
///
/// The powers of x run through all 31 non-zero elements, so the 8 characters of a group have 8
/// different weights: a wrong character, or two exchanged ones, cannot cancel out.
fn times_x(element: u8) -> u8 {
    let shifted = element << 1;
    if shifted & 32 == 0 {
        shifted
    } else {
        shifted ^ 0b10_0101
    }
}

/// Returns the character for a digit from 0 to 31.
fn letter_of(digit: u8) -> char {
    ALPHABET
        .get(usize::from(digit))
        .copied()
        .map_or('0', char::from)
}

/// Returns the digit from 0 to 31 for a character as people write it.
fn digit_of(c: char) -> Option<u8> {
    let letter = match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    };
    (0_u8..)
        .zip(ALPHABET)
        .find(|(_, known)| char::from(**known) == letter)
        .map(|(digit, _)| digit)
}

#[cfg(test)]
mod tests;
