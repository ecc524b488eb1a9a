//! Frames of a conversation in bytes.

use alloc::{string::String, vec::Vec};

use prost::Message as _;
use tallyline_keys::{Signature, Warrant};

use super::{
    CELLS_MAX, CHUNK_BYTES_MAX, CHUNK_ENTRIES_MAX, FRAME_BYTES_MAX, LogTag, MANIFEST_BYTES_MAX,
    STATEMENT_BYTES_MAX, VECTOR_LOGS_MAX, WireError,
    ask::{Ask, Denied, ask_in, ask_out, denied_in, denied_out},
    cell::{warrant_in, warrant_out},
    fixed, generated as pb,
    seal::{KeyAsk, Keys, key_ask_in, key_ask_out, keys_in, keys_out},
    statement::label,
};
use crate::model::{EventId, GrantId, Hash, Incarnation, LogName};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Begins a conversation and closes a round: equal digests mean equal logs.
    Hello(Hello),
    /// What the sender holds of every log.
    Vector(Vector),
    /// Entries, ending in a head signature.
    Push(Push),
    /// What the sender has on disk of some logs.
    Have(Vec<(LogTag, u64)>),
    /// What the sender lacks: its own heights of some logs.
    Want(Vec<(LogTag, u64)>),
    /// Signed status values, exact bytes.
    Cells(Vec<Vec<u8>>),
    /// The proof that a log forked.
    Fork(Fork),
    /// The sender's own Admit, for a peer that may not know it.
    Present(Vec<u8>),
    /// Asks for admission with the proof of an invite.
    Join(Join),
    /// The manifest, for a peer that was just admitted or is a cloud.
    Welcome(Vec<u8>),
    /// The sender does not go on: 1 it does not know the peer, 2 it does not know the event.
    Refused(u32),
    /// The owner's device takes a device that shows an offer into its event.
    Claim(Claim),
    /// What a side of a pairing says of its nonce before it shows it.
    Commit(Commit),
    /// The nonce of a pairing.
    Reveal([u8; 16]),
    /// A member wants a cell of a desk, or gives one back.
    Ask(Ask),
    /// A desk says no.
    Denied(Denied),
    /// Which keys of sealed texts the sender lacks.
    KeyAsk(KeyAsk),
    /// Keys of sealed texts, for who asked.
    Keys(Keys),
    /// The sender is a node of a cloud, says the cloud.
    Warrant(Warrant),
}

/// Begins a conversation and closes a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Version of the protocol.
    pub version: u32,
    /// First bytes of the event id.
    pub event_tag: [u8; 8],
    /// Over the heads of all logs.
    pub state: [u8; 16],
    /// The store in which the sender's heights are durable.
    pub store: u64,
    /// Whether it repeats an equal Hello for a peer that seems to have missed it.
    pub answer: bool,
    /// Digest of the cloud's receipts held, 0 without any: who lacks some is told.
    pub receipts: u64,
    /// The sender's clock in milliseconds since the event's epoch; 0 says nothing. Nothing is judged
    /// by it.
    pub clock_ms: i64,
}

/// What the sender holds of every log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector {
    /// Tag and height of each log.
    pub logs: Vec<(LogTag, u64)>,
    /// First bytes of each log's chain hash, in the same order; empty unless there is doubt.
    pub hashes: Vec<[u8; 8]>,
    /// Whether this answers a vector.
    pub answer: bool,
}

/// How a push names its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRef {
    /// By tag: the receiver is known to know the log.
    Tag(LogTag),
    /// By its whole name.
    Name(LogName),
}

/// Entries of one log, ending in a head signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Which log.
    pub log: LogRef,
    /// Sequence of the first entry, from 1.
    pub from: u64,
    /// Exact bytes of each entry.
    pub entries: Vec<Vec<u8>>,
    /// The head after the last entry.
    pub signature: Signature,
}

/// The proof that a log forked: two signed branches from one common prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Which log.
    pub log: LogName,
    /// First sequence at which the branches differ.
    pub from: u64,
    /// Chain hash before it.
    pub prefix: Hash,
    /// Entries of the branch whose first entry has the lower hash, up to a signed head.
    pub left: Vec<Vec<u8>>,
    /// That head.
    pub left_signature: Signature,
    /// Entries of the other branch.
    pub right: Vec<Vec<u8>>,
    /// Its head.
    pub right_signature: Signature,
}

