//! Texts that only who holds their key can read: XChaCha20-Poly1305 with a nonce that follows from
//! the text.
//!
//! Pure functions over a key of 32 bytes. A key belongs to one event, one person and one set of
//! readers, and its name is a hash of all of them, so that nobody can pass a key on as one for more
//! readers than it was made for. Knows neither who those readers are nor where a key is kept.
//! Layer: `keys`, beside `device`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::{Zeroize as _, Zeroizing};

/// Longest text in bytes that is sealed: its length has to fit one byte.
pub const SEAL_TEXT_BYTES_MAX: usize = 200;

/// Longest sealed text in bytes: nonce, padded text, tag.
pub const SEALED_BYTES_MAX: usize = 264;

/// To a multiple of so many bytes a text and its length are filled up: "none" and "asthma, since
/// 2019" look the same, and a long text costs no more than a tenth.
const STEP: usize = 32;

/// Bytes of a nonce.
const NONCE: usize = 24;

/// Names a key; the layout is that of every name made of a hash.
const ID_LABEL: &[u8] = b"tallyline/v1/seal-key\0";

/// Separates keys that are made of one seed for several persons or readers.
const MAKE_CONTEXT: &str = "tallyline v1 seal key";

/// Separates the key of the cipher from that of the nonce.
const CIPHER_CONTEXT: &str = "tallyline v1 seal cipher";

/// Separates the key of the nonce from that of the cipher.
const NONCE_CONTEXT: &str = "tallyline v1 seal nonce";

/// What a key is for. The values mean nothing here; they are bound into all that is made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealFor {
    /// The event.
    pub event: [u8; 32],
    /// Whom texts are about.
    pub person: [u8; 20],
    /// Who may read them, as bits.
    pub readers: u32,
}

/// A key that seals texts; wiped from memory when dropped.
///
/// It can be cloned, because it is handed to every reader; each copy is wiped.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealFor {
    /// Lays the fields out; each has a fixed length, so their order separates them.
    fn bytes(&self) -> [u8; 56] {
        let mut bytes = [0; 56];
        let (event, rest) = bytes.split_at_mut(32);
        let (person, readers) = rest.split_at_mut(20);
        event.copy_from_slice(&self.event);
        person.copy_from_slice(&self.person);
        readers.copy_from_slice(&self.readers.to_le_bytes());
        bytes
    }
}

impl SealKey {
    /// Makes a key of 32 random bytes, another one for each purpose. Pure: drawing the seed is the
    /// caller's business.
    ///
    /// Source: PROTOCOL R-SEAL-2.
    pub fn make(seed: &[u8; 32], purpose: &SealFor) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(MAKE_CONTEXT);
        hasher.update(seed).update(&purpose.bytes());
        Self::from_bytes(*hasher.finalize().as_bytes())
    }

    /// Reads a key from its 32 bytes: any bytes are one.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the 32 bytes, to be kept or told where nobody else reads them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Names the key. Whoever says another purpose gets another name, by which no text asks.
    ///
    /// Source: PROTOCOL R-SEAL-2.
    pub fn id(&self, purpose: &SealFor) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(ID_LABEL)
            .update(&purpose.bytes())
            .update(self.as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(hasher.finalize().as_bytes().split_at(8).0);
        id
    }

    /// Seals a text; `None` if it is longer than [`SEAL_TEXT_BYTES_MAX`].
    ///
    /// Equal texts for one purpose give equal bytes under one key, so that sealing again is harmless
    /// and nothing is drawn. It shows that two texts about one person are the same, and no more.
    ///
    /// Source: PROTOCOL R-SEAL-1.
    pub fn seal(&self, purpose: &SealFor, text: &str) -> Option<Vec<u8>> {
        let padded = pad(text)?;
        let data = self.data(purpose);
        let nonce = self.nonce(&data, &padded);
        let payload = Payload {
            msg: &padded,
            aad: &data,
        };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).ok()?;
        let mut bytes = Vec::with_capacity(sealed.len().saturating_add(NONCE));
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(bytes)
    }

    /// Opens what [`Self::seal`] sealed with this key for this purpose; `None` for all else.
    ///
    /// The nonce is computed again from the text: the cipher alone would let a liar make one
    /// ciphertext that reads differently under two keys.
    ///
    /// Source: PROTOCOL R-SEAL-1.
    pub fn open(&self, purpose: &SealFor, sealed: &[u8]) -> Option<String> {
        if SEALED_BYTES_MAX < sealed.len() {
            return None;
        }
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let data = self.data(purpose);
        let payload = Payload {
            msg: sealed,
            aad: &data,
        };
        let padded = self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?;
        let padded = Wiped(padded);
        // Both sides are known to whoever holds the key: there is nothing to time.
        if self.nonce(&data, &padded.0) != *nonce {
            return None;
        }
        let (length, rest) = padded.0.split_first()?;
        let (text, filling) = rest.split_at_checked(usize::from(*length))?;
        if filling.iter().any(|byte| *byte != 0) {
            return None;
        }
        core::str::from_utf8(text).ok().map(String::from)
    }

    /// Lays out what a sealed text is bound to: its purpose and its key's name.
    fn data(&self, purpose: &SealFor) -> [u8; 64] {
        let mut data = [0; 64];
        let (left, right) = data.split_at_mut(56);
        left.copy_from_slice(&purpose.bytes());
        right.copy_from_slice(&self.id(purpose));
        data
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(blake3::derive_key(CIPHER_CONTEXT, self.as_bytes()));
        XChaCha20Poly1305::new((&*key).into())
    }

    fn nonce(&self, data: &[u8; 64], padded: &[u8]) -> [u8; NONCE] {
        let key = Zeroizing::new(blake3::derive_key(NONCE_CONTEXT, self.as_bytes()));
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(data).update(padded);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(hasher.finalize().as_bytes().split_at(NONCE).0);
        nonce
    }
}

