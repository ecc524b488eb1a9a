//! Bytes that no encoder of ours writes: protobuf by hand, and signatures that do not hold.
//!
//! Layer: below `lies`.

use tallyline_keys::Signature;

/// Appends a varint in its shortest form.
pub fn varint(mut value: u64, to: &mut Vec<u8>) {
    while 0x7f < value {
        let [low, ..] = value.to_le_bytes();
        to.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    to.push(low);
}

/// Appends a field of numbers.
pub fn number(field: u64, value: u64, to: &mut Vec<u8>) {
    varint(field << 3, to);
    varint(value, to);
}

/// Appends a field of bytes: a text, a message, a packed list.
pub fn bytes(field: u64, value: &[u8], to: &mut Vec<u8>) {
    varint(field << 3 | 2, to);
    varint(u64::try_from(value.len()).unwrap_or(u64::MAX), to);
    to.extend_from_slice(value);
}

/// Returns groups (a form that protobuf gave up) of an unknown field inside each other.
pub fn groups(depth: usize) -> Vec<u8> {
    let mut nested = Vec::new();
    for _ in 0..depth {
        varint(60 << 3 | 3, &mut nested);
    }
    for _ in 0..depth {
        varint(60 << 3 | 4, &mut nested);
    }
    nested
}

/// Returns the beginning of a group that does not end.
pub fn open_group() -> Vec<u8> {
    let mut group = Vec::new();
    varint(60 << 3 | 3, &mut group);
    group
}

/// Returns a field that no version so far knows, as a later version may add it.
pub fn unknown_field() -> Vec<u8> {
    let mut field = Vec::new();
    bytes(60, b"future", &mut field);
    field
}

/// Flips the lowest bit of S.
pub fn one_bit_off(good: &Signature) -> Signature {
    let mut bytes = *good.as_bytes();
    if let Some(byte) = bytes.get_mut(32) {
        *byte ^= 1;
    }
    Signature::from_bytes(bytes)
}
