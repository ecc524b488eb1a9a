//! Packets and frames of QUIC by hand: what RFC 9000 and RFC 9001 say about bytes, as far as a liar
//! needs it.
//!
//! Layer: below `initial` and `raw`.

use rustls::quic::DirectionalKeys;

use crate::process::Broken;

/// Least size of a datagram with a first packet (RFC 9000, 14.1).
pub(super) const DATAGRAM_BYTES_MIN: usize = 1_200;

/// Kinds of long packets (RFC 9000, 17.2).
pub(super) const INITIAL: u8 = 0;
pub(super) const HANDSHAKE: u8 = 2;
pub(super) const RETRY: u8 = 3;

/// Bytes of the packet number in our packets.
const NUMBER_BYTES: usize = 4;

/// Where the sample for the header's protection begins, from the packet number on.
const SAMPLE_AT: usize = 4;

/// Bytes of a tag.
const TAG_BYTES: usize = 16;

/// Bytes of a connection id of ours.
pub(super) const ID_BYTES: usize = 8;

/// Kinds of frames (RFC 9000, 19).
const PADDING: u8 = 0x00;
const PING: u8 = 0x01;
const ACK: u8 = 0x02;
const ACK_ECN: u8 = 0x03;
const CRYPTO: u8 = 0x06;
const STREAM: u8 = 0x0e;
const CLOSE: u8 = 0x1c;
const CLOSE_BY_APPLICATION: u8 = 0x1d;

/// Where the parts of a packet are inside a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its packet number.
    pub(super) number: usize,
    /// Its end.
    pub(super) end: usize,
}

/// What the frames of a packet say, as far as a liar listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Pieces of the handshake, with their places.
    pub(super) crypto: Vec<(u64, Vec<u8>)>,
    /// The code by which the connection ended.
    pub(super) closed: Option<u64>,
}

/// Lays out a long header up to its length: `token` is what a first packet has there and others
/// have not.
pub(super) fn long_header(kind: u8, to: &[u8], from: &[u8], token: &[u8]) -> Vec<u8> {
    let mut header = vec![0xc3 | kind << 4, 0, 0, 0, 1];
    for id in [to, from] {
        header.push(u8::try_from(id.len()).unwrap_or_default());
        header.extend_from_slice(id);
    }
    header.extend_from_slice(token);
    header
}

/// Fills the frames of a first packet up, so that its datagram is long enough.
pub(super) fn pad(frames: &mut Vec<u8>) {
    // A header of 1 + 4 + 9 + 9 + 1 + 2 bytes, the number and the tag.
    let head = 26 + NUMBER_BYTES + TAG_BYTES;
    let least = DATAGRAM_BYTES_MIN - head;
    frames.resize(frames.len().max(least), PADDING);
}

/// Seals a long packet.
pub(super) fn seal(
    keys: &DirectionalKeys,
    mut header: Vec<u8>,
    number: u32,
    payload: Vec<u8>,
) -> Result<Vec<u8>, Broken> {
    let rest = payload.len() + NUMBER_BYTES + keys.packet.tag_len();
    let rest = u16::try_from(rest).map_err(Broken::of)?;
    header.extend_from_slice(&(rest | 0x4000).to_be_bytes());
    seal_after(keys, header, number, payload)
}

/// Seals a short packet.
pub(super) fn seal_short(
    keys: &DirectionalKeys,
    to: &[u8],
    number: u32,
    payload: Vec<u8>,
) -> Result<Vec<u8>, Broken> {
    seal_after(keys, [&[0x43][..], to].concat(), number, payload)
}

fn seal_after(
    keys: &DirectionalKeys,
    mut header: Vec<u8>,
    number: u32,
    mut payload: Vec<u8>,
) -> Result<Vec<u8>, Broken> {
    header.extend_from_slice(&number.to_be_bytes());
    let tag = keys
        .packet
        .encrypt_in_place(u64::from(number), &header, &mut payload);
    payload.extend_from_slice(tag.map_err(Broken::of)?.as_ref());
    let sample = payload
        .get(SAMPLE_AT - NUMBER_BYTES..)
        .and_then(|it| it.get(..keys.header.sample_len()))
        .ok_or_else(|| Broken::new("a packet too short to protect"))?;
    let at = header.len() - NUMBER_BYTES;
    let (start, number) = header.split_at_mut(at);
    let first = start
        .first_mut()
        .ok_or_else(|| Broken::new("a packet without a header"))?;
    let masked = keys.header.encrypt_in_place(sample, first, number);
    masked.map_err(Broken::of)?;
    Ok([header, payload].concat())
}

/// Returns the kind of a long packet.
pub(super) fn long_kind(packet: &[u8]) -> Option<u8> {
    let first = packet.first()?;
    (first & 0x80 != 0).then_some(first >> 4 & 3)
}

/// Returns the sender's connection id of a long packet.
pub(super) fn sender(packet: &[u8]) -> Option<&[u8]> {
    let at = 6 + usize::from(*packet.get(5)?);
    let length = usize::from(*packet.get(at)?);
    packet.get(at + 1..at + 1 + length)
}

