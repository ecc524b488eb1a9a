//! First packets of QUIC made by hand, with whatever hello and whatever pieces of it.
//!
//! A library sends an honest hello in one piece; these are for what it would never send. The keys of
//! first packets follow from the packet itself (RFC 9001, 5.2), so nobody needs a secret for them.
//! Layer: below the cases.

use rustls::Side;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Keys, Suite, Version};

use super::papers;
use crate::process::Broken;

/// Least size of a datagram with a first packet (RFC 9000, 14.1).
const DATAGRAM_BYTES_MIN: usize = 1_200;

/// Bytes of the packet number in our packets.
const NUMBER_BYTES: usize = 4;

/// Where the sample for the header's protection begins, from the packet number on.
const SAMPLE_AT: usize = 4;

/// Kinds of long packets, by the bits of their first byte.
const KIND_BITS: u8 = 0x30;

/// Frames: padding, acknowledgement, pieces of the handshake, end of the connection.
const PADDING: u8 = 0x00;
const CRYPTO: u8 = 0x06;
const CLOSE: u8 = 0x1c;

/// The transport parameter with the dialler's own connection id (RFC 9000, 18.2).
const INITIAL_SOURCE: u8 = 0x0f;

/// One handshake's first packets, by the connection ids that its dialler made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hand {
    /// The id that the dialler made up for the other side.
    pub to: [u8; 8],
    /// The dialler's own.
    pub from: [u8; 8],
}

/// What the other side answered to a first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It wants a proof of the address first.
    Retry,
    /// It ended the connection, with this code.
    Close(u64),
    /// Anything else.
    Other,
}

impl Hand {
    /// Makes up ids from a number: equal numbers give equal ids.
    pub fn of(number: u64) -> Self {
        let hash = blake3::hash(&number.to_le_bytes());
        let (one, rest) = hash.as_bytes().split_at(8);
        let two = rest.split_at(8).0;
        Self {
            to: one.try_into().unwrap_or_default(),
            from: two.try_into().unwrap_or_default(),
        }
    }

    /// Makes a datagram with one first packet that carries pieces of a hello: each with its place.
    ///
    /// # Errors
    /// If the cryptography library lacks what it needs.
    pub fn packet(&self, number: u32, pieces: &[(u64, &[u8])]) -> Result<Vec<u8>, Broken> {
        let mut frames = Vec::new();
        for (place, piece) in pieces {
            frames.push(CRYPTO);
            quic_number(*place, &mut frames);
            quic_number(u64::try_from(piece.len()).unwrap_or(u64::MAX), &mut frames);
            frames.extend_from_slice(piece);
        }
        // Header of 1 + 4 + 9 + 9 + 1 + 2, the number of 4, and 16 bytes of the tag.
        let head = 26 + NUMBER_BYTES + 16;
        frames.resize(
            frames.len().max(DATAGRAM_BYTES_MIN.saturating_sub(head)),
            PADDING,
        );
        self.seal(number, frames)
    }

    fn seal(&self, number: u32, mut payload: Vec<u8>) -> Result<Vec<u8>, Broken> {
        let keys = keys(&self.to, Side::Client)?;
        let rest = payload.len() + NUMBER_BYTES + keys.local.packet.tag_len();
        let mut header = vec![0xc3, 0, 0, 0, 1, 8];
        header.extend_from_slice(&self.to);
        header.push(8);
        header.extend_from_slice(&self.from);
        header.push(0);
        let rest = u16::try_from(rest).map_err(Broken::of)?;
        header.extend_from_slice(&(rest | 0x4000).to_be_bytes());
        header.extend_from_slice(&number.to_be_bytes());
        let sealed = keys
            .local
            .packet
            .encrypt_in_place(u64::from(number), &header, &mut payload);
        payload.extend_from_slice(sealed.map_err(Broken::of)?.as_ref());
        let sample = payload
            .get(SAMPLE_AT - NUMBER_BYTES..)
            .and_then(|it| it.get(..keys.local.header.sample_len()))
            .ok_or_else(|| Broken::new("a packet too short to protect"))?;
        let at = header.len() - NUMBER_BYTES;
        let (start, number) = header.split_at_mut(at);
        let first = start.first_mut().ok_or_else(|| Broken::new("no header"))?;
        let masked = keys.local.header.encrypt_in_place(sample, first, number);
        masked.map_err(Broken::of)?;
        Ok([header, payload].concat())
    }

    /// Reads what the other side answered.
    pub fn read(&self, datagram: &[u8]) -> Answer {
        let kind = datagram.first().map(|first| first & KIND_BITS);
        match kind {
            Some(0x30) => Answer::Retry,
            Some(0x00) => self.open(datagram).map_or(Answer::Other, |frames| {
                closing_code(&frames).map_or(Answer::Other, Answer::Close)
            }),
            Some(_) | None => Answer::Other,
        }
    }