impl Fork {
    /// Returns whether the proof fits into a frame; one that does not is found by every node for
    /// itself, since its branches travel as pushes.
    pub fn fits_a_frame(&self) -> bool {
        let size = |entries: &[Vec<u8>]| {
            entries.iter().fold(0_usize, |sum, it| {
                sum.saturating_add(it.len()).saturating_add(3)
            })
        };
        let both = size(&self.left).saturating_add(size(&self.right));
        both.saturating_add(512) <= FRAME_BYTES_MAX
    }
}

/// Asks for admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The event.
    pub event: EventId,
    /// Proves knowledge of the invite's secret on this very connection.
    pub proof: [u8; 32],
    /// What the device calls itself.
    pub label: String,
}

/// Takes a device that shows an offer into an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The event.
    pub event: EventId,
    /// Proves knowledge of the offer's nonce on this very connection.
    pub proof: [u8; 32],
    /// Keys the discovery tag, so that the device finds the owner's again.
    pub discovery_key: [u8; 16],
}

/// What a side of a pairing says of its nonce before it shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Holds for one nonce, connection and side.
    pub commitment: [u8; 32],
    /// What the sender calls itself.
    pub label: String,
}

/// Encodes a frame, without length prefix: a byte for its kind, then its body.
///
/// Source: PROTOCOL R-SYNC-3.
pub fn encode_frame(frame: &Frame) -> Vec<u8> {
    let (kind, body) = match frame {
        Frame::Hello(it) => (1, hello_out(it).encode_to_vec()),
        Frame::Vector(it) => (2, vector_out(it).encode_to_vec()),
        Frame::Push(it) => push_out(it),
        Frame::Have(logs) => {
            let (tags, heights) = tags_out(logs);
            (5, pb::Have { tags, heights }.encode_to_vec())
        }
        Frame::Want(logs) => {
            let (tags, heights) = tags_out(logs);
            (6, pb::Want { tags, heights }.encode_to_vec())
        }
        Frame::Cells(cells) => (
            7,
            pb::Cells {
                cells: cells.clone(),
            }
            .encode_to_vec(),
        ),
        Frame::Fork(it) => (8, fork_out(it).encode_to_vec()),
        Frame::Present(admit) => (
            9,
            pb::Present {
                admit: admit.clone(),
            }
            .encode_to_vec(),
        ),
        Frame::Join(it) => (10, join_out(it).encode_to_vec()),
        Frame::Welcome(manifest) => (
            11,
            pb::Welcome {
                manifest: manifest.clone(),
            }
            .encode_to_vec(),
        ),
        Frame::Refused(reason) => (12, pb::Refused { reason: *reason }.encode_to_vec()),
        Frame::Claim(it) => (13, claim_out(it).encode_to_vec()),
        Frame::Commit(it) => (14, commit_out(it).encode_to_vec()),
        Frame::Reveal(nonce) => {
            let nonce = nonce.to_vec();
            (15, pb::Reveal { nonce }.encode_to_vec())
        }
        Frame::Ask(it) => (16, ask_out(it).encode_to_vec()),
        Frame::Denied(it) => (17, denied_out(it).encode_to_vec()),
        Frame::KeyAsk(it) => (18, key_ask_out(it).encode_to_vec()),
        Frame::Keys(it) => (19, keys_out(it).encode_to_vec()),
        Frame::Warrant(it) => (20, warrant_out(it).encode_to_vec()),
    };
    let mut bytes = Vec::with_capacity(body.len().saturating_add(1));
    bytes.push(kind);
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads a frame. `Ok(None)` is a kind this version does not know: it is skipped.
///
/// # Errors
/// If the bytes are no frame or a value is above its limit.
pub fn decode_frame(bytes: &[u8]) -> Result<Option<Frame>, WireError> {
    if FRAME_BYTES_MAX < bytes.len() {
        return Err(WireError::TooLarge("frame"));
    }
    let (&kind, body) = bytes.split_first().ok_or(WireError::Malformed)?;
    Ok(Some(match kind {
        1 => Frame::Hello(hello_in(&read(body)?)?),
        2 => Frame::Vector(vector_in(&read(body)?)?),
        3 => {
            let (tag, rest) = take(body, "tag of a push")?;
            Frame::Push(push_in(LogRef::Tag(tag), rest)?)
        }
        4 => {
            let (grant, rest) = take(body, "grant of a log")?;
            let (incarnation, rest) = take(rest, "incarnation of a log")?;
            let incarnation = Incarnation(u64::from_le_bytes(incarnation));
            let name = LogName {
                grant: GrantId(Hash(grant)),
                incarnation,
            };
            Frame::Push(push_in(LogRef::Name(name), rest)?)
        }
        5 => {
            let it: pb::Have = read(body)?;
            Frame::Have(tags_in(&it.tags, &it.heights)?)
        }
        6 => {
            let it: pb::Want = read(body)?;
            Frame::Want(tags_in(&it.tags, &it.heights)?)
        }
        7 => {
            let it: pb::Cells = read(body)?;
            if CELLS_MAX < it.cells.len() {
                return Err(WireError::TooLarge("cells"));
            }
            Frame::Cells(it.cells)
        }
        8 => Frame::Fork(fork_in(&read(body)?)?),
        9 => {
            let it: pb::Present = read(body)?;
            if STATEMENT_BYTES_MAX < it.admit.len() {
                return Err(WireError::TooLarge("admit"));
            }
            Frame::Present(it.admit)
        }
        10 => Frame::Join(join_in(read(body)?)?),
        11 => {
            let it: pb::Welcome = read(body)?;
            if MANIFEST_BYTES_MAX < it.manifest.len() {
                return Err(WireError::TooLarge("manifest"));
            }
            Frame::Welcome(it.manifest)
        }
        12 => Frame::Refused(read::<pb::Refused>(body)?.reason),
        13 => Frame::Claim(claim_in(&read(body)?)?),
        14 => Frame::Commit(commit_in(read(body)?)?),
        15 => Frame::Reveal(fixed(&read::<pb::Reveal>(body)?.nonce, "nonce")?),
        16 => Frame::Ask(ask_in(&read(body)?)?),
        17 => Frame::Denied(denied_in(&read(body)?)?),
        18 => Frame::KeyAsk(key_ask_in(&read(body)?)?),
        19 => Frame::Keys(keys_in(read(body)?)?),
        20 => Frame::Warrant(warrant_in(&read(body)?)?),
        _ => return Ok(None),
    }))
}

/// Encodes a fork proof for the store.
pub fn encode_fork(fork: &Fork) -> Vec<u8> {
    fork_out(fork).encode_to_vec()
}

/// Reads a fork proof.
///
/// # Errors
/// If the bytes are no fork proof.
pub fn decode_fork(bytes: &[u8]) -> Result<Fork, WireError> {
    fork_in(&pb::Fork::decode(bytes).map_err(|_| WireError::Malformed)?)
}

/// Joins entries as `varint length | entry`.
pub fn join_entries(entries: &[Vec<u8>]) -> Vec<u8> {
    let size: usize = entries
        .iter()
        .map(|entry| entry.len().saturating_add(2))
        .sum();
    let mut joined = Vec::with_capacity(size);
    for entry in entries {
        let mut length = entry.len();
        while 0x7f < length {
            let [low, ..] = length.to_le_bytes();
            joined.push(low | 0x80);
            length >>= 7;
        }
        let [low, ..] = length.to_le_bytes();
        joined.push(low);
        joined.extend_from_slice(entry);
    }
    joined
}

/// Splits what [`join_entries`] joined.
///
/// # Errors
/// If a length is wrong, or there are more than [`CHUNK_ENTRIES_MAX`] entries or
/// [`CHUNK_BYTES_MAX`] bytes.
///
/// Source: PROTOCOL R-SYNC-3, R-FRAME-2.
pub fn split_entries(mut joined: &[u8]) -> Result<Vec<Vec<u8>>, WireError> {
    if CHUNK_BYTES_MAX.saturating_add(CHUNK_ENTRIES_MAX.saturating_mul(3)) < joined.len() {
        return Err(WireError::TooLarge("chunk"));
    }
    let mut entries = Vec::new();
    while !joined.is_empty() {
        if entries.len() == CHUNK_ENTRIES_MAX {
            return Err(WireError::TooLarge("chunk"));
        }
        let length = take_length(&mut joined)?;
        if STATEMENT_BYTES_MAX < length {
            return Err(WireError::TooLarge("entry"));
        }
        let Some((entry, rest)) = joined.split_at_checked(length) else {
            return Err(WireError::Malformed);
        };
        entries.push(entry.to_vec());
        joined = rest;
    }
    // What is taken must also fit the chunk by which it is passed on.
    let size = entries.iter().fold(0_usize, |sum: usize, it: &Vec<u8>| {
        sum.saturating_add(it.len())
    });
    if CHUNK_BYTES_MAX < size && 1 < entries.len() {
        return Err(WireError::TooLarge("chunk"));
    }
    Ok(entries)
}

/// Takes a varint of at most 3 bytes, which is enough for any allowed length.
fn take_length(joined: &mut &[u8]) -> Result<usize, WireError> {
    let mut length = 0_usize;
    for shift in [0_u32, 7, 14] {
        let Some((&byte, rest)) = joined.split_first() else {
            return Err(WireError::Malformed);
        };
        *joined = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(length);
        }
    }
    Err(WireError::TooLarge("entry"))
}

