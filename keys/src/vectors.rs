//! What the tests' frozen vectors share. Compiled for tests only.

use alloc::vec::Vec;

use crate::device::DeviceKey;

/// The device of the vectors, whose seed is 00 01 02 .. 1f.
pub(crate) fn device() -> DeviceKey {
    let mut seed = [0; 32];
    for (byte, place) in (0..).zip(&mut seed) {
        *place = byte;
    }
    DeviceKey::from_seed(seed)
}

/// Reads an even number of hexadecimal digits.
pub(crate) fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| (pair[0] << 4) | pair[1])
        .collect();
    bytes.try_into().unwrap()
}
