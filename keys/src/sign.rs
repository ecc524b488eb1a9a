//! What exactly is signed, and the only place that checks a signature.
//!
//! The only module besides `device` that knows Ed25519. It does not know what a body means: a
//! caller names the [`Purpose`], the event and the bytes, and the bytes are never re-encoded.
//! Layer: above `device`.
//!
//! # Layout
//!
//! The signed bytes are, with nothing between the parts:
//!
//! | part | length | content |
//! |---|---|---|
//! | label | fixed for each purpose | ASCII, ends in the only NUL byte of the label |
//! | context | 32 bytes | the id of the event; of a warrant the cloud's key |
//! | body | the rest | the statement's bytes as they are stored and relayed |
//!
//! The label ends itself and the context has one length, so two different triples never give
//! the same bytes. Every label starts with `tallyline/`; what TLS 1.3 signs starts with 64
//! spaces and a certificate with the byte 0x30, so the one key of a device cannot be tricked
//! from one use into another.
//!
//! Source: PROTOCOL R-SIGN-1.

use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::{Signer as _, Verifier as _, VerifyingKey};

use crate::device::{DeviceKey, PublicKey};
use crate::planted::{Fault, is};

/// An Ed25519 signature: 64 bytes, valid or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// What a signature is for; one made for one purpose is worthless for every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The end of a log: height and chain hash.
    Head,
    /// A statement of the control log.
    Statement,
    /// The consent of a new owner to the transfer that another key signs.
    Consent,
    /// A cell: a status value of which only the newest is kept.
    Cell,
    /// The cloud's receipt for the heights that it holds.
    Receipt,
    /// A device's request to join an event.
    Join,
    /// A cloud's word that a key is one of its nodes; the context is the cloud's key.
    Warrant,
}

/// Why a signature proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// The key did not sign these bytes for this purpose and this event.
    Mismatch,
}

impl Signature {
    /// Wraps 64 bytes as they were received; only [`PublicKey::verify`] gives them a meaning.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Returns the 64 bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl Purpose {
    /// Every purpose, for tests and tables.
    pub const ALL: [Self; 7] = [
        Self::Head,
        Self::Statement,
        Self::Consent,
        Self::Cell,
        Self::Receipt,
        Self::Join,
        Self::Warrant,
    ];

    /// Returns the bytes that start everything signed for this purpose.
    ///
    /// Source: PROTOCOL R-SIGN-1. Changing one of them is a change of the protocol.
    pub fn label(self) -> &'static [u8] {
        match self {
            Self::Head => b"tallyline/v1/head\0",
            Self::Statement => b"tallyline/v1/statement\0",
            Self::Consent => b"tallyline/v1/consent\0",
            Self::Cell => b"tallyline/v1/cell\0",
            Self::Receipt => b"tallyline/v1/receipt\0",
            Self::Join => b"tallyline/v1/join\0",
            Self::Warrant => b"tallyline/v1/warrant\0",
        }
    }
}

impl DeviceKey {
    /// Signs `body` for one purpose within one event.
    ///
    /// `context` is the id of the event. Deterministic: equal input gives equal signatures.
    ///
    /// Source: PROTOCOL R-SIGN-1.
    pub fn sign(&self, purpose: Purpose, context: &[u8; 32], body: &[u8]) -> Signature {
        Signature(
            self.signing_key()
                .sign(&signing_input(purpose, context, body))
                .to_bytes(),
        )
    }
}

impl PublicKey {
    /// Checks that this key signed `body` for `purpose` within the event `context`.
    ///
    /// Strict: exactly one encoding of each signature holds, and none of small order.
    ///
    /// Source: PROTOCOL R-SIGN-1, R-SIGN-2.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Mismatch`] if any of key, purpose, event, body or signature differs
    /// from what was signed. Nothing says which, because nothing can.
    pub fn verify(
        &self,
        purpose: Purpose,
        context: &[u8; 32],
        body: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let key =
            VerifyingKey::from_bytes(self.as_bytes()).map_err(|_| SignatureError::Mismatch)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        if is(Fault::LaxSignature) {
            let lax = key.verify(&signing_input(purpose, context, body), &signature);
            return lax.map_err(|_| SignatureError::Mismatch);
        }
        key.verify_strict(&signing_input(purpose, context, body), &signature)
            .map_err(|_| SignatureError::Mismatch)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..)")
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch => f.write_str(
                "the signature does not belong to this key, purpose, event and content; \
                 drop what it came with and ask another peer for it",
            ),
        }
    }
}

impl core::error::Error for SignatureError {}

/// Lays out the bytes that are signed, as the module's documentation says.
fn signing_input(purpose: Purpose, context: &[u8; 32], body: &[u8]) -> Vec<u8> {
    [purpose.label(), context, body].concat()
}

#[cfg(test)]
mod tests;
