//! Signatures and bytes that only look right.

use curve25519_dalek::{
    edwards::CompressedEdwardsY, scalar::Scalar, scalar::clamp_integer, traits::Identity as _,
};
use sha2::{Digest as _, Sha512};
use tallyline_keys::{DeviceKey, Purpose, Signature};
use tallyline_proto::{
    log::Chain,
    model::{EventId, LogName},
};

/// The order of the group, little end first.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A field of an entry that no version so far knows: number 60, bytes.
const UNKNOWN_FIELD: [u8; 9] = [0xe2, 0x03, 6, b'f', b'u', b't', b'u', b'r', b'e'];

/// Lays out what a head signs, as the protocol says and without the product's own code.
///
/// Source: PROTOCOL R-SIGN-1, R-CHAIN-3.
pub(super) fn head_message(
    event: EventId,
    log: &LogName,
    (height, chain): (u64, Chain),
) -> Vec<u8> {
    let mut message = Purpose::Head.label().to_vec();
    message.extend_from_slice(&event.0.0);
    message.extend_from_slice(&log.grant.0.0);
    message.extend_from_slice(&log.incarnation.0.to_le_bytes());
    message.extend_from_slice(&height.to_le_bytes());
    message.extend_from_slice(&chain.0.0);
    message
}

/// Signs a message so that the equation holds and R is the neutral point: S is k times the secret
/// scalar. A check that does not refuse points of small order takes it.
///
/// Source: PROTOCOL R-SIGN-2.
pub fn lax_signature(seed: &[u8; 32], message: &[u8]) -> Signature {
    let mut secret = [0; 32];
    secret.copy_from_slice(Sha512::digest(seed).split_at(32).0);
    let secret = Scalar::from_bytes_mod_order(clamp_integer(secret));
    let point = CompressedEdwardsY::identity().to_bytes();
    let mut hash = Sha512::new();
    hash.update(point);
    hash.update(DeviceKey::from_seed(*seed).public().as_bytes());
    hash.update(message);
    let mut wide = [0; 64];
    wide.copy_from_slice(&hash.finalize());
    let k = Scalar::from_bytes_mod_order_wide(&wide);
    joined(&point, &(k * secret).to_bytes())
}

/// Flips the lowest bit of S.
pub(super) fn one_bit_off(good: &Signature) -> Signature {
    let mut bytes = *good.as_bytes();
    if let Some(byte) = bytes.get_mut(32) {
        *byte ^= 1;
    }
    Signature::from_bytes(bytes)
}

/// Adds the group's order to S: another encoding of the same number, which a lax check takes.
///
/// Source: PROTOCOL R-SIGN-2.
pub fn above_the_order(good: &Signature) -> Signature {
    let (point, s) = good.as_bytes().split_at(32);
    let mut sum = [0; 32];
    let mut carry = 0;
    for ((to, one), other) in sum.iter_mut().zip(s).zip(ORDER) {
        let whole = u16::from(*one) + u16::from(other) + carry;
        let [low, high] = whole.to_le_bytes();
        *to = low;
        carry = u16::from(high);
    }
    joined(point, &sum)
}

/// Adds a field that no version so far knows.
pub(super) fn with_unknown_field(mut entry: Vec<u8>) -> Vec<u8> {
    entry.extend(UNKNOWN_FIELD);
    entry
}

fn joined(point: &[u8], s: &[u8; 32]) -> Signature {
    let mut bytes = [0; 64];
    let (left, right) = bytes.split_at_mut(32);
    left.copy_from_slice(point);
    right.copy_from_slice(s);
    Signature::from_bytes(bytes)
}
