//! First packets of QUIC made by hand, with whatever hello and whatever pieces of it.
//!
//! A library sends an honest hello in one piece; these are for what it would never send. The keys of
//! first packets follow from the packet itself (RFC 9001, 5.2), so nobody needs a secret for them.
//! Layer: below the cases.

use rustls::Side;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Keys, Suite, Version};

use super::{packets, papers};
use crate::process::Broken;

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
            packets::crypto(*place, piece, &mut frames);
        }
        packets::pad(&mut frames);
        self.seal(number, frames)
    }

    fn seal(&self, number: u32, payload: Vec<u8>) -> Result<Vec<u8>, Broken> {
        let keys = keys(self.to)?;
        let header = packets::long_header(packets::INITIAL, &self.to, &self.from, &[0]);
        packets::seal(&keys.local, header, number, payload)
    }

    /// Reads what the other side answered.
    pub fn read(&self, datagram: &[u8]) -> Answer {
        match packets::long_kind(datagram) {
            Some(packets::RETRY) => Answer::Retry,
            Some(packets::INITIAL) => self.open(datagram).unwrap_or(Answer::Other),
            Some(_) | None => Answer::Other,
        }
    }

    /// Opens a first packet of the other side.
    fn open(&self, datagram: &[u8]) -> Option<Answer> {
        let keys = keys(self.to).ok()?;
        let mut bytes = datagram.to_vec();
        let place = packets::long_place(&bytes)?;
        let frames = packets::open(&keys.remote, &mut bytes, &place)?;
        packets::read(&frames).closed.map(Answer::Close)
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
    // Sixteen bytes of extensions.
    body.extend_from_slice(&[0, 16]);
    // Signatures: Ed25519. Groups: X25519.
    body.extend_from_slice(&[0x00, 0x0d, 0, 4, 0, 2, 0x08, 0x07]);
    body.extend_from_slice(&[0x00, 0x0a, 0, 4, 0, 2, 0x00, 0x1d]);
    let [_, high, middle, low] = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    [vec![1, high, middle, low], body].concat()
}

/// Returns the keys of first packets to a connection id that a dialler made up.
pub(super) fn keys(to: [u8; 8]) -> Result<Keys, Broken> {
    let suite: Option<Suite> = TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(rustls::Tls13CipherSuite::quic_suite);
    let suite = suite.ok_or_else(|| Broken::new("no cipher suite for QUIC"))?;
    Ok(Keys::initial(
        Version::V1,
        suite.suite,
        suite.quic,
        &to,
        Side::Client,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_as_long_as_the_smallest_first_datagram() {
        let packet = Hand::of(1).packet(0, &[(0, b"hello")]).unwrap();
        assert_eq!(packet.len(), packets::DATAGRAM_BYTES_MIN, "padded");
        assert_ne!(Hand::of(1), Hand::of(2), "numbers give other ids");
    }
}