/// Finds the parts of the long packet at the start of these bytes.
pub(super) fn long_place(packet: &[u8]) -> Option<Place> {
    let mut at = 5;
    for _ in 0..2 {
        at += 1 + usize::from(*packet.get(at)?);
    }
    if long_kind(packet)? == INITIAL {
        let (token, size) = take_number(packet.get(at..)?)?;
        at += size + usize::try_from(token).ok()?;
    }
    let (length, size) = take_number(packet.get(at..)?)?;
    let number = at + size;
    Some(Place {
        number,
        end: number + usize::try_from(length).ok()?,
    })
}

/// Opens a packet and returns its frames.
pub(super) fn open(keys: &DirectionalKeys, packet: &mut [u8], place: &Place) -> Option<Vec<u8>> {
    let sample_at = place.number + SAMPLE_AT;
    let sample = packet.get(sample_at..sample_at + keys.header.sample_len())?;
    let sample = sample.to_vec();
    let (start, rest) = packet.split_at_mut_checked(place.number)?;
    let first = start.first_mut()?;
    let digits = rest.get_mut(..NUMBER_BYTES)?;
    keys.header.decrypt_in_place(&sample, first, digits).ok()?;
    let digits = usize::from(*first & 3) + 1;
    let number = rest.get(..digits)?.iter();
    let number = number.fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let (header, payload) = packet.split_at_mut_checked(place.number + digits)?;
    let payload = payload.get_mut(..place.end.checked_sub(header.len())?)?;
    let opened = keys.packet.decrypt_in_place(number, header, payload);
    opened.ok().map(<[u8]>::to_vec)
}

/// Appends a piece of the handshake.
pub(super) fn crypto(place: u64, piece: &[u8], to: &mut Vec<u8>) {
    to.push(CRYPTO);
    number(place, to);
    number(u64::try_from(piece.len()).unwrap_or(u64::MAX), to);
    to.extend_from_slice(piece);
}

/// Appends a piece of the dialler's first stream.
pub(super) fn stream(place: u64, piece: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&[STREAM, 0]);
    number(place, to);
    number(u64::try_from(piece.len()).unwrap_or(u64::MAX), to);
    to.extend_from_slice(piece);
}

/// Reads frames up to the first one that a liar does not care for.
pub(super) fn read(mut frames: &[u8]) -> Said {
    let mut said = Said::default();
    while let Some(rest) = read_one(frames, &mut said) {
        frames = rest;
    }
    said
}

fn read_one<'a>(frames: &'a [u8], said: &mut Said) -> Option<&'a [u8]> {
    let (&kind, rest) = frames.split_first()?;
    match kind {
        PADDING | PING => Some(rest),
        ACK | ACK_ECN => skip_ack(kind, rest),
        CRYPTO => {
            let (place, rest) = split_number(rest)?;
            let (length, rest) = split_number(rest)?;
            let (piece, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            said.crypto.push((place, piece.to_vec()));
            Some(rest)
        }
        CLOSE | CLOSE_BY_APPLICATION => {
            said.closed = Some(take_number(rest)?.0);
            None
        }
        _ => None,
    }
}

fn skip_ack(kind: u8, frame: &[u8]) -> Option<&[u8]> {
    let (_, rest) = split_number(frame)?;
    let (_, rest) = split_number(rest)?;
    let (ranges, rest) = split_number(rest)?;
    let more = if kind == ACK_ECN { 4 } else { 1 };
    let mut rest = rest;
    for _ in 0..ranges * 2 + more {
        rest = split_number(rest)?.1;
    }
    Some(rest)
}

/// Appends a number as QUIC writes it, below 2^30.
pub(super) fn number(value: u64, to: &mut Vec<u8>) {
    if let Ok(small @ 0..64) = u8::try_from(value) {
        return to.push(small);
    }
    let low = u32::try_from(value).unwrap_or(0x3fff_ffff);
    to.extend_from_slice(&(low | 0x8000_0000).to_be_bytes());
}

fn split_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (value, size) = take_number(bytes)?;
    Some((value, bytes.get(size..)?))
}

/// Reads a number as QUIC writes it, and how many bytes it takes.
fn take_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let size = 1_usize << (*bytes.first()? >> 6);
    let digits = bytes.get(..size)?;
    let value = digits
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let bits = u32::try_from(8 * size - 2).ok()?;
    Some((value & ((1 << bits) - 1), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_quic_writes_them() {
        for value in [0, 63, 64, 15_293, 494_878_333] {
            let mut bytes = Vec::new();
            number(value, &mut bytes);
            assert_eq!(take_number(&bytes), Some((value, bytes.len())), "{value}");
        }
        assert_eq!(take_number(&[0x7b, 0xbd]), Some((15_293, 2)), "two bytes");
    }

    #[test]
    fn frames_are_read_up_to_the_end_of_the_connection() {
        let mut frames = vec![PADDING, PING, ACK, 5, 0, 1, 2, 0, 1];
        crypto(7, b"hello", &mut frames);
        frames.extend_from_slice(&[CLOSE, 0x41, 0x46, 0, 0]);
        let expected = Said {
            crypto: vec![(7, b"hello".to_vec())],
            closed: Some(0x146),
        };
        assert_eq!(read(&frames), expected, "all three");
    }
}
