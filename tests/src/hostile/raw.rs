//! A whole QUIC dialler by hand, down to the frames of each packet: for what no library sends on a
//! stream.
//!
//! It does as little as a listener must bear: it acknowledges nothing and repeats nothing. Layer:
//! above `packets`, below the cases.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, DirectionalKeys, KeyChange, Keys, Version};
use tallyline_keys::DeviceKey;

use super::initial::{self, Hand};
use super::wait::{DEADLINE, until};
use super::{packets, papers};
use crate::process::Broken;

/// How long one look for a datagram takes.
const LISTEN: Duration = Duration::from_millis(50);

/// Largest datagram that a node sends.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// Transport parameters (RFC 9000, 18.2): the dialler's connection id, and the bytes that it takes
/// on the connection and on a stream that it opened.
const INITIAL_SOURCE: u8 = 0x0f;
const MAX_DATA: u8 = 0x04;
const MAX_STREAM_DATA: u8 = 0x05;

/// A connection that is spoken packet by packet.
pub struct Raw {
    socket: UdpSocket,
    to: SocketAddr,
    hand: Hand,
    session: ClientConnection,
    /// The listener's connection id; at first the one that the dialler made up.
    theirs: Vec<u8>,
    first: Keys,
    handshake: Option<Keys>,
    traffic: Option<Keys>,
    arrived: [Arrived; 2],
    number: u32,
    closed: Option<u64>,
}

/// What has arrived of one level's handshake.
#[derive(Debug, Default)]
struct Arrived {
    pieces: BTreeMap<u64, Vec<u8>>,
    read: u64,
}