fn tags_out(logs: &[(LogTag, u64)]) -> (Vec<u8>, Vec<u64>) {
    let tags = logs.iter().flat_map(|(tag, _)| *tag).collect();
    (tags, logs.iter().map(|&(_, height)| height).collect())
}

fn tags_in(tags: &[u8], heights: &[u64]) -> Result<Vec<(LogTag, u64)>, WireError> {
    if VECTOR_LOGS_MAX < heights.len() {
        return Err(WireError::TooLarge("vector"));
    }
    let (tags, rest) = tags.as_chunks::<5>();
    if !rest.is_empty() || tags.len() != heights.len() {
        return Err(WireError::Invalid("tags of a vector"));
    }
    Ok(tags.iter().copied().zip(heights.iter().copied()).collect())
}

fn vector_in(it: &pb::Vector) -> Result<Vector, WireError> {
    let logs = tags_in(&it.tags, &it.heights)?;
    let (hashes, rest) = it.hashes.as_chunks::<8>();
    if !rest.is_empty() || !(hashes.is_empty() || hashes.len() == logs.len()) {
        return Err(WireError::Invalid("hashes of a vector"));
    }
    Ok(Vector {
        logs,
        hashes: hashes.to_vec(),
        answer: it.answer,
    })
}

fn hello_out(it: &Hello) -> pb::Hello {
    pb::Hello {
        version: it.version,
        event_tag: it.event_tag.to_vec(),
        state_digest: it.state.to_vec(),
        store: it.store,
        answer: it.answer,
        receipts: it.receipts,
        clock_ms: it.clock_ms,
    }
}

