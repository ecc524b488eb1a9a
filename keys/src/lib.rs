//! Who a device is, and proof that it said something.
//!
//! The lowest layer of the house: everything above it names devices by their [`PublicKey`] and
//! trusts bytes because of a [`Signature`]. It does no I/O, reads no clock and draws no
//! randomness; whoever needs a secret brings it.
//!
//! * `device`: the key of a device, and how people read it aloud.
//! * `sign`: what exactly is signed, and the only place that checks it.
//! * `seal`: texts that only who holds their key can read.
//! * `enroll`: proof of an invite's secret, and the tag that finds peers of an event.
//! * `warrant`: a cloud's word that a key is one of its nodes.
//! * `words`: 256 words, so that people compare two screens.
//! * `planted`: mistakes on purpose, for the simulator alone; absent from every release.
//! * `tls` (feature `std`): certificates over the same key, and verifiers that know only keys.
//!
//! Absent on purpose: roles, grants and revocation (the control log in `proto` decides those),
//! storage of the seed, and every certificate authority.

#![no_std]
#![warn(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod device;
mod enroll;
pub mod planted;
mod seal;
mod sign;
#[cfg(feature = "std")]
pub mod tls;
#[cfg(test)]
mod vectors;
mod warrant;
mod words;

pub use device::{DeviceKey, FINGERPRINT_GROUPS, KeyError, PublicKey};
pub use enroll::{
    JOIN_EXPORTER_LABEL, claim_proof, discovery_tag, join_proof, join_words, pair_commitment,
    pair_nonce, pair_outcome, verify_claim_proof, verify_join_proof, verify_pair_commitment,
};
pub use seal::{SEAL_TEXT_BYTES_MAX, SEALED_BYTES_MAX, SealFor, SealKey};
pub use sign::{Purpose, Signature, SignatureError};
pub use warrant::Warrant;
pub use words::{WORDS, words};