impl Raw {
    /// Dials as the device with this key, and finishes the handshake.
    ///
    /// # Errors
    /// If the listener does not go along.
    pub fn dial(to: SocketAddr, key: &DeviceKey, number: u64) -> Result<Self, Broken> {
        let hand = Hand::of(number);
        let mut params = [&[INITIAL_SOURCE, 8][..], &hand.from].concat();
        for window in [MAX_DATA, MAX_STREAM_DATA] {
            params.extend_from_slice(&[window, 4, 0x80, 0x10, 0, 0]);
        }
        let name = ServerName::try_from("tallyline").map_err(Broken::of)?;
        let session = ClientConnection::new(papers::honest(key)?.into(), Version::V1, name, params);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Broken::of)?;
        socket.set_read_timeout(Some(LISTEN)).map_err(Broken::of)?;
        let mut raw = Self {
            socket,
            to,
            session: session.map_err(Broken::of)?,
            theirs: hand.to.to_vec(),
            first: initial::keys(hand.to)?,
            hand,
            handshake: None,
            traffic: None,
            arrived: [Arrived::default(), Arrived::default()],
            number: 0,
            closed: None,
        };
        raw.begin()?;
        until("the handshake of a dialler by hand", DEADLINE, || {
            raw.listen()?;
            Ok(raw.traffic.is_some())
        })?;
        Ok(raw)
    }

    /// Sends pieces of the first stream, each with its place, in one packet.
    ///
    /// # Errors
    /// If the system refuses to send.
    pub fn stream(&mut self, pieces: &[(u64, &[u8])]) -> Result<(), Broken> {
        let mut frames = Vec::new();
        for (place, piece) in pieces {
            packets::stream(*place, piece, &mut frames);
        }
        let keys = self.traffic.as_ref();
        let keys = keys.ok_or_else(|| Broken::new("the handshake is not over"))?;
        let packet = packets::seal_short(&keys.local, &self.theirs, self.number, frames)?;
        self.number += 1;
        self.socket.send_to(&packet, self.to).map_err(Broken::of)?;
        Ok(())
    }

    /// Returns the code by which the listener ended the connection, as far as it has come.
    ///
    /// # Errors
    /// If what comes cannot be read.
    pub fn closed(&mut self) -> Result<Option<u64>, Broken> {
        self.listen()?;
        Ok(self.closed)
    }

    fn begin(&mut self) -> Result<(), Broken> {
        let mut hello = Vec::new();
        self.session.write_hs(&mut hello);
        let packet = self.hand.packet(0, &[(0, &hello)])?;
        self.socket.send_to(&packet, self.to).map_err(Broken::of)?;
        Ok(())
    }

    /// Takes the datagrams that have come.
    fn listen(&mut self) -> Result<(), Broken> {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            let mut rest = buffer.get(..length).unwrap_or_default().to_vec();
            while !rest.is_empty() {
                rest = self.packet(rest)?;
            }
            if self.traffic.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Takes the packet at the start of a datagram, and returns what follows it.
    fn packet(&mut self, mut datagram: Vec<u8>) -> Result<Vec<u8>, Broken> {
        let Some(kind) = packets::long_kind(&datagram) else {
            self.short(&mut datagram);
            return Ok(Vec::new());
        };
        let Some(place) = packets::long_place(&datagram) else {
            return Ok(Vec::new());
        };
        if let Some(sender) = packets::sender(&datagram) {
            self.theirs = sender.to_vec();
        }
        let rest = datagram.split_off(place.end.min(datagram.len()));
        let (level, keys) = match (kind, &self.handshake) {
            (packets::INITIAL, _) => (0, Some(&self.first.remote)),
            (packets::HANDSHAKE, Some(keys)) => (1, Some(&keys.remote)),
            _ => (1, None),
        };
        let opened = keys.and_then(|keys| packets::open(keys, &mut datagram, &place));
        if let Some(frames) = opened {
            let said = packets::read(&frames);
            self.closed = self.closed.or(said.closed);
            self.hear(level, said.crypto)?;
        }
        Ok(rest)
    }

    /// Looks whether a short packet ends the connection.
    fn short(&mut self, datagram: &mut [u8]) {
        let place = packets::Place {
            number: 1 + packets::ID_BYTES,
            end: datagram.len(),
        };
        let keys: Option<&DirectionalKeys> = self.traffic.as_ref().map(|keys| &keys.remote);
        let opened = keys.and_then(|keys| packets::open(keys, datagram, &place));
        if let Some(frames) = opened {
            self.closed = self.closed.or(packets::read(&frames).closed);
        }
    }

    /// Takes pieces of the handshake, and answers what there is to answer.
    fn hear(&mut self, level: usize, pieces: Vec<(u64, Vec<u8>)>) -> Result<(), Broken> {
        if let Some(arrived) = self.arrived.get_mut(level) {
            arrived.pieces.extend(pieces);
            while let Some(piece) = arrived.pieces.remove(&arrived.read) {
                arrived.read += u64::try_from(piece.len()).unwrap_or_default();
                self.session.read_hs(&piece).map_err(Broken::of)?;
            }
        }
        let mut said = Vec::new();
        let change = self.session.write_hs(&mut said);
        if !said.is_empty() {
            self.answer(&said)?;
        }
        match change {
            Some(KeyChange::Handshake { keys }) => self.handshake = Some(keys),
            Some(KeyChange::OneRtt { keys, .. }) => self.traffic = Some(keys),
            None => {}
        }
        Ok(())
    }

    /// Sends the dialler's part of the handshake.
    fn answer(&self, said: &[u8]) -> Result<(), Broken> {
        let keys = self.handshake.as_ref();
        let keys = keys.ok_or_else(|| Broken::new("an answer before its keys"))?;
        let mut frames = Vec::new();
        packets::crypto(0, said, &mut frames);
        let header = packets::long_header(packets::HANDSHAKE, &self.theirs, &self.hand.from, &[]);
        let packet = packets::seal(&keys.local, header, 0, frames)?;
        self.socket.send_to(&packet, self.to).map_err(Broken::of)?;
        Ok(())
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Raw")
            .field("to", &self.to)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