    /// Opens a first packet of the other side.
    fn open(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let keys = keys(&self.to, Side::Client).ok()?;
        let mut bytes = datagram.to_vec();
        let mut at = 5;
        for _ in 0..2 {
            at += 1 + usize::from(*bytes.get(at)?);
        }
        at += 1;
        let (length, size) = take_quic_number(bytes.get(at..)?)?;
        at += size;
        let sample_at = at + SAMPLE_AT;
        let sample = bytes
            .get(sample_at..sample_at + keys.remote.header.sample_len())?
            .to_vec();
        let (start, rest) = bytes.split_at_mut(at);
        let opened =
            keys.remote
                .header
                .decrypt_in_place(&sample, start.first_mut()?, rest.get_mut(..4)?);
        opened.ok()?;
        let digits = usize::from(*start.first()? & 3) + 1;
        let end = usize::try_from(length).ok()?;
        let (header, payload) = bytes.split_at_mut(at + digits);
        let number = header.iter().rev().take(digits).rev();
        let number = number.fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let payload = payload.get_mut(..end.checked_sub(digits)?)?;
        let opened = keys
            .remote
            .packet
            .decrypt_in_place(number, header, payload)
            .ok()?;
        Some(opened.to_vec())
    }
}

/// Returns the hello of an honest dialler with these ids.
///
/// # Errors
/// If the cryptography library refuses to make one.
pub fn honest_hello(hand: &Hand) -> Result<Vec<u8>, Broken> {
    let config = papers::stranger()?;
    let name = ServerName::try_from("tallyline").map_err(Broken::of)?;
    let params = [&[INITIAL_SOURCE, 8][..], &hand.from].concat();
    let session = ClientConnection::new(config, Version::V1, name, params);
    let mut hello = Vec::new();
    session.map_err(Broken::of)?.write_hs(&mut hello);
    Ok(hello)
}

/// Returns a hello that offers TLS 1.2 and nothing newer.
pub fn tls12_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    // ECDHE with Ed25519's kin and AES, as TLS 1.2 names it.
    body.extend_from_slice(&[0, 2, 0xc0, 0x2b, 1, 0]);
    let extensions: [u8; 18] = [
        0x00, 0x0d, 0, 4, 0, 2, 0x08, 0x07, // signatures: Ed25519
        0x00, 0x0a, 0, 4, 0, 2, 0x00, 0x1d, // groups: X25519
        0x00, 0x00,
    ];
    let extensions = extensions.get(..16).unwrap_or_default();
    let size = u16::try_from(extensions.len()).unwrap_or_default();
    body.extend_from_slice(&size.to_be_bytes());
    body.extend_from_slice(extensions);
    let [_, high, middle, low] = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    [vec![1, high, middle, low], body].concat()
}

fn keys(to: &[u8; 8], side: Side) -> Result<Keys, Broken> {
    let suite: Option<Suite> = TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(rustls::Tls13CipherSuite::quic_suite);
    let suite = suite.ok_or_else(|| Broken::new("no cipher suite for QUIC"))?;
    Ok(Keys::initial(
        Version::V1,
        suite.suite,
        suite.quic,
        to,
        side,
    ))
}

/// Appends a number as QUIC writes it, below 2^30.
fn quic_number(value: u64, to: &mut Vec<u8>) {
    let low = u32::try_from(value).unwrap_or(0x3fff_ffff);
    to.extend_from_slice(&(low | 0x8000_0000).to_be_bytes());
}

fn take_quic_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let size = 1_usize << (first >> 6);
    let digits = bytes.get(..size)?;
    let value = digits
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let bits = u32::try_from(8 * size - 2).ok()?;
    Some((value & ((1 << bits) - 1), size))
}

/// Finds the code by which a packet's frames end the connection.
fn closing_code(mut frames: &[u8]) -> Option<u64> {
    loop {
        let (&kind, rest) = frames.split_first()?;
        match kind {
            PADDING | 1 => frames = rest,
            CLOSE => return Some(take_quic_number(rest)?.0),
            2 => {
                let mut rest = rest;
                // Largest, delay, no further ranges, first range.
                for _ in 0..4 {
                    rest = rest.get(take_quic_number(rest)?.1..)?;
                }
                frames = rest;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_as_long_as_the_smallest_first_datagram() {
        let packet = Hand::of(1).packet(0, &[(0, b"hello")]).unwrap();
        assert_eq!(packet.len(), DATAGRAM_BYTES_MIN, "padded");
        assert_ne!(Hand::of(1), Hand::of(2), "numbers give other ids");
    }

    #[test]
    fn numbers_are_read_as_quic_writes_them() {
        let mut bytes = Vec::new();
        quic_number(15_293, &mut bytes);
        assert_eq!(take_quic_number(&bytes), Some((15_293, 4)), "four bytes");
        assert_eq!(take_quic_number(&[0x7b, 0xbd]), Some((15_293, 2)), "two");
        assert_eq!(take_quic_number(&[0x25]), Some((37, 1)), "one");
        assert_eq!(closing_code(&[0, 0x1c, 0x41, 0x46, 0, 0]), Some(0x146));
    }
}