fn hello_in(it: &pb::Hello) -> Result<Hello, WireError> {
    Ok(Hello {
        version: it.version,
        event_tag: fixed(&it.event_tag, "event tag")?,
        state: fixed(&it.state_digest, "state digest")?,
        store: it.store,
        answer: it.answer,
        receipts: it.receipts,
        clock_ms: it.clock_ms,
    })
}

/// Lays out a push by hand: it is what live scores cost.
fn push_out(push: &Push) -> (u8, Vec<u8>) {
    let (kind, mut body) = match push.log {
        LogRef::Tag(tag) => (3, tag.to_vec()),
        LogRef::Name(name) => (
            4,
            [&name.grant.0.0[..], &name.incarnation.0.to_le_bytes()].concat(),
        ),
    };
    prost::encoding::encode_varint(push.from, &mut body);
    body.extend_from_slice(push.signature.as_bytes());
    body.extend_from_slice(&join_entries(&push.entries));
    (kind, body)
}

fn push_in(log: LogRef, mut body: &[u8]) -> Result<Push, WireError> {
    let from = prost::encoding::decode_varint(&mut body).map_err(|_| WireError::Malformed)?;
    let (signature, entries) = take(body, "signature of a push")?;
    let entries = split_entries(entries)?;
    if entries.is_empty() || from == 0 || from.checked_add(0x1_0000).is_none() {
        return Err(WireError::Invalid("range of a push"));
    }
    Ok(Push {
        log,
        from,
        entries,
        signature: Signature::from_bytes(signature),
    })
}