impl PartialEq for SealKey {
    fn eq(&self, other: &Self) -> bool {
        // BLAKE3's hashes are compared in constant time.
        blake3::Hash::from_bytes(*self.as_bytes()) == blake3::Hash::from_bytes(*other.as_bytes())
    }
}

impl Eq for SealKey {}

impl fmt::Debug for SealKey {
    /// Shows nothing of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// A text in memory that is wiped when dropped.
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// Writes a text's length and the text, and fills it up to a multiple of [`STEP`].
fn pad(text: &str) -> Option<Vec<u8>> {
    if SEAL_TEXT_BYTES_MAX < text.len() {
        return None;
    }
    let mut padded = Vec::with_capacity(SEAL_TEXT_BYTES_MAX.saturating_add(STEP));
    padded.push(u8::try_from(text.len()).ok()?);
    padded.extend_from_slice(text.as_bytes());
    padded.resize(padded.len().next_multiple_of(STEP), 0);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::bytes;

    fn purpose() -> SealFor {
        SealFor {
            event: [1; 32],
            person: [2; 20],
            readers: 1024,
        }
    }

    fn key() -> SealKey {
        SealKey::make(&[7; 32], &purpose())
    }

    #[test]
    fn a_text_opens_with_its_own_key_and_purpose_only() {
        let sealed = key().seal(&purpose(), "insulin, twice a day").unwrap();
        assert_eq!(
            key().open(&purpose(), &sealed).as_deref(),
            Some("insulin, twice a day")
        );
        let other = SealKey::make(&[8; 32], &purpose());
        assert_eq!(other.open(&purpose(), &sealed), None, "key");
        for purpose in [
            SealFor {
                event: [9; 32],
                ..purpose()
            },
            SealFor {
                person: [9; 20],
                ..purpose()
            },
            SealFor {
                readers: 9,
                ..purpose()
            },
        ] {
            assert_eq!(key().open(&purpose, &sealed), None, "{purpose:?}");
            assert_ne!(key().id(&purpose), key().id(&self::purpose()), "id");
            let made = SealKey::make(&[7; 32], &purpose);
            assert_ne!(made, key(), "one seed, another key");
        }
    }

    #[test]
    fn every_bent_byte_is_found() {
        let sealed = key().seal(&purpose(), "x").unwrap();
        for place in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[place] ^= 1;
            assert_eq!(key().open(&purpose(), &bent), None, "byte {place}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key().open(&purpose(), &sealed[..length]), None, "{length}");
        }
        assert_eq!(key().open(&purpose(), &[0; 4096]), None, "too long");
    }

    #[test]
    fn a_ciphertext_under_a_chosen_nonce_is_refused() {
        let padded = pad("two meanings").unwrap();
        let data = key().data(&purpose());
        let nonce = [5; NONCE];
        let payload = Payload {
            msg: &padded,
            aad: &data,
        };
        let sealed = key()
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .unwrap();
        assert_eq!(
            key().open(&purpose(), &[&nonce[..], &sealed].concat()),
            None
        );
    }

    #[test]
    fn lengths_tell_little_and_texts_have_a_limit() {
        let length = |count: usize| {
            let text = "e".repeat(count);
            let sealed = key().seal(&purpose(), &text)?;
            assert_eq!(key().open(&purpose(), &sealed), Some(text), "{count}");
            Some(sealed.len())
        };
        let lengths: Vec<usize> = (0..=SEAL_TEXT_BYTES_MAX).filter_map(length).collect();
        assert_eq!(lengths.len(), SEAL_TEXT_BYTES_MAX + 1);
        assert_eq!(lengths.iter().max(), Some(&SEALED_BYTES_MAX));
        let mut steps = lengths;
        steps.dedup();
        assert_eq!(steps, [72, 104, 136, 168, 200, 232, 264]);
        assert_eq!(length(SEAL_TEXT_BYTES_MAX + 1), None);
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let shown = alloc::format!("{:?}", SealKey::from_bytes([0xab; 32]));
        assert_eq!(shown, "SealKey(..)");
    }

    /// Frozen, and computed by an implementation that shares no code: what was sealed at one event has to open at the next version.
    #[test]
    fn key_name_and_sealed_text_are_frozen() {
        assert_eq!(
            *key().as_bytes(),
            bytes("2a55594e2b28523d4db8cd2986f25eb7a068028b238800c0b40770cb432ca614")
        );
        assert_eq!(key().id(&purpose()), bytes("9950f42d49ae34a2"));
        let sealed = key().seal(&purpose(), "insulin").unwrap();
        assert_eq!(
            sealed,
            bytes::<72>(
                "aa7fdfd132c35e64cb27ba248dc00123c6a02260f26dbe06045f8c969efb13f684732be6bb585fa7fbaa3117ba34c1064a89eb577cec0c1a8157b8e865134202888c75461909fb8d"
            )
        );
    }
}