fn read<T: prost::Message + Default>(body: &[u8]) -> Result<T, WireError> {
    T::decode(body).map_err(|_| WireError::Malformed)
}

/// Takes a value of fixed size from the front.
fn take<'a, const N: usize>(
    bytes: &'a [u8],
    field: &'static str,
) -> Result<([u8; N], &'a [u8]), WireError> {
    let (value, rest) = bytes.split_first_chunk().ok_or(WireError::Invalid(field))?;
    Ok((*value, rest))
}

fn vector_out(it: &Vector) -> pb::Vector {
    let (tags, heights) = tags_out(&it.logs);
    pb::Vector {
        tags,
        heights,
        answer: it.answer,
        hashes: it.hashes.concat(),
    }
}

fn join_out(it: &Join) -> pb::Join {
    pb::Join {
        event: it.event.0.0.to_vec(),
        proof: it.proof.to_vec(),
        label: it.label.clone(),
    }
}

fn join_in(it: pb::Join) -> Result<Join, WireError> {
    Ok(Join {
        event: EventId(Hash(fixed(&it.event, "event")?)),
        proof: fixed(&it.proof, "proof")?,
        label: label(it.label)?,
    })
}

fn commit_out(it: &Commit) -> pb::Commit {
    pb::Commit {
        commitment: it.commitment.to_vec(),
        label: it.label.clone(),
    }
}

fn commit_in(it: pb::Commit) -> Result<Commit, WireError> {
    Ok(Commit {
        commitment: fixed(&it.commitment, "commitment")?,
        label: label(it.label)?,
    })
}

fn claim_out(it: &Claim) -> pb::Claim {
    pb::Claim {
        event: it.event.0.0.to_vec(),
        proof: it.proof.to_vec(),
        discovery_key: it.discovery_key.to_vec(),
    }
}

fn claim_in(it: &pb::Claim) -> Result<Claim, WireError> {
    Ok(Claim {
        event: EventId(Hash(fixed(&it.event, "event")?)),
        proof: fixed(&it.proof, "proof")?,
        discovery_key: fixed(&it.discovery_key, "discovery key")?,
    })
}

fn name_out(name: &LogName) -> pb::LogName {
    pb::LogName {
        grant: name.grant.0.0.to_vec(),
        incarnation: name.incarnation.0,
    }
}

fn name_in(name: &pb::LogName) -> Result<LogName, WireError> {
    Ok(LogName {
        grant: GrantId(Hash(fixed(&name.grant, "grant of a log")?)),
        incarnation: Incarnation(name.incarnation),
    })
}

fn fork_out(fork: &Fork) -> pb::Fork {
    pb::Fork {
        name: Some(name_out(&fork.log)),
        from: fork.from,
        left: join_entries(&fork.left),
        left_signature: fork.left_signature.as_bytes().to_vec(),
        right: join_entries(&fork.right),
        right_signature: fork.right_signature.as_bytes().to_vec(),
        prefix: fork.prefix.0.to_vec(),
    }
}

fn fork_in(it: &pb::Fork) -> Result<Fork, WireError> {
    let left = split_entries(&it.left)?;
    let right = split_entries(&it.right)?;
    if left.is_empty() || right.is_empty() || it.from == 0 {
        return Err(WireError::Invalid("branches of a fork"));
    }
    Ok(Fork {
        log: name_in(
            it.name
                .as_ref()
                .ok_or(WireError::Invalid("log of a fork"))?,
        )?,
        from: it.from,
        prefix: Hash(fixed(&it.prefix, "prefix of a fork")?),
        left,
        left_signature: Signature::from_bytes(fixed(&it.left_signature, "signature of a fork")?),
        right,
        right_signature: Signature::from_bytes(fixed(&it.right_signature, "signature of a fork")?),
    })
}
